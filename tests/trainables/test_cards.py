"""A process's share of a card, and the MPS daemon as it shows itself on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainables import cards
from trainables.cards import arithmetic, moved, mps_daemon, share, sharing_notice, take_share

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (cards.SHARE, cards.VISIBLE, "CUDA_MPS_PIPE_DIRECTORY", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(name, "x")  # put back afterwards, whatever is set meanwhile
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("gpus", "visible", "expected"),
    [(0, "", 1.0), (0.25, None, 0.25), (1, None, 1.0), (2, None, 1.0), (None, None, 1.0)],
)
def test_a_trials_gpus_are_what_its_process_sees(
    gpus: float | None, visible: str | None, expected: float
) -> None:
    """No GPU asked for, none touched; a fraction is a share of one."""
    take_share(gpus)
    assert os.environ.get(cards.VISIBLE) == visible and share() == expected


def test_the_share_of_the_trial_before_is_forgotten() -> None:
    """A worker that tries a trial alone has the whole card."""
    take_share(0.25)
    take_share(1.0)
    assert share() == 1.0


@pytest.mark.parametrize("given", ["", "none", "-1", "7"])
def test_a_share_that_is_none_is_the_whole(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cards.SHARE, given)
    assert share() == 1.0


def test_an_mps_daemon_is_one_whose_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file outlives a daemon that was killed."""
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv(cards.SHARE, "0.25")
    assert mps_daemon() is None
    assert "0.25 of a GPU and no MPS daemon" in str(sharing_notice())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as daemon:
        (tmp_path / "nvidia-cuda-mps-control.pid").write_text(f"{daemon.pid}\n")
        assert mps_daemon() == daemon.pid and sharing_notice() is None
        assert daemon.stdin is not None
        daemon.stdin.close()
    assert mps_daemon() is None
    (tmp_path / "nvidia-cuda-mps-control.pid").write_text("no number")
    assert mps_daemon() is None


def test_how_a_gpu_computes_is_put_back_afterwards() -> None:
    """Other code of the process, a custom run's for instance, computes as before."""
    gpu = torch.device("cuda")  # only switches are set
    before = cards._precisions()
    for tf32, word in ((True, "tf32"), (False, "ieee")):
        with arithmetic(gpu, tf32=tf32, deterministic=True):
            assert set(cards._precisions()) == {word}
            assert torch.are_deterministic_algorithms_enabled()
            with arithmetic(gpu, tf32=False):  # a teacher, asked meanwhile
                assert set(cards._precisions()) == {"ieee"}
                assert torch.are_deterministic_algorithms_enabled()
            assert set(cards._precisions()) == {word}
        assert cards._precisions() == before
        assert not torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.deterministic
    with arithmetic(CPU, tf32=True, deterministic=True):
        assert cards._precisions() == before
        assert not torch.are_deterministic_algorithms_enabled()


def test_moving_on_a_cpu_copies_nothing() -> None:
    tensor = torch.zeros(3)
    assert moved(tensor, CPU) is tensor
