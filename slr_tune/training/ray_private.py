"""All that this project uses of Ray in addition to its public interface.

- Environment variables, which Ray names in its source alone. Without `RAY_AUTH_MODE` anyone who
  reaches this machine could run code in a session; without `TUNE_MAX_PENDING_TRIALS_PG` Tune would
  start more trials than there are workers; without the others a search would be slower and noisier.
- `_node_ip_address` of `ray.init`, and `ENABLE_RAY_CLUSTER` of `ray._private.ray_constants`, which
  Ray has for systems whose firewalls ask: without both, 127.0.0.1 is taken for the machine's outer
  address, and all ports listen on all interfaces. `_temp_dir`: without it all users could write
  into the session's files.
- `get_node` of `ray._private.services`, which gives a start-up 30 s: too few on a busy machine.
- `temporary_state.ray_actor` of a Tune trial: a worker that hangs could not be killed without it.
- `_tune_controller` behind what a scheduler sees of Tune, and its `_execute_action`: a trial that
  waits until its decision is stored could not be told the decision without them.
- Its lists of trials, and of what its workers are still to do, from which what ended is dropped:
  Tune looks at all trials in each turn of its loop, and keeps tens of kilobytes of each.
- `ConsolePopen` of the same module, which starts Ray's processes in the command's group and open to
  its signals: one to the group, or to every process of a job, would end them before what is done is
  stored.
- `ShutdownRaylet` of the raylet, by the node of `ray._private.worker`: deaf to SIGTERM, it would be
  killed, and what its workers started would live on.
- `print_to_stdstream` of `ray._private.worker`, which writes what Ray says of dead workers to
  standard output, into what a script reads.
- `GcsClient` of `ray._raylet`, which says that a token is wrong; `ray.init` would end the process.
- `remove_placement_group` as `ray.air.execution.resources.placement_group` sees it: Ray 2.60 loses
  the cores of a group that is removed in the milliseconds in which it is created. Tune asks for a
  group and takes that back at once where a worker is there for the trial already.
- `tag_callbacks` of `ray.air._internal.usage`, which imports MLflow and Weights & Biases where they
  are installed, to count what is reported to nobody.
- `~/.ray/auth_token`, Ray's token: were it elsewhere, all users of the machine could read it.

A test looks for each of them in the Ray that is installed.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

USAGE = "RAY_USAGE_STATS_ENABLED"
# Ray reads these when it is imported.
ENVIRONMENT = {
    # Other users of this machine reach its loopback ports too; the token keeps them out.
    "RAY_AUTH_MODE": "token",
    USAGE: "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # Ten megabytes for each of a session's logs; the default is half a gigabyte, five times.
    "RAY_ROTATION_MAX_BYTES": "10000000",
    "RAY_ROTATION_BACKUP_COUNT": "1",
    # The study holds the curves; Tune's own CSV, JSON and TensorBoard files would cost 40 ms each.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C is handled by the run itself: it stores before it ends.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The newer output engine prints a banner even when it has to be silent.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Tune's snapshot of the experiment is never read.
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",
    # A relative path in a user's run starts where the command was given, not in a trial's folder.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # What a run started goes with its worker, also where the worker is killed.
    "RAY_process_group_cleanup_enabled": "1",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "100000",
}
TLS = "RAY_USE_TLS"
PENDING_TRIALS = "TUNE_MAX_PENDING_TRIALS_PG"
LOOPBACK_ONLY = {"_node_ip_address": "127.0.0.1"}
"""Argument of `ray.init`."""
ENDING_A_JOB = {signal.SIGTERM, signal.SIGHUP}
_GCS, _RAYLET = "gcs_server", "raylet"
"""Programs of a session whose end would end the driver."""
_REGISTERED_SECONDS = 0.1
_SHUTDOWN_SECONDS = 5.0
_CREATED_SECONDS = 5.0
_WAITS_FOR_ROOM = {"NO_RESOURCES", "INFEASIBLE"}
"""What Ray says of a placement group that it is not about to create."""
SESSION_FOLDER = "_temp_dir"
"""Argument of `ray.init`: the folder of the session's logs and sockets."""


def prepare_environment() -> None:
    """Sets what Ray reads at import, where the user has not set it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # gRPC's own: it would print each connection that is closed under way.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def limit_pending_trials(count: int) -> None:
    """Keeps Tune from making trials ahead of its workers."""
    os.environ[PENDING_TRIALS] = str(count)


def ensure_token() -> None:
    """Gives Ray a token for this session where the home cannot hold one."""
    path = token_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() or os.access(path.parent, os.W_OK):
            return
    except OSError:
        pass
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def uses_tls() -> bool:
    """Whether Ray's processes speak TLS, which nothing but Ray's own client can greet."""
    return os.environ.get(TLS, "0") not in ("", "0")


def token_file() -> Path:
    """Where Ray keeps the token of its sessions."""
    return Path.home() / ".ray" / "auth_token"


def session_parent() -> Path:
    """Where Ray would put its sessions; its sockets bear no longer paths than those from here."""
    return Path(os.environ.get("RAY_TMPDIR", "/tmp"))


@contextmanager
def patient_start(seconds: float) -> Iterator[None]:
    """Gives the start-up of a Ray session more time than Ray does, for the time of a block.

    Its processes get a group of their own, and those that the driver cannot do without are deaf to
    SIGTERM and SIGHUP, which a batch system sends to every process of a job.
    """
    from ray._private import services

    popen: Any = services.ConsolePopen

    def start(command: list[str], **options: Any) -> Any:
        name = Path(command[0]).name
        deaf = ENDING_A_JOB if name in (_GCS, _RAYLET) else set()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, deaf)  # which children have too
        try:
            process = popen(command, start_new_session=True, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if name == _GCS:  # it has nothing to store, and Ray would wait a second for it
            process.terminate = process.kill
        return process

    usual: Any = services.get_node
    end = time.monotonic() + seconds

    def get_node(gcs_address: str, node_id: str) -> Any:
        while True:
            try:
                return usual(gcs_address, node_id)
            except RuntimeError:  # it has not registered yet
                if time.monotonic() > end:
                    raise
                time.sleep(_REGISTERED_SECONDS)

    services.get_node = get_node
    services.ConsolePopen = start
    try:
        yield
    finally:
        services.get_node, services.ConsolePopen = usual, popen


def end_session() -> None:
    """Ends the session, and where it was started here its processes."""
    import ray
    from ray._private import worker

    node: Any = worker.global_worker.node
    if ray.is_initialized() and node is not None and node.head:
        with suppress(Exception):  # it is gone, or is killed below
            _end_raylet(f"{node.node_ip_address}:{node.node_manager_port}")
    ray.shutdown()


def _end_raylet(address: str) -> None:
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import node_manager_pb2, node_manager_pb2_grpc

    with init_grpc_channel(address) as channel:
        stub = node_manager_pb2_grpc.NodeManagerServiceStub(channel)
        request = node_manager_pb2.ShutdownRayletRequest(graceful=True)
        stub.ShutdownRaylet(request, timeout=_SHUTDOWN_SECONDS)


@contextmanager
def loopback_only() -> Iterator[None]:
    """A session that is started in the block listens on 127.0.0.1 and nowhere else."""
    from ray._private import ray_constants

    usual: bool = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = usual


@contextmanager
def messages_logged() -> Iterator[None]:
    """Sends to Ray's logger what Ray would print on standard output, for the time of a block."""
    from ray._private import worker

    def log(data: dict[str, Any], ignore_prefix: bool) -> None:
        logging.getLogger("ray").error("%s", "\n".join(map(str, data["lines"])))

    usual, worker.print_to_stdstream = worker.print_to_stdstream, log
    try:
        yield
    finally:
        worker.print_to_stdstream = usual


def check_token(address: str) -> None:
    """Asks a cluster whether it takes our token.

    Raises:
        ray.exceptions.AuthenticationError: It does not.
    """
    from ray import _raylet

    with _nothing_written():
        client: Any = vars(_raylet)["GcsClient"]
        client(address=address)


def kill_worker(trial: Any) -> None:
    """Kills the worker of a Tune trial, if it has one; Tune then starts another for the next."""
    import ray

    actor = trial.temporary_state.ray_actor
    if actor is not None:
        ray.kill(actor)


@contextmanager
def groups_removed_whole() -> Iterator[None]:
    """Has Tune remove no placement group that Ray is about to create, for the time of a block."""
    import ray
    from ray.air.execution.resources import placement_group as module

    usual: Any = ray.util.remove_placement_group

    def remove(group: Any) -> None:
        end = time.monotonic() + _CREATED_SECONDS
        while _being_created(group) and time.monotonic() < end:
            time.sleep(0.001)
        usual(group)

    ray.util.remove_placement_group = module.remove_placement_group = remove
    try:
        yield
    finally:
        ray.util.remove_placement_group = module.remove_placement_group = usual


def _being_created(group: Any) -> bool:
    from ray.util import placement_group_table

    known = placement_group_table(group)
    if known.get("state") not in ("PENDING", "PREPARED"):
        return False
    return known.get("stats", {}).get("scheduling_state") not in _WAITS_FOR_ROOM


@contextmanager
def callbacks_not_counted() -> Iterator[None]:
    """Saves Tune half a second at its start, for the time of a block; where nothing is reported."""
    from ray.air._internal import usage

    usual: Any = usage.tag_callbacks
    if os.environ.get(USAGE) == "0":
        usage.tag_callbacks = lambda callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = usual


def let_go(controller: Any, trial: Any, action: str) -> None:
    """Lets a Tune trial continue or stop whose scheduler had said NOOP."""
    if trial.status == "RUNNING":  # its worker may have died meanwhile
        controller._tune_controller._execute_action(trial, action)


def forget_ended(controller: Any) -> None:
    """Drops from Tune's lists the trials that ended and have no worker any more."""
    tune = controller._tune_controller
    over = tune._stopped_trials | tune._failed_trials
    gone = {trial for trial in over if trial not in tune._trial_to_actor}
    if gone:
        tune._trials[:] = [trial for trial in tune._trials if trial not in gone]
        for name in ("_live_trials", "_stopped_trials", "_failed_trials", "_trials_to_cache"):
            getattr(tune, name).difference_update(gone)
        manager = tune._actor_manager
        starting = manager._pending_actors_to_attrs
        tasks = manager._pending_actors_to_enqueued_actor_tasks
        for actor in [actor for actor in tasks if actor not in starting]:
            del tasks[actor]  # to end, of one that never started


@contextmanager
def _nothing_written() -> Iterator[None]:
    """Throws away what C++ writes to standard error, for the time of a block."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
