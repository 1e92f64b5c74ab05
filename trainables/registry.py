"""Which runs there are, by the name that a search-space file gives them.

A built-in run has a short name; a user's own is named `package.module:Class` and keeps the
protocol of `trainables.protocol`, or `package.module:function`; a script's name is its description
(`trainables.script.spec`). The configuration class of a built-in run is found without
importing torch, so that a space can be checked in milliseconds.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel

from trainables.config import DistillConfig, RunConfig, StudentConfig, TeacherConfig
from trainables.errors import ConfigError, TrainablesError
from trainables.protocol import Run
from trainables.script.build import script_run, script_settings
from trainables.script.spec import is_script, script_of

_BUILT_IN: dict[str, tuple[str, str, type[RunConfig]]] = {
    "teacher": ("trainables.runs.supervised", "TeacherRun", TeacherConfig),
    "student": ("trainables.runs.supervised", "StudentRun", StudentConfig),
    "distill": ("trainables.runs.distill", "DistillRun", DistillConfig),
}
_METHODS = ("run_epoch", "state_dict", "load_state_dict", "facts")

BUILT_IN_NAMES = tuple(_BUILT_IN)
"""Names of the runs that come with the project."""
UNTAUGHT = ("teacher", "student")
"""Those of them that no teacher teaches."""


class CodeRefused(ConfigError):
    """Commands that only look at a study run none of its code."""


_looking = 0
"""How many views are open in this process, in whatever thread."""


@contextmanager
def custom_code_refused() -> Iterator[None]:
    """Imports no run of a user's own for the time of a block.

    A database is shared: what is in it must not choose which module of the reader's folder is
    run. A module that is imported already may be looked at.
    """
    global _looking
    _looking += 1
    try:
        yield
    finally:
        _looking -= 1


def run_class(name: str) -> type[Run]:
    """Finds a run by its name.

    Args:
        name: "teacher", "student", "distill", "package.module:Class" or "package.module:function"
            of a user's own run, or the description of a script.

    Raises:
        ConfigError: Nothing of that name, or what is there does not keep the protocol.
    """
    if name in _BUILT_IN:
        module, attribute, _ = _BUILT_IN[name]
        built_in: type[Run] = getattr(importlib.import_module(module), attribute)
        return built_in
    if is_script(name):
        script: type[Run] = script_run(name)
        return script
    return _custom_class(name)


def config_class(name: str) -> type[BaseModel]:
    """Finds the class of a run's settings; imports torch only if a user's module does.

    Raises:
        ConfigError: As `run_class`.
    """
    if is_script(name):
        return script_settings(name)
    return _BUILT_IN[name][2] if name in _BUILT_IN else _custom_class(name).config_class


def run_title(name: str) -> str:
    """What a person calls a run: a script by its file."""
    return script_of(name).title if is_script(name) else name


@cache
def is_recogniser(name: str) -> bool:
    """Whether a run is a recogniser that is built in or derived from one.

    Only of those it is known what a setting does when, and what they recognise in each utterance.

    Raises:
        ConfigError: As `run_class`.
    """
    if name in _BUILT_IN or is_script(name):
        return name in _BUILT_IN
    from trainables.runs.ctc_run import CtcRun

    return issubclass(run_class(name), CtcRun)


@cache
def reports_predictions(name: str) -> bool:
    """Whether a custom run reports what it recognised in each utterance.

    Raises:
        ConfigError: As `run_class`.
    """
    if is_script(name):
        return script_of(name).predictions is not None
    return name not in _BUILT_IN and callable(getattr(run_class(name), "predictions", None))


def known_recogniser(name: str) -> bool:
    """As `is_recogniser` for readers of a study, who may not have its run's module at hand.

    Returns:
        False too where the run cannot be imported.
    """
    try:
        return is_recogniser(name)
    except TrainablesError:
        return False


def _custom_class(name: str) -> type[Run]:
    """Imports `package.module:Class` or `:function` and checks that it keeps the protocol."""
    module_name, separator, class_name = name.partition(":")
    if not (separator and module_name and class_name):
        near = get_close_matches(name, _BUILT_IN, n=1)
        known = ", ".join(_BUILT_IN)
        raise ConfigError(
            f"no trainable is named {name!r}; there are {known}",
            hint=f"Did you mean {near[0]}?"
            if near
            else "A run of your own is named as package.module:Class.",
        )
    found = getattr(_import(module_name, name), class_name, None)
    if inspect.isfunction(found):
        from trainables.function_run import function_run

        function: type[Run] = function_run(name, found)
        _check_protocol(function, name)
        return function
    if not isinstance(found, type):
        raise ConfigError(
            f"trainable {name}: module {module_name} has no class or function {class_name}"
        )
    _check_protocol(found, name)
    return found


def _import(module_name: str, name: str) -> Any:
    """Imports a user's module, from the current folder too, as `python -m` would."""
    if _looking and module_name not in sys.modules:
        raise CodeRefused(f"trainable {name}: {module_name} is not imported to look at a study")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may fail in any way, or be a script
        raise ConfigError(
            f"trainable {name}: importing {module_name} failed: {type(error).__name__}: {error}",
            hint="The module must be installed or be in the current folder.",
        ) from error


def _check_protocol(found: type, name: str) -> None:
    """Checks what can be seen without building the run."""
    missing = [method for method in _METHODS if not callable(getattr(found, method, None))]
    if missing:
        raise ConfigError(
            f"trainable {name} lacks {', '.join(missing)}",
            hint="trainables/protocol.py says what a run must offer.",
        )
    settings = getattr(found, "config_class", None)
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        raise ConfigError(f"trainable {name}: config_class must be a pydantic model")
    if "max_epochs" not in settings.model_fields:
        raise ConfigError(f"trainable {name}: {settings.__name__} must have a field max_epochs")
