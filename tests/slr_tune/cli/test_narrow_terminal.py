"""Terminals of 80 and of 40 columns: nothing is wider, what a person looks for first is whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import every_command
import pytest
from every_command import MARK

from slr_tune.cli.main import COMMANDS
from slr_tune.cli.printing import print_table
from slr_tune.report.page import Table, numbers, texts
from slr_tune.report.page.terminal import fit
from slr_tune.study.record import ended_by
from slr_tune.study.view import StudyView, load_study

WIDTHS = (80, 40)
JSON_PAGE = Path(__file__).parents[3] / "docs" / "json.md"
WIDE = {"show --wide"}
"""Asked for lines that may be wider."""
FAILS = {"overfit": 1, "": 2}
"""Exit codes of commands that do what they are to do: two epochs teach nothing."""


@dataclass(frozen=True)
class Printed:
    """What one command printed.

    Attributes:
        columns: Of its terminal.
        command: Without `slr-tune`.
        lines: On the screen, before any is broken by it.
        code: Exit code.
    """

    columns: int
    command: str
    lines: tuple[str, ...]
    code: int


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Printed], Path]:
    """Every command at both widths, on a real terminal; and the folder."""
    folder = tmp_path_factory.mktemp("every")
    ours, theirs = os.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm", "NO_COLOR": "1", "SLR_TUNE_STUDIES": "studies"}
    arguments = [sys.executable, every_command.__file__, str(folder), *map(str, WIDTHS)]
    text = b""
    with subprocess.Popen(
        arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            text += piece
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.decode()).replace("\r\n", "\n")
    assert process.returncode == 0, plain[-3000:]
    parts = plain.split(MARK)[1:]
    found = []
    for told, end in zip(parts[::2], parts[1::2], strict=True):
        first, _, rest = told.partition("\n")
        columns, command = json.loads(first)
        lines = tuple(re.sub(r"^.*\r", "", line).rstrip() for line in rest.split("\n"))
        found.append(Printed(columns, command, lines, int(end.partition("\n")[0])))
    return found, folder


def printed(everything: tuple[list[Printed], Path], command: str, columns: int) -> list[str]:
    (one,) = (p for p in everything[0] if p.command == command and p.columns == columns)
    return list(one.lines)


@pytest.fixture
def view(everything: tuple[list[Printed], Path], monkeypatch: pytest.MonkeyPatch) -> StudyView:
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(everything[1] / "studies"))
    monkeypatch.chdir(everything[1])
    return load_study("generated")


def too_wide(line: str, columns: int) -> bool:
    """Whether a line could have been broken; a word as long as the terminal cannot be."""
    words = re.findall(r"'[^']*'|\S+", line.removesuffix(" \\"))
    return len(line) > columns and not (
        len(words) <= 2 and max(map(len, words), default=0) > columns - 12
    )


def test_no_command_is_forgotten() -> None:
    """A new command has to be given something to do here; a server is the only exception."""
    given = every_command.calls(0)
    assert set(given) == set(COMMANDS)
    assert [name for name, several in given.items() if not several] == ["dashboard"]


def test_every_command_does_its_work(everything: tuple[list[Printed], Path]) -> None:
    """Broken if an error were all that the next test looked at."""
    for one in everything[0]:
        name = one.command.partition(" ")[0]
        bad = one.command.endswith(("--no-such-option", "no-such-command"))
        expected = 2 if bad else 0 if "--help" in one.command else FAILS.get(name, 0)
        assert one.code == expected, "\n".join([one.command, *one.lines])
        if bad:
            assert any(line.startswith("Error: ") for line in one.lines), one.command


def test_no_line_is_wider_than_the_terminal(everything: tuple[list[Printed], Path]) -> None:
    """Of any command, its help, and its answer to a bad option."""
    wide = [
        f"{one.columns} {one.command}: {line}"
        for one in everything[0]
        if one.command not in WIDE and not one.command.endswith("--json")
        for line in one.lines
        if too_wide(line, one.columns)
    ]
    assert not wide, "\n".join(wide)


def test_every_key_of_json_is_documented(everything: tuple[list[Printed], Path]) -> None:
    """Of every command that has `--json`, and of the rows that it lists; by the file's names."""
    known = set(re.findall(r"`(\w+)`", JSON_PAGE.read_text(encoding="utf-8")))
    found: dict[str, set[str]] = {}
    for one in everything[0]:
        if not one.command.endswith(" --json"):
            continue
        text = "\n".join(one.lines)
        start = re.search(r"^[{\[]", text, re.MULTILINE)
        assert start is not None, text
        content, _ = json.JSONDecoder().raw_decode(text[start.start() :])
        assert "loss_weights.u1" not in text, one.command
        if isinstance(content, dict):
            assert content["schema_version"] == 1, one.command
        rows = content if isinstance(content, list) else [content]
        lists = [
            value
            for row in rows
            for key, value in row.items()
            if isinstance(value, list) and key != "space"  # which is as the study stores it
        ]
        rows += [row for listed in lists for row in listed if isinstance(row, dict)]
        found.setdefault(one.command.partition(" ")[0], set()).update(*rows)
    assert len(found) >= 15
    unknown = {name: sorted(keys - known) for name, keys in found.items() if keys - known}
    assert not unknown, unknown


@pytest.mark.parametrize("columns", WIDTHS)
def test_trial_value_and_state_stand_whole(
    everything: tuple[list[Printed], Path], view: StudyView, columns: int
) -> None:
    """In each table of trials; the names of what is listed elsewhere."""
    shown = printed(everything, "show", columns)
    heads = [line for line in shown if line.startswith("trial ")]
    assert len(heads) == 1 and heads[0].split()[:4] == ["trial", "value", "ended", "by"]
    table = shown[shown.index(heads[0]) + 1 :]
    for trial in view.trials:
        value = f"{trial.values[0]:.2f}" if trial.values else "-"
        row = rf" *{trial.number} +{value} +{ended_by(trial)}( |$)"
        queued = trial.number >= 24
        assert queued or any(re.match(row, line) for line in table), trial.number
    assert "--wide" in " ".join(shown)
    best = view.best()
    assert best is not None
    listed = [line for line in printed(everything, "list", columns) if "generated" in line]
    assert listed[0].split()[2] == f"{best.values[0]:.2f}"
    rows = [line.split() for line in printed(everything, "confirm --top 2", columns)]
    assert ["baseline", "0", "20.33", "±", "0.76"] in [row[:5] for row in rows]
    assert ["best", "2", "9", "18.60", "±", "0.60"] in [row[:6] for row in rows]
    ranked = printed(everything, "importance", columns)
    assert any(re.match(r"(- )?learning_rate +\d", line) for line in ranked)


def test_the_parameters_that_differ_most_come_first(
    everything: tuple[list[Printed], Path], view: StudyView
) -> None:
    """Of what does not fit, those go that are nearly as in the baseline."""
    from slr_tune.study.summary import by_difference, searched_values
    from slr_tune.study.view import trial_row

    head, wide = (
        next(line for line in printed(everything, command, 80) if line.startswith("trial "))
        for command in ("show", "show --wide")
    )
    assert "milestones" not in head and len(wide) > 80
    assert [name for name in wide.split() if name in head.split()] == head.split()
    best = view.best()
    assert best is not None
    first = by_difference(view, list(searched_values(view, trial_row(best))))[0]
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
