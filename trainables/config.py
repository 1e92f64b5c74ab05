"""Settings of the built-in runs: what a user may write, checked at the border.

The classes are flat where the search-space file is flat: every field is a name that a file may
fix, search or ablate. Nothing here imports torch, so a space can be checked in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

# Strict: `true` is not an integer and "3" is not a number, whatever pydantic would make of them.
PositiveInt = Annotated[int, Field(strict=True, ge=1)]
NonNegativeInt = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[float, Field(strict=True)]
PositiveNumber = Annotated[float, Field(strict=True, gt=0)]
NonNegativeNumber = Annotated[float, Field(strict=True, ge=0)]
Fraction = Annotated[float, Field(strict=True, ge=0, lt=1)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Flag = Annotated[bool, Field(strict=True)]

Scoring = Literal["plain", "phoenix"]
"""What a WER is counted on: see `trainables.scoring.cleaning`."""

SIMPLEX_TOLERANCE = 1e-6
"""How far the loss weights' sum may lie from 1: room for the rounding of a decimal file."""

BEAM_DEFAULTS: Mapping[str, float] = {"width": 10, "lm_weight": 0.9, "gloss_bonus": 1.5}
"""Where a beam search starts from; `slr-tune tune-decoder` finds the data's own."""


def _milestone(value: object) -> int | float:
    """Takes an integer from 1 for an epoch, a number between 0 and 1 for a fraction of the run."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ValueError(
        f"{value!r} is neither an epoch (1, 2, ...) nor a fraction of the run (between 0 and 1)"
    )


Milestone = Annotated[int | float, BeforeValidator(_milestone)]


class Settings(BaseModel):
    """Base of all settings: unknown names, NaN and changes after the check are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class LearningRateSchedule(Settings):
    """How the learning rate changes over the run."""

    name: Literal["constant", "cosine", "cosine_restarts", "one_cycle"] = "cosine"
    """Shape after the warm-up."""
    warmup_epochs: NonNegativeNumber = 1.0
    """Epochs of linear rise to the full rate; one_cycle rises over them too."""
    min_learning_rate: NonNegativeNumber = 0.0
    """Where the fall ends; ignored by constant."""
    restart_epochs: PositiveNumber = 10.0
    """Epochs of the first cosine cycle (cosine_restarts)."""
    restart_factor: Annotated[float, Field(strict=True, ge=1)] = 1.0
    """Each next cycle is that many times as long (cosine_restarts)."""

    @model_validator(mode="before")
    @classmethod
    def _one_cycle_rises_over_a_share(cls, values: Any) -> Any:
        """0 for one_cycle where no warm-up is given: it rises over 0.3 of the run."""
        one_cycle = isinstance(values, dict) and values.get("name") == "one_cycle"
        return {"warmup_epochs": 0.0, **values} if one_cycle else values


class Augmentation(Settings):
    """Changes to training features, drawn again each epoch; 0 switches one off."""

    time_jitter: Fraction = 0.0
    """Largest relative change of speed, overall and from frame to frame."""
    noise: NonNegativeNumber = 0.0
    """Standard deviation of Gaussian noise, in the features' own unit."""
    mixup: NonNegativeNumber = 0.0
    """Temporal mixup: parameter of the Beta distribution of a neighbouring frame's weight."""

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return self.time_jitter > 0 or self.noise > 0 or self.mixup > 0


class Temperature(Settings):
    """Softening of teacher and student over the run.

    `step` goes from start to end in as many equal steps as there are milestones; a change takes
    effect after its milestone's epoch. What a schedule does not use is dropped, so that two
    equal runs have equal settings.
    """

    schedule: Literal["constant", "step", "linear", "cosine"] = "step"
    """Shape of the change from start to end."""
    start: PositiveNumber = 4.0
    """Temperature at epoch 1."""
    end: PositiveNumber | None = 3.0
    """Temperature at the last epoch; None for constant."""
    milestones: tuple[Milestone, ...] = (0.375, 0.875)
    """For `step`: epochs as integers, or fractions of the run as numbers below 1."""

    @model_validator(mode="before")
    @classmethod
    def _drop_unused(cls, values: Any) -> Any:
        """Removes what the schedule has no use for."""
        if not isinstance(values, dict):
            return values
        schedule = values.get("schedule", "step")
        milestones = {"milestones": ()} if schedule in ("constant", "linear", "cosine") else {}
        end = {"end": None} if schedule == "constant" else {}
        return {**values, **milestones, **end}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Checks that the schedule has what it needs."""
        if self.schedule != "constant" and self.end is None:
            raise ValueError(f"schedule {self.schedule} needs an end, the temperature it goes to")
        if self.schedule != "step":
            return self
        if not self.milestones:
            raise ValueError("schedule step needs milestones, such as [0.375, 0.875]")
        if len({type(milestone) for milestone in self.milestones}) > 1:
            raise ValueError("milestones must be all epochs or all fractions of the run")
        if any(a >= b for a, b in zip(self.milestones, self.milestones[1:], strict=False)):
            raise ValueError(f"milestones {list(self.milestones)} must increase")
        return self


class LossWeights(Settings):
    """Shares of the three losses; they sum to 1, so two of them are free."""

    alpha: Share = 0.7
    """Weight of the framewise distillation loss (soft targets)."""
    beta: Share = 0.2
    """Weight of CTC on the glosses (hard targets)."""
    gamma: Share = 0.1
    """Weight of feature matching between hidden states."""

    @model_validator(mode="after")
    def _sum_is_one(self) -> Self:
        """Checks the simplex."""
        total = self.alpha + self.beta + self.gamma
        if abs(total - 1.0) > SIMPLEX_TOLERANCE:
            raise ValueError(f"alpha + beta + gamma is {total:g}, it must be 1")
        return self


class EarlyStopping(Settings):
    """Early stopping on a named column of the curve, in place of `patience` and `min_delta`."""

    metric: Literal["val/wer", "val/loss"] = "val/wer"
    """Column that is watched; smaller is better."""
    patience: PositiveInt = 12
    """Epochs without an improvement after which the run ends."""
    min_delta: NonNegativeNumber = 0.0
    """By how much an epoch must be better, in the metric's unit: WER points, nats per gloss."""


class Decoding(Settings):
    """How dev is decoded after each epoch; its WER, and all that depends on it, uses this decoder.

    A beam search without further settings has those of `BEAM_DEFAULTS`; greedy decoding has none.
    """

    method: Literal["greedy", "beam"] = "greedy"
    """beam: prefix beam search; implied if one of its settings is given."""
    width: PositiveInt | None = None
    """Prefixes that the beam keeps after each frame."""
    lm_weight: NonNegativeNumber | None = None
    """Weight of a trigram model of the training glosses; 0 for none."""
    gloss_bonus: Annotated[float, Field(strict=True, ge=-100, le=100)] | None = None
    """Nats per gloss, to compensate the language model's preference for short sentences."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Fills in what a beam search needs."""
        if not isinstance(values, dict):
            return values
        given = {key: value for key, value in values.items() if value is not None}
        if "method" not in given and any(name in given for name in BEAM_DEFAULTS):
            given["method"] = "beam"
        return {**BEAM_DEFAULTS, **given} if given.get("method") == "beam" else given

    @model_validator(mode="after")
    def _greedy_has_no_settings(self) -> Self:
        """Refuses settings without effect: a search over them would compare equal runs."""
        unused = [name for name in BEAM_DEFAULTS if getattr(self, name) is not None]
        if self.method == "greedy" and unused:
            raise ValueError(
                f"method greedy takes no {' and no '.join(unused)}; "
                "in a space, put beam settings under the option beam of method"
            )
        return self


def inherited(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of a configuration that some settings are changed in, key by key.

    A beam's settings do not outlive it: greedy decoding, which takes none, would be refused for
    settings that nobody has given it.

    Args:
        config: A run's settings, as JSON.
        changes: Nested settings that are to go over them.
    """
    beam, wanted = config.get("decoding"), changes.get("decoding")
    if not (isinstance(beam, Mapping) and isinstance(wanted, Mapping)):
        return dict(config)
    greedy = wanted.get("method") == "greedy"
    kept = {name: beam[name] for name in beam if not (greedy and name in BEAM_DEFAULTS)}
    return {**config, "decoding": kept}


LATER_DEFAULTS = (
    ("teacher_cache_bits", 16),
    ("teacher_top_k", None),
    ("tf32", True),
    ("deterministic", False),
    ("data_on_device", "auto"),
    ("feature_bits", 16),
    ("train_wer_every", 1),
    ("data_seed", None),
)
"""Settings that came later, each with the value that stored configurations do without."""


class RunConfig(Settings):
    """Settings that every built-in run has."""

    architecture: Literal["bilstm", "inception", "mobilenet"] = "bilstm"
    """Family of the model."""
    layers: PositiveInt = 1
    """Recurrent layers, or blocks of a convolutional model."""
    hidden: PositiveInt = 48
    """Units of a layer in each direction; half the channels of a block."""
    projection: PositiveInt = 64
    """Width to which the features are projected."""
    subsampling: Literal[1, 2, 4] = 2
    """Input frames per output frame: a strided convolution in front of the layers."""
    blank_bias: Number = 0.0
    """Added to the blank's initial output bias; above 0 the model starts by predicting blanks."""
    dropout: Fraction = 0.2
    """Share of activations dropped in training."""
    learning_rate: PositiveNumber = 1.0e-2
    """Peak of the schedule."""
    optimizer: Literal["adam", "adamw"] = "adamw"
    """Adam adds the weight decay to the gradient, AdamW subtracts it from the weights."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay of Adam's two running means."""
    weight_decay: NonNegativeNumber = 1.0e-4
    """Strength of the decay."""
    batch_size: PositiveInt = 16
    """Utterances that go through the model at once."""
    accumulation: PositiveInt = 1
    """Batches per step of the optimiser."""
    clip_norm: PositiveNumber | None = 5.0
    """Largest norm of the gradient in a step; None: no clipping."""
    label_smoothing: Fraction = 0.0
    """Share of the CTC loss replaced by the distance to the uniform distribution."""
    learning_rate_schedule: LearningRateSchedule = LearningRateSchedule()
    """Warm-up and fall of the learning rate."""
    augmentation: Augmentation = Augmentation()
    """Changes to the training features."""
    patience: PositiveInt = 12
    """Epochs without an improvement after which the run ends."""
    min_delta: NonNegativeNumber = 0.0
    """WER points by which an epoch must be better to count as an improvement."""
    early_stopping: EarlyStopping | None = None
    """A metric to watch, with its own patience; None: the dev WER with `patience`."""
    max_epochs: PositiveInt = 24
    """Epochs after which the run ends in any case."""
    checkpoint_every: NonNegativeInt = 0
    """Keep checkpoint_epoch_NNN.pt every that many epochs; 0 keeps best and latest only."""
    decoding: Decoding = Decoding()
    """Decoder for dev after each epoch."""
    scoring: Scoring = "plain"
    """phoenix: errors are counted after the cleaning of PHOENIX-2014's official evaluation."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU if there is one."""
    mixed_precision: Flag = False
    """Compute in 16 bits if it is safe; on a GPU only."""
    tf32: Flag = True
    """Multiply 32-bit numbers with 10 bits of mantissa in training; on a GPU only."""
    deterministic: Flag = False
    """Bit-identical results; on a GPU at the cost of slower sums, on a CPU always."""
    data_on_device: Literal["auto", "always", "never"] = "auto"
    """Keep training data on the device: auto does on a GPU with enough memory. Same results."""
    feature_bits: Literal[16, 32] = 16
    """Bits of training features sent to a GPU, if 16 are enough; on a CPU always 32."""
    train_wer_every: NonNegativeInt = 1
    """Count the WER of the training utterances every that many epochs; 0 for never."""
    data_seed: NonNegativeInt | None = None
    """Seed of the order of the training data; None: the run's own seed."""
    truncate_frames: PositiveInt | None = None
    """Cut longer training utterances if their glosses still fit, else leave them out."""

    @model_validator(mode="after")
    def _rates_in_order(self) -> Self:
        """Checks that the schedule falls."""
        lowest = self.learning_rate_schedule.min_learning_rate
        if lowest > self.learning_rate:
            raise ValueError(
                f"learning_rate_schedule.min_learning_rate={lowest:g} "
                f"is above learning_rate={self.learning_rate:g}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out greedy decoding, plain scoring, and what is as it was before it was named.

        Stored configurations name trainings and identify studies. Those that were stored when
        there was nothing else stay what they are.
        """
        plain: dict[str, Any] = handler(self)
        if self.early_stopping is None:
            plain.pop("early_stopping", None)
        if self.decoding.method == "greedy":
            plain.pop("decoding", None)
        if self.scoring == "plain":
            plain.pop("scoring", None)
        for name, default in LATER_DEFAULTS:
            if plain.get(name, ...) == default:
                del plain[name]
        return plain


class TeacherConfig(RunConfig):
    """Settings of a teacher: the larger model, trained on the glosses alone."""

    layers: PositiveInt = 3
    hidden: PositiveInt = 64
    learning_rate: PositiveNumber = 5.0e-3
    dropout: Fraction = 0.3
    max_epochs: PositiveInt = 20


class StudentConfig(RunConfig):
    """Settings of a student trained on the glosses alone."""


class DistillConfig(StudentConfig):
    """Settings of a student trained on a frozen teacher's outputs as well."""

    loss_weights: LossWeights = LossWeights()
    """Shares of soft targets, glosses and hidden states."""
    kd_blank: Literal["keep", "drop"] = "keep"
    """drop: blank is left out of the soft targets and the glosses are renormalised."""
    temperature: Temperature = Temperature()
    """Softening of the soft targets."""
    feature_layers: Literal["last", "all"] = "last"
    """Hidden layers compared by the feature matching loss."""
    teacher_cache: Flag = True
    """Compute the teacher's outputs once for all runs on the same data."""
    teacher_cache_bits: Literal[16, 32] = 16
    """Bits of the teacher's outputs, cached or computed for each utterance."""
    teacher_top_k: PositiveInt | None = None
    """Keep the logits of so many classes of each frame; the others share one. None keeps all."""
    teacher_fp16: Flag = False
    """Run the teacher in half precision; on a GPU only."""
