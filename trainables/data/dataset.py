"""A packed data set: a folder of memory-mapped arrays that all workers share.

```
<folder>/index.json            name, spec, hash, vocabulary, sizes; written last
<folder>/<split>/features.f32  frames of all utterances one after the other, little-endian float32
<folder>/<split>/arrays.npz    offsets, targets, target_offsets
<folder>/<split>/texts.json    ids, signers, references
```
A part of a data set is an index alone, which names the whole next to it and what it takes of it.
Opening reads the index alone; a split is mapped when it is first needed.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.errors import DataError

BLANK = 0
BLANK_NAME = "<blank>"
SPLITS = ("train", "dev", "test")

FORMAT_VERSION = 1
"""Part of every hash. Raise it whenever the files, or the data made for a spec, change."""

Frames = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One split, memory-mapped and read-only.

    Attributes:
        name: `train`, `dev` or `test`.
        features: (frames of all utterances, D) float32, mapped from the file.
        offsets: int64 (N + 1,); utterance i has the frames offsets[i] to offsets[i + 1].
        targets: Vocabulary indices of all utterances one after the other, int64.
        target_offsets: int64 (N + 1,), into `targets`.
        ids: Name of each utterance.
        signers: Signer of each utterance, None where they are not known.
        references: Glosses of each utterance as they were signed, those that the vocabulary lacks
            included: a recogniser cannot output them, and scoring counts each as an error.
        chosen: Utterances of the files that these are, int64 (N,); None where they are all.
    """

    name: str
    features: np.memmap[Any, np.dtype[np.float32]]
    offsets: Indices
    targets: Indices
    target_offsets: Indices
    ids: tuple[str, ...]
    signers: tuple[str, ...] | None
    references: tuple[tuple[str, ...], ...]
    chosen: Indices | None = None

    def __len__(self) -> int:
        """Number of utterances, N."""
        return len(self.ids)

    @cached_property
    def lengths(self) -> Indices:
        """Frames of each utterance, int64 (N,)."""
        lengths = np.diff(self.offsets)
        return lengths if self.chosen is None else lengths[self.chosen]

    @cached_property
    def frames_needed(self) -> Indices:
        """Fewest frames in which CTC can emit each target, int64 (N,): see `frames_needed`."""
        return np.array([frames_needed(self.target(i)) for i in range(len(self))], dtype=np.int64)

    def frames(self, utterance: int) -> Frames:
        """Features (T, D) of an utterance: a view of the mapped file, not to be written to."""
        place = self._place(utterance)
        return self.features[self.offsets[place] : self.offsets[place + 1]]

    def target(self, utterance: int) -> Indices:
        """Vocabulary indices int64 (S,) of an utterance; glosses outside it are left out."""
        place = self._place(utterance)
        return self.targets[self.target_offsets[place] : self.target_offsets[place + 1]]

    def part(self, chosen: Sequence[int] | Indices) -> Split:
        """Some of the utterances, in the order given; nothing is copied."""
        places = np.array([self._place(int(index)) for index in chosen], dtype=np.int64)
        return replace(
            self,
            ids=tuple(self.ids[index] for index in chosen),
            signers=None if self.signers is None else tuple(self.signers[i] for i in chosen),
            references=tuple(self.references[index] for index in chosen),
            chosen=places,
        )

    def _place(self, utterance: int) -> int:
        """Where an utterance is in the files."""
        return utterance if self.chosen is None else int(self.chosen[utterance])


@dataclass(frozen=True)
class SplitStatistics:
    """What one split holds, known without opening it.

    Attributes:
        name: Name of the split.
        sentences: Utterances.
        frames: Frames of all utterances.
        shortest: Frames of the shortest utterance.
        longest: Frames of the longest utterance.
        glosses: Running glosses.
        distinct_glosses: Different glosses.
        unknown_glosses: How often each gloss that the vocabulary lacks occurs.
    """

    name: str
    sentences: int
    frames: int
    shortest: int
    longest: int
    glosses: int
    distinct_glosses: int
    unknown_glosses: Mapping[str, int]

    @property
    def unknown(self) -> int:
        """Running glosses that the vocabulary lacks."""
        return sum(self.unknown_glosses.values())


@dataclass(frozen=True)
class Dataset:
    """A packed data set. Cheap to open and to pickle: a worker maps the same files by itself.

    Attributes:
        folder: Where it is.
        name: `libras` or `phoenix`.
        hash: Hex digest of what the data is; two data sets with the same hash are the same.
        vocabulary: Glosses of the training split, `<blank>` at index 0.
        feature_size: Numbers in a frame, D.
        spec: The settings it was made from.
        warnings: What a user should know before trusting results on it.
        statistics: Counts of train, dev and test.
        facts: What only this kind of data has, such as the standardisation of Libras.
        part_of: Hash of the whole where this is a part of another data set.
        chosen: Utterances of the whole by split, where they are not all.
    """

    folder: Path
    name: str
    hash: str
    vocabulary: tuple[str, ...]
    feature_size: int
    spec: Mapping[str, Any]
    warnings: tuple[str, ...]
    statistics: tuple[SplitStatistics, ...]
    facts: Mapping[str, Any] = field(repr=False)
    part_of: str | None = None
    chosen: Mapping[str, Sequence[int]] = field(default_factory=dict, repr=False)

    @cached_property
    def train(self) -> Split:
        """The split to train on."""
        return self._open("train")

    @cached_property
    def dev(self) -> Split:
        """The split to choose by."""
        return self._open("dev")

    @cached_property
    def test(self) -> Split:
        """The split to look at once; its files are not touched before."""
        return self._open("test")

    def split(self, name: str) -> Split:
        """The split of a name: "train", "dev" or "test"."""
        found: Split = getattr(self, name)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the folder alone: no array travels to a worker."""
        return open_dataset, (self.folder,)

    @property
    def whole_folder(self) -> Path:
        """Where the files lie: a part has none of its own."""
        return self.folder if self.part_of is None else self.folder.parent / self.part_of

    def _open(self, name: str) -> Split:
        if self.part_of is not None:
            whole = open_dataset(self.whole_folder).split(name)
            return whole.part(self.chosen[name]) if name in self.chosen else whole
        statistics = self.statistics[SPLITS.index(name)]
        folder = self.folder / name
        try:
            with np.load(folder / "arrays.npz", allow_pickle=False) as file:
                keys = ("offsets", "targets", "target_offsets")
                arrays = {key: file[key] for key in keys}
            for array in arrays.values():
                array.setflags(write=False)
            texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
            return Split(
                name=name,
                features=np.memmap(
                    folder / "features.f32",
                    dtype="<f4",
                    mode="r",
                    shape=(statistics.frames, self.feature_size),
                ),
                **arrays,
                ids=tuple(texts["ids"]),
                signers=None if texts["signers"] is None else tuple(texts["signers"]),
                references=tuple(tuple(words) for words in texts["references"]),
            )
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise damaged(self.folder, f"{name}: {error}") from error


def open_dataset(folder: Path) -> Dataset:
    """Opens a packed data set.

    Raises:
        DataError: The folder holds none, one of another version, or a damaged one.
    """
    folder = Path(folder).absolute()
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if index["format"] != FORMAT_VERSION:
            raise damaged(folder, f"it is of format {index['format']}, not {FORMAT_VERSION}")
        for file, size in index["files"].items():
            found = (folder / file).stat().st_size
            if found != size:
                raise damaged(folder, f"{file} has {found} bytes instead of {size}")
        return Dataset(
            folder=folder,
            name=index["name"],
            hash=index["hash"],
            vocabulary=tuple(index["vocabulary"]),
            feature_size=index["feature_size"],
            spec=index["spec"],
            warnings=tuple(index["warnings"]),
            statistics=tuple(SplitStatistics(**split) for split in index["statistics"]),
            facts=index["facts"],
            part_of=index.get("part_of"),
            chosen=index.get("chosen", {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, str(error)) from error


def damaged(folder: Path, what: str) -> DataError:
    """The error for a packed data set that cannot be used."""
    return DataError(
        f"{folder}: the packed data set cannot be used: {what}",
        hint="Delete this folder; preparing the data creates it again.",
    )


def frames_needed(target: Sequence[int] | Sequence[str] | Indices) -> int:
    """Fewest frames in which CTC can emit a target: one a gloss, and a blank between two alike.

    Source: Graves et al. 2006, "Connectionist temporal classification", section 3.1.
    """
    repeats = sum(first == second for first, second in zip(target[:-1], target[1:], strict=True))
    return len(target) + int(repeats)


def offsets(lengths: ArrayLike) -> Indices:
    """Where each of N pieces begins that lie one after the other, and the end: int64 (N + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
