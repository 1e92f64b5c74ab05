"""The beam search against its readable reference, the definition, and what users may hand over."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_beam import Glosses, Mass, ReferenceBeamDecoder

from trainables.decoding.arpa import UNKNOWN, NgramEntry, NgramModel
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.best_path import greedy_decode
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.decoding.settings import BeamSettings, Hypothesis
from trainables.errors import ConfigError

LogProbs = NDArray[np.float32]


def names(classes: int) -> tuple[str, ...]:
    return ("<blank>", *(f"G{index}" for index in range(1, classes)))


def random_log_probs(
    rng: np.random.Generator, frames: int, classes: int, *, sharpness: float
) -> LogProbs:
    """Frames (T, C) of random classes; the blank has an advantage where it is sharp."""
    logits = rng.normal(0.0, sharpness, (frames, classes))
    logits[:, 0] += sharpness
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logits.astype(np.float32)


def random_model(rng: np.random.Generator, *, classes: int, order: int) -> NgramModel:
    """A model of glosses of which the vocabulary lacks some, and the other way round."""
    sentences = [
        [f"G{gloss}" for gloss in rng.integers(1, classes + 2, rng.integers(0, 6))]
        for _ in range(int(rng.integers(1, 40)))
    ]
    return train_kneser_ney(sentences, order=order)


def with_unknown(rng: np.random.Generator, model: NgramModel, gloss: str) -> NgramModel:
    """The model with a gloss renamed to `<unk>`: n-grams of every order hold it, in any place."""
    renamed = []
    for ngrams in model.ngrams:
        kept = {words: entry for words, entry in ngrams.items() if UNKNOWN not in words}
        renamed.append(
            {tuple(UNKNOWN if w == gloss else w for w in words): e for words, e in kept.items()}
        )
    renamed[0].setdefault((UNKNOWN,), NgramEntry(-1.0, float(rng.uniform(-1.0, 0.3))))
    return NgramModel(tuple(renamed))


def random_settings(rng: np.random.Generator) -> BeamSettings:
    return BeamSettings(
        width=int(rng.choice([1, 2, 3, 5, 10, 25])),
        lm_weight=float(rng.choice([0.0, 0.3, 0.9, 2.0])),
        gloss_bonus=float(rng.choice([-1.0, 0.0, 1.5])),
        token_min_log_prob=float(rng.choice([-math.inf, -8.0, -5.0, -1.0, 0.0])),
    )


def assert_same(fast: list[Hypothesis], reference: list[Hypothesis]) -> None:
    assert [found.classes for found in fast] == [found.classes for found in reference]
    for one, other in zip(fast, reference, strict=True):
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-6)
        assert one.score == pytest.approx(other.score, abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_fast_and_reference_agree_on_a_hundred_random_cases(seed: int) -> None:
    # Ten times a hundred: with and without a language model, of every shape and setting.
    # Broken if any shortcut of the fast search changed a result, its score or its rank.
    rng = np.random.default_rng([5, seed])
    lengths = set()
    for case in range(100):
        classes = int(rng.choice([2, 3, 5, 9, 40]))
        order = case % 5
        model = random_model(rng, classes=classes, order=order) if order else None
        settings = random_settings(rng)
        log_probs = random_log_probs(
            rng, int(rng.integers(0, 13)), classes, sharpness=float(rng.choice([0.3, 1.0, 3.0]))
        )
        decoders = [
            decoder(names(classes), settings, language_model=model)
            for decoder in (BeamDecoder, ReferenceBeamDecoder)
        ]
        fast, reference = (decoder.hypotheses(log_probs) for decoder in decoders)
        assert_same(fast, reference)
        lengths.add(len(fast[0].classes))
    assert len(lengths) > 3  # Silence alone would prove nothing.


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_fast_and_reference_agree_on_glosses_that_the_model_does_not_know(order: int) -> None:
    # Several classes share the model's `<unk>`. Broken if the n-grams that hold it, or its weight
    # of falling back, were not found under their own numbers, or if they shared a place in the
    # beam: they are not the same gloss.
    rng = np.random.default_rng([6, order])
    output = 0
    for _ in range(40):
        model = with_unknown(rng, random_model(rng, classes=4, order=order), "G2")
        log_probs = random_log_probs(rng, 10, 7, sharpness=1.0)
        settings = dataclasses.replace(random_settings(rng), lm_weight=0.9)
        decoders = [
            decoder(names(7), settings, language_model=model)
            for decoder in (BeamDecoder, ReferenceBeamDecoder)
        ]
        fast, reference = (decoder.hypotheses(log_probs) for decoder in decoders)
        assert_same(fast, reference)
        output += len({"G2", "G6"} & {names(7)[gloss] for gloss in fast[0].classes})
    assert output > 3


def test_fast_and_reference_agree_on_a_thousand_glosses() -> None:
    # Broken if the shortcuts went wrong at the size that is used, where only few classes are tried.
    rng = np.random.default_rng(0)
    sentences = [[f"G{gloss}" for gloss in rng.integers(1, 1230, 8)] for _ in range(300)]
    model = train_kneser_ney(sentences, order=3, vocabulary=names(1230)[1:])
    settings = BeamSettings(width=10, lm_weight=0.6, gloss_bonus=2.0)
    fast, reference = (
        decoder(names(1230), settings, language_model=model)
        for decoder in (BeamDecoder, ReferenceBeamDecoder)
    )
    for _ in range(3):
        log_probs = random_log_probs(rng, 40, 1230, sharpness=2.5)
        assert_same(fast.hypotheses(log_probs), reference.hypotheses(log_probs))


class Unpruned(ReferenceBeamDecoder):
    """The reference without recombination: wide enough, it leaves nothing out."""

    def _without_dominated(self, beams: dict[Glosses, Mass]) -> dict[Glosses, Mass]:
        return beams


def exact_scores(
    log_probs: LogProbs, settings: BeamSettings, model: NgramModel | None
) -> dict[tuple[int, ...], float]:
    """Score of every gloss sequence: by the definition, a sum over all its alignments."""
    frames, classes = log_probs.shape
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(classes), repeat=frames):
        glosses = tuple(label for label, _ in itertools.groupby(path) if label)
        log_prob = float(sum(log_probs[t, label] for t, label in enumerate(path)))
        totals[glosses] = float(np.logaddexp(totals.get(glosses, -math.inf), log_prob))
    for glosses in totals:
        totals[glosses] += settings.gloss_bonus * len(glosses)
        if model is not None:
            log10_prob = model.sentence_log10_prob([f"G{gloss}" for gloss in glosses])
            totals[glosses] += settings.lm_weight * log10_prob * math.log(10.0)
    return totals


def test_a_beam_of_everything_is_exact() -> None:
    # Broken if an alignment were lost or counted twice, or the language model, its end of the
    # sentence or the bonus came into the score otherwise than the settings say.
    rng = np.random.default_rng(1)
    for case in range(20):
        model = random_model(rng, classes=3, order=1 + case % 3) if case % 4 else None
        settings = BeamSettings(
            width=1000, lm_weight=0.7, gloss_bonus=0.4, token_min_log_prob=-math.inf
        )
        log_probs = random_log_probs(rng, 6, 3, sharpness=1.0)
        exact = exact_scores(log_probs, settings, model)
        unpruned = Unpruned(names(3), settings, language_model=model).hypotheses(log_probs)
        assert {found.classes: found.score for found in unpruned} == pytest.approx(exact, abs=1e-5)
        # The search in use may lose alignments of a sequence, never gain any.
        for found in BeamDecoder(names(3), settings, language_model=model).hypotheses(log_probs):
            assert found.score <= exact[found.classes] + 1e-5


def test_recombination_costs_nothing_that_matters() -> None:
    # Broken if leaving out dominated prefixes made the winner worse more often than better at a
    # width in use.
    rng = np.random.default_rng(2)
    settings = BeamSettings(width=5, lm_weight=0.9, gloss_bonus=1.0)
    better = worse = 0
    for _ in range(60):
        model = random_model(rng, classes=9, order=3)
        log_probs = random_log_probs(rng, 20, 9, sharpness=1.5)
        with_it, without = (
            decoder(names(9), settings, language_model=model).hypotheses(log_probs)[0].score
            for decoder in (BeamDecoder, Unpruned)
        )
        better += with_it > without + 1e-6
        worse += with_it < without - 1e-6
    assert better > worse


def test_a_path_by_hand() -> None:
    # Two frames of blank 0.4, A 0.35, B 0.25. All paths that become A: AA, A-, -A:
    # 0.1225 + 0.14 + 0.14 = 0.4025; the empty sequence: 0.16. Broken if the sum over alignments
    # were the best one of them: then the empty sequence would win, as it does with greedy.
    log_probs = np.log(np.array([[0.4, 0.35, 0.25]] * 2, dtype=np.float32))
    (best, *_) = BeamDecoder(("", "A", "B"), BeamSettings()).hypotheses(log_probs)
    assert best.classes == (1,)
    assert math.exp(best.log_prob) == pytest.approx(0.4025)
    assert greedy_decode(log_probs[:, None], np.array([2])) == [[]]


def test_the_language_model_speaks_when_a_gloss_appears_not_one_later() -> None:
    # "A" is a little likelier than "B" in the frame, but the model knows only "B C". At width 1
    # "B" survives its own frame only if the model is asked about it right then.
    model = train_kneser_ney([["B", "C"]] * 8, order=2, vocabulary=["A"])
    probs = np.array([[0.02, 0.5, 0.47, 0.01], [0.97, 0.01, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97]])
    decoder = BeamDecoder(("", "A", "B", "C"), BeamSettings(width=1), language_model=model)
    assert decoder.decode_batch([np.log(probs).astype(np.float32)]) == [[2, 3]]


def test_the_bonus_lengthens_and_the_weight_shortens() -> None:
    # Broken if a sign were turned round.
    rng = np.random.default_rng(3)
    model = random_model(rng, classes=9, order=2)
    utterances = [random_log_probs(rng, 30, 9, sharpness=1.5) for _ in range(10)]

    def glosses(**settings: float) -> int:
        decoder = BeamDecoder(names(9), BeamSettings(**settings), language_model=model)  # type: ignore[arg-type]
        return sum(map(len, decoder.decode_batch(utterances)))

    assert glosses(lm_weight=0.3, gloss_bonus=2.0) > glosses(lm_weight=0.3, gloss_bonus=0.0)
    assert glosses(lm_weight=1.5, gloss_bonus=0.0) < glosses(lm_weight=0.3, gloss_bonus=0.0)


def test_a_gloss_that_the_model_does_not_know_can_still_win() -> None:
    # Broken if an unknown gloss had probability 0, or raised.
    model = train_kneser_ney([["A", "A"], ["A"]], order=2)
    log_probs = np.log(np.array([[0.01, 0.01, 0.98]], dtype=np.float32))
    decoder = BeamDecoder(("", "A", "NEW"), BeamSettings(lm_weight=0.5), language_model=model)
    (best, *_) = decoder.hypotheses(log_probs)
    assert best.classes == (2,)
    weighed = 0.5 * model.sentence_log10_prob(["<unk>"]) * math.log(10.0)
    assert best.score - best.log_prob == pytest.approx(weighed)


def test_no_frame_and_half_precision_are_decoded() -> None:
    # Broken if an utterance of no frames raised, or log-probs as they are stored (FP16) did.
    decoder = BeamDecoder(names(5), BeamSettings())
    assert decoder.decode_batch([np.empty((0, 5), dtype=np.float32)]) == [[]]
    log_probs = random_log_probs(np.random.default_rng(4), 30, 5, sharpness=4.0)
    assert decoder.decode_batch([log_probs.astype(np.float16)]) == decoder.decode_batch([log_probs])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((3, 4)), r"\(T, 5\), got \(3, 4\)"),
        (np.zeros(5), r"\(T, 5\), got \(5,\)"),
        (np.full((2, 5), 0.2), "frame 0 contains no log-probabilities"),
        (np.log(np.full((2, 5), 0.2)) * [[1.0], [np.nan]], "frame 1 contains no log-probabilities"),
        (np.full((2, 5), -np.inf), "largest value is -inf"),
        (np.full((2, 5), -900.0), "largest value is -900"),
    ],
)
def test_what_holds_no_log_probabilities_is_refused(frames: LogProbs, message: str) -> None:
    # Broken if probabilities, logits or NaN were decoded to something that looks like a result.
    with pytest.raises(ValueError, match=message):
        BeamDecoder(names(5), BeamSettings()).hypotheses(frames)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "beam width=0 must be at least 1"),
        ({"lm_weight": -0.1}, "lm_weight=-0.1 must be"),
        ({"lm_weight": math.nan}, "lm_weight=nan must be"),
        ({"gloss_bonus": 101.0}, "gloss_bonus=101.0 must be between -100 and 100"),
        ({"token_min_log_prob": 0.5}, "token_min_log_prob=0.5 must be at most 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    # Broken if a search space could hold a setting that cannot be searched with.
    with pytest.raises(ConfigError, match=message):
        BeamSettings(**settings)  # type: ignore[arg-type]
