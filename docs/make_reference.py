"""Writes the reference pages from the code: settings, commands, Python names, JSON.

    python docs/make_reference.py            # after a setting, a command or a name has changed

`tests/test_reference_pages.py` fails where a page is not what the code gives.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import slr_tune
from slr_tune.cli.main import COMMANDS, LazyGroup, cli
from slr_tune.space.sections import Budget, ObjectiveSpec, Resources
from trainables import config as run_settings
from trainables.config import DistillConfig, RunConfig, StudentConfig, TeacherConfig
from trainables.data import config as data_settings

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/make_reference.py; change the code, then run it. -->\n\n"
_GROUPS = (
    "LearningRateSchedule", "Augmentation", "EarlyStopping", "Decoding", "LossWeights",
    "Temperature",
)  # fmt: skip
_UNITS = {
    "learning_rate": "per step", "min_learning_rate": "per step", "warmup_epochs": "epochs",
    "restart_epochs": "epochs", "patience": "epochs", "max_epochs": "epochs",
    "grace_epochs": "epochs", "checkpoint_every": "epochs", "min_delta": "WER points",
    "batch_size": "utterances", "accumulation": "batches", "truncate_frames": "frames",
    "subsampling": "frames", "gloss_bonus": "nats per gloss", "trial_timeout": "seconds",
    "node_timeout": "seconds",
    "disk": "bytes, or such as 20GB", "hours": "hours", "trials": "trials",
    "teacher_cache_bits": "bits", "teacher_top_k": "classes", "cpus_per_trial": "cores",
    "gpus_per_trial": "GPUs", "workers": "trials at a time", "train": "sentences",
    "dev": "sentences", "test": "sentences", "max_utterances": "utterances",
    "width": "prefixes", "noise": "standard deviation",
}  # fmt: skip


def pages() -> dict[str, str]:
    """File name -> text of every page."""
    return {
        "settings.md": MADE + settings_page(),
        "commands.md": MADE + commands_page(),
        "python.md": MADE + python_page(),
    }


def settings_page() -> str:
    """Every setting of every built-in run, of its groups, and of the plain sections of a file."""
    parts = [
        "# Settings\n\nEvery setting of the built-in runs, and of the plain sections of a "
        "[search-space file](../search-space.md). A name in a space, in `fixed`, in `--set` or in "
        "`--factor` is one of these; a member of a group is written `group.member`.\n",
        "## All runs\n\nTeacher, student and distillation have these settings. If the teacher's "
        "default differs, it is in brackets.\n",
        _table(_run_rows()),
        "## Distillation\n\nIn addition to those of all runs.\n",
        _table(_rows(DistillConfig, without=StudentConfig.model_fields)),
    ]
    for name in _GROUPS:
        group = getattr(run_settings, name)
        parts += [f"## {_group_name(name)}\n\n{_first(group)}\n", _table(_rows(group))]
    for title, cls in (("budget", Budget), ("resources", Resources), ("objective", ObjectiveSpec)):
        text = f"## Section {title}\n\n{_first(cls)}\n"
        parts += [text, _table(_dataclass_rows(cls))]
    for title, cls in (
        ("data: {name: libras}", data_settings.LibrasSpec),
        ("data: {name: phoenix}", data_settings.PhoenixSpec),
    ):
        parts += [f"## {title}\n\n{_first(cls)}\n", _table(_documented_rows(cls))]
    return "\n".join(parts)


def _run_rows() -> Iterator[tuple[str, ...]]:
    for name, text, default, allowed, unit in _rows(StudentConfig):
        teacher = _default(TeacherConfig.model_fields[name].default)
        differs = f" ({teacher})" if teacher != default else ""
        yield name, text, default + differs, allowed, unit


def _rows(
    model: type[BaseModel], *, without: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, ...]]:
    """A row for each field of a pydantic model with attribute docstrings."""
    for name, field in model.model_fields.items():
        if name in (without or {}):
            continue
        text = field.description or RunConfig.model_fields[name].description or ""
        allowed = _allowed(field.annotation, field.metadata)
        yield name, _one_line(text), _default(field.default), allowed, _UNITS.get(name, "")


def _dataclass_rows(cls: type[Any]) -> Iterator[tuple[str, ...]]:
    hints, texts = typing.get_type_hints(cls, include_extras=True), _attributes(cls)
    for field in dataclasses.fields(cls):
        default = "required" if field.default is dataclasses.MISSING else _default(field.default)
        allowed = _allowed(hints[field.name], ())
        yield field.name, texts[field.name], default, allowed, _UNITS.get(field.name, "")


def _documented_rows(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Fields whose text stands in the class's docstring, or in that of a base."""
    texts: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        texts |= _attributes(cls)
    for name, field in model.model_fields.items():
        if name == "name":
            continue
        missing = field.default is PydanticUndefined
        default = "required" if missing else _default(field.default)
        allowed = _allowed(field.annotation, field.metadata)
        yield name, texts[name], default, allowed, _UNITS.get(name, "")


def _attributes(cls: type[Any]) -> dict[str, str]:
    """Name -> text of the section "Attributes" of a docstring."""
    section = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    return {name: _one_line(text) for name, text in found}


def _allowed(annotation: Any, metadata: Any) -> str:
    """The values that a type takes, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _allowed(inner[0], [*inner[1:], *metadata])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_allowed(one, metadata) for one in inner))
    if origin is tuple:
        return f"list of: {_allowed(inner[0], ())}" if inner else "list"
    if annotation is NoneType:
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        name = _group_name(annotation.__name__)
        return f"[group](#{name})" if annotation.__name__ in _GROUPS else "mapping"
    words = {bool: "true or false", int: "integer", float: "number", str: "text"}
    return f"{words.get(annotation, 'any')}{_range(metadata)}"


def _range(metadata: Any) -> str:
    ends = []
    for item in metadata:
        for part in item.metadata if hasattr(item, "metadata") else [item]:
            match part:
                case annotated_types.Ge(ge):
                    ends.append(f"≥ {ge}")
                case annotated_types.Gt(gt):
                    ends.append(f"> {gt}")
                case annotated_types.Le(le):
                    ends.append(f"≤ {le}")
                case annotated_types.Lt(lt):
                    ends.append(f"< {lt}")
    return f" {', '.join(ends)}" if ends else ""


def _default(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see the group"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_default, value))}]"
    if isinstance(value, enum.Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _group_name(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _first(thing: Any) -> str:
    """The first paragraph of a docstring."""
    return _one_line((inspect.getdoc(thing) or "").partition("\n\n")[0])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["| setting | default | allowed | unit | meaning |", "|---|---|---|---|---|"]
    for name, text, default, allowed, unit in rows:
        cells = (f"`{name}`", default, allowed, unit, text)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help of every command, as it is printed at 100 columns."""
    assert isinstance(cli, LazyGroup)
    parts = ["# Commands\n\nThe help of every command. Exit codes: 0 done, 1 the run failed, 2 bad "
             "input, 130 interrupted, 143 SIGTERM, 129 SIGHUP.\n"]  # fmt: skip
    parts += ["| command | |", "|---|---|"]
    parts += [
        f"| [`slr-tune {name}`](#slr-tune-{name}) | {text} |" for name, text in COMMANDS.items()
    ]
    for name in COMMANDS:
        root = click.Context(cli, info_name="slr-tune")
        command = cli.get_command(root, name)
        assert command is not None
        context = click.Context(
            command, parent=root, info_name=name, terminal_width=100, max_content_width=100
        )
        context.help_option_names = ["-h", "--help"]
        parts.append(f"\n## slr-tune {name}\n\n```text\n{_help(command, context)}\n```")
    return "\n".join(parts) + "\n"


def _help(command: click.Command, context: click.Context) -> str:
    """The help without the line of `--help`, which every command has."""
    lines = command.get_help(context).rstrip().splitlines()
    return "\n".join(line for line in lines if not re.match(r"  (-h, )?--help ", line))


def python_page() -> str:
    """What `slr_tune.__all__` names, with signatures and docstrings."""
    parts = [
        "# Python\n\nThe public names of `slr_tune`; [python.md](../python.md) shows how they are "
        "used. Names and attributes listed here change only with the major version.\n"
    ]
    for name in slr_tune.__all__:
        thing = getattr(slr_tune, name)
        parts.append(f"## {name}\n")
        if inspect.isclass(thing):
            parts.append(_doc(thing))
            for member, value in vars(thing).items():
                if not member.startswith("_") and (
                    inspect.isfunction(value) or isinstance(value, property)
                ):
                    parts.append(f"### {name}.{member}\n")
                    if inspect.isfunction(value):
                        parts.append(f"```python\n{member}{_signature(value)}\n```\n")
                    parts.append(_doc(value))
        else:
            parts.append(f"```python\n{name}{_signature(thing)}\n```\n")
            parts.append(_doc(thing))
    return "\n".join(parts)


def _signature(function: Any) -> str:
    given = inspect.signature(function)
    kept = [p for p in given.parameters.values() if p.name != "self"]
    text = str(given.replace(parameters=kept)).replace("'", "")
    if len(text) < 90:
        return text
    inner, _, returned = text[1:].rpartition(")")
    pieces = re.split(r", (?=[*\w]+(?:[:,]|$|=))", inner)
    return "(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){returned}"


def _doc(thing: Any) -> str:
    """A docstring as Markdown: the sections of its arguments become a block of text."""
    text = inspect.getdoc(thing) or ""
    head, _, rest = text.partition("\n\n")
    if not rest:
        return f"{head}\n"
    return f"{head}\n\n```text\n{rest.rstrip()}\n```\n"


def main() -> None:
    """Writes all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / name}")


if __name__ == "__main__":
    main()
