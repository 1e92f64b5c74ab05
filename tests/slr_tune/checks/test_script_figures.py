"""Where a script tells its figures, found in what it left: lines of several hands, and files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slr_tune.checks.script_figures import figures_in, worth
from trainables.script.metrics import OutputLines

LINES = {
    "one line": "Epoch 1/2 | train loss 5.0 | Val WER: 31.5%\nBest Val WER: 31.5%\n",
    "two lines": "=== EPOCH [1] ===\ntrain_loss=5.0\n  dev  wer = 31.5 %\n",
    "a dict": "{'eval_loss': 2.0, 'eval_wer': 31.5, 'epoch': 1.0}\n",
    "a log": "2026-01-02 10:00:00,123 INFO epoch: 1 loss: 4.2 val_loss: 2.0 val_wer: 31.5\n",
    "a bar before": "train:  50%|#####     | 5/10\rtrain: 100%|##| 10/10 Epoch 1: val WER 31.5\n",
}


@pytest.mark.parametrize("lines", LINES.values(), ids=list(LINES))
def test_lines_are_found_again(tmp_path: Path, lines: str) -> None:
    # Broken if the expression that init writes did not find what it was made from.
    output = tmp_path / "output.log"
    output.write_text(lines)
    found = figures_in(tmp_path / "nothing", output)
    assert found.metric is not None and "wer" in found.metric and not found.maximize
    expressions = found.sources["stdout"]
    expressions = [expressions] if isinstance(expressions, str) else expressions
    source = OutputLines(output, expressions, found.metric)
    records = list(source.new_records(ended=True))
    values = {name: value for record in records for name, value in record.values.items()}
    assert values[found.metric] == 31.5
    assert [record.label for record in records if record.label is not None] == [1.0]
    assert sum(found.metric in record.values for record in records) == 1


def test_the_error_on_dev_is_preferred() -> None:
    """The loss of training is no figure to choose by."""
    names = ["train_loss", "best_val_wer", "val_loss", "val_acc", "val/wer", "train_wer"]
    assert sorted(names, key=worth)[-1] == "val/wer"


def test_a_file_is_preferred_to_the_lines_of_the_output(tmp_path: Path) -> None:
    """Its names are the script's own, and no expression has to hold."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "log.jsonl").write_text('{"epoch": 1, "val": {"wer": 31.5, "accuracy": 0.4}}\n')
    (folder / "checkpoint_last.pt").touch()
    output = tmp_path / "output.log"
    output.write_text(LINES["one line"])
    found = figures_in(folder, output)
    assert (found.metric, found.sources) == ("val/wer", {"jsonl": "{folder}/log.jsonl"})
    assert found.checkpoint == "checkpoint_last.pt" and found.predictions is None
    assert not re.search("stdout", str(found.sources))
