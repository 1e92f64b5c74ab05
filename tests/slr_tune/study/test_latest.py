"""What a study keeps of its last run, for commands that are given no file."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_space import write_toy_space

from slr_tune.space import Resources, load_spec
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study
from slr_tune.training.runs import fresh_seeds


@pytest.mark.usefixtures("database")
def test_resources_and_factors_of_the_last_run_are_kept(tmp_path: Path) -> None:
    """A study that needs a GPU a trial must not be confirmed or ablated with one a core."""
    file = write_toy_space(tmp_path)
    space = load_spec(file, overrides=["resources.workers=1", "resources.gpus_per_trial=0.5"])
    open_store(space, open_storage())
    assert load_study("toy").spec.resources == Resources(1, 1, 0.5)
    other = load_spec(file, overrides=["resources.workers=3", "factors.level=[0.1, 0.9]"])
    open_store(other, open_storage())
    view = load_study("toy")
    assert view.spec.resources == Resources(3, 1, 0)
    assert view.spec.factors == {"level": [0.1, 0.9]}
    assert view.spec.identity() == space.identity()


def test_fresh_seeds_leave_out_the_seed_of_the_search() -> None:
    """A configuration chosen by a seed looks better with that seed."""
    assert fresh_seeds(3, search_seed=0) == (1000, 1001, 1002)
    assert fresh_seeds(3, search_seed=1001) == (1000, 1002, 1003)
    assert fresh_seeds(2, search_seed=2000, first=2000) == (2001, 2002)
