"""From trained runs to the result: tables, runs, what it cost, and where it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.analysis import Counts, ErrorRuns, Runs
from slr_tune.ablation.arms import WHOLE_GROUPS
from slr_tune.ablation.compared import MetricRuns
from slr_tune.ablation.conditions import conditions
from slr_tune.ablation.crossing import Crossing, crossing_tables, crossing_verdict
from slr_tune.ablation.design import Design
from slr_tune.ablation.naming import change_text
from slr_tune.ablation.receipt import make_receipt
from slr_tune.ablation.result import (
    FORWARD,
    INTERACTION,
    MAIN,
    MAIN_EFFECT,
    PUT_BACK,
    RETUNED,
    TEST,
    AblationResult,
    ArmDescription,
    PathStep,
    ResultTable,
    RunRow,
    curve_columns,
    number,
)
from slr_tune.ablation.study_family import Earlier, family_note
from slr_tune.ablation.until_decided import Decided
from slr_tune.study.commands import from_any_folder
from slr_tune.study.summary import flat
from slr_tune.text import points
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, ArmRun
from slr_tune.training.teacher import Teacher

_TABLED = (MAIN, RETUNED, FORWARD, PUT_BACK)


def build_result(
    design: Design,
    runs: Mapping[str, Sequence[ArmRun]],
    counts: Mapping[str, Mapping[str, Counts]],
    *,
    store: RunStore,
    steps: tuple[PathStep, ...],
    teachers: Sequence[Teacher],
    decided: Decided | None = None,
    earlier: Earlier | None = None,
) -> AblationResult:
    """Puts the result together.

    Args:
        design: What was asked.
        runs: By the role of their table, or why they were trained where they have none; the
            baseline's first.
        counts: Their errors, by role and split; a role has none where its runs report none.
        store: Where they were trained.
        steps: Of the path.
        teachers: The study's own teacher first; empty without.
        decided: What was found seed by seed; None for a fixed number of seeds.
        earlier: The other ablations of the study.
    """
    earlier = earlier or Earlier((), ())
    others = earlier.p_values if design.one_budget else []
    arms = {role: _arms(found) for role, found in runs.items()}
    tables = [
        table
        for role in runs
        for table in _tables(role, runs[role], counts[role], design, store, others, decided)
    ]
    tables.sort(key=lambda table: [MAIN, FORWARD].count(table.role), reverse=True)
    tables = [_with_teachers(table, design, teachers) for table in tables]
    own = [
        row.p_value
        for table in tables
        if table.split == "dev" and table.role in (MAIN, FORWARD, MAIN_EFFECT, INTERACTION)
        for row in table.rows
        if row.p_value is not None and row.outcome != "identical"
    ]
    family = family_note(earlier, own, together=design.one_budget)
    seeds = design.seeds if decided is None else design.seeds[: max(decided.seeds.values())]
    first = next(iter(runs))
    baseline = arms[first][0]
    return AblationResult(
        study=design.spec.study,
        name=design.name,
        title=design.title,
        verdict=_verdict(tables, design),
        tables=tuple(tables),
        arms=tuple(_facts(role, arm, baseline) for role, found in arms.items() for arm in found),
        runs=tuple(row for role in runs for row in _runs(role, runs[role], counts[role])),
        seeds=seeds,
        baseline=design.baseline,
        receipt=make_receipt(store, [arm for found in arms.values() for arm in found]),
        setting=conditions(design, store, teachers, runs[first]),
        command=design.command,
        place=from_any_folder(""),
        steps=steps,
        notes=(
            *design.notes,
            *(() if decided is None else decided.notes),
            *filter(None, [family]),
        ),
    )


def _with_teachers(table: ResultTable, design: Design, teachers: Sequence[Teacher]) -> ResultTable:
    """Says of how many teachers a table of a distillation speaks."""
    if not teachers or table.split != "dev":
        return table
    message = (
        "One teacher: the intervals hold for this teacher only. A teacher trained with another "
        "seed may give other differences; --teachers 3 runs every arm with three teachers."
    )
    if design.teachers > 1:
        wers = ", ".join(points(teacher.wer) for teacher in teachers)
        message = (
            f"{design.teachers} teachers, trained with other seeds (dev WER {wers}): means over "
            f"each teacher's seeds are compared, so the intervals cover other teachers too."
        )
    return replace(table, limits=(*table.limits, message))


def _arms(runs: Sequence[ArmRun]) -> list[Arm]:
    """Each once, in order, as its first run had it: that has the seed's own order of the data."""
    found: dict[str, Arm] = {}
    for run in runs:
        found.setdefault(run.arm.name, run.arm)
    return list(found.values())


def _tables(
    role: str,
    runs: Sequence[ArmRun],
    counts: Mapping[str, Counts],
    design: Design,
    store: RunStore,
    others: Sequence[float],
    decided: Decided | None,
) -> list[ResultTable]:
    if role not in _TABLED:
        return []
    arms = _arms(runs)
    title = {
        PUT_BACK: "From the best trial, one parameter put back",
        RETUNED: f"{design.title}, each arm with a {design.retune} of its own",
    }.get(role, design.title)
    crossing = _crossing(role, arms, design)
    found = []
    for one in _compared_runs(runs, arms, counts, store):
        compared: Runs = one
        if isinstance(compared, ErrorRuns):
            compared = replace(
                compared, margin=design.margin, teachers=design.teachers, orders=design.orders
            )
        if compared.split == "dev" and role in (MAIN, FORWARD):
            compared = replace(compared, others=others)
        table = compared.table(
            role=role if compared.split == "dev" else TEST,
            baseline=arms[0].name,
            title=title,
            judged=None if decided is None else decided.judged,
            family=None if decided is None else decided.family,
        )
        if decided is not None:
            looked = {row.name: decided.seeds.get(row.name) for row in table.rows}
            rows = tuple(replace(row, looks=looked[row.name]) for row in table.rows)
            table = replace(table, rows=rows)
        if table.role == RETUNED:
            chosen = {arm.name: arm.note for arm in arms}
            rows = tuple(replace(row, note=chosen.get(row.name, "")) for row in table.rows)
            table = replace(table, rows=rows)
        found.append(table)
        if crossing is not None:
            found += crossing_tables(compared, crossing)
    return found


def _compared_runs(
    runs: Sequence[ArmRun], arms: Sequence[Arm], counts: Mapping[str, Counts], store: RunStore
) -> list[Runs]:
    """The runs of a role on each split, by their errors or by their metric."""
    if not counts:
        values = {arm.name: [run.value for run in runs if run.arm is arm] for arm in arms}
        return [MetricRuns(values, store.measure.metric, store.measure.minimize)]
    return [ErrorRuns(errors, split, store.signers(split)) for split, errors in counts.items()]


def _crossing(role: str, arms: Sequence[Arm], design: Design) -> Crossing | None:
    """The cells of two factors that are crossed, control arms left out."""
    if not design.crossed or role != MAIN:
        return None
    first, second = (factor.name for factor in design.factors)
    crossed = [arm for arm in arms if first in arm.levels and second in arm.levels]
    cells = {(arm.levels[first], arm.levels[second]): arm.name for arm in crossed}
    return Crossing((first, second), cells, (crossed[0].levels[first], crossed[0].levels[second]))


def _verdict(tables: Sequence[ResultTable], design: Design) -> str:
    main = tables[0]
    if main.role == FORWARD:
        last = main.rows[-1]
        return last.sentence.replace(last.name, "the best trial's settings", 1)
    verdict = crossing_verdict(tables) or main.verdict
    tuned = next((table for table in tables if table.role == RETUNED), None)
    if tuned is None:
        return verdict
    return f"{verdict} Each arm with a {design.retune} of its own: {tuned.verdict}"


def _facts(role: str, arm: Arm, baseline: Arm) -> ArmDescription:
    return ArmDescription(
        part=role,
        name=arm.name,
        kind=str(arm.kind),
        levels=dict(arm.levels),
        changes=tuple(_changes(arm, baseline)),
        config=dict(arm.config),
        note=arm.note,
    )


def _changes(arm: Arm, baseline: Arm) -> list[str]:
    """Settings in which an arm differs from the baseline, in words."""
    ours, theirs = _by_name(arm.config), _by_name(baseline.config)
    names = dict.fromkeys([*theirs, *ours])
    lines = [
        change_text(name, theirs.get(name), ours.get(name))
        for name in names
        if ours.get(name) != theirs.get(name)
    ]
    if arm.decoding is not None:
        settings = ", ".join(f"{name} {value:g}" for name, value in arm.decoding.items())
        lines.append(f"decoded by beam search: {settings}" if settings else "decoded greedily")
    return lines


def _by_name(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name; a group with a name of its own as a whole counts as one."""
    whole = {name: config[name] for name in WHOLE_GROUPS if name in config}
    return flat({name: value for name, value in config.items() if name not in whole}) | whole


def _runs(role: str, runs: Sequence[ArmRun], counts: Mapping[str, Counts]) -> Iterator[RunRow]:
    errors = {
        split: {arm: iter(seeds) for arm, seeds in by_arm.items()}
        for split, by_arm in counts.items()
    }
    for run in runs:
        parameters = run.facts.get("parameters")
        yield RunRow(
            part=role,
            arm=run.arm.name,
            seed=run.seed,
            data_seed=run.data_seed,
            epochs=len(run.rows),
            best_epoch=run.best_epoch,
            ended_by=str(run.ended_by),
            errors={split: _totals(next(found[run.arm.name])) for split, found in errors.items()},
            value=number(run.value),
            parameters=None if parameters is None else int(parameters),
            curve=curve_columns(run.rows),
        )


def _totals(counts: NDArray[np.int64]) -> tuple[int, int, int, int]:
    substitutions, deletions, insertions, words = (int(total) for total in counts.sum(axis=0))
    return substitutions, deletions, insertions, words
