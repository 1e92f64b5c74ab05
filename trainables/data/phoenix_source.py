"""Packs data laid out like RWTH-PHOENIX-2014, checking every value on the way.

```
<root>/annotations/manual/{train,dev,test}.corpus.csv    id|folder|signer|annotation
<root>/annotations/manual/PHOENIX-2014-T.{train,dev,test}.corpus.csv    name|video|...|orth|...
<root>/features/<name>/{train,dev,test}/<id>.npz         (frames, features), any float type
```
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from contextlib import closing
from pathlib import Path

from trainables.data.config import PhoenixSpec
from trainables.data.corpus import CorpusEntry, corpus_path, read_corpora, subset_warnings
from trainables.data.dataset import (
    BLANK_NAME,
    FORMAT_VERSION,
    SPLITS,
    Dataset,
    Frames,
    frames_needed,
)
from trainables.data.feature_files import BadFeatures, read_features
from trainables.data.packing import PackingProblems, Progress, SplitWriter, digest_of, write_index
from trainables.data.standardise import Moments, standardise_files
from trainables.data.vocabulary_file import lacking_glosses, read_vocabulary
from trainables.errors import DataError
from trainables.files.plain_text import normalised

_READING = 2
"""Version of how corpus files are read: what was packed by another is packed again."""

_SHOWN = 20
_MOST_TOO_SHORT = 0.5
"""Share of train that may be too short for CTC before the features are taken to be wrong."""


class PhoenixSource:
    """One choice of features and subset below a root."""

    name = "phoenix"

    def __init__(self, spec: PhoenixSpec) -> None:
        """Finds the folders.

        Raises:
            DataError: The root or the features are not there.
        """
        self._spec = spec
        self._root = Path(spec.root).expanduser().resolve()
        self._features = self._root / "features" / spec.features
        if not self._root.is_dir():
            raise DataError(
                f"data.root: {self._root} is not a folder",
                hint="Give the folder that contains annotations/ and features/.",
            )
        if not self._features.is_dir():
            known = ", ".join(feature_names(self._root)) or "none"
            raise DataError(
                f"data.features: {self._features} is not a folder", hint=f"Features there: {known}."
            )

    def key(self) -> str:
        """Digest of what is there now, by names, sizes and times: no feature is read for it."""
        listing = []
        for split in SPLITS:
            corpus = corpus_path(self._root, split, self._spec.corpus)
            digest = hashlib.sha256(corpus.read_bytes()).hexdigest() if corpus.is_file() else ""
            listing.append([split, digest, _listing(self._features / split)])
        settings = {**self._spec.model_dump(), "root": str(self._root)}
        words = "" if self._spec.vocabulary is None else _digest_of_file(self._spec.vocabulary)
        return digest_of([FORMAT_VERSION, _READING, settings, words, listing])

    def build(self, folder: Path, progress: Progress | None) -> str:
        """Checks everything and packs it.

        Returns:
            Digest of the content: the same for the same data in another place.

        Raises:
            PackingProblems: Something is wrong with the data; every problem is named.
        """
        corpora, problems, excluded = read_corpora(
            self._root, self._spec.corpus, self._spec.exclude
        )
        vocabulary = self._vocabulary(corpora["train"], problems)
        lacking: list[str] = []
        if self._spec.vocabulary is not None and len(vocabulary) > 1:
            signed = Counter(g for utterance in corpora["train"] for g in utterance.glosses)
            lacking = lacking_glosses(self._spec.vocabulary, vocabulary, signed, problems)
        done, total = 0, sum(map(len, corpora.values()))
        digests, statistics = [], []
        widths: list[tuple[str, int]] = []
        short: list[str] = []
        moments = Moments()
        for split, utterances in corpora.items():
            with closing(SplitWriter(folder, split, vocabulary=vocabulary)) as writer:
                for utterance in self._with_folder(split, utterances, problems):
                    frames = self._frames(split, utterance, problems)
                    if frames is not None:
                        widths.append((f"{split}/{utterance.id}", frames.shape[1]))
                        message = _too_short(split, utterance, frames)
                        short += message
                        if not problems and not (message and split == "train"):
                            writer.add(
                                utterance.id, frames, utterance.glosses, signer=utterance.signer
                            )
                            if split == "train" and self._spec.standardise:
                                moments.add(frames)
                    done += 1
                    if progress is not None:
                        progress(done, total)
                if split == "train":
                    problems += _mostly_too_short(short, len(utterances))
                if not problems:
                    statistics.append(writer.finish())
                    digests.append(writer.digest)
        problems += _wrong_widths(widths)
        if problems:
            raise PackingProblems(problems)
        scales = standardise_files(folder, statistics, moments) if self._spec.standardise else {}
        # The same data elsewhere is the same data: where it lay is not a part of what it is.
        settings = self._spec.model_dump(exclude={"root", "vocabulary"})
        words = [] if self._spec.vocabulary is None else [vocabulary]
        digest = digest_of([FORMAT_VERSION, settings, digests, *words])
        write_index(
            Dataset(
                folder=folder,
                name=self.name,
                hash=digest,
                vocabulary=tuple(vocabulary),
                feature_size=widths[0][1],
                spec=self._spec.model_dump(),
                warnings=(
                    *subset_warnings(corpora, self._spec.corpus),
                    *lacking,
                    *_notes("left out, as data.exclude says", excluded),
                    *_notes(
                        "too short for CTC, left out of training",
                        [line for line in short if line.startswith("train/")],
                    ),
                    *_notes(
                        "too short for CTC, so that not all glosses can be recognised",
                        [line for line in short if not line.startswith("train/")],
                    ),
                ),
                statistics=tuple(statistics),
                facts={"excluded": excluded, "too_short": short, **scales},
            )
        )
        return digest

    def _vocabulary(self, train: list[CorpusEntry], problems: list[str]) -> list[str]:
        """The blank, then the glosses of a file or those of train."""
        if self._spec.vocabulary is not None:
            return [BLANK_NAME, *read_vocabulary(Path(self._spec.vocabulary), problems)]
        words = {gloss for utterance in train for gloss in utterance.glosses}
        return [BLANK_NAME, *sorted(words - {BLANK_NAME})]

    def _with_folder(
        self, split: str, utterances: list[CorpusEntry], problems: list[str]
    ) -> list[CorpusEntry]:
        """Reports a missing folder once instead of once for every utterance."""
        folder = self._features / split
        if folder.is_dir() or not utterances:
            return utterances
        problems.append(
            f"{split}: {folder} is not a folder; the features of all {len(utterances)} "
            f"utterances are missing, starting with {utterances[0].id}"
        )
        return []

    def _frames(self, split: str, utterance: CorpusEntry, problems: list[str]) -> Frames | None:
        """Features of an utterance, None where they cannot be read."""
        file = self._file(split, utterance.id)
        try:
            return read_features(file)
        except BadFeatures as error:
            problems.append(f"{split}/{utterance.id}: {file} {error}")
            return None

    def _file(self, split: str, name: str) -> Path:
        """The file of an utterance; an umlaut in its name may be written in either way."""
        file = self._features / split / f"{name}.npz"
        if file.name.isascii() or file.exists():
            return file
        found = (one for one in file.parent.glob("*.npz") if normalised(one.name) == file.name)
        return next(found, file)


def _digest_of_file(name: str) -> str:
    try:
        return hashlib.sha256(Path(name).expanduser().read_bytes()).hexdigest()
    except OSError:
        return ""  # packing says what is wrong


def feature_names(root: Path) -> list[str]:
    """Names of the kinds of features below a root of this layout."""
    return sorted(path.name for path in (root / "features").glob("*") if path.is_dir())


def _too_short(split: str, utterance: CorpusEntry, frames: Frames) -> list[str]:
    """Says that CTC cannot emit all glosses of an utterance in its frames, where it is so."""
    needed = frames_needed(utterance.glosses)
    if needed <= len(frames):
        return []
    return [
        f"{split}/{utterance.id} has {len(frames)} frames, but CTC needs {needed} for its "
        f"{len(utterance.glosses)} glosses"
    ]


def _mostly_too_short(short: list[str], utterances: int) -> list[str]:
    """Refuses features of which most utterances have too few to learn from."""
    if not short or len(short) <= _MOST_TOO_SHORT * utterances:
        return []
    return [
        f"train: {len(short)} of {utterances} utterances are too short for CTC; are these features "
        f"of frames? {short[0]}"
    ]


def _notes(what: str, names: list[str]) -> list[str]:
    """One warning for all of a kind, the first of them by name."""
    if not names:
        return []
    shown = "; ".join(names[:_SHOWN])
    more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    noun = "utterance" if len(names) == 1 else "utterances"
    return [f"{len(names)} {noun} {what}: {shown}{more}"]


def _wrong_widths(widths: list[tuple[str, int]]) -> list[str]:
    """Names the utterances whose features are not as wide as those of most."""
    return [
        f"{where}: has {width} features per frame, must have {usual} like {times} others"
        for usual, times in Counter(width for _, width in widths).most_common(1)
        for where, width in widths
        if width != usual
    ]


def _listing(folder: Path) -> list[list[str | int]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        files = [entry for entry in entries if entry.name.endswith(".npz")]
    return sorted([file.name, *_size_and_time(file)] for file in files)


def _size_and_time(file: os.DirEntry[str]) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return -1, -1  # a link to nowhere: reading the file will say so
    return status.st_size, status.st_mtime_ns
