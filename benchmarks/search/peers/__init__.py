"""Other tools' searches, each in an environment of its own that the benchmark makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.search.cells import Cell, read_results
from benchmarks.search.curve_table import CurveTable

ROOT = Path(__file__).parents[3]


class Environment(NamedTuple):
    """What a group of peers needs.

    Attributes:
        name: Of its folder, and of the module beside this one.
        requirements: For pip; none where this project's own environment has all.
    """

    name: str
    requirements: tuple[str, ...] = ()


NEPS = Environment("neps", ("neural-pipeline-search==0.17.0",))
SYNE_TUNE = Environment("syne_tune", ("syne-tune==0.16.0",))
OLD_SYNE_TUNE = Environment("old_syne_tune", ("syne-tune[gpsearchers]==0.13.0", "numpy<2"))
"""The last version with MOBSTER."""

SMAC = Environment("smac", ("smac==2.4.1",))
OPTUNA = Environment("optuna")

PEERS: dict[str, Environment] = {
    "neps-priorband": NEPS,
    "neps-priorband-high": NEPS,
    "neps-asha": NEPS,
    "syne-tune-asha": SYNE_TUNE,
    "syne-tune-bohb": SYNE_TUNE,
    "syne-tune-mobster": OLD_SYNE_TUNE,
    "smac": SMAC,
    "optuna-tpe-halving": OPTUNA,
    "optuna-tpe-hyperband": OPTUNA,
    "optuna-gp-halving": OPTUNA,
    "optuna-gp-hyperband": OPTUNA,
}


def run_peers(
    cells: Sequence[Cell],
    tables: Mapping[str, CurveTable],
    cache: Path,
    tell: Callable[[str], None],
) -> None:
    """Runs the searches that `cache/results.jsonl` does not hold, one environment after the other.

    An environment that cannot be made, or a peer that fails, is told and left out.
    """
    done = read_results(cache / "results.jsonl")
    missing = [cell for cell in cells if cell not in done]
    for table in {cell.table for cell in missing}:
        (cache / "tables").mkdir(exist_ok=True)
        tables[table].save(cache / "tables" / f"{table}.npz")
    for environment in dict.fromkeys(PEERS[cell.strategy] for cell in missing):
        own = [cell for cell in missing if PEERS[cell.strategy] == environment]
        try:
            python = made(environment, cache / "environments", tell)
        except (OSError, subprocess.CalledProcessError) as error:
            tell(f"{environment.name}: its environment cannot be made, left out: {error}")
            continue
        jobs = cache / f"{environment.name}.json"
        jobs.write_text(json.dumps([asdict(cell) for cell in own]))
        tell(f"{environment.name}: {len(own)} searches")
        command = [str(python), "-m", "benchmarks.search.peers.run", environment.name,
                   str(jobs), str(cache)]  # fmt: skip
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        code = subprocess.run(command, env=variables, check=False).returncode
        if code:
            tell(f"{environment.name}: ended with exit code {code}")


def made(environment: Environment, folder: Path, tell: Callable[[str], None]) -> Path:
    """The Python of an environment, which is made where it is missing."""
    if not environment.requirements:
        return Path(sys.executable)
    home = folder / environment.name
    python, finished = home / "bin" / "python", home / "made.json"
    if not finished.exists() or json.loads(finished.read_text()) != list(environment.requirements):
        tell(f"{environment.name}: installing {', '.join(environment.requirements)}")
        venv.create(home, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *environment.requirements]
        subprocess.run(pip, check=True)
        finished.write_text(json.dumps(environment.requirements))
    return python
