"""Promotion by a quota: who waits, who goes on, and that the stored entries tell it again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned_epochs import planned_epochs

from slr_tune.study.quota import Promotion, Quota
from slr_tune.study.record import RungEntry


def test_promotions_by_hand() -> None:
    """Nobody goes on before three arrived, and the second not before six."""
    quota = Quota((3, 9), 3)
    found = []
    for trial, value in enumerate([50.0, 60.0, 40.0, 45.0, 70.0, 42.0], 1):
        quota.arrive(trial, 3, value)
        found.append(quota.next())
        if found[-1] is not None:
            quota.promote(found[-1])
    none = [None, None]
    assert found == [*none, Promotion(3, 3), *none, Promotion(6, 3)]
    assert quota.waiting == [Promotion(n, 3) for n in (4, 1, 2, 5)]


def test_the_best_that_waits_has_to_be_among_the_best_third_of_all() -> None:
    """Three better arrivals after two promotions must not open a place for what was outranked."""
    quota = Quota((1,), 3)
    for trial, value in enumerate([5.0, 6.0, 7.0]):
        quota.arrive(trial, 1, value)
    quota.promote(Promotion(0, 1))
    for trial, value in enumerate([1.0, 2.0, 3.0], 3):
        quota.arrive(trial, 1, value)
    assert quota.next() == Promotion(3, 1)
    quota.promote(Promotion(3, 1))
    assert quota.next() is None  # one of the places went to trial 0, which is outranked now
    for trial in (4, 5):
        quota.withdraw(trial)
    for trial, value in enumerate([8.0, 9.0, 10.0], 6):
        quota.arrive(trial, 1, value)
    assert quota.next() is None  # there is a place, but trial 1 is fifth of nine


def test_equal_values_are_mostly_one_training_and_one_of_them_goes_on() -> None:
    """With a patience that did not act two trials are the same; both would take both places."""
    quota = Quota((1,), 3)
    for trial, value in enumerate([1.0, 1.0, 2.0, 3.0, 3.0, 4.0]):
        quota.arrive(trial, 1, value)
    assert quota.next() == Promotion(0, 1)
    quota.promote(Promotion(0, 1))
    assert quota.next() == Promotion(1, 1), "a third of six are two: trial 2 is not among them"
    for trial in (6, 7, 8):
        quota.arrive(trial, 1, 5.0)
    assert quota.next() == Promotion(2, 1)
    assert quota.hopeless(9) == [Promotion(n, 1) for n in (3, 4, 5, 6, 7, 8)]
    quota.promote(Promotion(2, 1))
    assert quota.next() == Promotion(1, 1), "it is better than no promotion"


def test_higher_rungs_come_first() -> None:
    """A free worker brings the best nearer to its end before it looks at beginners."""
    quota = Quota((1, 3), 2)
    for trial in range(4):
        quota.arrive(trial, 1, float(trial))
    for _ in range(2):
        promotion = quota.next()
        assert promotion is not None and promotion.epoch == 1
        quota.promote(promotion)
    quota.arrive(0, 3, 0.0)
    quota.arrive(1, 3, 1.0)
    for trial in (4, 5):
        quota.arrive(trial, 1, float(trial))
    assert quota.next() == Promotion(0, 3)


def test_the_baseline_counts_in_no_quota() -> None:
    """It runs to its end in any case: counted as promoted it would keep a better trial waiting."""
    quota = Quota((1,), 3)
    entry = quota.arrive(0, 1, 0.0, exempt=True)
    assert entry.exempt and not entry.paused
    quota.arrive(1, 1, 2.0)
    quota.arrive(2, 1, 3.0)
    assert quota.next() is None
    quota.arrive(3, 1, 4.0)
    assert quota.next() == Promotion(1, 1)


def test_flat_start_lets_no_more_through_than_the_quota() -> None:
    """At 100 % WER all tie, with no value too: the stopping form lets every one of them pass."""
    for value in (100.0, None):
        quota = Quota((1,), 3)
        for trial in range(25):
            quota.arrive(trial, 1, value)
        promoted = []
        while (promotion := quota.next()) is not None:
            quota.promote(promotion)
            promoted.append(promotion.trial)
        assert promoted == list(range(8))  # the earlier trials first


def test_maximizing_turns_the_order_round_and_no_value_is_the_worst() -> None:
    """With an accuracy the larger value goes on."""
    quota = Quota((1,), 3, minimizes=False)
    for trial, value in enumerate([None, 0.5, 0.6]):
        quota.arrive(trial, 1, value)
    assert quota.next() == Promotion(2, 1)
    assert [one.trial for one in quota.waiting] == [2, 1, 0]


def test_wrong_places_are_refused() -> None:
    """A wrong epoch must not silently open a rung, nor a promotion be counted twice."""
    quota = Quota((3,), 3)
    with pytest.raises(ValueError, match="epoch 4 is not a rung"):
        quota.arrive(0, 4, 1.0)
    with pytest.raises(ValueError, match="trial 0 does not wait at epoch 3"):
        quota.promote(Promotion(0, 3))


def test_planned_epochs_of_the_distillation_that_ships() -> None:
    """24 + 23 x 3 + 7 x 6 + 2 x 15."""
    output = {"rungs": (3, 9), "trials": 24, "reduction_factor": 3, "max_epochs": 24}
    assert planned_epochs(**output, exempt=1) == 165  # type: ignore[arg-type]
    assert planned_epochs(**output, exempt=0) == 24 * 3 + 8 * 6 + 2 * 15  # type: ignore[arg-type]


Play = tuple[Quota, dict[int, list[RungEntry]], int]


def play(values: list[list[float]], *, workers: int, seed: int) -> Play:
    """A search over trials with these values at three rungs, and the epochs that it trained."""
    draw, quota = random.Random(seed), Quota((1, 3, 9), 3)
    ends = (*quota.epochs, 20)
    entries: dict[int, list[RungEntry]] = {n: [] for n in range(len(values))}
    new, trained = list(range(len(values))), 0
    running: list[tuple[int, int]] = []
    while True:
        while len(running) < workers:
            if (promotion := quota.next()) is not None:
                place = quota.promote(promotion)
                last = entries[promotion.trial].pop()
                resumed = RungEntry(last.epoch, last.value, last.order, False, False, False, True)
                entries[promotion.trial].append(RungEntry(*_fields(resumed), place))
                running.append((promotion.trial, ends.index(promotion.epoch) + 1))
            elif new:
                running.append((new.pop(0), 0))
            else:
                break
        if not running:
            return quota, entries, trained
        trial, stage = running.pop(draw.randrange(len(running)))
        trained += ends[stage] - (ends[stage - 1] if stage else 0)
        if stage == 3:
            continue
        exempt = trial == 0
        value = values[trial][stage]
        entries[trial].append(quota.arrive(trial, ends[stage], value, exempt=exempt))
        if exempt:
            running.append((trial, stage + 1))


def _fields(entry: RungEntry) -> tuple[int, float | None, int, bool, bool, bool, bool]:
    return entry.epoch, entry.value, entry.order, False, False, False, True


curves = st.lists(
    st.lists(st.sampled_from([100.0, 50.0, 40.0, 30.0]), min_size=3, max_size=3),
    min_size=1,
    max_size=40,
)


@given(curves, st.integers(1, 5), st.integers(0, 99))
def test_a_search_costs_what_was_planned_and_is_reported_again_by_its_entries(
    values: list[list[float]], workers: int, seed: int
) -> None:
    """The forecast and a driver that starts again both rest on this, ties or not."""
    quota, entries, trained = play(values, workers=workers, seed=seed)
    planned = planned_epochs(
        quota.epochs, trials=len(values), exempt=1, reduction_factor=3, max_epochs=20
    )
    assert trained == planned
    stored = [(trial, entry) for trial, found in entries.items() for entry in found]
    again = Quota(quota.epochs, 3)
    output = again.replay(reversed(stored))
    assert output == sorted(stored, key=lambda pair: pair[1].order)
    assert again == quota


@given(curves, st.integers(0, 99), st.integers(0, 30))
def test_the_hopeless_are_never_promoted(values: list[list[float]], seed: int, more: int) -> None:
    """Their checkpoints are deleted: one that was promoted all the same would begin anew."""
    quota, _, _ = play(values, workers=2, seed=seed)
    hopeless = set(quota.hopeless(len(values) - 1 + more))
    draw, promoted = random.Random(seed), set()
    for trial in range(1000, 1000 + more):
        quota.arrive(trial, 1, draw.choice([100.0, 50.0, 20.0]))
        while (promotion := quota.next()) is not None:
            quota.promote(promotion)
            promoted.add(promotion)
            later = {1: 3, 3: 9}.get(promotion.epoch)
            if later is not None:
                quota.arrive(promotion.trial, later, draw.choice([50.0, 20.0]))
    assert not promoted & hopeless


def test_a_promotion_that_the_values_do_not_allow_is_reported() -> None:
    """A value that was changed in the database must not pass for what decided."""
    quota = Quota((1,), 3)
    entries = [(trial, quota.arrive(trial, 1, float(trial))) for trial in range(3)]
    place = quota.promote(Promotion(0, 1))
    changed = RungEntry(1, 9.0, 0, stopped=False, paused=True, resumed=place)
    found = Quota((1,), 3).replay([(0, changed), *entries[1:]])
    assert found[0][1].resumed is None
    spared = RungEntry(1, 2.0, 2, stopped=False, spared=True, paused=True, resumed=4)
    right = RungEntry(1, 0.0, 0, stopped=False, paused=True, resumed=place)
    stored = [(0, right), entries[1], (2, spared)]
    assert Quota((1,), 3).replay(stored) == stored


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([1.0, 2.0, 3.0, None]), st.integers(0, 2)),
        max_size=40,
    )
)
def test_ranks_kept_in_order_are_those_of_a_look_at_all(
    events: list[tuple[int, float | None, int]],
) -> None:
    """Arrivals, again by who began anew, promotions, trials that somebody ended by hand."""
    quota = Quota((1,), 2)
    ranks: dict[int, tuple[float, int]] = {}
    waiting: dict[int, tuple[float, int]] = {}
    promoted: list[float] = []
    for trial, value, kind in events:
        places = len(ranks) // 2
        among = [k for k in waiting.values() if sum(rank < k for rank in ranks.values()) < places]
        best = min(among, key=lambda key: (key[0] in promoted, key), default=None)
        due = best is not None and len(promoted) < places
        assert quota.next() == (Promotion(best[1], 1) if due and best else None)
        assert [one.trial for one in quota.waiting] == [n for _, n in sorted(waiting.values())]
        if kind == 0 and due and best is not None:
            quota.copy().withdraw(best[1])  # changes nothing of its own
            quota.promote(Promotion(best[1], 1))
            del waiting[best[1]]
            promoted.append(best[0])
        elif kind == 1:
            quota.withdraw(trial)
            waiting.pop(trial, None)
        else:
            quota.arrive(trial, 1, value)
            worth = float("inf") if value is None else value
            ranks[trial] = waiting[trial] = (worth, trial)
