"""What was shown, as one sentence a thesis can quote. Written by rules, not by taste."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from slr_tune.statistics.difference import LEVEL, Difference
from slr_tune.statistics.wording import (
    chance,
    collapse_text,
    difference_text,
    measured,
    p_text,
    signed_points,
    what_would_be_same,
    what_would_show,
)

_MOST_NAMED = 4
"""Arms that a sentence names; of more it names three and counts the others."""


class Outcome(StrEnum):
    """The verdicts there are."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "the same within the margin"
    INCONCLUSIVE = "inconclusive"
    BETTER_WHERE_IT_TRAINS = "better where it trains, collapses more often"
    WORSE_WHERE_IT_TRAINS = "worse where it trains, collapses less often"
    NOT_SHOWN = "no clear difference"
    ONE_SEED = "no clear difference, one seed"
    IDENTICAL = "identical"


@dataclass(frozen=True)
class Verdict:
    """An outcome and the sentence that says it.

    Attributes:
        outcome: What was shown.
        sentence: The same with its figures.
        difference: They come from; None where there is none to quote.
    """

    outcome: Outcome
    sentence: str
    difference: Difference | None = field(default=None, repr=False, compare=False)


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
    outcome = _outcome(difference)
    if difference.components.seeds == 1 and not difference.too_few_trained:
        outcome = Outcome.ONE_SEED
    if difference.identical:
        outcome = Outcome.IDENTICAL
    pair = f"{arm} against {baseline}"
    return Verdict(outcome, _sentence(outcome, pair, difference, family, unit), difference)


def _sentence(outcome: Outcome, pair: str, difference: Difference, family: int, unit: str) -> str:
    runs = _runs(difference, unit)
    if outcome is Outcome.IDENTICAL:
        same = "the runs made the same errors, so the difference is zero by construction"
        return f"Identical: {pair}: {same}, {runs}."
    if outcome is Outcome.ONE_SEED:
        return _one_seed(pair, difference, unit)
    seen = f"{pair}: {difference_text(difference)}, {runs}"
    p_text_of = f"{'Holm p' if family > 1 else 'p'} {p_text(difference.holm_p)}"
    collapses = collapse_text(difference)
    if difference.too_few_trained:
        return (
            f"No clear difference: {pair}: fewer than two seeds in which both trained. {collapses}"
        )
    margin = difference.margin or 0.0
    if outcome in (Outcome.BETTER, Outcome.WORSE):
        within = f", and the same within {margin:g} points" * difference.same
        return f"{outcome.capitalize()}: {seen}, {p_text_of}{within}. {collapses}".rstrip()
    if outcome is Outcome.SAME:
        text = f"The same within {margin:g} points: {seen}, p {p_text(difference.same_p or 0.0)}"
        return f"{text} for a larger difference. {collapses}".rstrip()
    if outcome in (Outcome.BETTER_WHERE_IT_TRAINS, Outcome.WORSE_WHERE_IT_TRAINS):
        return f"{outcome.capitalize()}: {seen}, {p_text_of}. {collapses}"
    lead = "No clear difference" if difference.margin is None else "Inconclusive"
    reasons = [f"{lead}: {seen}."]
    if difference.leaves_out_zero:
        reasons.append(
            f"Its own interval leaves out zero, but among {family} comparisons "
            f"chance does that too often (Holm p {p_text(difference.holm_p)})."
        )
    reasons.append(difference.stopped or what_would_show(difference, unit))
    if difference.margin is not None and not difference.stopped:
        reasons.append(what_would_be_same(difference))
    return " ".join([*reasons, collapses]).rstrip()


def _outcome(difference: Difference, *, minimize: bool = True) -> Outcome:
    if difference.too_few_trained:
        return Outcome.NOT_SHOWN
    if difference.shown:
        better = (difference.points < 0) == minimize
        whole = difference.all_runs
        if whole is not None and whole[0] != 0.0 and ((whole[0] < 0) == minimize) != better:
            one, other = Outcome.BETTER_WHERE_IT_TRAINS, Outcome.WORSE_WHERE_IT_TRAINS
            return one if better else other
        return Outcome.BETTER if better else Outcome.WORSE
    if difference.same:
        return Outcome.SAME
    return Outcome.NOT_SHOWN if difference.margin is None else Outcome.INCONCLUSIVE


def judge_metric(
    arm: str, baseline: str, difference: Difference, *, metric: str, minimize: bool
) -> Verdict:
    """The verdict on an arm whose runs report only a number, as `paired_t` compares them.

    Args:
        arm: The arm as it is called in the report.
        baseline: The baseline's name.
        difference: The arm minus the baseline.
        metric: Name of what is compared.
        minimize: Whether smaller values are better.
    """
    pair, seeds = f"{arm} against {baseline}", difference.components.seeds
    size = f"{difference.points:+.3g} in {metric}"
    if difference.identical:
        return Verdict(Outcome.IDENTICAL, f"Identical: {pair}: the runs have equal values.")
    if seeds == 1:
        return Verdict(Outcome.ONE_SEED, f"No clear difference: {pair}: {size}, one seed.")
    if math.isnan(difference.holm_p):
        sentence = (
            f"No clear difference: {pair}: {size} in each of {seeds} seeds. They do not vary, so "
            "it is not known how much other seeds would."
        )
        return Verdict(Outcome.NOT_SHOWN, sentence)
    outcome = _outcome(difference, minimize=minimize)
    sentence = (
        f"{outcome.capitalize()}: {pair}: {size} [{difference.low:+.3g}, {difference.high:+.3g}], "
        f"{seeds} seeds, Holm p {p_text(difference.holm_p)}."
    )
    if outcome is Outcome.NOT_SHOWN and difference.more is not None:
        sentence += f" {chance(difference, 'seeds')}"
    return Verdict(outcome, sentence)


def judge_interaction(
    pair: str,
    points: float,
    interval: tuple[float, float] | None,
    *,
    holm_p: float,
    seeds: int,
    measure: str,
    more: str = "",
) -> tuple[bool, str]:
    """Whether two levels do more together than apart is shown, and the sentence that says it.

    Args:
        pair: The two levels as they are called in the report.
        points: The effect together, less the effects apart.
        interval: Its interval, corrected as p is; None where there is none.
        holm_p: p-value after Holm's correction.
        seeds: Seeds of every arm.
        measure: "WER", or the name of the metric.
        more: What it would take to show it; may be empty.
    """
    digits, unit = (1, "points") if measure == "WER" else (3, f"in {measure}")
    text, shown, one = f"{signed_points(points, digits)} {unit}", False, ", one seed" * (seeds == 1)
    if interval is not None:
        low, high = interval
        shown = seeds > 1 and holm_p < LEVEL and (low > 0 or high < 0)
        text += f" [{signed_points(low, digits)}, {signed_points(high, digits)}]"
    outcome = "Interaction" if shown else "No clear interaction"
    return shown, f"{outcome}: {pair}: {text} more than apart{one}. {more}".rstrip()


def overall_interaction(shown: Sequence[str]) -> str:
    """Whether two factors depend on each other, from the pairs of levels that were shown to."""
    if shown:
        return f"The effects depend on each other, shown for: {', '.join(shown)}."
    return "No clear interaction: the effect of one factor does not clearly depend on the other."


def family_verdict(
    baseline: str, verdicts: Mapping[str, Verdict], *, compared: str = "errors"
) -> str:
    """Verdict on all arms of a table: the sentence on the only one, or `overall`."""
    if len(verdicts) == 1:
        return next(iter(verdicts.values())).sentence
    return (
        overall(baseline, verdicts, compared=compared)
        if verdicts
        else "There is nothing to compare."
    )


def overall(baseline: str, verdicts: Mapping[str, Verdict], *, compared: str = "errors") -> str:
    """The first sentences of a report: what was shown, and of how many arms nothing was.

    Args:
        baseline: The baseline's name.
        verdicts: The verdict on each other arm, by name, at least one.
        compared: What identical arms have in common.

    Returns:
        Such as `Worse than step 4 -> 3: constant 1 (+5.2 points [+3.0, +7.4]). No clear
        difference: the other 3 arms.`
    """
    named = {
        outcome: [name for name, verdict in verdicts.items() if verdict.outcome is outcome]
        for outcome in Outcome
    }
    better, worse = named[Outcome.BETTER], named[Outcome.WORSE]
    same, within = named[Outcome.IDENTICAL], named[Outcome.SAME]
    still_open = named[Outcome.NOT_SHOWN] + named[Outcome.ONE_SEED] + named[Outcome.INCONCLUSIVE]
    sentences = []
    if better:
        sentences.append(f"Better than {baseline}: {_listed(better, verdicts)}.")
    if worse:
        than = "" if better else f" than {baseline}"
        sentences.append(f"Worse{than}: {_listed(worse, verdicts)}.")
    for mixed in (Outcome.BETTER_WHERE_IT_TRAINS, Outcome.WORSE_WHERE_IT_TRAINS):
        if named[mixed]:
            sentences.append(f"{mixed.capitalize()}: {_listed(named[mixed], verdicts)}.")
    if within:
        differences = (verdicts[name].difference for name in within)
        margin = next((d.margin for d in differences if d is not None and d.margin), 0.0)
        sentences.append(f"The same as {baseline} within {margin:g} points: {', '.join(within)}.")
    if sentences and still_open:
        several = f"the other {len(still_open)} arms"
        which = still_open[0] if len(still_open) == 1 else several
        lead = "Inconclusive" if named[Outcome.INCONCLUSIVE] else "No clear difference"
        sentences.append(f"{lead}: {which}.")
    elif still_open:
        sentences += _nothing_shown(baseline, {name: verdicts[name] for name in still_open})
    if same:
        arms = same[0] if len(same) == 1 else f"{len(same)} arms"
        sentences.append(f"The same {compared} as {baseline}: {arms}.")
    return " ".join(sentences)


def _listed(names: list[str], verdicts: Mapping[str, Verdict]) -> str:
    """The arms with their differences, the largest first; the rest of many as a number."""
    differences = {name: verdicts[name].difference for name in names}
    sizes = {name: 0.0 if d is None else abs(d.points) for name, d in differences.items()}
    ordered = sorted(names, key=lambda name: -sizes[name])
    kept = ordered if len(ordered) <= _MOST_NAMED else ordered[: _MOST_NAMED - 1]
    known = {name: f"{name} ({difference_text(d)})" for name, d in differences.items() if d}
    texts = [known.get(name, name) for name in kept]
    rest = len(ordered) - len(kept)
    return "; ".join(texts) + (f"; and {rest} more" if rest else "")


def _nothing_shown(baseline: str, verdicts: Mapping[str, Verdict]) -> list[str]:
    """Nothing was: what was seen, and what these runs could have shown."""
    arms = next(iter(verdicts)) if len(verdicts) == 1 else f"any of {len(verdicts)} arms"
    sentences = [f"No clear difference between {baseline} and {arms}."]
    found = {name: verdict.difference for name, verdict in verdicts.items() if verdict.difference}
    if any(verdict.outcome is Outcome.ONE_SEED for verdict in verdicts.values()):
        return [*sentences, "One seed says nothing about other seeds: run at least 3."]
    if not found:
        return sentences
    name, clearest = min(found.items(), key=lambda item: item[1].p_value)
    seen = f"The clearest difference is {name}, {difference_text(clearest)}"
    if clearest.leaves_out_zero:
        seen += f", which is not enough among {len(verdicts)} comparisons"
    if any(difference.stopped for difference in found.values()):
        return [*sentences, f"{seen}."]
    return [*sentences, f"{seen}. With {clearest.components.seeds} seeds, {_could(found)}."]


def _could(found: Mapping[str, Difference]) -> str:
    """`only differences above 2.0 to 4.9 points can be detected`: in four studies of five."""
    sizes = [one.smallest_detectable for one in found.values() if one.smallest_detectable]
    if not sizes:
        return "no difference of any size can be detected"
    low, high = f"{min(sizes):.1f}", f"{max(sizes):.1f}"
    if low == high:
        return f"only differences above {low} points can be detected"
    return f"only differences above {low} to {high} points (depending on the arm) can be detected"


def _runs(difference: Difference, unit: str) -> str:
    """`3 seeds`, and the signers where they were resampled."""
    number, gone = difference.components.seeds, difference.collapses
    what = "seed" if difference.teachers < 2 else "teacher"
    seeds = f"1 {what}" if number == 1 else f"{number} {what}s"
    if gone is not None and gone.any:
        several = difference.teachers > 1 or difference.orders > 1
        seeds = f"of the runs that trained ({seeds if several else f'{seeds} of {gone.seeds}'})"
    return seeds if unit == "utterances" else f"{seeds}, {difference.components.units} {unit}"


def _one_seed(pair: str, difference: Difference, unit: str) -> str:
    """One seed shows nothing, whatever its interval."""
    points, interval = measured(difference.points, difference.low, difference.high)
    return (
        f"No clear difference: {pair}: {points} points, one seed. "
        f"With other {unit} this run could give {interval}; "
        "other seeds are not covered. Run at least 3."
    )
