"""Differences, intervals, p-values and chances in words."""

from __future__ import annotations

from slr_tune.statistics.difference import LEVEL, Difference
from slr_tune.statistics.power import MOST_SEEDS

_IF = "If the true difference is as large as the one seen,"


_MOST_UNITS = 100_000
"""Utterances (or signers) above which the number itself does not matter any more."""


def collapse_text(difference: Difference) -> str:
    """How many runs collapsed, and the difference with them; empty where none did."""
    gone = difference.collapses
    if gone is None or not gone.any:
        return ""
    text = (
        f"{gone.arm} of {gone.seeds} runs collapsed, of the baseline {gone.baseline} of "
        f"{gone.seeds} (Fisher's exact p {p_text(gone.p_value)})."
    )
    if difference.all_runs is None:
        return text
    points, interval = measured(*difference.all_runs)
    return f"{text} All runs: {points} points {interval}, no verdict."


def what_would_be_same(difference: Difference) -> str:
    """What it would take to show that a difference is within the margin."""
    needed, margin = difference.seeds_for_same, difference.margin or 0.0
    if needed is None:
        return (
            f"No number of seeds would show arms without any difference within {margin:g} points."
        )
    if needed <= difference.components.seeds:
        return f"Were there no difference, such runs would mostly show it within {margin:g} points."
    return (
        f"Were there no difference, {needed} seeds in all would show it within {margin:g} points "
        "in four studies of five."
    )


def difference_text(difference: Difference) -> str:
    """`-0.8 points [-2.9, +1.2]`, with as many decimals as the sign of its ends needs."""
    points, interval = measured(difference.points, difference.low, difference.high)
    return f"{points} points {interval}"


def measured(points: float, low: float, high: float) -> tuple[str, str]:
    """A difference and its interval in words: `-0.8` and `[-2.9, +1.2]`.

    One decimal, or up to three so that an interval which leaves out zero does not seem to touch it.
    """
    decimals = _decimals(points, low, high)
    interval = f"[{signed_points(low, decimals)}, {signed_points(high, decimals)}]"
    return signed_points(points, decimals), interval


def signed_points(value: float, decimals: int = 1) -> str:
    """A difference with its sign; what rounds to zero has none."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0.0 else text


def p_text(p_value: float) -> str:
    """`= 0.013`, or `< 0.001`; more decimals where three would hide the side of 0.05."""
    if p_value < 0.001:
        return "< 0.001"
    decimals = 3
    while (p_value < LEVEL) != (round(p_value, decimals) < LEVEL):
        decimals += 1
    return f"= {p_value:.{decimals}f}"


def _decimals(*shown: float) -> int:
    """1, or up to 3 where fewer would round a number to zero."""
    return next((d for d in (1, 2) if all(v == 0.0 or round(v, d) != 0.0 for v in shown)), 3)


def what_would_show(difference: Difference, unit: str) -> str:
    """The way out: more seeds, more utterances, or what these runs could have shown."""
    if difference.more is None:
        shown = difference.smallest_detectable or 0.0
        return f"These runs could have shown {shown:.1f} points or more."
    return chance(difference, unit)


def more_text(difference: Difference) -> str:
    """What more seeds would do, for a row without a unit of its own; may be empty."""
    return "" if difference.more is None else chance(difference, "utterances")


def chance(difference: Difference, unit: str) -> str:
    """The chance of more seeds, if the truth is what was seen."""
    more = difference.more
    assert more is not None
    if more.units is not None:
        needed = f"at least {_two_digits(more.units):,} can"
        if more.units > _MOST_UNITS:
            needed = f"more than {_MOST_UNITS:,} can"
        return (
            f"More seeds will not help: {difference.components.units:,} {unit} cannot show a "
            f"difference as large as the one seen, {needed}."
        )
    tried = (
        f"{more.tried} more {'seed shows' if more.tried == 1 else 'seeds show'} it with a chance"
    )
    text = f"{_IF} {tried} of {_percent(more.chance or 0.0)} %"
    if more.seeds is None:
        return f"{text}, and {MOST_SEEDS:,} not yet with 80 %."
    return f"{text}." if more.seeds == more.tried else f"{text}, {more.seeds} with 80 %."


def _percent(chance: float) -> str:
    """A chance without more digits than it deserves."""
    return "below 1" if chance < 0.01 else f"{min(100.0 * chance, 99.0):.0f}"


def _two_digits(number: int) -> int:
    """Rounded up to two significant digits: an estimate must not look exact."""
    unit = int(10 ** max(len(str(number)) - 2, 0))
    return -(-number // unit) * unit
