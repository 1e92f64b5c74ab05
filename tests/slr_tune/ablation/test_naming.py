"""Names of levels, as tables and verdicts show them."""

from __future__ import annotations

from typing import Any

import pytest

from slr_tune.ablation.naming import level_text


@pytest.mark.parametrize(
    ("factor", "level", "text"),
    [
        ("dropout", 0.3, "dropout 0.3"),
        ("learning_rate_schedule", {"name": "constant"}, "learning_rate_schedule constant"),
        (
            "learning_rate_schedule",
            {"name": "one_cycle", "warmup_epochs": 4.0},
            "learning_rate_schedule one_cycle, warmup_epochs 4",
        ),
        ("augmentation", {"noise": 0.1}, "noise 0.1"),
        ("temperature", {"schedule": "constant", "start": 4.0, "end": None}, "constant 4"),
    ],
)
def test_a_level_says_of_what_it_is(factor: str, level: Any, text: str) -> None:
    """`name constant` beside another factor's arm says nothing."""
    assert level_text(factor, level) == text
