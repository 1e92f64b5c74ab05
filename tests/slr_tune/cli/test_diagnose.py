"""`slr-tune diagnose` on checkpoints, on trials, and on what is neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import saved, small_run, small_spec

from slr_tune.study.folders import cache_root
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from trainables.data import prepare
from trainables.files.checkpoint import save_checkpoint

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(studies: Path) -> Path:
    """A run of three epochs, in which nothing can be learnt yet."""
    data = prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, cache_root())
    run = small_run(data, learning_rate=0.02, max_epochs=40)
    folder = studies / "train" / "student"
    saved(run, folder / "checkpoints" / "checkpoint_best.pt", epochs=3)
    return folder


def test_a_checkpoint(folder: Path, call: Call) -> None:
    # Broken if the command did not answer in words, in a page, and for a script.
    code, out, err = call("diagnose", folder)
    assert code == 0 and "after 3 epochs" in out
    assert "gradients: root mean square" in out
    page = folder / "diagnosis.html"
    assert str(page) in err and "Diagnosis of student" in page.read_text()
    code, out, _ = call("diagnose", folder, "--json", "--out", folder / "other.html")
    found = json.loads(out)
    assert (found["healthy"], len(found["diagnostics"]), found["causes"]) == (True, 6, [])
    assert (folder / "other.html").is_file()


@pytest.mark.usefixtures("database")
def test_a_trial_that_failed_before_its_first_epoch(tmp_path: Path, call: Call) -> None:
    # Broken if the run that most needs a diagnosis were refused one.
    store = open_store(small_spec(tmp_path), open_storage(create=True))
    import optuna

    live = store.start_trial(optuna.samplers.RandomSampler(seed=0))
    store.finish(live, "error", error="Traceback\nValueError: made to fail")
    code, out, _ = call("diagnose", "--study", "small", "--trial", 0)
    assert call("diagnose", "small", "--trial", 0)[:2] == (code, out) and code == 0
    assert "small/0: Error. The run ended by error: ValueError: made to fail." in out
    assert "judged by the curve alone" in out


def test_a_users_own_run_is_judged_by_its_curve(studies: Path, call: Call) -> None:
    # Broken if a run whose inside is not known could not be diagnosed at all.
    rows = [{"epoch": epoch, "val/wer": 95.0} for epoch in range(1, 80)]
    path = studies / "own" / "checkpoints" / "checkpoint_best.pt"
    save_checkpoint(path, {"epoch": 79, "rows": rows})
    code, out, _ = call("diagnose", studies / "own")
    assert code == 0 and "No checkpoint of a built-in run" in out
    assert "[FLAG] high WER, epoch 60" in out


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["missing.pt"], "does not exist"),
        (["--study", "nobody"], "there is no database"),
        (["{run}", "--trial", "3"], "--trial 3"),
        (["{run}", "--data", "{name: libras, trian: 3}"], "trian"),
    ],
)
def test_what_a_user_can_get_wrong(
    folder: Path, call: Call, arguments: list[str], output: str
) -> None:
    # Broken if a slip of the hand ended in a traceback.
    given = [word.replace("{run}", str(folder)) for word in arguments]
    code, _, err = call("diagnose", *given)
    assert code in (1, 2) and output in err and "Traceback" not in err
