"""Teachers crossed with the arms, on trainings that really run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ablation_designs import make_design

from slr_tune.ablation.analysis import ErrorRuns
from slr_tune.ablation.build_result import _with_teachers
from slr_tune.ablation.result import MAIN
from slr_tune.ablation.run import _taught
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.run_store import RunStore
from slr_tune.training.teacher import Teacher, other_teachers
from trainables.data import Dataset


@pytest.mark.usefixtures("database")
def test_each_teacher_teaches_seeds_of_its_own(
    space: Callable[..., Path], make_store: Callable[..., RunStore], libras: Dataset, tmp_path: Path
) -> None:
    """Two teachers of other seeds are other teachers; their students pair arm by arm."""
    design = make_design(space(), factors=["kd_blank"], teachers=3, seeds=3)
    assert len(design.seeds) == 9 and design.name == "kd_blank-3-teachers"
    assert "--teachers 3" in design.command
    store, message = make_store(), list[str]()
    assert store.teacher is not None and store.teacher_hash is not None
    own = Teacher(store.teacher, store.teacher_hash, 50.0, 100, None)
    pool = LocalPool(data=libras.folder, cache=tmp_path / "cache")
    talk = Talk(message.append, lambda: False)
    (other,) = other_teachers(design.spec, libras, 1, pool=pool, talk=talk)
    assert other.hash != own.hash and any("Teacher of seed 3000" in line for line in message)
    short = replace(design, seeds=design.seeds[:2])
    runs = _taught(short, store, [own, other])
    assert [(run.arm.name, run.seed) for run in runs] == [
        (arm.name, seed) for arm in design.arms for seed in short.seeds
    ]
    assert (store.teacher, store.teacher_hash) == (own.checkpoint, own.hash)
    with store.taught_by(other.checkpoint, other.hash):
        assert len(store.find(runs[1:2])) == 1 and not store.find(runs[:1])


def test_a_table_says_of_how_many_teachers_it_speaks(spec: StudySpec) -> None:
    """A difference with one teacher says nothing of another."""
    rng = np.random.default_rng(0)
    counts = {}
    for name in ("base", "arm"):
        errors = rng.binomial(8, 0.3, (6, 40))
        zero, words = np.zeros_like(errors), np.full_like(errors, 8)
        counts[name] = list(np.stack([errors, zero, zero, words], axis=2))
    table = ErrorRuns(counts, teachers=3).table(role=MAIN, baseline="base", title="")
    assert table.teachers == 3 and "3 teachers" in table.row("arm").sentence
    assert {"teachers", "seeds"} <= set(table.shares)
    assert sum(table.shares.values()) == pytest.approx(1.0)
    design = make_design_like(spec, teachers=3)
    teachers = [Teacher(Path(), "", wer, 1, None) for wer in (9.75, 16.65, 12.0)]
    message = _with_teachers(table, design, teachers).limits[-1]
    assert message.startswith("3 teachers, trained with other seeds (dev WER 9.75, 16.65, 12.00)")
    one = _with_teachers(table, make_design_like(spec, teachers=1), teachers[:1]).limits[-1]
    assert one.startswith("One teacher:") and "--teachers 3" in one


def make_design_like(spec: StudySpec, teachers: int) -> object:
    """All that the sentence needs of a design."""
    from types import SimpleNamespace

    return SimpleNamespace(spec=spec, teachers=teachers)


@pytest.mark.usefixtures("database")
def test_a_run_without_a_teacher_is_refused(space: Callable[..., Path]) -> None:
    """There is nothing to cross; a checkpoint cannot be trained again either."""
    with pytest.raises(SlrTuneError, match="the run student has no teacher"):
        make_design(space(trainable="student"), factors=["dropout"], teachers=3)
    with pytest.raises(SlrTuneError, match="two teachers are too few"):
        make_design(space(), factors=["dropout"], teachers=2)
