"""`slr-tune soft-targets`: write what a teacher says about every utterance."""

from __future__ import annotations

from pathlib import Path

import click

from slr_tune.cli.checkpoint_options import ChosenCheckpoint, checkpoint_options, log_opening
from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    storage_option,
)

_MIB = 2**20


@command_named(
    "soft-targets",
    "slr-tune soft-targets --study libras-teacher --temperature 4 --out targets",
    "slr-tune soft-targets teacher.pt --temperature 4 --top-k 20 --out targets",
    "slr-tune train distill --teacher targets --set 'temperature={schedule: constant, "
    "start: 4}' --set 'loss_weights={alpha: 0.7, beta: 0.3, gamma: 0}'",
)
@checkpoint_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write the files to.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    default=4.0,
    show_default=True,
    help="Temperature that divides the logits; the distillation must use the same one.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="train",
    show_default=True,
    help="Split to write.",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    help="Number of classes to keep per frame; the remaining probability is spread evenly. "
    "[default: all]",
)
@storage_option
@json_option
def command(
    chosen: ChosenCheckpoint,
    *,
    out: Path,
    temperature: float,
    split: str,
    top_k: int | None,
    as_json: bool,
) -> int:
    """Save softmax(logits / T) of CHECKPOINT for every utterance of a split, as safetensors.

    A distillation can use the folder instead of the teacher: --teacher FOLDER in slr-tune train, or
    teacher: {soft_targets: FOLDER} in a search space.
    """
    from trainables.runs.optimisation import choose_device
    from trainables.teaching.soft_target_writer import write_soft_targets

    named, stored, dataset = chosen.opened()
    written = write_soft_targets(
        stored,
        dataset,
        split,
        out,
        temperature=temperature,
        top_k=top_k,
        device=choose_device("auto"),
        begin=lambda: log_opening(named, split, "soft-targets"),
    )
    if as_json:
        facts = {"folder": str(out), "split": split, "temperature": temperature, "top_k": top_k}
        sizes = {"utterances": written.utterances, "frames": written.frames, "bytes": written.size}
        echo_json({**facts, **sizes, "kept_mass": written.mass})
        return 0
    kept = "" if top_k is None else f", {100 * written.mass:.2f} % of the mass in the top {top_k}"
    echo(
        f"{written.utterances} utterances of {split}, {written.frames:,} frames, "
        f"{written.size / _MIB:.1f} MiB in {out}, softened at {temperature:g}{kept}"
    )
    return 0
