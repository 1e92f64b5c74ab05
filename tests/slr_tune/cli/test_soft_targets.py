"""`slr-tune soft-targets`, and a space that is taught by what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import saved, small_run, small_spec

from slr_tune.checks.verify import verify
from slr_tune.errors import SpecError
from slr_tune.space import StudySpec
from slr_tune.study.folders import cache_root
from slr_tune.training.teacher import _soft_teacher
from trainables.data import prepare
from trainables.files.stored_model import file_hash

Call = Callable[..., tuple[int, str, str]]

TAUGHT = (
    "loss_weights: {alpha: 0.7, beta: 0.3, gamma: 0}, temperature: {schedule: constant, start: 4.0}"
)


@pytest.fixture
def teacher(studies: Path) -> Path:
    """A teacher of one epoch on the data that `small_space` names."""
    data = prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, cache_root())
    return saved(small_run(data, "teacher", layers=2), studies / "teacher.pt")


@pytest.fixture
def folder(teacher: Path, tmp_path: Path, call: Call) -> Path:
    """Its soft targets, written by the command."""
    code, out, _ = call("soft-targets", teacher, "--temperature", 4, "--out", tmp_path / "targets")
    assert code == 0 and out.startswith("18 utterances of train") and "softened at 4" in out
    return tmp_path / "targets"


def test_what_a_script_reads(teacher: Path, tmp_path: Path, call: Call) -> None:
    # Broken if a script had to read sentences, or top-k and split were ignored.
    options = ("--split", "dev", "--top-k", 5, "--out", tmp_path / "dev", "--json")
    code, out, _ = call("soft-targets", teacher, *options)
    found = json.loads(out)
    assert code == 0 and (found["utterances"], found["top_k"]) == (8, 5)
    assert 0 < found["kept_mass"] < 1 and (tmp_path / "dev" / "dev.json").is_file()


def test_an_opening_of_test_is_logged(teacher: Path, tmp_path: Path, call: Call) -> None:
    # Broken if test could be looked at without a trace.
    _, _, err = call("soft-targets", teacher, "--split", "test", "--out", tmp_path / "test")
    assert "opened once" in err


def test_what_is_refused_is_no_look_at_test(teacher: Path, tmp_path: Path, call: Call) -> None:
    # Broken if a slip of the hand stood in the log as a look, and the next one as the second.
    (tmp_path / "file").touch()
    for options in (("--out", tmp_path / "x", "--top-k", 99), ("--out", tmp_path / "file" / "x")):
        assert call("soft-targets", teacher, "--split", "test", *options)[0] == 2
    assert not list(tmp_path.rglob("test_openings.log"))


def _spec(tmp_path: Path, folder: Path, fixed: str = TAUGHT, **more: str) -> StudySpec:
    teacher = f"{{soft_targets: {folder}}}"
    return small_spec(tmp_path, trainable="distill", teacher=teacher, fixed=fixed, **more)


def test_a_space_can_be_taught_by_files(folder: Path, tmp_path: Path) -> None:
    # Broken if the files could be written and not searched with.
    spec = _spec(tmp_path, folder)
    assert StudySpec.from_identity(spec.identity()).teacher == spec.teacher
    checks = {check.name: check for check in verify(spec, storage=None)}
    assert not [check for check in checks.values() if check.failed]
    assert "temperature 4" in checks["teacher checkpoint"].found
    assert checks["loss"].status == "PASS" and "distillation_loss" in checks["loss"].found
    assert checks["teacher against baseline"].status == "SKIP"


def test_a_space_that_leaves_their_temperature_is_refused_before_it_runs(
    folder: Path, tmp_path: Path
) -> None:
    # Broken if every other trial failed in the night.
    fixed = "loss_weights: {alpha: 0.7, beta: 0.3, gamma: 0}"
    more = "  temperature: {schedule: {choice: {constant: {start: {float: [2.0, 6.0]}}}}}"
    spec = _spec(
        tmp_path,
        folder,
        fixed,
        more=more,
        baseline="temperature: {schedule: constant, start: 4.0}",
    )
    failed = [check for check in verify(spec, storage=None) if check.failed]
    assert failed and "softened at temperature 4" in failed[0].found


def test_a_folder_without_targets_is_a_mistake_in_the_file(tmp_path: Path, studies: Path) -> None:
    # Broken if a misspelt folder were noticed by the first worker.
    with pytest.raises(SpecError, match="no soft targets of train in .*nowhere") as caught:
        _spec(tmp_path, tmp_path / "nowhere")
    assert "slr-tune soft-targets" in str(caught.value)


def test_the_search_knows_them_as_a_teacher(folder: Path, teacher: Path) -> None:
    # Broken if a study's record did not say what taught it, or a weak teacher went unsaid.
    output: list[str] = []
    found = _soft_teacher(folder, None, tell=output.append)
    assert (found.checkpoint, found.hash) == (folder, file_hash(folder / "train.json"))
    assert found.reference_wer is None and len(output) == 1
    assert _soft_teacher(folder, 0.0, tell=output.append).reference_wer == 0.0
    assert output[-1].startswith("Warning: the baseline student reaches 0.00")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["--temperature", 0], "temperature"),
        (["--top-k", 99], "top_k=99 must be in 1..16"),
        (["--split", "all"], "all"),
    ],
)
def test_what_a_user_can_get_wrong(
    teacher: Path, tmp_path: Path, call: Call, arguments: list[object], output: str
) -> None:
    # Broken if a slip of the hand ended in a traceback.
    code, _, err = call("soft-targets", teacher, "--out", tmp_path / "x", *arguments)
    assert code == 2 and output in err and "Traceback" not in err
