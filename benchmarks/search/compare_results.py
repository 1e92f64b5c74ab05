"""Tables and the figure of the benchmark: means, paired differences, anytime curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.search.cells import POINTS, TRAININGS, Cell, Result
from slr_tune.report.page.figures import PALETTE
from slr_tune.report.print_style import FULL, LINES, new_panels, save, title_axis
from slr_tune.statistics.multiplicity import holm

DRAWS = 10_000
Results = Mapping[Cell, Result]
Block = tuple[str, int]
"""Table and seed."""


@dataclass(frozen=True)
class Difference:
    """A strategy less another over blocks of table x seed that both have.

    Attributes:
        other: The other strategy.
        blocks: How many.
        mean: Of the differences in regret; negative where the strategy is better.
        low: Of the 95 % interval, percentiles of a bootstrap over blocks.
        high: Likewise.
        p: Share of the draws on the other side of 0, two-sided, and no less than changing the signs
            of so few differences could give.
    """

    other: str
    blocks: int
    mean: float
    low: float
    high: float
    p: float


def regrets(
    results: Results,
    strategy: str,
    *,
    prior: str,
    workers: int,
    trainings: float,
    tables: Sequence[str],
    noise: float = 0.0,
    repeats: bool = True,
) -> dict[Block, float]:
    """Regret of a strategy in every block that it has; where noise is added, the true one."""
    return {
        (cell.table, cell.seed): result.true_regret if noise else result.at(trainings)
        for cell, result in results.items()
        if (cell.strategy, cell.prior, cell.workers, cell.noise, cell.repeats)
        == (strategy, prior, workers, noise, repeats)
        and cell.table in tables
    }  # fmt: skip


def difference(
    ours: Mapping[Block, float], theirs: Mapping[Block, float], other: str
) -> Difference | None:
    """Paired difference over the blocks that both have; None without any."""
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        return None
    apart = np.array([ours[block] - theirs[block] for block in shared])
    rng = np.random.default_rng(20261126)
    means = apart[rng.integers(0, len(apart), (DRAWS, len(apart)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    beyond = min((means >= 0).mean(), (means <= 0).mean())
    return Difference(
        other, len(apart), float(apart.mean()), float(low), float(high),
        float(min(1.0, max(2 * beyond, 2 / DRAWS, 2.0 ** (1 - len(apart))))),
    )  # fmt: skip


def report(
    results: Results,
    *,
    ours: str,
    others: Sequence[str],
    tables: Sequence[str],
    workers: int,
    budgets: Sequence[float],
    noise: float = 0.0,
    repeats: bool = True,
) -> str:
    """Means and paired differences at some budgets, as text; Holm over all lines of it."""  # noqa: D401
    rows: list[tuple[str, float, str, float, float, Difference | None]] = []
    for prior in ("good", "bad"):
        for budget in budgets:
            mine = regrets(
                results,
                ours,
                prior=prior,
                workers=workers,
                trainings=budget,
                tables=tables,
                noise=noise,
                repeats=repeats,
            )
            for other in (ours, *others):
                theirs = regrets(
                    results,
                    other,
                    prior=prior,
                    workers=workers,
                    trainings=budget,
                    tables=tables,
                    noise=noise,
                    repeats=repeats,
                )
                if not theirs:
                    continue
                apart = None if other == ours else difference(mine, theirs, other)
                alone = float(np.mean(list(mine.values()))) if mine else float("nan")
                rows.append(
                    (prior, budget, other, float(np.mean(list(theirs.values()))), alone, apart)
                )
    adjusted = iter(holm([row[-1].p for row in rows if row[-1] is not None]))
    lines = [
        f"{'prior':5} {'trainings':>9}  {'strategy':28} {'regret':>7}  "
        f"{'blocks':>6}  {ours} less it, 95 % interval   Holm p"
    ]
    for prior, budget, other, mean, _, apart in rows:
        message = ""
        if apart is not None:
            message = (
                f"{apart.blocks:6d}  {apart.mean:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]"
                f"          {next(adjusted):.4f}"
            )
        lines.append(f"{prior:5} {budget:9g}  {other:28} {mean:7.3f}  {message}")
    return "\n".join(lines)  # fmt: skip


def draw(
    results: Results,
    strategies: Sequence[str],
    *,
    tables: Sequence[str],
    workers: int,
    folder: Path,
    repeats: bool = True,
) -> Path:
    """Mean regret over the spent budget, one panel a prior, over the blocks that all have."""
    figure, axes = new_panels(2, width=FULL, height=7.5, sharey=True)
    at = TRAININGS * np.arange(1, POINTS + 1) / POINTS
    for axis, prior in zip(axes, ("good", "bad"), strict=True):
        curves = {
            name: {
                (cell.table, cell.seed): result.regret
                for cell, result in results.items()
                if (cell.strategy, cell.prior, cell.workers, cell.noise, cell.repeats)
                == (name, prior, workers, 0.0, repeats)
                and cell.table in tables
            }
            for name in strategies
        }
        known = {name: own for name, own in curves.items() if own}
        shared = set.intersection(*map(set, known.values())) if known else set()
        for place, (name, own) in enumerate(known.items()):
            mean = np.minimum([own[block] for block in shared], 3.0).mean(axis=0)
            colour, dashes = PALETTE[place % len(PALETTE)], LINES[place % len(LINES)]
            width = 2.0 if place == 0 else 1.2
            axis.plot(at, mean, linestyle=dashes, color=colour, label=name, linewidth=width)
        axis.set_ylim(0, 1.0)
        axis.set_xlim(0, TRAININGS)
        axis.set_xticks(range(0, int(TRAININGS) + 1, 5))
        title_axis(axis, f"{prior.capitalize()} baseline", x="spent, in full trainings")
    axes[0].set_ylabel("regret (0: best known, 1: median)")
    picture, _ = save(figure, folder, "strategies")
    return Path(picture)
