"""The first screen of the importance page: what matters, how sure that is, what next."""

from __future__ import annotations

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import DEFAULT
from slr_tune.report.importance.figures import is_seen
from slr_tune.report.page import Answer
from slr_tune.study.commands import command_line
from slr_tune.text import in_percent, metric_text

_ENOUGH = 100
"""Trials of which most studies name a first place: docs/importance.md measures it."""


def headline(found: StudyImportance) -> str:
    """The one sentence on top; empty where it is the verdict."""
    main = found.main
    if not main.units or main.named is not None or main.evaluator != DEFAULT:
        return ""
    if any(bar.seen for bar in main.units):
        return f"{main.trials} trials do not show which parameter matters most."
    return f"{main.trials} trials cannot say yet which parameter matters."


def answers(found: StudyImportance) -> list[Answer]:
    """The answers, as far as there is something to say."""
    main = found.main
    if not main.units:
        return []
    small = _at_most(found)
    return [
        _what(found),
        Answer("How sure is it?", _how_sure(found)),
        *([Answer("What is ruled out?", small)] if small else []),
        _next(found),
    ]


def _what(found: StudyImportance) -> Answer:
    question, first = "What matters most?", found.main.units[0]
    if found.main.named is not None:
        text = f"of the differences between configurations come from {first.name}."
        return Answer(question, text, f"{100 * first.share:.0f} %")
    seen = [bar.name for bar in found.main.units if is_seen(bar) and bar.seen]
    if seen:
        return Answer(question, f"Not clear yet. There is an effect of {_listed(seen)}.")
    if found.main.evaluator != DEFAULT:
        return Answer(question, f"Not clear yet: {first.name} leads.")
    if early := [bar.name for bar in found.main.units if bar.early]:
        text = f"Not clear yet. Only at the first epochs is there an effect of {_listed(early)}."
        return Answer(question, text)
    return Answer(question, f"{found.main.trials} trials cannot say: no effect stands out yet.")


def _how_sure(found: StudyImportance) -> str:
    main, first = found.main, found.main.units[0]
    band = f"{100 * first.low:.0f} to {100 * first.high:.0f} %"
    if main.named is not None:
        if main.chance_of_first is None:
            return f"The 90 % band is {band}, and its rank is stable."
        chance = f"It is first in {100 * main.chance_of_first:.0f} % of the draws of the model"
        return f"{chance}; the 90 % band of its share is {band}."
    widest = max(100 * bar.high for bar in main.units if bar.measured)
    seen = [bar for bar in main.units if bar.measured and bar.seen]
    if seen:
        bands = ", ".join(f"{b.name} {100 * b.low:.0f} to {100 * b.high:.0f} %" for b in seen)
        return f"The 90 % bands: {bands}. Another may have up to {widest:.0f} %."
    return f"Not sure at all: a share may lie anywhere between 0 and {widest:.0f} %."


def _at_most(found: StudyImportance) -> str:
    """The setting without a clear effect whose effect may be the least large."""
    bounded = [
        (bar.points[2], bar.name)
        for bar in found.main.units
        if bar.points is not None and bar.measured and not is_seen(bar)
    ]
    if not bounded:
        return ""
    size, name = min(bounded)
    unit = " points" if in_percent(found.metric) else ""
    bound = f"{metric_text(size, found.metric)}{unit}"
    return f"That {name} moves the result by more than {bound} (standard deviation)."


def _next(found: StudyImportance) -> Answer:
    question = "What next?"
    if found.main.named is not None:
        options = {"--study": found.study, "--factor": found.main.named}
        text = "An ablation measures it with paired seeds:"
        return Answer(question, text, command=command_line("ablate", options=options))
    if found.main.trials < _ENOUGH:
        text = f"Run more trials. About {_ENOUGH} are mostly enough to say what matters most."
        return Answer(question, text)
    return Answer(question, "Compare the settings that you care about in an ablation.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
