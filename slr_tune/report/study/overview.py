"""The top of the report: what won, by how much, and what the figure is worth."""

from __future__ import annotations

from collections.abc import Sequence

from slr_tune.ablation.winners_curse import curse_line
from slr_tune.report.page import TERMINAL, WRITTEN, Bullets, Part, Table, numbers, texts
from slr_tune.report.study.next_steps import has_not_learnt, next_steps
from slr_tune.report.study.study_data import StudyData, TrialData, by_ending
from slr_tune.study.commands import command_line, from_any_folder
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.data_notes import data_notes
from slr_tune.study.no_effect import seeds_note
from slr_tune.study.stopped_better import stopped_note
from slr_tune.study.summary import foreign_text, searched_values
from slr_tune.study.view import trial_row
from slr_tune.text import in_percent, metric_title, points, setting_cell
from trainables.registry import run_title

_MOST_TRIALS = 100
_BEST = "The best configuration"
_CURSE = "The gain is shown. How optimistic the search's own figure was is another question. "


def verdict(study: StudyData, *, whole: bool = True) -> str:
    """The one sentence a reader came for; `whole` adds what its figure is worth."""
    best = study.best
    if best is None or best.value is None:
        return _nothing_yet(study)
    if not best.complete:
        return (
            f"No trial has run to its end; of the stopped ones trial {best.number} was best, "
            f"{_with_unit(study, best.value)} at epoch {best.epochs}."
        )
    if has_not_learnt(study):
        return (
            f"No trial recognises glosses yet: the best of {len(study.trials)} is at "
            f"{_with_unit(study, best.value)}."
        )
    claim = f"Trial {best.number} won: {_with_unit(study, best.value)}"
    unit = " points" if in_percent(study.metric) else ""
    gain = study.gain
    if best is study.baseline:
        return f"Nothing beat the baseline: {_with_unit(study, best.value)} (trial {best.number})."
    if gain is not None and study.baseline is not None:
        claim += f", {study.value_text(gain)}{unit} better than the baseline's "
        claim += study.value_text(study.baseline.value)
    return f"{claim}. {_confirmation(study)}" if whole else f"{claim}."


def subtitle(study: StudyData) -> str:
    """One line: how much was run, whether it still runs, and on what data."""
    parts = [f"{len(members):,} {way.label}" for _, way, members in by_ending(study.trials)]
    data = study.view.spec.data.get("name", "")
    message = f"{len(study.trials):,} trials: {', '.join(parts) or 'none yet'}"
    lead = f"{run_title(study.view.spec.trainable)}{f' on {data}' if data else ''}, "
    if study.view.running and study.view.driver is not None:
        message += f". It is running ({study.view.driver.description}): this is its state so far"
    more = " ".join([*data_notes(study.view.spec), foreign_text(study.view)])
    return f"{lead}{message}. {more}".rstrip()


def overview_parts(study: StudyData) -> list[Part]:
    """The confirmed figures, the best configuration, what to do next."""
    found = [_confirmed_part(study)] if study.confirmed else []
    if study.best is not None:
        found.append(_best_part(study, study.best))
    if study.view.notes:
        notes = [
            (f"Trial {key}: {text}" if key else text, "")
            for key, texts in study.view.notes.items()
            for text in texts
        ]
        found.append(Part("Notes", [Bullets(notes)]))
    if steps := next_steps(study):
        # The first step is among the answers of the first screen, and on a terminal here.
        for form, kept in ((TERMINAL, steps), (WRITTEN, steps[1:])):
            lines = Bullets(
                [(step.text, step.command) for step in kept],
                lambda line: from_any_folder(line, study.view.storage),
            )
            title = "What to do next" if form == TERMINAL else "What else to do"
            found += [Part(title, [lines], formats=form)] if kept else []
    return found


def trials_part(study: StudyData) -> Part | None:
    """The best trials as a table, folded."""
    ranked = study.ranked
    stopped = [trial for trial in study.trials if not trial.complete]
    stopped.sort(key=lambda t: (t.value is None, -t.epochs, study.sign * (t.value or 0.0)))
    chosen = (ranked + stopped)[:_MOST_TRIALS]
    if not chosen:
        return None
    names, settings = _settings(study, chosen)
    columns = numbers("trial", metric_title(study.metric), "epochs")
    sourced = any(trial.record.source for trial in chosen)
    columns += texts("ended by", *(["from"] if sourced else [])) + numbers(*names)
    rows = [
        (
            str(trial.number),
            study.value_text(trial.value),
            str(trial.epochs),
            trial.reason
            + (f", spared at {at}" if (at := trial.record.spared_at) else "")
            + (", imported" if trial.imported else ""),
            *([trial.record.source or "-"] if sourced else []),
            *cells,
        )
        for trial, cells in zip(chosen, settings, strict=True)
    ]
    whole = len(study.trials) <= _MOST_TRIALS
    title = "All trials" if whole else f"The best {_MOST_TRIALS} of {len(study.trials):,} trials"
    return Part(title, [Table(columns, rows)], folded=True, formats=WRITTEN)


def confirmed_best(study: StudyData) -> ConfirmedTrial | None:
    """The row of the search's best; None where it was not confirmed."""
    if study.best is None:
        return None
    return next((row for row in study.confirmed if row.trial == study.best.number), None)


def _nothing_yet(study: StudyData) -> str:
    if study.trials and all(trial.ending == "failed" for trial in study.trials):
        return f"All {len(study.trials)} trials failed: nothing was found. See the failures below."
    if study.view.running:
        return "The search has just begun: no trial has ended yet."
    return "No trial has a value yet."


def _confirmation(study: StudyData) -> str:
    row = confirmed_best(study)
    if row is None:
        return (
            f"Optimistic: one seed, picked as the best of {len(study.trials)}. "
            "Run slr-tune confirm for an unbiased figure."
        )
    count = len(row.wer["dev"])
    it = "it" if study.metric in ("val/wer", row.measure) else "its dev WER"
    text = f"On {count} new seed{'s' * (count > 1)} {it} came to {row.mean_text('dev')}"
    baseline = study.confirmed[0]
    if study.baseline is None or baseline.trial != study.baseline.number or baseline is row:
        return f"{text}."
    return f"{text}, the baseline to {baseline.value_text(baseline.mean('dev'))}."


def _confirmed_part(study: StudyData) -> Part:
    splits = list(dict.fromkeys(split for row in study.confirmed for split in row.wer))
    rows = [
        (
            row.name,
            str(row.trial),
            row.value_text(row.claimed),
            *(_seeds(row, split) for split in splits),
        )
        for row in study.confirmed
    ]
    fresh = [f"{split}, new seeds" for split in splits]
    columns = texts("configuration") + numbers("trial", "in the search", *fresh)
    measure = study.confirmed[0].measure
    unit = "WER in percent" if measure == "WER" else measure
    caption = f"{unit}: mean ± standard deviation, in brackets each seed."
    text: list[str] = []
    if (best := confirmed_best(study)) is not None:
        # The search did not choose the baseline.
        text = [f"On {split}: {message}" for split, message in best.verdicts.items()]
        if best.name != "baseline":
            text.append(_CURSE * best.is_better + curse_line(best))
    text += filter(None, [seeds_note(row.wer["dev"] for row in study.confirmed)])
    return Part("On new seeds", [*text, Table(columns, rows, caption)], formats=WRITTEN)


def _seeds(row: ConfirmedTrial, split: str) -> str:
    each = ", ".join(map(row.value_text, row.wer.get(split, ())))
    return f"{row.mean_text(split)} ({each})" if split in row.wer else "-"


def _best_part(study: StudyData, best: TrialData) -> Part:
    """The best configuration next to the baseline's."""
    pairs = [("best", best)]
    if study.baseline is not None and study.baseline is not best:
        pairs.append(("baseline", study.baseline))
    names, settings = _settings(study, [trial for _, trial in pairs])
    rows = [
        (metric_title(study.metric), *(study.value_text(trial.value) for _, trial in pairs)),
        ("trial", *(str(trial.number) for _, trial in pairs)),
        ("epochs (best at)", *(f"{t.epochs} ({t.record.best_epoch})" for _, t in pairs)),
        *zip(names, *settings, strict=True),
    ]
    columns = texts("setting") + numbers(*(name for name, _ in pairs))
    caption = (
        "Bold: different from the baseline. The whole configuration: "
        f"{command_line('best', study.view.spec.study)}"
    )
    differing = {place for place, row in enumerate(rows) if place > 2 and len(set(row[1:])) > 1}
    table = Table(columns, rows, caption, frozenset({0, *differing}))
    title = "The best value so far, no result yet" if has_not_learnt(study) else _BEST
    note = "" if study.view.running else stopped_note(study.view)
    return Part(title, [*filter(None, [note]), table], formats=WRITTEN)


def _with_unit(study: StudyData, value: float) -> str:
    """A value with the name of its metric: "dev WER 10.23 %"."""
    name = metric_title(study.metric)
    if in_percent(study.metric):
        return f"{name.removesuffix(', %')} {points(value)} %"
    return f"{name} {study.value_text(value)}"


def _settings(study: StudyData, trials: Sequence[TrialData]) -> tuple[list[str], list[list[str]]]:
    """Names of what was searched, and each trial's values of them, empty where it has none."""
    rows = [trial_row(study.view.trial(trial.number)) for trial in trials]
    values = [searched_values(study.view, row) for row in rows]
    names = list(dict.fromkeys(name for found in values for name in found))
    return names, [[setting_cell(found.get(name)) for name in names] for found in values]
