"""The default search on real trainings, against TPE under stopping ASHA and stock Ray Tune.

    python benchmarks/live_search.py                             # 5 seeds of the search; hours
    python benchmarks/live_search.py --seeds 1 --set budget.max_epochs=3 --set budget.trials=4

Each search trains as many epochs as the quota plans for the space, 165 for the shipped one, on the
same data and, seed by seed, with the same teacher:

- prior-asha, the default, and tpe-asha, by `slr-tune run`; tpe-asha may start as many trials as it
  takes to use up the epochs;
- Ray Tune with its own OptunaSearch (TPE with Optuna's defaults) and ASHAScheduler, the baseline
  given as the first point, with the same first rung and reduction factor.

The best configuration of each is trained again on fresh seeds, each with a teacher of its own.
Printed are its mean dev WER there, what the search itself said, and the epochs after which the
search first had the baseline's own WER; the differences to prior-asha with their t intervals.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

SHIPPED = Path(__file__).parents[1] / "search_spaces" / "distill.yaml"
METRIC = "val/wer"
FRESH = 1000


@dataclass(frozen=True)
class Found:
    """What one search found.

    Attributes:
        searcher: Its name.
        seed: Of the search.
        config: The best configuration.
        claimed: Its dev WER as the search saw it, percent.
        epochs: That the search trained.
        reached: Epochs of the search until a trial had the WER that the baseline ended with; None
            where that was never reached.
    """

    searcher: str
    seed: int
    config: dict[str, Any]
    claimed: float
    epochs: int
    reached: int | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", type=Path, default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=5, help="searches of each kind")
    parser.add_argument("--fresh", type=int, default=5, help="fresh seeds of each best")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], dest="changes")
    parser.add_argument("--out", type=Path, help="where to keep what is done; goes on from there")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.out or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["SLR_TUNE_STUDIES"] = str(folder / "studies")
        root = str(Path(__file__).parents[1])
        os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
        figures: dict[str, list[tuple[float, float, float]]] = {}
        for seed in range(arguments.seeds):
            for searcher in ("prior-asha", "tpe-asha", "ray tune"):
                found, fresh = one_search(searcher, seed, folder, arguments)
                wer = float(np.mean(fresh))
                reached = float("nan") if found.reached is None else found.reached
                figures.setdefault(searcher, []).append((wer, found.claimed, reached))
                print(
                    f"seed {seed}, {searcher}: best on fresh seeds {wer:.2f}, the search said "
                    f"{found.claimed:.2f}, the baseline's WER after {found.reached} of "
                    f"{found.epochs} epochs",
                    flush=True,
                )
    summarise(figures)


def one_search(
    searcher: str, seed: int, folder: Path, arguments: argparse.Namespace
) -> tuple[Found, list[float]]:
    """A search and the retraining of its best; read from the folder where they are done."""
    path = folder / f"{searcher.replace(' ', '-')}-{seed}.json"
    if path.exists():
        stored = json.loads(path.read_text())
        return Found(**stored["found"]), stored["fresh"]
    if searcher == "ray tune":
        found = ray_tune_search(seed, folder, arguments)
    else:
        found = own_search(searcher, seed, arguments)
    fresh = retrained(found.config, arguments)
    path.write_text(json.dumps({"found": asdict(found), "fresh": fresh}))
    return found, fresh


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
    changes = ["budget.audit=0", *arguments.changes, f"search.strategy={strategy}"]
    command = [sys.executable, "-m", "slr_tune.cli.main", "run", str(arguments.space)]
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
        values = [value for trial in trials for value in trial.intermediate_values.values()]
        if values:
            timeline.append((len(values), min(values)))
            baseline = min(trials[0].intermediate_values.values(), default=baseline)
        if over:
            break
        if len(values) >= epochs and strategy != "prior-asha":
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
    timeline: list[tuple[int, float]] = []
    curves: dict[str, list[float]] = {}
    configs: dict[str, dict[str, Any]] = {}

    class Spent(tune.Stopper):  # type: ignore[misc]
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            configs.setdefault(trial_id, json.loads(result["settings"]))
            curves.setdefault(trial_id, []).append(result["wer"])
            done = sum(map(len, curves.values()))
            timeline.append((done, min(min(curve) for curve in curves.values())))
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
    points = [spec.space.encode(spec.baseline)] if spec.baseline is not None else None
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
    first = next(iter(curves))
    reached = first_at(timeline, min(curves[first]))
    return Found("ray tune", seed, configs[best], min(curves[best]), timeline[-1][0], reached)


def teacher_of(manifest: Path) -> Path | None:
    import yaml

    stored = yaml.safe_load(manifest.read_text())["teacher"]
    return None if stored is None else Path(stored["checkpoint"])


def retrained(config: Mapping[str, Any], arguments: argparse.Namespace) -> list[float]:
    """Best dev WER of a configuration on fresh seeds, each with a teacher of that seed, percent."""
    spec = spec_of(arguments)
    jobs = [(spec, dict(config), FRESH + place) for place in range(arguments.fresh)]
    with ProcessPoolExecutor(arguments.workers) as pool:
        return list(pool.map(_retrained, jobs))


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


def summarise(figures: Mapping[str, Sequence[tuple[float, float, float]]]) -> None:
    """Means, and the paired differences to the default with 95 % t intervals."""
    ours = np.array(figures["prior-asha"])
    for searcher, rows in figures.items():
        found = np.array(rows)
        fresh, claimed, reached = np.nanmean(found, axis=0)
        print(
            f"{searcher:<12} fresh seeds {fresh:.2f}, said {claimed:.2f}, the baseline's WER after "
            f"{reached:.0f} epochs"
        )
        if searcher != "prior-asha" and len(rows) > 1:
            difference = ours[:, 0] - found[:, 0]
            half = stats.t.ppf(0.975, len(rows) - 1) * stats.sem(difference)
            mean = difference.mean()
            print(
                f"  prior-asha - {searcher}: {mean:+.2f} points "
                f"[{mean - half:+.2f}, {mean + half:+.2f}] over {len(rows)} searches"
            )


if __name__ == "__main__":
    main()
