"""All that this project uses of Ray beside its public interface.

- Environment variables, which Ray names in its source alone. Without `RAY_AUTH_MODE` anyone who
  reaches this machine could run code in a session; without `TUNE_MAX_PENDING_TRIALS_PG` Tune would
  start more trials than there are workers; without the others a search would be slower and noisier.
- `_node_ip_address` of `ray.init`: without it a machine off the network, or one with a VPN, would
  not find its own session.
- `~/.ray/auth_token`, Ray's token: were it elsewhere, all users of the machine could read it.

A test looks for each of them in the Ray that is installed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

# Ray reads these when it is imported.
ENVIRONMENT = {
    # Ray's ports listen on all interfaces; the token keeps others out.
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # The study holds the curves; Tune's own CSV, JSON and TensorBoard files would cost 40 ms each.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C is handled by the run itself: it stores before it ends.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The newer output engine prints a banner even when it is told to be silent.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Tune's snapshot of the experiment is never read.
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "100000",
}
PENDING_TRIALS = "TUNE_MAX_PENDING_TRIALS_PG"
LOOPBACK_ONLY = {"_node_ip_address": "127.0.0.1"}
"""Argument of `ray.init`."""


def prepare_environment() -> None:
    """Sets what Ray reads at import, where the user has not set it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


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


def token_file() -> Path:
    """Where Ray keeps the token of its sessions."""
    return Path.home() / ".ray" / "auth_token"
