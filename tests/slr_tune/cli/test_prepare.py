"""`slr-tune prepare`: the table, the JSON, and one clear message for what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from phoenix_layout import Layout, write_phoenix

from slr_tune.cli.main import run
from trainables.data.corpus import OFFICIAL_COUNTS


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return write_phoenix(tmp_path / "phoenix")


def words(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_libras_table(capsys: pytest.CaptureFixture[str], studies: Path) -> None:
    """The word alone prepares the bundled sentences, in the cache of the studies folder."""
    assert run(["prepare", "libras"]) == 0
    out, err = capsys.readouterr()
    assert words(out)[1][:2] == ["train", "600"]
    assert words(out)[2][:2] == ["dev", "150"]
    assert words(out)[3][:2] == ["test", "200"]
    assert "15 glosses to recognise, 6 features per frame" in out
    assert str(studies / ".cache" / "data") in out
    assert err == ""


def test_search_space_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it packs must be what `run` with the same file will look for."""
    file = tmp_path / "space.yaml"
    file.write_text("study: x\ndata: {name: libras, train: 9, dev: 3, test: 4, seed: 2}\n")
    assert run(["prepare", str(file), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["spec"] == {"name": "libras", "train": 9, "dev": 3, "test": 4, "seed": 2}
    assert [split["sentences"] for split in output["splits"]] == [9, 3, 4]
    assert (Path(output["folder"]) / "index.json").is_file()


def test_phoenix_folder(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    """The only features there need no name; unknown glosses are counted and shown."""
    layout.clips["dev"][0].glosses = ["NORD", "SCHNEE", "EIS", "SCHNEE"]
    layout.write_corpus("dev")
    assert run(["prepare", str(layout.root)]) == 0
    out, err = capsys.readouterr()
    assert words(out)[2][0] == "dev"
    assert words(out)[2][-1] == "3"
    assert "unknown in dev, each counted as an error: SCHNEE (2), EIS (1)" in out
    assert err == "Features i3d, the only ones there.\n"


def test_json_has_the_unknown_glosses(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    layout.clips["test"][0].glosses = ["EIS"]
    layout.write_corpus("test")
    assert run(["prepare", str(layout.root), "--features", "i3d", "--json"]) == 0
    test = json.loads(capsys.readouterr().out)["splits"][2]
    assert (test["name"], test["unknown"], test["unknown_glosses"]) == ("test", 1, {"EIS": 1})


def test_subset_chooses_the_corpus_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_phoenix(tmp_path / "both", sizes=(6, 3, 3))
    write_phoenix(tmp_path / "both", sizes=(4, 2, 1), subset="si5")
    assert run(["prepare", str(tmp_path / "both"), "--subset", "si5", "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert [split["sentences"] for split in output["splits"]] == [4, 2, 1]


def test_size_of_the_other_subset_is_warned_about(
    layout: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OFFICIAL_COUNTS["si5"], "train", 6)
    assert run(["prepare", str(layout.root), "--features", "i3d"]) == 0
    assert "Warning: train has 6 utterances, as in the subset si5" in capsys.readouterr().err


def broken_features(layout: Layout) -> list[str]:
    array = layout.clips["train"][0].features.copy()
    array[1, 2] = np.nan
    np.savez(layout.npz("train", 0), features=array)
    layout.npz("dev", 1).unlink()
    return [str(layout.root)]


def no_features(layout: Layout) -> list[str]:
    shutil.rmtree(layout.root / "features")
    return [str(layout.root)]


def two_features(layout: Layout) -> list[str]:
    (layout.root / "features" / "pose").mkdir()
    return [str(layout.root)]


def no_such_file(layout: Layout) -> list[str]:
    return [str(layout.root / "nothing.yaml")]


def wrong_setting(layout: Layout) -> list[str]:
    file = layout.root / "space.yaml"
    file.write_text("data:\n  name: libras\n  sed: 1\n")
    return [str(file)]


def no_data(layout: Layout) -> list[str]:
    file = layout.root / "space.yaml"
    file.write_text("study: x\n")
    return [str(file)]


def options_of_a_folder(layout: Layout) -> list[str]:
    return ["libras", "--features", "i3d"]


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (broken_features, ["2 problems", "NaN at frame 1, feature 2", "is missing"]),
        (no_features, ["features has no folder"]),
        (two_features, ["i3d, pose", "--features"]),
        (no_such_file, ["nothing.yaml", "no such file"]),
        (wrong_setting, ["space.yaml:3:3", "data.sed", "Did you mean seed?"]),
        (no_data, ["has no section data"]),
        (options_of_a_folder, ["apply only to a folder of data"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_input_ends_with_2_and_a_message(
    layout: Layout, arrange: object, message: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for what a user can cause, and nothing on stdout that a script could take."""
    assert run(["prepare", *arrange(layout)]) == 2  # type: ignore[operator]
    out, err = capsys.readouterr()
    assert out == ""
    assert all(text in err for text in message), err


def test_what_is_left_out_is_reported(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    """The official set has such a video: packed without it, and nobody is left in doubt."""
    first, second = layout.clips["train"][0].id, layout.clips["train"][1].id
    np.savez(layout.npz("train", 0), features=np.zeros((2, 5), dtype=np.float32))
    assert run(["prepare", str(layout.root), "--exclude", second, "--json"]) == 0
    out, err = capsys.readouterr()
    output = json.loads(out)
    assert output["splits"][0]["sentences"] == 4
    assert output["excluded"] == [f"train/{second}"]
    assert output["too_short"] == [f"train/{first} has 2 frames, but CTC needs 6 for its 6 glosses"]
    assert f"Warning: 1 utterance left out, as data.exclude says: train/{second}." in err
    assert f"Warning: 1 utterance too short for CTC, left out of training: train/{first} has" in err
