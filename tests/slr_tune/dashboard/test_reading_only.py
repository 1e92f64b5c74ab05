"""The dashboard shows a study in the file's terms and never writes to it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from generated_study import generate_study
from optuna.trial import TrialState
from optuna_dashboard import get_note, wsgi

from slr_tune.dashboard.artifacts import FileArtifacts
from slr_tune.dashboard.freshness import Freshness
from slr_tune.dashboard.read_only_storage import ReadOnlyStorage
from slr_tune.dashboard.server import LOOPBACK, reading_only
from slr_tune.errors import SlrTuneError
from slr_tune.study.folders import study_folder
from slr_tune.study.storage import open_storage

TRIALS = 40


@pytest.fixture
def overlay(database: Path) -> Iterator[ReadOnlyStorage]:
    generate_study(TRIALS)
    stored = open_storage()
    yield ReadOnlyStorage(stored)
    stored.engine.dispose()


@pytest.fixture
def ask(overlay: ReadOnlyStorage) -> Iterator[Callable[..., tuple[int, bytes]]]:
    """Asks the application as a browser does, without one."""
    artifacts = FileArtifacts()
    freshness = Freshness(overlay, artifacts)
    app = reading_only(wsgi(overlay, artifacts), freshness.refresh, hosts=LOOPBACK)

    def asked(
        path: str, *, method: str = "GET", body: Any = None, host: str = "127.0.0.1:8080"
    ) -> tuple[int, bytes]:
        content = json.dumps(body).encode() if body is not None else b""
        environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_HOST": host}
        environ |= {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
        environ |= {"CONTENT_TYPE": "application/json", "HTTP_ACCEPT_ENCODING": ""}
        setup_testing_defaults(environ)
        status: list[str] = []
        answer = app(environ, lambda line, headers, *_: status.append(line))
        content = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        return int(status[0].split()[0]), content

    yield asked
    freshness.close()


def test_trials_are_shown_in_the_terms_of_the_file(overlay: ReadOnlyStorage) -> None:
    """u1 and temperature.step.start mean nothing to a person who wrote alpha and start."""
    trials = overlay.get_all_trials(1)
    assert len(trials) == TRIALS
    seen: dict[str, set[str]] = {}
    for trial in trials:
        weights = [trial.params[f"loss_weights.{name}"] for name in ("alpha", "beta", "gamma")]
        assert sum(weights) == pytest.approx(1.0, abs=2e-4)  # four digits of each
        told = [*(trial.values or ()), *trial.intermediate_values.values(), *weights]
        assert all(value == float(f"{value:.5g}") for value in told)
        assert trial.params["temperature.start"] > 0
        assert ("temperature.end" in trial.params) == (
            trial.params["temperature.schedule"] != "constant"
        )
        assert "fixed_params" not in trial.system_attrs  # the baseline's u1 and u2
        for name, distribution in trial.distributions.items():
            seen.setdefault(name, set()).add(repr(distribution))
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))
    assert not any(".u1" in name or ".step." in name for name in seen)
    # Optuna's plots leave out a parameter whose range differs between trials.
    assert all(len(ranges) == 1 for ranges in seen.values())
    assert trials[0].params["loss_weights.alpha"] == 0.7
    endings = {trial.user_attrs["ended by"] for trial in trials}
    assert {"asha"} < endings <= {"asha", "max_epochs", "patience", "nan"}


def test_every_write_is_refused(overlay: ReadOnlyStorage, fingerprint: Callable[[], str]) -> None:
    """The driver is the only writer; a second one would lose what the first one does."""
    before = fingerprint()
    study = optuna.load_study(study_name="generated", storage=overlay)
    attempts: list[Callable[[], object]] = [
        study.ask,
        lambda: study.set_user_attr("x", 1),
        lambda: study.add_trial(study.trials[0]),
        lambda: optuna.create_study(study_name="new", storage=overlay),
        lambda: optuna.delete_study(study_name="generated", storage=overlay),
        lambda: overlay.set_trial_state_values(1, TrialState.FAIL),
        lambda: overlay.set_trial_user_attr(1, "x", 1),
        lambda: overlay.set_trial_system_attr(1, "x", 1),
        lambda: overlay.set_trial_intermediate_value(1, 1, 0.0),
        lambda: overlay.set_study_system_attr(1, "x", 1),
    ]
    for attempt in attempts:
        with pytest.raises(SlrTuneError, match="is read-only"):
            attempt()
    assert fingerprint() == before


def test_a_look_leaves_the_database_as_it_was(
    ask: Callable[..., tuple[int, bytes]], fingerprint: Callable[[], str]
) -> None:
    """Optuna Dashboard keeps notes, plots and artifacts in the study; here they only look so."""
    before = fingerprint()
    (study_folder("generated") / "importance").mkdir()
    page = study_folder("generated") / "importance" / "importance.html"
    page.write_text("<title>importance</title>")
    # A busy machine answers first and draws later.
    ended = time.monotonic() + 60
    while True:
        status, body = ask("/api/studies/1")
        detail = json.loads(body)
        assert status == 200
        if detail["plotly_graph_objects"] or time.monotonic() > ended:
            break
        time.sleep(0.2)
    assert {plot["id"] for plot in detail["plotly_graph_objects"]} >= {
        "importance-from-all-trials",
        "importance-over-rungs",
        "simplex-0",
        "temperature-schedules",
    }
    # Broken if `objective_attributes` had another name than the one that the dashboard reads.
    assert detail["objective_names"] == ["val/wer"]
    for plot in detail["plotly_graph_objects"]:
        drawn = json.loads(plot["graph_object"])
        assert drawn["data"] and "var(--" not in plot["graph_object"]
    assert "Gaussian process" in json.dumps(detail["plotly_graph_objects"])
    assert "**Baseline** (trial 0)" in detail["note"]["body"]
    assert "loss_weights.alpha `0.7`" in detail["trials"][0]["note"]["body"]
    assert "batch_size `16`" in detail["trials"][0]["note"]["body"]
    names = {one["filename"]: one["artifact_id"] for one in detail["artifacts"]}
    assert ask(f"/artifacts/1/{names['importance.html']}") == (200, page.read_bytes())
    assert f"[importance](/artifacts/1/{names['importance.html']})" in detail["note"]["body"]
    trial = detail["trials"][0]
    kept = {one["filename"]: one["artifact_id"] for one in trial["artifacts"]}
    assert set(kept) == {"curve.csv", "checkpoint_best.json"}
    output = ask(f"/artifacts/1/{trial['trial_id']}/{kept['checkpoint_best.json']}")[1]
    assert json.loads(output)["config"]["loss_weights"]["alpha"] == 0.7
    assert fingerprint() == before


def test_buttons_that_would_change_a_study_say_why_not(
    ask: Callable[..., tuple[int, bytes]], fingerprint: Callable[[], str]
) -> None:
    """A study deleted under a running search is a night lost."""
    before = fingerprint()
    for method, path in (
        ("DELETE", "/api/studies/1"),
        ("POST", "/api/studies"),
        ("POST", "/api/studies/1/rename"),
        ("POST", "/api/trials/1/tell"),
        ("POST", "/api/trials/1/user-attrs"),
        ("POST", "/api/artifacts/1"),
        ("DELETE", "/api/artifacts/1/00000000-0000-0000-0000-000000000000"),
    ):
        status, body = ask(path, method=method, body={"study_name": "x", "state": "Fail"})
        assert status == 403 and "is read-only" in json.loads(body)["reason"], path
    assert fingerprint() == before


def test_pages_from_elsewhere_cannot_ask(ask: Callable[..., tuple[int, bytes]]) -> None:
    """A site that points its own name at 127.0.0.1 would read every study of its visitor."""
    for host in ("evil.example", "evil.example:8080", ""):
        assert ask("/api/studies", host=host)[0] == 403
    assert ask("/api/studies", host="localhost:8080")[0] == 200
    assert ask("/api/studies", host="[::1]:8080")[0] == 200


def test_a_note_that_was_typed_is_kept_beside_the_study(
    ask: Callable[..., tuple[int, bytes]],
    overlay: ReadOnlyStorage,
    fingerprint: Callable[[], str],
) -> None:
    """It must outlive the dashboard, and must not be written to the study."""
    before = fingerprint()
    ask("/api/studies/1")
    study = optuna.load_study(study_name="generated", storage=overlay)
    assert "## generated" in get_note(study)
    version = json.loads(ask("/api/studies/1")[1])["note"]["version"]
    typed = {"version": version + 1, "body": "my own words"}
    assert ask("/api/studies/1/note", method="PUT", body=typed)[0] == 204
    assert get_note(study) == "my own words"
    again = ReadOnlyStorage(overlay.database)
    later = optuna.load_study(study_name="generated", storage=again)
    assert get_note(later) == "my own words"
    # The other notes are still the made ones.
    detail = json.loads(ask("/api/studies/1")[1])
    assert "loss_weights.alpha" in detail["trials"][0]["note"]["body"]
    assert fingerprint() == before


def test_studies_of_others_are_shown_as_they_are(database: Path) -> None:
    """A database may hold studies that this project did not make."""
    stored = open_storage()
    study = optuna.create_study(study_name="theirs", storage=stored)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    overlay, artifacts = ReadOnlyStorage(stored), FileArtifacts()
    Freshness(overlay, artifacts).refresh(study._study_id)
    (shown,) = overlay.get_all_studies()
    assert shown.study_name == "theirs" and shown.user_attrs == {}
    assert [t.params for t in overlay.get_all_trials(1)] == [t.params for t in study.trials]
    stored.engine.dispose()
