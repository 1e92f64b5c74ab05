"""What to do next: rules over a study's study, each with its reason and a command."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slr_tune.diagnosis.red_flags import BLANK_PHASE
from slr_tune.report.study.audit import audit
from slr_tune.report.study.edges import edges
from slr_tune.report.study.rungs import WEAK_RANK, rung_summaries
from slr_tune.report.study.study_data import StudyData
from slr_tune.report.study.troubles import last_word
from slr_tune.space import ChoiceParameter
from slr_tune.study.commands import command_line
from slr_tune.text import number

FAILED_SHARE = 0.1
"""Share of failed trials that is more than bad luck."""
STILL_FALLING = 0.5
DEAD_SHARE = 0.05
OPTION_LUCK = 0.05
ENOUGH_TRIALS = 50
MOST_MORE = 10
"""So many times the trials are the most that is worth asking for."""


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
    if best is None or not best.complete or study.view.running or not study.recogniser:
        return []  # confirm takes no trial that was stopped
    if best.number in {row.trial for row in study.confirmed}:
        return []
    text = "Retrain the best on fresh seeds before you quote its figure: it was chosen by it."
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
    texts = [
        f"{edge.parameter.name} is best at the {'upper' if edge.upper else 'lower'} edge of its "
        f"range (median of the best {number(edge.at)}, range {number(float(edge.parameter.low))} "
        f"to {number(float(edge.parameter.high))}): widen it to {number(edge.wider)}."
        for edge in found
    ]
    wider = {"--set": [edge.setting for edge in found], "--from": study.view.spec.study}
    command = _new_study(study, "wider", wider)
    return [Advice("edge", " ".join(texts), command)]


def _settled_options(study: StudyData) -> list[Advice]:
    """A choice of which the best all took one option, too often to be chance."""
    steps = []
    for parameter in study.view.spec.space.parameters:
        if not isinstance(parameter, ChoiceParameter):
            continue
        leaders = [t.params[parameter.name] for t in study.leaders if parameter.name in t.params]
        everyone = [t.params[parameter.name] for t in study.trials if parameter.name in t.params]
        if not leaders or len(set(leaders)) > 1 or len(set(everyone)) < 2:
            continue
        share = everyone.count(leaders[0]) / len(everyone)
        if share ** len(leaders) > OPTION_LUCK:
            continue
        text = (
            f"All of the best {len(leaders)} have {parameter.name}: {leaders[0]}, of all trials "
            f"{100 * share:.0f} %: fix it, and the other parameters get its trials."
        )
        steps.append(Advice("settled option", text))
    return steps


def _longer(study: StudyData) -> list[Advice]:
    found = [t.record.best_epoch for t in study.leaders if t.reason == "max_epochs"]
    ran, length = [epoch for epoch in found if epoch], study.view.spec.budget.max_epochs
    falling = [epoch for epoch in ran if epoch >= length - length // 20]
    if len(ran) < 3 or length < 4 or len(falling) < max(2, STILL_FALLING * len(ran)):
        return []
    wanted = math.ceil(1.5 * length)
    text = (
        f"{len(falling)} of the best {len(ran)} trials that ran to the last epoch were best there: "
        f"they were cut short. Give them {wanted} epochs."
    )
    return [Advice("longer", text, _new_study(study, "longer", {"--max-epochs": wanted}))]


def _patience(study: StudyData) -> list[Advice]:
    found = study.patience
    if found is None or found.recommended is None or found.saved < 0.02:
        return []
    text = (
        f"A patience of {found.recommended} would have given the same WER (within 0.1 points) in "
        f"{100 * found.saved:.0f} % fewer epochs, over {len(found.runs)} finished trials."
    )
    return [Advice("patience", text)]


def _audit(study: StudyData) -> list[Advice]:
    found, budget = audit(study), study.view.spec.budget
    later = min(2 * budget.grace_epochs, budget.max_epochs)
    if found.rate is None or later == budget.grace_epochs:
        return []
    if not found.winners and found.interval[0] < 0.2:
        return []
    what = "would have won" if found.winners else "ended better than half of those let through"
    count = len(found.winners or found.wrong)
    text = (
        f"{count} of {len(found.finished)} audited trials that ASHA would have stopped {what}: "
        f"it stops too early. Give it a grace of {later} epochs."
    )
    return [Advice("audit", text, _later_rung(study, later))]


def _weak_rung(study: StudyData) -> list[Advice]:
    rows = [(row, row.foretold) for row in rung_summaries(study) if row.foretold is not None]
    if not rows or rows[0][0].end_count < 10 or rows[0][1].high >= WEAK_RANK:
        return []
    first, found = rows[0]
    better = (row.epoch for row, later in rows[1:] if later.correlation >= WEAK_RANK)
    later = next(better, 2 * first.epoch)
    if later > study.view.spec.budget.max_epochs:
        return []
    text = (
        f"The order at the first rung, epoch {first.epoch}, hardly foretells the end (rank "
        f"correlation {first.end_rank:.2f} over {first.end_count} trials, of all trials at most "
        f"{found.high:.2f}): first stop at epoch {later}."
    )
    return [Advice("weak rung", text, _later_rung(study, later))]


def _dead(study: StudyData) -> list[Advice]:
    found = study.importance
    units = found.main.units if found and found.main.trials >= ENOUGH_TRIALS else ()
    dead = [unit.name for unit in units if unit.high < DEAD_SHARE]
    if not dead:
        return []
    verb = "matters" if len(dead) == 1 else "matter"
    text = (
        f"{_listed(dead)} hardly {verb} (below {100 * DEAD_SHARE:.0f} % of the importance, "
        "its whole interval): fix what is cheap, and search the rest."
    )
    return [Advice("dead parameter", text)]


def _more_trials(study: StudyData) -> list[Advice]:
    if study.importance is None or study.view.running:
        return []
    main = study.importance.main
    settled = main.units and (len(main.units) == 1 or not main.units[0].unstable)
    needed = main.needed or 0
    if not ENOUGH_TRIALS < needed <= MOST_MORE * main.trials:
        needed = 0
    wanted = needed or ENOUGH_TRIALS
    if settled or main.trials >= wanted:
        return []
    would = (
        f"about {needed} would, if the difference is real"
        if needed
        else f"at least {ENOUGH_TRIALS} are advised"
    )
    text = (
        f"The {main.trials} trials that reached epoch {main.epoch} do not settle which parameter "
        f"matters most; {would}."
    )
    given = len(study.view.imported)
    asked = math.ceil(len(study.trials) * wanted / max(1, main.trials)) - given
    return [Advice("more trials", text, _more(study, asked))]


def _ablate(study: StudyData) -> list[Advice]:
    units = [] if study.importance is None else study.importance.main.units
    if not units or units[0].share == 0.0 or study.best is None or study.view.running:
        return []
    name = units[0].name
    text = f"Whether {name} makes the difference, or the seed, an ablation tells."
    return [Advice("ablate", text, _command(study, "ablate", {"--factor": name}))]


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _command(study: StudyData, name: str, options: Mapping[str, Any] | None = None) -> str:
    return command_line(name, options={"--study": study.view.spec.study, **(options or {})})


def _more(study: StudyData, trials: int) -> str:
    return study.last_run.command(study.view.spec.study, {"--trials": trials})


def _later_rung(study: StudyData, epoch: int) -> str:
    return _new_study(study, "later", {"--set": [f"budget.grace_epochs={epoch}"]})


def _new_study(study: StudyData, suffix: str, changes: Mapping[str, Any]) -> str:
    """A name for each kind of change: under one name a second change would be refused."""
    return study.last_run.command(f"{study.view.spec.study}-{suffix}", changes)


RULES: tuple[Callable[[StudyData], list[Advice]], ...] = (
    _go_on,
    _failures,
    _confirm,
    _baseline_won,
    _edges,
    _settled_options,
    _longer,
    _audit,
    _weak_rung,
    _patience,
    _dead,
    _ablate,
    _more_trials,
)
"""In the order in which they are told."""
