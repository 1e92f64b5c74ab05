"""Data on which nothing can be compared are refused before anything is trained for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ablation_designs import make_design

from slr_tune.ablation.analysis import check_comparable
from slr_tune.ablation.run import run_ablation
from slr_tune.errors import SlrTuneError
from slr_tune.statistics import compare
from slr_tune.training.interrupt import Talk


@pytest.mark.parametrize(
    ("words", "signers", "comparable"),
    [
        ([4], None, False),
        ([4, 0], None, False),
        ([4, 3], None, True),
        ([4], ["a"], False),
        ([4, 3], ["a", "a"], True),
        ([4, 3], ["a", "b"], True),
        ([4, 3, 0], ["a", "a", "b"], False),
        ([], None, False),
    ],
)
def test_what_the_statistics_refuse_is_refused_before(
    words: list[int], signers: list[str] | None, comparable: bool
) -> None:
    """Both must say the same: else a night of training ends in a traceback."""
    references = tuple(("word",) * count for count in words)
    data = SimpleNamespace(dev=SimpleNamespace(references=references, signers=signers))

    def statistics() -> None:
        errors = {name: [[number] * len(words)] * 2 for number, name in enumerate("ab")}
        compare(errors, words, baseline="a", signers=signers, resamples=100)

    if comparable:
        check_comparable(data, ["dev"])
        statistics()
        return
    with pytest.raises(SlrTuneError, match="dev has . (utterance|signer)") as caught:
        check_comparable(data, ["dev"])
    assert caught.value.hint
    with pytest.raises(ValueError):
        statistics()


@pytest.mark.usefixtures("database")
def test_one_utterance_of_dev_is_refused_before_training(space: Callable[..., Path]) -> None:
    """No teacher is trained and no worker started: it takes a second."""
    path = space()
    path.write_text(path.read_text().replace("dev: 8", "dev: 1"))
    design = make_design(path, factors=["kd_blank"])
    message: list[str] = []
    with pytest.raises(SlrTuneError, match="dev has 1 utterance with words"):
        run_ablation(design, Talk(message.append, lambda: False))
    assert message == []
