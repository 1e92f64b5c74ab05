"""Results of ablations that never ran: drawn errors and curves, the real statistics."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from slr_tune.ablation.analysis import ErrorRuns
from slr_tune.ablation.crossing import Crossing, crossing_tables, crossing_verdict
from slr_tune.ablation.result import (
    FORWARD,
    MAIN,
    PUT_BACK,
    RETUNED,
    TEST,
    AblationResult,
    ArmDescription,
    Baseline,
    PathStep,
    Receipt,
    ResultTable,
    RunRow,
    StageRow,
    curve_columns,
)

STEP = "step 4 -> 3.5 -> 3"
TEMPERATURES = {
    STEP: 0.110,
    "constant 1": 0.165,
    "constant 3": 0.108,
    "constant 4": 0.113,
    "linear 4 -> 3": 0.109,
    "cosine 4 -> 3": 0.112,
}
"""Chance of an error on a word, by arm; the baseline first."""

Counts = dict[str, list[np.ndarray]]


def draw(
    rates: Mapping[str, float], *, seeds: int = 3, utterances: int = 150, seed: int = 0
) -> Counts:
    """Errors by arm and seed, each int64 (utterances, 4): S, D, I, words."""
    rng = np.random.default_rng(seed)
    words = rng.integers(3, 9, utterances)
    spoken = np.arange(words.max()) < words[:, None]  # (utterances, words)
    hard = rng.uniform(size=spoken.shape)
    found: Counts = {}
    for name, rate in rates.items():
        runs = []
        for _ in range(seeds):
            # Nine words in ten are as hard for every run, the tenth is luck.
            chance = np.where(
                rng.uniform(size=hard.shape) < 0.9, hard, rng.uniform(size=hard.shape)
            )
            errors = (spoken & (chance < rate)).sum(axis=1)
            deletions = rng.binomial(errors, 0.3)
            insertions = (spoken & (hard > 0.995)).sum(axis=1)
            runs.append(np.stack([errors - deletions, deletions, insertions, words], axis=1))
        found[name] = runs
    return found


def example_result(
    rates: Mapping[str, float] = TEMPERATURES, *, seeds: int = 3, epochs: int = 24
) -> AblationResult:
    """An ablation of the temperature: one arm is worse, the others are alike; test was opened."""
    dev = draw(rates, seeds=seeds)
    test = draw(rates, seeds=seeds, utterances=200, seed=1)
    baseline = next(iter(rates))
    tables = [
        table(dev, MAIN, baseline),
        table(test, TEST, baseline, split="test"),
    ]
    return result(tables, {MAIN: (dev, test)}, epochs=epochs)


def retuned_result() -> AblationResult:
    """The same with a learning rate of its own for each arm, which helps the worst."""
    dev = draw(TEMPERATURES)
    tuned = draw({**TEMPERATURES, "constant 1": 0.112}, seed=0)
    own = table(tuned, RETUNED, STEP)
    notes = {name: f"learning_rate {0.01 if n % 2 else 0.003:g}" for n, name in enumerate(tuned)}
    rows = tuple(dataclasses.replace(row, note=notes[row.name]) for row in own.rows)
    own = dataclasses.replace(own, rows=rows)
    return result([table(dev, MAIN, STEP), own], {MAIN: (dev, None), RETUNED: (tuned, None)})


def factorial_result() -> AblationResult:
    """Two factors crossed that depend on each other."""
    first, second = ("constant 4", "constant 1"), ("kd_blank keep", "kd_blank drop")
    rates = {(a, b): 0.12 for a in first for b in second}
    rates[first[1], second[1]] = 0.2
    names = {cell: ", ".join(cell) for cell in rates}
    dev = draw({names[cell]: rate for cell, rate in rates.items()})
    own = (first[0], second[0])
    crossing = Crossing(("temperature", "kd_blank"), names, own)
    crossed = crossing_tables(ErrorRuns(dev), crossing)
    made = result([table(dev, MAIN, names[own]), *crossed], {MAIN: (dev, None)})
    made = dataclasses.replace(made, verdict=crossing_verdict(crossed))
    levels = {name: {"temperature": a, "kd_blank": b} for (a, b), name in names.items()}
    arms = tuple(dataclasses.replace(arm, levels=levels[arm.name]) for arm in made.arms)
    return dataclasses.replace(made, arms=arms, title="Ablation of temperature x kd_blank")


def path_result() -> AblationResult:
    """From the baseline to the best trial in two steps."""
    forward = draw({"baseline": 0.15, "+ kd_blank": 0.11, "+ dropout": 0.105})
    back = draw({"best": 0.105, "dropout put back": 0.11, "kd_blank put back": 0.15}, seed=1)
    tables = [table(forward, FORWARD, "baseline"), table(back, PUT_BACK, "best")]
    made = result(tables, {FORWARD: (forward, None), PUT_BACK: (back, None)})
    means = [row.mean for row in tables[0].rows]
    steps = (
        PathStep("kd_blank", "keep -> drop", means[1] - means[0], means[1], {"dropout": -0.4}),
        PathStep("dropout", "0.2 -> 0.35", means[2] - means[1], means[2], {}),
    )
    title = "From the baseline to the best trial, one parameter at a time"
    return dataclasses.replace(made, steps=steps, title=title, name="path")


def table(counts: Counts, role: str, baseline: str, *, split: str = "dev") -> ResultTable:
    """The statistics of drawn errors; of the same ones they are worked out once."""
    return _table(pickle.dumps(counts), role, baseline, split)


@cache
def _table(counts: bytes, role: str, baseline: str, split: str) -> ResultTable:
    return ErrorRuns(pickle.loads(counts), split).table(role=role, baseline=baseline, title="Arms")


def result(
    tables: Sequence[ResultTable],
    parts: Mapping[str, tuple[Counts, Counts | None]],
    *,
    epochs: int = 24,
) -> AblationResult:
    """Everything else of a result, around its tables."""
    main = tables[0]
    seeds = tuple(range(1000, 1000 + main.seeds))
    runs, arms = [], []
    for role, (dev, test) in parts.items():
        for number, (name, counts) in enumerate(dev.items()):
            changes = () if number == 0 else ("temperature.schedule: step -> constant",)
            arms.append(
                ArmDescription(role, name, "trained", {"temperature": name}, changes, {"x": 1})
            )
            for place, seed in enumerate(seeds):
                errors = {"dev": _totals(counts[place])}
                errors |= {} if test is None else {"test": _totals(test[name][place])}
                row = RunRow(
                    role, name, seed, epochs, epochs, "max_epochs", errors, 0.0, 99_000, {}
                )
                curve = _curve(name, row.wer("dev"), epochs, seed=seed)
                runs.append(dataclasses.replace(row, value=row.wer("dev"), curve=curve))
    asked = sum(run.epochs for run in runs)
    stages = tuple(
        StageRow(f"s{n}", 1, epochs, (f"{run.arm}, seed {run.seed}",), 11.5)
        for n, run in enumerate(runs)
    )
    return AblationResult(
        study="libras-distill",
        name="temperature",
        title="Ablation of temperature",
        verdict=main.verdict,
        tables=tuple(tables),
        arms=tuple(arms),
        runs=tuple(runs),
        seeds=seeds,
        baseline=Baseline("the best trial of the study, number 7", {"dropout": 0.2}),
        receipt=Receipt(
            epochs_asked=asked,
            epochs_run=asked - 20,
            epochs_now=asked - 20,
            runs=len(runs),
            seconds=812.0,
            reasons=("epochs 1-9 are trained once for: step 4 -> 3.5 -> 3, constant 4",),
            stages=stages,
        ),
        setting={
            "data": "libras, seed 0: 600 train, 150 dev, 200 test; hash 0f3a",
            "split": "dev; signers are not known",
            "teacher": "trained for this study, 10.70 % on dev",
            "budget": f"{epochs} epochs",
            "versions": "slr-tune 0.1.0, torch 2.13.0",
        },
        command="slr-tune ablate --study libras-distill --factor temperature --seeds 3",
        notes=("The levels of temperature are slr-tune's own.",),
    )


def _totals(counts: np.ndarray) -> tuple[int, int, int, int]:
    substitutions, deletions, insertions, words = (int(value) for value in counts.sum(axis=0))
    return substitutions, deletions, insertions, words


def _curve(
    name: str, last: float, epochs: int, *, seed: int
) -> dict[str, tuple[float | None, ...]]:
    rng = np.random.default_rng([seed, len(name)])
    rows = []
    for epoch in range(1, epochs + 1):
        left = np.exp(-4.5 * epoch / epochs) - np.exp(-4.5)
        wer = last + (100 - last) * left * (1 + 0.1 * rng.standard_normal() * (epoch < epochs))
        temperature = {"c": 1.0 if name.endswith("1") else 4.0}.get(name[0], 4.0 - epoch / epochs)
        best = min([row["val/wer_best"] for row in rows] + [max(wer, last)])
        rows.append(
            {
                "epoch": epoch,
                "val/wer": wer,
                "val/wer_best": best,
                "val/blank_rate": 0.6 + 0.3 * np.exp(-epoch / 3),
                "train/temperature": temperature,
            }
        )
    return curve_columns(rows)
