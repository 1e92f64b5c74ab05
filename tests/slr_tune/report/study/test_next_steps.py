"""The rules that say what to do next: each where it must speak, and where it must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from report_studies import SPACE, StoredTrial, tell_study
from written_commands import try_command

from slr_tune.diagnosis.red_flags import BLANK_PHASE, RedFlag
from slr_tune.importance import Importance
from slr_tune.importance.analysis import Bar
from slr_tune.importance.effects import EdgeReading
from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.overview import verdict
from slr_tune.report.study.patience import patience_part, study_patience
from slr_tune.report.study.rungs import rung_summaries, rungs_part
from slr_tune.report.study.study_data import StudyData, collect
from slr_tune.space import difference, load_spec
from slr_tune.study.confirmed import write_confirmed
from slr_tune.study.manifest import write_manifest
from slr_tune.study.patience import Patience

pytestmark = pytest.mark.usefixtures("database")

FLAT = [50.0, 40.0, 30.0, 29.0, 29.0, 29.0, 29.0, 29.0, 29.0]
"""Best at epoch 4 of 9: neither cut short nor stopped."""


CHANGED = ["budget.grace_epochs=1", "fixed.batch_size=8"]


def curve(end: float) -> list[float]:
    return [value - 29.0 + end for value in FLAT]


def facts_of(trials: Sequence[StoredTrial], **options: Any) -> StudyData:
    return collect(tell_study(trials, **options))


def advice_texts(facts: StudyData, rule: str) -> list[str]:
    return [
        f"{step.text} {step.command}".strip() for step in next_steps(facts) if step.rule == rule
    ]


def test_unfinished_trials_are_resumed() -> None:
    """A search that was cut off looks finished otherwise."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial([50.0], "running")])
    assert advice_texts(facts, "unfinished")[0].startswith("1 unfinished trial and")
    assert not advice_texts(facts, "running")


def test_a_running_study_is_left_to_run() -> None:
    """Its figures still change: no advice to confirm or to ask for more."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial([50.0], "running")])
    driver = facts.view.driver
    assert driver is None or not driver.alive
    from slr_tune.study.lock import Driver

    alive = Driver("told", True, "process 1", 0.0)
    running = replace(facts, view=replace(facts.view, driver=alive))
    assert [step.rule for step in next_steps(running)] == ["running"]


def test_failures_by_a_high_learning_rate() -> None:
    """It is told where diverged trials' rates are surely higher, and not where they might be."""
    bad = [StoredTrial([90.0, 95.0], "nan", {"learning_rate": 0.028}) for _ in range(4)]
    good = [StoredTrial(curve(20.0 + n), params={"learning_rate": 0.004}) for n in range(6)]
    facts = facts_of([StoredTrial(FLAT), *good, *bad])
    (text,) = advice_texts(facts, "failures")
    assert text.startswith("4 of 11 trials failed, 4 by nan: their learning rate is high")
    assert "median 0.028" in text and text.endswith("--trial 7")
    assert advice_texts(with_edge(facts, "dropout", True), "edge")
    assert not advice_texts(with_edge(facts, "learning_rate", True), "edge")
    few = replace(facts, trials=facts.trials[:9])
    assert "were not clearly higher" in advice_texts(few, "failures")[0]


def test_failures_by_an_error_give_its_word_and_few_are_no_matter() -> None:
    """One in fifty is bad luck."""
    error = "Traceback (most recent call last):\n  File x\nValueError: no such thing"
    facts = facts_of([StoredTrial([], "error", error=error), StoredTrial([], "error", error=error)])
    assert "the first error: ValueError: no such thing." in advice_texts(facts, "failures")[0]
    many = [replace(trial, reason="max_epochs") for trial in facts.trials] * 10
    assert not advice_texts(replace(facts, trials=tuple([*many, facts.trials[0]])), "failures")


def test_confirm_until_the_best_is_confirmed() -> None:
    """The figure of a search must not be quoted; once confirmed, the advice would be noise."""
    view = tell_study([StoredTrial(FLAT), StoredTrial(curve(20.0))])
    assert advice_texts(collect(view), "confirm") == [
        "Retrain the winner with new seeds before you quote 20.00: it was selected on that very "
        "number. "
        "slr-tune confirm --study told"
    ]
    row = {"name": "best", "claimed": 20.0, "wer": {"dev": [21.0, 22.0]}}
    write_confirmed(view.folder, [{**row, "trial": 0}])
    assert advice_texts(collect(view), "confirm")
    write_confirmed(view.folder, [{**row, "trial": 1}])
    assert not advice_texts(collect(view), "confirm")


def test_a_stopped_trial_is_not_sent_to_confirm() -> None:
    """`confirm` refuses a search in which no trial ran to its end."""
    facts = facts_of([StoredTrial([90.0], "asha"), StoredTrial([80.0], "asha")])
    assert facts.best is not None and not advice_texts(facts, "confirm")


def test_baseline_that_was_not_beaten() -> None:
    """It is the page's first sentence, and no advice: more trials gained nothing."""
    facts = facts_of([StoredTrial(curve(10.0)), StoredTrial(FLAT)])
    assert verdict(facts).startswith("Nothing beat the baseline")
    assert [step.rule for step in next_steps(facts)] == ["confirm"]


def test_commands_are_about_the_very_study_with_what_was_typed_for_it() -> None:
    """The same file without --study is another study, and without --set this one refuses it."""
    view = tell_study(
        [StoredTrial(curve(10.0)), StoredTrial(FLAT), StoredTrial([50.0], "running")],
        overrides=CHANGED,
    )
    typed = {"--set": CHANGED, "--max-epochs": 9, "--trials": 24, "--allow-weak-teacher": True}
    spec = load_spec(SPACE, study="told", overrides=CHANGED)
    write_manifest(spec, view.folder, data=None, options=typed)
    facts = collect(view)
    (step,) = [step for step in next_steps(facts) if step.rule == "unfinished"]
    again = try_command(step.command)
    assert again is not None and again.budget.trials == 24
    assert difference(view.spec.identity(), again.identity()) == []
    assert "--allow-weak-teacher" in step.command


def with_edge(facts: StudyData, name: str, upper: bool, gain: float = 1.0) -> StudyData:
    """As if the model had read an edge off 60 trials."""
    assert facts.importance is not None
    main = Importance(9, "gp", 60, (), ())
    edge = EdgeReading(name, upper, gain, 0.95)
    edges = (*facts.importance.edges, edge)
    return replace(facts, importance=replace(facts.importance, main=main, edges=edges))


def test_best_at_the_edge_of_its_range() -> None:
    """A learning rate of 1e-3 to 3e-2, best at the top, to be widened to 5e-2."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial(curve(10.0))])
    (text,) = advice_texts(with_edge(facts, "learning_rate", True), "edge")
    assert text.startswith("learning_rate keeps improving at the upper edge of its range")
    assert "by 1.00 points: widen it to 0.05." in text
    assert text.endswith(
        "--study told-wider --set 'space.learning_rate.float=[0.001, 0.05]' --from told"
    )
    (text,) = advice_texts(with_edge(facts, "learning_rate", False), "edge")
    assert "lower edge" in text and "space.learning_rate.float=[0.0007, 0.03]" in text


def test_no_edge_of_a_small_gain_or_from_few_trials() -> None:
    """A quarter of a point is within the noise, and so is what fewer than 60 trials say."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial(curve(10.0))])
    assert not advice_texts(with_edge(facts, "learning_rate", True, gain=0.2), "edge")
    output = with_edge(facts, "learning_rate", True)
    assert output.importance is not None
    few = replace(output.importance, main=replace(output.importance.main, trials=59))
    assert not advice_texts(replace(output, importance=few), "edge")


def test_two_edges_are_widened_in_one_new_study() -> None:
    """Two studies would each keep one of the edges, and under one name the second is refused."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial(curve(10.0))])
    both = with_edge(with_edge(facts, "learning_rate", True), "patience", False)
    (text,) = advice_texts(both, "edge")
    assert "learning_rate keeps improving" in text and "patience keeps improving" in text
    assert text.count("--study told-wider") == 1 and text.count("--set") == 2


def test_a_range_that_cannot_be_widened() -> None:
    """Dropout cannot be below 0, and a patience of max_epochs ends nothing: 27 is no use at 24."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial(curve(10.0))])
    assert not advice_texts(with_edge(facts, "dropout", False), "edge")
    assert not advice_texts(with_edge(facts, "patience", True), "edge")


@pytest.mark.parametrize(
    ("low", "high", "wider"),
    [(2, 10, "widen it to 1. "), (1, 64, None), (4, 60, "widen it to 3. ")],
)
def test_whole_numbers_are_widened_to_whole_numbers(low: int, high: int, wider: str | None) -> None:
    """A bound of 1.5 in words was another one in the command, and 0 has no logarithm."""
    space = f"space.patience={{int: [{low}, {high}], log: true}}"
    facts = facts_of(
        [StoredTrial(FLAT), StoredTrial(curve(10.0))], baseline=False, overrides=[space]
    )
    found = advice_texts(with_edge(facts, "patience", False), "edge")
    assert len(found) == (wider is not None)
    if wider is not None:
        assert wider in found[0]
        assert f"space.patience.int=[{wider.split()[-1].rstrip('.')}, {high}]" in found[0]


def test_edge_of_a_parameter_under_a_choice() -> None:
    """The place to widen is the branch's own, which `--set` must find."""
    hot = {"temperature.schedule": "cosine", "temperature.cosine.start": 7.9}
    facts = facts_of([StoredTrial(FLAT), StoredTrial(curve(10.0), params=hot)])
    (text,) = advice_texts(with_edge(facts, "temperature.cosine.start", True), "edge")
    assert (
        "temperature.cosine.start keeps improving" in text
        or "temperature.start keeps improving" in text
    )
    assert "--set 'space.temperature.schedule.choice.cosine.start.float=[2, 9]'" in text


def test_where_nothing_has_left_the_blank_phase_only_longer_runs_are_asked_for() -> None:
    """Their order is chance: no widening, no further trials, no ablation, no "longer" beside it."""
    blank = RedFlag(BLANK_PHASE, 6, "seen")
    facts = facts_of([StoredTrial(curve(90.0 - n)) for n in range(6)])
    assert "confirm" in {step.rule for step in next_steps(facts)}
    trials = tuple(replace(trial, flags=(blank,)) for trial in facts.trials)
    best = trials[facts.best.number] if facts.best else None
    (step,) = next_steps(replace(facts, trials=trials, best=best, baseline=trials[0]))
    assert step.rule == "blank phase"
    assert "with 27 epochs" in step.text and "--max-epochs 27" in step.command


def test_runs_that_were_cut_short() -> None:
    """Still falling at the last epoch: more epochs. Best long before: none."""
    falling = [StoredTrial([90.0 - 5 * e - n for e in range(9)]) for n in range(4)]
    (text,) = advice_texts(facts_of(falling), "longer")
    assert "Train 14 epochs." in text and text.endswith("--study told-longer --max-epochs 14")


def test_runs_that_fall_by_no_more_than_noise_are_long_enough() -> None:
    """The last of nine equal epochs is the best by chance in one run of nine."""
    hardly = [StoredTrial([60.0, *[30.0 - 0.05 * e - n for e in range(8)]]) for n in range(4)]
    assert not advice_texts(facts_of(hardly), "longer")


def test_a_second_change_gets_a_name_of_its_own() -> None:
    """Under the name of the first it would be refused as another space's."""
    falling = facts_of([StoredTrial([90.0 - 5 * e - n for e in range(9)]) for n in range(4)])
    (falling.view.folder.parent / "told-longer").mkdir(parents=True)
    assert "--study told-longer-2 " in advice_texts(falling, "longer")[0]


def test_runs_that_were_long_enough() -> None:
    """Best at epoch 4 of 9."""
    assert not advice_texts(facts_of([StoredTrial(curve(20.0 + n)) for n in range(4)]), "longer")


def test_a_good_rung_whose_survivors_are_in_disorder() -> None:
    """Of trials that ASHA let through the order is weak where that of all is good: say no more."""
    through = [StoredTrial([50.0 + n, *[30.0 + (7 * n) % 12] * 8]) for n in range(12)]
    stopped = [StoredTrial([70.0 + n], "asha") for n in range(30)]
    facts = facts_of([*through, *stopped])
    first = rung_summaries(facts)[0]
    assert first.end_rank is not None and first.end_rank < 0.3
    part = rungs_part(facts)
    assert part is not None and "It is not clear" in part.text[0]


def bar(name: str, share: float, most: float, *, seen: bool) -> Bar:
    """A unit whose band of points ends at `most`."""
    return Bar(name, share, 0.0, 1.0, 60, points=(most / 2, 0.0, most), seen=seen)


def with_importance(
    facts: StudyData, trials: int, units: Sequence[Bar], named: str | None = None
) -> StudyData:
    assert facts.importance is not None
    main = Importance(9, "gp", trials, tuple(units), (), named=named)
    return replace(facts, importance=replace(facts.importance, main=main))


def test_what_to_ablate() -> None:
    """What is named first; and nothing is told to be fixed, which gained nothing."""
    facts = facts_of([StoredTrial(FLAT), StoredTrial(curve(20.0))])
    units = [bar("kd_blank", 0.9, 9.0, seen=True), bar("dropout", 0.01, 0.4, seen=False)]
    many = with_importance(facts, 60, units, named="kd_blank")
    assert advice_texts(many, "ablate")[0].endswith(
        "slr-tune ablate --study told --factor kd_blank"
    )
    assert "dropout" not in " ".join(step.text for step in next_steps(many))
    assert not advice_texts(with_importance(facts, 20, units), "ablate")


def test_no_smaller_patience_beside_longer_runs() -> None:
    """What was cut short cannot show that a smaller patience loses nothing."""
    falling = [StoredTrial([90.0 - 5 * e - n for e in range(9)]) for n in range(4)]
    facts = facts_of(falling)
    assert advice_texts(facts, "longer")
    found = Patience((1, 2), (0,), np.ones((2, 1)), np.ones((2, 1)), 1)
    facts = replace(facts, patience=found)
    output = study_patience(facts)
    assert output is not None and output.recommended is None
    part = patience_part(replace(facts, patience=replace(found, runs=tuple(range(30)))))
    assert part is not None and part.text[0].endswith("recommended: the runs were cut short.")


def test_a_smaller_patience_beside_other_advice() -> None:
    """A range to be widened upwards is the one that speaks against it."""
    found = Patience((1, 2), (0,), np.ones((2, 1)), np.ones((2, 1)), 1)
    calm = replace(
        facts_of([StoredTrial(FLAT), StoredTrial(curve(20.0))], max_epochs=30), patience=found
    )
    assert study_patience(calm) is found
    assert study_patience(with_edge(calm, "patience", False)) is found
    wider = study_patience(with_edge(calm, "patience", True))
    assert wider is not None and wider.recommended is None
