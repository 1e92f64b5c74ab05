"""How many trials share a card, and who is asked how busy it is."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_runs import small_spec

from slr_tune.checks.card_trial import use_of_card
from slr_tune.search.run_options import RunOptions
from slr_tune.search.search_on_ray import SearchOnRay
from slr_tune.space import Resources
from slr_tune.training import workers as counting
from slr_tune.training.card_use import CardUse, card_watch, choose_share, mean_share
from slr_tune.training.workers import gpus_of

GIB = 2**30


@pytest.mark.parametrize(
    ("peak", "total", "busy", "expected"),
    [
        (4, 80, 0.30, 4),  # 3.2 of them would keep it busy
        (4, 80, 0.95, 1),
        (4, 80, 1.00, 1),
        (4, 80, 0.50, 2),
        (30, 80, 0.20, 2),  # five would, but two fit
        (79, 80, 0.10, 1),
        (200, 80, 0.10, 1),  # not even one fits: that is for the trial to say
        (1, 80, 0.01, 8),
        (1, 80, 0.00, 8),
        (4, 80, None, 2),
        (0, 80, 0.50, 2),
    ],
)
def test_as_many_as_keep_it_busy_and_fit(
    peak: int, total: int, busy: float | None, expected: int
) -> None:
    assert choose_share(CardUse(peak * GIB, total * GIB, busy)) == expected


def test_auto_is_one_card_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only counts, as `verify` does, measures nothing."""
    resources = Resources(gpus_per_trial="auto")
    for cards, expected in ((0, 0.0), (1, 1.0), (4, 1.0)):
        monkeypatch.setattr(counting, "gpus_here", lambda cards=cards: cards)
        assert gpus_of(resources) == expected
    assert gpus_of(Resources(gpus_per_trial=0.25)) == 0.25


@pytest.mark.parametrize(
    ("cards", "use", "expected"),
    [
        (0, CardUse(GIB, 80 * GIB, 0.25), 0.0),  # nothing is measured where there is no card
        (1, CardUse(4 * GIB, 80 * GIB, 0.25), 0.25),
        (1, None, 1.0),  # it could not be measured
    ],
)
def test_a_search_takes_what_was_measured(
    cards: int, use: CardUse | None, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "gpus_here", lambda: cards)
    output: list[str] = []
    run: Any = SimpleNamespace(
        spec=SimpleNamespace(resources=Resources(gpus_per_trial="auto", workers=3)),
        options=RunOptions(measure=lambda spec, storage: use),
        progress=SimpleNamespace(message=output.append),
    )
    resources = SearchOnRay._resources(run)
    assert (resources.gpus_per_trial, resources.workers) == (expected, 3)
    if expected == 0.25:
        assert output[-1] == (
            "gpus_per_trial: 0.25, because one trial uses 4,096 of 81,920 MiB, busy 25% of the time"
        )


def test_a_trial_that_cannot_be_measured_gives_nothing(tmp_path: Path) -> None:
    """The spec travels to another process; without a GPU, or of a custom run, nothing is found."""
    spec = small_spec(tmp_path)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert use_of_card(spec, None) is None


def test_nvidia_smi_is_asked_as_long_as_the_block_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of that name, which prints as NVIDIA's does; without one nothing is known."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with card_watch() as looks:
        pass
    assert mean_share(looks) is None
    program, ready = tmp_path / "nvidia-smi", tmp_path / "ready"
    lines = "printf '40\\n60\\n[N/A]\\n'"
    program.write_text(f"#!/bin/sh\n{lines}\n: > {ready}\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    with card_watch() as looks:
        while not ready.exists():
            os.sched_yield()
    assert looks == [40.0, 60.0] and mean_share(looks) == 0.5
