"""What is done when a search has ended: a command, or a web-hook that gets a JSON text."""

from __future__ import annotations

import json
import shlex
import string
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from slr_tune.errors import SlrTuneError
from slr_tune.study.view import StudyView
from slr_tune.text import metric_text, printable

FIELDS = ("study", "status", "metric", "best", "trial", "trials", "folder", "error")
"""What may be in braces: all of it text, empty where it is not known."""

_COMMAND_SECONDS = 60.0
_WEB_SECONDS = 15.0
_STDERR = 2
"""What a command prints is not part of what a script reads of a search."""


def check_on_end(template: str) -> None:
    """Refuses a command or address that could not be used when it is too late.

    Raises:
        SlrTuneError: It is empty, a quotation mark is not closed, or it names another field.
    """
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        words = shlex.split(template)
        named = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise SlrTuneError(f"--on-end {template}: {error}", hint=f"It may name {known}.") from error
    if not words:
        raise SlrTuneError("--on-end is empty", hint="Give a command, or an address: https://...")
    wrong = [name for name in named if name not in FIELDS]
    if wrong:
        raise SlrTuneError(
            f"--on-end: there is no {{{wrong[0]}}}", hint=f"It may name {known}; {{{{ is a brace."
        )


def end_fields(
    study: str, status: str, view: StudyView | None, error: BaseException | None
) -> dict[str, str]:
    """Values of `FIELDS`.

    Args:
        study: Name of the study.
        status: "done", "stopped" or "failed".
        view: The study as it is; None where it cannot be read.
        error: What ended it; None where nothing did.
    """
    best = None if view is None else view.best()
    metric = "" if view is None else view.spec.objective.metric
    return {
        "study": study,
        "status": status,
        "metric": metric,
        "best": "" if best is None else metric_text(best.values[0], metric),
        "trial": "" if best is None else str(best.number),
        "trials": "" if view is None else str(len(view.trials)),
        "folder": "" if view is None else str(view.folder),
        "error": "" if error is None else printable(str(error)),
    }


def announce_end(template: str, values: Mapping[str, str], tell: Callable[[str], None]) -> None:
    """Runs the command, or sends the JSON; what goes wrong is reported and ends nothing.

    Args:
        template: A command, of which no shell sees a word, or an address that begins with
            http:// or https://. Fields in braces are filled in.
        values: Of `FIELDS`.
        tell: Called with each message.
    """
    try:
        if template.startswith(("http://", "https://")):
            _send(template, values)
        else:
            _run(template, values)
    except (OSError, subprocess.SubprocessError, urllib.error.URLError, ValueError) as error:
        tell(f"--on-end failed: {printable(str(error))}")


def _run(template: str, values: Mapping[str, str]) -> None:
    # Split first: a name with blanks or a quotation mark stays one word.
    words = [word.format_map(values) for word in shlex.split(template)]
    subprocess.run(words, stdout=_STDERR, check=True, timeout=_COMMAND_SECONDS)


def _send(template: str, values: Mapping[str, str]) -> None:
    address = template.format_map({name: quote(value, safe="") for name, value in values.items()})
    best = f", best {values['metric']} {values['best']}" if values["best"] else ""
    content: dict[str, Any] = {**values, "text": f"{values['study']}: {values['status']}{best}"}
    request = urllib.request.Request(
        address,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "slr-tune"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=_WEB_SECONDS):
        pass
