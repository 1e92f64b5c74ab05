"""The range of a number parameter: `{float: [low, high], log: true}`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from slr_tune.space.parameter import show, tidy
from slr_tune.space.problems import Problems
from slr_tune.space.tree import Node, kind_of

_MOST_STEPS = 1e9


@dataclass(frozen=True)
class Range:
    """Numbers from low to high.

    Attributes:
        low: Smallest.
        high: Largest.
        log: Whether the logarithm is searched.
        step: Distance of the grid's points, None where there is no grid.
    """

    low: Any
    high: Any
    log: bool
    step: Any


def read_range(kind: str, node: Node, label: str, problems: Problems) -> Range | None:
    """Reads the range of a parameter.

    Args:
        kind: "float" or "int".
        node: The parameter: a mapping with its kind as a key.
        label: Name of the parameter in the file.
        problems: Gets what is wrong.

    Returns:
        The range, None where something is wrong with it.
    """
    bounds = _bounds(node.entries[kind].node, kind, label, problems)
    log = _log(node.child("log"), label, problems)
    step = _step(node.child("step"), kind, label, problems)
    if bounds is None or log is None or step is False:
        return None
    found = Range(*bounds, log=log, step=step)
    said, hint = _misfit(kind, found)
    if said:
        problems.add(node, label, said, hint)
        return None
    return found


def list_of(node: Node) -> str:
    """A list as it stands in the file, or what there is instead of one."""
    return show(node.plain()) if node.items else kind_of(node)


def _bounds(node: Node, kind: str, label: str, problems: Problems) -> tuple[Any, Any] | None:
    if len(node.items) != 2:
        said = f"{kind} takes [low, high], not {list_of(node)}"
        problems.add(node, label, said, f"For example {{{kind}: [1, 4]}}.")
        return None
    wrong = False
    for name, item in zip(("low", "high"), node.items, strict=True):
        if said := _not_number(item.value, kind):
            problems.add(item, label, f"{name} {said}, not {kind_of(item)}", _hint(item))
            wrong = True
    return None if wrong else (node.items[0].value, node.items[1].value)


def _log(node: Node | None, label: str, problems: Problems) -> bool | None:
    if node is None:
        return False
    if isinstance(node.value, bool):
        return node.value
    problems.add(node, label, f"log must be true or false, not {kind_of(node)}")
    return None


def _step(node: Node | None, kind: str, label: str, problems: Problems) -> Any:
    """The step, None where there is none, False where it is wrong."""
    if node is None:
        return None
    said = _not_number(node.value, kind)
    if not said and isinstance(node.value, int | float) and node.value <= 0:
        said = "must be above 0"
    if said:
        problems.add(node, label, f"step {said}, not {kind_of(node)}", _hint(node))
        return False
    return node.value


def _not_number(value: Any, kind: str) -> str:
    if kind == "int":
        is_int = isinstance(value, int) and not isinstance(value, bool)
        return "" if is_int else "must be a whole number"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if is_number else "must be a number"


def _hint(node: Node) -> str:
    if isinstance(node.value, str) and node.value[:1].isdigit():
        return "Write the number without quotes, underscores or spaces."
    return ""


def _misfit(kind: str, found: Range) -> tuple[str, str]:
    """What is wrong between the parts of a range, and the way out; empty where nothing is."""
    low, high, step = found.low, found.high, found.step
    if low > high:
        return f"low={low} must be below high={high}", "Swap the two values."
    if low == high:
        hint = f"A value that is not searched is {{fixed: {low}}}."
        return f"low={low} must be below high={high}", hint
    if found.log and step is not None:
        return "log and step exclude each other", "Keep one of them."
    if found.log and low <= 0:
        smallest = "1" if kind == "int" else "a small number such as 1e-5"
        return f"low={low} must be above 0 on a log scale", f"Start at {smallest}, or drop log."
    if step is not None and (high - low) / step > _MOST_STEPS:
        return f"step={step} makes more than a thousand million steps", "Drop step."
    if step is not None and (rest := _remainder(found)):
        below = Decimal(str(high)) - rest
        near = [tidy(float(below + i * Decimal(str(step)))) for i in (0, 1)]
        near = [value for value in near if value > low]
        hint = f"high could be {' or '.join(f'{value:g}' for value in near)}."
        return f"high={high} is not low={low} plus a whole number of steps of {step}", hint
    return "", ""


def _remainder(found: Range) -> Decimal:
    """What is left of the range beyond the last step, in decimals as Optuna has it."""
    low, high, step = (Decimal(str(value)) for value in (found.low, found.high, found.step))
    return (high - low) % step
