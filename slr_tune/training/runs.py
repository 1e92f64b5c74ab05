"""What is trained: an arm, with a seed, and how that ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slr_tune.training.kinds import Kind, configured_beam
from trainables.errors import ConfigError
from trainables.registry import is_recogniser, reports_predictions
from trainables.runs.early_stopping import StoppingRule

Row = Mapping[str, float]

FIRST_FRESH_SEED = 1000
"""Far from the seeds that people give a search, which are small numbers."""
FIRST_CONFIRMED_SEED = 2000
"""Of `confirm`: what an ablation has looked at is not new any more."""
FIRST_TEACHER_SEED = 3000
"""Of further teachers."""


@dataclass(frozen=True)
class Measure:
    """What a run is judged by.

    Attributes:
        metric: Column of its curve.
        minimize: Whether smaller values are better.
        scored: Whether its errors in each utterance can be counted, as of every recogniser that
            is built in or derived from one. Of any other run only the metric is known.
        predicted: Whether a run that is not `scored` reports what it recognised in each utterance.
    """

    metric: str
    minimize: bool
    scored: bool
    predicted: bool = False

    @property
    def counted(self) -> bool:
        """Whether the errors of each utterance are known, from weights or from the run itself."""
        return self.scored or self.predicted

    def rank(self, value: float) -> float:
        """A value so that the smallest is the best; infinity for what is not a finite number."""
        if not math.isfinite(value):
            return math.inf
        return value if self.minimize else -value


WER = Measure("val/wer", minimize=True, scored=True)


def measure_of(trainable: str, metric: str, *, minimize: bool) -> Measure:
    """What runs of a search are judged by when they are compared.

    Args:
        trainable: Name of the run.
        metric: The objective's.
        minimize: Its direction.
    """
    if is_recogniser(trainable):
        return WER
    predicted = reports_predictions(trainable)
    return Measure(metric, minimize=minimize, scored=False, predicted=predicted)


@dataclass(frozen=True)
class Arm:
    """A configuration that is trained and compared.

    Attributes:
        name: Name in tables and verdicts.
        config: Its whole configuration.
        trainable: Run that it trains.
        levels: Level by factor, in words.
        kind: The costliest kind among its changes.
        decoding: Settings of the beam search, empty for greedy decoding; None for the decoder that
            its configuration names.
        note: What a reader should know of it; may be empty.
    """

    name: str
    config: Mapping[str, Any]
    trainable: str
    levels: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = Kind.TRAINED
    decoding: Mapping[str, float] | None = None
    note: str = ""

    @property
    def beam(self) -> Mapping[str, float] | None:
        """Settings of the beam search that it is measured by; None for greedy decoding."""
        if self.decoding is not None:
            return self.decoding or None
        return configured_beam(self.config) or None if is_recogniser(self.trainable) else None


@dataclass(frozen=True)
class ArmRun:
    """One arm with one seed: what is to be trained, and once it is, how it ended.

    Attributes:
        arm: The arm.
        seed: The seed.
        measure: What it is judged by.
        rows: Its curve, to its own end; empty before.
        ended_by: "max_epochs", "patience" or "nan"; a custom run may have words of its own.
        best_epoch: Epoch that it is measured at; None where no epoch has a value.
        folder: Of the stage that holds this epoch's weights and errors; of the last where there
            is no such epoch.
        stages: Names of the folders of the stages that it passed through.
        facts: What the last of them reported: parameters, memory, remedies.
    """

    arm: Arm
    seed: int
    measure: Measure = WER
    rows: Sequence[Row] = ()
    ended_by: str | None = None
    best_epoch: int | None = None
    folder: Path | None = None
    stages: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the arm with the seed, and that of the data's order where it has its own."""
        order = "" if self.data_seed is None else f", data_seed {self.data_seed}"
        return f"{self.arm.name}, seed {self.seed}{order}"

    @property
    def data_seed(self) -> int | None:
        """Seed of the order of the training data; None where it is the run's."""
        found = self.arm.config.get("data_seed")
        return found if isinstance(found, int) else None

    @property
    def max_epochs(self) -> int:
        """Epochs that it trains at most."""
        return int(self.arm.config["max_epochs"])

    @property
    def rule(self) -> StoppingRule:
        """When it ends: `max_epochs`, and a patience with what it watches.

        Of a custom run no such rule is known: it ends itself, or at its `max_epochs`.
        """
        length = self.max_epochs
        if not self.measure.scored:
            return StoppingRule(self.measure.metric, length, 0.0, length)
        return StoppingRule.of(self.arm.config)

    @property
    def value(self) -> float:
        """What it shows on dev at its best epoch; without one it recognises nothing.

        NaN for a custom run that never had a value.
        """
        if self.best_epoch is None:
            return 100.0 if self.measure.scored else math.nan
        return float(self.rows[self.best_epoch - 1][self.measure.metric])

    @property
    def weights(self) -> Path:
        """Checkpoint of its best epoch.

        Raises:
            ConfigError: It has none.
        """
        self.check_weights()
        return weights_file(self.folder or Path(), self.best_epoch or 0)

    def check_weights(self) -> None:
        """Refuses a run that diverged before an epoch was done.

        Raises:
            ConfigError: It did.
        """
        if self.best_epoch is None:
            raise ConfigError(
                f"the training in {self.folder} ended by {self.ended_by} in epoch "
                f"{len(self.rows)} and has no checkpoint",
                hint="Lower learning_rate, or set clip_norm.",
            )

    def end(self, rows: Sequence[Row]) -> tuple[int, str] | None:
        """The epoch at which it ends and why; None where the curve does not reach that far.

        Exact, as the rule looks at nothing but the curve: one that is long enough holds every run
        that stops earlier, to the bit.

        Args:
            rows: The curve from epoch 1.
        """
        length = self.max_epochs
        if not self.measure.scored:
            # Such a run ends itself, and a value that is not finite does not show how it fares.
            return (length, "max_epochs") if len(rows) >= length else None
        for epoch in range(1, len(rows) + 1):
            reason = self.rule.verdict(rows[:epoch])
            if reason is not None:
                return epoch, reason
        return None


def planned_runs(
    arms: Sequence[Arm], seeds: Sequence[int], *, measure: Measure = WER
) -> list[ArmRun]:
    """Every arm with every seed, seed by seed."""
    return [ArmRun(arm, seed, measure) for seed in seeds for arm in arms]


def best_epoch(rows: Sequence[Row], measure: Measure) -> int | None:
    """The first epoch with the best value; None where no epoch has one."""
    ranks = [measure.rank(row[measure.metric]) for row in rows]
    best = min(ranks, default=math.inf)
    return None if best == math.inf else ranks.index(best) + 1


def weights_file(folder: Path, epoch: int) -> Path:
    """The weights after an epoch."""
    return folder / f"best_{epoch:03d}.pt"


def fresh_seeds(number: int, *, search_seed: int, first: int = FIRST_FRESH_SEED) -> tuple[int, ...]:
    """So many seeds from `first` up for runs that are compared, the search's own left out."""
    seeds = range(first, first + number + 1)
    return tuple(seed for seed in seeds if seed != search_seed)[:number]
