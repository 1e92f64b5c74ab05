"""Three reports for a reader who has never seen the project, and pictures of their first screens.

A search with a clear gain on new seeds, one whose gain new seeds do not show, and one that never
learnt. `python tests/support/reader_reports.py FOLDER` writes `gain`, `nothing` and `never` there,
each as a page and as a picture of 1280 x 800 pixels. Ask of each picture: what won, by how much, is
it real, what next?
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from advised_studies import SCENARIOS, SimulatedView, curve_of, spec_of, study_of

from slr_tune.report.page.html import render_html
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import StudyData, collect
from slr_tune.statistics import Difference, compare
from slr_tune.statistics.verdict import judge
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.manifest import LastRun
from slr_tune.study.summary import baseline_trial

_SEEDS, _UTTERANCES, _WORDS = 5, 150, 6
READER_STUDIES = {"gain": "inside", "nothing": "nothing", "never": "blank"}
"""Each report by the scenario that its search runs in."""


def reader_study(name: str, *, trials: int = 24) -> StudyData:
    """A study of `READER_STUDIES`; all but the one that never learnt are confirmed."""
    scenario = SCENARIOS[READER_STUDIES[name]]
    spec = replace(spec_of(trials=trials), study="my-search")
    view = study_of(scenario, spec, "prior-asha", seed=4)
    last = LastRun("search_spaces/distill.yaml", {}, spec.study)
    found = replace(collect(view), last_run=last)
    return found if name == "never" else replace(found, confirmed=_confirmed(view, name))


def _confirmed(view: SimulatedView, name: str) -> tuple[ConfirmedTrial, ...]:
    """New seeds of the baseline and of the best, as `slr-tune confirm` would store them."""
    best, baseline = view.best(), baseline_trial(view)
    assert best is not None and baseline is not None
    rng = np.random.default_rng(0)
    hard = rng.random((_SEEDS, _UTTERANCES, _WORDS))
    errors, claims = {}, {}
    for place, (label, trial) in enumerate((("baseline", baseline), ("best", best))):
        config = view.spec.config_for(view.spec.space.decode(dict(trial.params)))
        scenario = SCENARIOS[READER_STUDIES[name]]
        ends = [
            min(curve_of(scenario, config, 24, np.random.default_rng([9, place, seed])))
            for seed in range(_SEEDS)
        ]
        # The same words are hard for both, as on real sentences.
        chances = np.array(ends)[:, None, None] / 100
        errors[label] = (hard < chances).sum(axis=2)
        claims[label] = trial
    words = np.full(_UTTERANCES, _WORDS)
    difference = compare(errors, words, baseline="baseline")["best"].difference
    assert isinstance(difference, Difference)
    verdict = judge("best", "baseline", difference, family=1).sentence
    interval = (difference.points, difference.low, difference.high)
    return tuple(
        ConfirmedTrial(
            trial.number,
            label,
            trial.value,
            {"dev": tuple(100 * errors[label].sum(axis=1) / words.sum())},
            verdicts={"dev": verdict} if label == "best" else {},
            differences={"dev": interval} if label == "best" else {},
        )
        for label, trial in claims.items()
        if trial.value is not None and math.isfinite(trial.value)
    )


def write_reader_report(name: str, folder: Path) -> Path:
    """The page of a study of `READER_STUDIES`."""
    path = folder / f"{name}.html"
    path.write_text(render_html(study_page(reader_study(name))), encoding="utf-8")
    return path


if __name__ == "__main__":
    from browser import start_browser

    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with start_browser() as browser:
        for one in READER_STUDIES:
            page = browser.open(write_reader_report(one, target))
            print(page.screenshot(target / f"{one}.png"))
