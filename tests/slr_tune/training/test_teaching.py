"""The teacher's one pass before the first trial."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import FEW, saved, small_run, small_spec

from slr_tune.study.folders import cache_root
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.teacher import Teacher
from slr_tune.training.teaching import compute_outputs
from trainables.data import prepare
from trainables.files.stored_model import load_model

DATA = {"name": "libras", "train": 18, "dev": 8, "test": 4}


@pytest.mark.parametrize("fixed", ["", "augmentation: {noise: 0.1}", "teacher_cache: false"])
def test_outputs_are_kept_before_the_first_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fixed: str
) -> None:
    """Once for teacher and data, said to a person; not where no trial would read them."""
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(tmp_path / "studies"))
    data = prepare(DATA, cache_root())
    path = saved(small_run(data, "teacher"), tmp_path / "teacher.pt")
    spec = small_spec(
        tmp_path,
        trainable="distill",
        teacher=f"{{checkpoint: {path}}}",
        data=FEW,
        fixed=fixed,
    )
    model = load_model(path)
    teacher = Teacher(path, model.content_hash, 100.0, model.parameters, None)
    output: list[str] = []
    talk = Talk(output.append, lambda: False)
    pool = LocalPool(data=data.folder, cache=cache_root())
    kept = compute_outputs(spec, data, teacher, pool=pool, talk=talk)
    assert kept == (not fixed)
    found = list((cache_root() / "teacher-outputs").glob("*/index.json"))
    assert len(found) == kept
    if kept:
        assert output[0] == "Computing the teacher's outputs on 18 utterances"
        assert not compute_outputs(spec, data, teacher, pool=pool, talk=talk)
        # A run of the search finds them where it looks.
        small_run(data, "distill", teacher=path)
        assert list((cache_root() / "teacher-outputs").glob("*/index.json")) == found
