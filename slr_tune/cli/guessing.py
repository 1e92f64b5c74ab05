"""Suggestions for a command line that is not understood: the place, and the way out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import click

from slr_tune.wrapping import fitted

_COMMAND_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("search", "tune", "optimize", "optimise", "start", "hpo", "sweep"), "run"),
    **dict.fromkeys(("status", "info", "describe", "results", "trials", "progress"), "show"),
    **dict.fromkeys(("ls", "studies", "history"), "list"),
    **dict.fromkeys(("plot", "plots", "summary", "html"), "report"),
    **dict.fromkeys(("eval", "test", "decode", "predict"), "evaluate"),
    **dict.fromkeys(("rm", "remove", "del"), "delete"),
    **dict.fromkeys(("kill", "cancel", "abort", "pause"), "stop"),
    **dict.fromkeys(("ui", "web", "view", "serve", "browse"), "dashboard"),
    **dict.fromkeys(("check", "validate", "doctor"), "verify"),
    **dict.fromkeys(("new", "create", "copy", "template", "spaces"), "init"),
    **dict.fromkeys(("add", "queue", "try"), "enqueue"),
    **dict.fromkeys(("wer", "metric"), "score"),
    **dict.fromkeys(("retrain", "seeds", "repeat"), "confirm"),
    **dict.fromkeys(("ablation", "ablations"), "ablate"),
    **dict.fromkeys(("mv", "migrate"), "move"),
    **dict.fromkeys(("debug", "why", "explain"), "diagnose"),
    **dict.fromkeys(("params", "config", "winner"), "best"),
    **dict.fromkeys(("data", "pack"), "prepare"),
    **dict.fromkeys(("comment", "tag"), "note"),
    **dict.fromkeys(("csv", "save", "download"), "export"),
    **dict.fromkeys(("load", "convert"), "adopt"),
}
"""What other programs call a command."""

_OPTION_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("epochs", "epoch", "num_epochs", "n_epochs"), "max_epochs"),
    **dict.fromkeys(("n_trials", "num_trials", "num_samples"), "trials"),
    **dict.fromkeys(("name", "study_name", "experiment"), "study"),
    **dict.fromkeys(("output", "out_dir", "outdir", "output_dir", "o"), "out"),
    **dict.fromkeys(("jobs", "n_jobs", "j", "num_workers", "parallel"), "workers"),
    **dict.fromkeys(("db", "database", "url"), "storage"),
    **dict.fromkeys(("gpu", "gpus", "num_gpus"), "gpus_per_trial"),
    **dict.fromkeys(("cpus", "num_cpus"), "cpus_per_trial"),
    **dict.fromkeys(("batch", "b"), "batch_size"),
    **dict.fromkeys(("force", "y", "f"), "yes"),
    "factors": "factor",
    "param": "factor",
}
"""What other programs call an option, or a setting."""


def unknown_command(name: str, commands: Iterable[str]) -> str:
    """What to say of a command that does not exist."""
    said = f"there is no command {name!r}."
    if name in ("resume", "continue", "restart"):
        return f"{said} To resume a search, give its slr-tune run command again."
    if name in ("help", "version"):
        return f"{said} Try: slr-tune --{name}"
    if (meant := _COMMAND_WORDS.get(name)) is not None:
        return f"{said} Did you mean {meant!r}?"
    near = get_close_matches(name, [*commands], n=1)
    return said + (f" Did you mean {near[0]!r}?" if near else " slr-tune --help lists them.")


class GuessingCommand(click.Command):
    """A command that says what was meant where its line cannot be understood."""

    example: str = ""
    """A whole command line that works."""

    def get_help(self, ctx: click.Context) -> str:
        """Help, no line of it longer than the terminal is wide."""
        return help_text(self, ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments.

        Raises:
            click.UsageError: With what was meant.
        """
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(self._unknown_option(error), ctx) from error
        except click.MissingParameter as error:
            if not self.example:
                raise
            said = error.format_message().partition("\n")[0].removesuffix(" Choose from:")
            raise click.UsageError(f"{said}\nFor example: {self.example}", ctx) from error
        except click.UsageError as error:
            if type(error) is click.UsageError and "extra argument" in error.message:
                raise click.UsageError(self._extra(error.message, given), ctx) from error
            raise

    @property
    def _options(self) -> set[str]:
        return {one for param in self.params for one in param.opts if one.startswith("-")}

    @property
    def _takes_settings(self) -> bool:
        return any(param.name == "overrides" for param in self.params)

    @property
    def _flat(self) -> bool:
        """Whether settings are outside of a section of a file."""
        return self.name in ("train", "enqueue")

    def _unknown_option(self, error: click.NoSuchOption) -> str:
        typed = error.option_name
        name = typed.lstrip("-").replace("-", "_")
        said, full = f"No such option '{typed}'.", _OPTION_WORDS.get(name, name)
        option = f"--{full.replace('_', '-')}"
        if option in self._options:
            return f"{said} Did you mean '{option}'?"
        if name == "seeds" and "--seed" in self._options:
            return (
                f"{said} One training has one '--seed'; slr-tune confirm and slr-tune ablate "
                "train with several."
            )
        if name == "seed" and "--seeds" in self._options:
            return f"{said} '--seeds' is how many new seeds each configuration gets."
        if name == "trial":
            return f"{said} slr-tune show --trial NUMBER shows one trial."
        if name == "resume":
            return f"{said} The same command resumes by itself."
        if self._takes_settings and full:
            from slr_tune.space.short_names import set_advice

            advice = set_advice(full, flat=self._flat)
            return f"{said} {advice}" if advice else error.format_message()
        return error.format_message()

    def _extra(self, said: str, given: Sequence[str]) -> str:
        """Of words that are not arguments: a setting without its `--set`, a separate value."""
        words = [word for word in given if not word.startswith("-")]
        for option in ("--trial", "--port"):
            if words and words[-1].isdecimal() and option in self._options:
                return f"{said}. Did you mean {option} {words[-1]}?"
        if "--factor" in given and words:
            return f"{said}. One option for each: --factor {words[-1]}"
        if not self._takes_settings:
            return f"{said}\nFor example: {self.example}" if self.example else said
        for before, word, after in zip(["", *given], given, [*given[1:], ""], strict=False):
            if before == "--set" and "=" not in word and after and not after.startswith("-"):
                return f"{said}. A setting is one word: --set {word}={after}"
        loose = [
            word
            for before, word in zip(["", *given], given, strict=False)
            if "=" in word and not word.startswith("-") and before != "--set"
        ]
        if not loose:
            return said
        from slr_tune.space.short_names import set_advice

        key, _, value = loose[0].partition("=")
        advice = set_advice(_OPTION_WORDS.get(key, key), flat=self._flat, value=value)
        return f"{said}. {advice}" if advice else f"{said}. Give a setting with --set {loose[0]}"


class NarrowFormatter(click.HelpFormatter):
    """Help on a terminal of few columns: of them, the names of options take a third at most."""

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Writes names and what they mean."""
        super().write_dl([*rows], min(col_max, self.width // 3), col_spacing)


def help_text(command: click.Command, ctx: click.Context) -> str:
    """A command's help; at a terminal, no line is longer than it is wide."""
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or columns >= 80:
        formatter = ctx.make_formatter()
    else:
        formatter = NarrowFormatter(width=max(20, columns - 1))
    command.format_help(ctx, formatter)
    return fitted(formatter.getvalue().rstrip("\n"), sys.stdout)
