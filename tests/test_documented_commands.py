"""Every command in the documents below can be typed: command, options, settings, files."""

from __future__ import annotations

import re

import click
import pytest
from written_commands import ROOT, in_comments, in_markdown, try_command

from slr_tune.errors import SpecError

DOCUMENTS = (
    "systems.md",
    "models.md",
    "own-data.md",
    "gpu.md",
    "studies.md",
    "python.md",
    "import-and-adopt.md",
    "cluster.md",
    "thesis-table.md",
)
COMMANDS = [
    pytest.param(command, id=f"{name}-{number}")
    for name in DOCUMENTS
    for number, command in enumerate(in_markdown((ROOT / "docs" / name).read_text()))
]


@pytest.mark.parametrize("command", COMMANDS)
def test_it_can_be_typed(command: str) -> None:
    # Broken if a command, an option, a setting or a file were renamed and the document were not.
    try_command(command)


def test_every_row_of_the_notes_is_there_once_and_has_a_command() -> None:
    # Broken if something that the users have were forgotten, or only claimed.
    text = (ROOT / "docs" / "systems.md").read_text()
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", text, flags=re.MULTILINE)
    assert sorted(int(number) for number, _ in rows) == list(range(1, 30))
    for number, row in rows:
        assert in_markdown(row), number


def test_every_file_it_names_is_there() -> None:
    # Broken if a module that the table points to were moved.
    for name in DOCUMENTS:
        text = (ROOT / "docs" / name).read_text()
        for path in re.findall(r"`((?:trainables|slr_tune|search_spaces)/[\w/.]+)`", text):
            assert (ROOT / path).exists(), path
        for path in re.findall(r"`((?:phoenix|presets)/\w+\.yaml)`", text):
            assert (ROOT / "search_spaces" / path).exists(), path


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("slr-tune ablat --factor dropout", click.UsageError),
        ("slr-tune ablate --factr dropout", click.UsageError),
        ("slr-tune train student --set dropot=0.1", SpecError),
        ("slr-tune run search_spaces/distill.yaml --set fixed.batchsize=1", SpecError),
        ("slr-tune verify search_spaces/nothing.yaml", SpecError),
    ],
)
def test_a_wrong_command_is_found(wrong: str, error: type[Exception]) -> None:
    # If these passed, the test above would say nothing.
    with pytest.raises(error):
        try_command(wrong)


def test_commands_are_found_where_they_stand() -> None:
    # If one were overlooked it would not be tried.
    page = "Say `slr-tune list`, or:\n```\nslr-tune run a.yaml \\\n    --trials 3\nls\n```\n"
    assert in_markdown(page) == ["slr-tune run a.yaml      --trials 3", "slr-tune list"]
    comments = (
        "# slr-tune run a.yaml\n#\n# smaller:\n#   --set x=1\n#   --set y=2\n# or\n#   --trials 1\n"
    )
    assert in_comments(comments) == (
        ["slr-tune run a.yaml"],
        [" --set x=1 --set y=2", " --trials 1"],
    )
