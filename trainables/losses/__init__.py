"""What is minimised: CTC, framewise distillation, feature matching."""

from trainables.losses.ctc import ctc_loss
from trainables.losses.distillation import framewise_kd_loss
from trainables.losses.features import FeatureProjection, feature_matching_loss, matched_layers

__all__ = [
    "FeatureProjection",
    "ctc_loss",
    "feature_matching_loss",
    "framewise_kd_loss",
    "matched_layers",
]
