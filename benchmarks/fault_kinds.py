"""The kinds of faults that `benchmarks/faults.py` injects into searches and ablations."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import kills
from fault_scene import Kind, Scene
from fault_trainings import TRAININGS
from own_process import descendants
from small_disk import mounted_disk

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def signalled(scene: Scene, *, number: signal.Signals) -> None:
    """The command is asked to end, twice in its life."""
    space = scene.space()
    for _ in range(2):
        command = scene.start("run", space)
        scene.moment(command)
        scene.end(command, {CODES[number]}, number)
    scene.until_done("run", space)
    scene.judge()


def every_process_signalled(scene: Scene) -> None:
    """As `scancel` does: Ray's processes too."""
    space = scene.space()
    command = scene.start("run", space, ray=False)
    scene.moment(command)
    for pid in (command.process.pid, *descendants(command.process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    scene.end(command, {143})
    scene.until_done("run", space)
    scene.judge()


def killed(scene: Scene, *, victim: str) -> None:
    """By kill -9: the driver or one of its workers."""
    space = scene.space(milliseconds=150)
    command = scene.start("run", space, ray=False)
    kills.kill_once(command.process, scene.journal, victim, scene.rng)
    scene.faults += 1
    scene.end(command, {0} if victim == "worker" else {-signal.SIGKILL})
    scene.until_done("run", space)
    scene.judge()


def killed_before_an_epoch(scene: Scene) -> None:
    """The driver, three times: to no trial charged."""
    space = scene.space(milliseconds=300)
    for _ in range(3):
        command = scene.start("run", space)
        command.wait_until(lambda: (scene.studies / "toy" / "trials").exists())
        scene.faults += 1
        scene.end(command, {-signal.SIGKILL}, signal.SIGKILL)
    scene.until_done("run", space)
    scene.judge()


def deleted(scene: Scene, *, what: str) -> None:
    """The database or a folder, under the search."""
    space = scene.space()
    command = scene.start("run", space)
    scene.moment(command)
    remove(scene, what)
    scene.end(command, {1})
    scene.until_done("run", space)
    if what == "slr-tune.db*":
        scene.judge()  # a deleted folder has taken curves along
    else:
        scene.leave()


def remove(scene: Scene, what: str) -> None:
    for path in scene.studies.glob(what):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def second_driver(scene: Scene, *, more: tuple[str, ...] = ()) -> None:
    """The same command while it runs, with the same database or another."""
    space = scene.space(milliseconds=300)
    command = scene.start("run", space)
    scene.moment(command)
    message = f"process {command.process.pid}"
    scene.refused("run", space, *(part.format(scene.folder) for part in more), message=message)
    scene.end(command, {0})
    scene.judge()


def database_deleted_and_begun_anew(scene: Scene) -> None:
    """With another seed: nothing of the old trials may be taken up."""
    space = scene.space()
    scene.until_done("run", space)
    scene.judge()
    remove(scene, "slr-tune.db*")
    scene.faults += 1
    scene.until_done("run", space, "--seed", "5")
    scene.judge()


def two_databases_take_turns(scene: Scene) -> None:
    """Studies of one name in one folder."""
    space = scene.space()
    urls = [f"sqlite:///{scene.folder}/{name}.db" for name in "ab"]
    for trials in (3, 5):
        for seed, url in enumerate(urls):
            more = ("--storage", url, "--seed", str(seed), "--trials", str(trials))
            scene.until_done("run", space, *more)
            scene.faults += 1
            scene.judge(trials=trials, storage=url)


def stopped(
    scene: Scene, between: Callable[[Path], None], *, first: int = 0, trials: int = 5
) -> None:
    """Something happens to the checkpoint of a trial that waits for the next start."""
    from slr_tune.study.view import load_study

    space = scene.space(trials=trials)
    command = scene.start("run", space)
    scene.moment(command)
    scene.end(command, {143}, signal.SIGTERM)
    waiting = [trial.number for trial in load_study("toy").trials if trial.state.name == "WAITING"]
    folders = [scene.studies / "toy" / "trials" / str(number) for number in waiting]
    paths = [folder / "checkpoints" / "checkpoint_latest.pt" for folder in folders]
    between(scene.rng.choice([path for path in paths if path.exists()]))
    scene.faults += 1
    if first:
        scene.end(scene.start("run", space), {first})
        for path in scene.studies.rglob("*.away"):
            path.rename(path.with_suffix(""))
    scene.until_done("run", space)
    scene.judge(trials=trials)


def flip(path: Path) -> None:
    """One bit, in the middle of a checkpoint."""
    content = bytearray(path.read_bytes())
    content[random.Random(len(content)).randrange(len(content))] ^= 1
    path.write_bytes(content)


def foreign(path: Path) -> None:
    """A checkpoint of another study in its place."""
    from trainables.files.checkpoint import load_checkpoint, save_checkpoint

    state = load_checkpoint(path)
    origin = {**state["origin"], "study_id": "0" * 32}
    save_checkpoint(path, {**state, "origin": origin, "key": "of another study"})


def unreadable(path: Path) -> None:
    """A disk that gives EIO for a while."""
    path.rename(f"{path}.away")
    path.symlink_to("/proc/self/mem")


def copied_alone(scene: Scene) -> None:
    """The `.db` beside no WAL, after an end by a signal."""
    from slr_tune.study.view import load_study

    space = scene.space()
    command = scene.start("run", space)
    scene.moment(command)
    scene.end(command, {143}, signal.SIGTERM)
    copy = shutil.copy(scene.studies / "slr-tune.db", scene.folder / "copy.db")
    here, there = load_study("toy"), load_study("toy", f"sqlite:///{copy}")
    values = [[trial.intermediate_values for trial in view.trials] for view in (here, there)]
    scene.wrong += values[0] != values[1]
    scene.until_done("run", space)
    scene.judge()


def full_disk(scene: Scene) -> None:
    """No room for a checkpoint."""
    with mounted_disk(scene.studies, megabytes=12) as disk:
        space = scene.space()
        text = space.read_text().replace("faulty_runs:FaultyRun", "heavy_runs:HeavyFaultyRun")
        space.write_text(text)
        command = scene.start("run", space)
        scene.moment(command)
        disk.fill(leave=300_000)
        scene.end(command, {1})
        if left := [name for name in disk.partials() if "checkpoint" in name]:
            scene.problems.append(f"left on a full disk: {left}")
        disk.free()
        scene.until_done("run", space)
        scene.judge()


def no_memory(scene: Scene) -> None:
    """At the start of three runs in a row."""
    space = scene.space(no_memory=3, workers=1)
    scene.faults += 3
    scene.end(scene.start("run", space), {1})
    scene.until_done("run", space)
    scene.judge()


def tried_again(scene: Scene, *, failed: int, **fixed: object) -> None:
    """Trials that failed by their code, which is mended."""
    space = scene.space(**fixed)
    scene.faults += failed
    scene.end(scene.start("run", space), {0, 1})
    (scene.marks / "mended").touch()
    scene.until_done("run", space, "--retry-failed")
    scene.judge()


def hanging(scene: Scene) -> None:
    """One trial brings no second epoch."""
    space = scene.space(hang=1)
    text = space.read_text().replace("resources: {", "resources: {trial_timeout: 3, ")
    space.write_text(text)
    scene.faults += 1
    scene.until_done("run", space)
    scene.judge(failed=1)


def odd_run(scene: Scene, *, odd: str, refused: bool = False) -> None:
    """What a run returns is not as the protocol has it: taken, or told once and mended."""
    space = scene.space(odd=odd, workers=1)
    scene.faults += 1
    if refused:
        scene.end(scene.start("run", space), {1})
        (scene.marks / "mended").touch()
    scene.until_done("run", space)
    scene.judge()


def left_over_address(scene: Scene) -> None:
    """RAY_ADDRESS points to where nobody is."""
    os.environ["RAY_ADDRESS"] = "127.0.0.1:6398"
    space = scene.space(trials=2)
    scene.faults += 1
    scene.until_done("run", space, ray=False)
    scene.judge(trials=2)


def nobody_there(scene: Scene) -> None:
    """`--address` to nothing, a wrong token, a bad database; then the right command."""
    space = scene.space(trials=2)
    bad = scene.start("run", space, "--address", "127.0.0.1:6398", ray=False)
    scene.end(bad, {1})
    os.environ["RAY_AUTH_TOKEN"] = "wrong" * 8
    scene.end(scene.start("run", space), {1})
    del os.environ["RAY_AUTH_TOKEN"]
    scene.faults += 2
    scene.refused("run", space, "--storage", "sqlit:///x.db")
    scene.refused("list", "--storage", f"sqlite:///{scene.folder}/none.db")
    scene.refused("list", "--storage", f"sqlite:///{scene.folder}/a ? 100%.db")
    odd = f"sqlite:///{scene.folder}/a%2520b %3F 100%25.db"
    scene.until_done("run", space, "--storage", odd)
    scene.judge(trials=2, storage=odd)


def ablation_ended(scene: Scene, *, number: signal.Signals) -> None:
    """Three arms with two seeds are ended by a signal."""
    given = (scene.space(), "--factor", "width", "--seeds", "3")
    command = scene.start("ablate", *given)
    scene.moment(command)
    scene.end(command, {CODES.get(number, -number)}, number)
    scene.until_done("ablate", *given)
    scene.judge_ablation()


KINDS: dict[str, Kind] = {
    "Ctrl-C": partial(signalled, number=signal.SIGINT),
    "SIGTERM": partial(signalled, number=signal.SIGTERM),
    "SIGHUP": partial(signalled, number=signal.SIGHUP),
    "SIGTERM to every process": every_process_signalled,
    "kill -9 of the driver": partial(killed, victim="driver"),
    "kill -9 of a worker": partial(killed, victim="worker"),
    "kill -9 before the first epoch": killed_before_an_epoch,
    "database deleted under way": partial(deleted, what="slr-tune.db*"),
    "folder deleted under way": partial(deleted, what="toy"),
    "trial's folder deleted under way": partial(deleted, what="toy/trials/0"),
    "second driver": second_driver,
    "second driver, another database": partial(
        second_driver, more=("--storage", "sqlite:///{}/other.db")
    ),
    "database deleted, begun anew": database_deleted_and_begun_anew,
    "two databases take turns": two_databases_take_turns,
    "bit flipped in a checkpoint": partial(stopped, between=flip),
    "checkpoint of another study": partial(stopped, between=foreign),
    "checkpoint gives EIO": partial(stopped, between=unreadable, first=1),
    "database copied alone": copied_alone,
    "full disk": full_disk,
    "no memory": no_memory,
    "failed trials tried again": partial(tried_again, failed=1, broken=1),
    "run calls sys.exit": partial(tried_again, failed=5, odd="exit"),
    "run hangs": hanging,
    "numbers of numpy, defaultdict": partial(odd_run, odd="numpy"),
    "metric every third epoch": partial(odd_run, odd="seldom"),
    "rows from 0": partial(odd_run, odd="zero", refused=True),
    "set in the state": partial(odd_run, odd="set", refused=True),
    "wrong row after some epochs": partial(odd_run, odd="late", refused=True),
    "subprocess held": partial(odd_run, odd="helper"),
    "RAY_ADDRESS left over": left_over_address,
    "wrong address, token, database": nobody_there,
    "ablation, SIGTERM": partial(ablation_ended, number=signal.SIGTERM),
    "ablation, kill -9": partial(ablation_ended, number=signal.SIGKILL),
    **TRAININGS,
}
"""By name, in the order in which they are injected."""
