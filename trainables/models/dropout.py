"""Dropout whose masks do not depend on the processor's maker.

On a CPU torch draws Bernoulli numbers by MKL where the processor is Intel's, and by itself
elsewhere: the same seed gives other masks. Uniform numbers come from torch's own generator
everywhere. What is computed with the masks still differs in its last bits between kinds of
processor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PortableDropout(nn.Module):
    """Sets each number to zero with a chance `p` while training, and scales the others up.

    Args:
        p: The chance, 0 to below 1.
    """

    def __init__(self, p: float) -> None:
        """Keeps the chance; there is nothing to train."""
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """The same shape and type."""
        if not self.training or self.p == 0.0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.p)
        kept = torch.rand(x.shape) >= self.p
        return x * (kept.to(x.dtype) / (1.0 - self.p))

    def extra_repr(self) -> str:
        """As torch prints its own."""
        return f"p={self.p}"
