"""Two factors crossed: each over all levels of the other, and whether they depend on each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slr_tune.ablation.analysis import ErrorRuns, Runs
from slr_tune.ablation.compared import Sides, compared_row
from slr_tune.ablation.result import INTERACTION, MAIN, MAIN_EFFECT, ArmRow, ResultTable
from slr_tune.statistics import Difference
from slr_tune.statistics.verdict import Outcome, judge_interaction, overall_interaction
from slr_tune.statistics.wording import more_text


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

    All sentences on the crossing are one family: levels of both factors and pairs of levels share
    one correction by Holm, and intervals are as wide as the level at which each was decided. They
    show each other's spread over the seeds too: a mean over two levels scatters by half of what
    one arm against another does, an interaction by twice as much.

    Args:
        runs: Those of all cells of the crossing.
        crossing: The cells.
    """
    effects = [e for e in (_effect(runs, crossing, place) for place in (0, 1)) if e is not None]
    sides: dict[tuple[int, str], Sides] = {}
    for place, effect in enumerate(effects):
        against = effect.arms[effect.baseline]
        for level, arms in effect.arms.items():
            if level != effect.baseline:
                sides[place, level] = Sides(arms, against, over=effect.over)
    pairs = crossing.pairs()
    sides |= {(len(effects), name): Sides(*arms) for name, arms in pairs.items()}
    together = runs.corrected(runs.contrasts(sides), intervals=True)
    family = sum(not (one.identical or math.isnan(one.p_value)) for one in together.values())
    family += len(runs.others)

    def judged(place: int) -> dict[str, Difference]:
        return {name: one for (part, name), one in together.items() if part == place}

    tables = []
    for place, effect in enumerate(effects):
        table = effect.runs.table(
            role=MAIN_EFFECT,
            baseline=effect.baseline,
            title=effect.title,
            judged=judged(place),
            family=family,
        )
        rows = tuple(replace(row, mapsswe_p=()) for row in table.rows)
        words = None if table.words is None else table.words // effect.over
        tables.append(replace(table, rows=rows, words=words))
    if pairs:
        whole = (
            tables[0]
            if tables
            else runs.table(role=MAIN, baseline=next(iter(crossing.cells.values())), title="")
        )
        tables.append(_interaction(whole, runs, judged(len(effects)), family))
    return tables


@dataclass(frozen=True)
class _Effect:
    """One factor over all levels of the other."""

    runs: Runs
    arms: Mapping[str, Sequence[str]]
    baseline: str
    title: str
    over: int


def _effect(runs: Runs, crossing: Crossing, place: int) -> _Effect | None:
    """The runs of one factor, pooled over the other; None where there is nothing to pool."""
    arms, baseline = crossing.by_level(place), crossing.baseline[place]
    over = len(arms[baseline])
    if len(arms) < 2 or over < 2:
        return None
    factor, other = crossing.factors[place], crossing.factors[1 - place]
    pooled = runs.pooled(arms, mean=True)
    return _Effect(pooled, arms, baseline, f"{factor}, over {over} levels of {other}", over)


def crossing_verdict(tables: Sequence[ResultTable]) -> str:
    """What the crossing says on dev, in one paragraph: first what was shown."""
    effects = [t for t in tables if t.role == MAIN_EFFECT and t.split == "dev"]
    effects.sort(
        key=lambda table: (
            not any(row.outcome in (Outcome.BETTER, Outcome.WORSE) for row in table.rows)
        )
    )
    sentences = [f"{table.title}: {table.verdict}" for table in effects]
    inter = [table.verdict for table in tables if table.role == INTERACTION]
    return " ".join([*sentences, *(f"Interaction: {verdict}" for verdict in inter[:1])])


def _interaction(
    like: ResultTable, runs: Runs, pairs: Mapping[str, Difference], family: int
) -> ResultTable:
    """Whether the effect of one factor depends on the level of the other.

    The interaction of levels a and b is (ab - b) - (a - baseline): the effect of a in the company
    of b less its effect alone. As errors it is (ab + baseline) - (a + b), so that the same
    statistics hold.

    Args:
        like: A table of the same runs, for all that does not depend on the arms.
        runs: All cells.
        pairs: Differences by pair of levels.
        family: Comparisons that were corrected for together.
    """
    rows = [_judged(name, one, like.measure) for name, one in pairs.items()]
    return replace(
        like,
        role=INTERACTION,
        title="Interaction: joint effect minus the separate effects",
        baseline="no interaction",
        rows=tuple(rows),
        verdict=overall_interaction([row.name for row in rows if row.outcome == "interaction"]),
        limits=() if isinstance(runs, ErrorRuns) else like.limits,
        shares={},
        family=family,
    )


def _judged(name: str, difference: Difference, measure: str) -> ArmRow:
    row = compared_row(ArmRow(name, (), 0.0), difference)
    interval = None if row.low is None or row.high is None else (row.low, row.high)
    shown, sentence = judge_interaction(
        name,
        row.difference or 0.0,
        interval,
        holm_p=1.0 if row.holm_p is None else row.holm_p,
        seeds=difference.components.seeds,
        measure=measure,
        more="" if difference.shown else more_text(difference),
    )
    return replace(
        row,
        outcome="interaction" if shown else "no clear interaction",
        sentence=sentence,
        mapsswe_p=(),
    )
