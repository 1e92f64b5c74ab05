"""A rehearsal's figures, and WERs after cleaning, are not read as others."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_space import toy_spec

from slr_tune.space import load_spec
from slr_tune.study.data_notes import data_notes

SPACE = Path(__file__).parents[3] / "search_spaces" / "student.yaml"


@pytest.mark.parametrize(
    ("sets", "notes"),
    [
        ([], []),
        (["data.subset=1.0", "budget.fidelity=subset"], []),
        (
            ["data.subset={train: 0.25, dev: 0.5}", "data.max_utterances=500"],
            [
                "A rehearsal on a part of the data: 25 % of train, at most 500 utterances of "
                "train, 50 % of dev."
            ],
        ),
        (
            ["objective.scoring=phoenix"],
            ["WERs are counted after the official cleaning of PHOENIX-2014."],
        ),
    ],
)
def test_notes_name_the_part_and_the_scoring(sets: list[str], notes: list[str]) -> None:
    assert data_notes(load_spec(SPACE, overrides=sets)) == notes


def test_data_of_a_custom_run_are_its_own(tmp_path: Path) -> None:
    assert data_notes(toy_spec(tmp_path)) == []
