"""Ray's workers: a job waits for one that is up, never for one that may not come."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from toy_runs import ToyConfig

from slr_tune.space import Resources
from slr_tune.training.pool import RayPool
from slr_tune.training.runs import Arm, ArmRun, Measure
from slr_tune.training.stages import Stage

TOY = Arm("toy", ToyConfig(max_epochs=3).model_dump(), "toy_runs:ToyRun")
LOSS = Measure("val/wer", minimize=True, scored=False)


class Blocker:
    """Takes a core."""

    def up(self) -> None:
        """Returns once it does."""


@pytest.mark.usefixtures("ray_two_cores")
def test_a_worker_that_never_starts_keeps_no_job(tmp_path: Path) -> None:
    """One of the session's two cores is taken, so the second of two workers does not come up."""
    import ray

    taken = ray.remote(num_cpus=1)(Blocker).remote()
    ray.get(taken.up.remote())
    names = ["a", "b", "c"]
    with closing(RayPool(Resources(workers=2), 2, data=None)) as pool:
        done = []
        for name in names:
            while not pool.free:
                done += pool.finished(60.0)
            pool.submit(Stage(name, None, 1, 3, (ArmRun(TOY, 0, LOSS),), folder=tmp_path / name))
        while len(done) < len(names):
            done += pool.finished(60.0)
        assert len(pool._starting) == 1  # still waits for its core
    ray.kill(taken)
    assert sorted(len(answer.rows) for _, answer in done) == [3, 3, 3]  # type: ignore[union-attr]


@pytest.mark.usefixtures("ray_two_cores")
def test_workers_without_a_gpu_see_none(tmp_path: Path) -> None:
    """`gpus_per_trial: 0` must not touch a card that somebody else trains on."""
    arm = Arm("sees", ToyConfig(max_epochs=1).model_dump(), "gpu_runs:SeesGpus")
    with closing(RayPool(Resources(workers=1), 1, data=None)) as pool:
        pool.submit(Stage("a", None, 1, 1, (ArmRun(arm, 0, LOSS),), folder=tmp_path / "a"))
        done = []
        while not done:
            done += pool.finished(60.0)
    ((_, answer),) = done
    assert not isinstance(answer, Exception), answer
    (row,) = answer.rows  # type: ignore[union-attr]
    assert (row["hidden"], row["seen"], row["share"]) == (1.0, 0.0, 1.0)
