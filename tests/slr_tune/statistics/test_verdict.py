"""The sentences, each rule with its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from slr_tune.statistics import Difference, Verdict, p_text, signed_points
from slr_tune.statistics.collapse import Collapses
from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.power import MoreRuns
from slr_tune.statistics.verdict import Outcome, judge, overall
from slr_tune.statistics.wording import difference_text


def difference(seeds: int = 3, units: int = 150, **changed: Any) -> Difference:
    """A difference that is not shown, but for what is changed."""
    given: dict[str, Any] = {
        "points": -0.8,
        "low": -2.9,
        "high": 1.2,
        "per_seed": (),
        "p_value": 0.3,
        "holm_p": 0.6,
        "probability_of_improvement": 0.85,
        "mapsswe": (),
        "components": VarianceComponents(0.2, 0.1, seeds, units, float(units)),
        "smallest_detectable": 2.24,
        "more": MoreRuns(9, None, 9, 0.81),
        "identical": False,
    }
    return Difference(**(given | changed))


def sentence(found: Difference, family: int = 2, unit: str = "utterances") -> str:
    return judge("constant 3", "step 4 -> 3", found, family=family, unit=unit).sentence


def test_not_shown() -> None:
    """The project's own example, to the letter."""
    verdict = judge("constant 3", "step 4 -> 3", difference(), family=2)
    assert verdict.outcome is Outcome.NOT_SHOWN
    assert verdict.sentence == (
        "No clear difference: constant 3 against step 4 -> 3: -0.8 points [-2.9, +1.2], 3 seeds. "
        "If the true difference is as large as the one seen, 9 more seeds show it with a chance "
        "of 81 %."
    )


def test_one_more_seed_is_singular() -> None:
    """A reader stumbles over `1 more seeds`."""
    one = sentence(difference(more=MoreRuns(1, None, 1, 0.9)))
    assert one.endswith("1 more seed shows it with a chance of 90 %.")


def test_so_many_seeds_are_no_advice_without_the_chance_of_fewer() -> None:
    """Nobody runs 64 more seeds; what 20 are worth is what a reader can act on."""
    many = sentence(difference(more=MoreRuns(64, None, 20, 0.35)))
    assert many.endswith("20 more seeds show it with a chance of 35 %, 64 with 80 %.")
    hopeless = sentence(difference(more=MoreRuns(None, None, 20, 0.004)))
    assert hopeless.endswith(
        "20 more seeds show it with a chance of below 1 %, and 1,000 not yet with 80 %."
    )


def test_shown_better_and_worse() -> None:
    """Which way is better depends on the sign alone: WER falls."""
    better = difference(points=-3.0, low=-4.5, high=-1.5, holm_p=0.0123)
    assert judge("a", "b", better, family=2) == Verdict(
        Outcome.BETTER, "Better: a against b: -3.0 points [-4.5, -1.5], 3 seeds, "
        "Holm p = 0.012.",
    )  # fmt: skip
    worse = difference(points=3.0, low=1.5, high=4.5, holm_p=0.0004, seeds=5)
    assert judge("a", "b", worse, family=1) == Verdict(
        Outcome.WORSE, "Worse: a against b: +3.0 points [+1.5, +4.5], 5 seeds, p < 0.001."
    )


def test_shown_alone_but_not_in_the_family() -> None:
    """An interval that leaves out zero is not enough among several comparisons."""
    found = difference(points=-3.0, low=-5.9, high=-0.1, p_value=0.04, holm_p=0.16)
    verdict = judge("a", "b", found, family=4)
    assert verdict.outcome is Outcome.NOT_SHOWN
    assert verdict.sentence == (
        "No clear difference: a against b: -3.0 points [-5.9, -0.1], 3 seeds. Its own interval "
        "leaves out zero, but among 4 comparisons chance does that too often (Holm p = 0.160). "
        "If the true difference is as large as the one seen, 9 more seeds show it with a chance "
        "of 81 %."
    )


def test_one_seed_shows_nothing() -> None:
    """Not even where its interval is far from zero."""
    found = difference(1, points=-9.0, low=-11.0, high=-7.0, holm_p=0.0001, more=None)
    verdict = judge("a", "b", found, family=1)
    assert verdict.outcome is Outcome.ONE_SEED
    assert verdict.sentence == (
        "No clear difference: a against b: -9.0 points, one seed. With other utterances this run "
        "could give [-11.0, -7.0]; other seeds are not covered. Run at least 3."
    )


def test_identical_arms() -> None:
    """Zero by construction is not a finding: no interval, no p-value."""
    found = difference(points=0.0, low=0.0, high=0.0, identical=True, more=None)
    verdict = judge("patience 12", "patience 24", found, family=3)
    assert verdict.outcome is Outcome.IDENTICAL
    assert verdict.sentence == (
        "Identical: patience 12 against patience 24: the runs made the same errors, "
        "so the difference is zero by construction, 3 seeds."
    )


def test_seeds_cannot_make_up_for_utterances() -> None:
    """Then it must say so, with a number that does not look exact."""
    assert sentence(difference(more=MoreRuns(None, 4119))).endswith(
        "More seeds will not help: 150 utterances cannot show a difference as large as the one "
        "seen, at least 4,200 can."
    )
    assert sentence(difference(more=MoreRuns(None, 10**9))).endswith("more than 100,000 can.")
    signers = difference(3, 9, more=MoreRuns(None, 14))
    assert sentence(signers, unit="signers").endswith("as the one seen, at least 14 can.")
    assert "3 seeds, 9 signers." in sentence(signers, unit="signers")


def test_the_same_within_a_margin() -> None:
    """Its own verdict; what is neither different nor the same is inconclusive, and says why."""
    same = difference(low=-1.5, high=0.4, margin=2.0, same_p=0.013, seeds_for_same=3)
    verdict = judge("a", "b", same, family=2)
    assert verdict.outcome is Outcome.SAME
    assert verdict.sentence == (
        "The same within 2 points: a against b: -0.8 points [-1.5, +0.4], 3 seeds, "
        "p = 0.013 for a larger difference."
    )
    open_ = replace(same, low=-2.9, high=1.2, same_p=0.2, seeds_for_same=9)
    verdict = judge("a", "b", open_, family=2)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.sentence.startswith("Inconclusive: a against b: -0.8 points")
    assert verdict.sentence.endswith(
        "Were there no difference, 9 seeds in all would show it within 2 points in four studies "
        "of five."
    )
    never = judge("a", "b", replace(open_, seeds_for_same=None), family=2).sentence
    assert never.endswith(
        "No number of seeds would show arms without any difference within 2 points."
    )
    both = replace(same, points=-1.0, low=-1.5, high=-0.5, holm_p=0.004)
    assert judge("a", "b", both, family=1).sentence == (
        "Better: a against b: -1.0 points [-1.5, -0.5], 3 seeds, p = 0.004, and the same "
        "within 2 points."
    )
    verdicts = {"a": judge("a", "b", same, family=2), "c": judge("c", "b", open_, family=2)}
    assert overall("b", verdicts) == "The same as b within 2 points: a. Inconclusive: c."


def test_collapsed_runs_are_reported_and_withhold_a_better() -> None:
    """An arm that wins where it trains and loses by collapsing is not simply better."""
    gone = Collapses(2, 0, 5, 0.444)
    better = difference(
        points=-3.0, low=-4.5, high=-1.5, holm_p=0.01, collapses=gone, all_runs=(25.0, -40.0, 90.0)
    )
    verdict = judge("a", "b", better, family=2)
    assert verdict.outcome is Outcome.BETTER_WHERE_IT_TRAINS
    assert verdict.sentence == (
        "Better where it trains, collapses more often: a against b: -3.0 points [-4.5, -1.5], "
        "of the runs that trained (3 seeds of 5), Holm p = 0.010. 2 of 5 runs collapsed, of the "
        "baseline 0 of 5 (Fisher's exact p = 0.444). All runs: +25.0 points [-40.0, +90.0], no "
        "verdict."
    )
    turned = replace(better, points=3.0, low=1.5, high=4.5, all_runs=(-25.0, -90.0, 40.0))
    assert judge("a", "b", turned, family=2).outcome is Outcome.WORSE_WHERE_IT_TRAINS
    agreed = replace(better, all_runs=(-9.0, -40.0, 22.0))
    assert judge("a", "b", agreed, family=2).outcome is Outcome.BETTER
    few = difference(1, collapses=Collapses(4, 0, 5, 0.048), p_value=1.0, holm_p=1.0)
    verdict = judge("a", "b", few, family=2)
    assert verdict.outcome is Outcome.NOT_SHOWN
    assert "fewer than two seeds in which both trained" in verdict.sentence


def test_neither_seeds_nor_difference() -> None:
    """No difference at all asks what could have been shown."""
    assert sentence(difference(points=0.0, more=None)).endswith(
        "0.0 points [-2.9, +1.2], 3 seeds. These runs could have shown 2.2 points or more."
    )


@pytest.mark.parametrize(
    ("points", "low", "high", "text"),
    [
        (-0.8, -2.9, 1.2, "-0.8 points [-2.9, +1.2]"),
        (-0.8, -1.6, -0.04, "-0.80 points [-1.60, -0.04]"),
        (0.5, 0.004, 1.0, "+0.500 points [+0.004, +1.000]"),
        (0.0, -1.0, 1.0, "0.0 points [-1.0, +1.0]"),
    ],
)
def test_rounding_never_hides_on_which_side_an_end_lies(
    points: float, low: float, high: float, text: str
) -> None:
    """`[-1.6, -0.0]` leaves the reader to guess; `-0.0` is never written."""
    assert difference_text(difference(points=points, low=low, high=high)) == text


def test_p_values_keep_their_side_of_the_level() -> None:
    """0.0496 is below the level, and 0.050 does not look so."""
    assert [p_text(p) for p in (0.0496, 0.04996, 0.05, 0.3, 0.0009999, 1.0)] == [
        "= 0.0496",
        "= 0.04996",
        "= 0.050",
        "= 0.300",
        "< 0.001",
        "= 1.000",
    ]


def test_zero_has_no_sign() -> None:
    """Minus zero is not a number of points."""
    assert [signed_points(value) for value in (-0.04, 0.0, 0.25, -2.0)] == [
        "0.0",
        "0.0",
        "+0.2",
        "-2.0",
    ]


def test_overall_counts_every_arm_once() -> None:
    """The first sentences of a report must not drop an arm."""
    found = {
        "constant 1": Verdict(Outcome.WORSE, ""),
        "constant 3": Verdict(Outcome.NOT_SHOWN, ""),
        "linear": Verdict(Outcome.ONE_SEED, ""),
        "step": Verdict(Outcome.IDENTICAL, ""),
        "cosine": Verdict(Outcome.BETTER, ""),
    }
    assert overall("step 4 -> 3", found) == (
        "Better than step 4 -> 3: cosine. Worse: constant 1. "
        "No clear difference: the other 2 arms. The same errors as step 4 -> 3: step."
    )
    del found["cosine"], found["linear"]
    assert overall("step 4 -> 3", found) == (
        "Worse than step 4 -> 3: constant 1. No clear difference: constant 3. "
        "The same errors as step 4 -> 3: step."
    )


def test_overall_gives_the_largest_shown_differences_first() -> None:
    """A reader of the first line wants the size; a factorial must not fill the screen."""
    shown = {
        name: judge(name, "b", difference(points=-size, low=-size - 1, high=-size + 1), family=5)
        for name, size in {"v": 2.0, "w": 3.0, "x": 6.0, "y": 5.0, "z": 4.0}.items()
    }
    shown = {name: replace(verdict, outcome=Outcome.BETTER) for name, verdict in shown.items()}
    assert overall("b", shown) == (
        "Better than b: x (-6.0 points [-7.0, -5.0]); y (-5.0 points [-6.0, -4.0]); "
        "z (-4.0 points [-5.0, -3.0]); and 2 more."
    )


def test_overall_of_nothing_says_what_could_have_been_shown() -> None:
    """Without that number nobody can tell equal arms from too few runs."""
    found = {
        "a": judge("a", "b", difference(), family=2),
        "c": judge(
            "c", "b", difference(points=1.0, p_value=0.2, smallest_detectable=3.01), family=2
        ),
    }
    assert overall("b", found) == (
        "No clear difference between b and any of 2 arms. The clearest difference is c, "
        "+1.0 points [-2.9, +1.2]. With 3 seeds, only differences above 2.2 to 3.0 points "
        "(depending on the arm) can be detected."
    )
    found["d"] = judge(
        "d", "b", difference(points=-3.0, low=-5.9, high=-0.1, p_value=0.04), family=3
    )
    assert "is d, -3.0 points [-5.9, -0.1], which is not enough among 3 comparisons. " in (
        overall("b", found)
    )
    one = {"a": judge("a", "b", difference(1, more=None), family=1)}
    assert overall("b", one) == (
        "No clear difference between b and a. One seed says nothing about other seeds: run at "
        "least 3."
    )
    alone = overall("b", {"a": found["a"]})
    assert alone.endswith(
        "[-2.9, +1.2]. With 3 seeds, only differences above 2.2 points can be detected."
    )
    bare = {"a": Verdict(Outcome.NOT_SHOWN, "")}
    assert overall("b", bare) == "No clear difference between b and a."
