"""The statistics of an ablation: is that difference real, or the seed?

`compare` does it all: word error rates, differences with intervals, tests, what more runs would
show, and the verdict in words. The modules' docstrings say how and from which source.
"""

from slr_tune.statistics.compare import Comparison, compare
from slr_tune.statistics.counts import ErrorCounts
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.multiplicity import holm
from slr_tune.statistics.verdict import Verdict
from slr_tune.statistics.wording import measured, p_text, signed_points

__all__ = [
    "Comparison",
    "Difference",
    "ErrorCounts",
    "Verdict",
    "compare",
    "holm",
    "measured",
    "p_text",
    "signed_points",
]
