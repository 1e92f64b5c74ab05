"""Weights that another program saved: a state dict, alone or among other things, loaded safely.

Nothing here runs code from a file. It loads tensors, plain containers, and harmless objects that
training scripts often put into checkpoints: numbers and arrays of numpy, an `argparse.Namespace`, a
`defaultdict`.
"""

from __future__ import annotations

import argparse
import collections
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainables.errors import CheckpointError, first_line
from trainables.files.foreign_checkpoint import foreign_objects

_PREFIXES = ("module.", "_orig_mod.")
"""Of DataParallel and of torch.compile."""


@dataclass(frozen=True)
class ForeignWeights:
    """A state dict of another program.

    Attributes:
        path: The file.
        key: Where in the file it stood, empty where the file is nothing else.
        weights: Its tensors by the program's names, in the program's order.
        beside: What else the file holds, tensors left out.
    """

    path: Path
    key: str
    weights: Mapping[str, torch.Tensor]
    beside: Mapping[str, Any]


def read_foreign_weights(path: Path, key: str | None = None) -> ForeignWeights:
    """Reads a state dict.

    Args:
        path: A file of torch, old or new, or a safetensors file.
        key: Under which key it is; None where only one is there.

    Raises:
        CheckpointError: It does not exist, is unsafe, or contains no state dict, or several.
    """
    content = _loaded(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} contains a {type(content).__name__}, not a state dict",
            hint="Save model.state_dict() in that program.",
        )
    found = dict(_state_dicts(content))
    if key is not None:
        if key not in found:
            known = ", ".join(filter(None, found)) or "none"
            raise CheckpointError(
                f"{path} has no state dict under {key!r}", hint=f"State dicts there: {known}."
            )
        found = {key: found[key]}
    if len(found) > 1:
        raise CheckpointError(
            f"{path} contains {len(found)} state dicts: {', '.join(found)}",
            hint="Choose the model with --key NAME.",
        )
    if not found:
        keys = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise CheckpointError(
            f"{path} contains no state dict: it has {keys}",
            hint="Save model.state_dict() in that program.",
        )
    (name, weights), *_ = found.items()
    beside = {} if not name else {k: v for k, v in content.items() if k != name}
    return ForeignWeights(path, name, _without_prefixes(weights), _plain(beside))


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist", hint="Check the path.")
    with path.open("rb") as file:
        head = file.read(16)
    try:
        if head[8:10] == b'{"':
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(_harmless()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise foreign_objects(path) from error
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a file of torch: {first_line(error)}",
            hint="It may be damaged, or of another framework: save model.state_dict() in that "
            "program.",
        ) from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise CheckpointError(f"{path} is damaged: {error}") from error


def _harmless() -> list[Any]:
    """Classes that hold values and do nothing; numpy's under the names of both its versions."""
    scalar, array = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in np.typecodes["All"] if code not in "OVMm"}
    names = [(scalar, "multiarray.scalar"), (array, "multiarray._reconstruct")]
    both = [(f, f"{top}.{name}") for f, name in names for top in ("numpy.core", "numpy._core")]
    plain = [argparse.Namespace, collections.defaultdict, dict, list, int, float]
    return [*both, np.ndarray, np.dtype, *kinds, *plain]


def _state_dicts(content: Mapping[Any, Any]) -> list[tuple[str, Mapping[str, torch.Tensor]]]:
    """The content itself, or what is in it, as far as it is nothing but named tensors."""
    if _is_state_dict(content):
        return [("", content)]
    return [(str(key), inner) for key, inner in content.items() if _is_state_dict(inner)]


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(key, str) for key in value)
        and all(isinstance(one, torch.Tensor) for one in value.values())
    )


def _without_prefixes(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = dict(weights)
    for prefix in _PREFIXES * 2:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def _plain(value: Any) -> Any:
    """Plain values; tensors of more than one number and unknown objects are left out."""
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        kept = {str(key): _plain(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else None
    return value if isinstance(value, str | int | float | bool) else None
