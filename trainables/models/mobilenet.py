"""MobileNetV3's inverted residuals over time: a small convolutional student.

For 1540 features, 15 layers of hidden 128 (256 channels), projection 256 and 1229 classes:

    Linear(1540 -> 256)                                          394,496
    LayerNorm(256)                                                   512
    Linear(256 -> 256)                                            65,792
    15 x [expand 256 -> 512                                      131,584
          depthwise, 3 frames (8 x) or 5 (7 x)            2,048 or 3,072
          squeeze 512 -> 128, excite 128 -> 512                  131,712
          project 512 -> 256                                     131,328
          LayerNorm(256)                                             512]
    Linear(256 -> 1024)                                          263,168
    Linear(1024 -> 1229)                                       1,259,725
                                                              ----------
                                                               7,948,621
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from trainables.models.base import ResidualModel

_EXPANSION = 2
_SQUEEZE = 4
_HEAD = 4
_SPANS = (3, 5)
"""Frames that the depthwise convolutions see, block by block in turn."""


class MobileNet(ResidualModel):
    """Inverted residuals with squeeze-and-excite and hard-swish over projected features.

    A block widens each frame, filters every channel over a few frames, weighs the channels by
    what the whole utterance holds, and narrows again. The squeeze is a mean over real frames.
    MobileNetV3-Large has 15 blocks.

    Source: Howard et al. 2019, arXiv:1905.02244, sections 5 and 6.
    """

    def _layer(self, width: int, number: int) -> nn.Module:
        return _InvertedResidual(width, span=_SPANS[number % len(_SPANS)])

    def _head(self, width: int) -> tuple[nn.Module, int]:
        norm, _ = super()._head(width)
        wide = _HEAD * width
        return nn.Sequential(norm, nn.Linear(width, wide), nn.Hardswish()), wide


class _InvertedResidual(nn.Module):
    """An inverted residual without its sum; (N, T, W) to (N, T, W)."""

    def __init__(self, width: int, *, span: int) -> None:
        super().__init__()
        wide = _EXPANSION * width
        squeezed = max(1, wide // _SQUEEZE)
        self.expand = nn.Linear(width, wide)
        self.depthwise = nn.Conv1d(wide, wide, span, padding=span // 2, groups=wide)
        self.squeeze = nn.Linear(wide, squeezed)
        self.excite = nn.Linear(squeezed, wide)
        self.project = nn.Linear(wide, width)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Runs the block; `real` (N, T, 1) is True for frames within their utterance."""
        x = functional.hardswish(self.expand(x)).masked_fill(~real, 0.0)  # [N, T, E]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        x = functional.hardswish(x).masked_fill(~real, 0.0)
        mean = x.sum(dim=1) / real.sum(dim=1)  # [N, E], over real frames
        weights = functional.hardsigmoid(self.excite(self.squeeze(mean).relu()))
        projected: Tensor = self.project(x * weights.unsqueeze(1))
        return projected
