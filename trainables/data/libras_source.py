"""Packs sentences made of the bundled Libras recordings."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import numpy as np

from trainables.data import libras_sentences as libras
from trainables.data.config import LibrasSpec
from trainables.data.dataset import BLANK_NAME, FORMAT_VERSION, SPLITS, Dataset
from trainables.data.packing import Progress, SplitWriter, digest_of, write_index


class LibrasSource:
    """One seed and size of the Libras sentences."""

    name = "libras"

    def __init__(self, spec: LibrasSpec) -> None:
        """Reads the bundled file, which is small."""
        self._spec = spec
        self._csv = libras.read_csv()

    def key(self) -> str:
        """Digest of all that shapes the sentences, and of the version of the code that does."""
        csv_digest = hashlib.sha256(self._csv).hexdigest()
        return digest_of([FORMAT_VERSION, csv_digest, self._spec.model_dump()])

    def build(self, folder: Path, progress: Progress | None) -> str:
        """Makes the sentences and packs them.

        Returns:
            The same digest as `key`.
        """
        recordings = libras.read_recordings(self._csv)
        usable = libras.split_recordings(recordings, self._spec.seed)
        vocabulary = [BLANK_NAME, *libras.GLOSSES]
        mean = std = np.zeros(len(libras.FEATURES))
        statistics = []
        for split in SPLITS:
            sentences = libras.plan_sentences(
                recordings,
                usable[split],
                count=getattr(self._spec, split),
                split=split,
                seed=self._spec.seed,
            )
            features = list(
                libras.draw_features(sentences, recordings, split=split, seed=self._spec.seed)
            )
            if split == "train":
                frames = np.concatenate(features)
                mean, std = frames.mean(axis=0), frames.std(axis=0)
            with closing(SplitWriter(folder, split, vocabulary=vocabulary)) as writer:
                for number, (sentence, values) in enumerate(zip(sentences, features, strict=True)):
                    writer.add(
                        f"{split}-{number:05d}",
                        ((values - mean) / std).astype(np.float32),
                        [libras.GLOSSES[sign.gloss] for sign in sentence],
                    )
                statistics.append(writer.finish())
        dataset = Dataset(
            folder=folder,
            name=self.name,
            hash=self.key(),
            vocabulary=tuple(vocabulary),
            feature_size=len(libras.FEATURES),
            spec=self._spec.model_dump(),
            warnings=(),
            statistics=tuple(statistics),
            facts={
                "features": list(libras.FEATURES),
                "mean": mean.tolist(),
                "std": std.tolist(),
                "rows": {split: recordings.rows[usable[split]].tolist() for split in SPLITS},
            },
        )
        write_index(dataset)
        return dataset.hash
