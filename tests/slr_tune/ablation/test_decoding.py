"""A baseline that recognises dev by a beam search is measured by it, and so are its arms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slr_tune.ablation.arms import one_at_a_time, resolve
from slr_tune.ablation.baseline import find_baseline
from slr_tune.ablation.factors import find_factor
from slr_tune.space import StudySpec, load_spec
from slr_tune.training.kinds import Kind
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm

MakeStore = Callable[..., RunStore]
# A bonus this large makes any model insert: what is measured greedily shows.
BEAM = {"method": "beam", "width": 4, "lm_weight": 0.5, "gloss_bonus": 3.0}
SEEDS = (1000,)


@pytest.fixture
def beam_spec(space: Callable[..., Path]) -> StudySpec:
    fixed = ", decoding: {width: 4, lm_weight: 0.5, gloss_bonus: 3.0}"
    return load_spec(space(trainable="student", fixed=fixed))


def arms_of(spec: StudySpec, factor: str, **config: Any) -> list[Arm]:
    plain = spec.baseline_config()
    assert plain is not None
    baseline = resolve(spec.trainable, {**plain, **config}, what="baseline")
    factors = [find_factor(factor, baseline, spec)]
    return one_at_a_time(baseline, factors, trainable=spec.trainable)


def test_arms_are_measured_by_the_decoder_of_their_training(
    beam_spec: StudySpec, make_store: MakeStore
) -> None:
    # Broken if the search's figure, by beam, were compared with an ablation's by greedy decoding.
    arms = arms_of(beam_spec, "label_smoothing")
    assert len(arms) > 1
    store = make_store()
    runs = store.train(arms, SEEDS)
    counts = store.counts(runs, "dev")
    for run in runs:
        assert run.best_epoch is not None
        claimed = run.rows[run.best_epoch - 1]["val/wer"]
        (table,) = counts[run.arm.name]
        assert 100 * table[:, :3].sum() / table[:, 3].sum() == pytest.approx(claimed)
    greedy = store.counts(store.train(arms_of(beam_spec, "decoding"), SEEDS), "dev")
    assert greedy["greedy"][0].tolist() != counts[arms[0].name][0].tolist()


def test_a_decoding_factor_starts_from_the_baselines_beam(beam_spec: StudySpec) -> None:
    # Broken if an arm with another weight lost the baseline's width and bonus with it.
    arms = arms_of(beam_spec, "lm")
    assert arms[0].name == "lm_weight 0.5" and arms[0].beam is not None
    for arm in arms[1:]:
        assert arm.kind is Kind.DECODING and arm.beam is not None
        assert {**arm.beam, "lm_weight": 0.5} == arms[0].beam
        assert arm.config == arms[0].config
    assert arms_of(beam_spec, "decoding.lm_weight") == arms


def test_greedy_against_beam(beam_spec: StudySpec, spec: StudySpec) -> None:
    # Broken if the decoder as a whole could not be ablated from either side.
    arms = arms_of(beam_spec, "decoding")
    assert arms[0].name == "beam 4, LM 0.5, bonus 3"
    assert [arm.beam is None for arm in arms] == [False, True, False]
    arms = arms_of(spec, "decoding")
    assert [(arm.name, arm.kind) for arm in arms[1:]] == [
        ("beam 10, LM 0.9, bonus 1.5", Kind.DECODING)
    ]
    assert arms[0].name == "greedy" and arms[0].beam is None


def test_levels_of_the_file_are_taken(space: Callable[..., Path]) -> None:
    # Broken if `decoding.width` in the file and `beam_width` on the command line were two things.
    more = "factors: {decoding.width: [2, 3], decoding: [{method: greedy}, {width: 7}]}"
    fixed = ", decoding: {width: 4}"
    spec = load_spec(space(trainable="student", fixed=fixed, more=more))
    widths = [arm.beam["width"] for arm in arms_of(spec, "beam_width") if arm.beam]
    assert widths == [4, 2, 3]
    assert [arm.name for arm in arms_of(spec, "decoding")] == [
        "beam 4, LM 0.9, bonus 1.5",
        "greedy",
        "beam 7, LM 0.9, bonus 1.5",
    ]


def test_a_greedy_file_over_a_beam_is_a_greedy_baseline(
    beam_spec: StudySpec, tmp_path: Path
) -> None:
    # Broken if a file that says greedy were refused for the width of the search's own beam.
    path = tmp_path / "greedy.yaml"
    path.write_text("decoding: {method: greedy}\ndropout: 0.1\n")
    config = find_baseline(str(path), beam_spec, None).config
    assert "decoding" not in config and config["dropout"] == 0.1
    path.write_text("decoding: {width: 7}\n")
    assert find_baseline(str(path), beam_spec, None).config["decoding"] == {**BEAM, "width": 7}
