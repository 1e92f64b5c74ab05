"""A model on other data than its own: features of another scale are not passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from phoenix_layout import write_phoenix

from slr_tune.evaluation.checkpoints import Named, find_data
from slr_tune.study.folders import cache_root
from trainables.data import prepare
from trainables.data.config import as_written


@pytest.mark.parametrize("in_study", [False, True])
def test_another_scale_is_reported(
    in_study: bool, tmp_path: Path, studies: Path, caplog: pytest.LogCaptureFixture
) -> None:
    section = write_phoenix(tmp_path / "one").section
    trained = prepare(as_written(section), cache_root())
    named = Named(studies / "mine" / "checkpoint_best.pt", "best")
    if in_study:
        named.record_folder.mkdir(parents=True)
        content = {"data": {**as_written(section)}, "data_hash": trained.hash}
        (named.record_folder / "study.yaml").write_text(yaml.safe_dump(content))
    same = find_data(trained.hash, named, yaml.safe_dump(section, default_flow_style=True))
    assert same.hash == trained.hash and not caplog.records
    raw = {**section, "standardise": False}
    find_data(trained.hash, named, yaml.safe_dump(raw, default_flow_style=True))
    message = caplog.text
    assert "was trained on features standardised, and gets them as they are" in message
    assert "Add standardise: true to --data" in message
