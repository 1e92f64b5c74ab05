"""Writes small made-up data sets in the layout of PHOENIX-2014."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

GLOSSES = ("ABEND", "HEUTE", "NORD", "REGEN", "SONNE", "WIND")


@dataclass
class Clip:
    """One utterance that was written."""

    id: str
    signer: str
    glosses: list[str]
    features: NDArray[np.floating]


@dataclass
class Layout:
    """A data set that was written, and where its parts lie."""

    root: Path
    features: str
    suffix: str
    clips: dict[str, list[Clip]] = field(default_factory=dict)

    @property
    def section(self) -> dict[str, str]:
        """Its `data:` section."""
        subset = "si5" if self.suffix else "multisigner"
        return {
            "name": "phoenix",
            "root": str(self.root),
            "features": self.features,
            "subset": subset,
        }

    def corpus(self, split: str) -> Path:
        return self.root / "annotations" / "manual" / f"{split}{self.suffix}.corpus.csv"

    def npz(self, split: str, number: int) -> Path:
        folder = self.root / "features" / self.features / split
        return folder / f"{self.clips[split][number].id}.npz"

    def write_corpus(self, split: str) -> None:
        lines = [
            f"{c.id}|{c.id}/1/*.png|{c.signer}|{' '.join(c.glosses)}" for c in self.clips[split]
        ]
        self.corpus(split).parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(["id|folder|signer|annotation", *lines, ""])
        self.corpus(split).write_text(text, encoding="utf-8")

    def write_features(self, split: str) -> None:
        for number, clip in enumerate(self.clips[split]):
            path = self.npz(split, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, features=clip.features)


def write_phoenix(
    root: Path,
    *,
    features: str = "i3d",
    subset: str = "multisigner",
    sizes: tuple[int, int, int] = (6, 3, 3),
    width: int = 5,
    frames: tuple[int, int] = (12, 30),
    dtype: DTypeLike = np.float32,
    seed: int = 0,
) -> Layout:
    """Writes train, dev and test; all glosses of dev and test occur in train."""
    rng = np.random.default_rng(seed)
    layout = Layout(root, features, ".SI5" if subset == "si5" else "")
    for split, size in zip(("train", "dev", "test"), sizes, strict=True):
        layout.clips[split] = [
            Clip(
                id=f"{number:02d}April_2010_{split}_default-{number}",
                signer=f"Signer{number % 3 + 1:02d}",
                glosses=[GLOSSES[(number + k) % len(GLOSSES)] for k in range(2 + number % 3)],
                features=rng.normal(size=(int(rng.integers(*frames)), width)).astype(dtype),
            )
            for number in range(size)
        ]
        if split == "train" and size:
            layout.clips[split][0].glosses = list(GLOSSES)
        layout.write_corpus(split)
        layout.write_features(split)
    return layout
