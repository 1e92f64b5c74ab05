"""What convolutional recognisers share: blocks that add to what comes in."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from trainables.models.base import LayerStep, Recogniser, is_real


class ResidualModel(Recogniser):
    """Blocks over (N, T', W) that see their input normalised and add to it.

    The sum itself is never normalised, so that the gradient reaches the first block undiminished
    (pre-norm, Xiong et al. 2020, arXiv:2002.04745). On the bundled sentences the users' depths, 8
    Inception blocks and 15 of MobileNet, learn late or not at all with the norm after the sum.

    A block is called with its input and `real` (N, T', 1), True for frames within their
    utterance, and must not let others reach these.
    """

    def _steps(self, x: Tensor, lengths: Tensor) -> LayerStep:
        real = is_real(lengths, x)

        def step(block: nn.Module, norm: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
            x = x + self.dropout(block(norm(x), real))
            return x, functional.layer_norm(x, x.shape[-1:])

        return step

    def _head(self, width: int) -> tuple[nn.Module, int]:
        # Scale and shift would be absorbed by the linear layer that follows.
        return nn.LayerNorm(width, elementwise_affine=False), width
