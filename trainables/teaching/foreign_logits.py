"""Another program's answers for a split: logits or log-probabilities of every utterance.

Log-probabilities are as good as logits: softmax(log p / T) is softmax(logits / T), because the two
differ by one number a frame. So the temperature stays open either way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import Dataset, Split
from trainables.errors import DataError
from trainables.files.atomic import replace_file
from trainables.files.stored_model import file_hash
from trainables.teaching.soft_target_writer import SoftTargetWriter
from trainables.teaching.soft_targets import LOGITS_VERSION

Logits = NDArray[np.float32]

_ARRAYS = ("logits", "log_probs", "logprobs", "log_softmax", "probs", "probabilities", "emissions")
_LENGTHS = ("lengths", "output_lengths", "input_lengths", "logit_lengths", "length")
_IDS = ("ids", "names", "utterances", "keys", "id")
_SUM_TOLERANCE = 1e-3
_SUBSAMPLINGS = (1, 2, 4)


@dataclass(frozen=True)
class ForeignLogits:
    """Answers for utterances.

    Attributes:
        path: The file or folder.
        ids: The utterances.
        of: Gives the scores float32 (T', C) of one of them.
    """

    path: Path
    ids: tuple[str, ...]
    of: Callable[[str], Logits]


def read_foreign_logits(path: Path) -> ForeignLogits:
    """Opens answers.

    Either an array an utterance, (T', C) under its id, in an .npz or safetensors file, or a file
    an utterance in a folder; or a padded array `logits` or `log_probs` (N, T', C) with `lengths`
    (N,) and `ids` (N,), which a safetensors file has as JSON in its metadata.

    Raises:
        DataError: It is not one of these, or shapes do not fit.
    """
    if path.is_dir():
        return _folder(path)
    arrays, given_ids = _opened(path)
    stacked = next((name for name in _ARRAYS if name in arrays), None)
    if stacked is None:
        return _each(path, arrays)
    lengths = next((name for name in _LENGTHS if name in arrays), None)
    ids = given_ids or next(([*map(str, arrays[n]())] for n in _IDS if n in arrays), None)
    if lengths is None or ids is None:
        raise DataError(
            f"{path} has {stacked!r} without {'lengths' if lengths is None else 'ids'}",
            hint="A padded array (N, T, C) needs lengths (N,) and ids (N,) next to it.",
        )
    whole, ends = arrays[stacked](), np.asarray(arrays[lengths]()).astype(np.int64)
    if whole.ndim != 3 or len(ends) != len(ids) or whole.shape[0] != len(ids):
        raise DataError(
            f"{path}: {stacked} is {whole.shape}, lengths {ends.shape}, ids {len(ids)}: "
            "they must be (N, T, C), (N,) and (N,)",
            hint="If time comes first, transpose it: logits.transpose(0, 1).",
        )
    if ends.min() < 1 or ends.max() > whole.shape[1]:
        raise DataError(f"{path}: lengths must be in 1..{whole.shape[1]}")
    place = {name: number for number, name in enumerate(ids)}
    return ForeignLogits(
        path, tuple(ids), lambda name: _checked(path, name, whole[place[name]][: ends[place[name]]])
    )


def subsampling_of(logits: ForeignLogits, split: Split, subsampling: int | None) -> int:
    """Input frames to an answer, found from the lengths of all utterances of a split.

    Raises:
        DataError: An utterance is missing, or no subsampling of ours gives the lengths.
    """
    missing = [name for name in split.ids if name not in set(logits.ids)]
    if missing:
        raise DataError(
            f"{logits.path} has no outputs for {len(missing)} of {len(split)} utterances of "
            f"{split.name}: {', '.join(missing[:3])}",
            hint="Ids must be those of the corpus file; slr-tune prepare lists the data.",
        )
    found = {name: len(logits.of(name)) for name in split.ids}
    frames = dict(zip(split.ids, split.lengths.tolist(), strict=True))
    able = [s for s in _SUBSAMPLINGS if all(-(-frames[n] // s) == found[n] for n in split.ids)]
    chosen = [s for s in able if subsampling in (None, s)]
    if len(chosen) == 1:
        return chosen[0]
    if able:
        raise DataError(
            f"{logits.path}: the lengths would fit a subsampling of {', '.join(map(str, able))}",
            hint="Choose one: --subsampling NUMBER.",
        )
    wrong = next(n for n in split.ids if found[n] != frames[n])
    raise DataError(
        f"{logits.path}: utterance {wrong} has {frames[wrong]} frames and {found[wrong]} outputs; "
        "no subsampling of 1, 2 or 4 gives the lengths of all",
        hint="A student's frames could not be compared with them one by one.",
    )


def write_foreign_logits(
    logits: ForeignLogits,
    data: Dataset,
    folder: Path,
    *,
    order: Sequence[int],
    subsampling: int,
    teacher_wer: float | None,
) -> SoftTargetWriter:
    """Writes the answers for train as a teacher whose temperature is open.

    Args:
        logits: The answers.
        data: The data set.
        folder: Is made where it is not there.
        order: For each class of the data the number of their output.
        subsampling: Of the answers.
        teacher_wer: Dev WER of the model that gave them, percent; None where it is not known.

    Raises:
        DataError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (folder / "train.json", *folder.glob("train-*.safetensors")):
            old.unlink(missing_ok=True)
        writer = SoftTargetWriter(folder, "train")
        columns = np.array(order, dtype=np.int64)
        for name in data.train.ids:
            writer.add(name, np.ascontiguousarray(logits.of(name)[:, columns]), None)
        writer.flush()
        index = {
            "format_version": LOGITS_VERSION,
            "split": "train",
            "temperature": None,
            "top_k": None,
            "subsampling": subsampling,
            "vocabulary": list(data.vocabulary),
            "data_hash": data.hash,
            "teacher_hash": file_hash(logits.path) if logits.path.is_file() else "",
            "teacher_wer": teacher_wer,
            "teacher_parameters": 0,
            "files": writer.files,
            "digests": writer.digests,
        }
        text = json.dumps(index, ensure_ascii=False, indent=1)
        replace_file(folder / "train.json", text.encode())
    except OSError as error:
        raise DataError(
            f"logits cannot be written to {folder}: {error.strerror or error}",
            hint="Free some space, or choose another folder with --out.",
        ) from error
    return writer


def _each(path: Path, arrays: Mapping[str, Callable[[], NDArray[Any]]]) -> ForeignLogits:
    """One array per utterance; a length next to it cuts off its padding."""
    names = {}
    for key in arrays:
        base, _, last = key.rpartition("/")
        if last in _LENGTHS:
            continue
        names[base if base and last in _ARRAYS else key] = key
    if not names:
        raise DataError(f"{path} contains no arrays")

    def of(name: str) -> Logits:
        scores = arrays[names[name]]()
        length = next((arrays[f"{name}/{n}"]() for n in _LENGTHS if f"{name}/{n}" in arrays), None)
        return _checked(path, name, scores if length is None else scores[: int(length)])

    return ForeignLogits(path, tuple(names), of)


def _folder(path: Path) -> ForeignLogits:
    files = {one.stem: one for one in sorted(path.rglob("*.np[zy]"))}
    if not files:
        raise DataError(
            f"{path} contains no .npz or .npy files", hint="One file per utterance: ID.npz."
        )

    def of(name: str) -> Logits:
        file = files[name]
        if file.suffix == ".npy":
            return _checked(file, name, np.load(file, allow_pickle=False))
        arrays, _ = _opened(file)
        keys = [key for key in arrays if key in _ARRAYS] or [*arrays]
        length = next((arrays[key]() for key in _LENGTHS if key in arrays), None)
        keys = [key for key in keys if key not in _LENGTHS]
        if len(keys) != 1:
            raise DataError(f"{file} contains {', '.join(arrays)}: which are the logits?")
        scores = arrays[keys[0]]()
        return _checked(file, name, scores if length is None else scores[: int(length)])

    return ForeignLogits(path, tuple(files), of)


def _opened(path: Path) -> tuple[dict[str, Callable[[], NDArray[Any]]], list[str] | None]:
    """Arrays by name, read when they are needed; and ids from a safetensors file's metadata."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"{path} does not exist", hint="Check the path.")
    try:
        if path.suffix == ".safetensors":
            file: Any = safe_open(path, framework="numpy")
            ids = (file.metadata() or {}).get("ids")
            given_ids = None if ids is None else [str(one) for one in json.loads(ids)]
            return {key: _reader(file.get_tensor, key) for key in file.keys()}, given_ids  # noqa: SIM118
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(
                f"{path} is a single array", hint="Save an .npz file with one array per id."
            )
        return {key: _reader(archive.__getitem__, key) for key in archive.files}, None
    except (OSError, ValueError, SafetensorError, EOFError) as error:
        raise DataError(f"{path} cannot be read as .npz or safetensors: {error}") from error


def _reader(get: Callable[[str], Any], key: str) -> Callable[[], NDArray[Any]]:
    def read() -> NDArray[Any]:
        try:
            return np.asarray(get(key))
        except ValueError as error:  # an array of objects, which would need a pickle
            raise DataError(f"array {key!r} cannot be read: {error}") from error

    return read


def _checked(path: Path, name: str, scores: NDArray[Any]) -> Logits:
    """Scores as float32 (T', C); of probabilities their logarithms.

    Raises:
        DataError: They are not finite scores.
    """
    if scores.ndim != 2 or not len(scores) or scores.dtype.kind not in "fiu":
        raise DataError(f"{path}: {name} is {scores.dtype} {scores.shape}, must be floats (T, C)")
    values: Logits = scores.astype(np.float32)
    if np.isnan(values).any() or np.isposinf(values).any():
        raise DataError(f"{path}: {name} has values that are not finite")
    if values.min() >= 0 and np.allclose(values.sum(axis=1), 1.0, atol=_SUM_TOLERANCE):
        values = np.log(np.maximum(values, np.finfo(np.float32).tiny))
    # -inf is log 0, of a class that was ruled out.
    return np.where(np.isneginf(values), np.float32(np.log(np.finfo(np.float32).tiny)), values)
