"""What earlier runs reached: values by epoch, and how they ended by this study's reckoning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from optuna.trial import TrialState

from slr_tune.errors import SlrTuneError
from slr_tune.importing.earlier_run import EarlierRun, Source, as_number
from slr_tune.importing.fit import Misfit
from slr_tune.importing.names import SYNONYMS, Matched, plain_name
from slr_tune.importing.step_count import StepCount
from slr_tune.space import StudySpec
from slr_tune.study.record import state_for
from slr_tune.text import counted, in_percent
from trainables.files.curve import COLUMNS

_ANY_METRIC = ("value", "objective", "bestvalue", "score", "metric")
_EPOCHS = ("epochsrun", "epochs", "epoch", "trainingiteration", "lastepoch", "numepochs", "nepochs")
_SECONDS = ("seconds", "runtime", "durationseconds", "timetotals", "trainingtime")
_FRACTION = 2.0
"""A WER in percent of which all are below this is one in fractions."""


@dataclass(frozen=True)
class Measured:
    """What a run reached.

    Attributes:
        values: Best value so far by epoch, from 1.
        value: The trial's value, None of a failed one.
        rows: Its curve by our columns.
        epochs: Epochs it counts for.
        planned: Epochs it was to run, where that is known.
        ended_by: Reason of the record.
        seconds: Of training, 0 where it does not say.
    """

    values: Mapping[int, float]
    value: float | None
    rows: tuple[dict[str, float], ...]
    epochs: int
    planned: int | None
    ended_by: str
    seconds: float

    @property
    def state(self) -> TrialState:
        """Optuna's state for how it ended."""
        return state_for(self.ended_by)


@dataclass(frozen=True)
class Measures:
    """Where a source has its values, and how its steps are counted.

    Attributes:
        spec: The study that they are for.
        column: The metric's column in curves, None where there is none.
        fields: Fields that have the last or best value, the first found is taken.
        scale: Factor to our values.
        steps: How steps become epochs.
        longest: Epochs of the source's longest run, None where no run says.
        planned: Our name `max_epochs` among the source's fields, None without.
        own: Whether the source is a study of ours.
        used: Names of fields that have been understood here.
        notes: What a person should know.
    """

    spec: StudySpec
    column: str | None
    fields: tuple[str, ...]
    scale: float
    steps: StepCount
    longest: int | None
    planned: str | None
    own: bool
    used: frozenset[str]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        spec: StudySpec,
        source: Source,
        matched: Matched | None,
        metric: str | None,
        scale: float | None,
        steps_per_epoch: float | None = None,
    ) -> Measures:
        """Finds the metric and the counting of epochs in a source.

        Args:
            spec: The study.
            source: The runs.
            matched: What their names mean, None of a study of ours.
            metric: Their name of the objective, None to find it.
            scale: Factor to our values, None where it is 1 and looks it.
            steps_per_epoch: Steps of theirs in an epoch, None to find it.

        Raises:
            SlrTuneError: The metric is not to be found, or its values are fractions.
        """
        name = spec.objective.metric
        columns = [one for one in _names(run.curve for run in source.runs) if one != "epoch"]
        taken = {} if matched is None else matched.taken
        all_names = _names([run.fields] for run in source.runs)
        fields = [key for key in all_names if key not in taken or taken[key] == name]
        if metric is not None and metric not in {*columns, *fields}:
            near = ", ".join(get_close_matches(metric, [*columns, *fields], n=3, cutoff=0.4))
            raise SlrTuneError(
                f"--metric {metric}: the runs of {source.place} have no {metric!r}",
                hint=f"Nearest: {near or 'none'}.",
            )
        column = _metric_name(name, columns, metric)
        values = [one] if (one := _metric_name(name, fields, metric)) else []
        has_values = any(run.value is not None for run in source.runs)
        if column is None and not values and not has_values:
            names = ", ".join([*columns, *fields][:12]) or "none"
            raise SlrTuneError(
                f"the runs of {source.place} have no {name!r}",
                hint=f"Choose one of their columns with --metric NAME. They have: {names}.",
            )
        at = (int(row["epoch"]) for run in source.runs for row in run.curve if column in row)
        steps = StepCount.of(at, spec.budget.max_epochs, steps_per_epoch)
        notes = [steps.note] if steps.note else []
        if guess := (column or (values[0] if values else None)):
            if plain_name(guess) != plain_name(name) and not source.own and guess != "value":
                notes.append(f"{guess} is taken for {name}")
        planned = next((k for k, ours in taken.items() if ours == "max_epochs"), None)
        used = {k for k in all_names if plain_name(k) in (*_EPOCHS, *_SECONDS)} | set(values)
        found = cls(
            spec, column, tuple(values), scale or 1.0, steps, None, planned,
            source.own, frozenset(used), tuple(notes),
        )  # fmt: skip
        if scale is None:
            found._check_scale(source)
        return found._with_longest(source.runs)

    def read(self, run: EarlierRun) -> Measured:
        """What a run reached.

        Raises:
            Misfit: It has not ended, has no value, or ran longer than a trial may.
        """
        if run.state == "unfinished":
            raise Misfit("had not ended")
        rows = self._rows(run)
        epochs, longest = self._epochs(run, rows), self.spec.budget.max_epochs
        if epochs is not None and epochs > longest and not self._best_so_far(rows):
            raise Misfit(f"had {epochs} epochs, a trial here has at most {longest}")
        cut = epochs is not None and epochs > longest
        rows = [row for row in rows if row["epoch"] <= longest]
        values = self._best_so_far(rows)
        if cut and not values:
            raise Misfit(f"has no {self.spec.objective.metric} in its first {longest} epochs")
        value = self._value(run, values) if not cut else values[max(values)]
        count = min(longest, longest if epochs is None else epochs)
        ended_by = "max_epochs" if cut else self._ended_by(run, count, value)
        if value is not None and not values:
            values = {count: value}
        state = state_for(ended_by)
        if state != TrialState.FAIL and value is None:
            raise Misfit(f"has no {self.spec.objective.metric}")
        if state == TrialState.PRUNED:
            value = values[max(values)]
        seconds = sum(row.get("seconds", 0.0) for row in rows)
        seconds = seconds or max(0.0, as_number(_field(run.fields, _SECONDS) or 0.0))
        done = None if state == TrialState.FAIL else value
        planned = count if ended_by in ("max_epochs", "cut_short") else None
        return Measured(values, done, tuple(rows), count, planned, ended_by, seconds)

    def _rows(self, run: EarlierRun) -> list[dict[str, float]]:
        """The curve by our columns and epochs."""
        name = self.spec.objective.metric
        rows = []
        for row in run.curve:
            epoch = self.steps.epoch(int(row["epoch"]))
            if epoch is None or epoch < 1:
                continue
            found: dict[str, float] = {"epoch": epoch}
            for column, value in row.items():
                if column != "epoch" and math.isfinite(value):
                    ours = name if column == self.column else _our_column(column)
                    wer = ours == name or ours.endswith(("/wer", "/wer_best"))
                    found[ours] = value * (self.scale if wer else 1.0)
            rows.append(found)
        # Several steps of an epoch: the last of each column.
        merged: dict[float, dict[str, float]] = {}
        for row in rows:
            merged[row["epoch"]] = {**merged.get(row["epoch"], {}), **row}
        return [merged[epoch] for epoch in sorted(merged)]

    def _best_so_far(self, rows: Sequence[Mapping[str, float]]) -> dict[int, float]:
        """Best so far, by epoch."""
        better = min if self.spec.objective.direction == "minimize" else max
        found: dict[int, float] = {}
        best: float | None = None
        for row in rows:
            value = row.get(self.spec.objective.metric)
            if value is not None:
                best = value if best is None else better(best, value)
            if best is not None:
                found[int(row["epoch"])] = best
        return found

    def _value(self, run: EarlierRun, values: Mapping[int, float]) -> float | None:
        """The source's own word first; then the best of the curve, then a field's."""
        if run.value is not None and math.isfinite(run.value):
            return run.value * self.scale
        if values:
            return values[max(values)]
        given = next((as_number(run.fields[k]) for k in self.fields if k in run.fields), math.nan)
        return given * self.scale if math.isfinite(given) else None

    def _epochs(self, run: EarlierRun, rows: Sequence[Mapping[str, float]]) -> int | None:
        """Epochs that it ran, None where it does not say."""
        if rows:
            return int(rows[-1]["epoch"])
        value = as_number(_field(run.fields, _EPOCHS) or math.nan)
        return int(value) if math.isfinite(value) and value >= 1 else None

    def _ended_by(self, run: EarlierRun, epochs: int, value: float | None) -> str:
        """The record's reason: COMPLETE only what ended by itself, as a trial here would."""
        reason = run.ended_by if run.ended_by in _REASONS else None
        if reason is not None and state_for(reason) == TrialState.FAIL:
            return reason
        if run.state == "failed":
            return "error"
        if value is None and any(_is_nan(run.fields.get(key)) for key in self.fields):
            return "nan"
        if reason in ("patience", "asha"):
            return reason
        if run.state == "pruned" or (reason == "cut_short"):
            return "cut_short"
        if epochs >= self.spec.budget.max_epochs:
            return "max_epochs"
        planned = as_number(run.fields.get(self.planned or "", math.nan))
        planned = planned if math.isfinite(planned) else float(self.longest or epochs)
        return "patience" if run.state == "complete" and epochs < planned else "cut_short"

    def _check_scale(self, source: Source) -> None:
        """A WER in fractions would be the best that the study ever saw."""
        if not in_percent(self.spec.objective.metric) or self.own:
            return
        plain = replace(self, scale=1.0)
        found = []
        for run in source.runs:
            values = plain._best_so_far(plain._rows(run))
            found += [v for v in (plain._value(run, values), *values.values()) if v is not None]
        if found and max(found) <= _FRACTION:
            raise SlrTuneError(
                f"{self.spec.objective.metric} is counted in percent, and the runs of "
                f"{source.place} have at most {max(found):g}: that looks like a fraction",
                hint="Use --scale 100 if they are fractions, --scale 1 if they are percent.",
            )

    def _with_longest(self, runs: Sequence[EarlierRun]) -> Measures:
        each = [e for run in runs if (e := self._epochs(run, self._rows(run))) is not None]
        most, longest = self.spec.budget.max_epochs, max(each, default=None)
        notes = list(self.notes)
        if len(each) < len(runs) and runs:
            notes.append(
                f"{len(runs) - len(each)} runs do not say how many epochs they had: "
                f"{most} are assumed"
            )
        if longest is not None and longest < most:
            notes.append(
                f"the longest run has {counted(longest, 'epoch')}, a trial here has {most}: such "
                f"runs are imported as stopped early, which the sampler ranks after complete ones"
            )
        if longest is not None and longest > most:
            notes.append(f"of runs with more than {most} epochs the first {most} are taken")
        return replace(self, longest=longest, notes=tuple(notes))


_REASONS = (
    "max_epochs", "patience", "asha", "cut_short",
    "nan", "error", "oom", "killed", "timeout", "aborted",
)  # fmt: skip


def _metric_name(metric: str, names: Sequence[str], asked: str | None) -> str | None:
    if asked is not None:
        return asked if asked in names else None
    if metric in names:
        return metric
    plain = {plain_name(name): name for name in reversed(names)}
    wanted = [metric, f"{metric}_best", f"best_{metric}", *SYNONYMS.get(metric, ())]
    alike = [key for one in wanted for key in (plain_name(one), f"{plain_name(one)}s")]
    return next((plain[key] for key in (*alike, *_ANY_METRIC) if key in plain), None)


def _our_column(column: str) -> str:
    plain = plain_name(column)
    return next((ours for ours in COLUMNS if plain_name(ours) == plain), column)


def _field(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    plain = {plain_name(key): value for key, value in fields.items()}
    return next((plain[name] for name in names if name in plain), None)


def _names(groups: Any) -> list[str]:
    found = (name for group in groups for mapping in group for name in mapping)
    return list(dict.fromkeys(found))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
