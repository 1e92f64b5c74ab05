"""Short names of levels, for tables and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slr_tune.text import number


def level_text(factor: str, level: Any) -> str:
    """Names a level: `step 4 -> 3.5 -> 3`, `0.7 / 0.2 / 0.1`, `dropout 0.3`, `drop`.

    A group that is chosen by name has its own in front: `learning_rate_schedule constant`.

    Args:
        factor: Dotted name of the factor.
        level: Its value, or a mapping of values.
    """
    if isinstance(level, Mapping):
        if "schedule" in level and "start" in level:
            return _temperature(level)
        if set(level) == {"alpha", "beta", "gamma"}:
            return "weights " + " / ".join(map(_value, level.values()))
        if "name" in level:
            rest = {key: item for key, item in level.items() if key != "name"}
            return ", ".join(filter(None, [f"{factor} {level['name']}", _value(rest)]))
        return _value(level)
    return f"{factor} {_value(level)}"


def change_text(name: str, old: Any, new: Any) -> str:
    """Names a change: `dropout 0.2 -> 0.4`, `temperature: step 4 -> 3 to constant 3`."""
    if isinstance(old, Mapping) or isinstance(new, Mapping):
        return f"{name}: {_group(name, old)} to {_group(name, new)}"
    return f"{name} {_value(old)} -> {_value(new)}"


def beam_text(beam: Mapping[str, float]) -> str:
    """Names a decoder: `greedy`, `beam 10, LM 0.9, bonus 1.5`.

    Args:
        beam: Settings of the beam search, empty for greedy decoding.
    """
    if not beam:
        return "greedy"
    width, weight, bonus = map(_value, (beam["width"], beam["lm_weight"], beam["gloss_bonus"]))
    return f"beam {width}, LM {weight}, bonus {bonus}"


def _group(name: str, value: Any) -> str:
    return "none" if value is None else level_text(name, value)


def _temperature(level: Mapping[str, Any]) -> str:
    schedule, start, end = level["schedule"], level["start"], level.get("end")
    if schedule == "constant" or end is None:
        return f"constant {_value(start)}"
    steps = max(1, len(level.get("milestones") or ())) if schedule == "step" else 1
    stations = [start + (end - start) * done / steps for done in range(steps + 1)]
    return f"{schedule} {' -> '.join(map(_value, stations))}"


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    if isinstance(value, int | float):
        return number(value, 4)
    if isinstance(value, list | tuple):
        return " ".join(map(_value, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items())
    return str(value)
