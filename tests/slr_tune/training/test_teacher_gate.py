"""The gate before a distillation: only a teacher that is worse beyond chance is refused."""

from __future__ import annotations

import numpy as np
import pytest

from slr_tune.errors import RunFailed
from slr_tune.statistics.counts import IntArray
from slr_tune.training.teacher import _gate


def counts(errors: list[int]) -> IntArray:
    """Errors as substitutions, of ten words each."""
    table = np.zeros((len(errors), 4), dtype=np.int64)
    table[:, 0], table[:, 3] = errors, 10
    return table


def test_signers_decide_what_is_chance() -> None:
    # Broken if 120 utterances of three signers counted as 120: two of three signers are worse
    # under the teacher, which another three need not be.
    student = counts([2] * 120)
    teacher = counts([5] * 40 + [4] * 40 + [2] * 40)
    signers = ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    output: list[str] = []
    _gate(teacher, student, signers, tell=output.append, allow_weak=False)
    assert "Warning" in output[-1] and "signers (3 here)" in output[-1]
    with pytest.raises(RunFailed, match="over other utterances") as caught:
        _gate(teacher, student, None, tell=output.append, allow_weak=False)
    assert "--allow-weak-teacher" in caught.value.hint
    _gate(teacher, student, None, tell=output.append, allow_weak=True)
    assert "Warning" in output[-1]


def test_one_utterance_does_not_refuse() -> None:
    # Broken if a dev set that tells nothing ended in a traceback, or refused.
    output: list[str] = []
    _gate(counts([5]), counts([1]), None, tell=output.append, allow_weak=False)
    assert "cannot show whether" in output[-1]
