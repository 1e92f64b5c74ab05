"""The reference pages say what the code does, and the site builds with every link right."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trainables.config import DistillConfig, TeacherConfig

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """The program that writes the pages."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_what_the_code_gives(made: ModuleType) -> None:
    """A setting, an option or a name that changes makes a page out of date."""
    for name, text in made.pages().items():
        written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert written == text, f"{name} is out of date: python docs/make_reference.py"


def test_every_setting_stands_with_default_and_meaning(made: ModuleType) -> None:
    """Read off the page itself, not off what makes it."""
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    named = {row[0].strip("| `"): row for row in rows}
    for name in DistillConfig.model_fields:
        assert name in named, name
        assert named[name][1] and named[name][2] and named[name][4].rstrip(" |"), name
    assert named["dropout"][1] == f"{DistillConfig().dropout:g} ({TeacherConfig().dropout:g})"
    assert named["dropout"][2] == "number ≥ 0, < 1" and named["patience"][3] == "epochs"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Links, anchors and the list of pages are checked; nothing is fetched from elsewhere."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        tmp_path,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for outside in ('src="http', "fonts.googleapis", "cdn."):
            assert outside not in text, f"{page}: {outside}"
