"""Options of an ablation that contradict each other are refused before anything is looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slr_tune.ablation.factors import ALIASES
from slr_tune.ablation.kinds import DECODING_GROUP, decoding_settings
from slr_tune.errors import SlrTuneError
from slr_tune.space.space import look_up

if TYPE_CHECKING:
    from slr_tune.ablation.request import Request


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
