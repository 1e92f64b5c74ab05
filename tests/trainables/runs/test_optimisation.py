"""One step of the optimiser, worked out by hand."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from trainables.config import RunConfig
from trainables.memory import is_out_of_memory, peak_bytes
from trainables.runs.optimisation import Optimisation, Precision

CPU = torch.device("cpu")


def optimisation(weight: nn.Parameter, **settings: Any) -> Optimisation:
    config = RunConfig(
        **{"learning_rate_schedule": {"name": "constant", "warmup_epochs": 0.0}} | settings
    )
    return Optimisation([weight], config, precision=Precision(CPU, mixed=False))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Gradient 3, rate 0.1, decay 0.5, weight 2. Adam's first step is the gradient's sign:
        ("adam", 2 - 0.1),  # the decay is only in the gradient, so it changes nothing here
        ("adamw", 2 - 0.1 * 0.5 * 2 - 0.1),  # the decay is taken off the weight by itself
    ],
)
def test_first_step_by_hand(name: str, expected: float) -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    steps = optimisation(weight, optimizer=name, learning_rate=0.1, weight_decay=0.5)
    steps.backward((3.0 * weight).sum())
    assert steps.step(0.0) == pytest.approx(3.0)
    assert float(weight.detach()) == pytest.approx(expected, rel=1e-5)
    assert weight.grad is None


def test_accumulated_gradients_are_clipped_together() -> None:
    # Two shares of 3 and 4 make 7; clipping each alone would make less.
    weight = nn.Parameter(torch.zeros(1))
    steps = optimisation(weight, clip_norm=5.0)
    steps.backward((3.0 * weight).sum())
    steps.backward((4.0 * weight).sum())
    assert steps.step(0.0) == pytest.approx(7.0)


def test_gradient_that_is_not_finite_changes_nothing() -> None:
    weight = nn.Parameter(torch.ones(1))
    steps = optimisation(weight)
    steps.backward((weight * math.inf).sum())
    assert not math.isfinite(steps.step(0.0))
    assert float(weight.detach()) == 1.0


def test_learning_rate_follows_the_position() -> None:
    schedule = {"name": "cosine", "warmup_epochs": 2.0, "min_learning_rate": 1e-3}
    steps = optimisation(
        nn.Parameter(torch.ones(1)),
        learning_rate=1e-1,
        max_epochs=10,
        learning_rate_schedule=schedule,
    )
    assert steps.learning_rate(2.0) == pytest.approx(1e-1)
    assert steps.learning_rate(6.0) == pytest.approx((1e-1 + 1e-3) / 2)
    assert steps.learning_rate(10.0) == pytest.approx(1e-3)
    assert steps.learning_rate(0.5) < steps.learning_rate(1.5) < 1e-1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("cuDNN error: out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_lack_of_memory_is_reported_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_peak_memory_is_in_bytes() -> None:
    # This process with torch uses between 50 MB and 50 GB; KiB or MiB would lie outside.
    assert 5e7 < peak_bytes(CPU) < 5e10


def scaled_optimisation(weight: nn.Parameter, **settings: Any) -> Optimisation:
    """As on a GPU without bfloat16: gradients of float16 are scaled up, and back before use."""
    precision = Precision(CPU, mixed=False)
    precision.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    return Optimisation([weight], RunConfig(**settings), precision=precision)


def test_norm_and_clipping_see_unscaled_gradients() -> None:
    # Clipped before unscaling, every gradient would look 1024 times too large.
    weight = nn.Parameter(torch.tensor([2.0]))
    steps = scaled_optimisation(weight, clip_norm=100.0)
    steps.backward((3.0 * weight).sum())
    assert steps.step(1.0) == pytest.approx(3.0)
    assert float(weight.detach()) < 2.0


def test_overflow_under_the_scaler_skips_the_step_and_lowers_the_scale() -> None:
    # Overflows are how the scaler finds its scale; each must cost a step, not the run.
    weight = nn.Parameter(torch.tensor([2.0]))
    steps = scaled_optimisation(weight)
    steps.backward((weight * math.inf).sum())
    assert not math.isfinite(steps.step(1.0))
    assert float(weight.detach()) == 2.0
    state = steps.state_dict()
    assert state["scaler"]["scale"] == 512.0
    again = scaled_optimisation(nn.Parameter(torch.tensor([2.0])))
    again.load_state_dict(state)
    assert again.state_dict()["scaler"]["scale"] == 512.0


def test_step_that_ran_out_of_memory_can_be_made_again() -> None:
    # Adam allocates its means in the first step. The scaler refuses a second `unscale_` before
    # the first is done with, so the remedied epoch would have ended in an error.
    weight = nn.Parameter(torch.tensor([2.0]))
    steps = scaled_optimisation(weight)
    before = steps.state_dict()

    def out_of_memory(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = steps._optimiser.register_step_pre_hook(out_of_memory)
    steps.backward((3.0 * weight).sum())
    with pytest.raises(torch.OutOfMemoryError):
        steps.step(1.0)
    hook.remove()
    steps.clear()
    steps.load_state_dict(before)
    steps.backward((3.0 * weight).sum())
    assert steps.step(1.0) == pytest.approx(3.0)
    assert float(weight.detach()) < 2.0


@pytest.mark.parametrize(("bfloat16", "expected"), [(True, "bfloat16"), (False, "float16")])
def test_gpu_takes_bfloat16_where_it_can(
    bfloat16: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GPUs that only emulate bfloat16, slower than 32 bits, say that they support it unless asked.
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: bfloat16 or including_emulation,
    )
    scalers: list[bool] = []
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device, enabled: scalers.append(enabled))
    precision = Precision(torch.device("cuda"), mixed=True)
    assert precision.dtype is getattr(torch, expected)
    assert scalers == [not bfloat16] and not precision.ignored


def test_a_deferred_step_leaves_overflows_to_the_scaler() -> None:
    """In 16 bits gradients overflow as a matter of course: the step is left out, no run ends."""
    weight = nn.Parameter(torch.tensor([2.0]))
    precision = Precision(CPU, mixed=False)
    precision.scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1000)
    schedule = {"name": "constant", "warmup_epochs": 0.0}
    config = RunConfig(learning_rate=0.1, weight_decay=0.0, learning_rate_schedule=schedule)
    steps = Optimisation([weight], config, precision=precision, deferred=True)
    bad = torch.zeros(())
    steps.backward((3.0 * weight).sum())
    assert float(steps.step_deferred(0.0, bad)) == pytest.approx(3.0)
    assert float(weight.detach()) == pytest.approx(1.9, rel=1e-5)
    steps.backward((float("inf") * weight).sum())
    steps.step_deferred(0.0, bad)
    assert float(weight.detach()) == pytest.approx(1.9, rel=1e-5)
    assert precision.scaler.get_scale() == 2.0 and float(bad) == 0.0
    steps.backward((3.0 * weight).sum())
    steps.step_deferred(0.0, bad)
    assert float(weight.detach()) < 1.85


def test_a_deferred_step_without_a_scaler_ends_at_the_first_that_is_no_number() -> None:
    """From then on nothing is changed, whatever comes; an eager one can take up the state."""
    weight = nn.Parameter(torch.tensor([2.0]))
    schedule = {"name": "constant", "warmup_epochs": 0.0}
    config = RunConfig(learning_rate=0.1, weight_decay=0.0, learning_rate_schedule=schedule)
    steps = Optimisation([weight], config, precision=Precision(CPU, mixed=False), deferred=True)
    bad = torch.zeros(())
    for factor, expected, flag in ((3.0, 1.9, 0.0), (math.nan, 1.9, 1.0), (3.0, 1.9, 1.0)):
        steps.backward((factor * weight).sum())
        steps.step_deferred(0.0, bad)
        assert float(weight.detach()) == pytest.approx(expected, rel=1e-5)
        assert float(bad) == flag
    eager = optimisation(weight, learning_rate=0.1, weight_decay=0.0)
    eager.load_state_dict(steps.state_dict())
    assert float(eager.state_dict()["moments"][0]["step"]) == 1.0
