"""Whether a test has given the cores of the Ray session back."""

from __future__ import annotations

import time

import pytest

SECONDS = 20.0


def wait_for_free_cores() -> None:
    """Waits until nothing holds a core; fails the test that left something behind, by name."""
    import ray
    from ray._private.state import actors
    from ray.util import placement_group_table

    if not ray.is_initialized():
        return
    deadline = time.monotonic() + SECONDS
    while (free := _cores(ray.available_resources())) != (cores := _cores(ray.cluster_resources())):
        if time.monotonic() > deadline:
            alive = [each for each in actors().values() if each["State"] != "DEAD"]
            groups = [one for one in placement_group_table().values() if one["state"] != "REMOVED"]
            pytest.fail(f"{free} of {cores} cores are free after the test: {alive}, {groups}")
        time.sleep(0.1)


def _cores(resources: dict[str, float]) -> float:
    return resources.get("CPU", 0.0)
