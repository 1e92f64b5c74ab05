"""`slr-tune compare`: the table's figures, its formats, the log of test, what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slr_tune.statistics import compare as compare_arms
from trainables.data import prepare
from trainables.files.curve import CurveFile
from trainables.files.stored_model import load_model
from trainables.runs.evaluation import evaluate
from trainables.scoring.wer import utterance_errors

Call = Callable[..., tuple[int, str, str]]
DATA = {"name": "libras", "train": 60, "dev": 8, "test": 4}


@pytest.fixture
def pair(trained: Path) -> list[str]:
    """Teacher and student, the student under a name of its own."""
    return [str(trained / "train" / "teacher"), f"small={trained / 'train' / 'student'}"]


def test_figures_are_those_of_the_checkpoints(trained: Path, pair: list[str], call: Call) -> None:
    # Broken if size, cost, WER or the paired difference were of another model or other utterances.
    code, out, _ = call("compare", *pair, "--json")
    assert code == 0
    teacher, student = json.loads(out)["systems"]
    assert (teacher["system"], student["system"]) == ("teacher", "small")
    data = prepare(DATA, trained / ".cache")
    counts = {}
    for row, name in ((teacher, "teacher"), (student, "student")):
        folder = trained / "train" / name
        stored = load_model(folder / "checkpoints" / "checkpoint_best.pt")
        found = evaluate(stored.model, data.dev, data.vocabulary, device=torch.device("cpu"))
        counts[name] = utterance_errors(found.hypotheses, data.dev.references)
        curve = CurveFile(folder / "curve.csv").rows()
        assert row["dev"]["greedy"]["percent"] == pytest.approx(found.wer.wer_percent)
        assert row["parameters"] == sum(p.numel() for p in stored.model.parameters())
        assert row["weight_bytes"] == 4 * row["parameters"]
        assert row["epochs"] == len(curve)
        assert row["training_seconds"] == pytest.approx(sum(line["seconds"] for line in curve))
        assert all(value > 0 for value in row["milliseconds_per_utterance"].values())
    errors = {name: table[None, :, :3].sum(axis=2) for name, table in counts.items()}
    words = np.array([len(reference) for reference in data.dev.references])
    expected = compare_arms(errors, words, baseline="teacher")["student"].difference
    assert expected is not None
    less = student["dev"]["greedy"]["minus_first"]
    assert less["points"] == pytest.approx(expected.points)
    assert (less["low"], less["high"]) == pytest.approx((expected.low, expected.high))
    assert "minus_first" not in teacher["dev"]["greedy"]


def test_beam_agrees_with_evaluate(trained: Path, pair: list[str], call: Call) -> None:
    # Broken if two commands gave two figures for one decoder.
    options = ["--beam-width", "4", "--lm-weight", "0.4", "--json"]
    row = json.loads(call("compare", *pair, *options)[1])["systems"][1]
    systems = json.loads(call("evaluate", trained / "train" / "student", *options)[1])["systems"]
    for ours, theirs in zip(("greedy", "beam"), systems, strict=True):
        assert {row["dev"][ours][key] for key in ("percent", "low", "high")} == {
            theirs[key] for key in ("percent", "low", "high")
        }


def test_markdown_latex_csv_and_page_say_the_same(
    trained: Path, pair: list[str], call: Call
) -> None:
    # Broken if a thesis showed another figure than the screen.
    options = ["--lm", "none"]
    row = json.loads(call("compare", *pair, *options, "--json")[1])["systems"][1]
    figure = f"{row['dev']['greedy']['percent']:.2f}"
    page = trained / "comparison.html"
    markdown = call("compare", *pair, *options, "--html", page)[1]
    assert f"| small | {row['parameters']:,} |" in markdown and figure in markdown
    assert "WER minus teacher" in markdown and "test" not in markdown
    assert figure in page.read_text() and "By how much?" in page.read_text()
    latex = call("compare", *pair, *options, "--latex")[1]
    assert r"\toprule" in latex and rf"small & {row['parameters']:,} &" in latex
    assert figure in latex and latex.count(r"\begin{tabular}") == 2
    lines = list(csv.DictReader(io.StringIO(call("compare", *pair, *options, "--csv")[1])))
    assert float(lines[1]["dev.greedy.percent"]) == row["dev"]["greedy"]["percent"]
    assert lines[0]["dev.greedy.minus_first.points"] == ""


def test_one_table_shows_the_improvement_and_the_winner(pair: list[str], call: Call) -> None:
    # Broken if the better system had to be worked out from two columns by the reader.
    systems = json.loads(call("compare", *pair, "--lm", "none", "--json")[1])["systems"]
    first, second = (row["dev"]["beam"]["percent"] for row in systems)
    assert [row["improvement_points"] for row in systems] == pytest.approx([0.0, first - second])
    assert [row["winner"] for row in systems] == [first <= second, second <= first]
    markdown = call("compare", *pair, "--lm", "none")[1]
    head, _, *rows = [line for line in markdown.splitlines() if line.startswith("|")][:4]
    assert "better than teacher, dev beam" in head and head.rstrip(" |").endswith("winner")
    assert [row.rstrip(" |").endswith("winner") for row in rows] == [r["winner"] for r in systems]
    assert f"{first - second:+.2f} ({100 * (first - second) / first:+.1f} %)" in rows[1]


def test_test_is_opened_on_request_and_logged(trained: Path, pair: list[str], call: Call) -> None:
    # Broken if test could be looked at unseen, or unasked.
    folders = [trained / "train" / name for name in ("teacher", "student")]
    call("compare", *pair)
    assert not any((folder / "test_openings.log").exists() for folder in folders)
    code, out, err = call("compare", *pair, "--test")
    assert code == 0 and "test WER, beam" in out and "opened once" in err
    for folder in folders:
        assert "compare" in (folder / "test_openings.log").read_text()


def test_tuned_beams_are_reported_to_be_chosen(pair: list[str], call: Call) -> None:
    # Broken if a figure that dev chose passed for one that it did not.
    code, out, err = call("compare", *pair, "--tune-beam", "--lm", "none")
    assert code == 0 and "Beam searches, chosen on dev" in out
    assert "measured on the other" in err


def _other_data(trained: Path, **change: Any) -> Path:
    """The student as if it were of other data or glosses."""
    folder = trained / "train" / "other"
    shutil.copytree(trained / "train" / "student", folder)
    path = folder / "checkpoints" / "checkpoint_best.pt"
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    return folder


def test_other_data_are_refused(trained: Path, pair: list[str], call: Call) -> None:
    # Broken if WERs on different utterances stood in one table as if they could be compared.
    other = _other_data(trained, data_hash="0123abcd")
    code, _, err = call("compare", pair[0], other)
    assert code == 2 and "other was trained on other data than teacher: 0123abcd" in err
    code, out, err = call("compare", pair[0], other, "--data", json.dumps(DATA))
    assert code == 0 and "Warning: other: trained on other data" in err and "| other |" in out


def test_other_glosses_are_refused(trained: Path, pair: list[str], call: Call) -> None:
    # Broken if a model's outputs were read as other glosses than it learnt.
    vocabulary = list(
        load_model(trained / "train/student/checkpoints/checkpoint_best.pt").vocabulary
    )
    other = _other_data(trained, vocabulary=[*vocabulary[:-1], "HELLO"])
    code, _, err = call("compare", pair[0], other)
    assert code == 2 and "other glosses than teacher" in err and "'HELLO'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}"], "needs at least two systems"),
        (["{0}", "{0}"], "two systems are called 'teacher'"),
        (["{0}", "nowhere/checkpoint_best.pt"], "does not exist"),
        (["{0}", "=x"], "nothing before or after the ="),
        (["{0}", "{1}", "--latex", "--json"], "exclude each other"),
        (["{0}", "{1}", "--tune-beam", "--lm-weight", "1"], "chooses --lm-weight itself"),
        (["{0}", "{1}", "--lm", "none", "--lm-weight", "1"], "needs a language model"),
        (["{0}", "{1}", "--lm", "no.arpa", "--test"], "no.arpa"),
    ],
)
def test_what_cannot_be_compared(
    arguments: list[str], message: str, pair: list[str], trained: Path, call: Call
) -> None:
    # Broken if it ended in a traceback, or after test had been opened.
    code, out, err = call("compare", *(item.format(*pair) for item in arguments))
    assert code == 2 and message in err and not out
    assert not list(trained.glob("train/*/test_openings.log"))
