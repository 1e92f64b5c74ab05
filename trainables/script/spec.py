"""What a search-space file says of a script, and the one text that stands for it everywhere.

A run has a name; that of a script is `script:` and its description as JSON, so that it travels to
workers and into stored studies like any other name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

PREFIX = "script:"

BUILT_IN = ("folder", "seed", "max_epochs")
"""Placeholders that are not settings: the run's own folder for files, its seed, its length."""

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z0-9_]+)*)\}")

SCRIPT_SUFFIXES = (".py", ".sh", ".pl", ".jl")
"""Ends of the names of scripts, in the command line of the program that runs them."""

Scalar = None | bool | int | float | str
Text = Annotated[str, Field(min_length=1)]
Words = Text | list[Text]
_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class MetricSources:
    """Where a script's figures are read; several at once may be.

    Attributes:
        stdout: Regular expressions over the lines of its output; their named groups are columns.
        jsonl: Files of JSON lines.
        csv: CSV files with a line of names.
        tensorboard: Folders of TensorBoard's event files.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    stdout: Words = field(default_factory=list)
    jsonl: Words = field(default_factory=list)
    csv: Words = field(default_factory=list)
    tensorboard: Words = field(default_factory=list)


@dataclass(frozen=True)
class ConfigTemplate:
    """A configuration file that is written for each run.

    Attributes:
        file: Where: YAML or JSON by its ending.
        template: The script's own file that it is made from.
        set: Keys of it, with dots, that get what no setting of that name gives:
            `{training.epochs: '{max_epochs}'}`.
        content: What the template holds; read with the search-space file, and kept with it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    file: Text
    template: Text
    set: dict[str, Scalar] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictionFile:
    """Where a script writes what it recognised in each utterance of dev.

    Attributes:
        jsonl: File of JSON lines with `id`, `hypothesis` and `reference`; maybe `signer`.
        ctm: File of a recogniser's words in NIST's CTM format.
        stm: References of a CTM file, in NIST's STM format.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    jsonl: Text | None = None
    ctm: Text | None = None
    stm: Text | None = None


@dataclass(frozen=True)
class ScriptSpec:
    """A script as a search-space file describes it.

    Attributes:
        command: The command line; `{name}` stands for a setting.
        metrics: Where its figures are read.
        resume: Arguments that are added where the file that they name exists; empty for a script
            that resumes by itself from what is in its folder.
        config: Configuration file that is written for each run.
        environment: Variables over those of this process.
        working_folder: Where it is started; None for the folder in which slr-tune is.
        predictions: Where it writes what it recognised.
        stop_seconds: From SIGTERM to SIGKILL.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    command: Words
    metrics: MetricSources
    resume: str | list[Text] | None = None
    config: ConfigTemplate | None = None
    environment: dict[str, Scalar] = field(default_factory=dict)
    working_folder: Text | None = None
    predictions: PredictionFile | None = None
    stop_seconds: Annotated[float, Field(gt=0)] = 10.0

    def to_json(self) -> dict[str, Any]:
        """As JSON, without what is as usual."""
        return {key: value for key, value in asdict(self).items() if value not in (None, {}, [])}

    @property
    def name(self) -> str:
        """The text that stands for it."""
        return PREFIX + json.dumps(self.to_json(), sort_keys=True)

    @property
    def title(self) -> str:
        """What a person calls it: the script's file, else the program."""
        words = self.words
        scripts = [word for word in words if Path(word).suffix in SCRIPT_SUFFIXES]
        if "-m" in words[:-1]:
            scripts.append(words[words.index("-m") + 1])
        return Path((scripts or words)[0]).name

    @property
    def words(self) -> list[str]:
        """The command line word by word, placeholders as they are."""
        return split_words(self.command)

    @property
    def appends(self) -> bool:
        """Whether settings are passed as `--name value`: nothing says where they go."""
        return self.config is None and not list(self.settings())

    def texts(self) -> Iterator[str]:
        """Every text that may have a placeholder, the command's words first."""
        yield from self.words
        yield from split_words(self.resume or [])
        yield from (value for value in self.environment.values() if isinstance(value, str))
        if self.config is not None:
            yield self.config.file
            yield from (value for value in self.config.set.values() if isinstance(value, str))

    def paths(self) -> Iterator[str]:
        """Every file or folder that is read of it."""
        for given in (self.metrics.jsonl, self.metrics.csv, self.metrics.tensorboard):
            yield from listed(given)
        if self.predictions is not None:
            yield from filter(None, (self.predictions.jsonl, self.predictions.ctm))

    def placeholders(self) -> list[str]:
        """Names in braces, each once."""
        found = [name for text in self.texts() for name in PLACEHOLDER.findall(text)]
        return list(dict.fromkeys(found))

    def settings(self) -> Iterator[str]:
        """Placeholders that are settings of the space."""
        return (name for name in self.placeholders() if name not in BUILT_IN)

    @property
    def uses_seed(self) -> bool:
        """Whether the seed reaches the script in a way that the file names."""
        return "seed" in self.placeholders()


def is_script(name: str) -> bool:
    """Whether a run's name is that of a script."""
    return name.startswith(PREFIX + "{")


@cache
def script_of(name: str) -> ScriptSpec:
    """The script that a name stands for.

    Raises:
        ValueError: It is not a name of a script.
    """
    return script_from_json(json.loads(name.removeprefix(PREFIX)))


def script_from_json(plain: Mapping[str, Any]) -> ScriptSpec:
    """From what `to_json` gave.

    Raises:
        ValueError: It is damaged.
    """
    return _ADAPTER.validate_python(dict(plain))


def listed(given: Words) -> list[str]:
    """One text or several as a list."""
    return [given] if isinstance(given, str) else list(given)


def split_words(given: Words) -> list[str]:
    """A command line as a shell splits it; a list is split already.

    Raises:
        ValueError: A quote is not closed.
    """
    import shlex

    return shlex.split(given) if isinstance(given, str) else list(given)


_ADAPTER: TypeAdapter[ScriptSpec] = TypeAdapter(ScriptSpec)
