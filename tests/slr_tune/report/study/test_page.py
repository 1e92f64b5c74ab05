"""The whole report, over studies as they come: running, torn, tiny, failed, large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from optuna.samplers import RandomSampler
from report_studies import StoredTrial, tell_study
from toy_space import toy_spec

from slr_tune.dashboard.notes import study_note
from slr_tune.report.page.html import render_html
from slr_tune.report.page.markdown import render_markdown
from slr_tune.report.study.cost import costs
from slr_tune.report.study.history import curves_part, history_part, running_best
from slr_tune.report.study.overview import verdict
from slr_tune.report.study.page import importance_parts, study_page, write_report
from slr_tune.report.study.sampling import shown
from slr_tune.report.study.study_data import StudyData, collect
from slr_tune.study.confirmed import write_confirmed
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("database")

SOME = [
    StoredTrial([60.0, 50.0, 40.0, 30.0, 30.0, 30.0, 30.0, 30.0, 30.0]),
    StoredTrial([90.0], "asha", {"kd_blank": "drop", "temperature.schedule": "linear"}),
    StoredTrial([55.0, 45.0, 35.0, 25.0, 24.0, 24.5, 24.6], "patience", {"learning_rate": 0.02}),
    StoredTrial([70.0, 60.0, 50.0, 45.0, 20.0, 20.0, 20.0, 20.0, 19.0], params={"dropout": 0.1}),
    StoredTrial([95.0, 94.0, math.nan], "nan", error="the loss is not a number"),
    StoredTrial([80.0], "asha"),
    StoredTrial([85.0, 60.0, 45.0, 28.0, 27.0, 27.0, 27.0, 27.0, 27.0], spared=1),
    StoredTrial([75.0, 70.0], "running"),
]


def titles(facts: StudyData) -> list[str]:
    own = [] if facts.importance is None else importance_parts(facts)
    return [part.title for part in study_page(facts).parts if part not in own]


def facts_of(trials: Sequence[StoredTrial], **options: Any) -> StudyData:
    return collect(tell_study(trials, **options))


def test_everything_that_a_study_has() -> None:
    """Each part stands on the page of a study that has something for it."""
    assert titles(facts_of(SOME)) == [
        "The best configuration",
        "What to do next",  # on a terminal; on the page the first step is an answer
        "What else to do",
        "How the search went",
        "How the search went",  # in Markdown, which has no chart
        "Learning curves",
        "All parameters together",
        "One parameter at a time",
        "The blend of alpha, beta and gamma",
        "Temperature over the epochs",
        "What ASHA did",
        "Was stopping right?",
        "Patience",
        "What it cost",
        "Failures",
        "Red flags",
        "All trials",
    ]


def test_verdict_says_what_won_and_that_it_is_optimistic() -> None:
    """The sentence that people quote; with new seeds it gives the honest figure instead."""
    view = tell_study(SOME)
    message = verdict(collect(view))
    assert message.startswith(
        "Trial 3 won: dev WER 19.00 %, 11.00 points better than the baseline's "
    )
    assert "Optimistic: one seed, picked as the best of" in message
    rows = [
        {"trial": 0, "name": "baseline", "claimed": 30.0, "wer": {"dev": [31.0, 33.0]}},
        {"trial": 3, "name": "best", "claimed": 19.0, "wer": {"dev": [21.0, 23.0]}},
    ]
    write_confirmed(view.folder, rows)
    facts = collect(view)
    assert verdict(facts).endswith("On 2 new seeds it came to 22.00 ± 1.41, the baseline to 32.00.")
    page = render_html(study_page(facts))
    assert "Optimistic" not in page
    # Two seeds: t(1) at 97.5 % is 12.706, the standard error 1.
    assert (
        "the search claimed 19.00, 2 new seeds give 22.00: +3.00 points [-9.71, +15.71]: "
        "inconclusive (an optimism of "
    ) in page


def test_a_search_after_the_loss_shows_both_in_their_units() -> None:
    """New seeds and patience are told in dev WER: a loss among them would be taken for one."""
    view = tell_study(SOME, overrides=["objective.metric=val/loss"])
    rows = [
        {"trial": 0, "name": "baseline", "claimed": 30.0, "wer": {"dev": [31.0, 33.0]}},
        {"trial": 3, "name": "best", "claimed": 19.0, "wer": {"dev": [21.0, 23.0]}},
    ]
    write_confirmed(view.folder, rows)
    facts = collect(view)
    message = verdict(facts)
    assert message.startswith("Trial 3 won: dev loss 0.86, 0.44 better than the baseline's 1.3.")
    assert "On 2 new seeds its dev WER came to 22.00" in message
    assert "the search claimed 19.00, 2 new seeds give 22.00" in render_html(study_page(facts))
    assert facts.patience is not None and facts.patience.wers.min() == 19.0


def test_figures_and_text_keep_apart_what_two_decimals_would_not() -> None:
    """Losses, and accuracies below 1, became flat lines at a height that no trial had."""
    ends = [20.0 + place / 40 for place in range(6)]  # losses of 0.9, 0.901 and so on
    facts = facts_of(
        [StoredTrial([60.0, 40.0, *[end] * 7]) for end in ends],
        overrides=["objective.metric=val/loss"],
    )
    losses = {round(end / 25 + 0.1, 6) for end in ends}
    assert len(losses) == 6
    parts = {part.title: part for part in study_page(facts).parts}

    def drawn(title: str, key: str) -> set[float]:
        part = parts[title]
        traces = [trace for figure in part.figures for trace in figure.traces]
        return {round(y, 6) for trace in traces for y in key_of(trace, key) if y is not None}

    def key_of(trace: dict[str, Any], key: str) -> list[float]:
        return trace.get(key) or (trace["marker"][key] if key in trace["marker"] else [])

    for title in (
        "How the search went",
        "Learning curves",
        "One parameter at a time",
        "What ASHA did",
    ):
        assert losses <= drawn(title, "y"), title
    triangle = "The blend of alpha, beta and gamma"
    shades = parts[triangle].figures[0].traces[0]["marker"]["color"]
    assert losses == {round(shade, 6) for shade in shades}
    rows = parts["All trials"].tables[0].rows
    assert {row[1] for row in rows} == {"0.9", "0.901", "0.902", "0.903", "0.904", "0.905"}


def test_a_run_of_ones_own_is_reported_to_be_confirmed(tmp_path: Path) -> None:
    """`confirm` compares its metric over new seeds, or what it told that it recognised."""
    store = open_store(toy_spec(tmp_path), open_storage())
    live = store.start_trial(RandomSampler(seed=0))
    store.add_row(live, {"epoch": 1, "seconds": 1.0, "val/wer": 50.0})
    store.finish(live, "max_epochs")
    view = load_study("toy")
    facts = collect(view)
    assert facts.best is not None and not facts.recogniser
    page = render_html(study_page(facts)) + study_note(view, {})
    assert "optimistic" in page and "slr-tune confirm" in page
    assert "slr-tune confirm" in study_note(tell_study(SOME), {})


def test_torn_confirmation_is_as_none() -> None:
    """A half-written file must not take the report away."""
    view = tell_study(SOME)
    (view.folder / "confirm.json").write_text('[{"trial": 3, "wer"')
    assert collect(view).confirmed == ()


def test_baseline_that_won() -> None:
    """No gain is claimed where there is none."""
    facts = facts_of([SOME[3], SOME[0]])
    assert verdict(facts).startswith("Nothing beat the baseline: dev WER 19.00 % (trial 0).")


def test_without_a_baseline() -> None:
    """A space may have none."""
    facts = facts_of(SOME, baseline=False)
    assert facts.gain is None and "baseline" not in verdict(facts)
    assert "<figure" in render_html(study_page(facts))


def test_without_curve_files() -> None:
    """The folder is gone: the database's values still tell the story, flags and patience do not."""
    found = titles(facts_of(SOME, files=False))
    assert "Learning curves" in found and "What ASHA did" in found
    assert "Red flags" not in found and "Patience" not in found


def test_torn_curve_file() -> None:
    """Another process is writing its last line."""
    view = tell_study(SOME)
    path = view.folder / "trials" / "0" / "curve.csv"
    path.write_text(path.read_text()[:-7])
    assert len(collect(view).trials[0].curve) == 8


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([], "No trial has a value yet."),
        ([StoredTrial([], "running")], "No trial has a value yet."),
        ([StoredTrial([60.0, 50.0], "running")], "No trial has a value yet."),
        ([SOME[0]], "Nothing beat the baseline: dev WER 30.00 % (trial 0)."),
        ([SOME[4], SOME[4]], "All 2 trials failed: nothing was found."),
        ([StoredTrial([], "error", error="boom")], "All 1 trials failed"),
    ],
)
def test_studies_with_next_to_nothing(
    trials: list[StoredTrial], message: str, tmp_path: Path
) -> None:
    """A report over whatever is there, never a traceback."""
    facts = facts_of(trials)
    report = study_page(facts)
    assert verdict(facts).startswith(message)
    assert message in render_markdown(report)
    page, words, *_ = write_report(facts, report)
    assert page.stat().st_size > 1000 and words.stat().st_size > 50


def test_only_stopped_trials() -> None:
    """A stopped trial's value is of its epoch, and said so."""
    facts = facts_of([StoredTrial([90.0], "asha"), StoredTrial([80.0], "asha")])
    assert verdict(facts).startswith("No trial has run to its end; of the stopped ones trial 1")


def test_a_running_study_says_that_it_runs() -> None:
    """Its figures will change."""
    tell_study(SOME)
    with StudyLock(open_storage().engine, "told"):
        facts = collect(load_study("told"))
        page = render_html(study_page(facts))
    assert "It is running (process" in page and "this is its state so far" in page


@pytest.mark.parametrize(
    ("direction", "words"),
    [
        ("minimize", ("stay high early", "still falling")),
        ("maximize", ("stay low early", "still rising")),
    ],
)
def test_curves_of_an_accuracy_are_read_the_other_way_round(
    direction: str, words: tuple[str, str]
) -> None:
    """Lines that stay high were said to be the bad ones, whatever the direction."""
    study = facts_of([StoredTrial([60.0, 50.0])], overrides=[f"objective.direction={direction}"])
    part = curves_part(study)
    assert part is not None and all(word in str(part.blocks[0]) for word in words)


def test_running_best_by_hand() -> None:
    """Stopped and failed trials have no part in it."""
    assert running_best(facts_of(SOME)) == [(0, 30.0), (2, 24.0), (3, 19.0)]


def test_parts_that_have_only_words_are_in_the_markdown_too() -> None:
    """No red flag, and nobody knows how good the stops were: both are worth reading."""
    steady = [StoredTrial([60.0 - 2 * e - n for e in range(9)]) for n in range(2)]
    text = render_markdown(study_page(facts_of([*steady, StoredTrial([90.0], "asha")])))
    assert "## Was stopping right?" in text and "budget: {audit: 0.05}" in text
    assert "## Red flags\n\nNone on the curves of 3 trials." in text


def test_trials_without_an_epoch_are_not_counted_among_those_left_out() -> None:
    """The note says which trials a figure leaves out; one without a value is in none."""
    part = history_part(facts_of([*SOME, StoredTrial([], "error", error="boom")]))
    assert part is not None and not any("are drawn" in text for text in part.text)


def test_cost_by_hand() -> None:
    """9 epochs are the budget: two stopped at 1 saved 16, patience at 7 saved 2."""
    rows = {cost.ending: cost for cost in costs(facts_of(SOME))}
    assert (rows["asha"].epochs, rows["asha"].saved) == (2, 16)
    assert (rows["patience"].epochs, rows["patience"].saved) == (7, 2)
    assert (rows["max_epochs"].trials, rows["max_epochs"].epochs) == (3, 27)
    assert rows["failed"].saved == rows["running"].saved == 0
    assert rows["max_epochs"].seconds == 54.0


def test_leaders_are_the_best_that_finished_and_then_who_got_far() -> None:
    """A stopped trial is no leader while finished ones are left."""
    assert [t.number for t in facts_of(SOME).leaders] == [3, 2, 6, 0, 5]


def test_thinning_keeps_the_best_and_the_baseline() -> None:
    """A figure that left out the best trial would lie."""
    facts = facts_of(SOME)
    chosen = [trial.number for trial in shown(facts, facts.trials, 4)]
    assert {0, 3, 2} <= set(chosen) and len(chosen) <= 4 + 4
    assert len(shown(facts, facts.trials, 100)) == len(facts.trials)


def test_markdown_has_the_tables_and_no_empty_part() -> None:
    """For a repository, where no browser draws figures."""
    text = render_markdown(study_page(facts_of(SOME)))
    assert "| baseline |" not in text.split("## The best configuration")[0]
    assert "## Patience" in text and "## Learning curves" not in text
    assert "## How the search went" in text and "found in trial 3" in text
    assert "| nan | 1 | 4 | 3 | the loss is not a number |" in text


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_study_of_every_ending_opens_in_a_browser(
    browser: Browser, width: int, dark: bool
) -> None:
    """No error, no request outside, nothing wider than the screen, every figure drawn."""
    facts = facts_of(SOME)
    page, *_ = write_report(facts, study_page(facts))
    shown_page = browser.open(page, width=width, dark=dark)
    height = 800 if width == 1280 else 844
    assert shown_page.sideways == 0
    assert shown_page.box(".verdict").bottom < height / 3
    assert shown_page.box(".first dl").bottom < height
    # The axis' title may touch the edge.
    assert shown_page.box(".first figure").bottom < height + 10
    shown_page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    figures = "return document.querySelectorAll('figure').length"
    drawn = (
        "return [...document.querySelectorAll('figure')].every(f => f.querySelector('.main-svg'))"
    )
    assert shown_page.evaluate(figures) >= 15
    assert shown_page.evaluate(drawn)
    assert shown_page.errors == [] and shown_page.outside_requests == []
    assert shown_page.sideways == 0
