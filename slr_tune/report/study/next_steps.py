"""What to do next: rules over a study's study, each with its reason and a command."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slr_tune.diagnosis.red_flags import BLANK_PHASE
from slr_tune.report.study.edges import edges, least_gain
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.report.study.troubles import last_word
from slr_tune.study.commands import command_line
from slr_tune.text import in_percent, number

FAILED_SHARE = 0.1
"""Share of failed trials that is more than bad luck."""
STILL_FALLING = 0.5
LATE_POINTS = 0.5
"""WER points that the last quarter of a run gains by more than luck."""
DEAD_POINTS = 0.5
"""Standard deviation over the space, WER points, that is called nothing."""
ENOUGH_TRIALS = 50


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

    Where the best were still in the blank phase nothing is told from their order.
    """
    rules = (_go_on, _failures, _blank_phase) if _blank_phase(study) else RULES
    return [advice for rule in rules for advice in rule(study)]


def _go_on(study: StudyData) -> list[Advice]:
    """Trials that wait for a driver."""
    if study.view.running:
        text = "The search is running: make this report again when it is done."
        return [Advice("running", text, _command(study, "report"))]
    waiting = sum(trial.ending == "running" for trial in study.trials)
    if not waiting:
        return []
    text = f"{waiting} trials are not finished and nobody works on them: go on with them."
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
    }.get(reason, f"the first said: {last_word(first.record.error) or 'nothing'}.")
    show = command_line("show", study.view.spec.study, options={"--trial": first.number})
    return [Advice("failures", f"{share}: {advice}", show)]


def _nan_advice(study: StudyData) -> str:
    """Compares learning rates of the diverged with the others'."""
    name = "learning_rate"
    having = [trial for trial in study.trials if name in trial.record.config]
    bad = [trial.record.config[name] for trial in having if trial.reason == "nan"]
    good = [trial.record.config[name] for trial in having if trial.complete]
    if bad and good and (high := statistics.median(bad)) > 1.5 * statistics.median(good):
        return (
            f"their learning rate is high (median {number(high)}, of finished trials "
            f"{number(statistics.median(good))}): lower the upper end of its range."
        )
    return "lower the learning rate, or clip the gradient with clip_norm."


def _blank_phase(study: StudyData) -> list[Advice]:
    """The best named next to nothing, and their loss still fell: they were cut short."""
    blank = [t for t in study.leaders if any(flag.name == BLANK_PHASE for flag in t.flags)]
    best = study.best
    numbers = {trial.number for trial in blank}
    if best is None or best.number not in numbers or len(blank) < len(study.leaders) / 2:
        return []
    wanted = 3 * study.view.spec.budget.max_epochs
    text = (
        f"{len(blank)} of the best {len(study.leaders)} trials were still in the blank phase, and "
        f"their loss still fell: give them {wanted} epochs before anything else is judged."
    )
    return [Advice("blank phase", text, _new_study(study, "longer", {"--max-epochs": wanted}))]


def _confirm(study: StudyData) -> list[Advice]:
    best = study.best
    if best is None or not best.complete or study.view.running:
        return []  # confirm takes no trial that was stopped
    if best.number in {row.trial for row in study.confirmed}:
        return []
    text = (
        f"Retrain the winner with new seeds before you quote {study.said(best.value)}: it was "
        "selected on that very number."
    )
    return [Advice("confirm", text, _command(study, "confirm"))]


def _baseline_won(study: StudyData) -> list[Advice]:
    won = study.best is not None and study.best is study.baseline
    if not won or len(study.trials) < 2 or study.view.running:
        return []
    text = (
        f"Nothing in {len(study.trials)} trials beat the baseline: ask for more trials, or search "
        "a narrower space around it."
    )
    return [Advice("baseline won", text, _more(study, 2 * len(study.view.run_here)))]


def _edges(study: StudyData) -> list[Advice]:
    """One new study that widens all of them, and begins with what this one found."""
    found = edges(study)
    if not found:
        return []
    unit = " points" if in_percent(study.metric) else ""
    texts = [
        f"{edge.parameter.name} goes on getting better at the {'upper' if edge.upper else 'lower'} "
        f"edge of its range ({number(float(edge.parameter.low))} to "
        f"{number(float(edge.parameter.high))}) around the best trial, by {study.said(edge.gain)}"
        f"{unit}: widen it to {number(edge.wider)}."
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
    if not late or statistics.median(late) < least_gain(study, LATE_POINTS):
        return []
    wanted = math.ceil(1.5 * length)
    text = (
        f"{len(falling)} of the best {len(ran)} trials that ran to the last epoch were best there, "
        f"and their last quarter gained {study.said(statistics.median(late))} in the median: they "
        f"were cut short. Give them {wanted} epochs."
    )
    return [Advice("longer", text, _new_study(study, "longer", {"--max-epochs": wanted}))]


def _late_gain(study: StudyData, trial: TrialData, length: int) -> float | None:
    """By how much a trial got better in its last quarter."""
    quarter, end = trial.best_so_far.get(math.floor(0.75 * length)), trial.best_so_far.get(length)
    return None if quarter is None or end is None else study.sign * (quarter - end)


def _dead(study: StudyData) -> list[Advice]:
    """Units whose whole band is small, that act together with nothing, and have no edge."""
    found = study.importance
    if found is None or found.main.trials < ENOUGH_TRIALS or not in_percent(study.metric):
        return []
    together = {unit for pair in found.pairs if pair.named for unit in pair.units}
    pressed = {".".join(edge.parameter.path) for edge in edges(study)}
    dead = [
        bar.name
        for bar in found.main.units
        if bar.seen is False
        and bar.measured
        and bar.points
        and bar.points[2] < DEAD_POINTS
        and bar.name not in together | pressed
    ]
    if not dead:
        return []
    verb = "matters" if len(dead) == 1 else "matter"
    text = (
        f"{_listed(dead)} hardly {verb} (at most {number(DEAD_POINTS)} points over the range, by "
        "the whole band): fix what is cheap, and search the rest."
    )
    return [Advice("dead parameter", text)]


def _ablate(study: StudyData) -> list[Advice]:
    found = study.importance
    if found is None or found.main.named is None or study.best is None or study.view.running:
        return []
    name = found.main.named
    text = f"Run an ablation to see whether {name} really matters or it is seed noise."
    return [Advice("ablate", text, _command(study, "ablate", {"--factor": name}))]


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _command(study: StudyData, name: str, options: Mapping[str, Any] | None = None) -> str:
    return command_line(name, options={"--study": study.view.spec.study, **(options or {})})


def _more(study: StudyData, trials: int) -> str:
    return study.last_run.command(study.view.spec.study, {"--trials": trials})


def _new_study(study: StudyData, suffix: str, changes: Mapping[str, Any]) -> str:
    """A name for each kind of change: under one name a second change would be refused."""
    return study.last_run.command(f"{study.view.spec.study}-{suffix}", changes)


RULES: tuple[Callable[[StudyData], list[Advice]], ...] = (
    _go_on,
    _failures,
    _confirm,
    _baseline_won,
    _edges,
    _longer,
    _dead,
    _ablate,
)
"""In the order in which they are told."""
