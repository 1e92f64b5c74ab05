"""Two factors crossed: each over all levels of the other, and whether they depend on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slr_tune.ablation.analysis import Runs
from slr_tune.ablation.result import INTERACTION, MAIN_EFFECT, ArmRow, ResultTable
from slr_tune.statistics import holm
from slr_tune.statistics.verdict import judge_interaction, overall_interaction

_APART = "apart"


@dataclass(frozen=True)
class Crossing:
    """The arms of two crossed factors.

    Attributes:
        factors: Their names.
        cells: Name of the arm by its two levels.
        baseline: The baseline's two levels.
    """

    factors: tuple[str, str]
    cells: Mapping[tuple[str, str], str]
    baseline: tuple[str, str]

    def levels(self, place: int) -> list[str]:
        """Levels of the first factor (0) or the second (1), the baseline's first."""
        found = dict.fromkeys(cell[place] for cell in self.cells)
        return [self.baseline[place], *(level for level in found if level != self.baseline[place])]

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
                four = ((a, b), self.baseline, (a, self.baseline[1]), (self.baseline[0], b))
                if all(cell in self.cells for cell in four):
                    both, neither, first, second = (self.cells[cell] for cell in four)
                    found[f"{a} with {b}"] = ([both, neither], [first, second])
        return found


def crossing_tables(runs: Runs, crossing: Crossing) -> list[ResultTable]:
    """The factors' main effects, and their interaction where there is one to look at.

    A level's runs over all levels of the other factor are pooled: seed by seed and utterance by
    utterance, all errors over all words. What the other factor does is the same on both sides.

    Args:
        runs: Those of all cells of the crossing.
        crossing: The cells.
    """
    found = []
    for place in (0, 1):
        arms, baseline = crossing.by_level(place), crossing.baseline[place]
        over = len(arms[baseline])
        if len(arms) > 1 and over > 1:
            factor, other = crossing.factors[place], crossing.factors[1 - place]
            title = f"{factor}, over {over} levels of {other}"
            pooled = runs.pooled(arms, mean=True)
            table = pooled.table(role=MAIN_EFFECT, baseline=baseline, title=title)
            rows = tuple(replace(row, mapsswe_p=()) for row in table.rows)
            words = None if table.words is None else table.words // over
            found.append(replace(table, rows=rows, words=words))
    pairs = [
        runs.pooled({_APART: apart, name: together}, mean=False)
        for name, (together, apart) in crossing.pairs().items()
    ]
    tables = [pair.table(role=INTERACTION, baseline=_APART, title="") for pair in pairs]
    return found + ([_interaction(tables)] if tables else [])


def crossing_verdict(tables: Sequence[ResultTable]) -> str:
    """What the crossing says on dev, in one paragraph: first what was shown."""
    effects = [t for t in tables if t.role == MAIN_EFFECT and t.split == "dev"]
    effects.sort(key=lambda table: not any(row.outcome.startswith("shown") for row in table.rows))
    sentences = [f"{table.title}: {table.verdict}" for table in effects]
    inter = [table.verdict for table in tables if table.role == INTERACTION]
    return " ".join([*sentences, *(f"Interaction: {verdict}" for verdict in inter[:1])])


def _interaction(pairs: Sequence[ResultTable]) -> ResultTable:
    """Whether the effect of one factor depends on the level of the other.

    The interaction of levels a and b is (ab - b) - (a - baseline): the effect of a in the company
    of b less its effect alone. As errors it is (ab + baseline) - (a + b), so that the same
    statistics hold. Holm's correction is over all pairs of levels.
    """
    alone = [table.rows[-1] for table in pairs]
    corrected = holm([1.0 if row.p_value is None else row.p_value for row in alone])
    measure = pairs[0].measure
    rows = [_judged(row, p, measure) for row, p in zip(alone, corrected, strict=True)]
    return replace(
        pairs[0],
        title="Interaction: effect together, less the effects apart",
        baseline="no interaction",
        rows=tuple(rows),
        verdict=overall_interaction([row.name for row in rows if row.outcome == "shown"]),
    )


def _judged(row: ArmRow, holm_p: float, measure: str) -> ArmRow:
    assert row.difference is not None
    interval = None if row.low is None or row.high is None else (row.low, row.high)
    seeds = len(row.per_seed)
    shown, sentence = judge_interaction(
        row.name, row.difference, interval, holm_p=holm_p, seeds=seeds, measure=measure
    )
    return replace(
        row,
        holm_p=holm_p,
        outcome="shown" if shown else "not shown",
        sentence=sentence,
        per_seed=(),
        substitutions=None,
        deletions=None,
        insertions=None,
    )
