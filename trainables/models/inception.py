"""Inception blocks over time: a convolutional teacher that sees several spans of frames at once.

For 1540 features, 8 layers of hidden 512 (1024 channels), projection 256 and 1229 classes:

    Linear(1540 -> 256)                                          394,496
    LayerNorm(256)                                                   512
    Linear(256 -> 1024)                                          263,168
    8 x [1 frame:    1024 -> 256                                 262,400
         3 frames:   1024 -> 512, 512 -> 256                     918,272
         5 frames:   1024 -> 512, 512 -> 512, 512 -> 256       1,705,216
         pooling:    1024 -> 256                                 262,400
         LayerNorm(1024)                                           2,048]
    Linear(1024 -> 1229)                                       1,259,725
                                                              ----------
                                                              27,120,589

With hidden 256 they are 7,466,957.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.base import ResidualModel


class Inception(ResidualModel):
    """Inception blocks over the frames of projected features.

    I3D's blocks stretch over space as well; here the features of a frame are one vector, so what
    is left of them is time. A block has four branches: each frame by itself, 3 frames, 5 frames
    (as two times 3), and the largest of 3 frames. They add to its input, as in Inception-ResNet.

    Sources: Carreira and Zisserman 2017, arXiv:1705.07750 (I3D); Szegedy et al. 2015,
    arXiv:1512.00567, section 3.1 (5 as 3 and 3); Szegedy et al. 2016, arXiv:1602.07261.
    """

    def _layer(self, width: int, number: int) -> nn.Module:
        return _InceptionBlock(width)


class _InceptionBlock(nn.Module):
    """Four parallel branches; (N, T, W) to (N, T, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        quarter = width // 4
        if quarter < 1:
            raise ValueError(f"hidden={width // 2} must be at least 2: a block has four branches")
        inner = width // 2
        # Where the width is not a multiple of 4 the first branch takes the rest.
        self.one = _point(width, width - 3 * quarter)
        self.three = nn.ModuleList([_point(width, inner), _three(inner, quarter)])
        self.five = nn.ModuleList(
            [_point(width, inner), _three(inner, inner), _three(inner, quarter)]
        )
        self.pooled = _point(width, quarter)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Runs the branches; `real` (N, T, 1) is True for frames within their utterance."""
        x, outside = x.transpose(1, 2), ~real.transpose(1, 2)  # [N, W, T], [N, 1, T]
        lowest = torch.finfo(x.dtype).min
        largest = functional.max_pool1d(x.masked_fill(outside, lowest), 3, stride=1, padding=1)
        branches = (
            self.one(x).relu(),
            _chain(self.three, x, outside),
            _chain(self.five, x, outside),
            self.pooled(largest.masked_fill(outside, 0.0)).relu(),
        )
        return torch.cat(branches, dim=1).transpose(1, 2)


def _point(before: int, after: int) -> nn.Conv1d:
    return nn.Conv1d(before, after, kernel_size=1)


def _three(before: int, after: int) -> nn.Conv1d:
    return nn.Conv1d(before, after, kernel_size=3, padding=1)


def _chain(convolutions: nn.ModuleList, x: Tensor, outside: Tensor) -> Tensor:
    """Convolutions with ReLU after each; what the biases put past the end is wiped away."""
    for convolution in convolutions:
        x = convolution(x).relu().masked_fill(outside, 0.0)
    return x
