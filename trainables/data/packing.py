"""Writes packed data sets, an utterance at a time: the whole set is never in memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from trainables.data.dataset import FORMAT_VERSION, Dataset, Frames, SplitStatistics, offsets

Progress = Callable[[int, int], None]
"""Called with the utterances done so far and the utterances in all."""

_INDEXED = ("name", "hash", "spec", "feature_size", "vocabulary", "warnings", "statistics", "facts")
"""What the index holds of a data set, in its order."""

_OF_PART = ("part_of", "chosen")


class PackingProblems(Exception):
    """Everything that is wrong with a data set that was to be packed.

    Attributes:
        problems: One line each, naming the utterance.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        """Keeps the list."""
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


class SplitWriter:
    """Writes one split's files. Ended by `finish`, and to be closed in any case."""

    def __init__(self, folder: Path, name: str, *, vocabulary: Sequence[str]) -> None:
        """Makes the split's folder below the data set's."""
        self._folder = folder / name
        self._folder.mkdir()
        self._name = name
        self._index = {gloss: index for index, gloss in enumerate(vocabulary)}
        self._file = (self._folder / "features.f32").open("wb")
        self._ids: list[str] = []
        self._signers: list[str] = []
        self._references: list[tuple[str, ...]] = []
        self._lengths: list[int] = []
        self._frames_digest = hashlib.sha256()

    def close(self) -> None:
        """Closes the file of features; no harm where it is closed already."""
        self._file.close()

    def add(
        self, utterance: str, frames: Frames, glosses: Sequence[str], *, signer: str = ""
    ) -> None:
        """Adds an utterance: its id, features (T, D) and glosses."""
        data = np.ascontiguousarray(frames, dtype="<f4").data
        self._file.write(data)
        self._frames_digest.update(data)
        self._ids.append(utterance)
        self._signers.append(signer)
        self._references.append(tuple(glosses))
        self._lengths.append(len(frames))

    @property
    def digest(self) -> str:
        """Digest of all that was added: features, ids, signers and glosses."""
        return digest_of(
            [self._frames_digest.hexdigest(), self._lengths]
            + [self._ids, self._signers, self._references]
        )

    def finish(self) -> SplitStatistics:
        """Writes what belongs to the frames and says what the split holds."""
        self.close()
        known = [
            [self._index[gloss] for gloss in glosses if gloss in self._index]
            for glosses in self._references
        ]
        np.savez(
            self._folder / "arrays.npz",
            offsets=offsets(self._lengths),
            targets=np.array([index for target in known for index in target], dtype=np.int64),
            target_offsets=offsets([len(target) for target in known]),
        )
        texts = {
            "ids": self._ids,
            "signers": self._signers if all(self._signers) else None,
            "references": self._references,
        }
        (self._folder / "texts.json").write_text(
            json.dumps(texts, ensure_ascii=False), encoding="utf-8"
        )
        return statistics_of(
            self._name, lengths=self._lengths, references=self._references, known=self._index
        )


def statistics_of(
    name: str,
    *,
    lengths: Sequence[int],
    references: Sequence[Sequence[str]],
    known: Container[str],
) -> SplitStatistics:
    """Counts a split.

    Args:
        name: Of the split.
        lengths: Frames of each utterance, at least one.
        references: Its glosses.
        known: The vocabulary.
    """
    counts = Counter(gloss for glosses in references for gloss in glosses)
    return SplitStatistics(
        name=name,
        sentences=len(references),
        frames=sum(lengths),
        shortest=min(lengths),
        longest=max(lengths),
        glosses=counts.total(),
        distinct_glosses=len(counts),
        unknown_glosses={
            gloss: count for gloss, count in sorted(counts.items()) if gloss not in known
        },
    )


def write_index(dataset: Dataset) -> None:
    """Completes a data set whose splits are written. All is on the disk when this returns."""
    folder = dataset.folder
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    content = asdict(dataset)
    index = {
        "format": FORMAT_VERSION,
        **{name: content[name] for name in _INDEXED},
        **({name: content[name] for name in _OF_PART} if dataset.part_of is not None else {}),
        "files": {path.relative_to(folder).as_posix(): path.stat().st_size for path in files},
    }
    target = folder / "index.json"
    target.write_text(json.dumps(index, ensure_ascii=False, indent=1), encoding="utf-8")
    # Renaming the folder may reach the disk before its files do, unless they are sent first.
    for path in [*files, target]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest_of(value: Any) -> str:
    """Short hex digest of anything that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
