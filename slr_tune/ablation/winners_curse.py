"""What new seeds say of a search's figure: the winner's curse."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import nct as noncentral_t
from scipy.stats import t as student_t
from scipy.stats import ttest_ind

from slr_tune.statistics import signed_points
from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.paired_t import differences_vary
from slr_tune.statistics.power import critical_value
from slr_tune.statistics.wording import measured
from slr_tune.study.commands import command_line
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.text import number, signed

_ONE = 1.0
"""An optimism, in points, whose chance of detection is reported."""
_POWER = 0.8


@dataclass(frozen=True)
class Curse:
    """By how much the figure of a search was optimistic.

    Attributes:
        points: Mean WER of the new seeds on dev less what the search claimed; above 0 the
            search was lucky.
        low: Lower end of the 95 % interval over the seeds; None with one seed.
        high: Upper end.
    """

    points: float
    low: float | None = None
    high: float | None = None


def winners_curse(entry: ConfirmedTrial) -> Curse | None:
    """What the search's figure has to be corrected by; None where that is not known.

    Claim and new seeds are of the same dev sentences, so the interval is over the seeds alone:
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
        return f"{title} not known, because its curve from the search is missing."
    unit = " points" if entry.measure == "WER" else f" in {entry.measure}"

    def change(value: float) -> str:
        return signed_points(value, 2) if entry.measure == "WER" else signed(value, 3)

    message = (
        f"{title} the search claimed {entry.value_text(entry.claimed)}, {seeds} "
        f"new {plural} give {entry.value_text(entry.mean('dev'))}: {change(curse.points)}{unit}"
    )
    if curse.low is None or curse.high is None:
        return f"{message}. One seed says nothing about the spread."
    interval = f"[{change(curse.low)}, {change(curse.high)}]"
    verdict = f"inconclusive{_power(curse, seeds, entry)}"
    worse, better = curse.low > 0, curse.high < 0
    if worse if entry.minimize else better:
        verdict = "the search was optimistic"
    elif better if entry.minimize else worse:
        verdict = "the search was unlucky with it"
    return f"{message} {interval}: {verdict}."


def _power(curse: Curse, seeds: int, entry: ConfirmedTrial) -> str:
    """What so few seeds could have shown: the chance to see a point, and what is seen in 80 %.

    Source: the noncentral t distribution, Cohen 1988, Statistical Power Analysis, section 2.5.
    """
    reach = (curse.high or 0.0) - curse.points
    limit = float(student_t.ppf(0.975, seeds - 1))
    error = reach / limit
    if error <= 0:
        return ""

    def seen(points: float) -> float:
        return float(noncentral_t.sf(limit, seeds - 1, points / error))

    sizes = [error * step / 10 for step in range(1, 400)]
    enough = next((size for size in sizes if seen(size) >= _POWER), sizes[-1])
    if entry.measure != "WER":  # a point means nothing of it
        return f" (an optimism of {number(enough, 3)} would be detected in 80 % of cases)"
    return (
        f" (an optimism of {_ONE:.2f} points would be detected in {100 * seen(_ONE):.0f} % of "
        f"cases, one of {enough:.2f} in 80 %)"
    )


def tunability_line(rows: Sequence[ConfirmedTrial], study: str) -> str:
    """By how much the best is better than the baseline, both on new seeds, with a 95 % interval.

    Where the two were compared seed by seed, the interval is that of the comparison: one difference
    has one interval.

    Source: Probst et al. 2019, JMLR 20(53), for the name; Welch 1947 for the interval.
    """
    baseline = next((row for row in rows if row.is_baseline), None)
    best = next((row for row in rows if row.is_best), None)
    if baseline is not None and baseline is best:
        return "Tunability: none was found, because the best of the search is the baseline itself."
    if baseline is None or best is None:
        confirm = command_line("confirm", options={"--study": study})
        return (
            "Tunability (the best against the baseline, both on new seeds) is not known yet: the "
            f"difference in the search is optimistic. {confirm} measures it."
        )
    if "dev" in best.differences:
        difference = best.differences["dev"]
        points, interval = measured(*difference)
        seen = f"{points} points {interval}"
        if best.measure != "WER":
            size, *ends = (f"{value:+.3g}" for value in difference)
            seen = f"{size} in {best.measure} [{', '.join(ends)}]"
        return f"Tunability, on new seeds: best against baseline: {seen}."
    one, other = (list(row.wer["dev"]) for row in (baseline, best))
    gain = statistics.mean(one) - statistics.mean(other)
    if not best.minimize:
        gain, one, other = -gain, other, one
    unit = " points" if best.measure == "WER" else ""
    message = f"Tunability: on new seeds the best is {signed_points(gain, 2)}{unit} better than the"
    if min(len(one), len(other)) < 2:
        return f"{message} baseline; one seed says nothing about the spread."
    paired = best.measure != "WER" and len(one) == len(other)
    if paired and not differences_vary(one, other):  # as `judge_metric` gives no interval either
        return f"{message} baseline in each of {len(one)} seeds; they do not vary, so no interval."
    found = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    interval = f"[{signed_points(float(found.low), 2)}, {signed_points(float(found.high), 2)}]"
    return (
        f"{message} baseline {interval}, {len(one)} seeds of the one and {len(other)} of the other."
    )


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
        "differences": {split: list(values) for split, values in entry.differences.items()},
        "measure": entry.measure,
        "minimize": entry.minimize,
    }
