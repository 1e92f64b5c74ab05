"""Scalars of TensorBoard's event files, read with TensorBoard's own reader."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from trainables.script.epochs import EPOCH, Record
from trainables.script.source import Source

_PATTERN = "**/*tfevents*"


class EventFolder(Source):
    """A folder of event files, and those below it.

    An epoch is a new value of the metric. The other tags go along with their last value; one that
    is called `epoch` names the epoch, as PyTorch Lightning writes it. `position` is the step after
    the last one that was read.
    """

    def __init__(self, folder: Path, metric: str) -> None:
        """Opens nothing yet.

        Args:
            folder: Where the files are, or will be.
            metric: Tag that an epoch is judged by.
        """
        self._folder = folder
        self._metric = metric
        self._files: dict[Path, Any] = {}
        self._last: dict[str, float] = {}
        self._skip = False

    def skip_what_is_there(self) -> None:
        """Reads it, and drops it."""
        self._skip = True
        for _ in self.new_records(ended=True):
            pass
        self._skip = False
        self._last.clear()

    def new_records(self, *, ended: bool) -> Iterator[Record]:
        """A record a step that holds a value of the metric, with what else that step holds."""
        fresh = [scalar for path in self._paths() for scalar in self._scalars(path)]
        for step, together in groupby(sorted(fresh, key=itemgetter(0)), key=itemgetter(0)):
            tag_values = {tag: value for _, tag, value in together}
            self._last |= tag_values
            if self._metric not in tag_values or (step < self.position and not self._skip):
                continue  # no epoch, or one of before that was written again
            start, self.position = self.position, max(self.position, step + 1)
            label = next((v for tag, v in self._last.items() if tag.lower() == EPOCH), None)
            values = {tag: v for tag, v in self._last.items() if tag.lower() != EPOCH}
            yield Record(values, label, start)

    def tags(self) -> set[str]:
        """Names of what was written."""
        return {tag for path in self._paths() for _, tag, _ in self._scalars(path)}

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(_PATTERN)) if self._folder.is_dir() else []

    def _scalars(self, path: Path) -> Iterator[tuple[int, str, float]]:
        """Step, tag and value of what was added to a file."""
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util.tensor_util import make_ndarray

        if path not in self._files:
            self._files[path] = EventFileLoader(str(path))
        below = path.parent.relative_to(self._folder).as_posix()
        for event in self._files[path].Load():
            for value in event.summary.value if event.HasField("summary") else ():
                tag = value.tag
                if self._metric == f"{below}/{tag}":  # Keras: `validation/epoch_wer`
                    tag = self._metric
                if value.HasField("simple_value"):
                    yield event.step, tag, float(value.simple_value)
                elif value.HasField("tensor"):
                    content = make_ndarray(value.tensor)
                    if content.size == 1 and content.dtype.kind in "fiu":
                        yield event.step, tag, float(content.item())
