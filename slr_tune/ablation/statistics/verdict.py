"""What was shown, as one sentence a thesis can quote. Written by rules, not by taste."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from slr_tune.ablation.statistics.difference import Difference
from slr_tune.ablation.statistics.power import MOST_SEEDS

LEVEL = 0.05
"""A difference is shown where its Holm p-value is below this and its interval leaves out zero."""
_MOST_UNITS = 100_000
"""Utterances (or signers) above which the number itself says nothing any more."""


class Outcome(StrEnum):
    """The five verdicts there are."""

    BETTER = "shown better"
    WORSE = "shown worse"
    NOT_SHOWN = "not shown"
    ONE_SEED = "not shown, one seed"
    IDENTICAL = "identical"


@dataclass(frozen=True)
class Verdict:
    """An outcome and the sentence that says it."""

    outcome: Outcome
    sentence: str


def judge(
    arm: str, baseline: str, difference: Difference, *, family: int, unit: str = "utterances"
) -> Verdict:
    """Decides and writes the verdict on one arm.

    Args:
        arm: The arm as it is called in the report, such as `constant 3`.
        baseline: The baseline's name.
        difference: The arm minus the baseline.
        family: Comparisons that were corrected for together.
        unit: What was resampled: `utterances` or `signers`.

    Returns:
        The outcome with its sentence.
    """
    pair = f"{arm} against {baseline}"
    runs = _runs(difference, unit)
    if difference.identical:
        same = "the runs made the same errors, so the difference is zero by construction"
        return Verdict(Outcome.IDENTICAL, f"Identical: {pair}: {same}, {runs}.")
    if difference.components.seeds == 1:
        return Verdict(Outcome.ONE_SEED, _one_seed(pair, difference, unit))
    measured = f"{pair}: {difference_text(difference)}, {runs}"
    holm = p_text(difference.holm_p)
    if difference.leaves_out_zero and difference.holm_p < LEVEL:
        outcome = Outcome.BETTER if difference.points < 0 else Outcome.WORSE
        p_name = "Holm p" if family > 1 else "p"
        return Verdict(outcome, f"{outcome.capitalize()}: {measured}, {p_name} {holm}.")
    reasons = [f"Not shown: {measured}."]
    if difference.leaves_out_zero:
        reasons.append(
            f"Its own interval leaves out zero, but among {family} comparisons "
            f"chance does that too often (Holm p {holm})."
        )
    return Verdict(Outcome.NOT_SHOWN, " ".join([*reasons, _what_would_show(difference, unit)]))


def overall(baseline: str, verdicts: Mapping[str, Verdict]) -> str:
    """One sentence on all arms: which were shown better or worse, and how many were not.

    Args:
        baseline: The baseline's name.
        verdicts: The verdict on each other arm, by name, at least one.

    Returns:
        Such as `Of 4 arms against step 4 -> 3: shown worse: constant 1; 3 not shown to differ.`
    """
    arms = "1 arm" if len(verdicts) == 1 else f"{len(verdicts)} arms"
    named: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
    for name, verdict in verdicts.items():
        named[verdict.outcome].append(name)
    parts = [
        f"{outcome}: {', '.join(named[outcome])}"
        for outcome in (Outcome.BETTER, Outcome.WORSE)
        if named[outcome]
    ]
    open_still = len(named[Outcome.NOT_SHOWN]) + len(named[Outcome.ONE_SEED])
    if open_still:
        parts.append(f"{open_still} not shown to differ")
    if named[Outcome.IDENTICAL]:
        parts.append(f"{len(named[Outcome.IDENTICAL])} identical to it")
    return f"Of {arms} against {baseline}: {'; '.join(parts)}."


def difference_text(difference: Difference) -> str:
    """`-0.8 points [-2.9, +1.2]`, with as many decimals as the sign of its ends needs."""
    decimals = _decimals(difference)
    points = signed_points(difference.points, decimals)
    return f"{points} points {_interval(difference, decimals)}"


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


def _interval(difference: Difference, decimals: int) -> str:
    low = signed_points(difference.low, decimals)
    return f"[{low}, {signed_points(difference.high, decimals)}]"


def _decimals(difference: Difference) -> int:
    """1, or up to 3 so that an interval which leaves out zero does not seem to touch it."""
    shown = (difference.points, difference.low, difference.high)
    for decimals in (1, 2):
        if all(value == 0.0 or round(value, decimals) != 0.0 for value in shown):
            return decimals
    return 3


def _runs(difference: Difference, unit: str) -> str:
    """`3 seeds`, and the signers where they were resampled."""
    number = difference.components.seeds
    seeds = "1 seed" if number == 1 else f"{number} seeds"
    return seeds if unit == "utterances" else f"{seeds}, {difference.components.units} {unit}"


def _one_seed(pair: str, difference: Difference, unit: str) -> str:
    """One seed shows nothing, whatever its interval."""
    decimals = _decimals(difference)
    return (
        f"Not shown: {pair}: {signed_points(difference.points, decimals)} points, one seed. "
        f"Other {unit} could move this run to {_interval(difference, decimals)}; "
        "what another seed would give is not known. Run at least 3."
    )


def _what_would_show(difference: Difference, unit: str) -> str:
    """The way out: more seeds, more utterances, or what these runs could have shown."""
    more = difference.more
    if more is None:
        shown = difference.smallest_detectable or 0.0
        return f"These runs could have shown {shown:.1f} points or more."
    if more.seeds is not None:
        seeds = max(more.seeds, 1)
        plural = "seed" if seeds == 1 else "seeds"
        return f"About {seeds} more {plural} would settle a difference of that size."
    if more.units is not None:
        needed = f"at least {_two_digits(more.units):,} are needed"
        if more.units > _MOST_UNITS:
            needed = f"more than {_MOST_UNITS:,} are needed"
        return (
            "No number of seeds would settle a difference of that size on "
            f"{difference.components.units:,} {unit}: {needed}."
        )
    return f"Not even {MOST_SEEDS:,} more seeds would settle a difference of that size."


def _two_digits(number: int) -> int:
    """Rounded up to two significant digits: an estimate must not look exact."""
    unit = 10 ** max(len(str(number)) - 2, 0)
    rounded: int = -(-number // unit) * unit
    return rounded
