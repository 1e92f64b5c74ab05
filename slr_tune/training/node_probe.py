"""What a node says of itself. Sent to it as source: nothing of this project need be there.

The driver asks itself the same, and `node_checks` compares the answers. So this module imports
Python's own library alone at its top.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PACKAGES = ("slr_tune", "trainables")
WHOLE_BYTES = 64 * 1024 * 1024
"""Files up to this size are read as a whole, of larger ones `_PIECES` pieces."""
_PIECES = 32
_PIECE_BYTES = 256 * 1024


def probe(question: dict[str, Any]) -> dict[str, Any]:
    """Answers what the driver asks.

    Args:
        question: `name` of the node; `trainable`; `modules`, the folder of the command; `files`
            to read, and `folders` to write to, by what they are; `nonce`, which the driver wrote
            there; `gpu`, whether to count GPUs; `place`, the driver's own.

    Returns:
        `asked`, the names; `host`, `pid`, `python`, `torch`, `code`, `own`, `gpus`, `files`,
        `folders`, `free` (bytes, by folder) and `time` (seconds since 1970). `problems` has what
        failed, by what was asked. In the driver's place `here` stands for what would be imported.
    """
    problems: dict[str, str] = {}
    answer: dict[str, Any] = {
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "python": platform.python_version(),
        "asked": {part: list(question[part]) for part in ("files", "folders")},
        "problems": problems,
    }
    if question["place"] and question["place"] == place():
        answer["here"] = True  # it would import what the driver has imported
    else:
        _asked("code", _code, answer)
    if "code" in answer:
        _asked("torch", _torch, answer)
        _asked("own", lambda: _own(question["trainable"], question["modules"]), answer)
        if question["gpu"] and "torch" in answer:
            _asked("gpus", _gpus, answer)
    answer |= {"files": {}, "folders": {}, "free": {}}
    for what, path in question["files"].items():
        _asked(what, partial(fingerprint, Path(path)), answer, "files")
    for what, path in question["folders"].items():
        ask = partial(exchange, Path(path), question["nonce"], question["name"])
        _asked(what, ask, answer, "folders")
    for folder in (tempfile.gettempdir(), *question["folders"].values()):
        if os.path.isdir(folder):
            answer["free"][folder] = shutil.disk_usage(folder).free
    answer["time"] = time.time()
    return answer


def place() -> list[str]:
    """The file system and environment that this process imports from; nothing where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        mounts = os.readlink("/proc/self/ns/mnt")
    except OSError:
        return []
    named = ("PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
    return [boot, mounts, sys.executable, *(os.environ.get(name, "") for name in named)]


def _asked(
    what: str, ask: Callable[[], Any], answer: dict[str, Any], part: str | None = None
) -> None:
    """Puts an answer in its place, or what failed among the problems."""
    try:
        (answer if part is None else answer[part])[what] = ask()
    except (Exception, SystemExit) as error:  # a user's module may fail in any way
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        lines = [line.strip() for line in str(text).splitlines() if line.strip()]
        kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        answer["problems"][what] = kind + (lines[0] if lines else "no text")


def _code() -> str:
    """Version and hash of the sources of both packages."""
    digest = hashlib.sha256()
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:  # an empty folder of that name has no origin
            raise ModuleNotFoundError(f"No module named {name!r}")
        top = Path(spec.origin).parent
        for path in sorted(top.rglob("*.py")):
            digest.update(f"{name}/{path.relative_to(top).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    for name in PACKAGES:
        importlib.import_module(name)
    return digest.hexdigest()[:8]


def _torch() -> str:
    return str(importlib.import_module("torch").__version__)


def _gpus() -> int:
    """GPUs that torch sees."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":  # Ray hides them from a task without one
        del os.environ["CUDA_VISIBLE_DEVICES"]
    return int(importlib.import_module("torch").cuda.device_count())


def _own(trainable: str, modules: str) -> str:
    """Hash of a custom run's file, or of a script's sources; empty of a built-in run."""
    registry = importlib.import_module("trainables.registry")
    if trainable in registry.BUILT_IN_NAMES:
        return ""
    if modules not in sys.path:
        sys.path.append(modules)
    if os.path.isdir(modules):
        os.chdir(modules)
    if trainable.startswith("script:"):
        script = importlib.import_module("trainables.script.spec").script_of(trainable)
        folder = Path(script.working_folder or ".").expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(2, f"No such folder: {folder}")
        code = importlib.import_module("trainables.script.code")
        return str(code.sources_hash(script, folder))[:8]
    registry.run_class(trainable)
    file = sys.modules[trainable.partition(":")[0]].__file__
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()[:8]


def fingerprint(path: Path) -> str:
    """Hash of a file, or of all files of a folder: of their names, sizes and content.

    Of what is larger than `WHOLE_BYTES` pieces from the beginning to the end stand for the whole.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    if not files:
        raise FileNotFoundError(2, "No such file or directory")
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path).as_posix()} {size}\n".encode())
        with file.open("rb") as opened:
            if size <= WHOLE_BYTES:
                for piece in iter(lambda: opened.read(_PIECE_BYTES), b""):
                    digest.update(piece)
                continue
            for number in range(_PIECES):
                opened.seek((size - _PIECE_BYTES) * number // (_PIECES - 1))
                digest.update(opened.read(_PIECE_BYTES))
    return digest.hexdigest()[:16]


def exchange(folder: Path, nonce: str, name: str) -> str:
    """Reads what the driver wrote into a folder, and writes an answer next to it.

    Returns:
        "shared"; the driver still has to read the answer.

    Raises:
        OSError: The driver's file is not there, or another; or nothing can be written.
    """
    asked = folder / f"{nonce}-driver"
    if asked.read_text() != nonce:
        raise OSError(5, "what is read there is not what was written")
    (folder / f"{nonce}-{name}").write_text(name)
    return "shared"
