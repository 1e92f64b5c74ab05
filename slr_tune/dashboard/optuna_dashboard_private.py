"""All that this project uses of Optuna Dashboard in addition to its public interface.

- The names of the system attributes in which it looks for notes, plots, artifacts and the names of
  objectives. Its public functions would write them into the study, which is only read here. Under
  other names it would show none of them.
- Names of elements of its page: of the buttons that would change a study, which are hidden, and of
  the panel of its importance, which gets a line. With others they would be shown as they are.
- The addresses of its web server that are let through or listened to. With others a note could not
  be typed, and what is shown of a study would grow old.

A test holds each of them to what the public interface writes, and answers.
"""

from __future__ import annotations

import json
import mimetypes
import re
from typing import Any

STUDY_PATH = re.compile(r"/api/studies/(\d+)/?")
NOTE_PATH = re.compile(r"/api/studies/\d+/(\d+/)?note/?")

IMPORTANCE_PANEL = "#graph-hyperparameter-importances"
REFUSED_BUTTONS = (
    '[data-testid="AddBoxIcon"]',
    '[aria-label="rename study"]',
    '[aria-label="delete study"]',
    '[aria-label="delete artifact"]',
    '[data-testid="UploadFileIcon"]',
)
"""Text on, or in, the buttons that only a writing dashboard can obey."""
STYLE_PATH = "/slr-tune.css"
STYLE = f"""
button:has({REFUSED_BUTTONS[0]}), {", ".join(REFUSED_BUTTONS[1:4])},
.MuiCard-root:has(> button {REFUSED_BUTTONS[4]}) {{ display: none !important; }}
{IMPORTANCE_PANEL}::before {{
  content: "Of finished trials only, which can mislead. See the importance from all trials.";
  display: block; font-size: 14px; margin: 4px 0;
}}
"""
"""Style sheet that is added to the page of Optuna Dashboard."""

PLOTS = "dashboard:plot_data:"
_NOTE = re.compile(r"dashboard:(\d+:)?note_(?:ver|str:\d+)")


def note_of(key: str) -> str | None:
    """Which note a system attribute is a piece of.

    Returns:
        "" for the study's, "12:" for that of the trial with the key 12, None for no note.
    """
    found = _NOTE.fullmatch(key)
    return None if found is None else found[1] or ""


def note_attributes(text: str, trial_id: int | None = None) -> dict[str, Any]:
    """A note of a study, or of a trial, in one piece."""
    place = "dashboard:" if trial_id is None else f"dashboard:{trial_id}:"
    return {f"{place}note_ver": 1, f"{place}note_str:0": text}


def plot_attributes(name: str, figure: dict[str, Any]) -> dict[str, str]:
    """A plotly figure as a plot of the study, in one piece."""
    return {f"{PLOTS}{name}:0": json.dumps(figure)}


def objective_attributes(names: list[str]) -> dict[str, list[str]]:
    """Names of the objectives."""
    return {"dashboard:objective_names": names}


def artifact_attributes(key: str, filename: str) -> dict[str, str]:
    """An artifact of a study or of a trial, with the file name that a reader sees."""
    kind, encoding = mimetypes.guess_type(filename)
    described = {
        "artifact_id": key,
        "filename": filename,
        "mimetype": kind or "text/plain",
        "encoding": encoding,
    }
    return {f"artifacts:{key}": json.dumps(described)}


def artifact_address(study_id: int, key: str) -> str:
    """Where the web server gives a study's artifact."""
    return f"/artifacts/{study_id}/{key}"
