"""`--margin`: what can be reached, before anything is trained for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from slr_tune.ablation.result import AblationResult
from slr_tune.ablation.result_files import RESULT_FILE, read_result
from slr_tune.errors import SlrTuneError
from slr_tune.statistics.power import smallest_margin

_SPREAD = 8.2
"""Standard deviation of a difference in points times the square root of the utterances, seeds left
out: what distillations of the bundled size showed. Used where the study has no ablation yet."""


def stored_results(folder: Path) -> list[AblationResult]:
    """All ablations of a study that can be read, by name.

    Args:
        folder: `ablations` of the study.
    """
    found = []
    for path in sorted(folder.glob(f"*/{RESULT_FILE}")):
        try:
            found.append(read_result(path.parent))
        except SlrTuneError:
            continue  # of another version, or torn; the ablation that wrote it can say why
    return found


def unit_variance(results: Iterable[AblationResult], utterances: int) -> tuple[float, bool]:
    """Variance of a difference that only more utterances divide, squared points.

    Args:
        results: Ablations of the study so far.
        utterances: Of dev.

    Returns:
        The median over the arms that were compared on as many utterances, or what is usual; and
        whether it was measured.
    """
    known = [
        row.unit_variance
        for result in results
        if result.main.utterances == utterances
        for row in result.main.rows
        if row.unit_variance is not None and row.outcome != "identical"
    ]
    if known:
        return median(known), True
    return _SPREAD**2 / max(utterances, 1), False


def check_margin(margin: float, results: Iterable[AblationResult], utterances: int) -> None:
    """Refuses a margin that no number of seeds can reach.

    Raises:
        SlrTuneError: It is below what so many utterances allow.
    """
    variance, measured = unit_variance(results, utterances)
    least = smallest_margin(variance)
    if margin >= least:
        return
    source = "measured by the ablations of this study" if measured else "as is usual"
    needed = math.ceil(utterances * (least / margin) ** 2)
    raise SlrTuneError(
        f"--margin {margin:g}: no number of seeds can show that arms are the same within "
        f"{margin:g} "
        f"points on {utterances:,} utterances, whose own noise is {variance**0.5:.2f} points "
        f"({source}); the smallest possible margin is {least:.1f}",
        hint=f"Give --margin {math.ceil(10 * least) / 10:g}, or a dev split of about {needed:,} "
        "utterances.",
    )
