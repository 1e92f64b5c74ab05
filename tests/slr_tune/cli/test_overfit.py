"""`slr-tune overfit` in words, for a script, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from small_runs import small_space

Call = Callable[..., tuple[int, str, str]]


def test_a_model_that_does_not_learn(tmp_path: Path, call: Call) -> None:
    # Broken if a script took it for success, or a person were not told why.
    space = small_space(tmp_path)
    code, out, _ = call("overfit", space, "--epochs", 3, "--utterances", 2)
    assert code == 1 and out.startswith("Not learnt: 2 utterances, ")
    assert "\n  - the loss" in out and "  signed     " in out
    code, out, _ = call("overfit", space, "--epochs", 3, "--utterances", 2, "--json")
    found = json.loads(out)
    assert code == 1 and not found["learnt"] and len(found["wrong"]) == 2


def test_a_model_that_learns(tmp_path: Path, call: Call) -> None:
    # Broken if success were told as failure.
    options = ("--utterances", 1, "--learning-rate", 0.02, "--epochs", 300)
    code, out, err = call("overfit", small_space(tmp_path), *options)
    assert code == 0 and out.startswith("Learnt: 1 utterance, 0 % WER at epoch")


def test_a_space_that_is_not_there(tmp_path: Path, call: Call) -> None:
    # Broken if a misspelt file ended in a traceback.
    code, _, err = call("overfit", tmp_path / "no.yaml")
    assert code == 2 and "no.yaml" in err and "Traceback" not in err
