"""Numbers and sentences of an ablation's report, written by rules."""

from __future__ import annotations

from collections.abc import Mapping

from slr_tune.ablation.result import (
    FORWARD,
    INTERACTION,
    MAIN_EFFECT,
    AblationResult,
    ArmRow,
    Receipt,
    ResultTable,
)
from slr_tune.statistics import measured, p_text, signed_points
from slr_tune.statistics.shares import shares_text
from slr_tune.statistics.verdict import Outcome
from slr_tune.text import counted, duration, metric_text, metric_title, points
from slr_tune.text import signed as signed_number

BETTER, WORSE, SAME = "better", "worse", "identical"
WITHIN = str(Outcome.SAME)
MIXED = (str(Outcome.BETTER_WHERE_IT_TRAINS), str(Outcome.WORSE_WHERE_IT_TRAINS))

COLLAPSED = "\u2020"
"""Behind the WER of a run that collapsed."""

FILES = (
    "The same seeds give the same runs on the same kind of machine. Next to this report, "
    "runs.csv has the errors of every run, result.json everything shown here."
)


def is_wer(table: ResultTable) -> bool:
    """Whether the figures are word error rates, in percent and points."""
    return table.measure == "WER"


def value_text(value: float | None, table: ResultTable) -> str:
    """A measure: two decimals of a WER, four digits of anything else."""
    return points(value) if is_wer(table) else metric_text(value, table.measure)


def difference_texts(row: ArmRow, table: ResultTable) -> tuple[str, str]:
    """A difference and its interval; empty for the baseline."""
    if row.difference is None:
        return "", ""
    difference = signed(row.difference, table)
    if row.low is None or row.high is None:
        return difference, ""
    if is_wer(table):
        return measured(row.difference, row.low, row.high)
    return difference, f"[{signed(row.low, table)}, {signed(row.high, table)}]"


def signed(value: float, table: ResultTable) -> str:
    """A difference with its sign, in the measure's digits."""
    return signed_points(value) if is_wer(table) else signed_number(value)


def p_value_text(value: float | None) -> str:
    """`0.013`, or `< 0.001`; empty for the baseline."""
    return "" if value is None else p_text(value).removeprefix("= ")


def mark(row: ArmRow, table: ResultTable) -> str:
    """A sign for the verdict that needs no colour: it points the way the measure went."""
    if is_shown(row):
        falls = (row.outcome == BETTER) == table.minimize
        return "\u25bc" if falls else "\u25b2"
    if row.outcome in MIXED:
        return "\u25d0"
    return {SAME: "=", WITHIN: "\u2248", "interaction": "\u25cf", "": ""}.get(row.outcome, "\u25cb")


def outcome_text(row: ArmRow, table: ResultTable) -> str:
    """The verdict in a cell; the margin with its number."""
    if row.outcome == WITHIN and table.margin is not None:
        return f"the same within {table.margin:g} points"
    if row.outcome == BETTER and row.same_p is not None and row.same_p < 0.05:
        return f"{row.outcome}, within {table.margin:g} points"
    return row.outcome or "baseline"


def is_shown(row: ArmRow) -> bool:
    """Whether the arm was shown to be better or worse than the baseline."""
    return row.outcome in (BETTER, WORSE)


def measure_name(table: ResultTable) -> str:
    """What is measured, with its unit: `WER, %`."""
    return "WER, %" if is_wer(table) else metric_title(table.measure)


def unit_word(table: ResultTable) -> str:
    """What differences are counted in."""
    return "points" if is_wer(table) else f"units of {table.measure}"


def compared(table: ResultTable) -> list[ArmRow]:
    """The rows that have a difference."""
    return [row for row in table.rows if row.difference is not None]


def family_size(table: ResultTable) -> int:
    """Comparisons that were corrected for together."""
    if table.family is not None:
        return table.family
    return sum(row.outcome != SAME for row in compared(table))


def pairs(main: ResultTable, retuned: ResultTable) -> list[tuple[ArmRow, ArmRow]]:
    """The arms of a table that another has too, from both."""
    others = {row.name: row for row in retuned.rows}
    return [(row, others[row.name]) for row in main.rows if row.name in others]


def scored_on(table: ResultTable) -> str:
    """`dev: 150 utterances, 841 words`, with the signers where they were resampled."""
    if table.utterances is None or table.words is None:
        return table.split
    signers = "" if table.signers is None else f" of {table.signers} signers"
    return f"{table.split}: {table.utterances:,} utterances{signers}, {table.words:,} words"


def section_title(table: ResultTable) -> str:
    """The heading over one table of two crossed factors."""
    if table.role == INTERACTION:
        return "Do the factors depend on each other?"
    return f"The effect of {table.title}"


def caption(table: ResultTable) -> str:
    """What the columns of a comparison mean, in as few words as will do."""
    side = "below" if table.minimize else "above"
    if table.role == INTERACTION:
        what = "Difference: the joint effect minus the sum of the separate effects"
    else:
        what = f"Difference to {table.baseline} in {unit_word(table)}, {side} 0 is better"
    over = "seeds" if table.resamples is None else f"seeds and {_drawn(table)}"
    size = family_size(table)
    corrected = f"; p after Holm's correction over {size} comparisons" if size > 1 else ""
    lead = f"{section_title(table)}. " if table.role == MAIN_EFFECT else ""
    scored = f"{lead}{table.measure} on {scored_on(table)}"
    if table.teachers > 1:
        over = over.replace("seeds", f"{table.teachers} teachers with their seeds", 1)
    if table.orders > 1:
        over = over.replace("seeds", f"seeds with {table.orders} orders of the data each", 1)
    interval = "95 % interval"
    if any(row.level > 0.95 for row in table.rows):
        interval = "interval corrected as p is,"
    if any(row.collapsed for row in table.rows):
        corrected += f"; {COLLAPSED} a run that collapsed, which the difference leaves out"
        if any(row.too_few_trained for row in table.rows):
            corrected += ", unless fewer than two seeds would remain"
    return f"{scored}. {what}; {interval} over {over}{corrected}."


def _drawn(table: ResultTable) -> str:
    """What the bootstrap draws."""
    return "utterances" if table.signers is None else "signers"


def method(table: ResultTable) -> list[str]:
    """How the figures were computed, paragraphs."""
    measured_by = (
        "WER is all errors of a run over all reference words. An arm and its baseline are compared "
        "on the same utterances with the same seeds, so what is hard or easy for both cancels out."
        if is_wer(table)
        else f"An arm and its baseline are compared by {table.measure} with the same seeds."
    )
    paragraphs = [measured_by]
    if shares := shares_sentence(table):
        paragraphs.append(shares)
    if table.resamples is not None:
        unit = _drawn(table)
        paragraphs.append(
            f"The interval contains the true difference, over all possible seeds and {unit}, in "
            f"95 of 100 such studies. It combines a paired bootstrap of the {unit} "
            f"({table.resamples:,} resamples) with the t distribution of the seeds' differences. "
            "The arms share information about the spread over the seeds: each arm's variance is "
            "shrunk towards the mean of all."
        )
    paragraphs.append(
        "A difference is shown if its interval excludes zero and its p-value, corrected by "
        "Holm's method for the number of comparisons, is below 0.05. No clear difference does not "
        "mean equal: the column 'smallest shown' gives the difference that such runs show in "
        "four studies of five."
    )
    if table.margin is not None:
        paragraphs.append(
            f"Arms are the same within {table.margin:g} points if two one-sided tests, corrected "
            f"by Holm's method, rule out a larger difference on either side. An arm that is "
            f"neither different nor the same is inconclusive."
        )
    if any(row.collapsed for row in table.rows):
        paragraphs.append(
            "A run counts as collapsed if its WER is far above its arm's others (by 20 points "
            "and six "
            "robust standard deviations), or 85 or more while other arms train. Verdicts use the "
            "seeds with which both sides trained; the difference of all runs is given without a "
            "verdict."
        )
    if is_wer(table):
        paragraphs.append(
            "MAPSSWE compares the two runs of one seed and says nothing about other seeds; it is "
            "given for comparison with other work."
        )
    return paragraphs


def shares_sentence(table: ResultTable) -> str:
    """Whose noise the differences of a table have; empty where that is not known."""
    if not table.shares:
        return ""
    what = "the initial weights, the order of the data and dropout"
    if table.orders > 1:
        what = "the initial weights and dropout; --orders varied the order of the data within it"
    return (
        f"Variance of a difference, means over the arms: {shares_text(table.shares)}. A seed "
        f"determines {what}."
    )


def cost_text(receipt: Receipt) -> str:
    """What was requested and what it took, a sentence or two."""
    asked = (
        f"{counted(receipt.runs, 'run')} of {counted(receipt.epochs_asked, 'epoch')} in all "
        f"{'was' if receipt.runs == 1 else 'were'} requested"
    )
    if receipt.epochs_run == receipt.epochs_asked:
        return f"{asked}; all were trained, in {duration(receipt.seconds)} of training."
    return (
        f"{asked}; {receipt.epochs_run:,} epochs were trained, {100 * receipt.share:.0f} % of "
        f"them, in {duration(receipt.seconds)} of training."
    )


def retune_sentences(main: ResultTable, retuned: ResultTable) -> list[str]:
    """Whether a difference outlives a setting of its own for each level; a sentence an arm."""
    return [
        f"{row.name}: {_whole(row, main)}; tuned for itself {_whole(other, retuned)}. "
        f"{_outlives(row, other)}"
        for row, other in pairs(main, retuned)
        if row.difference is not None and other.difference is not None
    ]


def path_sentence(result: AblationResult) -> str:
    """What the whole way brought, and which step the most; empty without a path."""
    table = result.table(FORWARD)
    if table is None or not result.steps:
        return ""
    start = table.row(table.baseline).mean
    whole = result.steps[-1].mean - start
    sign = 1.0 if table.minimize else -1.0
    best = min(result.steps, key=lambda step: sign * step.gain)
    most = f"{best.parameter} gained the most, {signed(best.gain, table)}"
    brought = "No step improved it" if sign * best.gain >= 0 else most
    end = value_text(result.steps[-1].mean, table)
    way = f"{signed(whole, table)} {unit_word(table)} in {counted(len(result.steps), 'step')}"
    return (
        f"From the baseline ({value_text(start, table)}) to the best trial's settings ({end}): "
        f"{way}. {brought}.{_lowest(result, sign)}"
    )


def _lowest(result: AblationResult, sign: float) -> str:
    """Where the way was better than at its end: what came after was not worth a change."""
    means = [sign * step.mean for step in result.steps]
    place = min(range(len(means)), key=means.__getitem__)
    if means[place] >= means[-1]:
        return ""
    mean = value_text(result.steps[place].mean, result.main)
    return f" The path is at its best after step {place + 1} ({mean})."


def others_text(others: Mapping[str, float | None], table: ResultTable) -> str:
    """What else was tried at a step: `dropout +0.3, patience 0.0`."""
    return ", ".join(
        f"{name} (no value)" if gain is None else f"{name} {signed(gain, table)}"
        for name, gain in others.items()
    )


def _outlives(row: ArmRow, other: ArmRow) -> str:
    shown, still = is_shown(row), is_shown(other)
    if shown and still:
        return "Still clear." if row.outcome == other.outcome else "The other way round."
    if shown:
        return "No longer clear after re-tuning."
    return "Clear only after re-tuning." if still else "No clear difference either way."


def _whole(row: ArmRow, table: ResultTable) -> str:
    difference, interval = difference_texts(row, table)
    return f"{difference} {unit_word(table)} {interval}".rstrip()
