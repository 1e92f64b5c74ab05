"""Preparing once, finding again, and doing so in many processes and after crashes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from phoenix_layout import write_phoenix

from trainables.data import prepare
from trainables.errors import ConfigError, DataError

SMALL = {"name": "libras", "train": 20, "dev": 5, "test": 6}


def leftovers(cache: Path) -> list[Path]:
    return list((cache / "data").glob("*.partial"))


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_second_call_makes_nothing(tmp_path: Path) -> None:
    """Preparing again at every start would cost minutes on real data."""
    first = prepare(SMALL, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    second = prepare(SMALL, tmp_path)
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == written
    assert first.folder == tmp_path / "data" / first.hash


def test_defaults_and_their_spelling_out_are_one_data_set(tmp_path: Path) -> None:
    spelt = {**SMALL, "seed": 0}
    assert prepare(SMALL, tmp_path).folder == prepare(spelt, tmp_path).folder


def test_a_wrong_section_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="libra"):
        prepare({"name": "libra"}, tmp_path)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("damage", ["missing", "truncated", "index", "folder", "key"])
def test_damaged_data_is_made_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What can be made again must not stop a run."""
    first = prepare(SMALL, tmp_path)
    features = first.folder / "train" / "features.f32"
    expected = features.read_bytes()
    if damage == "missing":
        features.unlink()
    elif damage == "truncated":
        features.write_bytes(expected[:-40])
    elif damage == "index":
        (first.folder / "index.json").write_text("{")
    elif damage == "folder":
        first.folder.rename(tmp_path / "moved")
    else:
        (tmp_path / "data" / "keys" / first.hash).write_text("")
    again = prepare(SMALL, tmp_path)
    assert again.hash == first.hash
    assert (again.folder / "train" / "features.f32").read_bytes() == expected
    assert ("it is rebuilt" in caplog.text) == (damage in ("missing", "truncated", "index"))


def test_processes_at_once_make_one_data_set(tmp_path: Path) -> None:
    """Two drivers started together must neither collide nor leave anything behind."""
    code = (
        "import json, sys; from pathlib import Path; from trainables.data import prepare\n"
        "d = prepare(json.loads(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(d.hash, len(d.train), float(d.train.features.sum()))"
    )
    processes = [run_python(code, json.dumps(SMALL), tmp_path) for _ in range(4)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert len({output for output, _ in outputs}) == 1
    assert len(list((tmp_path / "data").glob("*/index.json"))) == 1
    assert leftovers(tmp_path) == []


def test_killed_while_packing(tmp_path: Path) -> None:
    """After kill -9 nothing half-made may be taken for data, and the rest must go."""
    layout = write_phoenix(tmp_path / "phoenix")
    code = (
        "import json, os, signal, sys; from pathlib import Path\n"
        "from trainables.data import prepare\n"
        "def kill(done, total): done == 5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "prepare(json.loads(sys.argv[1]), Path(sys.argv[2]), progress=kill)"
    )
    cache = tmp_path / "cache"
    process = run_python(code, json.dumps(layout.section), cache)
    process.communicate()
    assert process.returncode == -9
    assert len(leftovers(cache)) == 1
    assert list((cache / "data").glob("*/index.json")) == []
    # Another data set sweeps it away; the lock of the dead process is free.
    prepare(SMALL, cache)
    assert leftovers(cache) == []
    assert len(prepare(layout.section, cache).train) == 6


def test_interrupted_while_packing(tmp_path: Path) -> None:
    """Ctrl-C leaves the cache as it was."""
    layout = write_phoenix(tmp_path / "phoenix")

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(layout.section, tmp_path / "cache", progress=interrupt)
    assert leftovers(tmp_path / "cache") == []
    assert len(prepare(layout.section, tmp_path / "cache").train) == 6


def test_data_that_others_pack_is_left_alone(tmp_path: Path) -> None:
    """Sweeping must not delete what a live process is packing."""
    layout = write_phoenix(tmp_path / "phoenix")
    cache = tmp_path / "cache"
    seen: list[int] = []

    def prepare_another(done: int, total: int) -> None:
        if done == 3:
            prepare(SMALL, cache)
            seen.append(len(leftovers(cache)))

    assert len(prepare(layout.section, cache, progress=prepare_another).train) == 6
    assert seen == [1]


def test_unwritable_cache_is_named(tmp_path: Path) -> None:
    """A file where the folder should be; root may write anywhere, so modes prove nothing."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match="cache") as error:
        prepare(SMALL, tmp_path / "cache")
    assert "must be writable" in error.value.hint


def test_full_disk_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It happens in the middle of a packing; nothing may be left of it."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trainables.data.packing.SplitWriter.add", full)
    with pytest.raises(DataError, match="No space left on device"):
        prepare(SMALL, tmp_path)
    assert leftovers(tmp_path) == []


def test_importing_needs_no_torch() -> None:
    """Checking a search-space file and preparing data must start at once."""
    code = "import sys, trainables.data; print('torch' in sys.modules, 'pandas' in sys.modules)"
    process = run_python(code)
    assert process.communicate()[0].split() == ["False", "False"]
