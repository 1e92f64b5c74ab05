"""The layering of the two packages, read from their imports.

`LAYERS` is the one ordered list: a package imports only from those above it in the list.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LAYERS = (
    "trainables",
    "slr_tune.errors",
    "slr_tune.text",
    "slr_tune.wrapping",
    "slr_tune.statistics",
    "slr_tune.space",
    "slr_tune.study",
    "slr_tune.importing",
    "slr_tune.training",
    "slr_tune.trackers",
    "slr_tune.search",
    "slr_tune.ablation",
    "slr_tune.importance",
    "slr_tune.evaluation",
    "slr_tune.comparison",
    "slr_tune.diagnosis",
    "slr_tune.checks",
    "slr_tune.report",
    "slr_tune.dashboard",
    "slr_tune.api",
    "slr_tune.cli",
)
"""Packages and top-level modules, lowest first."""

BANNED = {
    "trainables": {"slr_tune", "optuna"},
    "slr_tune.statistics": {"trainables", "slr_tune.errors", "slr_tune.text", "torch", "ray"},
    "slr_tune.space": {"torch", "ray", "optuna"},
    "slr_tune.trackers": {"torch", "ray"},
    "slr_tune.report": {"torch", "ray"},
    "slr_tune.importing": {"torch", "ray"},
}
"""What a package must not import beside its layers: trainings work without a search, a wrong file
is refused at once, and a report over a stored study pays for neither torch nor Ray."""


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _files() -> dict[str, Path]:
    paths = [path for top in ("slr_tune", "trainables") for path in (ROOT / top).rglob("*.py")]
    return {_module(path): path for path in sorted(paths)}


def _names(node: ast.AST, package: str) -> list[str]:
    """Full names that an import statement may mean, the longest first of each."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, base]).rstrip(".")
    return [f"{base}.{alias.name}" for alias in node.names]


def _known(name: str, files: dict[str, Path]) -> str:
    """The project's module that a name means; the name itself where it is another library's."""
    whole = name
    while name:
        if name in files:
            return name
        name = name.rpartition(".")[0]
    return whole


def _imports_of(module: str, path: Path, files: dict[str, Path]) -> set[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = {_known(name, files) for node in nodes for name in _names(node, package)}
    return found - {module}


@cache
def graph() -> dict[str, set[str]]:
    """What each module imports, inside of functions too."""
    files = _files()
    return {module: _imports_of(module, path, files) for module, path in files.items()}


def layer(module: str) -> int | None:
    """Place of a module's package in `LAYERS`; None for another library and for `slr_tune`."""
    parts = module.split(".")
    name = parts[0] if parts[0] == "trainables" else ".".join(parts[:2])
    return LAYERS.index(name) if name in LAYERS else None


def upward(edges: dict[str, set[str]]) -> list[str]:
    """Imports from a package that stands lower in the list, so higher in the house."""
    found = []
    for module, imported in edges.items():
        own = layer(module)
        for other in sorted(imported):
            place = layer(other)
            if own is not None and place is not None and place > own:
                found.append(f"{module} imports {other}")
    return found


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty where none do."""
    inner = {m: {o for o in others if o in edges} for m, others in edges.items()}
    # A package's own modules are reached through its __init__, which may name them.
    inner = {m: {o for o in others if not m.startswith(f"{o}.")} for m, others in inner.items()}
    try:
        TopologicalSorter(inner).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_package_has_its_layer() -> None:
    """A new package would otherwise be looked at by none of these tests."""
    known = {m for m in graph() if layer(m) is None}
    assert known <= {"slr_tune", "slr_tune.__main__"}


def test_each_package_imports_only_from_lower_ones() -> None:
    """One way through the house: what stands below knows nothing of what stands above."""
    assert upward(graph()) == []


def test_no_modules_import_each_other() -> None:
    """Modules in a circle can only be understood, tested and imported together."""
    assert cycle(graph()) == []


def test_an_import_turned_round_is_found() -> None:
    """Broken if the tests above could not fail."""
    turned = {**graph(), "slr_tune.study.record": {"slr_tune.search.recorder"}}
    assert "slr_tune.study.record imports slr_tune.search.recorder" in upward(turned)
    circle = {**graph(), "slr_tune.text": {"slr_tune.study.summary"}}
    assert {"slr_tune.text", "slr_tune.study.summary"} <= set(cycle(circle))


@pytest.mark.parametrize("package", BANNED)
def test_packages_import_nothing_that_they_must_do_without(package: str) -> None:
    """See `BANNED`."""
    found = [
        f"{module} imports {other}"
        for module, imported in graph().items()
        if module == package or module.startswith(f"{package}.")
        for other in imported
        if any(other == name or other.startswith(f"{name}.") for name in BANNED[package])
    ]
    assert found == []


def test_only_the_adapter_imports_ray_in_trainables() -> None:
    """Plain PyTorch first: training must not need Ray."""
    found = {
        module
        for module, imported in graph().items()
        if module.startswith("trainables")
        and any(name == "ray" or name.startswith("ray.") for name in imported)
    }
    assert found == {"trainables.ray_adapter"}


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("import slr_tune; dir(slr_tune)", ("torch", "ray", "optuna", "pandas", "click", "yaml")),
        ("import slr_tune; slr_tune.load", ("torch", "ray", "pandas", "plotly", "rich")),
        ("import slr_tune; slr_tune.ablate, slr_tune.run", ("torch", "pandas", "plotly")),
        ("import slr_tune.cli.main", ("torch", "ray", "optuna", "pandas", "plotly", "rich")),
        ("import slr_tune.space, trainables.config, trainables.registry", ("torch", "ray")),
        ("import slr_tune.study.view, slr_tune.study.summary", ("torch", "ray", "pandas")),
        ("import slr_tune.search.bundles", ("torch", "optuna", "scipy")),  # each worker does
        ("import slr_tune.search.standing", ("torch", "ray", "scipy")),
        ("import trainables.files.curve, trainables.data.config", ("torch", "ray", "pandas")),
    ],
)
def test_light_modules_stay_light(code: str, banned: tuple[str, ...]) -> None:
    """torch and ray take seconds to import; commands that need neither must not pay."""
    check = f"{code}; import sys; print(*[m for m in {banned!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
