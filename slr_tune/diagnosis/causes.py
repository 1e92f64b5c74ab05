"""From signs to a likely cause, and to the settings that have fixed it elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slr_tune.diagnosis.diagnostics import BLANKS, DECODING, ENTROPY, FEATURES, GRADIENTS, LOG_PROBS
from slr_tune.diagnosis.evidence import Evidence
from slr_tune.diagnosis.red_flags import (
    ALL_BLANK,
    BLANK_PHASE,
    EARLY_PLATEAU,
    FLAT_LOSS,
    HIGH_WER,
    LOSS_GAP,
    NOT_A_NUMBER,
    OVERFITTING,
    blank_grace,
    training_ctc,
)
from slr_tune.diagnosis.remedies import (
    RemedyStep,
    at_least,
    at_most,
    faster,
    longer,
    longer_warm_up,
    much_slower,
    remedy,
    slower,
    waiting,
)
from slr_tune.text import error_summary, number

_ONE_UTTERANCE = "out of memory with one utterance"
"""Of the error of a run that has no room for less; of train unless it names dev."""
_NEAR_TEACHER = 2.0
"""WER points within which a student is as good as its teacher."""

_HARDLY_FALLEN = 0.8
"""Share of its first value at which a training loss has hardly moved."""


@dataclass(frozen=True)
class Cause:
    """A likely cause and what to do.

    Attributes:
        name: In a word or two.
        text: What happened, a sentence.
        advice: What to do, a sentence.
        settings: Settings by dotted name that do it; empty where it is not a setting.
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
        return number(value)
    return "null" if value is None else str(value)


def likely_causes(evidence: Evidence) -> list[Cause]:
    """Every cause that the signs point to, the one that explains most first.

    No two remedies change one setting: of two that would, the later cause's waits for the first's.
    """
    found: list[Cause] = []
    for rule in _RULES:
        cause = rule(evidence)
        if cause is not None:
            changed = {group for other in found for group in _groups(other)}
            found.append(_waiting(cause) if changed & _groups(cause) else cause)
    return found


def _groups(cause: Cause) -> set[str]:
    """What a remedy turns: the warm-up and the lowest rate are parts of the learning rate."""
    return {name.partition("_schedule")[0] for name in cause.settings}


def _waiting(cause: Cause) -> Cause:
    return replace(cause, advice="Check whether the remedy above solves it too.", settings={})


def too_early(evidence: Evidence) -> bool:
    """Whether a run is so young that blanks are not a sign: all CTC models begin with them."""
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
    seen = flag.text if flag else scores.found if scores else "a gradient is not finite"
    down = slower(evidence) if evidence.epoch > 1 else much_slower(evidence)
    steps = down, at_most(evidence, "clip_norm", 1.0, "clip the gradient harder")
    return Cause("diverged", f"The training diverged: {seen}.", *remedy(*steps))


def _blank_phase(evidence: Evidence) -> Cause | None:
    """Its blanks, its WER and its uncertainty say nothing while the loss still falls."""
    flag = evidence.flag(BLANK_PHASE)
    if flag is None or evidence.bad(GRADIENTS):
        return None
    text = f"The model does not predict glosses yet: {flag.text}."
    return Cause("still in the blank phase", text, *remedy(longer(evidence)))


def _vanishing(evidence: Evidence) -> Cause | None:
    found = evidence.bad(GRADIENTS)
    if found is None or (found.value is not None and math.isnan(found.value)):
        return None
    return Cause(
        "vanishing gradients",
        f"A layer gets no gradient, so the layers below it do not learn: {found.found}.",
        *remedy(slower(evidence), longer_warm_up(evidence)),
    )


def _decoder(evidence: Evidence) -> Cause | None:
    found = evidence.bad(DECODING)
    if found is None or found.value is None or found.value <= 0.5:
        return None
    searched = "decoding" in evidence.config
    advice = (
        "Decode greedily during training, and tune the beam search afterwards with slr-tune "
        "tune-decoder."
        if searched
        else "Check that the blank is class 0, that repeats are merged before blanks are dropped, "
        "and that the vocabulary is the one of the training."
    )
    return Cause(
        "wrong decoder",
        f"The decoder outputs less likely glosses than the model would: {found.found}.",
        advice,
        {"decoding": "{method: greedy}"} if searched else {},
    )


def _collapsed(evidence: Evidence) -> Cause | None:
    found, flag = evidence.bad(BLANKS), evidence.flag(ALL_BLANK)
    reason = found.found if found else flag.text if flag else None
    if reason is None or too_early(evidence) or evidence.flag(BLANK_PHASE):
        return None
    if evidence.flag(OVERFITTING, LOSS_GAP):
        return None  # train is learnt; what is silent on dev alone is another matter
    return Cause(
        "collapsed to blanks",
        f"The model predicts almost only blanks: {reason}.",
        *remedy(slower(evidence), longer_warm_up(evidence)),
    )


def _overfitted(evidence: Evidence) -> Cause | None:
    flag = evidence.flag(OVERFITTING, LOSS_GAP)
    if flag is None or evidence.flag(BLANK_PHASE) or evidence.bad(GRADIENTS):
        return None  # a model that names nothing has learnt nothing by heart
    augmented = [
        at_least(evidence, "augmentation.noise", 0.1, "add noise"),
        at_least(evidence, "augmentation.time_jitter", 0.1, "jitter the time"),
    ]
    steps = [] if _may_read_soft_targets(evidence) else augmented
    if not any(step.settings for step in steps):
        steps = [
            at_least(evidence, "weight_decay", 1e-3, "decay the weights more"),
            at_least(evidence, "label_smoothing", 0.1, "smooth the labels"),
        ]
    otherwise = "It is regularised already: take a smaller model, or more data."
    text = f"The model memorises the training data: {flag.text}."
    return Cause("overfitting", text, *remedy(*steps, otherwise=otherwise))


def _at_its_teacher(evidence: Evidence) -> Cause | None:
    """Only where there is a teacher: its own WER is where a student stops."""
    distance = evidence.wer - evidence.teacher_wer
    if not abs(distance) <= _NEAR_TEACHER or not evidence.flag(EARLY_PLATEAU, FLAT_LOSS, HIGH_WER):
        return None
    weights = "{alpha: 0.3, beta: 0.65, gamma: 0.05}"
    if evidence.setting("loss_weights.gamma", 0.1) == 0:  # soft targets have no hidden states
        weights = "{alpha: 0.3, beta: 0.7, gamma: 0.0}"
    listens = evidence.setting("loss_weights.alpha", 0.7) > 0.3
    advice, settings = remedy(
        RemedyStep("give the glosses more weight", {"loss_weights": weights} if listens else {}),
        otherwise="Find a better teacher.",
    )
    if settings:
        advice = f"{advice[:-1]}; or find a better teacher."
    return Cause(
        "stuck at its teacher",
        f"The student has a WER of {evidence.wer:.1f}, its teacher {evidence.teacher_wer:.1f}.",
        advice,
        settings,
    )


def _standing_still(evidence: Evidence) -> Cause | None:
    flag = evidence.flag(FLAT_LOSS, EARLY_PLATEAU)
    if flag is None or _hardly_begun(evidence):
        return None
    waits = waiting(evidence, max(30, evidence.epoch)) if evidence.ended_by == "patience" else {}
    return Cause(
        "learns no more",
        f"Training has stalled at a high WER: {flag.text}.",
        *remedy(slower(evidence), RemedyStep("wait longer", waits)),
    )


def _too_slow(evidence: Evidence) -> Cause | None:
    """Late, and neither at a standstill nor in any other trouble: it was on its way."""
    flag = evidence.flag(HIGH_WER)
    if flag is None or (len(evidence.flags) > 1 and not _hardly_begun(evidence)):
        return None
    return Cause(
        "learns too slowly",
        f"The loss is still falling, but too slowly: {flag.text}.",
        *remedy(faster(evidence), then="If that diverges, give the run more epochs."),
    )


def _hardly_begun(evidence: Evidence) -> bool:
    """Whether the training loss is about where it began: the steps are too small, not too large."""
    losses = [loss for row in evidence.rows if math.isfinite(loss := training_ctc(row))]
    return len(losses) > 1 and _HARDLY_FALLEN * losses[0] < losses[-1] <= losses[0]


def _guessing(evidence: Evidence) -> Cause | None:
    found = evidence.bad(ENTROPY)
    if found is None or too_early(evidence) or evidence.flag(BLANK_PHASE):
        return None
    steps = faster(evidence), at_most(evidence, "dropout", 0.1, "drop less out")
    return Cause(
        "guessing",
        f"The model's outputs are close to a uniform guess: {found.found}.",
        *remedy(*steps, then="Check with slr-tune overfit whether it can learn five utterances."),
    )


def _ended_badly(evidence: Evidence) -> Cause | None:
    if evidence.ended_by == "oom":
        return _out_of_memory(evidence)
    said = error_summary(evidence.error) or "no text"
    text = f"The run ended by {evidence.ended_by}: {said}."
    if evidence.ended_by == "timeout":
        advice = "See where it hangs; if an epoch may take so long, raise resources.trial_timeout."
        return Cause("timeout", text, advice)
    if evidence.ended_by not in ("error", "killed"):
        return None
    return Cause("error", text, "Fix what the message says.")


def _out_of_memory(evidence: Evidence) -> Cause:
    text = "The run did not fit into memory."
    size = int(evidence.setting("batch_size", 16))
    # A built-in run has halved its batches itself.
    if size == 1 or _ONE_UTTERANCE in evidence.error:
        hidden = int(evidence.setting("hidden", 1))
        settings = {"hidden": hidden // 2} if hidden > 1 else {}
        advice = "Not even one utterance fits: take a smaller model"
        # Dev is never cut, and soft targets are of whole utterances.
        whole = f"{_ONE_UTTERANCE} of dev" in evidence.error or _may_read_soft_targets(evidence)
        advice += "." if whole else ", or cut long ones: truncate_frames."
        return Cause("out of memory", text, advice, settings)
    smaller, times = max(1, size // 4), min(4, size)
    settings = {
        "batch_size": smaller,
        "accumulation": times * int(evidence.setting("accumulation", 1)),
    }
    advice = f"Take batches of {smaller}, and {times} times as many per step."
    return Cause("out of memory", text, advice, settings)


def _may_read_soft_targets(evidence: Evidence) -> bool:
    """Whether a student may learn from its teacher's files, as far as its settings say.

    These are of unchanged frames, so it would be refused with augmentation. That a live teacher may
    have the same settings costs one remedy of several.
    """
    return (
        evidence.setting("loss_weights.alpha", 0.0) > 0
        and evidence.setting("loss_weights.gamma", 0.0) == 0
        and (evidence.config.get("temperature") or {}).get("schedule") == "constant"
    )


def _unexplained(evidence: Evidence) -> Cause | None:
    """For what no other rule explains: reported without a guess."""
    bad = [item for item in evidence.diagnostics if item.bad]
    if not bad or too_early(evidence) or any(rule(evidence) for rule in _RULES[:-1]):
        return None
    seen = "; ".join(f"{item.name}: {item.found}" for item in bad)
    return Cause(
        "unusual output",
        f"Something is off: {seen}.",
        "See the worst utterances with slr-tune evaluate.",
    )


_RULES: tuple[Callable[[Evidence], Cause | None], ...] = (
    _features,
    _ended_badly,
    _diverged,
    _blank_phase,
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
