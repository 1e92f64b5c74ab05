"""Makes the pictures of `docs/pictures` anew: `python docs/make_pictures.py`.

Searches the bundled data with the shipped space `distill` (some minutes; a search that is there is
resumed), and draws it as `slr-tune report`, `importance` and `figures` do. The picture of the
report itself needs Debian's `chromium` and `chromium-driver`. `strategies.png` is made by the
benchmark that `docs/search.md` names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
STUDIES = ROOT / "build" / "pictures" / "studies"
STUDY = "libras-distill"
NAMES = ("search", "weights", "importance")
_SCREEN = 1280, 610
"""Of the picture of the report, CSS pixels."""


def main() -> None:
    """Searches, draws, and copies the pictures."""
    os.environ["SLR_TUNE_STUDIES"] = str(STUDIES)
    slr_tune("run", "search_spaces/distill.yaml")
    figures = STUDIES.parent / "figures"
    slr_tune("figures", STUDY, "--width", "17.4", "--out", str(figures))
    for name in NAMES:
        print(shutil.copy(figures / f"{name}.png", PICTURES / f"{name}.png"))
    slr_tune("report", STUDY)
    photograph(STUDIES / STUDY / "report.html", PICTURES / "report.png")


def slr_tune(*words: str) -> None:
    """A command in a process of its own."""
    subprocess.run([sys.executable, "-m", "slr_tune.cli.main", *words], cwd=ROOT, check=True)


def photograph(page: Path, picture: Path) -> None:
    """The first screen of a page, where there is a browser."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from browser import installed, start_browser

    if not installed():
        print(f"{picture} is left as it is: chromium is missing")
        return
    with start_browser() as browser:
        opened = browser.open(page, width=_SCREEN[0], height=_SCREEN[1])
        print(opened.screenshot(picture))


if __name__ == "__main__":
    main()
