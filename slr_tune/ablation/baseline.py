"""The study that an ablation is of, and its baseline: the best trial, the space's, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slr_tune.ablation.arms import resolve
from slr_tune.ablation.result import Baseline
from slr_tune.errors import (
    Problem,
    SpecError,
    StorageMissing,
    StudyChanged,
    StudyError,
    StudyMissing,
)
from slr_tune.space import StudySpec, difference, load_spec
from slr_tune.space.values import merge
from slr_tune.space.yaml_reader import read_yaml
from slr_tune.space.yaml_tree import kind_of
from slr_tune.study.record import record_of
from slr_tune.study.view import StudyView, load_study
from slr_tune.training.kinds import DECODING_GROUP
from trainables.config import LATER_DEFAULTS, inherited
from trainables.registry import config_class, is_recogniser

_LEFT_OUT = frozenset(
    {DECODING_GROUP, "early_stopping", "scoring", *(name for name, _ in LATER_DEFAULTS)}
)
"""Settings that a stored configuration lacks where they have their default."""


def find_study(
    space: Path | None, study: str | None, storage: str | None
) -> tuple[StudySpec, StudyView | None]:
    """The search of a file, or of a stored study, and what is stored of it.

    Args:
        space: Search-space file, None to take the stored study's.
        study: Name of the study, None for the file's, or the one written last.
        storage: Database URL, None for the default.

    Raises:
        SlrTuneError: There is none, or the file is not what the study was made with.
    """
    if space is None:
        view = load_study(study, storage)
        return view.spec, view
    spec = load_spec(space, study=study)
    try:
        stored = load_study(spec.study, storage)
    except (StudyMissing, StorageMissing):
        return spec, None  # there was no search yet
    changes = difference(stored.spec.identity(), spec.identity())
    if changes:
        raise StudyChanged(
            f"study {spec.study!r} was made with another space:\n  " + "\n  ".join(changes),
            hint="Choose another name with --study, or undo the change.",
        )
    return spec, stored


def find_baseline(choice: str | None, spec: StudySpec, view: StudyView | None) -> Baseline:
    """Finds the baseline.

    Args:
        choice: `best`, `space`, a file, or None: the space's where it has one, else the best.
        spec: The search.
        view: Its study, None where it was not run yet.

    Raises:
        StudyError: There is no such baseline.
        SpecError: The file's settings are refused.
    """
    if choice is None:
        choice = "best" if spec.baseline is None else "space"
    if choice == "space":
        stated = spec.baseline_config()
        if stated is None:
            raise StudyError(
                f"the search space of {spec.study!r} has no baseline",
                hint="Use --baseline best, or add a section baseline to the file.",
            )
        return Baseline("the search space's baseline", stated)
    if choice == "best":
        number, config = best_config(spec, view)
        return Baseline(f"trial {number}, the best of study {spec.study}", config)
    return _file(Path(choice), spec)


def best_config(spec: StudySpec, view: StudyView | None) -> tuple[int, dict[str, Any]]:
    """Number and configuration of the study's best trial.

    Raises:
        StudyError: It has none.
    """
    trial = None if view is None else view.best()
    record = None if trial is None else record_of(trial)
    if trial is None or record is None:
        raise StudyError(
            f"study {spec.study!r} has no finished trial, so no best one",
            hint="Run the search first, or use --baseline space.",
        )
    return trial.number, resolve(spec.trainable, record.config, what=f"trial {trial.number}")


def _file(path: Path, spec: StudySpec) -> Baseline:
    """A file as `slr-tune best` prints it; what it leaves out is as in the search."""
    if not path.is_file():
        raise StudyError(
            f"--baseline {path}: there is no such file",
            hint="Give best, space, or a YAML file of settings (slr-tune best prints one).",
        )
    root = read_yaml(path)
    if not isinstance(root.value, dict):
        raise SpecError([Problem(str(path), f"must be a mapping of settings, not {kind_of(root)}")])
    given = root.plain()
    under = spec.baseline_config() or {**spec.fixed, "max_epochs": spec.budget.max_epochs}
    every = config_class(spec.trainable).model_fields.keys() - _LEFT_OUT
    if is_recogniser(spec.trainable) and every <= given.keys():
        # All its settings are given, so that no decoder means greedy decoding.
        under = {name: value for name, value in under.items() if name not in _LEFT_OUT}
    whole = merge(inherited(under, given), given)
    return Baseline(f"file {path}", resolve(spec.trainable, whole, what=str(path)))
