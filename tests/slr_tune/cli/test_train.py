"""`slr-tune train` from the outside: what it prints, stores and refuses."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from own_process import Command
from screen import Screen, Terminal

from slr_tune.cli import train_settings
from slr_tune.cli.main import run
from slr_tune.cli.train_settings import read_train_settings
from slr_tune.errors import SpecError
from trainables.config import StudentConfig
from trainables.runs.ctc_run import CtcRun

DATA = "{name: libras, train: 12, dev: 4, test: 1}"
SMALL = ["--data", DATA, "--set", "hidden=4", "--set", "projection=4", "--set", "device=cpu"]


def train(*arguments: str, capsys: Any) -> tuple[int, str, str]:
    code = run(["train", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_student_is_trained_and_found_again(capsys: Any, studies: Path) -> None:
    arguments = ["student", *SMALL, "--set", "max_epochs=2", "--json"]
    code, out, err = train(*arguments, capsys=capsys)
    summary = json.loads(out)
    assert code == 0
    assert (summary["epochs"], summary["ended_by"]) == (2, "max_epochs")
    assert Path(summary["checkpoint"]).is_file()
    assert Path(summary["folder"]).parent == studies / "train"
    assert [line.split()[1] for line in err.splitlines()] == ["1/2", "2/2"]
    code, out, err = train(*arguments, capsys=capsys)
    assert code == 0 and json.loads(out) == summary | {
        "peak_memory_bytes": json.loads(out)["peak_memory_bytes"],
        "arithmetic": json.loads(out)["arithmetic"],  # nothing was trained this time
    }
    assert "ended already" in err


def test_teacher_then_distillation_then_fine_tuning(capsys: Any, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    best = teacher / "checkpoints" / "checkpoint_best.pt"
    one = ["--set", "max_epochs=1", "--json"]
    assert train("teacher", *SMALL, *one, "--out", str(teacher), capsys=capsys)[0] == 0
    code, out, err = train("distill", *SMALL, *one, "--teacher", str(best), capsys=capsys)
    assert code == 0
    assert "Teacher loaded" in err and "Temperature" in err
    student = json.loads(out)
    assert student["teacher_wer"] is not None
    tuned = ["student", *SMALL, *one, "--set", "learning_rate=1e-4"]
    code, out, err = train(*tuned, "--resume", student["checkpoint"], capsys=capsys)
    assert code == 0 and "Weights loaded from" in err
    assert json.loads(out)["folder"] != student["folder"]


def test_fine_tuning_has_the_settings_of_its_start(capsys: Any, tmp_path: Path) -> None:
    # Broken if fine-tuning silently went back to default dropout, or if one had to write down
    # again what the checkpoint says of its model.
    first = ["student", *SMALL, "--set", "max_epochs=1", "--set", "dropout=0.1", "--json"]
    start = json.loads(train(*first, capsys=capsys)[1])
    again = ["student", "--data", DATA, "--resume", start["checkpoint"], "--json"]
    changed = {"learning_rate": 5e-5, "max_epochs": 2}
    options = [part for key, value in changed.items() for part in ("--set", f"{key}={value}")]
    code, out, err = train(*again, *options, capsys=capsys)
    assert code == 0 and "Weights loaded from" in err
    assert json.loads(out)["config"] == start["config"] | changed


@pytest.mark.parametrize("change", ["decoding.method=greedy", "decoding={method: greedy}"])
def test_fine_tuning_may_go_over_to_greedy_decoding(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if a checkpoint of a beam search could be fine-tuned with a beam search alone: its
    # width was held against a method that nobody had given a width.
    beam = StudentConfig.model_validate({"hidden": 9, "decoding": {"width": 5}})
    start = beam.model_dump(mode="json")
    monkeypatch.setattr(train_settings, "_settings_of", lambda *_: start)

    def config(*overrides: str) -> StudentConfig:
        found = read_train_settings(
            "student",
            None,
            overrides=overrides,
            data=None,
            teacher=None,
            seed=None,
            resume=tmp_path,
        )
        return StudentConfig.model_validate(found.config)

    assert config(change) == StudentConfig(hidden=9)
    assert config("decoding.lm_weight=0.1").decoding.width == 5
    with pytest.raises(SpecError, match="method greedy takes no width"):
        config("decoding={method: greedy, width: 3}")


def test_file_and_options_are_checked_together(capsys: Any, tmp_path: Path) -> None:
    # All mistakes at once, each with its place; options win over the file.
    file = tmp_path / "student.yaml"
    file.write_text("layers: 0\nseed: nine\ndata: {name: libra}\nteacher: t.pt\n")
    code, out, err = train("student", "--config", str(file), "--set", "dropout=2", capsys=capsys)
    assert code == 2 and out == ""
    for expected in (
        f"{file}:1:9: layers: must be at least 1",
        f"{file}:2:7: seed: must be a whole number",
        f"{file}:3:7: data.name: 'libra' is not a known data set",
        f"{file}:4:10: teacher: a student has no teacher",
        "--set dropout=2: dropout: must be below 1",
    ):
        assert expected in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["student", "--set", "hiden=3"], "Did you mean hidden?"),
        (["student", "--set", "hidden"], "key=value"),
        (["student", "--config", "missing.yaml"], "no such file"),
        (["distill", *SMALL], "distill needs a teacher"),
        (["distill", *SMALL, "--teacher", "missing.pt"], "missing.pt does not exist"),
        (["student", *SMALL, "--resume", "missing.pt"], "missing.pt does not exist"),
        (["student", "--data", "{name: phoenix, root: missing, features: f}"], "missing"),
        (["student", "--set", "temperature=3"], "temperature"),
        (["studnet"], "'teacher', 'student', 'distill'"),
    ],
)
def test_bad_input_ends_in_one_message(capsys: Any, arguments: list[str], message: str) -> None:
    code, out, err = train(*arguments, capsys=capsys)
    assert code == 2 and message in err and out == "" and "Traceback" not in err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("out of memory with one utterance at a time in epoch 1: CUDA"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["one utterance", "GPU", "CPU", "Python"],
)
def test_memory_that_runs_out_for_good_ends_in_one_message(
    error: Exception, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if the commonest end of a large model were a traceback, or called bad input.
    monkeypatch.setattr(CtcRun, "run_epoch", _raising(error))
    code, out, err = train("student", *SMALL, "--set", "max_epochs=1", capsys=capsys)
    assert (code, out) == (1, "") and "Traceback" not in err
    output, hint = err.splitlines()
    assert output.startswith("slr-tune: ") and output.lower().count("out of memory") == 1
    assert "truncate_frames" in hint


def test_a_fault_of_the_program_keeps_its_traceback(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if every RuntimeError were taken for too little memory.
    monkeypatch.setattr(CtcRun, "run_epoch", _raising(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        train("student", *SMALL, "--set", "max_epochs=1", capsys=capsys)


def _raising(error: Exception) -> Any:
    def run_epoch(run: CtcRun) -> dict[str, float]:
        raise error

    return run_epoch


def test_another_run_in_the_folder_is_refused(capsys: Any, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "run"), "--set", "max_epochs=1"]
    assert train("student", *SMALL, *out, capsys=capsys)[0] == 0
    code, _, err = train("student", *SMALL, *out, "--seed", "5", capsys=capsys)
    assert code == 2 and "seed: 0 in the folder, 5 now" in err


def test_ctrl_c_stores_and_the_same_command_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Exit code 130 tells a script that the run is unfinished; nothing finished may be lost.
    folder = tmp_path / "run"
    first = interrupted(folder, after="epoch   2/400")
    done = (folder / "curve.csv").read_text().count("\n") - 1
    assert 2 <= done < 400
    assert "To resume:\n  slr-tune train " in first and "Traceback" not in first
    assert "░" not in first  # there is no bar in a log
    second = interrupted_at_terminal(
        folder, after=f"epoch {done + 1:>3}/400", monkeypatch=monkeypatch
    )
    assert f"Resuming after epoch {done}" in second
    epochs = [line.split(",")[0] for line in (folder / "curve.csv").read_text().splitlines()[1:]]
    assert epochs == [str(epoch) for epoch in range(1, len(epochs) + 1)]
    assert len(epochs) > done


def interrupted_at_terminal(folder: Path, *, after: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same at a terminal of 80 columns, which shows one bar while it trains, and none after."""
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    terminal = Terminal(80)
    settings = ["--set", "max_epochs=400", "--set", "patience=400", "--out", folder]
    command = Command("train", "student", *SMALL, *settings, ray=False, terminal=terminal.theirs)
    os.close(terminal.theirs)

    parts = [
        r"░ +\d+ % epoch \d+ of at most 400, about .* left train loss \d",
        r"dev WER [\d.]+ %, best [\d.]+ % \(epoch \d+\)",
    ]

    def whole(screen: Screen) -> bool:
        # A drawing may arrive in pieces: what is asked for must all be there.
        bars = [number for number, row in enumerate(screen.rows) if "░" in row]
        picture = " ".join(screen.rows[bars[0] :]) if len(bars) == 1 else ""
        return after in screen.text and all(re.search(part, picture) for part in parts)

    assert terminal.read_until(whole, command.process), terminal.screen.text
    terminal.type(b"\x03")
    assert not terminal.read_until(lambda screen: False, command.process)
    assert command.process.wait(timeout=60) == 130
    os.close(terminal.ours)
    assert "░" not in terminal.screen.text and "To resume:" in terminal.screen.text
    return terminal.screen.text


def interrupted(folder: Path, *, after: str) -> str:
    """Starts a long training, presses Ctrl-C once a line was told; returns what it told."""
    settings = ["--set", "max_epochs=400", "--set", "patience=400", "--out", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "slr_tune.cli.main", "train", "student", *SMALL, *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stderr is not None
    output = ""
    while after not in output:
        line = process.stderr.readline()
        assert line, f"it ended before: {output}"
        output += line
    process.send_signal(signal.SIGINT)
    output += process.communicate(timeout=60)[1]
    assert process.returncode == 130
    return output
