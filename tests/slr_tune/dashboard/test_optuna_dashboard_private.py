"""Notes, plots and artifacts that are only shown, against those that Optuna Dashboard stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna_dashboard import save_note, save_plotly_graph_object
from plotly.graph_objects import Figure

from slr_tune.dashboard.optuna_dashboard_private import (
    PLOTS,
    artifact_attributes,
    note_attributes,
    note_of,
    plot_attributes,
)

MEND = "mend slr_tune/dashboard/optuna_dashboard_private.py"


def stored(write: Callable[[optuna.Study], Any]) -> dict[str, Any]:
    """System attributes of a study after its public function wrote something."""
    study = optuna.create_study()
    study.ask()
    write(study)
    return study._storage.get_study_system_attrs(study._study_id)


def test_notes_are_those_that_it_stores() -> None:
    """Under other names it would show none, and a typed one would be refused."""
    of_study = stored(lambda study: save_note(study, "what it is"))
    assert note_attributes("what it is") == of_study, MEND
    of_trial = stored(lambda study: save_note(study.ask(), "what it is"))
    assert note_attributes("what it is", 1) == of_trial, MEND
    assert {note_of(key) for key in of_study} == {""}
    assert {note_of(key) for key in of_trial} == {"1:"}


def test_plots_are_those_that_it_stores() -> None:
    """The report's figures would be missing from its page."""
    plot = stored(lambda study: save_plotly_graph_object(study, Figure(), graph_object_id="bars"))
    assert set(plot_attributes("bars", {})) == set(list(plot)[:1]), MEND  # it cuts long ones
    assert all(key.startswith(PLOTS) for key in plot), MEND


@pytest.mark.parametrize("name", ["curve.csv", "report.html", "checkpoint_best.json"])
def test_artifacts_are_those_that_optuna_stores(name: str, tmp_path: Path) -> None:
    """A file under another name or type would not be listed, or not be opened."""
    path = tmp_path / name
    path.write_text("content")
    store = FileSystemArtifactStore(tmp_path)

    names: list[str] = []

    def upload(study: optuna.Study) -> None:
        upload_artifact(artifact_store=store, file_path=path, study_or_trial=study)
        (known,) = get_all_artifact_meta(study)
        names.append(known.artifact_id)

    assert stored(upload) == artifact_attributes(names[0], name), MEND
