"""What a search found, as plain values for a script and as text for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.commands import command_line
from slr_tune.study.confirmed import read_confirmed
from slr_tune.study.data_notes import data_notes
from slr_tune.study.no_effect import settings_note
from slr_tune.study.record import ATTRIBUTE, ended_by, epochs_run
from slr_tune.study.stopped_better import stopped_note
from slr_tune.study.view import StudyView, trial_row
from slr_tune.text import counted, duration, metric_text, setting_text


def summarise(view: StudyView) -> dict[str, Any]:
    """What a study holds: counts, best and baseline, epochs run and epochs a full grid would cost.

    Returns:
        JSON-able values; WER and differences in points (percent of words) where the metric is one.
    """
    best, baseline = view.best(), baseline_trial(view)
    difference = None
    if best is not None and baseline is not None and baseline.values:
        difference = best.values[0] - baseline.values[0]
    return {
        "study": view.spec.study,
        "metric": view.spec.objective.metric,
        "trials": len(view.trials),
        "states": dict(Counter(trial.state.name for trial in view.trials)),
        "ended_by": dict(Counter(map(ended_by, view.trials))),
        "foreign": [trial.number for trial in view.foreign],
        "imported": [trial.number for trial in view.imported],
        "best": None if best is None else trial_row(best),
        "baseline": None if baseline is None else trial_row(baseline),
        "difference": difference,
        "epochs": sum(map(epochs_run, view.run_here)),
        "epochs_unpruned": len(view.run_here) * view.spec.budget.max_epochs,
        "seconds": round(sum(_seconds(trial) for trial in view.run_here), 1),
    }


def json_summary(view: StudyView) -> dict[str, Any]:
    """`summarise` for a script: settings by the names of the space file."""
    facts = summarise(view)
    for name in ("best", "baseline"):
        facts[name] = None if facts[name] is None else named_row(view, facts[name])
    return facts


def named_row(view: StudyView, row: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's row with its settings by the names of the space file, not by the sampler's.

    A simplex is alpha, beta and gamma there, not the two numbers that span it. The settings of a
    foreign trial, which may be none of the space's, keep their names.
    """
    named = searched_values(view, row)
    return {**row, "params": named or dict(row["params"])}


def baseline_trial(view: StudyView) -> FrozenTrial | None:
    """The trial of the space's baseline, which is the first; None where the space has none."""
    first = view.trials[0] if view.trials and view.spec.baseline is not None else None
    return first if first is not None and first.number == 0 else None


def summary_text(view: StudyView, *, teacher_wer: float | None = None) -> str:
    """The summary in words: what won, by how much, what it cost, what to do next."""
    facts = summarise(view)
    lines = [_headline(view, facts), *data_notes(view.spec)]
    if facts["best"] is not None:
        lines += _best_lines(view, facts)
    lines += filter(None, [settings_note(view), stopped_note(view)])
    if teacher_wer is not None:
        lines.append(_teacher_line(teacher_wer, facts))
    lines.append(
        f"{counted(facts['epochs'], 'epoch')}, {duration(facts['seconds'])} of training; without "
        f"early stopping it would have been {counted(facts['epochs_unpruned'], 'epoch')}."
    )
    if facts["best"] is not None:
        if _ran_to_its_end(facts["best"]):  # `confirm` takes no other
            lines.append(_optimistic_line(view, facts))
        lines.append(f"Configuration: {command_line('best', view.spec.study)}")
    return "\n".join(lines)


def _optimistic_line(view: StudyView, facts: Mapping[str, Any]) -> str:
    """What the best value is worth, and what new seeds gave, or would."""
    line = f"Optimistic: one seed, picked as the best of {counted(facts['trials'], 'trial')}."
    number = facts["best"]["number"]
    row = next((row for row in read_confirmed(view.folder) if row.trial == number), None)
    if row is not None:
        measure = "dev WER" if row.measure == "WER" else row.measure
        seeds = counted(len(row.wer["dev"]), "new seed")
        return f"{line} With {seeds}: {measure} {row.mean_text('dev')}."
    command = command_line("confirm", options={"--study": view.spec.study})
    return f"{line} For an unbiased figure: {command}"


def _teacher_line(wer: float, facts: Mapping[str, Any]) -> str:
    """The teacher's WER, and how much lower the student's is."""
    if facts["metric"] != "val/wer" or facts["best"] is None or wer == 0:
        return f"Teacher: {wer:.2f} on dev."
    change = 100 * (1 - facts["best"]["value"] / wer)
    compared = f"{abs(change):.0f} % {'lower' if change >= 0 else 'higher'}"
    return f"Teacher: {wer:.2f} WER on dev; best trial: {facts['best']['value']:.2f} ({compared})."


def _headline(view: StudyView, facts: Mapping[str, Any]) -> str:
    states = facts["states"]
    words = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    parts = [f"{states[key]} {word}" for key, word in words.items() if key in states]
    paused = facts["ended_by"].get("paused", 0)
    open_ones = states.get("RUNNING", 0) + states.get("WAITING", 0) - paused
    if paused:
        parts.append(f"{paused} paused")
    if open_ones:
        parts.append(f"{open_ones} not finished")
    count = counted(facts["trials"], "trial")
    message = f"{view.spec.study}: {count}, {', '.join(parts) or 'none started'}."
    return " ".join(filter(None, (message, imported_text(view), foreign_text(view))))


def imported_text(view: StudyView) -> str:
    """Sentence on trials that were run elsewhere; empty without."""
    found = view.imported
    if not found:
        return ""
    some = "1 of them was" if len(found) == 1 else f"{len(found)} of them were"
    numbers = ", ".join(str(trial.number) for trial in found[:10])
    return f"{some} imported ({numbers}{', ...' if len(found) > 10 else ''})."


def foreign_text(view: StudyView) -> str:
    """Sentence on trials that are not the study's own; empty without."""
    if not view.foreign:
        return ""
    numbers = ", ".join(str(trial.number) for trial in view.foreign[:10])
    more = ", ..." if len(view.foreign) > 10 else ""
    return (
        f"{len(view.foreign)} foreign trials ({numbers}{more}), which another tool added or ended, "
        "are left out."
    )


def _best_lines(view: StudyView, facts: Mapping[str, Any]) -> list[str]:
    best, baseline, metric = facts["best"], facts["baseline"], facts["metric"]
    lines = [f"Best {metric}: {metric_text(best['value'], metric)} (trial {best['number']})."]
    if not _ran_to_its_end(best):
        lines[0] = f"{lines[0][:-2]}, after {counted(best['epochs'], 'epoch')})."
        lines[0] += " No trial has run to its end."
    elif baseline is not None and baseline["value"] is not None:
        lines[0] = lines[0][:-1] + f", baseline {metric_text(baseline['value'], metric)} (trial 0)"
        gain = facts["difference"] if not view.minimizes else -facts["difference"]
        if best["number"] == baseline["number"]:
            lines[0] += ": nothing beat the baseline."
        else:
            lines[0] += f": {metric_text(gain, metric)} better."
    values = searched_values(view, best)
    return lines + [f"  {name}: {setting_text(value)}" for name, value in values.items()]


def _ran_to_its_end(row: Mapping[str, Any]) -> bool:
    return bool(row["state"] == TrialState.COMPLETE.name)


def searched_values(view: StudyView, row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the space in a trial's row, by their dotted names in the file's own terms.

    What the space fixes is left out: it is the same in every trial.
    """
    if not row["params"] or row.get("ended_by") == "foreign":
        return {}  # another tool's parameters may be none of the space's
    values = flat(view.spec.space.decode(row["params"]))
    return {name: value for name, value in values.items() if not isinstance(value, list)}


def by_difference(view: StudyView, names: Iterable[str]) -> list[str]:
    """Names of searched values, those first in which best trial and baseline differ most.

    Args:
        view: The study.
        names: Dotted names, as of `searched_values`; the order of what differs equally is kept.
    """
    best, baseline = view.best(), baseline_trial(view)
    if best is None or baseline is None or best.number == baseline.number:
        return list(names)
    won, given = (searched_values(view, trial_row(trial)) for trial in (best, baseline))
    return sorted(names, key=lambda name: -_difference(won.get(name), given.get(name)))


def _difference(one: Any, other: Any) -> float:
    """Between 0, equal, and 1; for numbers, their distance relative to their size."""
    if one == other:
        return 0.0
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    if not numeric:
        return 1.0
    return float(abs(one - other) / (abs(one) + abs(other)))


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The shortest endings of dotted names that still tell them apart, by full name."""
    endings = {}
    for name in names:
        parts = name.split(".")
        endings[name] = [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    owners = Counter(ending for found in endings.values() for ending in found)
    return {name: next(e for e in found if owners[e] == 1) for name, found in endings.items()}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        result |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return result


def _seconds(trial: FrozenTrial) -> float:
    return float((trial.user_attrs.get(ATTRIBUTE) or {}).get("seconds", 0.0))
