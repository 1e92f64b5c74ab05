"""The end of a run as a function of its curve."""

import math

import pytest

from trainables.config import StudentConfig
from trainables.runs.early_stopping import StoppingRule, stale_epochs, verdict


def ended(wers: list[float], **changes: float) -> str | None:
    settings = {"patience": 3, "min_delta": 0.0, "max_epochs": 100} | changes
    return verdict(wers, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wers", "expected"),
    [
        ([], None),
        ([50.0], None),
        ([50.0, 51.0, 51.0], None),  # two stale epochs
        ([50.0, 51.0, 51.0, 51.0], "patience"),  # the third ends it
        ([50.0, 51.0, 51.0, 49.0], None),  # an improvement starts the count anew
        ([50.0, 50.0, 50.0, 50.0], "patience"),  # equal is no improvement
        ([50.0, math.nan], "nan"),
    ],
)
def test_patience_by_hand(wers: list[float], expected: str | None) -> None:
    assert ended(wers) == expected


def test_min_delta_is_measured_from_the_last_improvement() -> None:
    # Small gains must add up: 50 -> 49.4 is 0.6 below the last improvement, though each step
    # is only 0.2 or less. Measured from the epoch before, the run would end too early.
    assert stale_epochs([50.0, 49.8, 49.6, 49.4], min_delta=0.5) == 0
    assert stale_epochs([50.0, 49.8, 49.6], min_delta=0.5) == 2
    assert stale_epochs([50.0, 49.5], min_delta=0.5) == 1  # exactly min_delta does not suffice


def test_max_epochs_comes_before_patience() -> None:
    # A run that used its whole budget is complete, whatever its last epochs were like.
    assert ended([50.0, 51.0, 51.0, 51.0], max_epochs=4) == "max_epochs"


def test_a_longer_curve_shows_where_a_shorter_patience_would_have_ended() -> None:
    # The stopping factors of an ablation are read off one long curve by this.
    wers = [50.0, 45.0, 46.0, 44.0, 44.5, 44.5, 44.5, 30.0]
    first = next(n for n in range(len(wers) + 1) if ended(wers[:n], patience=2) is not None)
    assert first == 6


def test_a_named_metric_is_watched_in_its_own_unit() -> None:
    # Broken if a min_delta of 0.001 nats were held against points of WER.
    config = StudentConfig.model_validate(
        {"early_stopping": {"metric": "val/loss", "patience": 2, "min_delta": 0.1}}
    )
    rule = StoppingRule.of(config.model_dump(mode="json"))
    rows = [
        {"val/wer": 60.0 - epoch, "val/loss": loss}
        for epoch, loss in enumerate((2, 1.5, 1.45, 1.42))
    ]
    assert rule.verdict(rows[:3]) is None and rule.verdict(rows) == "patience"
    assert StoppingRule.of({"patience": 2, "min_delta": 0.0, "max_epochs": 9}).verdict(rows) is None


def test_a_configuration_that_names_no_early_stopping_is_stored_as_before() -> None:
    # Broken if studies and trainings stored before were no longer found by their settings.
    stored = StudentConfig().model_dump(mode="json")
    assert "early_stopping" not in stored and stored["patience"] == 12
    assert StudentConfig.model_validate(stored) == StudentConfig()
