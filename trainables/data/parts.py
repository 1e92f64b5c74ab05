"""A part of a data set, as the settings `subset` and `max_utterances` ask for it.

What is taken is the beginning of one order of the utterances, drawn by their names: the smaller
part is in the larger one, and every process draws the same. A part is an index next to the whole;
no feature is copied.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from dataclasses import replace

from filelock import FileLock

from trainables.data.config import DataSpec
from trainables.data.dataset import FORMAT_VERSION, Dataset, Split
from trainables.data.packing import digest_of, statistics_of, write_index


def nested_order(split: Split) -> list[int]:
    """Utterances in the order in which they are taken: by a digest of their names."""

    def key(index: int) -> bytes:
        return hashlib.sha256(f"{split.name} {split.ids[index]}".encode()).digest()

    return sorted(range(len(split)), key=key)


def chosen_utterances(split: Split, *, share: float | None, most: int | None) -> list[int] | None:
    """Utterances of a part in ascending order, at least one; None where it is all of them."""
    wanted = len(split) if share is None else max(1, math.ceil(share * len(split) - 1e-9))
    wanted = wanted if most is None else min(wanted, most)
    if wanted >= len(split):
        return None
    return sorted(nested_order(split)[:wanted])


def open_part(whole: Dataset, spec: DataSpec) -> Dataset:
    """The part of a packed data set that a spec asks for; the whole where that is all of it."""
    shares, most = spec.part
    chosen = {
        name: utterances
        for name in ("train", "dev")
        if (
            utterances := chosen_utterances(
                whole.split(name), share=getattr(shares, name), most=getattr(most, name)
            )
        )
        is not None
    }
    if not chosen:
        return whole
    digest = digest_of([FORMAT_VERSION, whole.hash, chosen])
    statistics = tuple(
        statistics_of(
            counted.name,
            lengths=whole.split(counted.name).part(chosen[counted.name]).lengths.tolist(),
            references=[whole.split(counted.name).references[i] for i in chosen[counted.name]],
            known=frozenset(whole.vocabulary),
        )
        if counted.name in chosen
        else counted
        for counted in whole.statistics
    )
    part = replace(
        whole,
        folder=whole.folder.parent / digest,
        hash=digest,
        spec=spec.model_dump(),
        statistics=statistics,
        part_of=whole.hash,
        chosen=chosen,
    )
    _publish(part)
    return part


def _publish(part: Dataset) -> None:
    """Writes the index where it is not there yet; one process writes, others wait for it."""
    if (part.folder / "index.json").exists():
        return
    store = part.folder.parent
    with FileLock(store / "keys" / f"{part.hash}.lock"):
        if (part.folder / "index.json").exists():
            return
        partial = store / f"{part.hash}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        write_index(replace(part, folder=partial))
        shutil.rmtree(part.folder, ignore_errors=True)
        partial.rename(part.folder)
