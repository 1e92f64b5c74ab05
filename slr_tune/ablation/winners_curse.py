"""What fresh seeds say of a search's figure: the winner's curse."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from slr_tune.statistics import signed_points
from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.power import critical_value
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.text import signed


@dataclass(frozen=True)
class Curse:
    """By how much a search flattered its trial.

    Attributes:
        points: Mean WER of the fresh seeds on dev less what the search claimed; above 0 the
            search was lucky.
        low: Lower end of the 95 % interval over the seeds; None with one seed.
        high: Upper end.
    """

    points: float
    low: float | None = None
    high: float | None = None


def winners_curse(entry: ConfirmedTrial) -> Curse | None:
    """What the search's figure has to be corrected by; None where that is not known.

    Claim and fresh seeds are of the same dev sentences, so the interval is over the seeds alone:
    the claim is a number, not a sample.
    """
    if entry.claimed is None:
        return None
    values = entry.wer["dev"]
    points = entry.mean("dev") - entry.claimed
    if len(values) == 1:
        return Curse(points)
    seeds = len(values)
    spread = statistics.variance(values) / seeds
    components = VarianceComponents(spread, 0.0, seeds, seeds, float(seeds))
    reach = critical_value(components) * components.standard_error
    return Curse(points, points - reach, points + reach)


def curse_line(entry: ConfirmedTrial) -> str:
    """The winner's curse in one line."""
    curse, seeds = winners_curse(entry), len(entry.wer["dev"])
    plural = "seed" if seeds == 1 else "seeds"
    title = f"Winner's curse, trial {entry.trial}:"
    if curse is None:
        return f"{title} not known, the curve of its search is gone."
    unit = " points" if entry.measure == "WER" else f" in {entry.measure}"

    def change(value: float) -> str:
        return signed_points(value, 2) if entry.measure == "WER" else signed(value, 3)

    said = (
        f"{title} the search claimed {entry.said(entry.claimed)}, {seeds} "
        f"fresh {plural} give {entry.said(entry.mean('dev'))}: {change(curse.points)}{unit}"
    )
    if curse.low is None or curse.high is None:
        return f"{said}. One seed says nothing of its spread."
    interval = f"[{change(curse.low)}, {change(curse.high)}]"
    verdict = "no flattery shown"
    worse, better = curse.low > 0, curse.high < 0
    if worse if entry.minimize else better:
        verdict = "the search flattered it"
    elif better if entry.minimize else worse:
        verdict = "the search was unlucky with it"
    return f"{said} {interval}: {verdict}."


def confirm_row(entry: ConfirmedTrial) -> dict[str, Any]:
    """As plain values for JSON."""
    curse = winners_curse(entry)
    return {
        "trial": entry.trial,
        "name": entry.name,
        "claimed": entry.claimed,
        "wer": {split: list(values) for split, values in entry.wer.items()},
        "mean": {split: entry.mean(split) for split in entry.wer},
        "standard_deviation": {split: entry.spread(split) for split in entry.wer},
        "parameters": entry.parameters,
        "winners_curse": None if curse is None else asdict(curse),
        "verdicts": dict(entry.verdicts),
        "measure": entry.measure,
        "minimize": entry.minimize,
    }
