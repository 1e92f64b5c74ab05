"""What to do next: rules over a study's study, each with its reason and a command."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.diagnosis.red_flags import BLANK_PHASE
from slr_tune.report.study.edges import are_higher, diverged_rates, edges, least_gain
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.study.commands import command_line
from slr_tune.study.no_effect import settings_note
from slr_tune.text import counted, error_summary, in_percent, number

FAILED_SHARE = 0.1
"""Share of failed trials that is more than bad luck."""
STILL_FALLING = 0.5
LATE_POINTS = 0.5
"""WER points that the last quarter of a run gains by more than luck."""


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes:
        rule: Name of the rule that gave it.
        text: What to do and why, one or two sentences.
        command: What to type; empty where there is nothing to type.
    """

    rule: str
    text: str
    command: str = ""


def next_steps(study: StudyData) -> list[Advice]:
    """All that the rules say, the most pressing first.

    Where the best were still in the blank phase, or no setting has an effect, the order of the
    trials shows nothing.
    """
    rules = (_go_on, _failures, _blank_phase) if _blank_phase(study) else RULES
    if _no_effect(study):
        rules = (_go_on, _failures, _no_effect)
    return [advice for rule in rules for advice in rule(study)]


def has_not_learnt(study: StudyData) -> bool:
    """Whether the best trials still predicted mostly blanks: their order then shows nothing."""
    return bool(_blank_phase(study))


def _go_on(study: StudyData) -> list[Advice]:
    """Trials that wait for a driver."""
    if study.view.running:
        text = "The search is running: make this report again when it is done."
        return [Advice("running", text, _command(study, "report"))]
    waiting = sum(trial.ending == "running" for trial in study.trials)
    if not waiting:
        return []
    text = f"{counted(waiting, 'unfinished trial')} and no running driver: resume the search."
    return [Advice("unfinished", text, study.last_run.command(study.view.spec.study))]


def _failures(study: StudyData) -> list[Advice]:
    failed = [trial for trial in study.trials if trial.ending == "failed"]
    if len(failed) < max(1.0, FAILED_SHARE * len(study.trials)):
        return []
    reason, count = Counter(trial.reason for trial in failed).most_common(1)[0]
    first = next(trial for trial in failed if trial.reason == reason)
    share = f"{len(failed)} of {len(study.trials)} trials failed, {count} by {reason}"
    advice = {
        "nan": _nan_advice(study),
        "oom": "lower batch_size and raise accumulation by as much.",
        "killed": "see whether the machine ran out of memory; fewer workers need less.",
    }.get(reason, f"the first error: {error_summary(first.record.error) or 'nothing'}.")
    show = command_line("show", study.view.spec.study, options={"--trial": first.number})
    return [Advice("failures", f"{share}: {advice}", show)]


def _nan_advice(study: StudyData) -> str:
    """Compares learning rates of the diverged with the others': a fact, no advice.

    Diverged runs end early and cost little: a narrower range was not seen to find better ones.
    """
    bad, good = diverged_rates(study)
    if not are_higher(bad, good):
        return "their learning rates were not clearly higher than the others'; the first:"
    return (
        f"their learning rate is high (median {number(statistics.median(bad))}, of the others "
        f"{number(statistics.median(good))}); the first:"
    )


def _blank_phase(study: StudyData) -> list[Advice]:
    """The best named next to nothing, and their loss still fell: they were cut short."""
    blank = [t for t in study.leaders if any(flag.name == BLANK_PHASE for flag in t.flags)]
    best = study.best
    numbers = {trial.number for trial in blank}
    if best is None or best.number not in numbers or len(blank) < len(study.leaders) / 2:
        return []
    wanted = 3 * study.view.spec.budget.max_epochs
    share = (
        f"All of the best {len(blank)}"
        if len(blank) == len(study.leaders)
        else f"{len(blank)} of the best {len(study.leaders)}"
    )
    text = (
        f"{share} trials still predicted mostly blanks, as every CTC model does at first, "
        f"and their loss was falling. Search again with {wanted} epochs, three times as many, "
        "before you judge anything else:"
    )
    return [Advice("blank phase", text, _new_study(study, "longer", {"--max-epochs": wanted}))]


def _no_effect(study: StudyData) -> list[Advice]:
    """Every trial has the curve of every other: the run ignores its settings."""
    note = settings_note(study.view)
    return [Advice("no effect", note)] if note else []


def _confirm(study: StudyData) -> list[Advice]:
    best = study.best
    if best is None or not best.complete or study.view.running:
        return []  # confirm takes no trial that was stopped
    if best.number in {row.trial for row in study.confirmed}:
        return []
    text = (
        f"Retrain the winner with new seeds before you quote {study.value_text(best.value)}: it "
        "was selected on that very number."
    )
    return [Advice("confirm", text, _command(study, "confirm"))]


def _edges(study: StudyData) -> list[Advice]:
    """One new study that widens all of them, and begins with what this one found."""
    found = edges(study)
    if not found:
        return []
    unit = " points" if in_percent(study.metric) else ""
    texts = [
        f"{edge.parameter.name} keeps improving at the {'upper' if edge.upper else 'lower'} "
        f"edge of its range ({number(float(edge.parameter.low))} to "
        f"{number(float(edge.parameter.high))}) around the best trial, by "
        f"{study.value_text(edge.gain)}{unit}: widen it to {number(edge.wider)}."
        for edge in found
    ]
    wider = {"--set": [edge.setting for edge in found], "--from": study.view.spec.study}
    command = _new_study(study, "wider", wider)
    return [Advice("edge", " ".join(texts), command)]


def _longer(study: StudyData) -> list[Advice]:
    """The best were best at their end, and gained in their last quarter more than noise does."""
    ran = [t for t in study.leaders if t.reason == "max_epochs" and t.record.best_epoch]
    length = study.view.spec.budget.max_epochs
    falling = [t for t in ran if (t.record.best_epoch or 0) >= length - length // 20]
    if len(ran) < 3 or length < 4 or len(falling) < max(2, STILL_FALLING * len(ran)):
        return []
    late = [gain for t in ran if (gain := _late_gain(study, t, length)) is not None]
    if len(late) < 3 or _surely(late) < least_gain(study, LATE_POINTS):
        return []
    wanted = math.ceil(1.5 * length)
    text = (
        f"{len(falling)} of the best {len(ran)} trials that ran to the last epoch were best there, "
        f"and still gained {study.value_text(statistics.mean(late))} in their last quarter on "
        f"average: they were cut short. Train {wanted} epochs."
    )
    return [Advice("longer", text, _new_study(study, "longer", {"--max-epochs": wanted}))]


def _late_gain(study: StudyData, trial: TrialData, length: int) -> float | None:
    """By how much a trial got better in its last quarter: twice the difference between its halves.

    Each half's mean is taken, as the best value so far gets better by noise alone.
    """
    half = max(1, length // 8)
    values = trial.curve[-2 * half :] if len(trial.curve) >= 2 * half else ()
    if not values or not all(map(math.isfinite, values)):
        return None
    return 2 * study.sign * (statistics.mean(values[:half]) - statistics.mean(values[half:]))


def _surely(gains: Sequence[float]) -> float:
    """Two standard errors below the mean."""
    return statistics.mean(gains) - 2 * statistics.stdev(gains) / math.sqrt(len(gains))


def _ablate(study: StudyData) -> list[Advice]:
    found = study.importance
    if found is None or found.main.named is None or study.best is None or study.view.running:
        return []
    name = found.main.named
    text = f"Run an ablation to see whether {name} really matters or it is seed noise."
    return [Advice("ablate", text, _command(study, "ablate", {"--factor": name}))]


def _command(study: StudyData, name: str, options: Mapping[str, Any] | None = None) -> str:
    return command_line(name, options={"--study": study.view.spec.study, **(options or {})})


def _new_study(study: StudyData, suffix: str, changes: Mapping[str, Any]) -> str:
    """A name for each kind of change that no study has: under a taken one it would be refused."""
    own, count = f"{study.view.spec.study}-{suffix}", 2
    name = own
    while (study.view.folder.parent / name).exists():
        name, count = f"{own}-{count}", count + 1
    return study.last_run.command(name, changes)


RULES: tuple[Callable[[StudyData], list[Advice]], ...] = (
    _go_on,
    _failures,
    _confirm,
    _edges,
    _longer,
    _ablate,
)
"""In the order in which they are reported."""
