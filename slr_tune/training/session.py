"""The Ray session of a run: local and closed to others, or a cluster that is already there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from slr_tune.errors import RunFailed
from slr_tune.space import Resources
from slr_tune.training.ray_private import LOOPBACK_ONLY, prepare_environment, token_file
from slr_tune.training.workers import Node, check_fraction, granted, workers_here

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
    if address is None:
        wanted = workers_here(resources)  # refuses before Ray starts
    else:
        check_fraction(resources)
        wanted = 1 if resources.workers == "auto" else resources.workers
    cores = math.ceil(wanted * resources.cpus_per_trial)
    with ray_session(address=address, cpus=cores):
        yield _possible_workers(resources)


def _possible_workers(resources: Resources) -> int:
    import ray

    offers = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [Node(offer.get("CPU", 0.0), offer.get("GPU", 0.0)) for offer in offers]
    most = granted(resources, nodes)
    if most == 0:
        cpus = max((node.cpus for node in nodes), default=0)
        gpus = max((node.gpus for node in nodes), default=0)
        raise RunFailed(
            f"a trial needs {resources.cpus_per_trial:g} CPU and {resources.gpus_per_trial:g} GPU "
            f"on one machine, the largest of the Ray session has {cpus:g} CPU and {gpus:g} GPU",
            hint="Lower resources.cpus_per_trial or resources.gpus_per_trial, or use a larger "
            "machine.",
        )
    return most if resources.workers == "auto" else min(resources.workers, most)
