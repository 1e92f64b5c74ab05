"""The Ray session of a run: local and closed to others, or a cluster that is already there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from slr_tune.errors import RunFailed
from slr_tune.space import Resources
from slr_tune.training.ray_private import (
    LOOPBACK_ONLY,
    ensure_token,
    prepare_environment,
    token_file,
)

_OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Nothing but reports of some hundred bytes goes through Ray; data are mapped from files."""


@contextmanager
def ray_session(*, address: str | None, cpus: int) -> Iterator[None]:
    """A Ray session for the time of a block; one that is already running is used and left alone.

    Args:
        address: Of a running cluster, None to start Ray on this machine.
        cpus: Cores to offer when Ray is started here.

    Raises:
        RunFailed: The cluster does not answer, or Ray does not start.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        yield
        return
    local = {
        "num_cpus": cpus,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE_BYTES,
        **LOOPBACK_ONLY,
    }
    options = {"address": address} if address else local
    if not address:
        ensure_token()
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except (ConnectionError, RuntimeError, OSError, TimeoutError, ValueError) as error:
        place = f"the Ray cluster at {address}" if address else "Ray on this machine"
        raise RunFailed(
            f"{place} cannot be reached: {str(error).splitlines()[0]}",
            hint="Check --address, or leave it out to use this machine alone.",
        ) from error
    token = token_file()  # Ray writes it readable by all users of the machine
    if token.is_file() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def workers_session(resources: Resources, *, address: str | None) -> Iterator[int]:
    """A Ray session for trainings, for the time of a block; gives how many it holds at a time.

    Args:
        resources: What a training needs, and how many are to go side by side.
        address: Of a running cluster, None to start Ray on this machine.

    Raises:
        RunFailed: As `ray_session`; or it does not hold even one: Ray would wait without a word.
    """
    wanted = wanted_workers(resources)
    cores = math.ceil(wanted * resources.cpus_per_trial)
    with ray_session(address=address, cpus=cores):
        yield _possible_workers(resources, wanted)


def wanted_workers(resources: Resources) -> int:
    """As asked for; "auto" is one for each trial's share of this machine's cores."""
    if resources.workers != "auto":
        return resources.workers
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int((count or 1) / resources.cpus_per_trial))


def _possible_workers(resources: Resources, wanted: int) -> int:
    import ray

    offered = ray.cluster_resources()
    needs = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    for name, need in needs.items():
        if need and offered.get(name, 0.0) < need:
            raise RunFailed(
                f"a trial needs {need:g} {name}, the Ray session has {offered.get(name, 0.0):g}",
                hint=f"Lower resources.{name.lower()}s_per_trial, or use a larger machine.",
            )
    most = min(int(offered[name] / need) for name, need in needs.items() if need)
    return most if resources.workers == "auto" else min(wanted, most)
