"""How many workers of a search Ray Tune has: as many as the nodes hold, as they come and go."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from slr_tune.search.recorder import Recorder
from slr_tune.training.nodes import Nodes


class NodeWatch(Callback):  # type: ignore[misc]  # Ray ships no types
    """Has as many trials at a time as the nodes hold that are there now."""

    def __init__(self, recorder: Recorder, nodes: Nodes) -> None:
        """Wraps both."""
        self._recorder = recorder
        self._nodes = nodes

    def __reduce__(self) -> tuple[Any, ...]:
        """Keeps the database's connection out of Ray's pickles."""
        return (str, ("NodeWatch is not stored",))

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """After each turn of Tune's loop."""
        if self._recorder.guarded(self._nodes.watch, False):
            self._recorder.resize(self._nodes.workers)
