"""The wheel alone: what it holds, and the way from an empty folder to a report."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("slr_tune", "trainables", "search_spaces", "pyproject.toml", "setup.py")
BESIDE = ("MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in (*SOURCES, *BESIDE):
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, source / name, ignore=ignored)
        else:
            shutil.copy(path, source / name)
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    _done([sys.executable, *build, "--wheel-dir", str(folder), str(source)], folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel, which borrows the other packages."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    _done([sys.executable, "-m", "venv", "--without-pip", str(folder)], ROOT)
    packages = next(folder.glob("lib/python*/site-packages"))
    # Read from a .pth file these are plain entries: the editable installation in them is not seen.
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    python = folder / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    _done([sys.executable, "-m", "pip", "--python", str(python), *install], ROOT)
    return folder / "bin"


def _done(command: list[str], folder: Path, **extra: str) -> str:
    """Runs a command in a folder, without this checkout on its path; returns its stdout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment.pop("SLR_TUNE_STUDIES", None)
    done = subprocess.run(
        command, cwd=folder, env=environment | extra, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_spaces_data_and_types(wheel: Path) -> None:
    # A file that is missing here is found missing by whoever has no checkout.
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        meta = archive.read(next(n for n in names if n.endswith("/METADATA"))).decode()
        top = archive.read(next(n for n in names if n.endswith("/top_level.txt"))).decode()
    spaces = {p.relative_to(ROOT) for p in (ROOT / "search_spaces").rglob("*.yaml")}
    assert {f"slr_tune/{path.as_posix()}" for path in spaces} <= names
    assert {"slr_tune/py.typed", "trainables/py.typed", "slr_tune/__main__.py"} <= names
    data = "trainables/data/libras"
    assert {f"{data}/movement_libras.csv", f"{data}/README.md"} <= names  # with its attribution
    assert top.split() == ["slr_tune", "trainables"]
    assert not any(name.startswith(("tests", "benchmarks", "search_spaces")) for name in names)
    for message in (
        "Requires-Python: >=3.11",
        "Python :: 3.14",
        "Typing :: Typed",
        "Project-URL: ",
    ):
        assert message in meta
    assert "and `trainables`" in meta  # that there are two packages is said


@pytest.mark.timeout(600)
def test_from_an_empty_folder_to_a_report(installed: Path, tmp_path: Path) -> None:
    # Broken if anything of a checkout were needed.
    folder = tmp_path / "empty"
    folder.mkdir()
    program = str(installed / "slr-tune")
    where = [str(installed / "python"), "-c", "import slr_tune; print(slr_tune.__file__)"]
    assert str(installed.parent) in _done(where, folder)
    assert _done([program, "init", "distill"], folder).strip() == "distill.yaml"
    assert "slr-tune run distill.yaml" in (folder / "distill.yaml").read_text()
    small = ["--set", "data.train=40", "--set", "data.dev=8", "--set", "budget.grace_epochs=1"]
    limits = ["--trials", "2", "--max-epochs", "1", "--workers", "1", "--allow-weak-teacher"]
    teacher = ["--set", "teacher.settings.max_epochs=1"]
    _done([program, "run", "distill.yaml", *limits, *small, *teacher, "--no-verify"], folder)
    _done([program, "report"], folder)
    page = folder / "studies" / "libras-distill" / "report.html"
    assert "libras-distill: report of the search" in page.read_text()


def test_shipped_spaces_are_found_by_name(installed: Path, tmp_path: Path) -> None:
    python = str(installed / "python")
    output = _done([python, "-m", "slr_tune", "run", "distill", "--dry-run"], tmp_path)
    assert "libras-distill: distill on libras" in output
    listed = _done([python, "-m", "slr_tune", "init"], tmp_path)
    assert "phoenix/self_distill" in listed and "presets/aggressive" in listed
