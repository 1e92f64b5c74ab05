"""What is used of Ray beside its public interface is in the Ray that is installed."""

from __future__ import annotations

import inspect
import time
from functools import cache
from pathlib import Path

import pytest
import ray

from slr_tune.training.ray_private import (
    ENVIRONMENT,
    LOOPBACK_ONLY,
    PENDING_TRIALS,
    SESSION_FOLDER,
    callbacks_not_counted,
    groups_removed_whole,
    patient_start,
    token_file,
)

GROUPS = "RAY_process_group_cleanup_enabled"
MEND = f"mend slr_tune/training/ray_private.py for Ray {ray.__version__}"


@cache
def source() -> str:
    """Of those parts of Ray that read environment variables."""
    root = Path(ray.__file__).parent
    folders = (root / "_private", root / "_common", root / "tune")
    files = [path for folder in folders for path in folder.rglob("*.py")]
    return "\n".join(p.read_text(encoding="utf-8") for p in (*files, root / "train/constants.py"))


@pytest.mark.parametrize("name", sorted({*ENVIRONMENT, PENDING_TRIALS} - {GROUPS}))
def test_ray_reads_the_variable(name: str) -> None:
    """One that it knows no more would be set, and change nothing."""
    assert f'"{name}"' in source(), f"Ray does not read {name}: {MEND}"


def test_the_raylet_reads_the_variable() -> None:
    """It is a program of its own; a run's child processes would outlive a killed worker."""
    raylet = Path(ray.__file__).parent / "core/src/ray/raylet/raylet"
    assert GROUPS.encode() in raylet.read_bytes(), f"Ray does not read {GROUPS}: {MEND}"


def test_ray_init_takes_the_argument() -> None:
    """It is what keeps a session to this machine."""
    from ray._private import ray_constants, services

    assert isinstance(ray_constants.ENABLE_RAY_CLUSTER, bool), MEND
    assert "ENABLE_RAY_CLUSTER" in inspect.getsource(services.get_node_ip_address), MEND
    for name in (*LOOPBACK_ONLY, SESSION_FOLDER):
        assert f'kwargs.pop("{name}"' in inspect.getsource(ray.init), f"no {name}: {MEND}"


def test_the_token_lies_where_ray_puts_it() -> None:
    """Elsewhere it would stay readable by all users of the machine."""
    from ray._private.authentication import authentication_token_setup

    assert authentication_token_setup._get_default_token_path() == token_file(), MEND


def test_a_start_waits_for_its_node() -> None:
    """A start-up asks once for the node that it started, and gives up after 30 s."""
    from ray._private import node, services

    assert "ray._private.services.get_node(" in inspect.getsource(node), MEND
    assert "ConsolePopen(" in inspect.getsource(services.start_ray_process), MEND
    asked = []

    def registers_late(gcs_address: str, node_id: str) -> str:
        asked.append(node_id)
        if len(asked) < 3:
            raise RuntimeError("not yet")
        return "found"

    before, services.get_node = services.get_node, registers_late
    try:
        with patient_start(30.0):
            assert services.get_node("here:1", "node") == "found"
        assert services.get_node is registers_late
    finally:
        services.get_node = before


def test_ray_prints_by_one_function() -> None:
    """What it says of a dead worker would stand among the JSON that a script reads."""
    from ray._private import worker

    assert "print_to_stdstream(" in inspect.getsource(worker.listen_error_messages), MEND


def test_a_trial_has_an_actor_to_kill() -> None:
    """A worker that hangs holds its place for ever."""
    from ray.tune.experiment.trial import _TemporaryTrialState

    assert _TemporaryTrialState().ray_actor is None, MEND


def test_tune_counts_callbacks_by_one_function() -> None:
    """It imports what is installed of MLflow and Weights & Biases, for a report to nobody."""
    from ray.air._internal import usage
    from ray.tune import tune

    assert "air_usage.tag_callbacks(" in inspect.getsource(tune), MEND
    usual = usage.tag_callbacks
    with callbacks_not_counted():
        assert usage.tag_callbacks is not usual
    assert usage.tag_callbacks is usual


def test_a_raylet_can_be_asked_to_end() -> None:
    """It is deaf to SIGTERM; killed, it would leave what its workers started."""
    from ray._private.node import Node
    from ray.core.generated import node_manager_pb2

    assert hasattr(node_manager_pb2.ShutdownRayletRequest(graceful=True), "graceful"), MEND
    for name in ("head", "node_ip_address", "node_manager_port"):
        assert hasattr(Node, name) or f"self.{name}" in inspect.getsource(Node), MEND


@pytest.mark.usefixtures("ray_two_cores")
def test_a_group_that_is_taken_back_at_once_loses_no_core() -> None:
    """Ray 2.60 loses one in about 60; the session would train with fewer workers ever after."""
    from ray.air.execution.resources import placement_group as module
    from ray.air.execution.resources.request import ResourceRequest

    request = ResourceRequest([{"CPU": 1}])
    with groups_removed_whole():
        groups = module.PlacementGroupResourceManager()
        for pause in [0.0, 0.0005, 0.001, 0.002, 0.003] * 40:
            groups.request_resources(request)
            time.sleep(pause)
            groups.cancel_resource_request(request)
    assert module.remove_placement_group is ray.util.remove_placement_group
