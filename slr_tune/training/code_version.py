"""The version of the code that trains: a hash of its sources, so that nobody has to raise it.

In it is every module of `trainables` but those of `LEFT_OUT`, so that a new one cannot be
forgotten, and what drives a stage (`DRIVING`). Of a custom run the modules of its classes are in
it too, of a script the Python files next to and below it, as they are. Comments, docstrings and
layout are not: they change no weights.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from functools import cache
from pathlib import Path

import trainables
from trainables.registry import BUILT_IN_NAMES, run_class
from trainables.script.code import sources_hash as script_sources
from trainables.script.spec import is_script, script_of

LEFT_OUT = {
    "ray_adapter.py": "drives the runs of a search, and computes nothing",
    "errors.py": "texts",
    "files/curve.py": "writes what was computed",
    "files/full_disk.py": "texts",
    "scoring/alignment.py": "shows errors; training counts them with scoring/wer.py",
    "scoring/pairing.py": "pairs the files of other systems",
    "scoring/phoenix.py": "cleans the files of other systems",
    "scoring/readers.py": "reads the files of other systems",
    "scoring/formats.py": "recognises the files of other systems",
    "scoring/records.py": "reads the files of other systems",
    "scoring/source.py": "reads the files of other systems",
    "script/supervisor.py": "ends the processes of a script",
    "scoring/score.py": "scores the files of other systems",
    "decoding/log_probs.py": "stores what a trained model says, in no training",
    "teaching/soft_target_writer.py": "writes soft targets; their hash stands for them",
}
"""Modules of `trainables` that cannot shape weights, each with the reason."""

DRIVING = ("epoch_keys.py", "worker.py")
"""Modules next to this one that say which epochs are shared, and train a stage."""

_COVERED = ("trainables", "torch", "pydantic", "builtins")
"""Packages of which a custom run's classes say nothing new."""


@cache
def code_version(trainable: str) -> str:
    """SHA-256 over the sources that shape what a run trains.

    Args:
        trainable: Name of the run.
    """
    parts = [sources_hash(*_folders())]
    if is_script(trainable):
        script = script_of(trainable)
        parts.append(script_sources(script, Path(script.working_folder or ".").expanduser()))
    elif trainable not in BUILT_IN_NAMES:
        run = run_class(trainable)
        modules = {cls.__module__: None for cls in (*run.__mro__, *run.config_class.__mro__)}
        parts += [_module_source(name) for name in modules if name.split(".")[0] not in _COVERED]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def sources_hash(package: Path, driving: Path) -> str:
    """SHA-256 over the sources of `trainables` and those that drive a stage.

    Args:
        package: Folder of `trainables`.
        driving: Folder of the modules that `DRIVING` names.
    """
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    files = {name: files[name] for name in sorted(files) if name not in LEFT_OUT}
    digest = hashlib.sha256()
    for name, path in [*files.items(), *((name, driving / name) for name in DRIVING)]:
        digest.update(f"{name}\n{normalised(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()


def _folders() -> tuple[Path, Path]:
    return Path(trainables.__path__[0]), Path(__file__).parent


def normalised(source: str) -> str:
    """What a source says to Python: no comments, no docstrings, no layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is nothing but a string, as docstrings are."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _module_source(name: str) -> str:
    """Source of a custom run's module; empty where there is none, as of Python's own."""
    try:
        return normalised(inspect.getsource(sys.modules[name]))
    except (OSError, TypeError, KeyError):
        return ""
