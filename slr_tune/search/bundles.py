"""What a trial asks of Ray: cores, GPUs, and the nodes where it may be.

Each worker unpickles what is here before it trains. So nothing is imported that takes long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ray.tune import PlacementGroupFactory

if TYPE_CHECKING:
    from slr_tune.space import Resources

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
