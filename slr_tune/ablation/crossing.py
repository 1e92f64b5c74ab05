"""Two factors crossed: each over all levels of the other, and whether they depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.analysis import Counts, result_table
from slr_tune.ablation.metric_table import metric_table
from slr_tune.ablation.result import INTERACTION, MAIN_EFFECT, ArmRow, ResultTable
from slr_tune.statistics import holm, signed_points

_APART = "apart"


@dataclass(frozen=True)
class Crossing:
    """The arms of two crossed factors.

    Attributes:
        factors: Their names.
        cells: Name of the arm by its two levels.
        own: The baseline's two levels.
    """

    factors: tuple[str, str]
    cells: Mapping[tuple[str, str], str]
    own: tuple[str, str]

    def levels(self, place: int) -> list[str]:
        """Levels of the first factor (0) or the second (1), the baseline's first."""
        found = dict.fromkeys(cell[place] for cell in self.cells)
        return [self.own[place], *(level for level in found if level != self.own[place])]

    def by_level(self, place: int) -> dict[str, list[str]]:
        """Arms by level of one factor, over those levels of the other that each was run with."""
        levels = self.levels(place)

        def cell(level: str, other: str) -> tuple[str, str]:
            return (level, other) if place == 0 else (other, level)

        others = self.levels(1 - place)
        others = [o for o in others if all(cell(level, o) in self.cells for level in levels)]
        return {level: [self.cells[cell(level, o)] for o in others] for level in levels}

    def pairs(self) -> dict[str, tuple[list[str], list[str]]]:
        """By pair of levels: the two arms whose errors are added, and the two to subtract."""
        found = {}
        for a in self.levels(0)[1:]:
            for b in self.levels(1)[1:]:
                four = ((a, b), self.own, (a, self.own[1]), (self.own[0], b))
                if all(cell in self.cells for cell in four):
                    both, neither, first, second = (self.cells[cell] for cell in four)
                    found[f"{a} with {b}"] = ([both, neither], [first, second])
        return found


def crossing_tables(
    counts: Counts, crossing: Crossing, *, split: str, signers: Sequence[str] | None
) -> list[ResultTable]:
    """The factors' main effects, and their interaction where there is one to look at.

    A level's runs over all levels of the other factor are pooled: seed by seed and utterance by
    utterance, all errors over all words. What the other factor does is the same on both sides.

    Args:
        counts: Errors of all cells of the crossing.
        crossing: The cells.
        split: They were counted on.
        signers: Of each utterance, where known.
    """

    def main_effect(title: str, arms: Mapping[str, Sequence[str]], baseline: str) -> ResultTable:
        pooled = {level: _summed(counts, names, words=len(names)) for level, names in arms.items()}
        table = result_table(
            pooled, role=MAIN_EFFECT, baseline=baseline, split=split, title=title, signers=signers
        )
        times = len(arms[baseline])
        rows = tuple(replace(row, mapsswe_p=()) for row in table.rows)
        return replace(table, rows=rows, words=(table.words or 0) // times)

    def pair(name: str, together: Sequence[str], apart: Sequence[str]) -> ResultTable:
        sums = {_APART: _summed(counts, apart, words=1), name: _summed(counts, together, words=1)}
        return result_table(
            sums, role=INTERACTION, baseline=_APART, split=split, title="", signers=signers
        )

    return _tables(crossing, main_effect, pair)


def crossing_metric_tables(
    values: Mapping[str, Sequence[float]], crossing: Crossing, *, metric: str, minimize: bool
) -> list[ResultTable]:
    """The same of runs that tell nothing but a number; `values` by arm, one a seed."""

    def combined(names: Sequence[str], *, share: float) -> list[float]:
        return [share * sum(one) for one in zip(*(values[name] for name in names), strict=True)]

    def main_effect(title: str, arms: Mapping[str, Sequence[str]], baseline: str) -> ResultTable:
        means = {level: combined(names, share=1 / len(names)) for level, names in arms.items()}
        return metric_table(
            means,
            role=MAIN_EFFECT,
            baseline=baseline,
            title=title,
            metric=metric,
            minimize=minimize,
        )

    def pair(name: str, together: Sequence[str], apart: Sequence[str]) -> ResultTable:
        sums = {_APART: combined(apart, share=1.0), name: combined(together, share=1.0)}
        return metric_table(
            sums, role=INTERACTION, baseline=_APART, title="", metric=metric, minimize=minimize
        )

    return _tables(crossing, main_effect, pair)


def crossing_verdict(tables: Sequence[ResultTable]) -> str:
    """What the crossing says on dev, in one paragraph: first what was shown."""
    effects = [t for t in tables if t.role == MAIN_EFFECT and t.split == "dev"]
    effects.sort(key=lambda table: not any(row.outcome.startswith("shown") for row in table.rows))
    sentences = [f"{table.title}: {table.verdict}" for table in effects]
    inter = [table.verdict for table in tables if table.role == INTERACTION]
    return " ".join([*sentences, *(f"Interaction: {verdict}" for verdict in inter[:1])])


def _tables(
    crossing: Crossing,
    main_effect: Callable[[str, Mapping[str, Sequence[str]], str], ResultTable],
    pair: Callable[[str, Sequence[str], Sequence[str]], ResultTable],
) -> list[ResultTable]:
    found = []
    for place in (0, 1):
        arms = crossing.by_level(place)
        over = len(arms[crossing.own[place]])
        if len(arms) > 1 and over > 1:
            factor, other = crossing.factors[place], crossing.factors[1 - place]
            title = f"{factor}, over {over} levels of {other}"
            found.append(main_effect(title, arms, crossing.own[place]))
    pairs = [pair(name, *names) for name, names in crossing.pairs().items()]
    return found + ([_interaction(pairs)] if pairs else [])


def _interaction(pairs: Sequence[ResultTable]) -> ResultTable:
    """Whether the effect of one factor depends on the level of the other.

    The interaction of levels a and b is (ab - b) - (a - baseline): the effect of a in the company
    of b less its effect alone. As errors it is (ab + baseline) - (a + b), so that the same
    statistics hold.
    """
    rows = _holm([table.rows[-1] for table in pairs], pairs[0].measure)
    shown = [row.name for row in rows if row.outcome == "shown"]
    verdict = (
        f"The effects depend on each other, shown for: {', '.join(shown)}."
        if shown
        else "Not shown: that the effect of one factor depends on the level of the other."
    )
    return replace(
        pairs[0],
        title="Interaction: effect together, less the effects apart",
        baseline="no interaction",
        rows=tuple(rows),
        verdict=verdict,
    )


def _holm(rows: Sequence[ArmRow], measure: str) -> list[ArmRow]:
    """Corrects over all pairs of levels, and says each verdict anew."""
    corrected = holm([row.p_value if row.p_value is not None else 1.0 for row in rows])
    return [_said(row, p_value, measure) for row, p_value in zip(rows, corrected, strict=True)]


def _said(row: ArmRow, p_value: float, measure: str) -> ArmRow:
    assert row.difference is not None
    digits, unit = (1, "points") if measure == "WER" else (3, f"in {measure}")
    size = f"{signed_points(row.difference, digits)} {unit}"
    shown, interval = False, ""
    if row.low is not None and row.high is not None:
        shown = len(row.per_seed) > 1 and p_value < 0.05 and (row.low > 0 or row.high < 0)
        interval = f" [{signed_points(row.low, digits)}, {signed_points(row.high, digits)}]"
    outcome = "shown" if shown else "not shown"
    one = ", one seed" if len(row.per_seed) == 1 else ""
    return replace(
        row,
        holm_p=p_value,
        outcome=outcome,
        sentence=f"{outcome.capitalize()}: {row.name}: {size}{interval} more than apart{one}.",
        per_seed=(),
        substitutions=None,
        deletions=None,
        insertions=None,
    )


def _summed(counts: Counts, names: Sequence[str], *, words: int) -> list[NDArray[np.int64]]:
    """Errors of several arms added, by seed; their words taken so many times."""
    runs = []
    for arrays in zip(*(counts[name] for name in names), strict=True):
        total = np.sum(arrays, axis=0)
        total[:, 3] = words * arrays[0][:, 3]
        runs.append(total)
    return runs
