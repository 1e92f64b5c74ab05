"""The pruning audit: what became of the trials that ASHA would have stopped."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slr_tune.importance.parameter_columns import Floats
from slr_tune.report.page import WRITTEN, Part, Table, numbers, texts
from slr_tune.report.study.study_data import StudyData, TrialData

_BEST = 0.1
_LEAST_AUDITED = 3
_RESAMPLES = 400


@dataclass(frozen=True)
class Audit:
    """What became of the trials that ASHA would have stopped.

    Attributes:
        spared: Trials that the audit let run on, finished or not.
        finished: Those that ended by themselves.
        wrong: Of those, the ones that ended better than half of the trials that ASHA let through.
        winners: Of those, the ones that ended better than all of them.
        bar: The median last value of the trials that ASHA let through; None without any.
        passed: How many those are, the baseline left out, which it could not stop.
        best_stopped: Share of the best tenth of all trials that ASHA stops, with a 90 % interval;
            each audited trial stands for as many as its chance of being audited makes it. None
            where fewer than three were audited to their end.
        stopped: Share of all trials that it stops: what stopping at random would do to the best.
    """

    spared: tuple[TrialData, ...]
    finished: tuple[TrialData, ...]
    wrong: tuple[TrialData, ...]
    winners: tuple[TrialData, ...]
    bar: float | None
    passed: int
    best_stopped: tuple[float, float, float] | None = None
    stopped: float = 0.0

    @property
    def rate(self) -> float | None:
        """Share of wrong stops, 0..1; None where none was audited to its end."""
        judged = bool(self.finished) and self.bar is not None
        return len(self.wrong) / len(self.finished) if judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate. Source: Wilson 1927, JASA 22, 209-212."""
        return wilson(len(self.wrong), len(self.finished))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share; 0 to 1 without observations."""
    from scipy.stats import binomtest

    if count == 0:
        return 0.0, 1.0
    found = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    # At the ends the formula misses by a rounding error.
    return (float(found.low) if hits else 0.0), (float(found.high) if hits < count else 1.0)


def audit(study: StudyData) -> Audit:
    """Compares the last values of spared trials with those of trials that ASHA let through."""
    spared = tuple(trial for trial in study.trials if trial.record.spared_at is not None)
    finished = tuple(trial for trial in spared if trial.complete)
    baseline = None if study.baseline is None else study.baseline.number
    judged = [t for t in study.trials if t.number != baseline and t.record.spared_at is None]
    passed = [study.sign * t.value for t in judged if t.complete and t.value is not None]
    if not passed:
        return Audit(spared, finished, (), (), None, 0)
    middle, best = statistics.median(passed), min(passed)
    ended = [(trial, study.sign * (trial.value or 0.0)) for trial in finished]
    return Audit(
        spared,
        finished,
        tuple(trial for trial, value in ended if value < middle),
        tuple(trial for trial, value in ended if value < best),
        study.sign * middle,
        len(passed),
        _best_stopped(passed, [value for _, value in ended], study.view.spec.budget.audit),
        _stopped_share(judged, spared),
    )


def _stopped_share(judged: Sequence[TrialData], spared: Sequence[TrialData]) -> float:
    beaten = sum(trial.reason == "asha" for trial in judged) + len(spared)
    through = sum(trial.complete for trial in judged)
    return beaten / max(1, beaten + through)


def _best_stopped(
    passed: Sequence[float], audited: Sequence[float], share: float
) -> tuple[float, float, float] | None:
    """Share of the weight of the best tenth that audited trials have.

    Source: Horvitz and Thompson 1952, JASA 47, 663-685: a trial that was audited with chance p
    stands for 1/p of its kind. The interval is from 400 resamples of both kinds.
    """
    if len(audited) < _LEAST_AUDITED or not share:
        return None
    rng = np.random.default_rng(0)
    one, other = np.array(passed), np.array(audited)
    point = _weighted(one, other, share)
    drawn = [
        _weighted(rng.choice(one, len(one)), rng.choice(other, len(other)), share)
        for _ in range(_RESAMPLES)
    ]
    low, high = map(float, np.quantile(drawn, [0.05, 0.95]))
    return point, min(low, point), max(high, point)


def _weighted(passed: Floats, audited: Floats, share: float) -> float:
    values = np.concatenate([passed, audited])
    weights = np.concatenate([np.ones(len(passed)), np.full(len(audited), 1 / share)])
    order = np.argsort(values, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    # Of the trial at the border only the part counts that still belongs to the best tenth.
    within = np.clip(_BEST * weights.sum() - before, 0.0, weights[order])
    return float(within[order >= len(passed)].sum() / within.sum())


def audit_part(study: StudyData) -> Part | None:
    """None where nothing was stopped or spared."""
    found = audit(study)
    stopped = sum(trial.reason == "asha" for trial in study.trials)
    if not stopped and not found.spared:
        return None
    tables = []
    if found.spared:
        rows = [
            (
                str(trial.number),
                str(trial.record.spared_at),
                study.value_text(trial.best_so_far.get(trial.record.spared_at or 0)),
                study.value_text(trial.value) if trial.complete else f"({trial.reason})",
                _judged(found, trial),
            )
            for trial in found.spared[:50]
        ]
        columns = numbers("trial", "would have stopped at", "value there", "value at its end")
        caption = "The trials that ASHA would have stopped and the audit let continue"
        caption += "; the first 50." if len(found.spared) > 50 else "."
        tables.append(Table(columns + texts("the stop would have been"), rows, caption))
    return Part("Was stopping right?", [*audit_text(found, stopped), *tables], formats=WRITTEN)


def audit_text(found: Audit, stopped: int) -> list[str]:
    """The rate in words."""
    if not found.spared:
        return [
            f"ASHA stopped {stopped} trials, and no stopped trial was run on to its end, so it "
            f"is not known how many it stopped wrongly. budget: {{audit: 0.05}} lets one trial in "
            f"twenty continue."
        ]
    if found.rate is None:
        return [f"{len(found.spared)} trials were spared; none can be judged yet."]
    low, high = (100 * end for end in found.interval)
    count = len(found.finished)
    text = (
        f"Of {count} trial{'s' * (count > 1)} that ASHA would have stopped and that ran to the "
        f"end, {len(found.wrong) or 'none'} ended better than half of the {found.passed} that it "
        f"let through: {100 * found.rate:.0f} % [{low:.0f}, {high:.0f}], where stopping at random "
        f"would have 50 %. {len(found.winners) or 'None'} would have won."
    )
    if found.best_stopped is not None:
        share, least, most = (100 * value for value in found.best_stopped)
        text += (
            f" Of the best tenth of all trials ASHA stops about {share:.0f} % "
            f"[{least:.0f}, {most:.0f}] (each audited trial represents all that were as likely "
            f"to be audited); stopping at random would stop {100 * found.stopped:.0f} %."
        )
    few = "Too few audited trials to conclude anything."
    return [text, few] if count < 20 else [text]


def _judged(found: Audit, trial: TrialData) -> str:
    if trial not in found.finished or found.bar is None:
        return "not known"
    if trial in found.winners:
        return "wrong: it beats all that ASHA let through"
    return "wrong" if trial in found.wrong else "right"
