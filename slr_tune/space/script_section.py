"""The section `trainable:` where it describes a script: read, and checked as far as can be seen."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from slr_tune.errors import nearest_or_all
from slr_tune.space import validation
from slr_tune.space.parameters import SimplexParameter
from slr_tune.space.problems import FileSection
from slr_tune.space.space import Space
from slr_tune.space.values import leaves
from trainables.errors import TrainablesError
from trainables.script.command import flat_settings, program
from trainables.script.config_file import ENDINGS, read_template
from trainables.script.metrics import group_columns
from trainables.script.spec import (
    BUILT_IN,
    PLACEHOLDER,
    SCRIPT_SUFFIXES,
    ConfigTemplate,
    MetricSources,
    PredictionFile,
    ScriptSpec,
    listed,
    script_from_json,
    script_of,
    split_words,
)

_OWN_FOLDER = "Trials run side by side: give the script a folder of its own, {folder}."
_EXAMPLE = r"For example metrics: {stdout: 'Epoch (?P<epoch>\d+).*WER: (?P<val_wer>[\d.]+)'}."
_PARTS: dict[str, type[Any]] = {
    "metrics": MetricSources,
    "config": ConfigTemplate,
    "predictions": PredictionFile,
}
_READ_BY_US = ("content",)
_CHECKPOINT = re.compile(r"\.(pt|pth|ckpt|pkl|pickle|bin|h5|npz|safetensors|tar|json)$")


def read_script(section: FileSection, *, metric: str) -> str | None:
    """Reads a script's description.

    Args:
        section: The description.
        metric: The objective's, as the file has it.

    Returns:
        The name that stands for it, None where something is wrong with it.
    """
    plain: dict[str, Any] = section.node.plain()
    if _refuse_kinds(section, plain):
        return None
    script = script_from_json(plain)
    before = bool(section.problems)
    checks: tuple[Callable[[FileSection, ScriptSpec], None], ...] = (
        _check_words,
        partial(_check_metrics, metric=metric),
        _check_paths,
        _check_predictions,
        _check_resume,
    )
    for check in checks:
        check(section, script)
    template = _read_config(section, script)
    if not before and section.problems:
        return None
    return dataclasses.replace(script, config=template).name


def _refuse_kinds(section: FileSection, plain: dict[str, Any]) -> bool:
    """Notes keys that are unknown, values of another kind, and what is missing."""
    faults = validation.faults_of(ScriptSpec, plain)
    for fault in faults:
        kind = _PARTS.get(fault.path[0]) if len(fault.path) == 2 else ScriptSpec
        hint = fault.hint
        if fault.of_key and kind is not None:
            names = [n for n in validation.fields_of((kind,)) if n not in _READ_BY_US]
            hint = nearest_or_all(fault.path[-1], names)
        if fault.path == ("metrics",) and fault.message == "is missing":
            hint = _EXAMPLE
        at = section.node.place_of(fault.path, of_key=fault.of_key)
        section.refuse(fault.message, hint, path=fault.path, at=at)
    if "content" in (plain.get("config") or {}):
        at = section.node.place_of(("config", "content"), of_key=True)
        section.refuse("is not known", path=("config", "content"), at=at)
        return True
    return bool(faults)


def _check_words(section: FileSection, script: ScriptSpec) -> None:
    """The command and resume are command lines; the program and the script are there."""
    for name in ("command", "resume"):
        try:
            words = split_words(getattr(script, name) or [])
        except ValueError as error:
            section.refuse(f"cannot be split into words: {error}", path=(name,))
            return
        if name == "command" and not words:
            section.refuse("is empty", "For example command: python train.py.", path=(name,))
            return
    words, folder = script.words, _working_folder(script)
    first = program(words[0])
    if "/" not in first and not PLACEHOLDER.search(first) and not shutil.which(first):
        hint = f"This Python is {sys.executable}."
        section.refuse(f"there is no program {first!r} in PATH", hint, path=("command",))
    elif "/" in first and not PLACEHOLDER.search(first):
        found = Path(first).expanduser()
        _check_script(section, found, folder)
        there = folder is not None and (folder / found).is_file()
        if folder is not None and there and not os.access(folder / found, os.X_OK):
            text, hint = f"{found} is not executable", f"chmod +x {shlex.quote(str(found))}"
            section.refuse(text, hint, path=("command",))
    for word in words[1:]:
        if Path(word).suffix in SCRIPT_SUFFIXES and not PLACEHOLDER.search(word):
            _check_script(section, Path(word).expanduser(), folder)
            break


def _check_script(section: FileSection, script: Path, folder: Path | None) -> None:
    """The script is there, in the folder in which it is started; None for one of each run."""
    if folder is None:
        if not script.is_absolute():
            hint = f"Give its whole path: {script.absolute()}."
            text = f"{script} would be looked for in working_folder, which each run has for itself"
            section.refuse(text, hint, path=("command",))
    elif not (folder / script).is_file():
        hint = f"A relative path starts at the working directory, {folder.absolute()}."
        section.refuse(f"there is no file {script}", hint, path=("command",))


def _working_folder(script: ScriptSpec) -> Path | None:
    """Where the script is started; None where that differs from run to run."""
    given = script.working_folder
    return None if given and PLACEHOLDER.search(given) else Path(given or ".").expanduser()


def _check_metrics(section: FileSection, script: ScriptSpec, *, metric: str) -> None:
    """Something reports the metric: expressions can be read and name what they find."""
    sources = script.metrics
    if not any((sources.stdout, sources.jsonl, sources.csv, sources.tensorboard)):
        section.refuse("does not say where metrics are read", _EXAMPLE, path=("metrics",))
    groups: dict[str, str] = {}
    for text in listed(sources.stdout):
        try:
            found = group_columns([text], metric)
        except re.error as error:
            section.refuse(f"{text!r}: {error}", path=("metrics", "stdout"))
            return
        if not found:
            message = f"{text!r} has no named group"
            section.refuse(message, _EXAMPLE, path=("metrics", "stdout"))
        groups |= found
    alone = sources.stdout and not (sources.jsonl or sources.csv or sources.tensorboard)
    if alone and groups and metric not in groups.values():
        as_group = re.sub(r"\W", "_", metric)
        message = f"no group is called {as_group}, which is the objective's metric"
        hint = nearest_or_all(as_group, groups)
        section.refuse(message, f"{hint} Or change objective.metric.", path=("metrics", "stdout"))


def _check_paths(section: FileSection, script: ScriptSpec) -> None:
    """Two trials never write the same file."""
    own = script.working_folder is not None and "{folder}" in script.working_folder
    for name in ("jsonl", "csv", "tensorboard"):
        for path in listed(getattr(script.metrics, name)):
            if "{folder}" not in path and not own:
                message = f"{path} would be the same file for every trial"
                section.refuse(message, _OWN_FOLDER, path=("metrics", name))
    if script.predictions is not None and not own:
        for name in ("jsonl", "ctm"):
            given = getattr(script.predictions, name)
            if given is not None and "{folder}" not in given:
                message = f"{given} would be the same file for every trial"
                section.refuse(message, _OWN_FOLDER, path=("predictions", name))


def _check_resume(section: FileSection, script: ScriptSpec) -> None:
    """A script that is told of no folder of its own does not resume from a checkpoint of all."""
    own = script.working_folder is not None and "{folder}" in script.working_folder
    if section.problems or own or any("{folder}" in text for text in script.texts()):
        return
    for word in split_words(script.resume or []):
        if _CHECKPOINT.search(word):
            message = f"{word} would be the same file for every trial"
            section.refuse(message, _OWN_FOLDER, path=("resume",))


def _check_predictions(section: FileSection, script: ScriptSpec) -> None:
    given = script.predictions
    if given is None:
        return
    if (given.jsonl is None) == (given.ctm is None) or (given.ctm is None) != (given.stm is None):
        message = "must be {jsonl: PATH}, or {ctm: PATH, stm: PATH} with the references"
        section.refuse(message, path=("predictions",))


def _read_config(section: FileSection, script: ScriptSpec) -> ConfigTemplate | None:
    """The configuration file's template with what it holds."""
    config = script.config
    if config is None:
        return None
    if Path(config.file).suffix not in ENDINGS:
        text = f"{config.file} must end with one of {', '.join(ENDINGS)}"
        section.refuse(text, path=("config", "file"))
    if "{folder}" not in config.file:
        text = f"{config.file} would be the same file for every trial"
        section.refuse(text, "For example '{folder}/config.yaml'.", path=("config", "file"))
    try:
        content = read_template(Path(config.template).expanduser())
    except TrainablesError as error:
        section.refuse(error.message, error.hint, path=("config", "template"))
        return None
    known = flat_settings(content)
    groups = {name.rpartition(".")[0] for name in known}
    for key in config.set:
        if key not in known and key not in groups:
            at = section.node.place_of(("config", "set", key), of_key=True)
            text = f"{key} is not in {config.template}"
            section.refuse(text, nearest_or_all(key, known), path=("config", "set"), at=at)
    return dataclasses.replace(config, content=content)


def check_placeholders(root: FileSection, space: Space, trainable: str) -> None:
    """Notes names in braces that are neither in the space nor fixed.

    Args:
        root: The file.
        space: What is searched.
        trainable: The script's name.
    """
    script = script_of(trainable)
    fixed = root.node.child("fixed")
    plain = fixed.plain() if fixed is not None and fixed.entries else {}
    given = {*BUILT_IN, *(".".join(path) for path in leaves(plain))}
    for parameter in space.parameters:
        name = ".".join(parameter.path)
        weights = parameter.weights if isinstance(parameter, SimplexParameter) else ()
        given |= {name, *(f"{name}.{weight}" for weight in weights)}
    if script.config is not None:
        given |= set(flat_settings(script.config.content))
    node = root.node.child("trainable")
    assert node is not None
    section = FileSection(node, "trainable", root.problems)
    places = [("command", t) for t in script.words]
    places += [("resume", t) for t in split_words(script.resume or [])]
    places += [("environment", str(t)) for t in script.environment.values()]
    places += [("metrics", t) for t in script.paths()]
    if script.config is not None:
        places += [("config", str(t)) for t in (script.config.file, *script.config.set.values())]
    for key, text in places:
        for name in PLACEHOLDER.findall(text):
            if name not in given:
                message = f"{{{name}}} is neither in space nor in fixed"
                hint = nearest_or_all(name, sorted(given))
                section.refuse(message, hint, path=(key,))
