"""One step of the optimiser, and the precision it is computed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from trainables.config import RunConfig
from trainables.errors import CheckpointError, ConfigError
from trainables.runs.schedules import learning_rate_factor

_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_SKIPPED = "found_inf"
"""Attribute of torch's fused optimisers, a tensor that is 1 where a step is to change nothing."""


def choose_device(name: str) -> torch.device:
    """Finds the device that a setting means; auto takes a GPU where there is one.

    Raises:
        ConfigError: cuda is requested and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError(
            "device: cuda, but torch finds no GPU here",
            hint="Use auto or cpu, or install a driver. A trial of a search sees a GPU only where "
            "resources.gpus_per_trial is above 0.",
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


class Precision:
    """16-bit arithmetic where it is requested and there is a GPU: bfloat16, else float16 scaled."""

    def __init__(self, device: torch.device, *, mixed: bool) -> None:
        """Chooses the type that the device can do."""
        self.device = device
        self.ignored = mixed and device.type != "cuda"
        self.dtype: torch.dtype | None = None
        if mixed and device.type == "cuda":
            # Emulated, as on GPUs before Ampere, bfloat16 is slower than 32 bits.
            native = torch.cuda.is_bf16_supported(including_emulation=False)
            self.dtype = torch.bfloat16 if native else torch.float16
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype is torch.float16)

    @property
    def scaled(self) -> bool:
        """Whether gradients may overflow as a matter of course: the scaler then skips the step."""
        return self.scaler.is_enabled()

    def autocast(self) -> AbstractContextManager[Any]:
        """The context that a forward pass runs in."""
        return torch.autocast(self.device.type, dtype=self.dtype) if self.dtype else nullcontext()


class Optimisation:
    """Optimiser, learning rate and clipping over a set of parameters.

    Nothing but Adam's running means (and the scaler) is state: the learning rate is a function of
    the position in the run.

    Attributes:
        precision: What the forward pass is computed in.
        deferred: Steps wait for nothing that is computed, as a GPU would have to stand still for
            it: whether a step is to be taken is decided where the gradients are.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        config: RunConfig,
        *,
        precision: Precision,
        deferred: bool | None = None,
    ) -> None:
        """Builds the optimiser named in the settings.

        Args:
            parameters: What it changes.
            config: The settings.
            precision: What the forward pass is computed in.
            deferred: None for a GPU only.
        """
        self._parameters = list(parameters)
        self._config = config
        self.precision = precision
        self.deferred = precision.device.type == "cuda" if deferred is None else deferred
        fused = {"fused": True} if self.deferred else {}
        self._optimiser = _OPTIMISERS[config.optimizer](
            self._parameters,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            **fused,
        )

    def learning_rate(self, position: float) -> float:
        """Rate at a position, counted in finished epochs (3.25: a quarter into epoch 4)."""
        schedule = self._config.learning_rate_schedule
        return self._config.learning_rate * learning_rate_factor(
            position,
            **schedule.model_dump(exclude={"min_learning_rate"}),
            max_epochs=self._config.max_epochs,
            min_factor=schedule.min_learning_rate / self._config.learning_rate,
        )

    def backward(self, loss: Tensor) -> None:
        """Adds a share of the group's loss to the gradients."""
        torch.autograd.backward(self.precision.scaler.scale(loss))

    def step(self, position: float) -> float:
        """Changes the parameters by the gathered gradients, and clears those.

        Returns:
            Norm of the gradient before clipping. Where it is not finite nothing is changed.
        """
        scaler = self._prepared(position)
        try:
            norm = float(self._clip())
            if norm < float("inf") or self.precision.scaled:
                scaler.step(self._optimiser)
        finally:
            scaler.update()  # Without it no step could follow one that ran out of memory.
        self._optimiser.zero_grad(set_to_none=True)
        return norm

    def _prepared(self, position: float) -> torch.amp.GradScaler:
        """The scaler, once the rate is that of the position and the gradients are in their unit."""
        scaler = self.precision.scaler
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate(position)
        scaler.unscale_(self._optimiser)
        return scaler

    def _clip(self) -> Tensor:
        """Clips the gradient; its norm before that, ()."""
        limit = self._config.clip_norm or float("inf")
        return nn.utils.clip_grad_norm_(self._parameters, limit)

    def step_deferred(self, position: float, bad: Tensor) -> Tensor:
        """The same, without waiting for the norm: it is returned where it was computed.

        Args:
            position: As `step` takes it.
            bad: float32 (), 1 where the run has diverged and nothing is to be changed any
                more; set to 1 here where the norm is not finite, unless the scaler expects that.
        """
        scaler = self._prepared(position)
        try:
            norm = self._clip()
            if not self.precision.scaled:
                torch.maximum(bad, (~norm.isfinite()).to(bad), out=bad)
                # The scaler's message to a fused optimiser, which then changes nothing.
                setattr(self._optimiser, _SKIPPED, bad)  # noqa: B010
            scaler.step(self._optimiser)
        finally:
            scaler.update()
        self._optimiser.zero_grad(set_to_none=True)
        return norm.detach()

    def clear(self) -> None:
        """Forgets gradients of a group that was given up."""
        self._optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Adam's running means by the parameter's number, copied; and the scaler's state."""
        state = self._optimiser.state_dict()["state"]
        return {
            "name": self._config.optimizer,
            "moments": {index: copied(moments) for index, moments in state.items()},
            "scaler": dict(self.precision.scaler.state_dict()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads running means; rates and decays stay those of this run's settings.

        Raises:
            CheckpointError: The state is of other parameters.
        """
        moments = state["moments"]
        for index, values in moments.items():
            known = self._parameters[index] if index < len(self._parameters) else None
            if known is None or values["exp_avg"].shape != known.shape:
                raise CheckpointError(
                    "optimizer: the checkpoint's state belongs to other parameters"
                )
        content = self._optimiser.state_dict()
        content["state"] = {index: copied(values) for index, values in moments.items()}
        self._optimiser.load_state_dict(content)
        if self.precision.scaled and state["scaler"]:
            self.precision.scaler.load_state_dict(state["scaler"])


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with its tensors copied to the CPU: two runs must not share its memory."""
    return {
        name: value.detach().to("cpu", copy=True) if isinstance(value, Tensor) else value
        for name, value in state.items()
    }
