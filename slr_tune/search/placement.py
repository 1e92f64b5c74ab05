"""Where Ray Tune puts the workers of a search: on the nodes that may train, as they come and go."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ray.tune import Callback, PlacementGroupFactory
from ray.tune.experiment import Trial

from slr_tune.search.recorder import Recorder
from slr_tune.space import Resources
from slr_tune.training.nodes import Nodes

NODES = "nodes"
"""Key of a Tune configuration: labels of the nodes on which its worker may be, as JSON."""


def placed(resources: Resources) -> Callable[[Mapping[str, Any]], PlacementGroupFactory]:
    """What `tune.with_resources` takes: each trial says where it may be.

    Trials that may be at the same nodes take over each other's workers. Once a node has joined, a
    worker that ends a trial makes way for one that may be there too.
    """
    bundle = {"CPU": float(resources.cpus_per_trial)}
    if resources.gpus_per_trial:
        bundle["GPU"] = float(resources.gpus_per_trial)
    return partial(_placement, bundle)


def _placement(bundle: Mapping[str, float], config: Mapping[str, Any]) -> PlacementGroupFactory:
    labels = json.loads(config.get(NODES, "{}"))
    where = {"bundle_label_selector": [labels]} if labels else {}
    return PlacementGroupFactory([dict(bundle)], **where)


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
