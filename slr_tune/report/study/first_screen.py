"""The first screen of a study's report: what won, by how much, whether it is real, what next."""

from __future__ import annotations

import re

from slr_tune.report.page import Answer
from slr_tune.report.study.next_steps import has_not_learnt, next_steps
from slr_tune.report.study.overview import confirmed_best, verdict
from slr_tune.report.study.study_data import StudyData
from slr_tune.study.commands import command_line, from_any_folder
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.summary import by_difference, searched_values
from slr_tune.study.view import trial_row
from slr_tune.text import in_percent, metric_title, setting_cell

_MOST_SETTINGS = 4
"""Settings that are named; of more the others are counted."""
_OPTIMISM = "2 to 3 points"
"""By how much the best of a search was better than new seeds: docs/advice.md measures it."""
_FEW_SEEDS = 10
"""Most additional seeds that are worth training for an inconclusive gain."""
_PAIRED = " Runs of the same seed are compared in pairs, so the two ± may overlap."
_INTERVAL = re.compile(r"\[([-+.\d]+), ([-+.\d]+)\]")
_P = re.compile(r"p [=<] \d+\.\d+")
_MORE = re.compile(r"(\d+) more seeds? shows? it")
"""Figures in a verdict of `slr-tune confirm`, which is stored as a sentence."""


def headline(study: StudyData) -> str:
    """The one sentence on top, which the answers explain: of new seeds where there are some."""
    best, row = study.best, confirmed_best(study)
    found = "" if row is None else row.verdicts.get("dev", "")
    if best is None or row is None or not found or best is study.baseline:
        return verdict(study, whole=False)
    seeds = f"{len(row.wer['dev'])} new seeds"
    if row is not None and row.is_better:
        return f"Trial {best.number} is better than the baseline, on {seeds} of both."
    if found.startswith("Worse"):
        return f"Trial {best.number} won the search, but is worse than the baseline on {seeds}."
    return (
        f"No gain is shown: on {seeds}, trial {best.number} is {_size(row, study.confirmed[0])} "
        "than the baseline, which chance alone can explain."
    )


def tone(study: StudyData) -> str:
    """How the sentence on top is marked; "" where no new seeds were trained."""
    row = confirmed_best(study)
    found = "" if row is None else row.verdicts.get("dev", "")
    if found.startswith("Worse") or has_not_learnt(study):
        return "worse"
    if not found or study.best is study.baseline:
        return ""
    return "better" if row is not None and row.is_better else "inconclusive"


def answers(study: StudyData) -> list[Answer]:
    """The four answers, as far as there is something to say."""
    best = study.best
    if best is None or best.value is None:
        return _next(study)
    if has_not_learnt(study):
        return _not_learnt(study)
    return [_winner(study), _how_much(study), Answer("Is it real?", _real(study)), *_next(study)]


def _not_learnt(study: StudyData) -> list[Answer]:
    """A number with two decimals would pass for a result."""
    real = "No result yet: they predicted mostly blanks, and their loss was still falling."
    return [
        Answer("What won?", "Nothing: no trial has begun to recognise glosses."),
        Answer(
            "By how much?",
            "Too early to compare: the differences between these trials mean nothing.",
        ),
        Answer("Is it real?", real),
        *_next(study),
    ]


def _winner(study: StudyData) -> Answer:
    """The best trial, and what is different from the baseline."""
    question, best, baseline = "What won?", study.best, study.baseline
    assert best is not None
    if best is baseline:
        return Answer(
            question, f"The baseline: none of the {len(study.trials) - 1} others beat it."
        )
    stopped = "" if best.complete else f", stopped at epoch {best.epochs}"
    if baseline is None:
        return Answer(question, f"Trial {best.number}{stopped}.")
    won, given = (
        searched_values(study.view, trial_row(study.view.trial(trial.number)))
        for trial in (best, baseline)
    )
    names = [name for name in by_difference(study.view, won) if won[name] != given.get(name)]
    lines = [
        f"{name}: {setting_cell(given[name])} -> {setting_cell(won[name])}"
        if name in given
        else f"{name}: {setting_cell(won[name])}"
        for name in names[:_MOST_SETTINGS]
    ]
    more = len(names) - len(lines)
    lines += [f"and {more} more, see the table below"] if more else []
    row = confirmed_best(study)
    who = f"Trial {best.number}{stopped}. From baseline to winner:"
    if row is not None and row.verdicts.get("dev") and not row.is_better:
        who = f"Nothing for sure. Best in the search: trial {best.number}. From baseline to it:"
    return Answer(question, who, lines=lines)


def _how_much(study: StudyData) -> Answer:
    """The gain over the baseline: of new seeds where there are some, else the search's own."""
    best, baseline, row = study.best, study.baseline, confirmed_best(study)
    assert best is not None and best.value is not None
    if row is not None:
        return _on_new_seeds(study, row)
    question, title = "By how much?", metric_title(study.metric).removesuffix(", %")
    percent = " %" * in_percent(study.metric)
    value = f"{study.value_text(best.value)}{percent}"
    if baseline is None or best is baseline or study.gain is None:
        return Answer(question, f"{title}, one seed.", value)
    size = f"{study.value_text(study.gain)}{' points' * in_percent(study.metric)} better"
    theirs = f"{study.value_text(baseline.value)}{percent}"
    text = f"in {title}: {value}, baseline {theirs}; one seed each."
    return Answer(question, text, size)


def _on_new_seeds(study: StudyData, row: ConfirmedTrial) -> Answer:
    question, count, baseline = "By how much?", len(row.wer["dev"]), study.confirmed[0]
    percent = " %" * (row.measure == "WER")
    mean = "mean ± standard deviation of" if count > 1 else "of"
    seeds = f"{row.measure} on dev, {mean} {count} new seed{'s' * (count > 1)}"
    if study.baseline is None or baseline.trial != study.baseline.number or baseline is row:
        return Answer(question, f"{seeds}.", f"{row.mean_text('dev')}{percent}")
    size = _size(row, baseline)
    if row.verdicts.get("dev", "").startswith(("No clear", "Inconclusive", "Identical")):
        size = "None shown"
    pair = f"{row.mean_text('dev')}{percent}, baseline {baseline.mean_text('dev')}{percent}"
    best, charts = study.best, "The charts show the search: one seed per trial"
    if best is not None and best.value is not None:
        charts += f", {study.value_text(best.value)}{percent} for trial {best.number}"
    return Answer(question, f"in {seeds}: {pair}. {charts}.", size)


def _size(row: ConfirmedTrial, baseline: ConfirmedTrial) -> str:
    change = row.mean("dev") - baseline.mean("dev")
    better = (change < 0) == row.minimize
    unit = " points" * (row.measure == "WER")
    return f"{row.value_text(abs(change))}{unit} {'better' if better else 'worse'}"


def _real(study: StudyData) -> str:
    best, row = study.best, confirmed_best(study)
    assert best is not None
    if row is not None:
        return _real_on_new_seeds(row, study.confirmed[0])
    if best is study.baseline:
        return "There is no gain to check: one seed of the baseline was the best of all."
    size = f" (in simulated searches by {_OPTIMISM})" * in_percent(study.metric)
    return (
        f"Not known yet. It is one seed, picked as the best of {len(study.trials)} trials, so it "
        f"looks better than it is{size}."
    )


def _real_on_new_seeds(row: ConfirmedTrial, baseline: ConfirmedTrial) -> str:
    """Yes or no, with the interval that shows it; else the verdict as it is stored."""
    found = row.verdicts.get("dev", "")
    if not found:
        return "Only its mean is known: the baseline has no new seeds to compare with."
    interval, p_value = _INTERVAL.search(found), _P.search(found)
    shown = found.startswith(("Better:", "Worse:"))
    if interval is None or not (shown or found.startswith("No clear difference")):
        return found
    unit = " points" * (row.measure == "WER")
    sign = "negative is better" if row.minimize else "positive is better"
    range_text = f"{interval[1]} to {interval[2]}{unit} ({sign}),"
    text = f"the 95 % interval of the paired differences, {range_text}"
    if not shown:
        return f"Not clear: {text} includes zero. There may be no gain at all."
    answer = "Yes" if row.is_better else "No, it is worse"
    p_text = f" ({p_value[0]})" if p_value else ""
    paired = _PAIRED if _overlap(row, baseline) else ""
    return f"{answer}: {text} excludes zero{p_text}.{paired}"


def _overlap(row: ConfirmedTrial, baseline: ConfirmedTrial) -> bool:
    """Whether a reader sees two ± that overlap."""
    reach = row.spread("dev") + baseline.spread("dev")
    return abs(row.mean("dev") - baseline.mean("dev")) < reach


def _next(study: StudyData) -> list[Answer]:
    steps = next_steps(study)
    nothing_won = study.best is not None and study.best is study.baseline
    if steps and not (nothing_won and steps[0].rule == "confirm"):
        text, command = steps[0].text, steps[0].command
    elif study.best is not None and study.baseline is not None:
        text, command = _after_all(study, nothing_won=nothing_won)
    else:
        return []
    elsewhere = from_any_folder(command, study.view.storage) if command else ""
    return [Answer("What next?", text, command=command, elsewhere=elsewhere)]


def _after_all(study: StudyData, *, nothing_won: bool) -> tuple[str, str]:
    """What there is to do where no rule asks for anything more pressing."""
    row, name = confirmed_best(study), study.view.spec.study
    found = "" if row is None else row.verdicts.get("dev", "")
    if row is not None and row.is_better:
        options = {"--study": name, "--path": True}
        text = (
            "Find out which of the changes brings the gain: with --path, the ablation goes from "
            "the baseline to the winner one change at a time."
        )
        return text, command_line("ablate", options=options)
    more = _MORE.search(found)
    if row is not None and more is not None and int(more[1]) <= _FEW_SEEDS:
        seeds = len(row.wer["dev"]) + int(more[1])
        line = command_line("confirm", options={"--study": name, "--seeds": seeds})
        return f"Train {more[1]} more seeds: as large as it looks, they would mostly show it.", line
    more_trials = len(study.trials)
    lead = "Keep the baseline" if nothing_won or row is not None else "Search further"
    text = (
        f"{lead}. More trials may still find something, such as {more_trials} more "
        f"({2 * more_trials} in all):"
    )
    return text, study.last_run.command(name, {"--trials": 2 * more_trials})
