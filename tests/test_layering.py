"""The two packages' layering, read from their imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def imports(package: str) -> Iterator[tuple[str, str]]:
    """(file, top-level module) for every import of a package, those inside functions too."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                yield str(path.relative_to(ROOT)), name.split(".")[0]


def test_trainables_know_nothing_of_searching() -> None:
    """A run must work without the search, in a user's own script."""
    assert [file for file, name in imports("trainables") if name in ("slr_tune", "optuna")] == []


def test_only_the_adapter_imports_ray_in_trainables() -> None:
    """Plain PyTorch first: training must not need Ray."""
    files = {file for file, name in imports("trainables") if name == "ray"}
    assert files == {"trainables/ray_adapter.py"}


def test_reports_import_neither_torch_nor_ray() -> None:
    """A report over a stored study must not pay for either."""
    assert [f for f, name in imports("slr_tune/report") if name in ("torch", "ray")] == []


def test_space_imports_no_engine() -> None:
    """A wrong file must be refused at once."""
    assert [f for f, name in imports("slr_tune/space") if name in ("torch", "ray", "optuna")] == []


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("import slr_tune.cli.main", ("torch", "ray", "optuna", "pandas", "plotly", "rich")),
        ("import slr_tune.space, trainables.config, trainables.registry", ("torch", "ray")),
        ("import slr_tune.study.view, slr_tune.search.summary", ("torch", "ray", "pandas")),
        ("import trainables.curve, trainables.data.config", ("torch", "ray", "pandas")),
    ],
)
def test_light_modules_stay_light(code: str, banned: tuple[str, ...]) -> None:
    """torch and ray take seconds to import; commands that need neither must not pay."""
    check = f"{code}; import sys; print(*[m for m in {banned!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
