"""The command line, the environment and the files of one run: placeholders filled in."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from trainables.script.spec import PLACEHOLDER, ScriptSpec, split_words

SEED_VARIABLE = "SLR_TUNE_SEED"
"""Environment variable that every script gets."""


class Filling:
    """Values of one run for the placeholders of a script.

    Attributes:
        folder: The run's own folder for files.
        values: Value by placeholder; groups of settings by dotted name.
    """

    def __init__(self, config: Mapping[str, Any], *, seed: int, folder: Path) -> None:
        """Takes the settings of a run.

        Args:
            config: Its settings, `max_epochs` among them.
            seed: Its seed.
            folder: Its own folder for files, absolute.
        """
        self.folder = folder
        self.settings = flat_settings(config)
        self.values = {**self.settings, "seed": seed, "folder": str(folder)}

    def words(self, words: Sequence[str]) -> list[str]:
        """Words of a command line.

        A list fills a word that is nothing but its placeholder with several words. A value that is
        None or empty leaves the word out, and the option before it that stands for it alone.
        """
        filled: list[str] = []
        for word in words:
            names = PLACEHOLDER.findall(word)
            whole = PLACEHOLDER.fullmatch(word)
            value = self.values.get(names[0]) if whole else None
            if whole and isinstance(value, list):
                filled += [shown(item) for item in value]
            elif any(self.values.get(name) is None for name in names):
                if whole and filled and _is_option(filled[-1]):
                    filled.pop()
            elif not (whole and value == ""):
                filled.append(self.text(word))
        return filled

    def text(self, text: str) -> str:
        """A text; what is not a placeholder of this run stays as it is."""
        return PLACEHOLDER.sub(
            lambda found: shown(self.values[found[1]]) if found[1] in self.values else found[0],
            text,
        )

    def value(self, given: Any) -> Any:
        """A value: a text that is nothing but a placeholder takes the value with its kind."""
        whole = PLACEHOLDER.fullmatch(given) if isinstance(given, str) else None
        if whole and whole[1] in self.values:
            return self.values[whole[1]]
        return self.text(given) if isinstance(given, str) else given


def arguments(script: ScriptSpec, filling: Filling) -> list[str]:
    """The command line of a run; `~/` begins with the home folder, as in a shell."""
    words = [os.path.expanduser(w) if w[:2] == "~/" else w for w in filling.words(script.words)]
    words[:1] = [program(word) for word in words[:1]]
    if not script.appends:
        return words
    used = {*script.placeholders(), "folder", "seed"}
    for name, value in filling.settings.items():
        if name not in used:
            words += _option(name, value)
    return words


def program(word: str) -> str:
    """The program that a command begins with: where PATH has no Python, this one."""
    no_python = word in ("python", "python3") and shutil.which(word) is None
    return sys.executable if no_python else word


def resume_arguments(script: ScriptSpec, filling: Filling) -> list[str] | None:
    """What makes it continue; None where it cannot, or the file to continue from is not there.

    A `*` in the file's name takes the newest that fits.
    """
    if script.resume is None:
        return None
    words = []
    for word in split_words(script.resume):
        if "{folder}" not in word:
            words.append(filling.text(word))
            continue
        before = filling.text(word[: word.index("{folder}")])
        found = glob(filling.text(word[word.index("{folder}") :]))
        if not found:
            return None
        words.append(before + max(found, key=os.path.getmtime))
    return words


def environment(script: ScriptSpec, filling: Filling) -> dict[str, str]:
    """Variables that a run sets over those of its process.

    Its output is not held back, and the seed is there for scripts that take none on their command
    line; Python's own hashes follow it.
    """
    seed = shown(filling.values["seed"])
    given = {name: shown(filling.value(value)) for name, value in script.environment.items()}
    return {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": seed, SEED_VARIABLE: seed, **given}


def shown(value: Any) -> str:
    """A value as a word of a command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name; an empty group is a value."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat_settings(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _is_option(word: str) -> bool:
    return word.startswith("-") and "=" not in word


def _option(name: str, value: Any) -> list[str]:
    """A setting as `--name value`; a switch that is off is left out."""
    if value is None or value is False:
        return []
    if value is True:
        return [f"--{name}"]
    values = value if isinstance(value, list) else [value]
    return [f"--{name}", *map(shown, values)]
