"""The `slr-tune` command. Each subcommand's file is imported only when it is called."""

from __future__ import annotations

import gc
import importlib
import io
import sys
from keyword import iskeyword
from typing import Any

import click

from slr_tune.cli.guessing import help_text, unknown_command
from slr_tune.cli.options import TYPED, examples
from slr_tune.training.interrupt import Terminated, end_like_ctrl_c
from slr_tune.training.ray_private import prepare_environment
from slr_tune.wrapping import fitted
from trainables.errors import TrainablesError
from trainables.files.full_disk import full_disk_number

COMMANDS = {
    "init": "Write a search space to start from.",
    "run": "Search a space, or resume a search.",
    "list": "List the studies.",
    "show": "Show a study, or one trial of it.",
    "best": "Print the best configuration of a study.",
    "import": "Import earlier results into a study.",
    "enqueue": "Add a configuration to a study.",
    "stop": "Stop a search, or one of its trials.",
    "note": "Attach a note to a study or a trial.",
    "export": "Export the trials of a study to a file.",
    "move": "Move a study to another database.",
    "clean": "Remove files that are no longer needed.",
    "delete": "Delete a trial, or a whole study.",
    "adopt": "Convert another program's checkpoint or logits.",
    "report": "Write an HTML report of a study.",
    "figures": "Write a study's figures for a thesis.",
    "importance": "Rank parameters by importance.",
    "dashboard": "Browse the studies in a web browser.",
    "confirm": "Retrain the best trials on new seeds: an unbiased figure.",
    "ablate": "Change one factor at a time and test each difference.",
    "train": "Train one teacher, student or distillation.",
    "evaluate": "Decode dev or test, greedily and by beam search.",
    "tune-decoder": "Tune the beam search on dev.",
    "compare": "Compare trained systems in one table.",
    "soft-targets": "Save a teacher's soft targets for distillation.",
    "prepare": "Pack a data set and check every value in it.",
    "verify": "Check everything a search needs before it starts.",
    "overfit": "Check that the model can learn five utterances.",
    "diagnose": "Find out why a run is bad and how to fix it.",
    "score": "Score a file of glosses against its reference.",
}
"""Help of each command, so that `--help` imports none; its module has its name."""

EXIT_RUN_FAILED = 1
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a person's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"slr_tune.cli.{name}{'_' * iskeyword(name)}")
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remembers what was typed: `typed_command` says how to continue."""
        ctx.meta[TYPED] = list(args)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_help(self, ctx: click.Context) -> str:
        """Help, no line of it longer than the terminal is wide."""
        return help_text(self, ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Says what was meant by a command that does not exist."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(unknown_command(args[0], COMMANDS), ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "slr-tune init distill        copy a shipped search space into this folder",
        "slr-tune run distill.yaml    search, or resume a search",
        "slr-tune list                what has been run",
        "slr-tune best                what won",
    ),
)
@click.version_option(package_name="slr-tune")
def cli() -> None:
    """Hyperparameter search and ablation for CTC sign-language recognisers.

    Exit codes: 0 done, 1 the run failed, 2 bad input, 130 interrupted (143 by SIGTERM, 129 by
    SIGHUP).

    Tab completion: eval "$(_SLR_TUNE_COMPLETE=bash_source slr-tune)" in bash, zsh_source in zsh.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits; what a user can cause ends in one message, not in a traceback."""
    # A command makes much and drops little: with 10,000 trials, looking for garbage so often, and
    # at the exit through all that is left, would take a third of the time.
    gc.set_threshold(50_000, 20, 50)
    end_like_ctrl_c()
    prepare_environment()  # now: the module of a custom run may import Ray before a session opens
    code = run(arguments)
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name with an umlaut where the locale has none, or half a character, is shown escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result: Any = cli.main(args=arguments, prog_name="slr-tune", standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        _complain(shown.getvalue().rstrip("\n"))
        return error.exit_code
    except TrainablesError as error:
        _complain(f"slr-tune: {error}")
        return EXIT_RUN_FAILED if full_disk_number(error) else error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        ended = error.__cause__ if isinstance(error, click.Abort) else error
        return ended.exit_code if isinstance(ended, Terminated) else EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"slr-tune: {place}{error.strerror or error}")
        return EXIT_RUN_FAILED
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        _complain(f"slr-tune: {_memory_error(error)}")
        return EXIT_RUN_FAILED
    return result if isinstance(result, int) else 0


def _complain(text: str) -> None:
    click.echo(fitted(text, sys.stderr), err=True)


def _is_out_of_memory(error: Exception) -> bool:
    """As `trainables.memory` describes it; torch is not imported where it cannot be meant."""
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from trainables.memory import is_out_of_memory

    return is_out_of_memory(error)


def _memory_error(error: Exception) -> str:
    """The first message, and the way out."""
    message = str(error).partition("\n")[0]
    if "out of memory" not in message.lower():
        message = f"out of memory: {message}".removesuffix(": ")
    return (
        f"{message}\n  Free some memory, set truncate_frames, or take a smaller model; in a "
        f"distillation on a GPU, teacher_fp16 halves the teacher's memory."
    )


if __name__ == "__main__":
    main()
