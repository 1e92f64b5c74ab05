"""What is used of Ray beside its public interface is in the Ray that is installed."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

import pytest
import ray

from slr_tune.training.ray_private import ENVIRONMENT, LOOPBACK_ONLY, PENDING_TRIALS, token_file

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
    for name in LOOPBACK_ONLY:
        assert f'kwargs.pop("{name}"' in inspect.getsource(ray.init), f"no {name}: {MEND}"


def test_the_token_lies_where_ray_puts_it() -> None:
    """Elsewhere it would stay readable by all users of the machine."""
    from ray._private.authentication import authentication_token_setup

    assert authentication_token_setup._get_default_token_path() == token_file(), MEND
