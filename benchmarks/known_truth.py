"""Does importance rank right where half of the trials were stopped? A study of known truth.

    python benchmarks/known_truth.py

One strong, one conditional, one weak and one dead parameter; ASHA stops half of 400 trials at epoch
4. Each study is ranked by Optuna's importance over its COMPLETE trials, as any dashboard shows it,
by the same over the same trials without stopping, and by slr-tune's at the matched epoch. The first
study becomes docs/pictures/known_truth.png.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import optuna  # noqa: E402
from known_truth import (  # noqa: E402
    EFFECT_POINTS,
    TRUTH,
    matched_importance,
    stock_shares,
    truth_trials,
)

from slr_tune.importance import Importance  # noqa: E402
from slr_tune.report.page.figures import PALETTE  # noqa: E402
from slr_tune.report.print_style import new_figure, save  # noqa: E402

GREY = "#8A929C"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    first, whole = [0, 0, 0], [0, 0, 0]
    for seed in range(arguments.studies):
        trials = truth_trials(arguments.trials, seed=seed)
        full = truth_trials(arguments.trials, seed=seed, pruned=False)
        stock, found = stock_shares(trials), matched_importance(trials)
        if seed == 0:
            draw(stock, found, arguments.out)
        ranks = [tuple(stock), tuple(stock_shares(full)), tuple(bar.name for bar in found.units)]
        for place, rank in enumerate(ranks):
            first[place] += rank[0] == TRUTH[0]
            whole[place] += rank == TRUTH
    print(f"{arguments.studies} studies of {arguments.trials} trials, half of them stopped")
    print(f"{'':46}strongest found  all four in order")
    names = (
        "Optuna, COMPLETE trials",
        "Optuna, the same trials without stopping",
        "slr-tune, matched epoch",
    )
    for name, one, four in zip(names, first, whole, strict=True):
        print(f"{name:46}{one:15d}  {four:17d}")


def draw(stock: dict[str, float], found: Importance, folder: Path) -> None:
    """The truth, what the stock says, and what the matched epoch says, side by side."""
    figure, axes = new_figure(1, 3, size=(8.4, 2.0), share_y=True)
    names = list(TRUTH)[::-1]
    ours = {bar.name: bar for bar in found.units}
    axes[0].barh(names, [EFFECT_POINTS[name] for name in names], color=GREY)
    axes[0].set_xlabel("points of WER")
    axes[1].barh(names, [100 * stock[name] for name in names], color=PALETTE[1])
    bars = [ours[name] for name in names]
    errors = [
        [100 * (bar.share - bar.low) for bar in bars],
        [100 * (bar.high - bar.share) for bar in bars],
    ]
    style = {"elinewidth": 0.9, "capsize": 2, "ecolor": "#333333"}
    axes[2].barh(
        names, [100 * bar.share for bar in bars], color=PALETTE[0], xerr=errors, error_kw=style
    )
    ours_title = f"slr-tune, all trials at epoch {found.epoch}"
    titles = ("The truth: largest effect", "Optuna, COMPLETE trials", ours_title)
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=9, loc="left")
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="y", visible=False)
    for axis in axes[1:]:
        axis.set_xlim(0, 102)
        axis.set_xlabel("share of importance, % (PED-ANOVA)")
    picture, pdf = save(figure, folder, "known_truth")
    pdf.unlink()
    print(f"wrote {picture}\n")


if __name__ == "__main__":
    main()
