"""docs/notebook.ipynb runs from its first cell to its last, with a tiny search."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="pip install 'slr-tune[dev]'")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parent.parent
TINY = """
TRIALS, EPOCHS, FACTORS, SEEDS = 10, 1, ["kd_blank"], 3
SETTINGS = {
    "data": {"name": "libras", "train": 24, "dev": 6, "test": 4},
    "budget.grace_epochs": 1,
    "teacher.settings": {"layers": 1, "hidden": 16, "projection": 16, "max_epochs": 1},
    "resources.workers": 1,
}
"""


@pytest.mark.timeout(600)  # a search, an ablation and a kernel; a busy machine takes its time
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
@pytest.mark.filterwarnings("ignore::RuntimeWarning:zmq.*")
def test_the_notebook_runs(studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Broken if the API changed and the notebook did not, or if it failed inside of a kernel.
    book = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells)  # they would go stale in git
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    first.source += TINY
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    resources = {"metadata": {"path": str(studies.parent)}}
    nbclient.NotebookClient(book, timeout=240, kernel_name="python3", resources=resources).execute()
    printed = [output for cell in book.cells for output in cell.get("outputs", ())]
    pages = [o["data"].get("text/html", "") for o in printed if "data" in o]
    shown = [page for page in pages if "<pre" in page]
    assert any("trial 9:" in page for page in shown), shown  # the progress of the search
    assert sum("application/vnd.plotly.v1+json" in o.get("data", {}) for o in printed) == 5
    texts = [o["data"].get("text/plain", "") for o in printed if "data" in o]
    assert any("report.html" in text for text in texts)
    assert any("loss_weights.alpha" in text for text in texts)
