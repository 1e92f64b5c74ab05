"""Options of the commands that work on one checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import Decorator, tell

if TYPE_CHECKING:
    from slr_tune.evaluation.checkpoints import Named
    from trainables.config import Decoding
    from trainables.data import Dataset
    from trainables.decoding import BeamSettings
    from trainables.files.stored_model import StoredModel

data_option = click.option(
    "--data",
    metavar="NAME",
    help="Data set, or its mapping as YAML. [default: the one that the checkpoint is of]",
)


lm_options = (
    click.option(
        "--lm",
        "model",
        default="train",
        show_default=True,
        metavar="FILE",
        help="Language model: an ARPA file, train (an n-gram model of the training glosses), "
        "or none.",
    ),
    click.option(
        "--lm-order",
        type=click.IntRange(1, 6),
        default=3,
        show_default=True,
        help="Glosses of an n-gram, with --lm train.",
    ),
)
_OWN = "[default: as the checkpoint was trained with, or {}]"
beam_options = (
    click.option("--beam-width", type=click.IntRange(min=1), help=_OWN.format(10)),
    *lm_options,
    click.option("--lm-weight", type=click.FloatRange(min=0), help=_OWN.format(0.9)),
    click.option(
        "--gloss-bonus",
        type=click.FloatRange(-100, 100),
        help="Nats for each gloss, against a language model's liking for short sentences. "
        + _OWN.format("1.5; 0 with --lm none"),
    ),
)


def with_options(*options: Decorator) -> Decorator:
    """Several options as one decorator, in the order of the help."""

    def add_all(command: Callable[..., Any]) -> Callable[..., Any]:
        for add in reversed(options):
            command = add(command)
        return command

    return add_all


@dataclass(frozen=True)
class ChosenCheckpoint:
    """What a person has named.

    Attributes:
        checkpoint: A file, a run's folder, or a study.
        study: A study in place of it.
        trial: A trial of the study, None for the best.
        data: Data set in place of the one that the checkpoint is of.
        storage: Database of the studies.
    """

    checkpoint: str | None
    study: str | None
    trial: int | None
    data: str | None
    storage: str | None

    def opened(self) -> tuple[Named, StoredModel, Dataset]:
        """The checkpoint, its model, and the data it is of."""
        from slr_tune.evaluation.checkpoints import find_checkpoint, find_data
        from trainables.files.stored_model import load_model

        named = find_checkpoint(
            self.checkpoint, study=self.study, trial=self.trial, storage=self.storage
        )
        stored = load_model(named.path)
        return named, stored, find_data(stored.data_hash, named, self.data)


def checkpoint_options(command: Callable[..., int]) -> Callable[..., int]:
    """CHECKPOINT, or --study and --trial; and --data: the command gets a `ChosenCheckpoint`."""

    @wraps(command)
    def collected(**given: Any) -> int:
        names = [field.name for field in fields(ChosenCheckpoint)]
        return command(ChosenCheckpoint(**{name: given.pop(name) for name in names}), **given)

    return with_options(
        click.argument("checkpoint", required=False),
        click.option("--study", help="In place of CHECKPOINT: the study that it is in."),
        click.option("--trial", type=click.IntRange(min=0), help="[default: the study's best]"),
        data_option,
    )(collected)


def chosen_beam(
    decoding: Decoding, options: Mapping[str, Any], *, has_language_model: bool
) -> BeamSettings:
    """The beam search that options ask for; what they leave open is as in training, or customary.

    Args:
        decoding: Of the checkpoint's configuration.
        options: Those of `beam_options`, None where they were not given.
        has_language_model: Without one there is nothing that a bonus would have to make up for.

    Raises:
        SlrTuneError: A weight is given to a language model that is not there.
    """
    from slr_tune.errors import SlrTuneError
    from trainables.config import Decoding
    from trainables.decoding import BeamSettings
    from trainables.decoding.configured import beam_settings

    width, lm_weight = options["beam_width"], options["lm_weight"]
    gloss_bonus = options["gloss_bonus"]
    own = beam_settings(decoding if decoding.method == "beam" else Decoding(method="beam"))
    assert own is not None
    if lm_weight and not has_language_model:
        raise SlrTuneError(
            f"--lm-weight {lm_weight:g} needs a language model",
            hint="Give --lm train or an ARPA file, or leave out the weight.",
        )
    weight, bonus = (own.lm_weight, own.gloss_bonus) if has_language_model else (0.0, 0.0)
    return BeamSettings(
        own.width if width is None else width,
        weight if lm_weight is None else lm_weight,
        bonus if gloss_bonus is None else gloss_bonus,
    )


def log_opening(named: Named, split: str, command: str) -> None:
    """Logs a look at test, and says how many there were."""
    if split != "test":
        return
    from slr_tune.study.openings import FILE, log_test_opening

    folder: Path = named.record_folder
    times = log_test_opening(folder, f"{command} {named.path}")
    often = "once" if times == 1 else f"{times} times"
    tell(f"Test has now been opened {often}, see {folder / FILE}. Choose by dev.")
