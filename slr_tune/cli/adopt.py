"""`slr-tune adopt`: another program's checkpoint, or its logits, become ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    tell,
)

if TYPE_CHECKING:
    from trainables.data import Dataset

_LOGITS = (".npz", ".safetensors")


@command_named(
    "adopt",
    "slr-tune adopt best_model.pth --config config.yaml --as teacher --data libras --claimed 48.87",
    "slr-tune adopt best_model.pth --config config.yaml --as student --key model_state_dict "
    "--vocabulary vocab.json --data libras",
    "slr-tune adopt best_model.pth --config config.yaml --as teacher --unmeasured",
    "slr-tune adopt logits.npz --as teacher --data libras --vocabulary vocab.json",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "role",
    type=click.Choice(["teacher", "student"]),
    required=True,
    help="Whether to use it as a teacher or as a student.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="YAML or JSON file with its layers, hidden, projection and subsampling. Not for logits.",
)
@click.option("--data", metavar="NAME", help="Data set it was trained on, or its mapping as YAML.")
@click.option(
    "--vocabulary",
    type=click.Path(path_type=Path),
    help="Its glosses in the order of its outputs: JSON, or one per line. [default: from FILE]",
)
@click.option(
    "--blank", type=click.IntRange(min=0), help="Index of the blank output, counted from 0."
)
@click.option("--claimed", type=float, metavar="WER", help="The dev WER it is supposed to have.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.5,
    show_default=True,
    help="Largest accepted difference between measured and claimed WER, in points.",
)
@click.option("--unmeasured", is_flag=True, help="Do not measure its WER; no data are needed.")
@click.option("--key", help="Key of the state dict inside FILE.")
@click.option(
    "--map", "pairs", multiple=True, metavar="THEIRS=OURS", help="Map the name of a setting."
)
@click.option(
    "--match", "matches", multiple=True, metavar="THEIRS=OURS", help="Map the name of a module."
)
@click.option(
    "--subsampling",
    type=click.Choice(["1", "2", "4"]),
    help="Subsampling of the logits. [default: detected]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write. [default: studies/adopted/NAME]",
)
@json_option
def command(
    file: Path,
    role: str,
    config: Path | None,
    data: str | None,
    vocabulary: Path | None,
    blank: int | None,
    claimed: float | None,
    tolerance: float,
    unmeasured: bool,
    key: str | None,
    pairs: tuple[str, ...],
    matches: tuple[str, ...],
    subsampling: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Convert FILE to a teacher or student: a torch checkpoint, or logits of every utterance.

    Weights are matched by name, else by shape and order; every match is printed, and an ambiguous
    one is refused. The dev WER is measured and compared with --claimed.

    Logits or log-probabilities (.npz, safetensors, or a folder with one file per utterance) become
    a teacher for any temperature.
    """
    from slr_tune.errors import SlrTuneError
    from slr_tune.evaluation.checkpoints import read_data
    from slr_tune.importing.plan import parse_names
    from slr_tune.study.folders import cache_root, studies_root
    from trainables.data import prepare
    from trainables.files.foreign_vocabulary import read_vocabulary

    glosses = None if vocabulary is None else read_vocabulary(vocabulary)
    if data is None and not unmeasured:
        raise SlrTuneError(
            "--data is missing: it is needed to measure the dev WER",
            hint="Give the data that it was trained on, or --unmeasured.",
        )
    dataset = None if data is None else prepare(read_data(data), cache_root())
    folder = out or studies_root() / "adopted" / file.stem
    if config is None and (file.is_dir() or file.suffix in _LOGITS):
        result = _adopt_logits(
            file, folder, dataset, role, glosses, blank, claimed, tolerance, subsampling
        )
    else:
        result = _adopt_model(
            file,
            folder,
            dataset,
            role,
            config,
            key=key,
            vocabulary=glosses,
            blank=blank,
            claimed=claimed,
            tolerance=tolerance,
            names=parse_names(pairs),
            modules=parse_names(matches),
        )
    if as_json:
        echo_json(result)
        return
    for line in result["lines"]:
        tell(f"  {line}")
    echo(result["summary"])
    echo(f"Use it: {result['use']}")


def _adopt_model(
    file: Path,
    folder: Path,
    data: Dataset | None,
    role: str,
    config: Path | None,
    *,
    key: str | None,
    claimed: float | None,
    tolerance: float,
    **result: Any,
) -> dict[str, Any]:
    from slr_tune.errors import SlrTuneError
    from slr_tune.evaluation.adopt import (
        ForeignModel,
        adopt_model,
        claim_refused,
        dev_wer,
        measured,
        read_config,
    )
    from trainables.errors import CheckpointError
    from trainables.files.foreign_weights import read_foreign_weights

    if config is None:
        raise SlrTuneError(
            "--config is missing: the settings of the model",
            hint="YAML or JSON with layers, hidden, projection and, if not 1, subsampling.",
        )
    path = folder / "checkpoints" / "checkpoint_best.pt"
    if path.exists():
        raise SlrTuneError(
            f"{path} already exists", hint="Delete it, or name another folder with --out."
        )
    weights = read_foreign_weights(file, key)
    foreign = ForeignModel(role, read_config(config), claimed=claimed, **result)
    begun = path.with_name("checkpoint_unmeasured.pt")
    try:
        adopted = adopt_model(weights, foreign, data, begun)
        if data is not None:
            wer = dev_wer(adopted.stored, data)
            if refused := claim_refused(wer, claimed, tolerance):
                raise CheckpointError(
                    f"{file}: {refused}",
                    hint="Nothing was adopted. Check that the data, the order of the glosses and "
                    "the normalisation of the features are the same. --tolerance accepts a "
                    "larger difference.",
                )
            adopted = measured(adopted, wer)
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)
    stored, wer_text = adopted.stored, "not measured"
    if adopted.wer is not None:
        wer_text = f"dev WER {adopted.wer:.2f}"
        wer_text += "" if claimed is None else f", claimed {claimed:.2f}"
    use = f"teacher: {{checkpoint: {path}}}"
    if role == "student":
        use = f"slr-tune train student --resume {path}, or slr-tune evaluate {path}"
    return {
        "checkpoint": str(path),
        "parameters": stored.parameters,
        "wer": adopted.wer,
        "claimed": claimed,
        "lines": list(adopted.lines),
        "summary": f"Adopted {file} as {role}: {stored.parameters:,} parameters, {wer_text}. "
        f"{path}",
        "use": use,
    }


def _adopt_logits(
    file: Path,
    folder: Path,
    data: Dataset | None,
    role: str,
    vocabulary: tuple[str, ...] | None,
    blank: int | None,
    claimed: float | None,
    tolerance: float,
    subsampling: str | None,
) -> dict[str, Any]:
    from slr_tune.errors import SlrTuneError
    from slr_tune.evaluation.adopt import claim_refused
    from slr_tune.evaluation.adopt_logits import adopt_logits
    from trainables.errors import CheckpointError
    from trainables.teaching.foreign_logits import read_foreign_logits

    if role != "teacher":
        raise SlrTuneError("logits can only be a teacher: there is no model to train on")
    if data is None:
        raise SlrTuneError("logits need --data, to check that they belong to these utterances")
    if (folder / "train.json").exists():
        raise SlrTuneError(
            f"{folder} already holds soft targets", hint="Delete it, or name another with --out."
        )
    adopted = adopt_logits(
        read_foreign_logits(file),
        data,
        folder,
        vocabulary=vocabulary,
        blank=blank,
        subsampling=None if subsampling is None else int(subsampling),
        claimed=claimed,
    )
    if adopted.wer is not None and (refused := claim_refused(adopted.wer, claimed, tolerance)):
        (folder / "train.json").unlink()
        for part in folder.glob("train-*.safetensors"):
            part.unlink()
        raise CheckpointError(f"{file}: {refused}", hint="Nothing was adopted.")
    dev = "no logits for dev" if adopted.wer is None else f"dev WER {adopted.wer:.2f}"
    return {
        "folder": str(folder),
        "utterances": adopted.utterances,
        "frames": adopted.frames,
        "subsampling": adopted.subsampling,
        "wer": adopted.wer,
        "train_wer": adopted.train_wer,
        "claimed": claimed,
        "lines": [f"subsampling {adopted.subsampling}, found from the lengths"],
        "summary": f"Adopted {file} as teacher: {adopted.utterances} utterances, "
        f"{adopted.frames:,} frames; greedy WER on train {adopted.train_wer:.2f}, {dev}. {folder}",
        "use": f"teacher: {{soft_targets: {folder}}}, with any temperature",
    }
