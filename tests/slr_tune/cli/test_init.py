"""`slr-tune init NAME`, and shipped spaces by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slr_tune.space import load_spec
from slr_tune.space.shipped import find_space, shipped_folder, shipped_names

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", ["distill", "presets/aggressive", "phoenix/distill"])
def test_writes_a_space_that_is_the_shipped_one(empty: Path, call: Call, name: str) -> None:
    code, out, err = call("init", name)
    path = empty / f"{name.rpartition('/')[2]}.yaml"
    assert code == 0 and out.strip() == path.name
    assert f"slr-tune run {path.name}" in err
    # Only the commands in its comments differ: they name the file that was written.
    shipped = load_spec(shipped_folder() / f"{name}.yaml")
    assert load_spec(path).identity() == shipped.identity()
    text = path.read_text()
    assert f"# slr-tune run {path.name}" in text and f"search_spaces/{name}.yaml" not in text


def test_keeps_a_file_that_is_there(empty: Path, call: Call) -> None:
    # A space that somebody has changed must not be lost.
    (empty / "distill.yaml").write_text("mine")
    code, _, err = call("init", "distill")
    assert code == 2 and "distill.yaml already exists" in err and "--force" in err
    assert (empty / "distill.yaml").read_text() == "mine"
    assert call("init", "distill", "--out", "other.yaml")[0] == 0
    assert "slr-tune run other.yaml" in (empty / "other.yaml").read_text()
    assert call("init", "distill", "--force")[0] == 0
    assert (empty / "distill.yaml").read_text() != "mine"


def test_a_first_space_names_its_own_file(empty: Path, call: Call) -> None:
    """The command in it is pasted: it named a file that was not written."""
    (empty / "my train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, default=0.1, help='(default: 0.1)')\np.parse_args()\n"
    )
    out = ["--out", "my space.yaml", "--seconds", "0"]
    code, _, err = call("init", "--from", "'my train.py'", *out)
    assert code == 0 and "Next: slr-tune verify 'my space.yaml'" in err, err
    assert "# slr-tune verify 'my space.yaml' && " in (empty / "my space.yaml").read_text()


def test_what_cannot_be_asked_for_its_options(empty: Path, call: Call) -> None:
    """A shell script of this folder is no program in PATH; a script is no search space."""
    (empty / "train.sh").write_text("echo epoch $1\n")
    code, _, err = call("init", "--from", "train.sh")
    assert code == 2 and "--from './train.sh', or --from 'bash train.sh'" in err
    assert "two epochs" not in err
    code, _, err = call("init", "--from", "bash train.sh")
    assert code == 2 and "shows no options" in err and "docs/own-run.md" in err
    code, _, err = call("run", "train.sh")
    assert code == 2 and "is a script, not a search-space file" in err
    assert "slr-tune init --from train.sh" in err


def test_names_what_is_shipped(empty: Path, call: Call) -> None:
    code, out, _ = call("init")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == shipped_names()
    code, _, err = call("init", "distil")
    assert code == 2 and "no space called 'distil'" in err and "Did you mean distill?" in err


def test_a_shipped_space_goes_by_its_name(empty: Path, call: Call) -> None:
    for name in ("distill", "distill.yaml", "search_spaces/distill.yaml"):
        assert find_space(name) == shipped_folder() / "distill.yaml"
    changes = ["--set", "data={name: libras}", "--set", "resources.gpus_per_trial=0"]
    code, out, _ = call("run", "phoenix/student", "--dry-run", *changes)
    assert "phoenix-student: student on libras" in out, code


def test_a_file_comes_before_a_shipped_space(empty: Path) -> None:
    (empty / "distill.yaml").write_text("mine")
    assert find_space("distill.yaml") == Path("distill.yaml")
    # A folder is no space: `run` may have made one of that name.
    (empty / "student").mkdir()
    assert find_space("student") == shipped_folder() / "student.yaml"


def test_a_space_that_is_not_there(empty: Path, call: Call) -> None:
    code, _, err = call("run", "destill.yaml")
    assert code == 2 and "destill.yaml: no such file" in err
    assert "The shipped spaces are: distill, self_distill" in err
