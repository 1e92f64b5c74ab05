"""Answers of a model and its draws at many places, computed at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slr_tune.importance.bands import Draw
from slr_tune.importance.parameter_columns import Floats
from slr_tune.importance.probes import Probe
from slr_tune.importance.reading import Reading


class Answers:
    """The functions of a reading and of its draws along probes, in the metric's unit.

    Values are smaller the better and count from the mean over the space.
    """

    def __init__(
        self,
        reading: Reading,
        draws: Sequence[Draw],
        probes: Sequence[Probe],
        undrawn: Sequence[Probe] = (),
    ) -> None:
        """Asks for all probes.

        Args:
            reading: The model at its optimum.
            draws: Of it.
            probes: Where; each is one object, by which it is found again.
            undrawn: Where the draws are not asked, such as maps, which have no band.
        """
        count = sum(len(probe.points) for probe in probes)
        probes = [*probes, *undrawn]
        ends = np.cumsum([len(probe.points) for probe in probes])
        self._part = {
            id(probe): slice(int(end) - len(probe.points), int(end))
            for probe, end in zip(probes, ends, strict=True)
        }
        points = np.concatenate([probe.points for probe in probes])
        kernels = reading.model.against_grid(points)
        self._point = self._ask(reading, reading.mean[None], kernels)
        some = [kernel[:, :count] for kernel in kernels]
        self._drawn = np.concatenate([self._ask(d.reading, d.weights, some) for d in draws])

    @staticmethod
    def _ask(reading: Reading, weights: Floats, kernels: list[Floats]) -> Floats:
        size = reading.size * reading.model.rows.scale
        return np.asarray(weights @ reading.design(kernels).T * size)

    def point(self, probe: Probe) -> Floats:
        """(G,) at the optimum."""
        return np.asarray(probe.average @ self._point[0, self._part[id(probe)]])

    def drawn(self, probe: Probe) -> Floats:
        """(B, G) of the draws, of a probe at which they were asked."""
        return np.asarray(self._drawn[:, self._part[id(probe)]] @ probe.average.T)
