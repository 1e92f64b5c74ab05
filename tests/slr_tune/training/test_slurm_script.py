"""The Slurm script of the docs: stand-ins of srun and scontrol, a real Ray and a real search."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from toy_space import write_toy_space

from slr_tune.study.view import load_study

SCRIPT = Path(__file__).parents[3] / "docs" / "cluster" / "slurm.sh"

# Gives the command to each node of the job, on this machine, and passes a signal on.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
trap 'kill -TERM $(jobs -p) 2> /dev/null' TERM EXIT
for number in $(seq 0 $((SLURM_JOB_NUM_NODES - 1))); do SLURM_PROCID=$number "$@" & done
wait
"""
SCONTROL = """#!/bin/bash
[ "$1 $2" = "requeue $SLURM_JOB_ID" ] && touch "$REQUEUED"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a job finds; the file that a requeue makes."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    job = {"PATH": path, "SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "1", "SLR_TUNE_PORT": port}
    for name, value in {**job, "REQUEUED": tmp_path / "requeued"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    return tmp_path / "requeued"


def job(space: Path, log: Path, *, nodes: int, stop_after: Path | None = None) -> int:
    """Runs the script as a job; with SIGTERM to its shell alone, once a file has some lines."""
    with log.open("a") as output:
        process = subprocess.Popen(
            ["bash", SCRIPT, space],
            env={**os.environ, "SLURM_JOB_NUM_NODES": str(nodes), "JOB": str(log)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while stop_after is not None and process.poll() is None:
                if stop_after.exists() and len(stop_after.read_text().splitlines()) > 5:
                    process.send_signal(signal.SIGTERM)
                    break
                time.sleep(0.05)
            return process.wait(timeout=900)
        finally:  # Slurm ends what a job leaves behind
            for pid in started_with(f"JOB={log}"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def started_with(variable: str) -> Iterator[int]:
    """Processes in whose environment that was set, whoever is their parent by now."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


@pytest.mark.usefixtures("database")
def test_a_job_that_is_requeued_resumes_to_its_end(tmp_path: Path, slurm: Path) -> None:
    """SIGTERM before the time limit, and the same script again, on fewer nodes."""
    journal, log = tmp_path / "journal", tmp_path / "log"
    fixed = {"journal": journal, "milliseconds": 100}
    space = write_toy_space(tmp_path, trials=6, workers="auto", fixed=fixed)
    code = job(space, log, nodes=2, stop_after=journal)
    assert code == 143 and slurm.exists(), log.read_text()
    done = len(journal.read_text().splitlines())
    slurm.unlink()
    code = job(space, log, nodes=1)
    assert code == 0 and not slurm.exists(), log.read_text()
    view = load_study("toy")
    assert len(view.trials) == 6 and all(trial.state.is_finished() for trial in view.trials)
    epochs = journal.read_text().splitlines()
    assert len(epochs) > done and len(epochs) - len(set(epochs)) <= 2  # one in the air each
