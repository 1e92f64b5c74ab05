"""Where trials came from: the report's table, and what `show` says of each trial."""

from __future__ import annotations

import json

import pytest
from report_studies import StoredTrial, tell_study

from slr_tune.cli.main import run
from slr_tune.report.study.sources import source_summaries, sources_part
from slr_tune.report.study.study_data import collect
from slr_tune.study.view import StudyView

SOURCES = [
    "baseline", "perturbed baseline", "uniform", "perturbed baseline", "model: perturbed baseline",
    "uniform", "model: perturbed trial 2", "model: perturbed trial 5", "model: uniform",
]  # fmt: skip


@pytest.fixture
def view(database: object) -> StudyView:
    """Nine trials; the prior's come out worst at the first rung."""
    values = [50.0, 90.0, 40.0, 80.0, 70.0, 45.0, 30.0, 20.0, 60.0]
    output = zip(values, SOURCES, strict=True)
    return tell_study([StoredTrial([value], "asha", source=source) for value, source in output])


def test_each_source_with_its_trials(view: StudyView) -> None:
    """A person has to see that the prior was dropped, and that it deserved it."""
    rows = {row.name: row for row in source_summaries(collect(view))}
    prior = rows["perturbed baseline"]
    assert (prior.trials, prior.chosen, prior.thirds) == (3, 1, (1, 2, 0))
    assert prior.rank == pytest.approx(7 / 8)
    assert rows["perturbed good trial"].thirds == (0, 0, 2)
    assert rows["perturbed good trial"].rank == pytest.approx(0.5 / 8)
    part = sources_part(collect(view))
    assert part is not None and "their median was no better than" in str(part.blocks[0])


def test_show_says_where_a_trial_came_from(
    view: StudyView, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "told"]) == 0
    output = capsys.readouterr().out
    assert "from" in output and "model: perturbed trial 5" in output
    assert run(["show", "told", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["source"] for row in rows] == SOURCES
