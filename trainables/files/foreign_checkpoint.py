"""Files that are sound but no checkpoint of this project: called what they are, never damaged.

Nothing is loaded here that `weights_only` would not load.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainables.errors import CheckpointError

_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of torch before 1.6 begin."""

_OTHERS = ((b"\x89HDF", "an HDF5 file"), (b"\x1f\x8b", "a file packed with gzip"))
_NEEDED = (
    "A checkpoint of slr-tune is a dict with format_version (1), model (the state_dict), config, "
    "vocabulary, feature_size, epoch and best_wer, in tensors and plain values; "
    "trainables.files.checkpoint.save_checkpoint writes one."
)
_ADOPT = "slr-tune adopt FILE --config CONFIG --as teacher converts another program's weights."
_ADOPTED = ("state_dict", "torch file", "safetensors")
"""Words of what `slr-tune adopt` may take."""
_SHOWN = 6


def foreign_checkpoint(path: Path, content: Any = None) -> CheckpointError | None:
    """The error that says which other program's file this is.

    Args:
        path: A file that is not a checkpoint of this project, or cannot be loaded.
        content: What it holds, where it could be loaded.

    Returns:
        None where it is none that is known: then it is damaged.
    """
    kind = _described(content) if content is not None else _kind(path)
    if kind is None:
        return None
    hint = f"{_ADOPT} {_NEEDED}" if any(word in kind for word in _ADOPTED) else _NEEDED
    return CheckpointError(f"{path} is not a slr-tune checkpoint but {kind}", hint=hint)


def foreign_objects(path: Path) -> CheckpointError:
    """The error for a sound file of torch that asks for other classes than `weights_only` loads."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError):
        names = []
    if names and all(name.startswith("numpy.") for name in names):
        return CheckpointError(
            f"{path} is not a slr-tune checkpoint but a torch file of another program with numpy "
            "values in it",
            hint=f"{_ADOPT} Or save numbers as float(x) and arrays as tensors. {_NEEDED}",
        )
    shown = ", ".join(names[:_SHOWN])
    of = f" ({shown})" if shown else ""
    return CheckpointError(
        f"checkpoint {path} is refused: it contains more than tensors and plain values{of}, "
        "and loading it could run code",
        hint="Only load checkpoints that slr-tune wrote. Of a whole model that another program "
        f"saved, save model.state_dict() in that program. {_NEEDED}",
    )


def _kind(path: Path) -> str | None:
    """What a file is by its first bytes and, for an archive, by the names in it."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if head.startswith(_OLD_TORCH):
            return _old_torch(path)
        for begin, name in _OTHERS:
            if head.startswith(begin):
                return name
        if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < path.stat().st_size:
            return "a safetensors file of another program"
        if zipfile.is_zipfile(path):
            return _archive(path)
        if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and _ends_a_pickle(path):
            return "a pickle of another program; it is refused, because pickles can contain code"
    except (OSError, ValueError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile):
        return None
    return None


def _old_torch(path: Path) -> str | None:
    """A file of torch before 1.6, if it is whole."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" in str(error):
            return "a torch file of another program, in torch's format from before version 1.6"
        return None
    except (OSError, RuntimeError, ValueError, EOFError, KeyError):
        return None
    return f"{_described(content)}, in torch's format from before version 1.6"


def _archive(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any("/code/" in name for name in names):
        return "a TorchScript model"
    if names and all(name.endswith(".npy") for name in names):
        return f"a numpy archive with {_listed([name[:-4] for name in names])}"
    return None


def _ends_a_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"."


def _described(content: Any) -> str:
    """What a torch file that could be loaded holds."""
    if isinstance(content, torch.Tensor):
        return "a torch file of another program with a single tensor"
    if not isinstance(content, Mapping):
        return f"a torch file of another program with a {type(content).__name__}"
    if content and all(isinstance(value, torch.Tensor) for value in content.values()):
        return f"a state_dict alone{_of_parallel(content)}: {_listed(list(content))}"
    inner = [value for value in content.values() if isinstance(value, Mapping)]
    parallel = next((text for value in inner if (text := _of_parallel(value))), "")
    return f"a torch file of another program{parallel}, with {_listed(list(content))}"


def _of_parallel(state: Mapping[Any, Any]) -> str:
    parallel = bool(state) and all(str(key).startswith("module.") for key in state)
    return " of a model in DataParallel (its keys begin with module.)" if parallel else ""


def _listed(names: list[Any]) -> str:
    shown = ", ".join(map(str, names[:_SHOWN])) or "nothing"
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
