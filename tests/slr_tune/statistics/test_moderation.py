"""The moderated variances of a family, and which runs scatter too much for it."""

from __future__ import annotations

import pytest

from slr_tune.statistics.moderation import Moderated, moderated, scattering


def test_by_hand() -> None:
    """Two arms of 3 seeds: mean 3, lent 4 * 2 / 5 = 1.6; (1.6 * 3 + 2 * 1) / 3.6."""
    first, second = moderated([1.0, 5.0], [3, 3])
    assert first == Moderated(pytest.approx(6.8 / 3.6), pytest.approx(1.6))
    assert second.variance == pytest.approx((4.8 + 10.0) / 3.6)


def test_what_is_lent_is_capped() -> None:
    """Ten arms of ten seeds lend four degrees of freedom, not eighty-one."""
    assert {one.prior for one in moderated([1.0] * 10, [10] * 10)} == {4.0}


def test_seeds_of_each_arm_count() -> None:
    """By hand: own df 4 and 1, mean (4 * 2 + 1 * 7) / 5 = 3; lent 4 * 1 / 5 and 4 * 4 / 5."""
    first, second = moderated([2.0, 7.0], [5, 2])
    assert (first.prior, second.prior) == (pytest.approx(0.8), pytest.approx(3.2))
    assert first.variance == pytest.approx((0.8 * 3 + 4 * 2) / 4.8)
    assert second.variance == pytest.approx((3.2 * 3 + 7) / 4.2)


def test_near_copies_of_the_baseline_say_nothing_of_another_arm() -> None:
    """Four arms at other beam widths scatter by nothing: the fifth is judged by its own seeds.

    At 3 seeds and 8 degrees of the others F = 5 has p = 0.039: 0.39 of what is lent.
    """
    alone, *copies = moderated([2.0, 1e-4, 1e-4, 1e-4, 1e-4], [3] * 5)
    assert alone.variance == pytest.approx(2.0, rel=1e-3)
    assert alone.prior == pytest.approx(0.0, abs=1e-3)
    assert all(one.prior == 4.0 for one in copies)
    some = moderated([5.0, 1.0, 1.0, 1.0, 1.0], [3] * 5)[0]
    lent = 4.0 * (1 + 2 * 5 / 8) ** -4 / 0.1  # the F distribution at 2 and 8 degrees
    assert some.prior == pytest.approx(lent)
    assert some.variance == pytest.approx((lent * 1.8 + 2 * 5) / (lent + 2))


def test_one_arm_keeps_its_own() -> None:
    """There is nobody to lend; an arm with one seed has nothing to give either."""
    assert moderated([2.0], [3]) == [Moderated(2.0, 0.0)]
    assert moderated([2.0, 0.0], [3, 1]) == [Moderated(2.0, 0.0), Moderated(0.0, 0.0)]


def test_scattering() -> None:
    """A variance of 30 against ones is far at 2 and 8 degrees (limit 7.5 at 0.01); 5 is not."""
    assert scattering([1, 1, 30, 1, 1], [3] * 5) == [False, False, True, False, False]
    assert not any(scattering([1, 1, 5, 1, 1], [3] * 5))
    assert scattering([1.0], [3]) == [False]
