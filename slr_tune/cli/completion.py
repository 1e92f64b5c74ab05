"""What the shell offers on <TAB>: spaces, studies, factors and trials that are there.

Nothing is offered where it cannot be found out; a completion never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


class SpaceFile(click.ParamType[Path]):
    """A search-space file, or the name of a shipped space where there is no such file."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file that is meant.

        Raises:
            SpecError: There is none.
            click.UsageError: The name is a study's.
        """
        from slr_tune.errors import SpecError
        from slr_tune.space.shipped import find_space

        try:
            return find_space(value)
        except SpecError:
            resume = _resume_command(str(value))
            if resume is None:
                raise
            raise click.UsageError(
                f"{value!r} is a study, not a search-space file. To resume it:\n  {resume}", ctx
            ) from None

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Shipped spaces by name, and files."""
        from slr_tune.space.shipped import shipped_names

        names = [CompletionItem(n, help="shipped") for n in shipped_names() if _fits(n, incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


def _resume_command(name: str) -> str | None:
    """Command that resumes a study of that name, by its folder; None without such a study."""
    from slr_tune.study.folders import study_folder
    from slr_tune.study.manifest import FILE, last_run

    if not name or Path(name).name != name or not (study_folder(name) / FILE).is_file():
        return None
    return last_run(study_folder(name)).command(name)


class SpaceOrStudy(click.ParamType[str]):
    """A search-space file, the name of a study, or of a shipped space."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Studies, shipped spaces, and files."""
        return [
            *studies(ctx, param, incomplete),
            *SpaceFile().shell_complete(ctx, param, incomplete),
        ]


class ShippedName(click.ParamType[str]):
    """Name of a shipped space."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names of the shipped spaces."""
        from slr_tune.space.shipped import shipped_names

        return [CompletionItem(name) for name in shipped_names() if _fits(name, incomplete)]


def _completer(find: Callable[[click.Context], Iterable[tuple[str, str]]]) -> Completer:
    """A completer out of what finds (value, help); whatever goes wrong, it offers nothing."""

    @wraps(find)
    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = list(find(ctx))
        except Exception:  # the shell would print the traceback into what is being typed
            return []
        return [
            CompletionItem(name, help=message) for name, message in found if _fits(name, incomplete)
        ]

    return complete


@_completer
def studies(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Studies of the database, the one written last first."""
    from slr_tune.study.view import list_studies
    from slr_tune.text import counted

    for line in list_studies(ctx.params.get("storage")):
        yield line.name, counted(sum(line.trials.values()), "trial")


@_completer
def trials(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Trials of the study that is named, or of the one written last."""
    from slr_tune.study.record import ended_by
    from slr_tune.study.view import load_study
    from slr_tune.text import metric_text

    named = _given(ctx, "study") or ctx.params.get("study_option")
    view = load_study(named, ctx.params.get("storage"))
    for trial in view.trials:
        value = metric_text(trial.values[0] if trial.values else None, view.spec.objective.metric)
        yield str(trial.number), f"{value}, {ended_by(trial)}"


@_completer
def factors(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Factors that the space, or the stored study, can be ablated by."""
    from slr_tune.ablation.baseline import find_baseline, find_study
    from slr_tune.ablation.factors import known_factors
    from slr_tune.cli.study_choice import ablated

    storage, named = ctx.params.get("storage"), _given(ctx, "subject")
    space, study = ablated(named, ctx.params.get("study"), storage)
    spec, view = find_study(space, study, storage)
    baseline = find_baseline(None, spec, view)
    for name in known_factors(baseline.config, spec.trainable):
        yield name, ""


OFFERED: dict[str, Completer] = {
    "study": studies,
    "study_option": studies,
    "from_study": studies,
    "trial": trials,
    "factors": factors,
    "retune": factors,
}
"""What is offered for the parameters of these names, in every command."""


def offer(command: click.Command) -> click.Command:
    """Gives a command's parameters what `OFFERED` has for them."""
    for parameter in command.params:
        complete = OFFERED.get(str(parameter.name))
        if complete is not None:
            parameter.shell_complete = _bound(complete, parameter)  # type: ignore[assignment, method-assign]
    return command


def _bound(
    complete: Completer, parameter: click.Parameter
) -> Callable[[click.Context, str], list[CompletionItem]]:
    return lambda ctx, incomplete: complete(ctx, parameter, incomplete)


def _given(ctx: click.Context, name: str) -> Any:
    """The value of a parameter in what was typed so far.

    click leaves arguments unread behind an option whose value is being typed.
    """
    arguments = [p.name for p in ctx.command.params if isinstance(p, click.Argument)]
    unread = ctx.args[0] if ctx.args and arguments[:1] == [name] else None
    return ctx.params.get(name) or unread


def _fits(name: str, incomplete: str) -> bool:
    return name.startswith(incomplete)
