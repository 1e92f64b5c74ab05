"""Finds the commands that a document or a file's comments tell a reader to type, and tries them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from slr_tune.cli.main import cli
from slr_tune.cli.study_choice import chosen_space
from slr_tune.cli.train_settings import read_train_settings
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.folders import study_folder
from slr_tune.study.manifest import SPACE_COPY

ROOT = Path(__file__).parents[2]
_OF_SPACES = {"run", "verify", "ablate", "overfit"}


def in_markdown(text: str) -> list[str]:
    """Every `slr-tune ...` in backticks or in a fenced block; a backslash goes on with a line."""
    text = text.replace("\\\n", " ")
    fenced = [
        line.strip()
        for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    inline = re.findall(r"`(slr-tune [^`\n]+)`", text)
    return [line for line in [*fenced, *inline] if line.startswith("slr-tune ")]


def in_comments(text: str) -> tuple[list[str], list[str]]:
    """Commands in the comments of a YAML file, and options to be added to the first of them.

    `# slr-tune ...` begins a command. Lines `#   --option` go on with it, or are options by
    themselves where text or an empty line comes before.
    """
    commands: list[str] = []
    options: list[str] = []
    open_list: list[str] | None = None
    for line in text.splitlines():
        if line.startswith("# slr-tune "):
            commands.append(line.removeprefix("# "))
            open_list = commands
        elif line.startswith("#   --"):
            if open_list is None:
                options.append("")
                open_list = options
            open_list[-1] += " " + line.removeprefix("#").strip()
        else:
            open_list = None
    return commands, options


def try_command(text: str) -> StudySpec | None:
    """Reads a command as the command line would, with every `--set` in it; runs nothing.

    Returns:
        The search that it means, where it names a space.

    Raises:
        click.UsageError: The command or an option is not known.
        SpecError: A setting or the space is wrong.
    """
    program, name, *words = shlex.split(text.split(" # ")[0])
    assert program == "slr-tune"
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        raise click.UsageError(f"there is no command {name!r}")
    if not words:
        return None  # the command is only mentioned
    given = command.make_context(name, words).params
    overrides = given.get("overrides", ())
    if name == "train":
        read_train_settings(
            given["trainable"],
            given["config"],
            overrides=overrides,
            data=given["data"],
            teacher=given["teacher"],
            seed=given["seed"],
        )
    source = given.get("from_study")
    if name == "run" and source is not None and (study_folder(source) / SPACE_COPY).is_file():
        chosen = chosen_space(None, source, None)
        return load_spec(
            chosen.path,
            overrides=chosen.sets(overrides),
            study=given["study"] or source,
            trials=given["trials"],
            max_epochs=given["max_epochs"],
            seed=given["seed"],
        )
    space = given.get("space") or given.get("subject")  # of ablate, it may be a study
    if name in _OF_SPACES and space is not None and str(space).endswith(".yaml"):
        limits = {
            key: given[key] for key in ("study", "trials", "max_epochs", "seed") if key in given
        }
        return load_spec(ROOT / space, overrides=overrides, **limits)
    return None
