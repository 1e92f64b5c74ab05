"""What a search counts its WER on: the glosses, or what the official evaluation leaves of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from phoenix_layout import write_phoenix

from slr_tune.errors import SpecError
from slr_tune.space import StudySpec, load_spec
from trainables.building import build_run
from trainables.config import StudentConfig
from trainables.data import prepare
from trainables.runs.evaluation import evaluate

SPACE = """
study: cleaned
trainable: student
data: {name: libras, train: 20, dev: 10, test: 4}
objective: {metric: val/wer, scoring: SCORING}
budget: {trials: 2, max_epochs: 2}
space: {learning_rate: {float: [1.0e-3, 1.0e-2], log: true}}
"""


def test_a_run_counts_as_its_search_does(tmp_path: Path) -> None:
    layout = write_phoenix(tmp_path / "phoenix")
    for split, clips in layout.clips.items():
        clips[0].glosses = ["loc-NORD", "__EMOTION__", "SONNE", "SONNE"]
        layout.write_corpus(split)
    data = prepare(layout.section, tmp_path / "cache")
    words = {}
    for scoring in ("plain", "phoenix"):
        config = StudentConfig(hidden=4, projection=4, device="cpu", scoring=scoring).model_dump()
        run = build_run("student", config, data=data, seed=0, cache=tmp_path)
        run.run_epoch()
        assert run.state_dict()["config"].get("scoring", "plain") == scoring
        found = evaluate(
            run.model,  # type: ignore[attr-defined]
            data.dev,
            data.vocabulary,
            device=torch.device("cpu"),
            scoring=scoring,
        )
        words[scoring] = found.wer.words
        assert run.rows[0]["val/wer"] == found.wer.wer_percent  # type: ignore[attr-defined]
    # Of the first utterance NORD SONNE are left.
    assert words["plain"] - words["phoenix"] == 2


def write(folder: Path, scoring: str, trainable: str = "student") -> Path:
    path = folder / "space.yaml"
    text = SPACE.replace("SCORING", scoring).replace(
        "trainable: student", f"trainable: {trainable}"
    )
    path.write_text(text)
    return path


def test_the_objective_gives_it_to_every_trial_and_old_studies_stay_the_same(
    tmp_path: Path,
) -> None:
    spec = load_spec(write(tmp_path, "phoenix"))
    assert spec.config_for({"learning_rate": 2e-3})["scoring"] == "phoenix"
    assert StudySpec.from_identity(spec.identity()).objective.scoring == "phoenix"
    plain = load_spec(write(tmp_path, "plain"))
    assert "scoring" not in plain.identity()["objective"]
    assert "scoring" not in plain.config_for({"learning_rate": 2e-3})


@pytest.mark.parametrize(
    ("scoring", "trainable", "message"),
    [("phonix", "student", "objective.scoring"), ("phoenix", "toy_runs:ToyRun", "own errors")],
)
def test_what_cannot_be_counted_so_is_refused(
    tmp_path: Path, scoring: str, trainable: str, message: str
) -> None:
    with pytest.raises(SpecError) as error:
        load_spec(write(tmp_path, scoring, trainable))
    assert message in str(error.value)
