"""Workers are counted as Ray grants them, and none is promised that would never start."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import small_spec

from slr_tune.checks.verify import quick_check, verify
from slr_tune.cli.main import run
from slr_tune.errors import SlrTuneError
from slr_tune.space import Resources, load_spec
from slr_tune.training import workers as counting
from slr_tune.training.session import workers_session
from slr_tune.training.workers import NodeOffer, granted, trials_on_card, workers_here


@pytest.mark.parametrize(
    ("cpus", "gpus", "nodes", "expected"),
    [
        (1, 0, [(16, 0)], 16),
        (1, 1, [(16, 1)], 1),
        (1, 0.25, [(16, 1)], 4),
        (1, 0.4, [(16, 2)], 4),  # two on each card: a fraction is of one
        (4, 0.25, [(8, 1)], 2),
        (1, 2, [(16, 3)], 1),
        (0.1, 0, [(0.3, 0)], 3),  # 0.3 / 0.1 is 2.999... in floating point
        (4, 0, [(2, 0), (2, 0)], 0),  # four cores, but none of the machines has them
        (2, 1, [(16, 0), (4, 2)], 2),
    ],
)
def test_counted_as_ray_does(
    cpus: float, gpus: float, nodes: list[tuple[float, float]], expected: int
) -> None:
    resources = Resources(cpus_per_trial=cpus, gpus_per_trial=gpus)
    assert granted(resources, [NodeOffer(*node) for node in nodes]) == expected


@pytest.mark.parametrize(
    ("gpus", "workers", "sharing"), [(0.25, 8, 4), (1, 8, 1), (2, 4, 1), (0, 8, 8), (0.25, 2, 2)]
)
def test_trials_that_share_a_card(gpus: float, workers: int, sharing: int) -> None:
    # Broken if eight trials on one card were measured as one.
    assert trials_on_card(Resources(gpus_per_trial=gpus), workers) == sharing


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    # Broken if a search on 16 cores and one GPU promised eight workers.
    monkeypatch.setattr(counting, "cores_here", lambda: 16)
    monkeypatch.setattr(counting, "gpus_here", lambda: 1)
    assert workers_here(Resources(workers=8)) == 8
    assert workers_here(Resources(workers=8, gpus_per_trial=1)) == 1
    assert workers_here(Resources(cpus_per_trial=2, gpus_per_trial=0.25)) == 4
    with pytest.raises(SlrTuneError, match="needs 2 GPU, this machine has 1"):
        workers_here(Resources(gpus_per_trial=2))
    with pytest.raises(SlrTuneError, match="whole number"):
        workers_here(Resources(gpus_per_trial=1.5))


@pytest.mark.skipif(counting.gpus_here() > 0, reason="there is a GPU")
@pytest.mark.usefixtures("database")
def test_a_missing_gpu_is_reported_by_all_before_ray_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if verify passed what run refuses, or run started Ray and made a study first.
    def started(**_: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("slr_tune.training.session.ray_session", started)
    small_spec(tmp_path)
    path = tmp_path / "small.yaml"
    spec = load_spec(path, overrides=["resources.gpus_per_trial=1"])
    (failed,) = [check for check in verify(spec, storage=None, quick=True) if check.failed]
    assert failed.name == "modules" and "needs 1 GPU, this machine has 0" in failed.found
    assert "modules" in quick_check(spec, storage=None, cluster=True), "of a cluster not known"
    with (
        pytest.raises(SlrTuneError, match="needs 1 GPU"),
        workers_session(spec.resources, address=None),
    ):
        pass
    for more in ([], ["--dry-run"]):
        command = ["run", str(path), "--set", "resources.gpus_per_trial=1", *more]
        assert run(command) == 2
        assert "a trial needs 1 GPU, this machine has 0" in capsys.readouterr().err
    assert run(["list"]) in (0, 2)
    assert "small" not in capsys.readouterr().out
