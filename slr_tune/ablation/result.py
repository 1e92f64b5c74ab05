"""What an ablation found, as plain values that reports read; `result_files` keeps them.

Everything here is JSON: no NaN, no path, no array. Neither torch nor ray.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1

MAIN = "main"
"""Every arm against the baseline: the table of the first screen."""
TEST = "test"
"""The same on the test split, where it was opened."""
RETUNED = "retuned"
"""The same where each arm has tuned a setting of its own."""
MAIN_EFFECT = "main effect"
"""One of two crossed factors over all levels of the other; a table a factor and split."""
INTERACTION = "interaction"
"""Whether the effect of one factor depends on the level of the other."""
FORWARD = "path"
"""The measured path: the baseline, then one more parameter as the best trial has it in each row."""
PUT_BACK = "put back"
"""The best trial, and the best with each parameter as the baseline has it."""

_NO_CURVE = ("epoch", "seconds")
"""Columns that are not kept: the place in the list, and what depends on the machine's load."""


@dataclass(frozen=True)
class ArmRow:
    """One arm on one split.

    Attributes:
        name: The arm's.
        per_seed: Its measure (WER in percent for the built-in runs), in the order of the seeds.
        mean: Their mean, which for a WER is also the pooled one.
        substitutions: The part of the mean that is substitutions, points; None where the measure
            is not a WER.
        deletions: The part that is deletions.
        insertions: The part that is insertions.
        difference: To the baseline, points; None for the baseline itself, as all below.
        low: Lower end of the 95 % interval.
        high: Upper end.
        difference_per_seed: To the baseline's run with the same seed.
        p_value: Two-sided.
        holm_p: After Holm's correction.
        probability_of_improvement: Probability that the arm is truly the better one.
        mapsswe_p: p-value of the matched-pairs test of each seed.
        smallest_detectable: Points that such runs show in 80 % of studies.
        more_seeds: More seeds that show it with a chance of 80 %, if the true difference is as
            large as the one seen.
        more_units: Utterances or signers needed where seeds alone cannot.
        outcome: One of `statistics.verdict.Outcome`; of an interaction "interaction" or
            "no clear interaction"; "" for the baseline.
        sentence: The verdict.
        tried_seeds: A number of more seeds that one may well run.
        chance: Probability that so many show it, under the same condition.
        level: Of the interval; above 0.95 where it is corrected as p is.
        same_p: p-value, after Holm's correction, that the arm is not the same within the margin.
        collapsed: Places in `per_seed` of the runs that collapsed.
        all_runs: Difference and 95 % interval with the collapsed runs; () where there are none.
        unit_variance: Of the difference, what only more utterances divide, squared points.
        looks: Of `--until-decided`: seeds at its last look; None without.
        note: What belongs to this row alone, such as the learning rate it chose; may be empty.
    """

    name: str
    per_seed: tuple[float, ...]
    mean: float
    substitutions: float | None = None
    deletions: float | None = None
    insertions: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    difference_per_seed: tuple[float, ...] = ()
    p_value: float | None = None
    holm_p: float | None = None
    probability_of_improvement: float | None = None
    mapsswe_p: tuple[float | None, ...] = ()
    smallest_detectable: float | None = None
    more_seeds: int | None = None
    more_units: int | None = None
    outcome: str = ""
    sentence: str = ""
    note: str = ""
    tried_seeds: int | None = None
    chance: float | None = None
    level: float = 0.95
    same_p: float | None = None
    collapsed: tuple[int, ...] = ()
    all_runs: tuple[float, ...] = ()
    unit_variance: float | None = None
    looks: int | None = None

    @property
    def too_few_trained(self) -> bool:
        """Whether collapses leave no verdict, so that the difference is that of all runs."""
        return bool(self.all_runs) and self.difference == self.all_runs[0]


@dataclass(frozen=True)
class ResultTable:
    """One family of comparisons.

    Attributes:
        role: What it is for: one of the constants of this module.
        title: What is compared.
        split: On which split.
        baseline: Name of the arm that the others are compared with.
        rows: Arms, or levels of a factor, the baseline among them (but in an interaction, which has
            none).
        verdict: One sentence on all of them.
        seeds: How many runs each arm has.
        utterances: Scored utterances; None where the measure is not a WER, as the next two.
        words: Reference words.
        signers: Signers that were resampled as blocks; None where utterances were.
        resamples: Of the bootstrap; None where there was none.
        limits: What the intervals do not cover, sentences.
        measure: What the figures are: "WER", or the name of the metric of a custom run.
        minimize: Whether a smaller figure is the better one.
        margin: Points within which arms count as the same; None without one.
        shares: Of the variance of a difference, by source; empty where that is not known.
        family: Comparisons that were corrected for together; None in results of before 0.2.
        teachers: Teachers of the runs, one after another, with as many seeds each; 1 also without.
        orders: Orders of the training data of each seed, one after another.
    """

    role: str
    title: str
    split: str
    baseline: str
    rows: tuple[ArmRow, ...]
    verdict: str
    seeds: int
    utterances: int | None = None
    words: int | None = None
    signers: int | None = None
    resamples: int | None = None
    limits: tuple[str, ...] = ()
    measure: str = "WER"
    minimize: bool = True
    margin: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    family: int | None = None
    teachers: int = 1
    orders: int = 1

    def row(self, name: str) -> ArmRow:
        """The row of an arm."""
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True)
class RunRow:
    """One run.

    Attributes:
        part: Role of the table it was made for; (part, arm, seed, data_seed) names a run.
        arm: Its arm.
        seed: Its seed.
        epochs: It trained, its share of what others trained with it included.
        best_epoch: It is measured at; None where it has none.
        ended_by: "max_epochs", "patience" or "nan".
        errors: By split: substitutions, deletions, insertions, reference words. Empty for a custom
            run, which does not say them.
        value: Its metric on dev at the best epoch; None without one.
        parameters: Numbers in the model; None where the run does not say.
        curve: Columns of its curve by their names, a value an epoch; None where there is none.
        data_seed: Seed of the order of the training data; None where it is the run's.
    """

    part: str
    arm: str
    seed: int
    epochs: int
    best_epoch: int | None
    ended_by: str
    errors: Mapping[str, tuple[int, int, int, int]]
    value: float | None
    parameters: int | None
    curve: Mapping[str, tuple[float | None, ...]]
    data_seed: int | None = None

    def wer(self, split: str) -> float:
        """Percent."""
        *errors, words = self.errors[split]
        return 100.0 * sum(errors) / words


@dataclass(frozen=True)
class ArmDescription:
    """An arm in words and figures.

    Attributes:
        part: Role of the table it was made for.
        name: Its name.
        kind: "trained", "stopping" or "decoding".
        levels: Level by factor, in words.
        changes: Settings that differ from the baseline: `dropout: 0.2 -> 0.4`.
        config: Its whole configuration.
        note: What a reader should know; may be empty.
    """

    part: str
    name: str
    kind: str
    levels: Mapping[str, str]
    changes: tuple[str, ...]
    config: Mapping[str, Any]
    note: str = ""


@dataclass(frozen=True)
class Baseline:
    """What every arm is compared with.

    Attributes:
        source: Where it comes from, in words.
        config: Its whole configuration.
    """

    source: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class StageRow:
    """Epochs that were trained once for all runs that share them.

    Attributes:
        id: Name of its folder.
        first: Its first epoch.
        last: Its last.
        runs: Those that pass through it: "arm, seed".
        seconds: Of training.
    """

    id: str
    first: int
    last: int
    runs: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Receipt:
    """What an ablation cost.

    Attributes:
        epochs_asked: Epochs of all runs, each to its own end, each trained by itself.
        epochs_run: Epochs of all stages, each counted once.
        epochs_now: Those of them that the last call trained; the others were there.
        runs: Runs requested.
        seconds: Of training, summed over the stages.
        reasons: What was shared, replayed, decoded again, or could not be, in words.
        stages: What was trained.
    """

    epochs_asked: int
    epochs_run: int
    epochs_now: int
    runs: int
    seconds: float
    reasons: tuple[str, ...]
    stages: tuple[StageRow, ...]

    @property
    def share(self) -> float:
        """Epochs run for each epoch requested."""
        return self.epochs_run / self.epochs_asked if self.epochs_asked else 1.0


@dataclass(frozen=True)
class PathStep:
    """One step of the measured path: the parameter that gained most.

    Attributes:
        parameter: What changed.
        change: From what to what, in words.
        gain: Points by which the mean over the seeds changed; below 0 is better for a WER.
        mean: The mean after it.
        others: Change of the mean with each other parameter that was tried instead; None where a
            run then had no value.
    """

    parameter: str
    change: str
    gain: float
    mean: float
    others: Mapping[str, float | None]


@dataclass(frozen=True)
class AblationResult:
    """All of it.

    Attributes:
        study: Name of the study.
        name: Of the ablation, also of its folder.
        title: For a person.
        verdict: The one sentence.
        tables: Families of comparisons, the main one first.
        arms: What was compared, the baseline first.
        runs: All runs.
        seeds: In their order.
        baseline: What the arms are compared with.
        receipt: What it cost.
        setting: In which this holds: data, split, teacher, budget, seeds, versions.
        command: Command that reproduces the result.
        steps: Of a measured path; empty otherwise.
        notes: Sentences that a reader must know.
        place: Start of a command line before the command, which makes it work in any folder.
        schema: Of the file.
    """

    study: str
    name: str
    title: str
    verdict: str
    tables: tuple[ResultTable, ...]
    arms: tuple[ArmDescription, ...]
    runs: tuple[RunRow, ...]
    seeds: tuple[int, ...]
    baseline: Baseline
    receipt: Receipt
    setting: Mapping[str, str]
    command: str
    steps: tuple[PathStep, ...] = ()
    notes: tuple[str, ...] = ()
    place: str = ""
    schema: int = field(default=SCHEMA)

    @property
    def main(self) -> ResultTable:
        """The table of the first screen."""
        return self.tables[0]

    def table(self, role: str) -> ResultTable | None:
        """The table of a role, the first of several; None where there is none."""
        return next((table for table in self.tables if table.role == role), None)

    def crossing(self, split: str) -> list[ResultTable]:
        """Main effects and interaction of two crossed factors on a split; empty without."""
        roles = (MAIN_EFFECT, INTERACTION)
        return [table for table in self.tables if table.role in roles and table.split == split]


def curve_columns(rows: Sequence[Mapping[str, float]]) -> dict[str, tuple[float | None, ...]]:
    """A curve by columns, NaN as None; without what differs between two equal runs."""
    names = dict.fromkeys(name for row in rows for name in row if name not in _NO_CURVE)
    return {name: tuple(number(row.get(name)) for row in rows) for name in names}


def number(value: float | None) -> float | None:
    """A number that JSON has; None for NaN and infinity."""
    return None if value is None or not math.isfinite(value) else float(value)
