"""Which part of the noise of a difference is whose: seeds, orders, teachers, utterances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slr_tune.statistics.difference import Difference

TEACHERS = "teachers"
SEEDS = "seeds"
INITIAL = "initial weights and dropout"
ORDERS = "order of the data"
BOTH = "a seed's luck on single utterances"
UTTERANCES = "utterances"


def variance_shares(
    differences: Iterable[Difference], *, unit: str = UTTERANCES
) -> dict[str, float]:
    """Shares of the variance of a difference, summed over the arms of a table.

    Estimates of the parts, not the held and moderated ones that the intervals take: each from what
    is left after the parts inside it are subtracted, at least 0. A seed stands for all that it
    draws: the first weights, the order of the data, dropout and augmentation; the order has a
    share of its own where each seed had several.

    Args:
        differences: Of the arms; identical ones, and those of one seed, say nothing.
        unit: Name of what was resampled.

    Returns:
        By part, adding up to 1; empty where nothing is known.
    """
    parts: dict[str, float] = {}
    for one in differences:
        own = one.estimate
        if own is None or one.identical or own.seeds < 2:
            continue
        replicate = own.per_seed / own.seeds
        nested = own.nested / (own.seeds * own.nested_seeds)
        found = {
            SEEDS: max(replicate - own.interaction, 0.0),
            BOTH: own.interaction,
            unit: max(own.jackknife - own.interaction, 0.0),
        }
        if one.teachers > 1:
            found = {TEACHERS: max(replicate - nested, 0.0), **found}
            found[SEEDS] = max(nested - own.interaction, 0.0)
            found[BOTH] = min(own.interaction, nested)
        elif one.orders > 1:
            del found[SEEDS]
            found = {INITIAL: max(replicate - max(nested, own.interaction), 0.0), **found}
            found[ORDERS] = max(nested - own.interaction, 0.0)
        for name, value in found.items():
            parts[name] = parts.get(name, 0.0) + value
    total = sum(parts.values())
    return {name: value / total for name, value in parts.items()} if total > 0 else {}


def shares_text(shares: Mapping[str, float]) -> str:
    """`seeds 61 %, a seed's luck on single utterances 12 %, utterances 27 %`."""
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
