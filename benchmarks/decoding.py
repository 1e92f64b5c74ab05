"""Beam search: sentences per CPU second and WER, four decoders side by side in one run.

    python benchmarks/decoding.py [--pyctcdecode OTHER_ENVIRONMENT/bin/python] [--json FILE]

1,230 classes, 150 frames, a 3-gram trained on 5,672 sentences. This project's decoder, the Python
reference it is tested against, the C++ library `ctc-beam-decoder`, and pyctcdecode take turns.
pyctcdecode cannot be installed beside numpy 2: give the Python of an environment with
`pip install pyctcdecode kenlm`.

What is decoded is made up. Sentences of 5 to 14 glosses come from a random bigram language over a
Zipf vocabulary. A gloss lasts 2 to 4 frames; there it competes with the blank and with four other
glosses, each with a strength drawn for the occurrence, under noise on every logit. Three cases
differ in the sharpness of the softmax: `peaked`, `middling` and `soft`. The lines above each table
say how often the blank is sure, how many classes are tried in a frame, and how good greedy decoding
is. The students of the Libras case study are about as peaked as `peaked`: a blank over 0.99 in 64 %
of frames, 1.3 classes to try.

Language model weight and gloss bonus are chosen for each decoder on utterances of their own
(pyctcdecode takes those of `ctc-beam-decoder`, which reproduces it), so that none is judged by
settings made for another. The two libraries ask the language model about a gloss when the next one
begins; their rows at larger widths show how much of that a wider beam makes good.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ctc_beam_decoder import BeamSearchDecoder
from numpy.typing import NDArray

from trainables.decoding.arpa import write_arpa
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.best_path import greedy_decode
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.decoding.settings import BeamSettings
from trainables.scoring.wer import corpus_wer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from reference_beam import ReferenceBeamDecoder

CLASSES = 1230
FRAMES = 150
SHARPNESS = {"peaked": 1.5, "middling": 1.0, "soft": 0.5}
VOCABULARY = ("<blank>", *(f"GLOSS{index}" for index in range(1, CLASSES)))
NUMBERS = {gloss: number for number, gloss in enumerate(VOCABULARY)}
LABELS = ["", *("\u2581" + gloss for gloss in VOCABULARY[1:])]
WEIGHTS = (0.3, 0.6, 0.9, 1.2, 1.5)
BONUSES = (0.0, 1.0, 2.0, 3.0, 4.0)
OWN_WIDTHS = (10, 30)
LIBRARY_WIDTHS = (10, 30, 100)
TOKEN_MIN = BeamSettings().token_min_log_prob

Utterances = Sequence[NDArray[np.float32]]
Classes = list[list[int]]
# Decodes and says how many CPU seconds that took.
Timed = Callable[[Utterances], tuple[float, Classes]]

# Runs in the other environment: reads utterances and language model, prints CPU seconds, classes.
PYCTCDECODE = """
import json, sys, time
import numpy as np
from pyctcdecode import build_ctcdecoder
folder, weight, bonus, width, token_min = sys.argv[1], *map(float, sys.argv[2:])
utterances = list(np.load(folder + "/utterances.npy"))
labels = json.load(open(folder + "/labels.json"))
decoder = build_ctcdecoder(
    labels, folder + "/model.arpa", alpha=weight, beta=bonus, unk_score_offset=0.0)
begin = time.process_time()
texts = [
    decoder.decode(x, beam_width=int(width), token_min_logp=token_min) for x in utterances]
seconds = time.process_time() - begin
numbers = {label[1:]: number for number, label in enumerate(labels)}
print(json.dumps([seconds, [[numbers[gloss] for gloss in text.split()] for text in texts]]))
"""


@dataclass(frozen=True)
class Contestant:
    """A row of the table."""

    name: str
    settings: BeamSettings
    run: Timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--pyctcdecode", metavar="PYTHON", help="of an environment that has it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for case, sharpness in SHARPNESS.items():
            print(f"{case}: ", end="")
            found[case] = measure(
                Path(name),
                sharpness=sharpness,
                utterances=arguments.utterances,
                rounds=arguments.rounds,
                other_python=arguments.pyctcdecode,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


def measure(
    folder: Path, *, sharpness: float, utterances: int, rounds: int, other_python: str | None
) -> list[dict[str, object]]:
    """All decoders on one case; each round, all take their turn."""
    language = Language(np.random.default_rng(0))
    model = train_kneser_ney(
        [[VOCABULARY[g] for g in language.sentence()] for _ in range(5672)],
        order=3,
        vocabulary=VOCABULARY[1:],
    )
    write_arpa(model, folder / "model.arpa")
    (folder / "labels.json").write_text(json.dumps(LABELS))
    tuning = [language.sentence() for _ in range(2 * utterances)]
    heard = [language.log_probs(sentence, sharpness) for sentence in tuning]
    references = [language.sentence() for _ in range(utterances)]
    spoken = [language.log_probs(sentence, sharpness) for sentence in references]
    np.save(folder / "utterances.npy", np.stack(spoken))
    describe(spoken, references)

    def own(settings: BeamSettings) -> Timed:
        return timed(BeamDecoder(VOCABULARY, settings, language_model=model).decode_batch)

    def library(settings: BeamSettings) -> Timed:
        return timed(library_decoder(settings, folder / "model.arpa"))

    best = tuned(own, heard, tuning)
    reference = ReferenceBeamDecoder(VOCABULARY, best, language_model=model)
    contestants = [
        *(Contestant("this project", wider, own(wider)) for wider in widened(best, OWN_WIDTHS)),
        Contestant("reference", best, timed(reference.decode_batch)),
    ]
    best = tuned(library, heard, tuning)
    for wider in widened(best, LIBRARY_WIDTHS):
        contestants.append(Contestant("ctc-beam-decoder", wider, library(wider)))
    if other_python:
        contestants.append(
            Contestant("pyctcdecode", best, lambda _: pyctcdecode(other_python, folder, best))
        )
    return compare(contestants, spoken, references, rounds=rounds)


def tuned(
    make: Callable[[BeamSettings], Timed], heard: Utterances, references: Sequence[list[int]]
) -> BeamSettings:
    """The weight and bonus with the lowest WER at width 10."""
    grid = [BeamSettings(10, weight, bonus) for weight, bonus in product(WEIGHTS, BONUSES)]
    return min(grid, key=lambda settings: wer(make(settings)(heard)[1], references))


def widened(best: BeamSettings, widths: Sequence[int]) -> list[BeamSettings]:
    return [BeamSettings(width, best.lm_weight, best.gloss_bonus) for width in widths]


def library_decoder(settings: BeamSettings, arpa: Path) -> Callable[[Utterances], Classes]:
    with silent_stderr():  # KenLM draws a bar of progress.
        decoder = BeamSearchDecoder(
            LABELS,
            kenlm_model_path=arpa,
            alpha=settings.lm_weight,
            beta=settings.gloss_bonus,
            unk_score_offset=0.0,
        )

    def decode(utterances: Utterances) -> Classes:
        texts = [
            decoder.decode(frames, beam_width=settings.width, token_min_logp=TOKEN_MIN)
            for frames in utterances
        ]
        return [[NUMBERS[gloss] for gloss in text.split()] for text in texts]

    return decode


@contextmanager
def silent_stderr() -> Iterator[None]:
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


class Language:
    """Random sentences, and what a CTC model might make of them."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draws the gloss frequencies and five likely successors of each gloss."""
        self._rng = rng
        frequencies = 1.0 / np.arange(1, CLASSES)
        self._frequencies = frequencies / frequencies.sum()
        self._successors = rng.choice(CLASSES - 1, size=(CLASSES - 1, 5), p=self._frequencies)

    def sentence(self) -> list[int]:
        """Classes of 5 to 14 glosses; six in ten follow from the one before."""
        glosses = [self._any()]
        for _ in range(int(self._rng.integers(4, 14))):
            follows = self._rng.random() < 0.6
            glosses.append(
                int(self._rng.choice(self._successors[glosses[-1]])) if follows else self._any()
            )
        return [gloss + 1 for gloss in glosses]

    def log_probs(self, sentence: Sequence[int], sharpness: float) -> NDArray[np.float32]:
        """Log-probabilities (T, C) of a sentence."""
        rng = self._rng
        logits = rng.normal(0.0, 2.0, (FRAMES, CLASSES))
        logits[:, 0] = rng.normal(12.0, 1.0, FRAMES)
        room = FRAMES // len(sentence)
        for index, gloss in enumerate(sentence):
            first = index * room + int(rng.integers(0, room - 4))
            frames = slice(first, first + int(rng.integers(2, 5)))
            rivals = rng.integers(1, CLASSES, 4)
            logits[frames, 0] -= 2.0
            logits[frames, rivals] = rng.normal(9.5, 2.0, 4) + rng.normal(0.0, 0.5, 4)
            logits[frames, gloss] = rng.normal(12.0, 2.0)
        logits *= sharpness
        logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return logits.astype(np.float32)

    def _any(self) -> int:
        return int(self._rng.choice(CLASSES - 1, p=self._frequencies))


def timed(decode: Callable[[Utterances], Classes]) -> Timed:
    def run(utterances: Utterances) -> tuple[float, Classes]:
        begin = time.process_time()
        classes = decode(utterances)
        return time.process_time() - begin, classes

    return run


def pyctcdecode(python: str, folder: Path, settings: BeamSettings) -> tuple[float, Classes]:
    numbers = (settings.lm_weight, settings.gloss_bonus, settings.width, TOKEN_MIN)
    output = subprocess.run(
        [python, "-W", "ignore", "-c", PYCTCDECODE, str(folder), *map(str, numbers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    ).stdout
    seconds, classes = json.loads(output.splitlines()[-1])
    return seconds, classes


def describe(utterances: Utterances, references: Sequence[Sequence[int]]) -> None:
    frames = np.concatenate(utterances)
    tried = (frames >= TOKEN_MIN).sum(axis=1).mean()
    blank = (frames.argmax(axis=1) == 0).mean()
    sure = (frames[:, 0] > np.log(0.99)).mean()
    greedy = greedy_decode(np.stack(utterances, axis=1), np.full(len(utterances), FRAMES))
    print(f"{len(utterances)} utterances of {FRAMES} frames, {CLASSES} classes")
    print(
        f"blank wins in {100 * blank:.0f} % of frames, has over 0.99 in {100 * sure:.0f} %; "
        f"{tried:.1f} classes are tried in a frame; greedy: {wer(greedy, references):.1f} % WER\n"
    )


def compare(
    contestants: Sequence[Contestant],
    utterances: Utterances,
    references: Sequence[Sequence[int]],
    *,
    rounds: int,
) -> list[dict[str, object]]:
    speeds: list[list[float]] = [[] for _ in contestants]
    decoded: list[Classes] = [[] for _ in contestants]
    for _ in range(rounds):
        for index, contestant in enumerate(contestants):
            seconds, decoded[index] = contestant.run(utterances)
            speeds[index].append(len(utterances) / seconds)
    print(f"{'':17}{'width':>6}{'weight':>8}{'bonus':>7}{'sentences per CPU second':>28}", end="")
    print(f"{'x first row':>22}{'WER, %':>9}{'same':>9}")
    rows: list[dict[str, object]] = []
    for contestant, speed, classes in zip(contestants, speeds, decoded, strict=True):
        ratios = [a / b for a, b in zip(speed, speeds[0], strict=True)]
        same = sum(a == b for a, b in zip(classes, decoded[0], strict=True))
        error = wer(classes, references)
        chosen = contestant.settings
        print(
            f"{contestant.name:17}{chosen.width:>6}{chosen.lm_weight:>8}{chosen.gloss_bonus:>7}"
            f"{spread(speed, 0):>28}{spread(ratios, 2):>22}{error:>9.1f}"
            f"{same:>5}/{len(references)}"
        )
        rows.append(
            {"decoder": contestant.name, "width": chosen.width, "lm_weight": chosen.lm_weight}
            | {"gloss_bonus": chosen.gloss_bonus, "sentences_per_cpu_second": speed}
            | {"wer_percent": error, "same_as_first_row": same}
        )
    print("\nmedians (least to most); 'same': utterances decoded as in the first row\n")
    return rows


def wer(hypotheses: Sequence[Sequence[int]], references: Sequence[Sequence[int]]) -> float:
    return corpus_wer(
        [[VOCABULARY[g] for g in sentence] for sentence in hypotheses],
        [[VOCABULARY[g] for g in sentence] for sentence in references],
    ).wer_percent


def spread(values: Sequence[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
