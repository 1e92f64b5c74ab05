"""Which of a space's names another program's name means: near ones are only reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from slr_tune.errors import SlrTuneError

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("lr", "base_lr", "initial_lr", "init_lr"),
    "batch_size": ("bs", "train_batch_size", "batch"),
    "weight_decay": ("wd",),
    "dropout": ("drop", "drop_rate", "dropout_rate", "p_dropout"),
    "layers": ("num_layers", "n_layers"),
    "hidden": ("hidden_size", "hidden_dim"),
    "accumulation": ("grad_accum", "accumulation_steps", "gradient_accumulation_steps"),
    "clip_norm": ("grad_clip", "clip", "max_grad_norm", "gradient_clip_val"),
    "warmup_epochs": ("warmup",),
    "max_epochs": ("num_epochs", "n_epochs", "epochs"),
    "seed": ("random_seed", "manual_seed", "random_state"),
    "val/wer": ("wer", "dev_wer", "valid_wer", "val_wer", "best_wer", "best_val_wer"),
}
"""Customary names of settings; each use of one is reported."""

_PREFIX = re.compile(
    r"^(config|params?|hparams?|hyper_?parameters?|args|settings|user_attrs|summary|metrics)[./_]"
)


@dataclass(frozen=True)
class Matched:
    """What the names of a source mean.

    Attributes:
        taken: Ours by theirs.
        guessed: Those of `taken` that are not spelt alike.
        left: Theirs that mean nothing here, each with the nearest of ours, empty without.
    """

    taken: Mapping[str, str]
    guessed: frozenset[str]
    left: Mapping[str, str]

    def theirs(self, name: str) -> str | None:
        """The source's name of one of ours."""
        return next((key for key, ours in self.taken.items() if ours == name), None)


def match_names(
    names: Iterable[str], known: Sequence[str], given: Mapping[str, str] | None = None
) -> Matched:
    """Finds what a source's names mean.

    A name is taken where it is ours but for case, signs and a prefix such as `config/`, is a
    customary other name, or has the last part of exactly one of ours.

    Args:
        names: The source's.
        known: Ours, dotted.
        given: Ours by theirs, as a person says it; comes first.

    Raises:
        SlrTuneError: `given` has a name that is not there, or two names mean the same.
    """
    given, names = dict(given or {}), [*names]
    for theirs, ours in given.items():
        for name, among, what in ((theirs, names, "the runs have"), (ours, known, "the space has")):
            if name not in among:
                near = ", ".join(get_close_matches(name, among, n=3, cutoff=0.4)) or "none"
                raise SlrTuneError(
                    f"--map {theirs}={ours}: {what} no {name!r}", hint=f"Nearest: {near}."
                )
    rules = (_exactly, _alike, _customary, _by_ending)
    taken = dict(given)
    guessed: set[str] = set()
    for rule in rules:
        found: dict[str, list[str]] = {}
        for name in names:
            meant = None if name in taken else rule(name, known)
            if meant is not None:
                found.setdefault(meant, []).append(name)
        for ours, theirs_all in found.items():
            if ours in taken.values():
                continue
            if len(theirs_all) > 1:
                raise SlrTuneError(
                    f"{' and '.join(map(repr, theirs_all))} would both be {ours}",
                    hint=f"Choose one: --map {theirs_all[0]}={ours}.",
                )
            taken[theirs_all[0]] = ours
            if rule in (_customary, _by_ending):
                guessed.add(theirs_all[0])
    left = {name: _nearest(name, known) for name in names if name not in taken}
    return Matched(taken, frozenset(guessed), left)


def plain_name(name: str) -> str:
    """A name without case, signs and prefix."""
    return re.sub(r"[^a-z0-9]", "", _PREFIX.sub("", name.strip().lower()))


def _exactly(name: str, known: Sequence[str]) -> str | None:
    return name if name in known else None


def _alike(name: str, known: Sequence[str]) -> str | None:
    return _only(ours for ours in known if plain_name(ours) == plain_name(name))


def _customary(name: str, known: Sequence[str]) -> str | None:
    last = plain_name(re.split(r"[./]", name)[-1])
    return _only(
        ours
        for ours in known
        if any(plain_name(other) in (last, plain_name(name)) for other in SYNONYMS.get(ours, ()))
    )


def _by_ending(name: str, known: Sequence[str]) -> str | None:
    last = plain_name(re.split(r"[./]", name)[-1])
    return _only(ours for ours in known if plain_name(ours.rpartition(".")[2]) == last)


def _only(found: Iterable[str]) -> str | None:
    each = [*found]
    return each[0] if len(each) == 1 else None


def _nearest(name: str, known: Sequence[str]) -> str:
    spelt = {plain_name(ours): ours for ours in known}
    near = get_close_matches(plain_name(name), spelt, n=1, cutoff=0.6)
    return spelt[near[0]] if near else ""
