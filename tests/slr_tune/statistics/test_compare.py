"""The whole comparison: properties that hold for any study, and its speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slr_tune.statistics import Comparison, Difference, ErrorCounts, compare
from slr_tune.statistics.components import variance_components
from slr_tune.statistics.verdict import Outcome

STUDIES = st.tuples(st.integers(1, 4), st.integers(5, 30), st.integers(0, 10_000))


def study(seeds: int, utterances: int, rng: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Errors of a baseline and two arms, and the words."""
    generator = np.random.default_rng(rng)
    words = generator.integers(2, 10, utterances)
    shape = (seeds, utterances)
    # `x` does something else to every utterance, so that all parts of the noise are there.
    rates = {"b": 0.4, "x": generator.uniform(0.0, 0.6, utterances), "y": 0.4}
    return {name: generator.binomial(words, rate, shape) for name, rate in rates.items()}, words


def of(comparison: Comparison, name: str) -> Difference:
    found = comparison[name].difference
    assert found is not None
    return found


def test_by_hand() -> None:
    """Two seeds, two utterances of 10 words: everything that has a closed form."""
    found = compare({"base": [[4, 4], [5, 5]], "arm": [[3, 3], [3, 3]]}, [10, 10], baseline="base")
    arm = of(found, "arm")
    assert found["base"].wer.percent == 45.0
    assert found["arm"].wer.percent == 30.0
    assert arm.per_seed == (-10.0, -20.0)
    assert arm.points == -15.0
    # t with 1 degree of freedom: 12.706 * sqrt(50) / sqrt(2) = 63.5.
    assert (arm.low, arm.high) == pytest.approx((-78.53, 48.53), abs=0.01)
    assert arm.p_value == pytest.approx(0.2048, abs=1e-4)  # t = -3
    assert arm.probability_of_improvement == pytest.approx(1 - 0.2048 / 2, abs=1e-4)
    assert [test.mean_difference for test in arm.mapsswe] == [-1.0, -2.0]
    assert (found.seeds, found.utterances, found.words, found.signers) == (2, 2, 20, None)


@settings(max_examples=25, deadline=None)
@given(STUDIES)
def test_turning_the_comparison_round_turns_the_sign(shape: tuple[int, int, int]) -> None:
    """Which of two arms is called the baseline must not decide what is shown."""
    arms, words = study(*shape)
    pair = {name: arms[name] for name in "bx"}
    one = of(compare(pair, words, baseline="b", resamples=500), "x")
    other = of(compare(pair, words, baseline="x", resamples=500), "b")
    assert other.points == -one.points
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-6)
    assert other.p_value == pytest.approx(one.p_value, abs=1e-9)
    assert other.probability_of_improvement == pytest.approx(
        1 - one.probability_of_improvement, abs=1e-9
    )
    assert [t.statistic for t in other.mapsswe] == [-t.statistic for t in one.mapsswe]


@settings(max_examples=15, deadline=None)
@given(STUDIES)
def test_order_of_utterances_and_seeds_does_not_matter(shape: tuple[int, int, int]) -> None:
    """All but the Monte Carlo noise of the resamples is the same.

    Of two arms: in a larger family that noise may decide which of two near p values is smaller,
    and so which of Holm's levels an arm is held to.
    """
    arms, words = study(*shape)
    del arms["y"]
    rng = np.random.default_rng(1)
    utterances, seeds = rng.permutation(shape[1]), rng.permutation(shape[0])
    mixed = {name: errors[seeds][:, utterances] for name, errors in arms.items()}
    one = of(compare(arms, words, baseline="b", resamples=4000), "x")
    other = of(compare(mixed, words[utterances], baseline="b", resamples=4000), "x")
    assert other.points == pytest.approx(one.points)
    assert other.components.seed == pytest.approx(one.components.seed, abs=1e-9)
    assert other.components.unit == pytest.approx(one.components.unit, abs=1e-9)
    assert other.smallest_detectable == pytest.approx(one.smallest_detectable)
    width = one.high - one.low
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.08 * width)


@settings(max_examples=15, deadline=None)
@given(STUDIES)
def test_twice_the_errors_are_twice_the_points(shape: tuple[int, int, int]) -> None:
    """Nothing in the test may depend on the scale."""
    arms, words = study(*shape)
    one = of(compare(arms, words, baseline="b", resamples=500), "x")
    twice = {name: 2 * errors for name, errors in arms.items()}
    other = of(compare(twice, words, baseline="b", resamples=500), "x")
    assert other.points == pytest.approx(2 * one.points)
    assert (other.low, other.high) == pytest.approx((2 * one.low, 2 * one.high), abs=1e-6)
    assert other.p_value == pytest.approx(one.p_value)


def test_more_of_the_same_utterances_narrows_only_their_part() -> None:
    """Every utterance four times: its variance a quarter, the seeds' spread the same."""
    arms, words = study(3, 40, 7)
    one = of(compare(arms, words, baseline="b", resamples=500), "x").components
    tiled = {name: np.tile(errors, 4) for name, errors in arms.items()}
    other = of(compare(tiled, np.tile(words, 4), baseline="b", resamples=500), "x").components
    assert other.seed == pytest.approx(one.seed)
    assert other.unit == pytest.approx(one.unit / 4, rel=0.05)


def test_identical_arms_are_reported_to_be_and_cost_the_family_nothing() -> None:
    """A replayed patience that never bites is no test: the other arm is not corrected for it."""
    arms, words = study(3, 30, 0)
    arms["same"] = arms["b"].copy()
    found = compare({n: arms[n] for n in ("b", "x", "same")}, words, baseline="b", resamples=500)
    same = of(found, "same")
    assert same.identical
    assert (same.points, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert found["same"].verdict is not None
    assert found["same"].verdict.outcome is Outcome.IDENTICAL
    assert of(found, "x").holm_p == of(found, "x").p_value


def test_equal_totals_are_not_identical_arms() -> None:
    """The same WER from other errors is a measured difference of zero, with an interval."""
    found = compare(
        {"b": [[1, 2, 3], [2, 3, 4], [1, 2, 2]], "x": [[2, 1, 3], [2, 4, 3], [2, 2, 1]]},
        [5, 5, 5],
        baseline="b",
        resamples=500,
    )
    arm = of(found, "x")
    assert arm.points == 0.0
    assert not arm.identical
    assert arm.low < 0 < arm.high
    assert found["x"].verdict is not None
    assert "could have shown" in found["x"].verdict.sentence


def test_seeds_that_agree_by_chance_show_nothing() -> None:
    """Three seeds, each one error better, on utterances that differ: luck, not certainty."""
    rng = np.random.default_rng(0)
    base = rng.binomial(8, 0.4, (3, 60))
    arm = np.array([rng.permutation(row) for row in base])
    for row in arm:
        row[np.argmax(row)] -= 1
    found = compare({"b": base, "x": arm}, [8] * 60, baseline="b", resamples=1000)
    assert len(set(of(found, "x").per_seed)) == 1
    assert of(found, "x").low < 0 < of(found, "x").high


def test_one_seed_is_never_shown() -> None:
    """However far apart: the next seed may turn it round."""
    found = compare({"b": [[5] * 50], "x": [[0, 1] * 25]}, [10] * 50, baseline="b", resamples=500)
    arm = of(found, "x")
    assert arm.high < 0
    assert arm.smallest_detectable is None
    assert found["x"].verdict is not None
    assert found["x"].verdict.outcome is Outcome.ONE_SEED
    assert "One seed" in found.limits[0]


def test_clear_difference_is_shown_both_ways() -> None:
    """End to end: WER falls by 20 points in every seed."""
    rng = np.random.default_rng(0)
    words = rng.integers(4, 12, 200)
    arms = {n: rng.binomial(words, p, (5, 200)) for n, p in (("b", 0.5), ("x", 0.3), ("y", 0.7))}
    found = compare(arms, words, baseline="b", resamples=1000)
    outcomes = {arm.name: arm.verdict.outcome for arm in found.arms if arm.verdict}
    assert outcomes == {"x": Outcome.BETTER, "y": Outcome.WORSE}
    assert found.limits == ()


def test_signers_widen_what_they_share() -> None:
    """Two of four signers that gain everything say less than half of 200 utterances."""
    rng = np.random.default_rng(0)
    signers = np.repeat(["a", "b", "c", "d"], 50)
    base = rng.binomial(10, 0.5, (3, 200))
    arms = {"b": base, "x": np.maximum(base - 2 * np.isin(signers, ["a", "b"]), 0)}
    words = [10] * 200
    apart = of(compare(arms, words, baseline="b", resamples=1000), "x")
    found = compare(arms, words, baseline="b", signers=signers.tolist(), resamples=1000)
    blocks = of(found, "x")
    assert blocks.points == apart.points
    assert blocks.high - blocks.low > 5 * (apart.high - apart.low)
    assert found.signers == 4
    assert found.limits == (
        "4 signers: the spread between signers is hardly known, and the intervals are wide.",
    )


def test_one_signer_cannot_be_resampled_and_is_reported() -> None:
    """The split of one test signer must not fail, nor pass for all signers."""
    arms, words = study(3, 20, 0)
    found = compare(arms, words, baseline="b", signers=["a"] * 20, resamples=500)
    assert found.signers is None
    assert found.limits == ("One signer: the intervals say nothing about other signers.",)


def test_same_input_same_output() -> None:
    """A report written twice must not differ; another seed moves only the Monte Carlo noise."""
    arms, words = study(3, 40, 0)
    first = compare(arms, words, baseline="b", resamples=500)
    assert compare(arms, words, baseline="b", resamples=500) == first
    other = compare(arms, words, baseline="b", resamples=500, seed=1)
    assert of(other, "x").components == of(first, "x").components
    assert of(other, "x").low != of(first, "x").low


def test_another_arm_changes_what_is_known_of_the_noise_alone() -> None:
    """Adding a level may change the correction and the spread, never the measurement."""
    arms, words = study(3, 40, 0)
    alone = of(compare({n: arms[n] for n in "bx"}, words, baseline="b", resamples=500), "x")
    among = of(compare(arms, words, baseline="b", resamples=500), "x")
    assert among.points == alone.points and among.per_seed == alone.per_seed
    assert among.components.unit == pytest.approx(alone.components.unit)
    assert among.components.seed_df > alone.components.seed_df == 2.0


def test_one_arm_alone_is_the_plain_paired_interval() -> None:
    """Two systems, or one level: nothing is lent, and nothing changes."""
    arms, words = study(3, 40, 0)
    found = of(compare({n: arms[n] for n in "bx"}, words, baseline="b", resamples=500), "x")
    assert found.components == variance_components(
        (arms["x"] - arms["b"]).astype(float), words.astype(float)
    )


def test_larger_family_asks_for_more_seeds() -> None:
    """Seeds promised for a single comparison would not settle one among many."""
    rng = np.random.default_rng(3)
    words = np.full(400, 10)
    arms = {"b": rng.binomial(10, 0.5, (3, 400)), "x": rng.binomial(10, 0.485, (3, 400))}
    alone = of(compare(arms, words, baseline="b", resamples=500), "x").more
    arms |= {f"y{n}": rng.binomial(10, 0.5, (3, 400)) for n in range(8)}
    among = of(compare(arms, words, baseline="b", resamples=500), "x").more
    assert alone is not None
    assert among is not None
    assert (among.seeds or 0) > (alone.seeds or 0) > 0


def test_baseline_alone_has_a_word_error_rate() -> None:
    """A plan of which only the baseline is done yet must still be shown."""
    found = compare({"b": [[1, 2], [2, 1]]}, [5, 5], baseline="b")
    assert [(arm.wer.percent, arm.difference, arm.verdict) for arm in found.arms] == [
        (30.0, None, None)
    ]


def test_kinds_of_error_reach_the_table() -> None:
    """Substitutions, deletions and insertions of the baseline too."""
    zeros = np.zeros((2, 3), dtype=int)
    counts = ErrorCounts(zeros + 1, zeros, zeros + 2)
    found = compare({"b": counts, "x": ErrorCounts(zeros, zeros, zeros)}, [10] * 3, baseline="b")
    assert (found["b"].wer.substitutions, found["b"].wer.insertions) == (10.0, 20.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "z"}, "no arm is called 'z'"),
        ({"words": [3, 3]}, "words has 2 utterances"),
        ({"resamples": 10}, "at least 100"),
        ({"signers": ["a"]}, "1 block labels"),
        ({"arms": {"b": [[1, 2, 3]], "x": [[1, 2, 3]] * 2}}, r"arm 'x' has .*\(2, 3\)"),
        ({"arms": {"b": [[1]], "x": [[2]]}, "words": [3]}, "at least two"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: dict[str, object], message: str) -> None:
    """Unpaired seeds, or one utterance, must not give an interval."""
    given: dict[str, object] = {
        "arms": {"b": [[1, 2, 3]], "x": [[0, 2, 3]]},
        "words": [3, 3, 3],
        "baseline": "b",
    } | change
    with pytest.raises(ValueError, match=message):
        compare(given.pop("arms"), given.pop("words"), **given)  # type: ignore[arg-type]


def test_thirty_runs_on_629_utterances_in_five_seconds() -> None:
    """The reader waits for the report: 10,000 resamples, 10 arms of 3 seeds, one core."""
    rng = np.random.default_rng(0)
    words = rng.integers(4, 18, 629)
    arms = {f"arm {n}": rng.binomial(words, 0.5, (3, 629)) for n in range(10)}
    start = time.process_time()
    compare(arms, words, baseline="arm 0", resamples=10_000)
    assert time.process_time() - start < 5.0


def test_few_signers_are_not_drawn_in() -> None:
    """With four signers a part is neither subtracted nor drawn in; with five it is."""
    rng = np.random.default_rng(2)
    arms = {"b": rng.binomial(10, 0.5, (3, 60)), "x": rng.binomial(10, 0.45, (3, 60))}
    few = [f"s{n % 4}" for n in range(60)]
    more = [f"s{n % 5}" for n in range(60)]
    words = [10] * 60
    four = of(compare(arms, words, baseline="b", signers=few, resamples=300), "x").components
    five = of(compare(arms, words, baseline="b", signers=more, resamples=300), "x").components
    assert not four.drawn and four.drawn_in == 1.0 and five.drawn
    totals = np.array([(arms["x"] - arms["b"])[:, s::4].sum(axis=1) for s in range(4)]).T
    residual = totals.mean(axis=0) - totals.mean()
    by_hand = 1e4 * 3 / 4 * np.sum((residual / 450) ** 2)
    assert four.unit == pytest.approx(by_hand)


def collapsing(seed: int = 0) -> tuple[dict[str, np.ndarray], list[int]]:
    """A baseline, and an arm that is better by 20 points but collapsed in two of five seeds."""
    rng = np.random.default_rng(seed)
    arms = {"b": rng.binomial(10, 0.5, (5, 100)), "x": rng.binomial(10, 0.3, (5, 100))}
    arms["x"][:2] = 10
    return arms, [10] * 100


def test_collapsed_runs_are_set_aside_and_reported() -> None:
    """The verdict is of the seeds that trained; all runs stand beside it."""
    arms, words = collapsing()
    found = compare(arms, words, baseline="b", resamples=500, collapses=True)
    arm, verdict = of(found, "x"), found["x"].verdict
    assert arm.collapses is not None and verdict is not None
    assert (arm.collapses.arm, arm.collapses.baseline, arm.collapses.seeds) == (2, 0, 5)
    trained = compare(
        {n: a[2:] for n, a in arms.items()}, words, baseline="b", resamples=500, collapses=True
    )
    assert (arm.points, arm.low, arm.high) == pytest.approx(
        (of(trained, "x").points, of(trained, "x").low, of(trained, "x").high)
    )
    assert arm.all_runs is not None and len(arm.per_seed) == 5
    assert arm.all_runs[0] == pytest.approx(np.mean(arm.per_seed))
    assert arm.all_runs[0] > 0 > arm.points
    assert verdict.outcome is Outcome.BETTER_WHERE_IT_TRAINS
    plain = of(compare(arms, words, baseline="b", resamples=500), "x")
    assert plain.collapses is None and plain.points == pytest.approx(arm.all_runs[0])


def test_collapsed_runs_do_not_take_the_power_of_the_other_arms() -> None:
    """One arm's collapses inside the moderation would widen every interval."""
    arms, words = collapsing()
    rng = np.random.default_rng(5)
    arms["y"] = rng.binomial(10, 0.45, (5, 100))
    aside = of(compare(arms, words, baseline="b", resamples=500, collapses=True), "y")
    inside = of(compare(arms, words, baseline="b", resamples=500), "y")
    assert aside.high - aside.low < 0.7 * (inside.high - inside.low)


def test_too_few_that_trained_is_no_verdict() -> None:
    """One seed that trained tells nothing of seeds, whatever all runs look like."""
    arms, words = collapsing()
    arms["x"][:4] = 10
    found = compare(arms, words, baseline="b", resamples=500, collapses=True)
    assert found["x"].verdict is not None
    assert found["x"].verdict.outcome is Outcome.NOT_SHOWN
    assert of(found, "x").holm_p == 1.0


def test_within_a_margin() -> None:
    """Two arms of equal rates on many utterances, and one that is far off."""
    rng = np.random.default_rng(0)
    hard = rng.uniform(0.2, 0.6, 600)
    arms = {n: rng.binomial(9, hard, (5, 600)) for n in ("b", "x", "y")}
    arms["z"] = rng.binomial(9, hard + 0.1, (5, 600))
    found = compare(arms, [9] * 600, baseline="b", resamples=1000, margin=2.0)
    outcomes = {arm.name: arm.verdict.outcome for arm in found.arms if arm.verdict}
    assert outcomes == {"x": Outcome.SAME, "y": Outcome.SAME, "z": Outcome.WORSE}
    low, high = of(found, "x").spread.interval(0.9)  # type: ignore[union-attr]
    assert -2.0 < low < high < 2.0
    assert of(found, "x").tost_p(max(-low, high)) == pytest.approx(0.05, abs=1e-3)


def test_a_run_that_scatters_more_is_called_out() -> None:
    """The test leans on arms that are alike; a reader must hear when they are not."""
    rng = np.random.default_rng(3)
    words = np.full(200, 10)
    arms = {n: rng.binomial(10, 0.4, (3, 200)) for n in "bxyz"}
    arms["w"] = rng.binomial(10, np.array([0.2, 0.4, 0.6])[:, None], (3, 200))
    limits = compare(arms, words, baseline="b", resamples=300).limits
    assert len(limits) == 1 and limits[0].startswith("The runs of w scatter far more")
    assert limits[0].endswith("run 5 seeds.")


def test_teachers_are_what_is_replicated() -> None:
    """Six runs of three teachers are three numbers, the mean of each teacher's two seeds."""
    rng = np.random.default_rng(4)
    words = np.full(100, 10)
    arms = {n: rng.binomial(10, 0.4, (6, 100)) for n in "bx"}
    found = compare(arms, words, baseline="b", resamples=500, teachers=3)
    arm = of(found, "x")
    means = np.array(arm.per_seed).reshape(3, 2).mean(axis=1)
    floor = np.mean(np.array(arm.per_seed).reshape(3, 2).var(axis=1, ddof=1)) / 6
    assert arm.components.seeds == 3 and arm.components.seed_df == 2.0
    assert arm.components.seed == pytest.approx(max(means.var(ddof=1) / 3, floor))
    assert found["x"].verdict is not None and "3 teachers" in found["x"].verdict.sentence
