"""`slr-tune train`: train one run, without a search."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    set_option,
    tell,
    tell_interrupted,
)

if TYPE_CHECKING:
    from slr_tune.cli.train_settings import TrainSettings
    from slr_tune.search.standing import RunStanding
    from slr_tune.training.interrupt import StopRequest
    from trainables.runs.ctc_run import CtcRun

_RECENT = 5
"""Epochs whose median time is taken for those to come."""


@command_named(
    "train",
    "slr-tune train teacher",
    "slr-tune train student --set hidden=64 --set max_epochs=40",
    "slr-tune train distill --teacher TEACHER/checkpoints/checkpoint_best.pt",
    "slr-tune train student --resume BEST.pt --set learning_rate=5e-5 --set max_epochs=50",
)
@click.argument("trainable", type=click.Choice(["teacher", "student", "distill"]))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="YAML file with the run's settings; it may also contain data:, teacher: and seed:.",
)
@set_option("Override a setting, such as --set dropout=0.3 or --set augmentation.noise=0.1.")
@click.option(
    "--data",
    metavar="NAME",
    help="Data set, or its mapping as YAML. [default: from the file, or libras]",
)
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    metavar="CKPT",
    help="Teacher checkpoint for a distillation.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run. [default: one in the studies folder, named by the settings]",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="CKPT",
    help="Fine-tune: start at epoch 0 with the weights of a checkpoint and a new optimiser. "
    "Settings that are not given are those of the checkpoint.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Random seed of the run. [default: from the file, or 0]",
)
@click.option(
    "--epoch-timeout",
    "timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop a run that hangs: no epoch within this time. [default: 20 times its median "
    "epoch, at least ten minutes]",
)
@json_option
def command(
    trainable: str,
    config: Path | None,
    overrides: tuple[str, ...],
    data: str | None,
    teacher: Path | None,
    out: Path | None,
    resume: Path | None,
    timeout: float | None,
    seed: int | None,
    as_json: bool,
) -> int:
    """Train one teacher, student or distillation, and print its dev WER.

    To resume after Ctrl-C or a crash, run the same command again.
    """
    from slr_tune.cli.main import EXIT_RUN_FAILED
    from slr_tune.cli.train_settings import read_train_settings

    settings = read_train_settings(
        trainable,
        config,
        overrides=overrides,
        data=data,
        teacher=teacher,
        seed=seed,
        resume=resume,
    )
    folder = out or _default_folder(settings, resume)
    run = _build(settings, resume)
    stop = _drive(run, folder, timeout)
    summary = _summary(run, folder)
    echo_json(summary) if as_json else echo(_summary_text(summary))
    if stop is not None:
        tell_interrupted()
        return stop.exit_code
    return EXIT_RUN_FAILED if run.ended_by == "nan" else 0


def _build(settings: TrainSettings, resume: Path | None) -> CtcRun:
    """The run at epoch 0."""
    from slr_tune.study.folders import cache_root
    from trainables.building import build_run
    from trainables.data import prepare

    data = prepare(settings.data, cache_root())
    for warning in data.warnings:
        tell(f"Warning: {warning}")
    built = build_run(
        settings.trainable,
        settings.config,
        data=data,
        seed=settings.seed,
        cache=cache_root(),
        teacher=settings.teacher,
    )
    run = cast("CtcRun", built)
    if resume is not None:
        run.load_weights(resume)
        tell(f"Weights loaded from {resume}")
    facts = run.facts()
    if settings.teacher is not None:
        wer = facts["teacher_wer"]
        known = "unknown" if wer is None else f"{wer:.2f}"
        tell(
            f"Teacher loaded: {settings.teacher}, dev WER {known}, "
            f"{facts['teacher_parameters']:,} parameters"
        )
    for warning in facts["warnings"]:
        tell(f"Warning: {warning}")
    return run


def _drive(run: CtcRun, folder: Path, timeout: float | None) -> StopRequest | None:
    """Trains to the end; returns the request to stop before it, None without one."""
    from slr_tune.search.progress import Progress
    from slr_tune.training.hang import HangWatch
    from slr_tune.training.interrupt import interrupt_flag
    from trainables.runs.training import train as drive

    seconds: list[float] = []
    with (
        Progress() as progress,
        interrupt_flag(progress.message) as asked,
        HangWatch(folder, timeout) as watch,
    ):
        for row in drive(run, folder, checkpoint_every=run.config.checkpoint_every):
            watch.brought()
            if not seconds and run.epoch > 1:
                progress.message(f"Resuming after epoch {run.epoch - 1} of {folder}")
            seconds.append(row["seconds"])
            progress.message(_line(row, run.config.max_epochs))
            left = run.config.max_epochs - run.epoch
            progress.show_run(_standing(run), left * statistics.median(seconds[-_RECENT:]))
            if asked.is_set():
                return asked if run.ended_by is None else None
    if not seconds:
        tell(f"The run in {folder} has ended already; nothing to do.")
    return None


def _standing(run: CtcRun) -> RunStanding:
    """Where the run is after its last epoch."""
    from slr_tune.search.standing import RunStanding

    wers = [row["val/wer"] for row in run.rows]
    return RunStanding(
        epoch=run.epoch,
        max_epochs=run.config.max_epochs,
        train_loss=run.rows[-1]["train/loss"],
        wer=wers[-1],
        best_wer=min(wers),
        best_epoch=wers.index(min(wers)) + 1,
    )


def _line(row: Mapping[str, float], max_epochs: int) -> str:
    """An epoch in one line."""
    temperature = row["train/temperature"]
    parts = [
        f"epoch {int(row['epoch']):>{len(str(max_epochs))}}/{max_epochs}",
        f"{row['seconds']:6.2f} s",
        f"train loss {row['train/loss']:7.4f} WER {row['train/wer']:6.2f}",
        f"dev loss {row['val/loss']:7.4f} WER {row['val/wer']:6.2f}",
        f"best {row['val/wer_best']:6.2f}",
        f"blank {row['val/blank_rate']:4.2f}",
    ]
    if not math.isnan(temperature):
        parts.append(f"Temperature {temperature:.2f}")
    return "  ".join(parts)


def _summary(run: CtcRun, folder: Path) -> dict[str, Any]:
    """What a script reads."""
    from trainables.files.curve import CurveFile
    from trainables.runs.training import checkpoints

    wers = [row["val/wer"] for row in run.rows]
    best = run.best_wer
    best_file = checkpoints(folder).best
    return {
        "trainable": run.trainable,
        "ended_by": run.ended_by,
        "epochs": run.epoch,
        "best_epoch": None if best is None else wers.index(best) + 1,
        "best_wer": best,
        "seconds": sum(row["seconds"] for row in CurveFile(folder / "curve.csv").rows()),
        "folder": str(folder),
        "checkpoint": str(best_file) if best_file.exists() else None,
        "config": run.config.model_dump(mode="json"),
        **run.facts(),
    }


def _summary_text(summary: Mapping[str, Any]) -> str:
    """What a person reads."""
    best = summary["best_wer"]
    lines = [
        "no epoch was finished" if best is None else "",
        f"dev WER {best:.2f} % at epoch {summary['best_epoch']}" if best is not None else "",
        f"{summary['epochs']} epochs, ended by {summary['ended_by'] or 'an interruption'}, "
        f"{summary['seconds']:.1f} s, {summary['parameters']:,} parameters",
        *(
            f"epoch {remedy['epoch']}: out of memory; {remedy['remedy']}, to batches of "
            f"{remedy['batch_size']}"
            for remedy in summary["remedies"]
        ),
        f"checkpoint {summary['checkpoint']}" if summary["checkpoint"] else "",
    ]
    if summary["ended_by"] == "nan":
        lines.append("The loss became NaN or infinite. Lower learning_rate, or set clip_norm.")
    return "\n".join(line for line in lines if line)


def _default_folder(settings: TrainSettings, resume: Path | None) -> Path:
    """A folder of its own for all that shapes the run, so that the same command finds it again."""
    from slr_tune.study.folders import studies_root

    shaping = [
        settings.config,
        settings.data,
        None if settings.teacher is None else str(settings.teacher.absolute()),
        settings.seed,
        None if resume is None else str(resume.absolute()),
    ]
    key = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:8]
    return studies_root() / "train" / f"{settings.trainable}-{key}"
