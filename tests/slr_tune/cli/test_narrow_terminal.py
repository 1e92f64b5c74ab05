"""Tables on terminals of 80 and of 40 columns: what a person looks for first is there whole."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from generated_study import generate_study

from slr_tune.cli.printing import print_table
from slr_tune.report.page import Table, numbers, texts
from slr_tune.report.page.terminal import fit
from slr_tune.study.record import ended_by
from slr_tune.study.view import load_study

MARK = "=== "
COMMANDS = [["show"], ["show", "--wide"], ["list"], ["importance"], ["clean", "--dry-run"]]
PROGRAM = """
import json, sys
from slr_tune.cli.main import run
for command in json.loads(sys.argv[1]):
    print(sys.argv[2] + " ".join(command), flush=True)
    assert run(command) == 0
"""


def on_terminal(columns: int, commands: list[list[str]]) -> dict[str, list[str]]:
    """What a real terminal of that width gets from each command, line by line."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    arguments = [sys.executable, "-c", PROGRAM, json.dumps(commands), MARK]
    with subprocess.Popen(
        arguments, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
        env={**environment, "TERM": "xterm", "NO_COLOR": "1"},
    ) as process:  # fmt: skip
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            text += piece
        errors = process.stderr.read().decode() if process.stderr else ""
    os.close(ours)
    assert process.returncode == 0, errors
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.decode()).replace("\r\n", "\n")
    parts = plain.split(MARK)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].splitlines() for part in parts}


@pytest.mark.parametrize("columns", [80, 40])
def test_trial_value_and_state_stand_whole(database: Path, columns: int) -> None:
    """A study of 24 trials: no row is cut, no table is wider than the terminal."""
    generate_study(24)
    output = on_terminal(columns, COMMANDS)
    view = load_study(None, None)
    heads = [line for line in output["show"] if line.startswith("trial ")]
    assert len(heads) == 1 and heads[0].split()[:4] == ["trial", "value", "ended", "by"]
    table = output["show"][output["show"].index(heads[0]) + 1 :]
    assert all(len(line.rstrip()) <= columns for line in table if line[:5].strip().isdecimal())
    for trial in view.trials:
        row = rf" *{trial.number} +{trial.values[0]:.2f} +{ended_by(trial)}( |$)"
        assert any(re.match(row, line) for line in table), trial.number
    assert any("To see them: --wide" in line for line in output["show"])
    whole = [line for line in output["show --wide"] if line.startswith("trial ")]
    assert "milestones" not in heads[0] and len(whole[0]) > 80
    listed = [line for line in output["list"] if line.startswith("generated")]
    best = view.best()
    assert best is not None
    assert len(listed) == 1 and listed[0].split()[:3] == [
        "generated",
        "24",
        f"{best.values[0]:.2f}",
    ]
    assert any("learning_rate" in line for line in output["importance"])
    for command in ("list", "importance"):
        rows = [line for line in output[command] if re.match(r"(- )?[a-z_.]+ +\d", line)]
        assert rows and all(len(line.rstrip()) <= columns for line in rows)


def test_the_parameters_that_differ_most_come_first(database: Path) -> None:
    """Of what does not fit, those go that are nearly as in the baseline."""
    generate_study(24)
    head = next(x for x in on_terminal(80, [["show"]])["show"] if x.startswith("trial "))
    wide = next(
        x for x in on_terminal(80, [["show", "--wide"]])["show --wide"] if x.startswith("trial ")
    )
    kept = [name for name in wide.split() if name in head.split()]
    assert kept == head.split()
    from slr_tune.study.summary import by_difference, searched_values
    from slr_tune.study.view import trial_row

    view = load_study(None, None)
    best = view.best()
    assert best is not None
    names = list(searched_values(view, trial_row(best)))
    first = by_difference(view, names)[0]
    assert first.rsplit(".", 1)[-1] in head


def test_essential_columns_stay_and_others_go_from_the_end() -> None:
    """The rule itself, for any table."""
    columns = [*texts("a", essential=True), *numbers("b", "c"), *texts("verdict", essential=True)]
    table = Table(columns, [["x" * 10, "1", "22", "yes"], ["y", "333", "4", "no"]])
    whole, dropped = fit(table, 100)
    assert whole is table or whole == table
    assert dropped == []
    narrow, dropped = fit(table, 27)
    assert [c.heading for c in narrow.columns] == ["a", "b", "verdict"] and dropped == ["c"]
    narrow, dropped = fit(table, 5)
    assert [c.heading for c in narrow.columns] == ["a", "verdict"] and dropped == ["b", "c"]
    plain = Table([*texts("a"), *numbers("b")], [["x" * 50, "1"]])
    assert fit(plain, 20) == (plain, [])


def test_a_pipe_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that reads the table loses nothing."""
    table = Table(texts(*[f"column {i}" for i in range(40)], essential=True), [["value"] * 40])
    print_table(table)
    out = capsys.readouterr().out
    assert "column 39" in out and len(out.splitlines()) == 2
