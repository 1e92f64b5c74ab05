"""The first screen of an ablation: the largest difference, whether it is real, what next."""

from __future__ import annotations

import re

from slr_tune.ablation.plan_options import NOT_UNTIL_DECIDED
from slr_tune.ablation.result import AblationResult, ArmRow, ResultTable
from slr_tune.report.ablation import sentences
from slr_tune.report.page import Answer
from slr_tune.statistics.sequential import MOST
from slr_tune.statistics.verdict import Outcome
from slr_tune.statistics.wording import p_text

_BETTER = (Outcome.BETTER, Outcome.BETTER_WHERE_IT_TRAINS)
_WORSE = (Outcome.WORSE, Outcome.WORSE_WHERE_IT_TRAINS)
_EQUIVALENT = (Outcome.SAME, Outcome.IDENTICAL)
_UNDECIDED = (Outcome.NOT_SHOWN, Outcome.ONE_SEED, Outcome.INCONCLUSIVE)


def answers(result: AblationResult) -> list[Answer]:
    """The answers, as far as there is something to compare."""
    rows = [row for row in sentences.compared(result.main) if row.difference is not None]
    if not rows:
        return []
    shown = [row for row in rows if row.outcome in (*_BETTER, *_WORSE)]
    judged = [row for row in rows if not row.too_few_trained]
    row = max(shown or judged or rows, key=lambda row: abs(row.difference or 0.0))
    difference, interval, *_ = sentences.difference_texts(row, result.main)
    unit = " points" if sentences.is_wer(result.main) else f" in {result.main.measure}"
    against = f"{row.name} against {result.main.baseline}"
    if row in shown:
        end = "better" if row.outcome in _BETTER else "worse"
        difference = f"{difference.lstrip('+-')}{unit} {end}"
    else:
        difference += unit
    what = "The largest real difference" if shown else "The largest difference"
    size = f"{against}, 95 % interval {interval}." if interval else f"{against}."
    return [
        Answer(f"{what}:", size, difference),
        Answer("Is it real?", _real(row, shown, rows, result.main)),
        _next(result, rows),
    ]


def tone(result: AblationResult) -> str:
    """How the verdict is marked: "shown", "equivalent", "inconclusive"; "" without an arm."""
    rows = sentences.compared(result.main)
    if any(row.outcome in (*_BETTER, *_WORSE) for row in rows):
        return "shown"
    if any(row.outcome in _UNDECIDED for row in rows):
        return "inconclusive"
    return "equivalent" if any(row.outcome in _EQUIVALENT for row in rows) else ""


def _real(row: ArmRow, shown: list[ArmRow], rows: list[ArmRow], table: ResultTable) -> str:
    if shown:
        family = sentences.family_size(table)
        others = sum(one.outcome in _UNDECIDED for one in rows)
        p = f"p {p_text(row.holm_p or 0.0)}"
        several = f", corrected for {family} comparisons" if family > 1 else ""
        rest = f" Of the other arms {others} show no clear difference." if others else ""
        return f"Yes, it is larger than chance explains: {p}{several}.{rest}"
    if all(one.outcome == Outcome.IDENTICAL for one in rows):
        scored = sentences.is_wer(table)
        same = "made the same errors in every utterance" if scored else "have the same values"
        return f"No: the arms {same}."
    if all(one.outcome in _EQUIVALENT for one in rows):
        return "The arms are the same within the margin."
    return "These runs cannot tell the arms apart. That does not mean that they are equal."


def _next(result: AblationResult, rows: list[ArmRow]) -> Answer:
    question = "What next?"
    better = [row for row in rows if row.outcome in _BETTER]
    undecided = [row for row in rows if row.outcome in _UNDECIDED]
    if better:
        best = min(better, key=lambda row: -abs(row.difference or 0.0))
        text = f"Use {best.name}: make it the baseline of the search space and search again."
        return Answer(question, text)
    command = _with_more_seeds(result)
    if undecided and command:
        text = "Add seeds where they can still decide something."
        return Answer(question, text, command=command, elsewhere=f"{result.place}{command}")
    return Answer(question, f"Keep {result.main.baseline}: no arm is shown to be better.")


def _with_more_seeds(result: AblationResult) -> str:
    """The ablation's command with seeds until decided; empty where that cannot be or adds none.

    The budget lets every arm have the most seeds: with less, many arms would get fewer than they
    have, or not even the first look.
    """
    options = (*NOT_UNTIL_DECIDED, "--until-decided")
    if any(option in result.command.split() for option in options) or result.main.seeds >= MOST:
        return ""
    command = re.sub(r" --seeds [0-9]+", "", result.command)
    return f"{command} --until-decided --budget {MOST * len(result.main.rows)}runs"
