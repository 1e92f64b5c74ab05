"""`budget: {hours: ...}` by the driver's own code, its workers alone made up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.hours import simulate, study_of  # noqa: E402
from slr_tune.search.study_clock import used_seconds  # noqa: E402
from slr_tune.study.open_study import open_store  # noqa: E402
from slr_tune.study.storage import open_storage  # noqa: E402

SHORT = {"max_epochs": 9, "grace_epochs": 1}


@pytest.fixture(autouse=True)
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("workers", "budget"),
    [(2, {}), (1, {"fidelity": "subset"})],
)
def test_search_ends_in_time(studies: Path, workers: int, budget: dict[str, object]) -> None:
    """Within 5 % of an hour, five minutes of them a teacher's, and no epoch is begun in vain."""
    spec = study_of("timed", studies, **{**SHORT, "trials": None, "hours": 1, **budget})
    found = simulate(spec, workers=workers, epoch=70.0 * workers, before=300.0)
    assert 0.95 * 3600 <= found.seconds <= 3600
    assert found.cut == 0.0 and found.unfinished == 0
    assert found.complete >= 2 and found.paused > 0  # the baseline, and who was promoted to the end
    store = open_store(spec, open_storage())
    assert used_seconds(store.study.user_attrs) == pytest.approx(found.seconds, abs=0.1)


def test_search_that_has_its_trials_ends_before(studies: Path) -> None:
    """Time is a limit, not an order: nobody waits, and what waited is pruned."""
    spec = study_of("few", studies, **SHORT, trials=4, hours=1)
    found = simulate(spec, workers=2, epoch=60.0)
    assert (found.trials, found.paused, found.unfinished) == (4, 0, 0)
    assert found.seconds < 0.9 * 3600


def test_time_of_a_killed_driver_counts(studies: Path) -> None:
    """Killed after half an hour, the next has half left; given more, it has more."""
    spec = study_of("killed", studies, **SHORT, trials=None, hours=1)
    simulate(spec, workers=1, epoch=90.0, kill_at=1800.0)
    second = simulate(spec, workers=1, epoch=90.0)
    assert second.seconds == pytest.approx(1800.0, rel=0.1)
    again = simulate(spec, workers=1, epoch=90.0)
    assert again.epochs == second.epochs
    longer = study_of("killed", studies, **SHORT, trials=None, hours=1.5)
    third = simulate(longer, workers=1, epoch=90.0)
    assert third.seconds == pytest.approx(1800.0, rel=0.1) and third.trials > second.trials


def test_resumed_search_decides_as_it_would_have(studies: Path) -> None:
    """With low rungs on a part of the data: the same trials at the same rungs, killed or not."""
    entries = []
    for name, kills in (("whole", ()), ("cut", (300.0, 400.0))):
        spec = study_of(name, studies, **SHORT, trials=7, fidelity="subset", audit=0)
        for kill_at in kills:
            simulate(spec, workers=1, epoch=60.0, spread=0.0, kill_at=kill_at)
        simulate(spec, workers=1, epoch=60.0, spread=0.0)
        trials = open_store(spec, open_storage()).trials
        entries.append([t.user_attrs["slr"]["rungs"] for t in trials])
        assert [t.state.name for t in trials].count("PRUNED") == 6
    assert entries[0] == entries[1]
