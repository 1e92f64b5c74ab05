"""Main effects and interactions of two crossed factors, against figures worked out apart."""

from __future__ import annotations

import numpy as np
import pytest
from ablation_results import draw

from slr_tune.ablation.analysis import ErrorRuns
from slr_tune.ablation.compared import MetricRuns, Sides
from slr_tune.ablation.crossing import Crossing, crossing_tables, crossing_verdict
from slr_tune.ablation.result import INTERACTION, MAIN, MAIN_EFFECT
from slr_tune.statistics import holm

FIRST, SECOND = ("a0", "a1", "a2"), ("b0", "b1")
CELLS = {(a, b): f"{a} {b}" for a in FIRST for b in SECOND}
CROSSING = Crossing(("first", "second"), CELLS, ("a0", "b0"))


def rates(second: float = -0.03, together: float = 0.0) -> dict[str, float]:
    """Chance of an error: the second factor always helps a bit, `together` is the interaction."""
    return {
        name: 0.15 + (second if b == "b1" else 0.0) + (together if (a, b) == ("a2", "b1") else 0.0)
        for (a, b), name in CELLS.items()
    }


def test_a_main_effect_is_the_mean_of_the_effects_at_each_level() -> None:
    """Difference and mean by hand; the interval is narrower than that of one cell."""
    counts = draw(rates(), seeds=3)
    first, second, _ = crossing_tables(ErrorRuns(counts), CROSSING)
    assert [t.title for t in (first, second)] == [
        "first, over 2 levels of second",
        "second, over 3 levels of first",
    ]
    words = counts["a0 b0"][0][:, 3].sum()

    def wer(name: str) -> float:
        return float(np.mean([100 * run[:, :3].sum() / words for run in counts[name]]))

    row = second.row("b1")
    assert row.mean == pytest.approx(np.mean([wer(f"{a} b1") for a in FIRST]))
    by_hand = np.mean([wer(f"{a} b1") - wer(f"{a} b0") for a in FIRST])
    assert row.difference == pytest.approx(by_hand)
    assert second.words == words and second.baseline == "b0"
    row_first = first.row("a2")
    by_hand = np.mean([wer(f"a2 {b}") - wer(f"a0 {b}") for b in SECOND])
    assert row_first.difference == pytest.approx(by_hand)

    pooled = ErrorRuns(counts).pooled(CROSSING.by_level(1), mean=True)
    pair = {name: counts[name] for name in ("a0 b0", "a0 b1")}
    over_all = pooled.table(role=MAIN, baseline="b0", title="").row("b1")
    cells = ErrorRuns(pair).table(role=MAIN, baseline="a0 b0", title="").row("a0 b1")
    assert over_all.difference == pytest.approx(row.difference)
    assert over_all.low is not None and over_all.high is not None and cells.low is not None
    assert cells.high is not None and over_all.high - over_all.low < cells.high - cells.low


def test_what_is_reported_of_a_crossing_is_one_family() -> None:
    """Two levels, one level and two pairs are five comparisons, and each interval agrees with p."""
    for seed in range(6):
        tables = crossing_tables(ErrorRuns(draw(rates(-0.012), seeds=3, seed=seed)), CROSSING)
        assert {table.family for table in tables} == {5}
        rows = [row for table in tables for row in table.rows if row.holm_p is not None]
        p = [row.p_value or 0.0 for row in rows]
        assert [row.holm_p for row in rows] == pytest.approx(holm(p))
        for row in rows:
            assert row.low is not None and row.high is not None and row.holm_p is not None
            assert (row.low > 0 or row.high < 0) == (row.holm_p < 0.05)


def test_the_effects_of_a_crossing_lend_each_other_their_spread() -> None:
    """A factor of two levels alone would have the two degrees of freedom of three seeds."""
    runs = ErrorRuns(draw(rates(), seeds=3))
    sides = {"alone": Sides(["a0 b1"], ["a0 b0"])}
    assert runs.contrasts(sides)["alone"].components.seed_df == 2.0
    sides["mean"] = Sides(["a0 b1", "a1 b1"], ["a0 b0", "a1 b0"], over=2)
    found = runs.contrasts(sides)
    assert {one.components.seed_df for one in found.values()} == {2.0 + 4 * 2 / 5}
    assert (sides["mean"].weight, Sides(["a", "b"], ["c", "d"]).weight) == (0.5, 2.0)


def test_an_effect_at_all_levels_is_shown_where_no_single_cell_shows_it() -> None:
    """What a factorial is for: every run says something of both factors."""
    counts = draw(rates(second=-0.015), seeds=3, utterances=120, seed=1)
    cells = ErrorRuns(counts).table(role=MAIN, baseline="a0 b0", title="")
    tables = crossing_tables(ErrorRuns(counts), CROSSING)
    assert not any("better" in row.outcome for row in cells.rows)
    assert tables[1].row("b1").outcome == "better"
    assert all(row.outcome == "no clear difference" for row in tables[0].rows[1:])
    verdict = crossing_verdict(tables)
    assert verdict.startswith("second, over 3 levels of first: Better: b1 against b0")
    assert "first, over 2 levels of second: No clear" in verdict
    assert verdict.endswith("does not clearly depend on the other.")


def test_an_interaction_is_the_effect_together_less_the_effects_apart() -> None:
    """By hand, and shown for the one pair that has it."""
    counts = draw(rates(together=0.2), seeds=3)
    table = crossing_tables(ErrorRuns(counts), CROSSING)[-1]
    assert table.role == INTERACTION and [row.name for row in table.rows] == [
        "a1 with b1",
        "a2 with b1",
    ]
    words = 3 * counts["a0 b0"][0][:, 3].sum()

    def errors(name: str) -> int:
        return int(sum(run[:, :3].sum() for run in counts[name]))

    by_hand = errors("a2 b1") - errors("a0 b1") - (errors("a2 b0") - errors("a0 b0"))
    assert table.row("a2 with b1").difference == pytest.approx(100 * by_hand / words)
    assert [row.outcome for row in table.rows] == ["no clear interaction", "interaction"]
    assert table.verdict == "The effects depend on each other, shown for: a2 with b1."


def test_one_seed_shows_nothing() -> None:
    """However large the interaction: another seed may have none."""
    counts = draw(rates(second=-0.1, together=0.3), seeds=1)
    for table in crossing_tables(ErrorRuns(counts), CROSSING):
        assert all(row.outcome not in ("better", "worse") for row in table.rows)


def test_a_level_that_lacks_a_cell_is_compared_over_what_all_have() -> None:
    """Two levels that come to the same configuration are run once: that cell is missing."""
    cells = {key: name for key, name in CELLS.items() if key != ("a2", "b1")}
    crossing = Crossing(("first", "second"), cells, ("a0", "b0"))
    assert crossing.by_level(0) == {"a0": ["a0 b0"], "a1": ["a1 b0"], "a2": ["a2 b0"]}
    assert crossing.by_level(1) == {"b0": ["a0 b0", "a1 b0"], "b1": ["a0 b1", "a1 b1"]}
    tables = crossing_tables(ErrorRuns(draw(rates())), crossing)
    assert [table.title for table in tables[:-1]] == ["second, over 2 levels of first"]


def test_runs_that_tell_a_number_are_crossed_too() -> None:
    """A user's own metric: the same effects, by a paired t over the seeds."""
    noise = np.random.default_rng(0).normal(0, 0.01, (len(CELLS), 4))
    values = {
        name: list(2.0 + (b == "b1") * 0.5 + ((a, b) == ("a2", "b1")) * 0.3 + noise[place])
        for place, ((a, b), name) in enumerate(CELLS.items())
    }
    first, second, inter = crossing_tables(MetricRuns(values, "score", False), CROSSING)
    assert (first.role, second.role, inter.role) == (MAIN_EFFECT, MAIN_EFFECT, INTERACTION)
    assert second.row("b1").difference == pytest.approx(0.6, abs=0.03)
    assert second.row("b1").outcome == "better"
    assert inter.row("a2 with b1").difference == pytest.approx(0.3, abs=0.05)
    assert inter.row("a2 with b1").outcome == "interaction"
