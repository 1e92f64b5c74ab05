"""The top of the report: what won, by how much, and what the figure is worth."""

from __future__ import annotations

from slr_tune.ablation.winners_curse import curse_line
from slr_tune.report.page import Column, Table
from slr_tune.report.page.part import Part
from slr_tune.report.study.facts import StudyFacts
from slr_tune.report.study.next_steps import Step
from slr_tune.report.style import ENDINGS
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.summary import searched_values
from slr_tune.study.view import trial_row
from slr_tune.text import in_percent, metric_title, number, points

_MOST_TRIALS = 100


def verdict(facts: StudyFacts) -> str:
    """The one sentence a reader came for."""
    best = facts.best
    if best is None or best.value is None:
        return _nothing_yet(facts)
    if not best.complete:
        return (
            f"No trial has run to its end; of the stopped ones trial {best.number} was best, "
            f"{_with_unit(facts, best.value)} at epoch {best.epochs}."
        )
    claim = f"Trial {best.number} won: {_with_unit(facts, best.value)}"
    unit = " points" if in_percent(facts.metric) else ""
    gain = facts.gain
    if best is facts.baseline:
        return f"Nothing beat the baseline: {_with_unit(facts, best.value)} (trial {best.number})."
    if gain is not None and facts.baseline is not None:
        claim += f", {facts.said(gain)}{unit} better than the baseline's "
        claim += facts.said(facts.baseline.value)
    return f"{claim}. {_confirmation(facts)}"


def subtitle(facts: StudyFacts) -> str:
    """One line: how much was run, and whether it still runs."""
    counts = {
        key: sum(trial.ending == key for trial in facts.trials)
        for key in ENDINGS
        if any(trial.ending == key for trial in facts.trials)
    }
    parts = [f"{count:,} {ENDINGS[key].label}" for key, count in counts.items()]
    data = facts.view.spec.data.get("name", "")
    said = f"{len(facts.trials):,} trials: {', '.join(parts) or 'none yet'}"
    lead = f"{facts.view.spec.trainable}{f' on {data}' if data else ''}, "
    if facts.view.running and facts.view.driver is not None:
        said += f". It is running ({facts.view.driver.description}): this is its state so far"
    return f"{lead}{said}."


def overview_parts(facts: StudyFacts, steps: list[Step]) -> list[Part]:
    """The confirmed figures, the best configuration, what to do next."""
    found = []
    if facts.confirmed:
        found.append(_confirmed_part(facts))
    if facts.best is not None:
        found.append(_best_part(facts))
    if steps:
        found.append(Part("What to do next", items=[(step.text, step.command) for step in steps]))
    return found


def trials_part(facts: StudyFacts) -> Part | None:
    """The best trials as a table, folded."""
    ranked = facts.ranked
    stopped = [trial for trial in facts.trials if not trial.complete]
    stopped.sort(key=lambda t: (t.value is None, -t.epochs, facts.sign * (t.value or 0.0)))
    chosen = (ranked + stopped)[:_MOST_TRIALS]
    if not chosen:
        return None
    rows = [trial_row(facts.view.trials[trial.number]) for trial in chosen]
    values = [searched_values(facts.view, row) for row in rows]
    names = list(dict.fromkeys(name for found in values for name in found))
    columns = [
        Column("trial", True),
        Column(metric_title(facts.metric), True),
        Column("epochs", True),
        Column("ended by"),
        *(Column(name, True) for name in names),
    ]
    cells = [
        (
            str(trial.number),
            facts.said(trial.value),
            str(trial.epochs),
            trial.reason + (f", spared at {trial.spared_at}" if trial.spared_at else ""),
            *(_cell(found.get(name)) for name in names),
        )
        for trial, found in zip(chosen, values, strict=True)
    ]
    whole = len(facts.trials) <= _MOST_TRIALS
    title = "All trials" if whole else f"The best {_MOST_TRIALS} of {len(facts.trials):,} trials"
    return Part(title, tables=[Table(columns, cells)], folded=True)


def confirmed_best(facts: StudyFacts) -> ConfirmedTrial | None:
    """The row of the search's best; None where it was not confirmed."""
    if facts.best is None:
        return None
    return next((row for row in facts.confirmed if row.trial == facts.best.number), None)


def _nothing_yet(facts: StudyFacts) -> str:
    if facts.trials and all(trial.ending == "failed" for trial in facts.trials):
        return f"All {len(facts.trials)} trials failed: nothing was found. See the failures below."
    if facts.view.running:
        return "The search has just begun: no trial has ended yet."
    return "No trial has a value yet."


def _confirmation(facts: StudyFacts) -> str:
    row = confirmed_best(facts)
    if row is None:
        how = (
            "slr-tune confirm gives the honest one."
            if facts.recogniser
            else "slr-tune ablate compares settings over fresh seeds."
        )
        return (
            "This figure flatters: it is one seed's, and the best of many by luck as well as by "
            f"merit. {how}"
        )
    count = len(row.wer["dev"])
    it = "it" if facts.metric == "val/wer" else "its dev WER"
    text = f"On {count} fresh seed{'s' * (count > 1)} {it} came to {_mean(row, 'dev')}"
    baseline = facts.confirmed[0] if facts.baseline is not None else None
    if baseline is None or facts.baseline is None or baseline.trial != facts.baseline.number:
        return f"{text}."
    if baseline is row:
        return f"{text}."
    return f"{text}, the baseline to {points(baseline.mean('dev'))}."


def _confirmed_part(facts: StudyFacts) -> Part:
    splits = list(dict.fromkeys(split for row in facts.confirmed for split in row.wer))
    rows = []
    for row in facts.confirmed:
        cells = []
        for split in splits:
            if split in row.wer:
                seeds = ", ".join(points(wer) for wer in row.wer[split])
                cells.append(f"{_mean(row, split)} ({seeds})")
            else:
                cells.append("-")
        rows.append((row.name, str(row.trial), points(row.claimed), *cells))
    columns = [
        Column("configuration"),
        Column("trial", True),
        Column("the search said", True),
        *(Column(f"{split}, fresh seeds", True) for split in splits),
    ]
    caption = "WER in percent: mean ± standard deviation, in brackets each seed."
    text: list[str] = []
    best = confirmed_best(facts)
    if best is not None:
        if best.name != "baseline":  # which the search did not choose
            text.append(curse_line(best))
        text += [f"On {split}: {said}" for split, said in best.verdicts.items()]
    return Part("On fresh seeds", text, tables=[Table(columns, rows, caption)])


def _mean(row: ConfirmedTrial, split: str) -> str:
    spread = row.spread(split)
    return points(row.mean(split)) + (f" ± {points(spread)}" if spread == spread else "")


def _best_part(facts: StudyFacts) -> Part:
    """The best configuration beside the baseline's."""
    best, baseline = facts.best, facts.baseline
    assert best is not None
    pairs = [("best", best)]
    if baseline is not None and baseline is not best:
        pairs.append(("baseline", baseline))
    values = [searched_values(facts.view, trial_row(facts.view.trials[t.number])) for _, t in pairs]
    names = list(dict.fromkeys(name for found in values for name in found))
    rows = [
        (metric_title(facts.metric), *(facts.said(trial.value) for _, trial in pairs)),
        ("trial", *(str(trial.number) for _, trial in pairs)),
        ("epochs (best at)", *(f"{trial.epochs} ({trial.best_epoch})" for _, trial in pairs)),
        *((name, *(_cell(found.get(name)) for found in values)) for name in names),
    ]
    columns = (Column("setting"), *(Column(name, True) for name, _ in pairs))
    caption = f"slr-tune best {facts.view.spec.study} prints the whole configuration."
    return Part("The best configuration", tables=[Table(columns, rows, caption, frozenset({0}))])


def _with_unit(facts: StudyFacts, value: float) -> str:
    name = metric_title(facts.metric)
    if in_percent(facts.metric):
        return f"{name.removesuffix(', %')} {points(value)} %"
    return f"{name} {facts.said(value)}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value)
    return str(value)
