"""Options of the commands that work on one checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import tell
from slr_tune.errors import SlrTuneError

if TYPE_CHECKING:
    from slr_tune.evaluation.checkpoints import Named
    from trainables.config import Decoding
    from trainables.data import Dataset
    from trainables.decoding.arpa import NgramModel
    from trainables.decoding.settings import BeamSettings
    from trainables.files.stored_model import StoredModel

Decorator = Callable[[Callable[..., int]], Callable[..., int]]

data_option = click.option(
    "--data",
    metavar="NAME",
    help="Data set, or its mapping as YAML. [default: the data set of the checkpoint]",
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
        help="Order of the n-gram model, with --lm train.",
    ),
)
_AS_TRAINED = "[default: from the checkpoint's training settings, or {}]"
beam_options = (
    click.option(
        "--beam-width",
        type=click.IntRange(min=1),
        help="Width of the beam. " + _AS_TRAINED.format(10),
    ),
    *lm_options,
    click.option(
        "--lm-weight",
        type=click.FloatRange(min=0),
        help="Weight of the language model. " + _AS_TRAINED.format(0.9),
    ),
    click.option(
        "--gloss-bonus",
        type=click.FloatRange(-100, 100),
        help="Bonus per gloss in nats, because a language model prefers short sentences. "
        + _AS_TRAINED.format("1.5; 0 with --lm none"),
    ),
)


@dataclass(frozen=True)
class ChosenCheckpoint:
    """Options that name a checkpoint and the data it is used on.

    Attributes:
        checkpoint: CHECKPOINT, a file, a run's folder, or a study.
        study: `--study` in its place.
        trial: `--trial` of the study.
        data: `--data`, None for those that the checkpoint is of.
        storage: `--storage`.
    """

    checkpoint: str | None
    study: str | None
    trial: int | None
    data: str | None
    storage: str | None

    def named(self) -> Named:
        """Where the checkpoint is."""
        from slr_tune.evaluation.checkpoints import find_checkpoint

        return find_checkpoint(
            self.checkpoint, study=self.study, trial=self.trial, storage=self.storage
        )

    def opened(self) -> tuple[Named, StoredModel, Dataset]:
        """The checkpoint, its model, and the data."""
        from slr_tune.evaluation.checkpoints import find_data
        from trainables.files.stored_model import load_model

        named = self.named()
        stored = load_model(named.path)
        return named, stored, find_data(stored.data_hash, named, self.data)


@dataclass(frozen=True)
class DecoderOptions:
    """Options of a beam search.

    Attributes:
        model: `--lm`.
        lm_order: `--lm-order`.
        beam_width: `--beam-width`.
        lm_weight: `--lm-weight`.
        gloss_bonus: `--gloss-bonus`.
    """

    model: str
    lm_order: int
    beam_width: int | None = None
    lm_weight: float | None = None
    gloss_bonus: float | None = None

    def language_model(self, data: Dataset) -> NgramModel | None:
        """The language model, where there is one."""
        from slr_tune.evaluation.decode import language_model

        return language_model(self.model, data, order=self.lm_order)

    def settings(self, decoding: Decoding, *, has_language_model: bool) -> BeamSettings:
        """The beam search; what the options leave open is as in training, or customary.

        Args:
            decoding: Of the checkpoint's configuration.
            has_language_model: Without one there is nothing that a bonus would have to make up for.

        Raises:
            SlrTuneError: A weight is given to a language model that is not there.
        """
        from trainables.config import Decoding
        from trainables.decoding.build import beam_settings

        usual = beam_settings(decoding if decoding.method == "beam" else Decoding(method="beam"))
        assert usual is not None
        if self.lm_weight and not has_language_model:
            raise SlrTuneError(
                f"--lm-weight {self.lm_weight:g} needs a language model",
                hint="Give --lm train or an ARPA file, or leave out the weight.",
            )
        if not has_language_model:
            usual = replace(usual, lm_weight=0.0, gloss_bonus=0.0)
        given: dict[str, Any] = {
            "width": self.beam_width,
            "lm_weight": self.lm_weight,
            "gloss_bonus": self.gloss_bonus,
        }
        return replace(usual, **{name: v for name, v in given.items() if v is not None})


def options_as(
    name: str, kind: type[ChosenCheckpoint | DecoderOptions], *options: Decorator
) -> Decorator:
    """Options, in the order of the help, that a command takes as one object.

    Args:
        name: Argument of the command that takes it.
        kind: Its class; each field that an option gives is taken from it.
        options: Arguments of click's option.
    """

    def add_all(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def with_object(**given: Any) -> int:
            taken = {f.name: given.pop(f.name) for f in fields(kind) if f.name in given}
            return command(**{name: kind(**taken)}, **given)

        for add in reversed(options):
            add(with_object)
        return with_object

    return add_all


checkpoint_options = options_as(
    "chosen",
    ChosenCheckpoint,
    click.argument("checkpoint", required=False),
    click.option("--study", help="Study whose checkpoint to use, instead of CHECKPOINT."),
    click.option(
        "--trial", type=click.IntRange(min=0), help="Trial of the study. [default: the best one]"
    ),
    data_option,
)


def log_opening(named: Named, split: str, command: str) -> None:
    """Logs a look at test, and says how many there were."""
    if split != "test":
        return
    from slr_tune.study.split_openings import FILE, log_test_opening

    folder: Path = named.record_folder
    times = log_test_opening(folder, f"{command} {named.path}")
    often = "once" if times == 1 else f"{times} times"
    tell(f"Test has now been opened {often}, see {folder / FILE}. Make your choices on dev.")
