"""The options of an ablation; those that contradict each other are refused at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slr_tune.ablation.factors import ALIASES
from slr_tune.errors import SlrTuneError
from slr_tune.space import look_up
from slr_tune.training.kinds import DECODING_GROUP, decoding_settings


@dataclass(frozen=True)
class Request:
    """The command's options.

    Attributes:
        space: Search-space file, None to take the stored study's.
        study: Name of the study, None for the file's, or the one written last.
        factors: Names of factors as typed.
        baseline: `best`, `space`, a file, or None.
        seeds: How many.
        share: Whether runs share what they agree in.
        factorial: Cross two factors.
        controls: Add control arms.
        path: Walk from the baseline to the best trial.
        retune: Setting that each level may tune for itself, None for none.
        budget: Values that it may try.
        with_test: Open the test split.
        storage: Database URL, None for the default.
        address: Ray cluster, None for this machine.
        workers: Trainings side by side, None for one a core.
    """

    space: Path | None = None
    study: str | None = None
    factors: Sequence[str] = ()
    baseline: str | None = None
    seeds: int = 3
    share: bool = True
    factorial: bool = False
    controls: bool = False
    path: bool = False
    retune: str | None = None
    budget: int = 3
    with_test: bool = False
    storage: str | None = None
    address: str | None = None
    workers: int | None = None


def check_request(request: Request) -> None:
    """Refuses options that contradict each other.

    Raises:
        SlrTuneError: They do.
    """
    if request.path and (request.factors or request.factorial or request.controls):
        raise SlrTuneError(
            "--path walks by itself and takes no factors",
            hint="Give --path alone, or --factor without it.",
        )
    if not (request.path or request.factors or request.controls):
        raise SlrTuneError(
            "nothing to ablate", hint="Give --factor temperature, for example, or --path."
        )
    factors = [ALIASES.get(name, name) for name in request.factors]
    for name in factors:
        if factors.count(name) > 1:
            raise SlrTuneError(f"--factor {name} is given twice", hint="Leave out one of the two.")
    if request.factorial:
        _check_factorial(factors)
    if request.retune is None:
        return
    if request.path or not factors:
        raise SlrTuneError("--retune needs a --factor", hint="--factor kd_blank --retune lr.")
    retune = ALIASES.get(request.retune, request.retune)
    for name in factors:
        if _overlap(name, retune):
            raise SlrTuneError(
                f"--retune {retune}: it would change the levels of the factor {name}",
                hint="Retune a setting that is no part of a factor.",
            )


def check_retune(name: str, config: Mapping[str, Any]) -> None:
    """Refuses to retune what has no number to double.

    Raises:
        SlrTuneError: The baseline has no such setting, or no number in it.
    """
    value = look_up(config, name.split("."))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SlrTuneError(
            f"--retune {name}: not a setting with a number",
            hint="For example --retune learning_rate, or lr for short.",
        )


def _check_factorial(factors: Sequence[str]) -> None:
    if len(factors) != 2:
        raise SlrTuneError(
            f"--factorial crosses two factors, not {len(factors)}",
            hint="For example --factor temperature --factor kd_blank --factorial.",
        )
    if _overlap(*factors):
        raise SlrTuneError(
            f"--factorial: {factors[0]} and {factors[1]} change the same setting",
            hint="Cross factors that have none in common.",
        )


def _overlap(one: str, other: str) -> bool:
    """Whether one of two factors is the other, or a group that it is in."""
    names = [
        f"{DECODING_GROUP}.{name}" if name in decoding_settings() else name for name in (one, other)
    ]
    shorter, longer = sorted(names, key=len)
    return longer == shorter or longer.startswith(f"{shorter}.")
