"""Which study a command is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from_study_option = click.option(
    "--from-study",
    metavar="STUDY",
    help="Use the search space that is stored with STUDY instead of a file.",
)


@dataclass(frozen=True)
class ChosenSpace:
    """A search-space file and the changes that a study stores with it.

    Attributes:
        path: The file.
        changes: Values of `--set`; empty for a plain file.
    """

    path: Path
    changes: Sequence[str] = ()

    def sets(self, typed: Sequence[str]) -> list[str]:
        """Values of `--set`: the stored ones, then those that were typed, which win."""
        every = [*self.changes, *typed]
        return list(reversed(dict.fromkeys(reversed(every))))

    def all_options(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        """Options that were typed, with the stored changes below them."""
        sets = self.sets(typed.get("--set", ()))
        return {**typed, "--set": sets} if sets else dict(typed)


def chosen_space(space: Path | None, from_study: str | None, storage: str | None) -> ChosenSpace:
    """The search space that SPACE or `--from-study` names.

    Raises:
        click.UsageError: Both or neither is given.
        StudyError: The study does not exist, or has no copy of its space.
    """
    if space is not None and from_study is not None:
        raise click.UsageError(f"Give SPACE ({space}) or --from-study {from_study}, not both.")
    if space is not None:
        return ChosenSpace(space)
    if from_study is None:
        raise click.UsageError(
            "Missing argument 'SPACE': a search-space file, the name of a shipped space, or "
            "--from-study STUDY.\nFor example: slr-tune run search_spaces/distill.yaml"
        )
    from slr_tune.study.stored_space import stored_space

    return ChosenSpace(*stored_space(from_study, storage))


def one_study(argument: str | None, option: str | None, *, required: bool = False) -> str | None:
    """The study that an argument, `--study`, or both of them name.

    Raises:
        click.UsageError: They differ, or neither is given where one is required.
    """
    if argument is not None and option is not None and argument != option:
        raise click.UsageError(
            f"STUDY is {argument!r} and --study is {option!r}: give one of them."
        )
    if required and argument is None and option is None:
        raise click.UsageError("Missing argument 'STUDY'. slr-tune list shows the studies.")
    return option if argument is None else argument


def ablated(
    subject: str | None, study: str | None, storage: str | None, from_study: str | None = None
) -> tuple[Path | None, str | None]:
    """The file and the study that an argument and `--study` name.

    Args:
        subject: A search-space file, the name of a study, or of a shipped space; in this order.
        study: `--study`.
        storage: `--storage`.
        from_study: `--from-study`.

    Raises:
        click.UsageError: It is a factor, or two studies are named.
        SpecError: It is nothing that is there.
    """
    from slr_tune.space.shipped import find_space, shipped_file
    from slr_tune.study.view import list_studies

    if from_study is not None:
        return _from_study(from_study, subject, study, storage)
    if subject is None:
        return None, study
    if Path(subject).is_file() or Path(subject).suffix in (".yaml", ".yml"):
        return find_space(subject), study
    if subject in _stored(list_studies, storage):
        return None, one_study(subject, study)
    if shipped_file(subject) is None and _is_factor(subject, study, storage):
        raise click.UsageError(
            f"{subject!r} is a factor, not a study or a file. "
            f"Try: slr-tune ablate --factor {subject}"
        )
    return find_space(subject), study


def _from_study(
    name: str, subject: str | None, study: str | None, storage: str | None
) -> tuple[Path | None, str]:
    """As `ablated`, of `--from-study`."""
    from slr_tune.study.stored_space import ablated_space

    if subject is not None or study not in (None, name):
        other = f"--study {study}" if subject is None else subject
        raise click.UsageError(f"Give --from-study {name} or {other}, not both.")
    return ablated_space(name, storage), name


def _stored(list_studies: Callable[[str | None], Iterable[Any]], storage: str | None) -> set[str]:
    from slr_tune.errors import SlrTuneError

    try:
        return {line.name for line in list_studies(storage)}
    except SlrTuneError:
        return set()  # there is no database yet


def _is_setting(name: str) -> bool:
    """Whether a built-in run has a setting of that name: there is no study to ask yet."""
    from slr_tune.space.short_names import SHORT_NAMES
    from trainables.registry import BUILT_IN_NAMES, config_class

    full = SHORT_NAMES.get(name, name).partition(".")[0]
    return any(full in config_class(run).model_fields for run in BUILT_IN_NAMES)


def _is_factor(name: str, study: str | None, storage: str | None) -> bool:
    """Whether the study that would be ablated has a factor of that name."""
    from slr_tune.ablation.baseline import find_baseline, find_study
    from slr_tune.ablation.factors import full_name, known_factors
    from slr_tune.errors import SlrTuneError

    try:
        spec, view = find_study(None, study, storage)
        known = known_factors(find_baseline(None, spec, view).config, spec.trainable)
    except SlrTuneError:
        return _is_setting(name)
    return full_name(name, known) in known
