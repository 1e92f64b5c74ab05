"""Data of PHOENIX-2014's size on this machine: what preparing, checking and searching it take.

    python benchmarks/real_size.py /tmp/real --keep     # about 12 GB of disk
    python benchmarks/real_size.py /tmp/real --scale 0.02 --no-verify --bilstm --trials 4 \
        --epochs 4 --grace 4

Writes 5672/540/629 utterances of 140 frames on average, 1540 numbers a frame, 1,230 glosses, in
PHOENIX-2014's layout (about 6 GB, uncompressed); then runs `slr-tune prepare`, `verify` and the
first trials of a search over a part of it (`max_utterances`), two workers side by side. Their
private memory is read from /proc every two seconds; the packed data that they map is shared and
does not count. The table compares the first half of the time in which they train with the second:
with `--grace` equal to `--epochs` no trial is stopped, with `--bilstm` all are of one size. The
folder is removed at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
SPACE = ROOT / "search_spaces" / "phoenix" / "student.yaml"
SIZES = {"train": 5672, "dev": 540, "test": 629}
FRAMES, WIDTH, GLOSSES = 140, 1540, 1230
_POLL_SECONDS = 2.0


@dataclass
class Step:
    """A command that was run.

    Attributes:
        name: What.
        seconds: By the clock.
        cpu_seconds: Of its processes that it waited for.
        peak: Largest private memory of any of its processes, bytes.
        output: What it printed.
        private: Private memory of each worker over time, bytes.
    """

    name: str
    seconds: float
    cpu_seconds: float
    peak: int
    output: str = ""
    private: dict[int, list[int]] = field(default_factory=dict)


def generate(root: Path, *, scale: float, seed: int = 0) -> int:
    """Writes the set; returns its bytes.

    Args:
        root: Folder to write to.
        scale: Of the numbers of utterances.
        seed: Of all that is random.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((20_000, WIDTH), dtype=np.float32)
    signs = rng.standard_normal((GLOSSES, WIDTH), dtype=np.float32)
    names = [f"GLOSS{number:04d}" for number in range(GLOSSES)]
    written, due = 0, list(rng.permutation(GLOSSES))
    for split, whole in SIZES.items():
        features = root / "features" / "frames" / split
        features.mkdir(parents=True)
        lines = ["id|folder|signer|annotation"]
        for number in range(max(3, round(whole * scale))):
            frames = int(np.clip(rng.gamma(8.0, FRAMES / 8.0), 30, 300))
            count = max(1, frames // 14)
            # Train has each gloss at least once where it is large enough.
            first = [due.pop() for _ in range(min(count, len(due)))] if split == "train" else []
            more = rng.choice(GLOSSES, count - len(first))
            glosses = [*first, *more]
            start = int(rng.integers(0, len(noise) - frames))
            signal = signs[np.repeat(glosses, -(-frames // count))[:frames]]
            identifier = f"{number:05d}April_2010_{split}_default-0"
            file = features / f"{identifier}.npz"
            np.savez(file, features=noise[start : start + frames] + signal)
            written += file.stat().st_size
            message = " ".join(names[gloss] for gloss in glosses)
            lines.append(f"{identifier}|{identifier}/1/*.png|Signer{number % 9 + 1:02d}|{message}")
        corpus = root / "annotations" / "manual" / f"{split}.corpus.csv"
        corpus.parent.mkdir(parents=True, exist_ok=True)
        corpus.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return written


def run(
    name: str, *words: object, folder: Path, worker: Callable[[str], bool] | None = None
) -> Step:
    """Runs `slr-tune` and watches the memory of its processes.

    Args:
        name: Of the step.
        words: Of the command.
        folder: Of studies and caches.
        worker: (command line of a process) -> whether its memory is to be followed.

    Raises:
        RuntimeError: It fails; with what it printed.
    """
    command = [sys.executable, "-m", "slr_tune.cli.main", *map(str, words)]
    environment = {
        **os.environ,
        "SLR_TUNE_STUDIES": str(folder / "studies"),
        "PYTHONPATH": str(ROOT),
    }
    log = folder / "log.txt"
    before, started, peak = os.times(), time.monotonic(), 0
    followed: dict[int, list[int]] = defaultdict(list)
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        while process.poll() is None:
            for pid, message in _processes(process.pid):
                private = _private(pid)
                peak = max(peak, private)
                if worker is not None and worker(message) and private:
                    followed[pid].append(private)
            time.sleep(_POLL_SECONDS)
    after, output = os.times(), log.read_text(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    cpu = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return Step(name, time.monotonic() - started, cpu, peak, output, dict(followed))


def _processes(session: int) -> Iterator[tuple[int, str]]:
    """Processes that a command started, by the variable that they inherit or their session."""
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        with suppress(OSError):
            words = place.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
            if int(place.name) == session or _descends(int(place.name), session):
                yield int(place.name), words


def _descends(pid: int, ancestor: int) -> bool:
    """Whether a process comes from another one."""
    while pid > 1:
        text = Path(f"/proc/{pid}/stat").read_text()
        pid = int(text.rpartition(")")[2].split()[1])
        if pid == ancestor:
            return True
    return False


def _private(pid: int) -> int:
    """Bytes that a process shares with nobody and that no file holds; 0 where it is gone."""
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        sizes = {line.split(":")[0]: line.split()[1] for line in lines if ":" in line}
        return 1024 * int(sizes.get("Private_Dirty", 0))
    return 0


def _is_trainer(words: str) -> bool:
    return words.startswith("ray::") and "Trainable" in words


_BILSTM = (
    "space.architecture={fixed: bilstm}",
    "baseline.architecture=bilstm",
    "fixed.layers=4",
    "fixed.hidden=256",
)
"""Values of the space: trials of one size."""


def measure(
    folder: Path, *, scale: float, utterances: int, budget: str, verify: bool, bilstm: bool
) -> list[Step]:
    """All steps in order."""
    data, studies = folder / "data", folder / "studies"
    studies.mkdir(parents=True)
    started, cpu = time.monotonic(), time.process_time()
    size = generate(data, scale=scale)
    seconds = time.monotonic() - started
    steps = [Step(f"writing {size / 1e9:.2f} GB", seconds, time.process_time() - cpu, 0)]
    shared = [
        *("--set", f"data.root={data}"),
        *("--set", "resources={workers: 2, cpus_per_trial: 1, gpus_per_trial: 0}"),
        *("--set", f"budget={budget}"),
        *(word for value in (_BILSTM if bilstm else ()) for word in ("--set", value)),
    ]
    part = f"data.max_utterances={{train: {utterances}, dev: {max(2, utterances // 8)}}}"
    steps.append(run("prepare", "prepare", data, "--features", "frames", folder=folder))
    print(table(steps), flush=True)
    if verify:
        steps.append(run("verify, all data", "verify", SPACE, *shared, folder=folder))
        steps.append(run("verify, a part", "verify", SPACE, *shared, "--set", part, folder=folder))
        print(table(steps), flush=True)
    search = ("run", SPACE, "--no-verify", *shared, "--set", part)
    steps.append(run("first trials on the part", *search, folder=folder, worker=_is_trainer))
    return steps


def _while_training(values: list[int]) -> list[int]:
    """From where a worker first has half of what it comes to have: before, it starts."""
    first = next((i for i, value in enumerate(values) if value >= max(values) / 2), 0)
    return values[first:]


def table(steps: list[Step]) -> str:
    """The steps, and the workers' memory over time."""
    lines = [f"{'step':28}{'seconds':>9}{'CPU s':>9}{'peak private':>15}"]
    for step in steps:
        peak = f"{step.peak / 2**20:,.0f} MiB" if step.peak else "-"
        lines.append(f"{step.name:28}{step.seconds:>9.1f}{step.cpu_seconds:>9.1f}{peak:>15}")
    lines += ["", f"{'private MiB while training':28}{'mean':>9}{'mean':>9}{'most':>9}{'most':>9}"]
    lines.append(f"{'':28}" + f"{'1st half':>9}{'2nd half':>9}" * 2)
    for number, values in enumerate(steps[-1].private.values(), start=1):
        trained = _while_training(values)
        if len(trained) < 4:
            continue
        halves = trained[: len(trained) // 2], trained[len(trained) // 2 :]
        cells = [sum(half) / len(half) for half in halves] + [max(half) for half in halves]
        lines.append(f"{f'worker {number}':28}" + "".join(f"{c / 2**20:>9,.0f}" for c in cells))
    for step in steps:
        lines += [
            f"{step.name}: {line.strip()}"
            for line in step.output.splitlines()
            if " an epoch of the baseline" in line
        ]
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="to make and to remove")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of utterances")
    parser.add_argument("--utterances", type=int, default=64, help="of train, in the trials")
    parser.add_argument("--trials", type=int, default=5, help="of the search")
    parser.add_argument("--epochs", type=int, default=3, help="of a trial that is promoted")
    parser.add_argument("--grace", type=int, default=1, help="epochs of each trial")
    parser.add_argument("--no-verify", action="store_true", help="leave out the two checks")
    parser.add_argument("--bilstm", action="store_true", help="trials with this model alone")
    parser.add_argument("--keep", action="store_true", help="do not remove the folder")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} already exists")
    try:
        epochs = f"max_epochs: {arguments.epochs}, grace_epochs: {arguments.grace}"
        budget = f"{{trials: {arguments.trials}, {epochs}}}"
        scale, utterances = arguments.scale, arguments.utterances
        chosen = {"verify": not arguments.no_verify, "bilstm": arguments.bilstm}
        steps = measure(
            arguments.folder, scale=scale, utterances=utterances, budget=budget, **chosen
        )
        print(table(steps))
    finally:
        if not arguments.keep:
            shutil.rmtree(arguments.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
