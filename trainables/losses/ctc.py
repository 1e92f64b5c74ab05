"""CTC: the loss of a gloss sequence whose frames carry no labels."""

from __future__ import annotations

import math

from torch import Tensor

from trainables.cards import moved
from trainables.losses.ctc_kernels import mean_ctc
from trainables.losses.frames import check_lengths, real_frames


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    *,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Negative log-likelihood of the glosses: per gloss within an utterance, mean over utterances.

    An utterance's loss is divided by its number of glosses (by 1 where it has none), so that long
    utterances do not outweigh short ones; it is what `torch.nn.functional.ctc_loss` calls "mean".

    With label smoothing e the loss is (1 - e) CTC + e KL(u || p), where u is uniform over the C
    classes and KL is the mean over an utterance's real frames, then over utterances. It keeps
    frames from growing certain, the blank's foremost. Both parts being means over utterances, a
    batch's loss is that of its parts, weighted by their numbers of utterances.

    An utterance with fewer frames than its glosses need has probability 0 and makes the loss
    infinite. That is not hidden: such utterances are a fault of the data.

    Args:
        log_probs: Log-probabilities (T, N, C) with the blank at 0.
        targets: Classes 1..C-1 of all utterances, one after another, int64 (sum of lengths,).
        input_lengths: Real frames of each utterance, int64 (N,), in 1..T.
        target_lengths: Glosses of each utterance, int64 (N,).
        label_smoothing: In [0, 1).

    Returns:
        Loss in nats per gloss, shape ().

    Raises:
        ValueError: Shapes do not fit, or a length or label_smoothing is out of range.

    Source: Graves et al. 2006, "Connectionist temporal classification", section 4; smoothing as a
    KL term next to CTC, Kim et al. 2018, arXiv:1711.02212, section 3.3.
    """
    check_lengths(log_probs, input_lengths)
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(f"label_smoothing={label_smoothing} must be in [0, 1)")
    if target_lengths.shape != input_lengths.shape or targets.dim() != 1:
        raise ValueError(
            f"targets must be one row of all utterances and target_lengths {input_lengths.shape}, "
            f"got {tuple(targets.shape)} and {tuple(target_lengths.shape)}"
        )
    loss = mean_ctc(log_probs, targets, input_lengths, target_lengths)
    if label_smoothing == 0.0:
        return loss
    smoothed = _divergence_from_uniform(log_probs, input_lengths)
    return (1.0 - label_smoothing) * loss + label_smoothing * smoothed


def _divergence_from_uniform(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """KL(uniform || p), mean over each utterance's real frames and then over utterances."""
    frames, utterances, classes = log_probs.shape
    divergences = -real_frames(log_probs, lengths).mean(dim=1) - math.log(classes)  # [F]
    # [N], of a frame in the whole
    shares = moved(1.0 / (lengths * utterances).to(log_probs.dtype), log_probs.device)
    shares = shares.expand(frames, utterances).unsqueeze(-1)  # [T, N, 1]
    return (real_frames(shares, lengths).squeeze(-1) * divergences).sum()
