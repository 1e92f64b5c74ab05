"""Models out of checkpoints, and how two vocabularies differ."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sparse_runs import SparseConfig, SparseRun

from trainables.checked_run import CheckedRun
from trainables.data.batch import collate
from trainables.errors import CheckpointError
from trainables.files.checkpoint import save_checkpoint
from trainables.files.stored_model import load_model, vocabulary_difference
from trainables.protocol import RunInputs


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        (("-", "A", "B"), ("-", "A", "B"), ""),
        (("-", "A", "B"), ("-", "A", "C"), "its vocabulary has 'B' at 2, the data 'C'"),
        (("-", "A"), ("-", "A", "C"), "2 entries, the data's 3: the data have 'C' besides"),
        (("-", "A", "B"), ("-", "A"), "3 entries, the data's 2: it has 'B' besides"),
    ],
)
def test_first_difference_is_named(theirs: Any, ours: Any, message: str) -> None:
    # 1,231 glosses side by side help nobody; the first that differs does.
    found = vocabulary_difference(theirs, ours)
    assert found == message or (message and message in found)


def test_stored_model_recognises_as_the_run_did(make_run: Any, libras: Any, tmp_path: Path) -> None:
    run = make_run("student", blank_bias=-1.0)
    run.run_epoch()
    save_checkpoint(tmp_path / "checkpoint.pt", run.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    stored = load_model(tmp_path / "checkpoint.pt")
    assert torch.equal(torch.rand(1), expected), "loading moved the caller's generator"
    batch = collate(libras.dev, [0, 1, 2])
    run.model.eval()
    with torch.no_grad():
        one = run.model(batch.features, batch.lengths)
    other = stored.model(batch.features, batch.lengths)
    assert torch.equal(one.logits, other.logits)
    assert not other.logits.requires_grad
    assert (stored.epoch, stored.trainable, stored.wer) == (1, "student", run.best_wer)
    assert stored.vocabulary == libras.vocabulary
    assert stored.parameters == run.facts()["parameters"]


def test_a_custom_run_has_no_model_to_decode(tmp_path: Path) -> None:
    """It was said to lack five keys that nobody who writes a script has heard of."""
    run = SparseRun(SparseConfig(), RunInputs(None, 0, None, tmp_path))
    checked = CheckedRun(run, metric="loss", minimizes=True, max_epochs=6)
    checked.run_epoch()
    save_checkpoint(tmp_path / "own.pt", checked.state())
    with pytest.raises(CheckpointError, match="of a custom run, whose model slr-tune cannot build"):
        load_model(tmp_path / "own.pt")


def test_files_of_other_content_have_other_hashes(make_run: Any, tmp_path: Path) -> None:
    # The teacher's cached outputs are found by this.
    for seed in (0, 1):
        save_checkpoint(tmp_path / f"{seed}.pt", make_run(seed=seed).state_dict())
    hashes = {load_model(tmp_path / f"{seed}.pt").content_hash for seed in (0, 1, 0)}
    assert len(hashes) == 2
