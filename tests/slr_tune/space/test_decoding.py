"""Decoding parameters in a search space: what they mean, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slr_tune.errors import SpecError
from slr_tune.space import Point, StudySpec, load_spec

WriteFile = Callable[..., Path]

SPACE = """\
study: decoding
trainable: student
data: {name: libras}
budget: {trials: 4, max_epochs: 3}
space:
  dropout: {float: [0.0, 0.5]}
  decoding:
    method:
      choice:
        greedy: {}
        beam:
          width: {choice: [5, 10]}
          lm_weight: {float: [0.0, 1.2]}
          gloss_bonus: {float: [0.0, 3.0]}
baseline:
  dropout: 0.2
  decoding: {method: beam, width: 10, lm_weight: 0.9, gloss_bonus: 1.5}
factors:
  decoding: [{method: greedy}, {method: beam, width: 20}]
"""


def test_decoders_are_searched(write: WriteFile) -> None:
    # Broken if a trial's configuration named another decoder than its parameters.
    spec = load_spec(write(SPACE))
    beam = spec.space.suggest(Point({"decoding.method": "beam", "decoding.beam.width": 5}))
    decoding = spec.config_for(beam)["decoding"]
    assert (decoding["method"], decoding["width"], decoding["lm_weight"]) == ("beam", 5, 0.6)
    greedy = spec.space.suggest(Point({"decoding.method": "greedy"}))
    assert "decoding" not in spec.config_for(greedy)
    assert spec.space.decode(spec.space.encode(greedy)) == greedy
    baseline = spec.baseline_config()
    assert baseline is not None and baseline["decoding"]["lm_weight"] == 0.9


def test_a_study_gives_the_space_back(write: WriteFile) -> None:
    # Broken if the report of a search over decoders read another space.
    spec = load_spec(write(SPACE))
    again = StudySpec.from_identity(spec.identity())
    assert again.identity() == spec.identity()
    assert again.baseline_config() == spec.baseline_config()


def test_a_fixed_beam_and_a_searched_weight_make_one_decoder(write: WriteFile) -> None:
    # Broken if naming one setting of the beam switched it off, or forgot the others.
    text = "study: s\ntrainable: student\ndata: {name: libras}\n"
    text += "budget: {trials: 2, max_epochs: 3}\nfixed: {decoding: {width: 20}}\n"
    text += "space: {decoding: {lm_weight: {float: [0.0, 1.0]}}}\n"
    spec = load_spec(write(text))
    config = spec.config_for(spec.space.suggest(Point({})))
    assert config["decoding"] == {
        "method": "beam",
        "width": 20,
        "lm_weight": 0.5,
        "gloss_bonus": 1.5,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width: {choice: [5, 10]}", "widht: {choice: [5, 10]}", "Did you mean width?"),
        ("width: {choice: [5, 10]}", "width: {choice: [0, 10]}", "must be at least 1"),
        ("float: [0.0, 1.2]", "float: [-0.5, 1.2]", "low=-0.5 must be at least 0"),
        ("greedy: {}", "gready: {}", "must be 'greedy' or 'beam'"),
        ("greedy: {}", "greedy: {width: {fixed: 4}}", "method greedy takes no width"),
    ],
)
def test_what_no_decoder_takes(old: str, new: str, message: str, write: WriteFile) -> None:
    # Broken if it came out hours later, in a worker.
    with pytest.raises(SpecError) as caught:
        load_spec(write(SPACE.replace(old, new)))
    assert message in str(caught.value) and "space.yaml:" in str(caught.value)
