"""`slr-tune evaluate`: its figures, its log, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.files.curve import CurveFile

Call = Callable[..., tuple[int, str, str]]


def test_greedy_is_the_figure_of_the_training(trained: Path, call: Call) -> None:
    # Broken if 16 bits, the batches or the scoring changed what the curve says.
    folder = trained / "train" / "student"
    code, out, _ = call("evaluate", folder, "--json", "--lm", "none")
    facts = json.loads(out)
    assert code == 0
    assert facts["worst"] and facts["confusions"]
    best = min(row["val/wer"] for row in CurveFile(folder / "curve.csv").rows())
    greedy, beam = facts["systems"]
    assert greedy["percent"] == pytest.approx(best)
    assert greedy["low"] <= greedy["percent"] <= greedy["high"]
    assert beam["minus_greedy"]["points"] == pytest.approx(beam["percent"] - greedy["percent"])
    counts = [greedy[kind] for kind in ("substitutions", "deletions", "insertions")]
    assert 100 * sum(counts) / greedy["words"] == pytest.approx(greedy["percent"])


def test_a_person_sees_systems_confusions_and_worst_utterances(trained: Path, call: Call) -> None:
    # Broken if a decoder, or where it goes wrong, were not shown.
    code, out, _ = call("evaluate", trained / "train" / "student", "--confidence", "-8")
    assert code == 0
    assert "greedy" in out and "beam 10, LM 0.9, bonus 1.5" in out and "confidence -8" in out
    assert "REF " in out and "HYP " in out


def test_every_look_at_test_is_logged(trained: Path, call: Call) -> None:
    # Broken if test could be looked at unseen.
    folder = trained / "train" / "student"
    for often in ("once", "2 times"):
        _, _, err = call("evaluate", folder, "--split", "test", "--json")
        assert f"Test has now been opened {often}" in err
    lines = (folder / "test_openings.log").read_text().splitlines()
    assert len(lines) == 2 and "evaluate" in lines[0]
    call("evaluate", folder, "--json")
    assert len((folder / "test_openings.log").read_text().splitlines()) == 2


def test_log_probs_are_computed_once(trained: Path, call: Call) -> None:
    # Broken if every decoding ran the model again, or read another checkpoint's scores.
    folder = trained / "train" / "student"
    call("evaluate", folder, "--json")
    stored = trained / ".cache" / "log-probs"
    before = {path: path.stat().st_mtime_ns for path in stored.glob("*/scores.npy")}
    call("tune-decoder", folder, "--json")
    after = {path: path.stat().st_mtime_ns for path in stored.glob("*/scores.npy")}
    assert before == after and len(after) == 1
    call("evaluate", trained / "train" / "teacher", "--json")
    assert len(list(stored.glob("*/scores.npy"))) == 2


def test_damaged_log_probs_are_made_again(trained: Path, call: Call) -> None:
    # Broken if a full disk once meant an error for ever.
    folder = trained / "train" / "student"
    first = json.loads(call("evaluate", folder, "--json")[1])
    (scores,) = (trained / ".cache" / "log-probs").glob("*/scores.npy")
    scores.write_bytes(b"torn")
    again = json.loads(call("evaluate", folder, "--json")[1])
    for ours, theirs in zip(again["systems"], first["systems"], strict=True):
        assert {**ours, "utterances_per_second": 0} == {**theirs, "utterances_per_second": 0}


def test_an_arpa_file_is_read(trained: Path, call: Call, tmp_path: Path) -> None:
    # Broken if only the model made of the training glosses could be used.
    from trainables.data import prepare
    from trainables.decoding.arpa import write_arpa
    from trainables.decoding.kneser_ney import train_kneser_ney

    data = prepare({"name": "libras", "train": 60, "dev": 8, "test": 4}, trained / ".cache")
    model = train_kneser_ney(data.train.references, order=3, vocabulary=data.vocabulary[1:])
    write_arpa(model, tmp_path / "own.arpa")
    folder = trained / "train" / "student"
    own = json.loads(call("evaluate", folder, "--lm", tmp_path / "own.arpa", "--json")[1])
    made = json.loads(call("evaluate", folder, "--lm", "train", "--json")[1])
    assert own["systems"][-1]["percent"] == made["systems"][-1]["percent"]


def test_a_checkpoint_of_a_beam_is_evaluated_by_it(trained: Path, call: Call) -> None:
    # Broken if the figure of a search over decoders could not be found again.
    folder = trained / "train" / "beam"
    code, out, _ = call("evaluate", folder, "--json")
    beam = json.loads(out)["systems"][-1]
    assert code == 0 and beam["decoder"] == "beam 4, LM 0.4, bonus 1"
    best = min(row["val/wer"] for row in CurveFile(folder / "curve.csv").rows())
    assert beam["percent"] == pytest.approx(best)
    beam = json.loads(call("evaluate", folder, "--json", "--beam-width", "3")[1])["systems"][-1]
    assert beam["decoder"] == "beam 3, LM 0.4, bonus 1"


def test_a_refused_look_at_test_is_not_logged(trained: Path, call: Call) -> None:
    # Broken if a misspelt language model counted as a look.
    folder = trained / "train" / "student"
    code, _, err = call("evaluate", folder, "--split", "test", "--lm", "no.arpa")
    assert code == 2 and "no.arpa" in err and "Traceback" not in err
    assert not (folder / "test_openings.log").exists()


def test_a_checkpoint_of_other_glosses_is_refused(
    trained: Path, call: Call, tmp_path: Path
) -> None:
    # Broken if its outputs were read as other glosses than it learnt.
    from phoenix_layout import write_phoenix

    layout = write_phoenix(tmp_path / "phoenix")
    section = json.dumps(layout.section)
    code, _, err = call("evaluate", trained / "train" / "student", "--data", section)
    assert code == 2 and "was trained on other glosses: its vocabulary has" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere/checkpoint_best.pt"], "does not exist"),
        (["{studies}"], "holds no checkpoint_best.pt"),
        (["{studies}/train/student", "--lm", "no.arpa"], "there is no such language model"),
        (["{studies}/train/student", "--data", "nosuch"], "not a known data set"),
        (["{studies}/train/student", "--study", "s"], "not both"),
        (["{studies}/train/student", "--trial", "3"], "is a file or folder"),
        (["{studies}/train/student", "--lm", "none", "--lm-weight", "1"], "needs a language model"),
    ],
)
def test_what_cannot_be_done_is_reported(
    arguments: list[str], message: str, trained: Path, call: Call
) -> None:
    # Broken if a wrong path or file ended in a traceback.
    given = [item.format(studies=trained) for item in arguments]
    code, _, err = call("evaluate", *given)
    assert code == 2 and message in err


def test_a_split_of_one_utterance(trained: Path, call: Call) -> None:
    # Broken if the smallest split ended in a traceback: a difference is of two utterances or more.
    folder, data = trained / "train" / "student", "{name: libras, train: 60, dev: 1, test: 4}"
    code, out, _ = call("evaluate", folder, "--data", data, "--json")
    assert code == 0
    greedy, beam = json.loads(out)["systems"]
    assert beam["minus_greedy"] is None and greedy["low"] == greedy["percent"] == greedy["high"]
    assert call("evaluate", folder, "--data", data)[0] == 0
