"""What importance says in words: in the metric's own direction and unit."""

from __future__ import annotations

import pytest

from slr_tune.importance import Importance, StudyImportance
from slr_tune.importance.effects import Marginal, Pair
from slr_tune.importance.matched_epoch import Choice
from slr_tune.report.importance.sentences import effect_table, interaction_text


def found(metric: str, direction: str) -> StudyImportance:
    marginal = Marginal(
        "dropout",
        (0.1, 0.2, 0.3),
        (),
        (0.97, 0.974, 0.972),
        (0.0,) * 3,
        (1.0,) * 3,
        False,
        (0.001, 0.008),
    )
    units = ("dropout", "width")
    pair = Pair("dropout", "width", units, 0.6, 0.4, 0.8, 0.0041, True, (0.1,), (1.0,), ((0.97,),))
    main = Importance(3, "gp", 60, (), ())
    choice = Choice(3, "asked for", ())
    return StudyImportance(
        "toy",
        metric,
        direction,
        choice,
        main,
        (main,),
        (marginal,),
        (pair,),
        (),
        (),
        (),
        (0, 1),
        False,
    )


@pytest.mark.parametrize(
    ("metric", "direction", "heading", "row"),
    [
        ("val/wer", "minimize", "effect, points", ("dropout", "0.00", "0.00 to 0.01", "0.1")),
        ("val/accuracy", "maximize", "effect", ("dropout", "0.004", "0.001 to 0.008", "0.2")),
    ],
)
def test_effects_are_reported_in_the_direction_and_unit_of_the_metric(
    metric: str, direction: str, heading: str, row: tuple[str, ...]
) -> None:
    """Of an accuracy the lowest place is the worst, and its unit is no point of the WER."""
    table = effect_table(found(metric, direction))
    assert [column.heading for column in table.columns] == [
        "parameter",
        heading,
        "90 % band",
        "best at",
    ]
    assert list(table.rows) == [row]
    message = interaction_text(found(metric, direction))
    assert ("0.00 points" in message) == (metric == "val/wer")
    assert ("0.0041" in message) == (metric != "val/wer")
