"""`slr-tune tune-decoder`: it finds the best, says who chose it, and what that is worth."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


def test_tuning_finds_settings_and_says_what_they_are_worth(trained: Path, call: Call) -> None:
    # Broken if the best were not the best tried, or worse than what evaluate gives for it.
    folder = trained / "train" / "student"
    code, out, _ = call("tune-decoder", folder, "--json")
    found = json.loads(out)
    assert code == 0
    wers = [tried["wer"] for tried in found["tried"]]
    assert found["best"]["wer"] == min(wers) == wers[0]
    assert found["held_out_wer"] >= found["best"]["wer"]
    best = found["best"]
    options = ["--beam-width", best["width"], "--lm-weight", best["lm_weight"]]
    out = call("evaluate", folder, "--json", *options, "--gloss-bonus", best["gloss_bonus"])[1]
    assert json.loads(out)["systems"][-1]["percent"] == pytest.approx(best["wer"])
    code, out, _ = call("tune-decoder", folder, "--lm", "none")
    assert code == 0 and "slr-tune evaluate" in out


def test_the_command_that_is_printed_gives_the_best(trained: Path, call: Call) -> None:
    # Broken if a person who copies the last line saw another figure, or did not learn who chose.
    folder = trained / "train" / "student"
    code, out, _ = call("tune-decoder", folder)
    assert code == 0 and "Dev chose these settings" in out and "measured on the other" in out
    best = json.loads(call("tune-decoder", folder, "--json")[1])["best"]
    words = shlex.split(out.splitlines()[-1])
    assert words[:2] == ["slr-tune", "evaluate"]
    found = json.loads(call(*words[1:], "--json")[1])["systems"][-1]
    assert found["percent"] == pytest.approx(best["wer"])


def test_test_is_not_touched(trained: Path, call: Call) -> None:
    # Broken if settings could be chosen on test.
    folder = trained / "train" / "student"
    assert call("tune-decoder", folder, "--json")[0] == 0
    assert not (folder / "test_openings.log").exists()
    code, _, err = call("tune-decoder", folder, "--split", "test")
    assert code == 2 and "--split" in err


def test_the_command_that_is_printed_is_of_the_same_data_and_database(
    trained: Path, call: Call
) -> None:
    # Broken if a person who copies the last line saw a figure of other data, or was told that
    # there is no such study.
    from slr_tune.cli.tune_decoder import _subject_options
    from slr_tune.evaluation.checkpoints import Named

    folder, data = trained / "train" / "student", "{name: libras, train: 60, dev: 3, test: 4}"
    out = call("tune-decoder", folder, "--data", data)[1]
    words = shlex.split(out.splitlines()[-1])
    assert words[words.index("--data") + 1] == data
    assert json.loads(call(*words[1:], "--json")[1])["utterances"] == 3
    named = Named(folder, "s/4", study="s", trial=4)
    words = _subject_options(named, data=None, storage="postgresql://me:secret@host/db")
    assert words == ["--study", "s", "--trial", "4", "--storage", "postgresql://me:***@host/db"]
