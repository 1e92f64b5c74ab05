"""The default search on real trainings, against TPE under stopping ASHA and stock Ray Tune.

    python benchmarks/live_search.py --out FOLDER        # 5 seeds of the search; goes on if stopped
    python benchmarks/live_search.py --seeds 1 --set budget.max_epochs=3 --set budget.trials=4
    python benchmarks/live_search.py --out FOLDER --report-only    # what is done so far

A search that was stopped in its middle begins anew; what is done is read from FOLDER, a search and
each of its retrainings on its own.

Each search trains as many epochs as the quota plans for the space, 165 for the shipped one, on the
same data and, seed by seed, with the same teacher:

- prior-asha, the default, and tpe-asha, by `slr-tune run`; tpe-asha may start as many trials as it
  takes to use up the epochs;
- Ray Tune with its own OptunaSearch (TPE with Optuna's defaults) and ASHAScheduler, the baseline
  given as the first point, with the same first rung and reduction factor.

The best configuration of each is trained again on fresh seeds, each with a teacher of its own.
Printed are its mean dev WER there, what the search itself said, and the epochs of the search until
a trial other than the baseline had the WER that the baseline ended with; the differences to
prior-asha with their t intervals.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

SHIPPED = Path(__file__).parents[1] / "search_spaces" / "distill.yaml"
METRIC = "val/wer"
FRESH = 1000
SEARCHERS = ("prior-asha", "tpe-asha", "ray tune")


@dataclass(frozen=True)
class Found:
    """What one search found.

    Attributes:
        searcher: Its name.
        seed: Of the search.
        config: The best configuration.
        claimed: Its dev WER as the search saw it, percent.
        epochs: That the search trained.
        reached: Epochs of the search until another trial had the WER that the baseline ended with;
            None where none had.
    """

    searcher: str
    seed: int
    config: dict[str, Any]
    claimed: float
    epochs: int
    reached: int | None


@dataclass(frozen=True)
class Row:
    """A search with what its best configuration is worth.

    Attributes:
        found: What it found.
        fresh: Dev WER of the best configuration on each fresh seed, percent.
    """

    found: Found
    fresh: tuple[float, ...]

    @property
    def wer(self) -> float:
        """Mean over the fresh seeds, percent."""
        return float(np.mean(self.fresh))

    def line(self) -> str:
        found = self.found
        reached = "never" if found.reached is None else f"after {found.reached}"
        return (
            f"seed {found.seed}, {found.searcher}: best on fresh seeds {self.wer:.2f}, the search "
            f"claimed {found.claimed:.2f}, the baseline's WER {reached} of {found.epochs} epochs"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", type=Path, default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=5, help="searches of each kind")
    parser.add_argument("--fresh", type=int, default=5, help="fresh seeds of each best")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], dest="changes")
    parser.add_argument("--out", type=Path, help="where to keep what is done; goes on from there")
    parser.add_argument("--report-only", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.out or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["SLR_TUNE_STUDIES"] = str(folder / "studies")
        root = str(Path(__file__).parents[1])
        os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
        rows: dict[str, list[Row]] = {}
        for seed in range(arguments.seeds):
            for searcher in SEARCHERS:
                row = one_search(searcher, seed, folder, arguments)
                if row is not None:
                    rows.setdefault(searcher, []).append(row)
                    print(row.line(), flush=True)
    summarise(rows)


def one_search(searcher: str, seed: int, folder: Path, arguments: argparse.Namespace) -> Row | None:
    """A search and the retraining of its best; None where only what is done is asked for."""
    path = folder / f"{searcher.replace(' ', '-')}-{seed}.json"
    stored = json.loads(path.read_text()) if path.exists() else None
    missing = stored is None or len(stored["fresh"]) < arguments.fresh
    if arguments.report_only and missing:
        return None
    if stored is None:
        if searcher == "ray tune":
            found = ray_tune_search(seed, folder, arguments)
        else:
            found = own_search(searcher, seed, arguments)
        stored = {"found": asdict(found), "fresh": []}
        path.write_text(json.dumps(stored))
    if missing:
        config, done = stored["found"]["config"], stored["fresh"]
        for wer in retrained(config, range(len(done), arguments.fresh), arguments):
            done.append(wer)
            path.write_text(json.dumps(stored))
    return Row(Found(**stored["found"]), tuple(stored["fresh"][: arguments.fresh]))


def spec_of(arguments: argparse.Namespace, *changes: str) -> Any:
    from slr_tune.space import load_spec

    return load_spec(arguments.space, overrides=["budget.audit=0", *arguments.changes, *changes])


def planned(arguments: argparse.Namespace) -> int:
    from slr_tune.study.forecast import forecast_epochs

    epochs = forecast_epochs(spec_of(arguments, "search.strategy=prior-asha"))
    assert epochs is not None
    return epochs


def own_search(strategy: str, seed: int, arguments: argparse.Namespace) -> Found:
    """`slr-tune run`, ended by Ctrl-C where it has used up its epochs."""
    from slr_tune.study.view import load_study

    epochs, name = planned(arguments), f"live-{strategy}-{seed}"
    slr_tune = [sys.executable, "-m", "slr_tune.cli.main"]
    # What was stopped in its middle: its timeline is lost.
    subprocess.run([*slr_tune, "delete", name, "--yes", "--yes"], capture_output=True, check=False)
    changes = ["budget.audit=0", *arguments.changes, f"search.strategy={strategy}"]
    command = [*slr_tune, "run", str(arguments.space)]
    command += ["--study", name, "--seed", str(seed), "--workers", str(arguments.workers)]
    command += [part for change in changes for part in ("--set", change)]
    command += [] if strategy == "prior-asha" else ["--trials", str(epochs)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    timeline: list[tuple[int, float]] = []
    baseline = float("nan")
    while True:
        over = driver.poll() is not None
        try:
            trials = load_study(name).trials
        except Exception:  # it is not made yet
            trials = []
        curves = [list(trial.intermediate_values.values()) for trial in trials]
        epochs_done = sum(map(len, curves))
        if epochs_done:
            others = [min(curve) for curve in curves[1:] if curve]
            timeline.append((epochs_done, min(others, default=math.inf)))
            baseline = min(curves[0], default=baseline)
        if over:
            break
        if epochs_done >= epochs and strategy != "prior-asha":
            driver.send_signal(signal.SIGINT)
            driver.wait()
            continue
        select.select([], [], [], 0.5)
    view = load_study(name)
    best = view.best()
    assert best is not None, f"{' '.join(command)} found nothing"
    config = dict(best.user_attrs["slr"]["config"])
    reached = first_at(timeline, baseline)
    return Found(strategy, seed, config, best.values[0], timeline[-1][0], reached)


def first_at(timeline: Sequence[tuple[int, float]], wer: float) -> int | None:
    """Epochs until a WER was reached."""
    return next((epochs for epochs, best in timeline if best <= wer), None)


class DefinedSpace:
    """The space as OptunaSearch takes it: it has to be pickled."""

    def __init__(self, space: Any) -> None:
        self._space = space

    def __call__(self, trial: Any) -> None:
        self._space.suggest(trial)


def ray_tune_search(seed: int, folder: Path, arguments: argparse.Namespace) -> Found:
    """Ray Tune as its documentation has it, on the same runs."""
    from slr_tune.training.ray_private import prepare_environment

    prepare_environment()
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    from slr_tune.study.view import load_study
    from slr_tune.training.session import ray_session
    from trainables.data import prepare

    spec, epochs = spec_of(arguments), planned(arguments)
    from slr_tune.study.folders import cache_root

    data = prepare(spec.data, cache_root()).folder
    manifest = load_study(f"live-prior-asha-{seed}").folder / "study.yaml"
    teacher = teacher_of(manifest)
    # Which trial reports first is chance: two start at once.
    points = [spec.space.encode(spec.baseline)] if spec.baseline is not None else None
    baseline = points and json.loads(json.dumps(spec.config_for(spec.space.decode(points[0]))))
    timeline: list[tuple[int, float]] = []
    curves: dict[str, list[float]] = {}
    configs: dict[str, dict[str, Any]] = {}

    class Spent(tune.Stopper):  # type: ignore[misc]
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            configs.setdefault(trial_id, json.loads(result["settings"]))
            curves.setdefault(trial_id, []).append(result["wer"])
            done = sum(map(len, curves.values()))
            others = [min(curve) for name, curve in curves.items() if configs[name] != baseline]
            timeline.append((done, min(others, default=math.inf)))
            return bool(result["over"])

        def stop_all(self) -> bool:
            return bool(timeline) and timeline[-1][0] >= epochs

    class Trained(tune.Trainable):  # type: ignore[misc]
        def setup(self, config: dict[str, Any]) -> None:
            from trainables.building import build_run, set_up_process

            set_up_process(None)
            self._settings = spec.config_for(spec.space.decode(config))
            self._built = build_run(
                spec.trainable, self._settings, data=data, seed=seed, cache=cache_root(),
                teacher=teacher,
            )  # fmt: skip

        def step(self) -> dict[str, Any]:
            wer = float(self._built.run_epoch()[METRIC])
            over = self._built.ended_by is not None
            return {"wer": wer, "over": over, "settings": json.dumps(self._settings)}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            pass

    budget = spec.budget
    searcher = OptunaSearch(
        DefinedSpace(spec.space), metric="wer", mode="min", seed=seed, points_to_evaluate=points
    )
    with ray_session(address=None, cpus=arguments.workers):
        assert ray.is_initialized()
        tune.Tuner(
            tune.with_resources(Trained, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=ASHAScheduler(
                    metric="wer", mode="min", max_t=budget.max_epochs,
                    grace_period=budget.grace_epochs, reduction_factor=budget.reduction_factor,
                ),
                num_samples=-1,
                max_concurrent_trials=arguments.workers,
            ),
            run_config=tune.RunConfig(
                storage_path=str(folder / "ray"), verbose=0, stop=Spent(), name=f"seed-{seed}"
            ),
        ).fit()  # fmt: skip
    # As stock Ray Tune chooses: the best value that any trial reported.
    best = min(curves, key=lambda name: min(curves[name]))
    first = next((name for name in curves if configs[name] == baseline), None)
    reached = None if first is None else first_at(timeline, min(curves[first]))
    return Found("ray tune", seed, configs[best], min(curves[best]), timeline[-1][0], reached)


def teacher_of(manifest: Path) -> Path | None:
    import yaml

    stored = yaml.safe_load(manifest.read_text())["teacher"]
    return None if stored is None else Path(stored["checkpoint"])


def retrained(
    config: Mapping[str, Any], places: Iterable[int], arguments: argparse.Namespace
) -> Iterator[float]:
    """Best dev WER of a configuration on fresh seeds, each with a teacher of that seed, percent."""
    spec = spec_of(arguments)
    jobs = [(spec, dict(config), FRESH + place) for place in places]
    with ProcessPoolExecutor(arguments.workers) as pool:
        yield from pool.map(_retrained, jobs)


def _retrained(job: tuple[Any, dict[str, Any], int]) -> float:
    from slr_tune.study.folders import cache_root
    from trainables.building import build_run, set_up_process
    from trainables.config import TeacherConfig
    from trainables.data import prepare
    from trainables.files.checkpoint import save_checkpoint

    spec, config, seed = job
    set_up_process(None)
    data = prepare(spec.data, cache_root())
    teacher: Path | None = None
    if spec.teacher is not None:
        teacher = cache_root() / f"fresh-teacher-{seed}.pt"
        if not teacher.exists():
            settings = TeacherConfig.model_validate(spec.teacher.settings).model_dump(mode="json")
            run = build_run("teacher", settings, data=data, seed=seed, cache=cache_root())
            best, state = float("inf"), None
            while run.ended_by is None:
                wer = float(run.run_epoch()[METRIC])
                if wer < best:
                    best, state = wer, run.state_dict()
            assert state is not None
            save_checkpoint(teacher, state)
    run = build_run(
        spec.trainable, config, data=data, seed=seed, cache=cache_root(), teacher=teacher
    )
    wers = []
    while run.ended_by is None:
        wers.append(float(run.run_epoch()[METRIC]))
    return min(wers)


def summarise(rows: Mapping[str, Sequence[Row]]) -> None:
    """Means, and the paired differences to the default with 95 % t intervals."""
    for searcher, own in rows.items():
        reached = [row.found.reached for row in own if row.found.reached is not None]
        print(
            f"{searcher:<12} new seeds {np.mean([row.wer for row in own]):.2f}, claimed "
            f"{np.mean([row.found.claimed for row in own]):.2f}; the baseline's WER in "
            f"{len(reached)} of {len(own)} searches"
            + (f", after {np.mean(reached):.0f} epochs" if reached else "")
        )
        theirs = {row.found.seed: row.wer for row in own}
        apart = [
            row.wer - theirs[row.found.seed]
            for row in rows.get("prior-asha", ())
            if row.found.seed in theirs
        ]
        if searcher != "prior-asha" and len(apart) > 1:
            half = stats.t.ppf(0.975, len(apart) - 1) * stats.sem(apart)
            mean = np.mean(apart)
            print(
                f"  prior-asha - {searcher}: {mean:+.2f} points "
                f"[{mean - half:+.2f}, {mean + half:+.2f}] over {len(apart)} searches"
            )


if __name__ == "__main__":
    main()
