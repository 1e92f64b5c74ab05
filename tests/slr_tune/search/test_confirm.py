"""The winner's curse: what the search claimed, what fresh seeds give, and what of it is luck."""

from __future__ import annotations

from pathlib import Path

import pytest

from slr_tune.cli.main import run as slr_tune
from slr_tune.search.confirm import Confirmed, curse_line, winners_curse


def entry(*wer: float, claimed: float = 11.0) -> Confirmed:
    return Confirmed(7, "best", claimed, {"dev": wer}, 1)


def test_interval_is_a_t_interval_over_the_seeds() -> None:
    """12, 13 and 14 have a standard error of 1/sqrt(3); t(2) at 97.5 % is 4.3027."""
    curse = winners_curse(entry(12.0, 13.0, 14.0))
    assert curse.points == pytest.approx(2.0)
    assert curse.low == pytest.approx(2.0 - 4.3027 / 3**0.5, abs=1e-4)
    assert curse.high == pytest.approx(2.0 + 4.3027 / 3**0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("wer", "end"),
    [
        ((12.0, 13.0, 14.0), "+2.00 points [-0.48, +4.48]: no flattery shown."),
        ((13.0, 13.1, 12.9), "+2.00 points [+1.75, +2.25]: the search flattered it."),
        ((9.0, 9.1, 8.9), "-2.00 points [-2.25, -1.75]: the search was unlucky with it."),
        ((13.0,), "+2.00 points. One seed says nothing of its spread."),
    ],
)
def test_the_line_says_no_more_than_was_shown(wer: tuple[float, ...], end: str) -> None:
    """A gap that seeds alone make must not be called a curse, and one seed shows nothing."""
    line = curse_line(entry(*wer))
    assert line.startswith("Winner's curse, trial 7: the search claimed 11.00")
    assert line.endswith(end)


SPACE = """
study: tiny
trainable: student
data: {name: libras, train: 18, dev: 8, test: 4}
budget: {trials: 3, max_epochs: 3, grace_epochs: 3}  # which of them ASHA stops is chance
fixed: {layers: 1, hidden: 6, projection: 6, batch_size: 6, device: cpu}
space:
  learning_rate: {float: [1e-3, 1e-1], log: true}
baseline: {learning_rate: 0.03}
"""


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_the_command_says_claim_fresh_seeds_and_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the figure of a search would be quoted as it stands."""
    (tmp_path / "tiny.yaml").write_text(SPACE)
    assert slr_tune(["run", str(tmp_path / "tiny.yaml")]) == 0
    capsys.readouterr()
    assert slr_tune(["confirm", "--top", "2", "--seeds", "2"]) == 0
    said = capsys.readouterr().out
    assert said.count("Winner's curse, trial") >= 1 and "2 fresh seeds give" in said
    assert "against baseline" in said
