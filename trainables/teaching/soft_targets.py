"""A teacher's answers on disk, in safetensors: softmax(logits / T) of every utterance, or logits.

```
<folder>/<split>.json               temperature, top-k, vocabulary, hashes; written last
<folder>/<split>-00000.safetensors  "<id>": probabilities float32 (T', C)
                                    with top-k "<id>" (T', K) and "<id>/classes" int32 (T', K)
                                    with temperature null, format 2: logits float32 (T', C)
```
With these files, neither the teacher nor its framework is needed. A distillation reads them in
place of a live teacher, at the temperature that they were softened with; logits, which `slr-tune
adopt` writes from another program's, at any.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from trainables.config import DistillConfig
from trainables.data import Dataset
from trainables.errors import ConfigError, DataError
from trainables.files.stored_model import file_hash, vocabulary_difference
from trainables.teaching.rounding import Arrays

FORMAT_VERSION = 1
LOGITS_VERSION = 2
"""Of logits: a version that knows only soft targets would take them for probabilities."""
Probabilities = NDArray[np.float32]


class SoftTargets:
    """The soft targets of a training split, as answers of a teacher that is not there."""

    def __init__(self, folder: Path) -> None:
        """Reads the index; utterances are read when they are needed.

        Raises:
            DataError: There are none for train, or they are not whole.
        """
        self.folder = folder
        self._open: dict[str, Any] = {}
        self._ids: tuple[str, ...] = ()
        path = folder / "train.json"
        try:
            self._index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            version = self._index["format_version"]
        except FileNotFoundError:
            raise DataError(
                f"there are no soft targets of train in {folder}",
                hint=f"slr-tune soft-targets CHECKPOINT --split train --out {folder} writes them.",
            ) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"soft targets {path} are damaged: {error!r}") from error
        if version not in (FORMAT_VERSION, LOGITS_VERSION):
            raise DataError(
                f"soft targets {path} have format {version}, this version reads {LOGITS_VERSION}"
            )

    @property
    def temperature(self) -> float | None:
        """What the logits were divided by; None of logits, which any temperature may soften."""
        stored = self._index["temperature"]
        return None if stored is None else float(stored)

    def facts(self) -> dict[str, Any]:
        """What the teacher was."""
        return {
            "teacher_hash": file_hash(self.folder / "train.json"),  # it has the digests of all
            "teacher_wer": self._index["teacher_wer"],
            "teacher_parameters": self._index["teacher_parameters"],
        }

    def check_settings(self, config: DistillConfig) -> None:
        """Checks that a student of these settings can learn from them.

        Raises:
            ConfigError: It asks for what only a teacher has: hidden states, answers about changed
                frames, another temperature or frame rate.
        """
        where = f"soft targets in {self.folder}"
        if config.loss_weights.gamma > 0:
            raise ConfigError(
                f"{where}: loss_weights.gamma is {config.loss_weights.gamma:g}, but they contain "
                f"no hidden states to match",
                hint="Set gamma to 0, or use the teacher itself.",
            )
        if config.loss_weights.alpha == 0:
            return
        if config.augmentation.active or config.truncate_frames is not None:
            raise ConfigError(
                f"{where}: they were computed on whole, unchanged utterances, which augmentation "
                f"or truncate_frames changes",
                hint="Switch it off, or use the teacher itself.",
            )
        schedule, softened = config.temperature, self.temperature
        if softened is not None and (schedule.schedule, schedule.start) != ("constant", softened):
            raise ConfigError(
                f"{where}: they were softened at temperature {softened:g}, the run's "
                f"schedule is {schedule.schedule} from {schedule.start:g}",
                hint=f"Use temperature: {{schedule: constant, start: {softened:g}}}, write them "
                f"again with another --temperature, or use the teacher itself.",
            )
        if config.subsampling != self._index["subsampling"]:
            raise ConfigError(
                f"{where}: their teacher's subsampling is {self._index['subsampling']}, the "
                f"student's {config.subsampling}",
                hint="Their frames could not be compared one by one.",
            )

    def check_data(self, data: Dataset) -> None:
        """Checks that they are of a data set, or the whole that it is a part of.

        Raises:
            ConfigError: They are of another vocabulary or of other data.
        """
        where = f"soft targets in {self.folder}"
        difference = vocabulary_difference(self._index["vocabulary"], data.vocabulary)
        if difference:
            raise ConfigError(f"{where}: {difference}", hint="Write them again from this data.")
        ours = data.part_of or data.hash
        if self._index["data_hash"] != ours:
            raise ConfigError(
                f"{where}: they were made from data {self._index['data_hash']}, this run has "
                f"{ours}",
                hint="Write them again from this data.",
            )
        self._ids = data.train.ids

    def of(self, index: int) -> Arrays:
        """Logits (T', C) of an utterance; of targets, those that soften to them."""
        probabilities = self.probabilities(self._ids[index])
        if self.temperature is None:
            return [probabilities]
        smallest = np.finfo(np.float32).tiny  # of a class that the teacher ruled out
        logits = self.temperature * np.log(np.maximum(probabilities, smallest))
        return [logits.astype(np.float32)]

    def probabilities(self, name: str) -> Probabilities:
        """Soft targets float32 (T', C) of an utterance; what top-k left out is shared evenly.

        Where the temperature is None they are logits.

        Raises:
            DataError: The file is missing or damaged.
        """
        path = self.folder / self._index["files"][name]
        try:
            file = self._opened(path)
            kept: Probabilities = file.get_tensor(name)
            if self._index["top_k"] is None:
                return kept
            classes = file.get_tensor(f"{name}/classes")
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"soft targets {path} are damaged: {error}", hint="Write them again."
            ) from error
        return _spread(kept, classes, len(self._index["vocabulary"]))

    def _opened(self, path: Path) -> Any:
        """The file, compared with its digest when it is opened first."""
        if path.name not in self._open:
            if file_hash(path) != self._index["digests"][path.name]:
                raise SafetensorError("its SHA-256 is not the one in the index")
            self._open[path.name] = safe_open(path, framework="numpy")
        return self._open[path.name]


def _spread(kept: Probabilities, classes: NDArray[np.int32], count: int) -> Probabilities:
    """Puts the classes in their places; the rest of the mass is shared by all others."""
    others = max(1, count - kept.shape[1])
    rest = np.maximum(0.0, 1.0 - kept.sum(axis=1, keepdims=True)) / others
    whole = np.repeat(rest.astype(np.float32), count, axis=1)
    np.put_along_axis(whole, classes.astype(np.int64), kept, axis=1)
    return whole
