"""The systems that a person names, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slr_tune.errors import SlrTuneError
from slr_tune.evaluation.checkpoints import Named, find_checkpoint, find_data
from trainables.data import Dataset
from trainables.decoding.log_probs import check_fits
from trainables.errors import CheckpointError
from trainables.files.checkpoint import load_checkpoint
from trainables.files.curve import CurveFile
from trainables.files.stored_model import StoredModel, load_model, vocabulary_difference


@dataclass(frozen=True)
class System:
    """One system.

    Attributes:
        name: In the tables.
        named: Its checkpoint.
        stored: Its model.
    """

    name: str
    named: Named
    stored: StoredModel

    @property
    def weight_bytes(self) -> int:
        """Bytes of its weights as they are computed with, without the optimiser's state."""
        return sum(p.numel() * p.element_size() for p in self.stored.model.state_dict().values())

    def training(self) -> tuple[float, int]:
        """Seconds and epochs of the whole training, the epochs after the best one included.

        A teacher's own training is not in them.
        """
        rows = []
        if self.named.path.absolute().parent.name == "checkpoints":
            rows = CurveFile(self.named.run_folder / "curve.csv").rows()
        rows = rows or load_checkpoint(self.named.path).get("rows", [])
        return float(sum(row["seconds"] for row in rows)), len(rows)


def find_systems(given: Sequence[str], *, storage: str | None) -> list[System]:
    """Finds and loads what a person names.

    Args:
        given: Checkpoints, folders of runs, or studies, each with `NAME=` before it or not.
        storage: Database of the studies.

    Raises:
        TrainablesError: One is missing or holds no recogniser, or two have one name.
    """
    if len(given) < 2:
        raise SlrTuneError(
            "a comparison needs at least two systems",
            hint="Give more checkpoints or studies; slr-tune evaluate looks at a single one.",
        )
    systems: list[System] = []
    for text in given:
        name, place = _name_and_place(text)
        named = find_checkpoint(place, storage=storage)
        name = name or named.name
        if any(name == other.name for other in systems):
            raise SlrTuneError(
                f"two systems are called {name!r}", hint=f"Give one another name: NAME={place}."
            )
        systems.append(System(name, named, load_model(named.path)))
    return systems


def _name_and_place(text: str) -> tuple[str, str]:
    """Takes `NAME=PLACE` apart, unless all of it is the name of a file."""
    name, separator, place = text.partition("=")
    if not separator or Path(text).expanduser().exists():
        return "", text
    if not name or not place:
        raise SlrTuneError(f"{text!r}: nothing before or after the =", hint="NAME=CHECKPOINT.")
    return name, place


def common_data(systems: Sequence[System], given: str | None) -> Dataset:
    """The data on which all are measured.

    Args:
        systems: To compare.
        given: Name of a data set or its mapping as YAML; None for the one that all are of.

    Raises:
        TrainablesError: They are of different data or glosses, or the data is not there any more.
    """
    first = systems[0]
    for other in systems[1:] if given is None else ():
        _check_same_data(first, other)
    data = find_data(first.stored.data_hash, first.named, given)
    for system in systems:
        check_fits(system.stored, data)
    return data


def trained_elsewhere(systems: Sequence[System], data: Dataset) -> list[str]:
    """Names of the systems that were trained on other data than they are measured on."""
    return [system.name for system in systems if system.stored.data_hash != data.hash]


def _check_same_data(first: System, other: System) -> None:
    ours, theirs = first.stored, other.stored
    difference = vocabulary_difference(theirs.vocabulary, ours.vocabulary)
    difference = difference.replace("the data's", f"{first.name}'s").replace("the data", first.name)
    if difference:
        raise CheckpointError(
            f"{other.name} was trained with other glosses than {first.name}: {difference}",
            hint="WERs over different vocabularies cannot be compared.",
        )
    if theirs.data_hash != ours.data_hash:
        raise CheckpointError(
            f"{other.name} was trained on other data than {first.name}: {theirs.data_hash} and "
            f"{ours.data_hash}",
            hint="Choose the data to measure all systems on with --data; its dev and test must "
            "not be in anyone's training data.",
        )
