"""A few utterances of a data set as a data set: for tests of a run that must be quick."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from trainables.data.dataset import Dataset, Split, offsets


def subset(data: Dataset, *, train: ArrayLike, dev: ArrayLike | None = None) -> Dataset:
    """Some utterances, copied into memory. The vocabulary stays whole; there is no test split.

    Args:
        data: Where they come from.
        train: Utterances of train to train on.
        dev: Utterances of dev to measure on; None measures on those that are trained on.
    """
    trained = take(data.train, train)
    measured = trained if dev is None else take(data.dev, dev)
    chosen = (np.asarray(train).tolist(), None if dev is None else np.asarray(dev).tolist())
    digest = hashlib.sha256(f"{data.hash} {chosen}".encode()).hexdigest()
    found = dataclasses.replace(data, hash=digest, part_of=data.part_of or data.hash)
    # What `train` and `dev` would open; a worker could not, so this data set is for one process.
    vars(found).update(train=trained, dev=measured)
    return found


def take(split: Split, utterances: ArrayLike) -> Split:
    """Some utterances of a split, in the order given."""
    chosen = [int(index) for index in np.asarray(utterances, dtype=np.int64)]
    frames = [np.array(split.frames(index)) for index in chosen]
    targets = [split.target(index) for index in chosen]
    return Split(
        name=split.name,
        features=cast("np.memmap[Any, np.dtype[np.float32]]", np.concatenate(frames)),
        offsets=offsets([len(item) for item in frames]),
        targets=np.concatenate(targets),
        target_offsets=offsets([len(item) for item in targets]),
        ids=tuple(split.ids[index] for index in chosen),
        signers=None if split.signers is None else tuple(split.signers[i] for i in chosen),
        references=tuple(split.references[index] for index in chosen),
    )
