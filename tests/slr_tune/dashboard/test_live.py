"""The command in a real browser while a driver is running on the study."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from browser import Browser, Page
from toy_space import toy_spec

from slr_tune.dashboard.optuna_dashboard_private import IMPORTANCE_PANEL, REFUSED_BUTTONS
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from slr_tune.study.store import StudyStore

_CURVE = """
return [...document.querySelectorAll(".js-plotly-plot")].flatMap(p => p.data || [])
    .filter(t => t.name && t.name.startsWith(arguments[0]) && t.y).map(t => Array.from(t.y));
"""
_PLOTS = """
return [...document.querySelectorAll("[id^='user-defined-plot:']")]
    .filter(p => p.querySelector(".main-svg")).map(p => p.id.split(":")[1]);
"""
_HIDDEN = """
const found = arguments[0].map(one => document.querySelector(one));
return found.every(one => one && getComputedStyle(one).display === "none");
"""
_SECONDS = 90.0


@pytest.fixture
def driver(database: Path, tmp_path: Path) -> Iterator[StudyStore]:
    """What a search's driver holds: the study's lock, and the store it writes through."""
    storage = open_storage()
    spec = toy_spec(tmp_path, baseline=True)
    store = open_store(spec, storage)
    with StudyLock(storage.engine, spec.study):
        store.enqueue_baseline()
        yield store
    storage.engine.dispose()


@pytest.fixture
def dashboard(driver: StudyStore) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command in a process of its own, and the address that it told."""
    command = [sys.executable, "-m", "slr_tune.cli.main", "dashboard", "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        assert process.stdout is not None
        output = process.stdout.readline()
        yield output.split()[3].rstrip("/"), process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def report(store: StudyStore, live: LiveTrial, *values: float) -> None:
    """Epochs as a worker reports them."""
    for value in values:
        epoch = len(live.values) + 1
        store.add_row(live, {"epoch": epoch, "seconds": 0.1, "val/wer": value})


def seen(page: Callable[[], Page], found: Callable[[Page], Any]) -> Any:
    """What a reader finds who loads the page again until it is there."""
    end = time.monotonic() + _SECONDS
    while True:
        opened = page()
        looked = time.monotonic() + 3
        while time.monotonic() < looked:
            if answer := found(opened):
                assert opened.errors == [] and opened.outside_requests == []
                return answer
        if time.monotonic() > end:
            raise AssertionError(opened.evaluate("return document.body.innerText")[:2000])


def test_trials_states_and_curves_are_on_the_page_while_a_search_runs(
    driver: StudyStore, dashboard: tuple[str, subprocess.Popen[str]], browser: Browser
) -> None:
    """A person who looks at night must see what the search does now, not what it did at start."""
    base, process = dashboard
    sampler = optuna.samplers.RandomSampler(seed=0)
    first, second = driver.start_trial(sampler), driver.start_trial(sampler)
    report(driver, first, 80.0, 60.0, 55.0)
    report(driver, second, 90.0)

    def page(path: str) -> Callable[[], Page]:
        return lambda: browser.visit(base + path, inside=(base, "data:", "blob:"))

    def has(*words: str) -> Callable[[Page], bool]:
        return lambda opened: all(
            word in opened.evaluate("return document.body.innerText") for word in words
        )

    assert seen(page("/"), has("toy", "is running"))
    assert seen(page("/studies/1"), has("toy: report of the search", "All studies"))
    assert seen(page("/dashboard"), has("toy"))
    assert seen(page("/dashboard"), lambda opened: opened.evaluate(_HIDDEN, REFUSED_BUTTONS[1:3]))
    assert seen(page("/dashboard/studies/1/note"), has("Running", "Baseline", "toy_runs:ToyRun"))
    assert seen(page("/dashboard/studies/1/trials?numbers=0"), has("2 Trials", "Running", "level"))
    curve = lambda opened: opened.evaluate(_CURVE, "trial #0")  # noqa: E731
    assert seen(page("/dashboard/studies/1"), curve)[0] == [80.0, 60.0, 55.0]

    report(driver, first, 50.0)
    driver.finish(first, "max_epochs")
    driver.finish(second, "asha")
    assert seen(page("/dashboard/studies/1/trials?numbers=1"), has("Complete", "Pruned", "asha"))
    assert seen(page("/dashboard/studies/1"), curve)[0] == [80.0, 60.0, 55.0, 50.0]

    for _ in range(12):
        live = driver.start_trial(sampler)
        level = driver.trials[live.number].params["level"]
        report(driver, live, 100 * level + 20, 100 * level)
        driver.finish(live, "asha")
    plots = seen(page("/dashboard/studies/1"), lambda opened: opened.evaluate(_PLOTS))
    assert "importance-from-all-trials" in plots
    told = "return getComputedStyle(document.querySelector(arguments[0]), '::before').content"
    assert seen(
        page("/dashboard/studies/1"),
        lambda opened: "can mislead" in opened.evaluate(told, IMPORTANCE_PANEL),
    )
    # A service manager ends it so, and a shell's background process ignores Ctrl-C.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert process.stdout is not None and "Dashboard ended." in process.stdout.read()
