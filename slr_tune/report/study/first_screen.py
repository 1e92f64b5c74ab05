"""The first screen of a study's report: what won, by how much, whether it is real, what next."""

from __future__ import annotations

from slr_tune.report.page import Answer
from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.overview import confirmed_best
from slr_tune.report.study.study_data import StudyData
from slr_tune.study.commands import from_any_folder
from slr_tune.study.summary import by_difference, searched_values
from slr_tune.study.view import trial_row
from slr_tune.text import in_percent, metric_title, setting_cell

_MOST_SETTINGS = 4
"""Settings that are named; of more the others are counted."""


def answers(study: StudyData) -> list[Answer]:
    """The four answers, as far as there is something to say."""
    best = study.best
    if best is None or best.value is None:
        return _next(study)
    return [
        Answer("What won?", _winner(study)),
        _how_much(study),
        Answer("Is it real?", _real(study)),
        *_next(study),
    ]


def _winner(study: StudyData) -> str:
    """The best trial, and what is different from the baseline."""
    best, baseline = study.best, study.baseline
    assert best is not None
    if best is baseline:
        return "The baseline: no trial was better."
    stopped = "" if best.complete else f", stopped at epoch {best.epochs}"
    if baseline is None:
        return f"Trial {best.number}{stopped}."
    won, given = (
        searched_values(study.view, trial_row(study.view.trial(trial.number)))
        for trial in (best, baseline)
    )
    names = [name for name in by_difference(study.view, won) if won[name] != given.get(name)]
    changes = [
        f"{name} {setting_cell(won[name])}"
        + (f" (baseline {setting_cell(given[name])})" if name in given else "")
        for name in names[:_MOST_SETTINGS]
    ]
    more = len(names) - len(changes)
    rest = f", and {more} more" if more else ""
    return f"Trial {best.number}{stopped}: {', '.join(changes)}{rest}."


def _how_much(study: StudyData) -> Answer:
    """The figure: of new seeds where there are some, else the search's own."""
    best, row, baseline = study.best, confirmed_best(study), study.baseline
    assert best is not None and best.value is not None
    unit = " points" if in_percent(study.metric) else ""
    question = "By how much?"
    if row is not None:
        count = len(row.wer["dev"])
        seeds = f"{row.measure} on dev, mean of {count} new seed{'s' * (count > 1)}"
        first = study.confirmed[0]
        if baseline is None or first.trial != baseline.number or first is row:
            return Answer(question, f"{seeds}.", row.mean_text("dev"))
        return Answer(
            question, f"{seeds}; baseline {first.mean_text('dev')}.", row.mean_text("dev")
        )
    percent = in_percent(study.metric)
    name = metric_title(study.metric).removesuffix(", %")
    value = f"{study.value_text(best.value)}{' %' * percent}"
    text = f"{name} of one seed"
    if baseline is not None and best is not baseline and study.gain is not None:
        text += f", {study.value_text(study.gain)}{unit} better than the baseline"
        text += f" ({study.value_text(baseline.value)})"
    return Answer(question, f"{text}.", value)


def _real(study: StudyData) -> str:
    best, row = study.best, confirmed_best(study)
    assert best is not None
    if row is not None:
        found = row.verdicts.get("dev")
        return found or "Only its mean is known: the baseline has no new seeds to compare with."
    if any(step.rule == "blank phase" for step in next_steps(study)):
        return "No: the best trials had not begun to learn; they still predicted mostly blanks."
    if best is study.baseline:
        return "There is no improvement to check."
    return (
        f"Not known yet. The figure is optimistic: one seed, picked as the best of "
        f"{len(study.trials)} trials. New seeds are usually worse."
    )


def _next(study: StudyData) -> list[Answer]:
    steps = next_steps(study)
    if not steps:
        return []
    text, command = steps[0].text, steps[0].command
    elsewhere = from_any_folder(command, study.view.storage) if command else ""
    return [Answer("What next?", text, command=command, elsewhere=elsewhere)]
