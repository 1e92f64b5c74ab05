"""From signs to a likely cause, and to the settings that have mended it elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slr_tune.diagnosis.diagnostics import (
    BLANKS,
    DECODING,
    ENTROPY,
    FEATURES,
    GRADIENTS,
    LOG_PROBS,
    Diagnostic,
)
from slr_tune.diagnosis.red_flags import (
    ALL_BLANK,
    EARLY_PLATEAU,
    FLAT_LOSS,
    HIGH_WER,
    LOSS_GAP,
    NOT_A_NUMBER,
    OVERFITTING,
    RedFlag,
    blank_grace,
)

_LESS = 3.0
"""From 3e-4 to 1e-4: the step of the learning rate that got a flat loss going."""
_NEAR_TEACHER = 2.0
"""WER points within which a student stands where its teacher stands."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a run.

    Attributes:
        diagnostics: Of its checkpoint; empty where there is none.
        flags: Of its curve.
        config: Its settings.
        epoch: Epochs that it ran.
        wer: Dev WER, percent; NaN where it is not known.
        teacher_wer: Its teacher's; NaN likewise.
        ended_by: As its record says; None where there is none.
        error: Text of the error that ended it.
    """

    diagnostics: Sequence[Diagnostic]
    flags: Sequence[RedFlag]
    config: Mapping[str, Any]
    epoch: int
    wer: float = math.nan
    teacher_wer: float = math.nan
    ended_by: str | None = None
    error: str = ""

    def bad(self, name: str) -> Diagnostic | None:
        """A diagnostic, where it found something wrong."""
        return next((item for item in self.diagnostics if item.name == name and item.bad), None)

    def flag(self, *names: str) -> RedFlag | None:
        """The first red flag of these names."""
        return next((flag for flag in self.flags if flag.name in names), None)

    def setting(self, name: str, default: float) -> float:
        """A number of the configuration."""
        value = self.config.get(name)
        return default if value is None else float(value)


@dataclass(frozen=True)
class Cause:
    """A likely cause and what to do.

    Attributes:
        name: In a word or two.
        text: What happened, a sentence.
        advice: What to do, a sentence.
        settings: Settings by dotted name that do it; empty where it is no setting.
    """

    name: str
    text: str
    advice: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def set_line(self) -> str:
        """The settings as options of a command: `--set learning_rate=0.001`."""
        return " ".join(f"--set {key}={shown(value)}" for key, value in self.settings.items())


def shown(value: Any) -> str:
    """A setting as it is written on a command line."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return "null" if value is None else str(value)


def likely_causes(evidence: Evidence) -> list[Cause]:
    """Every cause that the signs point to, the one that explains most first."""
    found = (rule(evidence) for rule in _RULES)
    return [cause for cause in found if cause is not None]


def too_early(evidence: Evidence) -> bool:
    """Whether a run is so young that blanks are no sign: all CTC models begin with them."""
    length = int(evidence.config.get("max_epochs", 100))
    names = {item.name for item in evidence.diagnostics if item.bad}
    young = evidence.epoch <= blank_grace(length)
    return young and not evidence.flags and names <= {BLANKS, DECODING, ENTROPY} and bool(names)


def _features(evidence: Evidence) -> Cause | None:
    found = evidence.bad(FEATURES)
    if found is None:
        return None
    return Cause(
        "NaN features",
        f"The features are not finite: {found.found}.",
        "Extract those features again; slr-tune prepare lists every such file. No setting helps.",
    )


def _diverged(evidence: Evidence) -> Cause | None:
    gradient = evidence.bad(GRADIENTS)
    not_finite = gradient is not None and gradient.value is not None and math.isnan(gradient.value)
    flag, scores = evidence.flag(NOT_A_NUMBER), evidence.bad(LOG_PROBS)
    if not (flag or scores or not_finite or evidence.ended_by == "nan"):
        return None
    told = flag.text if flag else scores.found if scores else "a gradient is not finite"
    settings = {"learning_rate": _lower(evidence), "clip_norm": 1.0}
    return Cause(
        "diverged",
        f"The training left the numbers: {told}.",
        "Take a third of the learning rate and clip the gradient harder.",
        settings,
    )


def _vanishing(evidence: Evidence) -> Cause | None:
    found = evidence.bad(GRADIENTS)
    if found is None or (found.value is not None and math.isnan(found.value)):
        return None
    layers = int(evidence.setting("layers", 1))
    settings: dict[str, Any] = {"layers": layers - 1} if layers > 1 else {}
    settings |= {"dropout": 0.1, "learning_rate_schedule.warmup_epochs": _warm_up(evidence)}
    return Cause(
        "vanishing gradients",
        f"A layer gets no gradient, so what lies below it does not learn: {found.found}.",
        "Take a layer off, drop less out, and warm up longer.",
        settings,
    )


def _decoder(evidence: Evidence) -> Cause | None:
    found = evidence.bad(DECODING)
    if found is None or found.value is None or found.value <= 0.5:
        return None
    settings = {"decoding": "{method: greedy}"} if "decoding" in evidence.config else {}
    return Cause(
        "wrong decoder",
        f"The model knows better than its decoder says: {found.found}.",
        "Check that the blank is class 0, that repeats are merged before blanks are dropped, that "
        "the vocabulary is the one of the training, and the weight of a language model.",
        settings,
    )


def _collapsed(evidence: Evidence) -> Cause | None:
    found, flag = evidence.bad(BLANKS), evidence.flag(ALL_BLANK)
    if (found is None and flag is None) or too_early(evidence):
        return None
    if evidence.flag(OVERFITTING, LOSS_GAP):
        return None  # train is learnt; what is silent on dev alone is another matter
    told = found.found if found else flag.text if flag else ""
    settings = {
        "learning_rate": _lower(evidence),
        "learning_rate_schedule.warmup_epochs": _warm_up(evidence),
    }
    return Cause(
        "collapsed to blanks",
        f"The model names next to nothing: {told}.",
        "Take a third of the learning rate, with a longer warm-up.",
        settings,
    )


def _overfitted(evidence: Evidence) -> Cause | None:
    flag = evidence.flag(OVERFITTING, LOSS_GAP)
    if flag is None:
        return None
    settings: dict[str, Any] = {"dropout": 0.5, "weight_decay": 1e-3}
    advice = "Regularise: dropout 0.5 and weight decay 1e-3."
    if evidence.setting("dropout", 0.0) >= 0.5:
        settings = {"weight_decay": 1e-3, "label_smoothing": 0.1, "augmentation.noise": 0.1}
        advice = "Dropout is high already: smooth the labels, add noise, and decay the weights."
    return Cause("overfitting", f"The model learns train by heart: {flag.text}.", advice, settings)


def _at_its_teacher(evidence: Evidence) -> Cause | None:
    """Only where there is a teacher: its own WER is where a student stops."""
    distance = evidence.wer - evidence.teacher_wer
    if not abs(distance) <= _NEAR_TEACHER or not evidence.flag(EARLY_PLATEAU, FLAT_LOSS, HIGH_WER):
        return None
    settings = {
        "loss_weights": "{alpha: 0.8, beta: 0.15, gamma: 0.05}",
        "label_smoothing": 0.1,
    }
    return Cause(
        "stuck at its teacher",
        f"The student stands at {evidence.wer:.1f}, its teacher at {evidence.teacher_wer:.1f}.",
        "Listen more to the soft targets and smooth the labels; or find a better teacher.",
        settings,
    )


def _standing_still(evidence: Evidence) -> Cause | None:
    flag = evidence.flag(FLAT_LOSS, EARLY_PLATEAU)
    if flag is None:
        return None
    settings: dict[str, Any] = {"learning_rate": _lower(evidence)}
    if evidence.ended_by == "patience":
        settings["patience"] = max(30, 2 * int(evidence.setting("patience", 15)))
    return Cause(
        "learns no more",
        f"The training stands still at a bad WER: {flag.text}.",
        "Take a third of the learning rate" + ("." if len(settings) == 1 else " and wait longer."),
        settings,
    )


def _too_slow(evidence: Evidence) -> Cause | None:
    """Late, and neither at a standstill nor in any other trouble: it was on its way."""
    flag = evidence.flag(HIGH_WER)
    if flag is None or len(evidence.flags) > 1:
        return None
    return Cause(
        "learns too slowly",
        f"The loss still falls, but late: {flag.text}.",
        "Take three times the learning rate; if that diverges, give the run more epochs.",
        {"learning_rate": evidence.setting("learning_rate", 3e-4) * _LESS},
    )


def _guessing(evidence: Evidence) -> Cause | None:
    found = evidence.bad(ENTROPY)
    if found is None or too_early(evidence):
        return None
    return Cause(
        "guessing",
        f"The model is as unsure as if it guessed: {found.found}.",
        "It has learnt next to nothing: see whether slr-tune overfit can learn five utterances.",
        {"learning_rate": evidence.setting("learning_rate", 1e-3) * _LESS, "dropout": 0.1},
    )


def _ended_badly(evidence: Evidence) -> Cause | None:
    if evidence.ended_by == "oom":
        size, steps = (
            int(evidence.setting("batch_size", 16)),
            int(evidence.setting("accumulation", 1)),
        )
        settings = {"batch_size": max(1, size // 4), "accumulation": steps * min(4, size)}
        said = "Quarter the batches and step after four of them."
        return Cause("out of memory", "The run did not fit into memory.", said, settings)
    if evidence.ended_by not in ("error", "killed"):
        return None
    lines = [line for line in evidence.error.strip().splitlines() if line] or ["no text"]
    last = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return Cause("error", f"The run ended by {evidence.ended_by}: {last}.", "Mend what it says.")


def _lower(evidence: Evidence) -> float:
    return evidence.setting("learning_rate", 3e-4) / _LESS


def _warm_up(evidence: Evidence) -> float:
    """A tenth of the run, at most ten epochs; twice what it is where it is that long already."""
    length = evidence.setting("max_epochs", 100)
    schedule = evidence.config.get("learning_rate_schedule") or {}
    now = float(schedule.get("warmup_epochs", 0.0))
    wanted = min(10.0, max(1.0, round(length / 10)))
    return wanted if wanted > now else 2 * now


def _unexplained(evidence: Evidence) -> Cause | None:
    """For what no other rule accounts for: told, not guessed at."""
    bad = [item for item in evidence.diagnostics if item.bad]
    if not bad or too_early(evidence) or any(rule(evidence) for rule in _RULES[:-1]):
        return None
    told = "; ".join(f"{item.name}: {item.found}" for item in bad)
    return Cause(
        "unusual output",
        f"Something is off: {told}.",
        "See the worst utterances with slr-tune evaluate.",
    )


_RULES: tuple[Callable[[Evidence], Cause | None], ...] = (
    _features,
    _ended_badly,
    _diverged,
    _vanishing,
    _decoder,
    _collapsed,
    _overfitted,
    _at_its_teacher,
    _guessing,
    _standing_still,
    _too_slow,
    _unexplained,
)
"""In the order in which one explains what the next ones see."""
