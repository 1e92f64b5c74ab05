"""Measures systems: WER on each split by each decoder, differences to the first, and speed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from slr_tune.comparison.systems import System
from slr_tune.evaluation.decode import Decoded, scored_split
from slr_tune.statistics import Comparison, Difference, ErrorCounts, compare
from slr_tune.statistics.wer_interval import Wer, wer_with_interval
from trainables.data import Dataset, Split
from trainables.data.batch import collate
from trainables.decoding.arpa import NgramModel
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.best_path import greedy_decode
from trainables.decoding.settings import BeamSettings

DECODERS = ("greedy", "beam")
_TIMED = 40
_ROUNDS = 3

Cell = tuple[str, str]
"""A split and a decoder."""


@dataclass(frozen=True)
class MeasuredSystem:
    """What is known of one system.

    Attributes:
        system: The system.
        beam: Settings of its beam search.
        milliseconds: By decoder: of one utterance, from features to glosses.
        wer: By split and decoder.
        differences: To the first system, by split and decoder; empty for the first itself.
    """

    system: System
    beam: BeamSettings
    milliseconds: Mapping[str, float]
    wer: Mapping[Cell, Wer]
    differences: Mapping[Cell, Difference] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemComparison:
    """All of it.

    Attributes:
        data: Name of the data set.
        splits: Splits that were recognised.
        measured: The systems in their order.
        signers: Whether whole signers were resampled, by split.
        limits: What the intervals do not cover, sentences.
        timed: Utterances that the latency is measured on.
        device: Where the models ran, in words.
        tuned: Whether dev chose the settings of the beam searches.
    """

    data: str
    splits: tuple[str, ...]
    measured: tuple[MeasuredSystem, ...]
    signers: Mapping[str, bool]
    limits: tuple[str, ...]
    timed: int
    device: str
    tuned: bool = False


def measure(
    systems: Sequence[System],
    beams: Sequence[BeamSettings],
    data: Dataset,
    *,
    splits: Sequence[str],
    language_model: NgramModel | None,
    device: torch.device,
    tuned: bool = False,
) -> SystemComparison:
    """Measures everything; the model of a checkpoint runs over a split once in its life.

    Args:
        systems: The first is what the others are compared with.
        beams: Settings of each one's beam search.
        data: What all are measured on.
        splits: "dev", and "test" where it may be opened.
        language_model: Of the beam search.
        device: Where to compute.
        tuned: Whether dev chose the settings of the beam searches.
    """
    decoders = [
        BeamDecoder(data.vocabulary, settings, language_model=language_model) for settings in beams
    ]
    found: dict[Cell, list[Decoded]] = {}
    for name in splits:
        for system, decoder in zip(systems, decoders, strict=True):
            scored = scored_split(system.stored, data, name, device=device)
            found.setdefault((name, "greedy"), []).append(scored.greedy())
            found.setdefault((name, "beam"), []).append(scored.beam(decoder))
    names = [system.name for system in systems]
    families = {cell: _compared(names, runs, data, cell[0]) for cell, runs in found.items()}
    latency = _latencies(systems, decoders, data.dev, device=device)
    measured = tuple(
        MeasuredSystem(
            system,
            beams[place],
            latency[place],
            {
                cell: wer_with_interval(runs[place].counts, getattr(data, cell[0]).signers)
                for cell, runs in found.items()
            },
            {
                cell: difference
                for cell, family in families.items()
                if (difference := family[system.name].difference) is not None
            },
        )
        for place, system in enumerate(systems)
    )
    return SystemComparison(
        data=data.name,
        splits=tuple(splits),
        measured=measured,
        signers={name: getattr(data, name).signers is not None for name in splits},
        limits=tuple(dict.fromkeys(line for family in families.values() for line in family.limits)),
        timed=min(_TIMED, len(data.dev)),
        device=_device_text(device),
        tuned=tuned,
    )


def _compared(
    names: Sequence[str], runs: Sequence[Decoded], data: Dataset, split: str
) -> Comparison:
    """All systems with the first; Holm over the others."""
    arms = {n: ErrorCounts.of_runs([run.counts]) for n, run in zip(names, runs, strict=True)}
    words = runs[0].counts[:, 3]
    return compare(arms, words, baseline=names[0], signers=getattr(data, split).signers)


def _latencies(
    systems: Sequence[System],
    decoders: Sequence[BeamDecoder],
    split: Split,
    *,
    device: torch.device,
) -> list[dict[str, float]]:
    """Milliseconds of one utterance at a time, the median; the systems take turns."""
    models = [system.stored.model.to(device) for system in systems]
    batches = [collate(split, [index]).to(device) for index in range(min(_TIMED, len(split)))]
    taken: list[dict[str, list[float]]] = [{name: [] for name in DECODERS} for _ in systems]
    for number in range(_ROUNDS + 1):  # the first round warms up
        for turn, batch in enumerate(batches if number else batches[:1]):
            for offset in range(len(models)):
                # The first finds the caches cold: each model is first in turn.
                place = (turn + offset) % len(models)
                model = models[place]
                started = time.perf_counter()
                with torch.inference_mode():
                    output = model(batch.features, batch.lengths)
                    log_probs = output.log_probs.float().cpu().numpy()  # [T', 1, C]
                ready = time.perf_counter()
                greedy_decode(log_probs, np.array([len(log_probs)]))
                plain = time.perf_counter()
                decoders[place].decode_batch([log_probs[:, 0]])
                beamed = time.perf_counter()
                if number:
                    taken[place]["greedy"].append(plain - started)
                    taken[place]["beam"].append(ready - started + beamed - plain)
    return [
        {name: 1000 * statistics.median(values) for name, values in by_decoder.items()}
        for by_decoder in taken
    ]


def _device_text(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} processor core{'s' if threads > 1 else ''}"
