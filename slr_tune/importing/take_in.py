"""Fitted runs become finished trials: record, values and curve, outside of ASHA's rungs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, create_trial

from slr_tune.errors import SpecError, StudyError
from slr_tune.importing.plan import FittedRun, ImportPlan
from slr_tune.study.folders import trial_folder
from slr_tune.study.record import ATTRIBUTE, TrialRecord, record_of
from slr_tune.study.store import StudyStore
from trainables.files.curve import CurveFile, EventFile
from trainables.files.origin import claim


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        numbers: Of the new trials.
        known: Runs that had been imported before.
        refused: Runs that the trainable refuses, with its words.
    """

    numbers: tuple[int, ...]
    known: int
    refused: tuple[tuple[str, str], ...]


def take_in(store: StudyStore, plan: ImportPlan) -> Imported:
    """Adds the runs that fit to a study. Given again, it adds only what is new.

    The caller holds the study's lock. A trial is added in one piece; what a kill leaves undone is
    the rest of the runs, or the curve file of one.

    Args:
        store: The study.
        plan: Of an import into it.

    Raises:
        StudyError: It is an import of the study into itself.
    """
    if plan.source.study_id == store.id:
        raise StudyError(
            f"study {plan.source.place!r} cannot import its own trials",
            hint="Give the new search another name with --study.",
        )
    known = {_identity(trial): trial.number for trial in store.trials if _is_imported(trial)}
    numbers: list[int] = []
    refused: list[tuple[str, str]] = []
    old = 0
    for run in plan.taken:
        try:
            record = _record(store, run)
        except SpecError as error:
            refused.append((run.run.name, "; ".join(str(one) for one in error.problems)))
            continue
        trial = _trial(store, run, record)
        number = known.get(_identity(trial))
        if number is None:
            key = store.storage.get_study_id_from_name(store.spec.study)
            added = store.storage.create_new_trial(key, template_trial=trial)
            number = store.storage.get_trial_number_from_id(added)
            known[_identity(trial)] = number
            numbers.append(number)
        else:
            old += 1
        _write_files(store, number, record, run)
    return Imported(tuple(numbers), old, tuple(refused))


def _record(store: StudyStore, run: FittedRun) -> TrialRecord:
    spec, measured = store.spec, run.measured
    values: dict[str, Any] = dict(run.place.values)
    if measured.planned is not None:
        values["max_epochs"] = measured.planned
    facts: dict[str, Any] = {}
    if run.place.moved:
        facts["moved"] = {name: list(pair) for name, pair in run.place.moved.items()}
    if run.seed is None:
        facts["seed_known"] = False
    best = measured.values[max(measured.values)] if measured.values else None
    reached = [epoch for epoch, value in measured.values.items() if value == best]
    return TrialRecord(
        config=spec.config_for(values),
        seed=spec.seed if run.seed is None else run.seed,
        ended_by=measured.ended_by,
        epochs=measured.epochs,
        best_epoch=min(reached, default=None),
        seconds=measured.seconds,
        error=run.run.error,
        facts=facts,
        imported=run.run.name,
    )


def _trial(store: StudyStore, run: FittedRun, record: TrialRecord) -> FrozenTrial:
    params = store.spec.space.encode(run.place.values)
    asked = _Asked(params)
    store.spec.space.suggest(asked)
    return create_trial(
        state=run.measured.state,
        value=run.measured.value,
        params=asked.answers,
        distributions=asked.distributions,
        user_attrs={ATTRIBUTE: record.to_json()},
        intermediate_values=dict(run.measured.values),
    )


def _write_files(store: StudyStore, number: int, record: TrialRecord, run: FittedRun) -> None:
    rows = run.measured.rows
    folder = trial_folder(store.spec.study, number)
    if not rows or (folder / "curve.csv").exists():
        return
    claim(folder, store.origin(number, record))
    CurveFile(folder / "curve.csv").repair(rows)
    EventFile(folder).repair(rows)


def _is_imported(trial: FrozenTrial) -> bool:
    record = record_of(trial)
    return record is not None and record.imported is not None


def _identity(trial: FrozenTrial) -> str:
    """What makes two imported trials the same: settings, seed, values and end, not the name."""
    record = record_of(trial)
    assert record is not None
    values = [trial.params, trial.values, sorted(trial.intermediate_values.items())]
    return json.dumps([*values, record.config, record.seed, record.ended_by], sort_keys=True)


class _Asked:
    """A trial that answers with given parameters and keeps the ranges it is asked with."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self.answers: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(self._answer(name, FloatDistribution(low, high, step=step, log=log)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        return int(self._answer(name, IntDistribution(low, high, step=step, log=log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._answer(name, CategoricalDistribution(choices))

    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        self.distributions[name] = distribution
        self.answers[name] = self._params[name]
        return self.answers[name]
