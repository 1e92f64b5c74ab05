"""The Ray session of a run: local and closed to others, or a cluster that is already there."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from slr_tune.errors import RunFailed
from slr_tune.space import Resources
from slr_tune.training.cluster import check_cluster, only_here
from slr_tune.training.interrupt import signals_kept
from slr_tune.training.node_checks import NodeNeeds
from slr_tune.training.nodes import Nodes
from slr_tune.training.ray_private import (
    LOOPBACK_ONLY,
    SESSION_FOLDER,
    end_session,
    ensure_token,
    loopback_only,
    messages_logged,
    patient_start,
    prepare_environment,
    session_parent,
    token_file,
)
from slr_tune.training.scratch import scratch_folder
from slr_tune.training.shipping import Shipping
from slr_tune.training.workers import check_fraction, workers_here
from trainables.errors import first_line

_OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Nothing but reports of some hundred bytes goes through Ray; data are mapped from files."""


_START_SECONDS = (30.0, 120.0)
"""What a start-up may take, the first time and once more: a machine may be busy."""

_LOG_BYTES = 2_000_000


@contextmanager
def ray_session(
    *, address: str | None, cpus: int, runtime_env: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """A Ray session for the time of a block; one that is already running is used and left alone.

    What somebody else's `ray start` or the variable RAY_ADDRESS say is not looked at.

    Args:
        address: Of a running cluster, None to start Ray on this machine.
        cpus: Cores to offer when Ray is started here.
        runtime_env: What a cluster's workers get before they start, as Ray takes it.

    Raises:
        RunFailed: The cluster does not answer, or Ray does not start.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(messages_logged())  # until the session has ended: some come last
        if address in (None, "local"):
            ensure_token()
            folder = stack.enter_context(scratch_folder(session_parent()))
            stack.callback(end_session)
            _start(folder / "ray", cpus)  # which Ray opens to all users; ours above it is closed
        else:
            stack.callback(end_session)
            _join(str(address), runtime_env)
        _keep_token_private()
        yield


@contextmanager
def ray_log(path: Path) -> Iterator[None]:
    """Sends what Ray says of lost workers, 30 lines each, to a file, for the time of a block.

    Args:
        path: The file; it holds the last megabytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("ray")
    before, propagated = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before, propagated
        handler.close()


@contextmanager
def workers_session(
    resources: Resources,
    *,
    address: str | None,
    needs: NodeNeeds | None = None,
    tell: Callable[[str], None] = lambda text: None,
    shipping: Shipping | None = None,
) -> Iterator[Nodes]:
    """A Ray session for trainings, for the time of a block; gives the nodes that may train.

    Args:
        resources: What a training needs, and how many are to go side by side.
        address: Of a running cluster, None to start Ray on this machine.
        needs: What every node of a cluster must have; not asked of this machine alone.
        tell: Called with the messages of a cluster's nodes.
        shipping: What is sent to the nodes of a cluster; None for nothing.

    Raises:
        RunFailed: As `ray_session`; or it does not hold even one: Ray would wait without a word.
    """
    if address is None:
        wanted = workers_here(resources)  # refuses before Ray starts
    else:
        check_fraction(resources)
        wanted = 1 if resources.workers == "auto" else resources.workers
    cores = math.ceil(wanted * resources.cpus_per_trial)
    runtime = None if shipping is None or needs is None else shipping.runtime_env(needs.trainable)
    with ray_session(address=address, cpus=cores, runtime_env=runtime):
        if address in (None, "local"):  # one family of processes: there is nothing to ask
            needs = None
        with closing(Nodes(resources, needs=needs, tell=tell)) as nodes:
            yield nodes


def _start(folder: Path, cpus: int) -> None:
    """Starts Ray on this machine, a second time and with more patience where it was too slow."""
    error: Exception | None = None
    for seconds in _START_SECONDS:
        with patient_start(seconds), loopback_only():
            error = _init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **{**LOOPBACK_ONLY, SESSION_FOLDER: str(folder)},
            )
        if error is None:
            return
    assert error is not None
    raise RunFailed(
        f"Ray does not start on this machine: {first_line(error)}",
        hint="It may be short of processor time, memory or shared memory (/dev/shm); run the "
        "same command again to retry.",
    ) from error


def _join(address: str, runtime_env: Mapping[str, Any] | None) -> None:
    check_cluster(address)
    more = {} if runtime_env is None else {"runtime_env": dict(runtime_env)}
    with loopback_only() if only_here(address) else nullcontext():
        error = _init(address=address, **more)
    if error is not None:
        raise RunFailed(
            f"the Ray cluster at {address} refused the connection: {first_line(error)}",
            hint="It must run the same versions of Ray and Python. Leave --address out to use "
            "this machine alone.",
        ) from error


def _init(**options: Any) -> Exception | None:
    """Calls `ray.init`, and returns what it raised: on a slow start that is a bare Exception."""
    import ray

    try:
        with signals_kept():
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:
        ray.shutdown()
        return error
    return None


def _keep_token_private() -> None:
    token = token_file()  # Ray writes it readable by all users of the machine
    if token.is_file() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)
