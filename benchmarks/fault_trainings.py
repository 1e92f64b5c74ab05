"""The kinds of faults that `benchmarks/faults.py` injects into trainings on real sentences."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from functools import partial
from pathlib import Path

from fault_scene import Kind, Scene
from own_process import Command
from small_disk import mounted_disk
from small_runs import FEW, SMALL, small_space

Rows = list[dict[str, float]]

EPOCHS = 60
GIVEN = ["student", "--data", FEW, "--set", f"max_epochs={EPOCHS}", "--set", "patience=1000"]
GIVEN += [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]


def start(scene: Scene, folder: Path, *more: str) -> Command:
    """A training into a folder."""
    return scene.start("train", *GIVEN, "--out", str(folder), *more, ray=False)


def under_way(scene: Scene, folder: Path, *more: str) -> Command:
    """The same, after some epochs."""
    command = start(scene, folder, *more)
    if not command.wait_for_lines(folder / "curve.csv", scene.rng.randint(4, EPOCHS // 2)):
        scene.problems.append(f"over before the fault: {command.end()[1][-300:]}")
    scene.faults += 1
    return command


def judge(scene: Scene, folder: Path, before: Rows) -> None:
    """Equal to a training without a fault, and what was stored was not trained again."""
    from trainables.files.checkpoint import load_checkpoint
    from trainables.files.curve import CurveFile

    for name in (folder, scene.folder / "reference"):
        scene.end(start(scene, name), {0})
    rows, true = (
        CurveFile(name / "curve.csv").rows() for name in (folder, scene.folder / "reference")
    )
    scene.trials += 1
    scene.epochs += len(rows)
    scene.lost += sum(a["seconds"] != b["seconds"] for a, b in zip(before, rows, strict=False))
    stored = load_checkpoint(folder / "checkpoints" / "checkpoint_latest.pt")["rows"]
    scene.wrong += abs(len(rows) - EPOCHS) + differing(stored, rows, but=())
    scene.wrong += differing(rows, true, but=("seconds",))
    scene.leave()


def differing(rows: Rows, wanted: Rows, *, but: tuple[str, ...]) -> int:
    """Epochs in which two curves differ; columns that are in one alone are no difference."""
    return sum(
        any(
            row[name] != other[name] and not math.isnan(row[name] + other[name])
            for name in row.keys() & other.keys() - set(but)
        )
        for row, other in zip(rows, wanted, strict=False)
    )


def kept(folder: Path) -> Rows:
    """Rows of the latest checkpoint."""
    from trainables.files.checkpoint import CheckpointFolder

    state = CheckpointFolder(folder / "checkpoints").load_latest()
    return [] if state is None else list(state["rows"])


def signalled(scene: Scene, *, number: signal.Signals, code: int) -> None:
    """Ended by a signal."""
    folder = scene.folder / "run"
    scene.end(under_way(scene, folder), {code}, number)
    judge(scene, folder, kept(folder))


def folder_deleted(scene: Scene) -> None:
    """What the next epoch stores is whole again."""
    folder = scene.folder / "run"
    command = under_way(scene, folder)
    shutil.rmtree(folder, ignore_errors=True)
    scene.end(command, {1})
    judge(scene, folder, kept(folder))


def hanging(scene: Scene) -> None:
    """Its curve becomes a pipe that nobody reads, as a file on a server that is away."""
    folder = scene.folder / "run"
    command = under_way(scene, folder, "--epoch-timeout", "3")
    os.mkfifo(scene.folder / "pipe")
    (scene.folder / "pipe").replace(folder / "curve.csv")
    scene.end(command, {1})
    (folder / "curve.csv").unlink()
    judge(scene, folder, kept(folder))


def two_at_once(scene: Scene) -> None:
    """The second into the same folder is refused."""
    folder = scene.folder / "run"
    command = under_way(scene, folder)
    command.process.send_signal(signal.SIGSTOP)  # else it may be over before the other has begun
    scene.end(start(scene, folder), {2})
    command.process.send_signal(signal.SIGCONT)
    scene.end(command, {0})
    judge(scene, folder, kept(folder))


def full_disk(scene: Scene) -> None:
    """It goes on once there is room."""
    with mounted_disk(scene.folder / "disk", megabytes=4) as disk:
        folder = disk.folder / "run"
        command = under_way(scene, folder)
        disk.fill()
        scene.end(command, {1})
        if left := [name for name in disk.partials() if "checkpoint" in name]:
            scene.problems.append(f"left on a full disk: {left}")
        disk.free()
        judge(scene, folder, kept(folder))


def confirmation_signalled(scene: Scene) -> None:
    """The retraining of a search's best is ended by SIGTERM."""
    from trainables.files.checkpoint import load_checkpoint

    space = small_space(scene.folder, fixed="patience: 1000")
    scene.until_done("run", space, "--trials", "1", "--max-epochs", "150")
    stages = scene.studies / "small" / "ablations" / ".stages"
    given = ("--study", "small", "--seeds", "3")
    command = scene.start("confirm", *given, ray=False)
    command.wait_until(lambda: bool([*stages.glob("*/progress.json")]))
    scene.faults += 1
    scene.end(command, {143}, signal.SIGTERM)
    before = {
        path.parent: load_checkpoint(path)["rows"] for path in stages.glob("*/checkpoint_latest.pt")
    }
    scene.until_done("confirm", *given, ray=False)
    for stage in {path.parent for path in stages.glob("*/done.json")}:
        rows = json.loads((stage / "done.json").read_text())["rows"]
        scene.trials += 1
        scene.epochs += len(rows)
        old = before.get(stage, [])
        scene.lost += sum(a["seconds"] != b["seconds"] for a, b in zip(old, rows, strict=False))
    scene.leave()


def relative_teacher(scene: Scene) -> None:
    """Named where the command is given; the workers of Ray stand elsewhere."""
    from slr_tune.study.view import load_study

    short = [word.replace(f"={EPOCHS}", "=2") for word in GIVEN[1:]]
    out = ("--out", str(scene.folder / "teacher"))
    scene.end(scene.start("train", "teacher", *short, *out, ray=False), {0})
    space = small_space(
        scene.folder,
        trainable="distill",
        teacher="{checkpoint: teacher/checkpoints/checkpoint_best.pt}",
    )
    scene.faults += 1
    scene.until_done("run", space.name, "--allow-weak-teacher", folder=scene.folder)
    trials = load_study("small").trials
    scene.trials += len(trials)
    scene.epochs += sum(len(trial.intermediate_values) for trial in trials)
    if any(trial.state.name == "FAIL" for trial in trials) or len(trials) != 4:
        scene.problems.append(f"trials: {[trial.state.name for trial in trials]}")
    scene.leave()


def ids_in_scores(scene: Scene) -> None:
    """Every format with ids gives the rate of the glosses alone: one of five is wrong."""
    glosses = {"a": "REGEN HEUTE", "b": "SONNE WIND NORD"}
    recognised = {"a": "REGEN MORGEN", "b": "SONNE WIND NORD"}
    for name, form in {"trn": "{1} ({0})", "kaldi": "{0} {1}", "tsv": "{0}\t{1}"}.items():
        paths = [scene.folder / f"{kind}.{name}" for kind in ("hyp", "ref")]
        for path, texts in zip(paths, (recognised, glosses), strict=True):
            path.write_text("".join(form.format(*pair) + "\n" for pair in texts.items()))
        more = ("--format", "kaldi") if name == "kaldi" else ()
        output = scene.end(scene.start("score", *paths, *more, ray=False), {0})
        scene.faults += 1
        scene.wrong += "20.00" not in output


TRAININGS: dict[str, Kind] = {
    "training, SIGTERM": partial(signalled, number=signal.SIGTERM, code=143),
    "training, kill -9": partial(signalled, number=signal.SIGKILL, code=-9),
    "training, folder deleted": folder_deleted,
    "training, hangs": hanging,
    "training, two at once": two_at_once,
    "training, full disk": full_disk,
    "confirmation, SIGTERM": confirmation_signalled,
    "teacher by a relative path": relative_teacher,
    "ids in files to score": ids_in_scores,
}
