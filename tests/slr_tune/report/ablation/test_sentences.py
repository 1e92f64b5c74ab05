"""Sentences and numbers of an ablation's report, each rule with its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ablation_results import STEP, example_result, factorial_result, path_result, retuned_result

from slr_tune.ablation.result import ArmRow, Receipt, ResultTable
from slr_tune.report.ablation import sentences

WER = ResultTable("main", "t", "dev", "b", (), "", 3, 150, 849, None, 10_000)
ACCURACY = replace(
    WER, measure="val/accuracy", minimize=False, utterances=None, words=None, resamples=None
)


def row(outcome: str = "no clear difference", **fields: Any) -> ArmRow:
    given: dict[str, Any] = {"difference": -0.8, "low": -2.9, "high": 1.2, "outcome": outcome}
    return ArmRow("a", (1.0, 2.0), 1.5, **(given | fields))


def test_differences_are_written_as_in_the_verdicts() -> None:
    """A table that rounds otherwise than its sentence makes a reader look for the mistake."""
    assert sentences.difference_texts(row(), WER) == ("-0.8", "[-2.9, +1.2]")
    assert sentences.difference_texts(row(high=-0.04), WER) == ("-0.80", "[-2.90, -0.04]")
    assert sentences.difference_texts(ArmRow("b", (1.0,), 1.0), WER) == ("", "")
    small = row(difference=0.0123, low=-0.001, high=0.0256)
    assert sentences.difference_texts(small, ACCURACY) == ("+0.0123", "[-0.001, +0.0256]")
    assert sentences.difference_texts(row(low=None, high=None), WER) == ("-0.8", "")


@pytest.mark.parametrize(
    ("outcome", "minimize", "sign"),
    [
        ("better", True, "\u25bc"),
        ("worse", True, "\u25b2"),
        ("better", False, "\u25b2"),
        ("worse", False, "\u25bc"),
        ("no clear difference", True, "\u25cb"),
        ("inconclusive", True, "\u25cb"),
        ("the same within the margin", True, "\u2248"),
        ("better where it trains, collapses more often", True, "\u25d0"),
        ("no clear difference, one seed", True, "\u25cb"),
        ("identical", True, "="),
        ("interaction", True, "\u25cf"),
        ("", True, ""),
    ],
)
def test_every_verdict_has_a_sign_of_its_own(outcome: str, minimize: bool, sign: str) -> None:
    """Without colour the signs alone tell which way the measure went."""
    assert sentences.mark(row(outcome), replace(WER, minimize=minimize)) == sign


def test_caption_says_unit_side_interval_and_family() -> None:
    """A table in a thesis stands alone: nobody may have to guess which side is better."""
    main = example_result().main
    assert sentences.caption(main) == (
        f"WER on dev: 150 utterances, {main.words} words. Difference to {STEP} in points, below 0 "
        "is better; 95 % interval over seeds and utterances; p after Holm's correction over 5 "
        "comparisons."
    )
    own = replace(ACCURACY, rows=(row(),))
    assert sentences.caption(own) == (
        "val/accuracy on dev. Difference to b in units of val/accuracy, above 0 is better; "
        "95 % interval over seeds."
    )
    signers = replace(WER, signers=9, rows=(row(), row("identical")))
    assert "150 utterances of 9 signers" in sentences.caption(signers)
    assert "over seeds and signers." in sentences.caption(signers)
    effect, *_, interaction = factorial_result().crossing("dev")
    assert sentences.caption(effect).startswith(
        "The effect of temperature, over 2 levels of kd_blank."
    )
    assert "minus the sum of the separate effects" in sentences.caption(interaction)


def test_cost_in_a_sentence() -> None:
    """Singular and plural, and all of it where nothing was shared."""
    shared = Receipt(432, 300, 0, 18, 812.0, (), ())
    assert sentences.cost_text(shared) == (
        "18 runs of 432 epochs in all were requested; 300 epochs were trained, 69 % of them, in "
        "14 min of training."
    )
    assert sentences.cost_text(Receipt(1, 1, 1, 1, 3.0, (), ())) == (
        "1 run of 1 epoch in all was requested; all were trained, in 3 s of training."
    )


def test_retuning_says_of_each_arm_whether_it_outlives_it() -> None:
    """The question is whether the factor still matters: every case has its own answer."""
    table = retuned_result().main
    lines = sentences.retune_sentences(*(retuned_result().tables))
    assert len(lines) == 5
    first = table.row("constant 1")
    assert lines[0].startswith(f"constant 1: +{first.difference:.1f} points [")
    assert lines[0].endswith("No longer clear after re-tuning.")
    base = replace(WER, rows=(ArmRow("b", (1.0,), 1.0), row("better")))
    cases = {
        "better": "Still clear.",
        "worse": "The other way round.",
        "no clear difference": "No longer clear after re-tuning.",
    }
    for outcome, message in cases.items():
        other = replace(base, rows=(base.rows[0], row(outcome)))
        assert sentences.retune_sentences(base, other) == [
            f"a: -0.8 points [-2.9, +1.2]; tuned for itself -0.8 points [-2.9, +1.2]. {message}"
        ]
        back = sentences.retune_sentences(replace(base, rows=(base.rows[0], row())), other)
        expected = (
            "No clear difference either way."
            if outcome == "no clear difference"
            else "Clear only after re-tuning."
        )
        assert back[0].endswith(expected)


def test_path_says_what_the_whole_way_brought() -> None:
    """And which step most of it; or that none did."""
    result = path_result()
    start, end = result.main.rows[0].mean, result.steps[-1].mean
    assert sentences.path_sentence(result) == (
        f"From the baseline ({start:.2f}) to the best trial's settings ({end:.2f}): "
        f"{end - start:+.1f} points in 2 steps. kd_blank gained the most, "
        f"{result.steps[0].gain:+.1f}."
    )
    worse = replace(result, steps=(replace(result.steps[0], gain=0.4, mean=start + 0.4),))
    assert sentences.path_sentence(worse).endswith("+0.4 points in 1 step. No step improved it.")
    third = replace(result.steps[1], gain=0.3, mean=result.steps[1].mean + 0.3)
    longer = replace(result, steps=(*result.steps, third))
    assert sentences.path_sentence(longer).endswith(f"best after step 2 ({end:.2f}).")
    assert sentences.path_sentence(example_result()) == ""


def test_method_does_not_claim_what_was_not_done() -> None:
    """A user's own metric has no utterances to resample, and no MAPSSWE."""
    text = " ".join(sentences.method(ACCURACY))
    assert "bootstrap" not in text and "MAPSSWE" not in text and "val/accuracy" in text
    text = " ".join(sentences.method(replace(WER, signers=9)))
    assert "paired bootstrap of the signers (10,000 resamples)" in text
