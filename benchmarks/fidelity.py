"""Low rungs on a part of the data against all data always, at equal cost, on the bundled sentences.

    python benchmarks/fidelity.py --seeds 5 --out fidelity.jsonl

Each seed is two searches with the same strategy, one with `budget: {fidelity: subset}`, of as many
trials as cost what the other's cost: epochs counted in utterances. They are searches of the
driver's own code with one worker, without Ray. Their winners are trained again on all data with a
fresh seed. A line is written for each search that is done; what is in the file is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from slr_tune.importance.fidelity import fidelity_rungs
from slr_tune.search.recorder import Recorder
from slr_tune.search.worker_report import Report
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.folders import cache_root
from slr_tune.study.forecast import forecast_cost
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import epochs_run, record_of
from slr_tune.study.segments import cost_between, data_shares, study_segments
from slr_tune.study.storage import open_storage
from trainables.building import build_run
from trainables.data import Dataset, prepare
from trainables.runs.ctc_run import CtcRun

SPACE = Path(__file__).parent.parent / "search_spaces" / "student.yaml"
ARMS = ("all data", "subset 0.25")


def spec_of(arm: str, seed: int, sets: list[str]) -> StudySpec:
    """The search of an arm: of the second as many trials as cost the same as the first's."""
    name = f"{arm.split()[0]}-{seed}"
    budget = ["budget.audit=0", *sets]
    full = load_spec(SPACE, study=name, seed=seed, overrides=budget)
    if arm == ARMS[0]:
        return full
    spec = load_spec(SPACE, study=name, seed=seed, overrides=[*budget, "budget.fidelity=subset"])
    cost, trials = forecast_cost(full) or 0.0, full.budget.trials or 1
    while (forecast_cost(more := _with_trials(spec, trials + 1)) or 0.0) <= cost:
        spec, trials = more, trials + 1
    return spec


def _with_trials(spec: StudySpec, trials: int) -> StudySpec:
    return replace(spec, budget=replace(spec.budget, trials=trials))


def search(spec: StudySpec, data: Dataset) -> dict[str, Any]:
    """Runs a search in this process; returns its figures."""
    storage = open_storage(create=True)
    store = open_store(spec, storage, data_hash=data.hash)
    lock = StudyLock(storage.engine, spec.study)
    recorder = Recorder(store, lock, target=spec.budget.trials, workers=1)
    runs: dict[int, CtcRun] = {}
    started = time.process_time()
    while (live := recorder.next_trial()) is not None:
        number = live.number
        if number not in runs:
            runs[number] = _run(spec, live.record.config, data, spec.seed, shares=True)
        over = False
        while not over:
            row = runs[number].run_epoch()
            over = recorder.report(number, Report([row], ended_by=runs[number].ended_by))
    trials, segments = store.trials, study_segments(spec)
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    best = min(complete, key=lambda trial: trial.values[0])
    record = record_of(best)
    assert record is not None
    again = _run(spec, record.config, data, 1000 + spec.seed, shares=False)
    seconds = time.process_time() - started
    while again.ended_by is None:
        again.run_epoch()
    return {
        "trials": len(trials),
        "cost": sum(cost_between(segments, 0, epochs_run(trial)) for trial in trials),
        "cpu_seconds": round(seconds, 1),
        "found": best.values[0],
        "again": again.best_wer,
        "rungs": [
            {"epoch": r.epoch, "share": r.share, "correlation": r.found and r.found.correlation}
            for r in fidelity_rungs(spec, trials)
        ],
    }


def _run(spec: StudySpec, config: Any, data: Dataset, seed: int, *, shares: bool) -> CtcRun:
    run = build_run(
        spec.trainable,
        config,
        data=data,
        seed=seed,
        cache=cache_root(),
        data_shares=data_shares(spec.budget) if shares else (),
    )
    assert isinstance(run, CtcRun)
    return run


def report(lines: list[dict[str, Any]]) -> str:
    """The two arms seed by seed, and the mean difference with its standard error."""
    by_seed: dict[int, dict[str, dict[str, Any]]] = {}
    for line in lines:
        by_seed.setdefault(line["seed"], {})[line["arm"]] = line
    text = [f"{'seed':>4}{'arm':>14}{'trials':>8}{'cost':>7}{'CPU s':>7}{'found':>8}{'again':>8}"]
    gaps = []
    for seed, arms in sorted(by_seed.items()):
        for arm in ARMS:
            if one := arms.get(arm):
                text.append(
                    f"{seed:>4}{arm:>14}{one['trials']:>8}{one['cost']:>7.0f}"
                    f"{one['cpu_seconds']:>7.0f}{one['found']:>8.2f}{one['again']:>8.2f}"
                )
        if len(arms) == len(ARMS):
            gaps.append([arms[ARMS[1]][key] - arms[ARMS[0]][key] for key in ("found", "again")])
        for rung in arms.get(ARMS[1], {}).get("rungs", ()):
            known = rung["correlation"]
            message = "not known" if known is None else f"{known:.2f}"
            text.append(f"     epoch {rung['epoch']} on {rung['share']:.0%}: rank {message}")
    if len(gaps) > 1:
        mean, error = np.mean(gaps, axis=0), np.std(gaps, axis=0, ddof=1) / len(gaps) ** 0.5
        for name, place in (("found", 0), ("again", 1)):
            message = f"{mean[place]:+.2f} points, standard error {error[place]:.2f}"
            text.append(f"subset minus all data, {name}: {message}, {len(gaps)} seeds")
    return "\n".join(text)


def main() -> None:
    """Runs what is not in the file yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("fidelity.jsonl"))
    parser.add_argument("--set", action="append", default=[], help="over the space file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sets = ["budget.trials=14", "budget.max_epochs=12", *arguments.set]
    text = arguments.out.read_text() if arguments.out.exists() else ""
    lines = [json.loads(line) for line in text.splitlines()]
    for seed in range(arguments.seeds):
        for arm in ARMS:
            if any((line["seed"], line["arm"]) == (seed, arm) for line in lines):
                continue
            with tempfile.TemporaryDirectory() as folder:
                os.environ["SLR_TUNE_STUDIES"] = folder
                spec = spec_of(arm, seed, sets)
                found = search(spec, prepare(spec.data, cache_root()))
            lines.append({"seed": seed, "arm": arm, **found})
            with arguments.out.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(json.dumps(lines[-1]), flush=True)
    print(report(lines))


if __name__ == "__main__":
    main()
