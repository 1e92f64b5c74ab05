"""Building the model that a configuration names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import pytest
import torch

from trainables.config import RunConfig, StudentConfig
from trainables.errors import ConfigError
from trainables.models import ARCHITECTURES, build_model
from trainables.models.bilstm import BiLSTM
from trainables.models.inception import Inception
from trainables.models.mobilenet import MobileNet

SETTINGS = {
    "architecture": "bilstm",
    "layers": 2,
    "hidden": 4,
    "projection": 6,
    "subsampling": 2,
    "dropout": 0.25,
    "blank_bias": -3.0,
}


def test_every_setting_reaches_the_model() -> None:
    # Broken if a searched setting were dropped on the way: the search would be over nothing.
    torch.manual_seed(0)
    model = build_model(SimpleNamespace(**SETTINGS), input_size=5, classes=7)
    assert isinstance(model, BiLSTM)
    assert model.hidden_sizes == (8, 8)
    assert model.projection.in_features == 5
    assert model.projection.out_features == 6
    assert model.output.out_features == 7
    assert model.subsampling == 2
    assert model.dropout.p == 0.25
    assert model.output.bias[0] < -2.0


def test_the_random_state_decides_the_weights() -> None:
    # Broken if two arms with one seed began from different weights.
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        model = build_model(SimpleNamespace(**SETTINGS), input_size=5, classes=7)
        weights.append(torch.cat([values.flatten() for values in model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    # Broken if a misspelt name ended in a KeyError.
    config = SimpleNamespace(**{**SETTINGS, "architecture": "blstm"})
    with pytest.raises(
        ConfigError, match=r"'blstm' is not known\n  Known are: bilstm, inception, mobilenet"
    ):
        build_model(config, input_size=5, classes=7)


@pytest.mark.parametrize(
    ("name", "cls"), [("bilstm", BiLSTM), ("inception", Inception), ("mobilenet", MobileNet)]
)
def test_every_architecture_of_the_settings_can_be_built(name: str, cls: type) -> None:
    # Broken if a space could choose an architecture that no model stands behind.
    config = StudentConfig(architecture=name, layers=1, hidden=2)
    assert isinstance(build_model(config, input_size=3, classes=4), cls)
    assert set(get_args(RunConfig.model_fields["architecture"].annotation)) == set(ARCHITECTURES)


def test_a_size_that_makes_no_model_is_an_error_of_the_settings() -> None:
    # Broken if a search ended in a traceback where hidden may be 1.
    config = StudentConfig(architecture="inception", hidden=1)
    with pytest.raises(ConfigError, match="inception: hidden=1 must be at least 2"):
        build_model(config, input_size=3, classes=4)
