"""From trained runs to the result: tables, runs, what it cost, and where it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.analysis import Counts, ErrorRuns, MetricRuns, Runs
from slr_tune.ablation.arms import WHOLE_GROUPS, Arm
from slr_tune.ablation.bench import Bench, Cell
from slr_tune.ablation.conditions import conditions
from slr_tune.ablation.crossing import Crossing, crossing_tables, crossing_verdict
from slr_tune.ablation.design import Design
from slr_tune.ablation.naming import change_text
from slr_tune.ablation.receipt import make_receipt
from slr_tune.ablation.result import (
    FORWARD,
    MAIN,
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
from slr_tune.study.summary import flat
from slr_tune.training.teacher import Teacher

_TABLED = (MAIN, RETUNED, FORWARD, PUT_BACK)


@dataclass(frozen=True)
class Part:
    """Runs that belong together.

    Attributes:
        role: Of their table, or why they were trained where they have none.
        title: What the table compares.
        cells: The baseline's first.
    """

    role: str
    title: str
    cells: Sequence[Cell]

    @property
    def arms(self) -> list[Arm]:
        """Each once, in order."""
        return list({cell.arm.name: cell.arm for cell in self.cells}.values())


@dataclass(frozen=True)
class Measured:
    """A part with the errors of its runs.

    Attributes:
        part: The runs.
        counts: By split and arm, for each seed int64 (utterances, 4); empty where the runs tell
            none.
    """

    part: Part
    counts: Mapping[str, Counts]


def build_result(
    design: Design,
    measured: Sequence[Measured],
    *,
    bench: Bench,
    steps: tuple[PathStep, ...],
    teacher: Teacher | None,
) -> AblationResult:
    """Puts the result together."""
    tables = [table for entry in measured for table in _tables(entry, design, bench)]
    tables.sort(key=lambda table: [MAIN, FORWARD].count(table.role), reverse=True)
    baseline = measured[0].part.arms[0]
    arms = [_facts(entry.part.role, arm, baseline) for entry in measured for arm in entry.part.arms]
    runs = [row for entry in measured for row in _runs(entry, bench)]
    return AblationResult(
        study=design.spec.study,
        name=design.name,
        title=design.title,
        verdict=_verdict(tables, design),
        tables=tuple(tables),
        arms=tuple(arms),
        runs=tuple(runs),
        seeds=design.seeds,
        baseline=design.baseline,
        receipt=make_receipt(bench, [arm for entry in measured for arm in entry.part.arms]),
        setting=conditions(design, bench, teacher, measured[0].part.cells),
        command=design.command,
        steps=steps,
        notes=design.notes,
    )


def _tables(entry: Measured, design: Design, bench: Bench) -> list[ResultTable]:
    part = entry.part
    if part.role not in _TABLED:
        return []
    crossing = _crossing(part, design)
    found = []
    for runs in _compared_runs(entry, bench):
        role = part.role if runs.split == "dev" else TEST
        table = runs.table(role=role, baseline=part.arms[0].name, title=part.title)
        found.append(_with_notes(table, part))
        if crossing is not None:
            found += crossing_tables(runs, crossing)
    return found


def _compared_runs(entry: Measured, bench: Bench) -> list[Runs]:
    """The runs of a part on each split, by their errors or by their metric."""
    if entry.counts:
        return [
            ErrorRuns(counts, split, getattr(bench.data, split).signers)
            for split, counts in entry.counts.items()
        ]
    values: dict[str, list[float]] = {}
    for cell in entry.part.cells:
        values.setdefault(cell.arm.name, []).append(bench.value(cell.outcome))
    return [MetricRuns(values, bench.measure.metric, bench.measure.minimize)]


def _crossing(part: Part, design: Design) -> Crossing | None:
    """The cells of a part whose factors are crossed, control arms left out."""
    if not design.crossed or part.role != MAIN:
        return None
    first, second = (factor.name for factor in design.factors)
    crossed = [arm for arm in part.arms if first in arm.levels and second in arm.levels]
    cells = {(arm.levels[first], arm.levels[second]): arm.name for arm in crossed}
    return Crossing((first, second), cells, (crossed[0].levels[first], crossed[0].levels[second]))


def _with_notes(table: ResultTable, part: Part) -> ResultTable:
    """Says of a retuned arm what it chose."""
    if part.role != RETUNED:
        return table
    notes = {arm.name: arm.note for arm in part.arms}
    rows = tuple(replace(row, note=notes.get(row.name, "")) for row in table.rows)
    return replace(table, rows=rows)


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


def _runs(entry: Measured, bench: Bench) -> list[RunRow]:
    rows = []
    places: dict[str, int] = {}
    for cell in entry.part.cells:
        name = cell.arm.name
        place = places[name] = places.get(name, -1) + 1
        counts = {split: by_arm[name][place] for split, by_arm in entry.counts.items()}
        outcome = cell.outcome
        parameters = outcome.facts.get("parameters")
        rows.append(
            RunRow(
                part=entry.part.role,
                arm=name,
                seed=cell.seed,
                epochs=len(outcome.rows),
                best_epoch=outcome.best_epoch,
                ended_by=outcome.ended_by,
                errors={split: _totals(errors) for split, errors in counts.items()},
                value=number(bench.value(outcome)),
                parameters=None if parameters is None else int(parameters),
                curve=curve_columns(outcome.rows),
            )
        )
    return rows


def _totals(counts: NDArray[np.int64]) -> tuple[int, int, int, int]:
    substitutions, deletions, insertions, words = (int(total) for total in counts.sum(axis=0))
    return substitutions, deletions, insertions, words
