"""Hyperparameter search and ablation for CTC sign-language recognisers, from Python.

    import slr_tune

    study = slr_tune.run("distill", trials=24)   # a file, or the name of a shipped space
    study = slr_tune.load("libras-distill")      # one that is stored; load() is the last one
    study.trials                                 # DataFrame: one row per trial, the file's names
    study.best.config, study.best.curve          # dict, DataFrame
    study.importance(epoch=9).plot()             # plotly figure; .frame is its table
    study.plot.history()                         # curves, parallel, rungs, weights, schedules
    slr_tune.ablate(study, factors=["temperature"], seeds=3).table

The command line is written on these functions and gives the same numbers. Names in `__all__`, and
the attributes that their help lists, are stable: they change only with the major version. All else
in the package is private. Errors that a caller can cause are `SlrTuneError`s, which say the place,
the rule and the way out.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slr_tune.api.ablating import Ablation, Confirmation, ablate, confirm
    from slr_tune.api.importances import Importances
    from slr_tune.api.plots import StudyPlots
    from slr_tune.api.running import Stopped, run
    from slr_tune.api.studies import Study, Trial, load, studies
    from slr_tune.errors import SlrTuneError

__all__ = [
    "Ablation",
    "Confirmation",
    "Importances",
    "SlrTuneError",
    "Stopped",
    "Study",
    "StudyPlots",
    "Trial",
    "ablate",
    "confirm",
    "load",
    "run",
    "studies",
]

_MODULES = {
    "slr_tune.api.ablating": ("Ablation", "Confirmation", "ablate", "confirm"),
    "slr_tune.api.importances": ("Importances",),
    "slr_tune.api.plots": ("StudyPlots",),
    "slr_tune.api.running": ("Stopped", "run"),
    "slr_tune.api.studies": ("Study", "Trial", "load", "studies"),
    "slr_tune.errors": ("SlrTuneError",),
}
"""Where each name lives: it is imported when it is first needed."""


def __getattr__(name: str) -> Any:
    """Imports a public name, or reads the version of the installed package."""
    if name == "__version__":
        from importlib import metadata

        return metadata.version("slr-tune")
    for module, names in _MODULES.items():
        if name in names:
            found = getattr(importlib.import_module(module), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'slr_tune' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
