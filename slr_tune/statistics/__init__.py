"""The statistics of an ablation: is that difference real, or the seed?

`compare` does it all: word error rates, differences with intervals, tests, what more runs would
show, and the verdict in words. The modules' docstrings say how and from which source.
"""

from slr_tune.statistics.compare import (
    RESAMPLES,
    ArmResult,
    Comparison,
    compare,
)
from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.counts import CorpusWer, ErrorCounts, corpus_wer
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.mapsswe import Mapsswe, mapsswe
from slr_tune.statistics.multiplicity import holm
from slr_tune.statistics.power import MoreRuns
from slr_tune.statistics.verdict import (
    Outcome,
    Verdict,
    difference_text,
    measured,
    overall,
    p_text,
    signed_points,
)

__all__ = [
    "RESAMPLES",
    "ArmResult",
    "Comparison",
    "CorpusWer",
    "Difference",
    "ErrorCounts",
    "Mapsswe",
    "MoreRuns",
    "Outcome",
    "VarianceComponents",
    "Verdict",
    "compare",
    "corpus_wer",
    "difference_text",
    "holm",
    "mapsswe",
    "measured",
    "overall",
    "p_text",
    "signed_points",
]
