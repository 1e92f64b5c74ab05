"""Dropout: its masks come from uniform numbers, which are the same on every processor."""

from __future__ import annotations

import pytest
import torch

from trainables.models.dropout import PortableDropout


def test_masks_are_those_of_uniform_numbers() -> None:
    """By hand: kept where the uniform number is at least p, and scaled by 1 / (1 - p)."""
    x = torch.full((3, 400), 2.0, requires_grad=True)
    torch.manual_seed(7)
    found = PortableDropout(0.25)(x)
    torch.manual_seed(7)
    kept = torch.rand(3, 400) >= 0.25
    assert torch.allclose(found, torch.where(kept, 2.0 / 0.75, 0.0))
    found.sum().backward()
    assert x.grad is not None and torch.equal(x.grad != 0, kept)


def test_the_first_uniform_numbers_of_a_seed() -> None:
    """Those of the Mersenne twister, on any machine: others would mean other trainings."""
    torch.manual_seed(0)
    assert torch.rand(3).tolist() == pytest.approx([0.49625659, 0.76822180, 0.08847743], abs=1e-7)


def test_nothing_is_dropped_while_measuring_and_without_a_chance() -> None:
    """Nor are random numbers drawn, which would shift those of others."""
    x = torch.ones(4, 4)
    state = torch.get_rng_state()
    assert torch.equal(PortableDropout(0.5).eval()(x), x)
    assert torch.equal(PortableDropout(0.0)(x), x)
    assert torch.equal(torch.get_rng_state(), state)


def test_half_precision_keeps_its_type_and_the_chance() -> None:
    """Uniform numbers of eight bits would drop another share."""
    found = PortableDropout(0.3)(torch.ones(200, 200, dtype=torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert float((found == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
