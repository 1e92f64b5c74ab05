"""What the project uses of Optuna, Optuna Dashboard and Ray beside their public interfaces.

It stands in one module for each, and a release without it is told of here, in words.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import optuna
import pytest

ROOT = Path(__file__).parent.parent

MODULES = {
    "slr_tune/study/optuna_private.py",
    "slr_tune/dashboard/optuna_dashboard_private.py",
    "slr_tune/training/ray_private.py",
}
"""The only ones that may."""

COLUMNS = {
    "trials": "trial_id study_id number state datetime_start datetime_complete",
    "studies": "study_id study_name",
    "study_directions": "study_id objective direction",
    "study_user_attributes": "study_id key",
    "trial_params": "trial_id param_id param_name param_value distribution_json",
    "trial_values": "trial_id objective value value_type",
    "trial_intermediate_values": "trial_id step intermediate_value intermediate_value_type",
    "trial_user_attributes": "trial_id key value_json",
    "trial_system_attributes": "trial_id key value_json",
}
LIBRARIES = ("optuna", "optuna_dashboard", "ray")


@cache
def optunas_tables() -> dict[str, set[str]]:
    """Columns of the tables of an `RDBStorage`, by the table's name."""
    from optuna.storages._rdb import models

    tables = models.BaseModel.metadata.tables
    return {name: set(table.columns.keys()) for name, table in tables.items()}


@cache
def private_names() -> set[str]:
    """Attributes with an underscore of what Optuna gives, and such arguments of `ray.init`."""
    import ray

    study = optuna.create_study()
    trial = study.ask()
    storage = optuna.storages.RDBStorage("sqlite://")
    cached = optuna.storages.get_storage(storage)
    optuna.create_study(storage=storage)
    (listed,) = storage.get_all_studies()
    held = [study, trial, study.trials[0], storage, cached, study.sampler, listed]
    names = {name for one in held for name in dir(one)}
    names |= set(re.findall(r'kwargs\.pop\(\s*"(\w+)"', inspect.getsource(ray.init)))
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def _docstrings(tree: ast.AST) -> set[int]:
    return {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}


def _full_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def private_uses(code: str) -> Iterator[str]:
    """What a module takes of the three libraries that they do not offer."""
    tree = ast.parse(code)
    docstrings = _docstrings(tree)
    tables = set(optunas_tables()) - {"trials", "studies"}  # words of this project too
    for node in ast.walk(tree):
        for name in _full_names(node):
            inner = name.split(".")[1:]
            hidden = any(part.startswith("_") for part in inner) or name.endswith(".get_storage")
            if name.split(".")[0] in LIBRARIES and hidden:
                yield name
        if isinstance(node, ast.Attribute) and node.attr in private_names():
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield f".{node.attr}"
        if isinstance(node, ast.keyword) and node.arg in private_names():
            yield f"{node.arg}="
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text, words = node.value, set(node.value.replace('"', " ").split())
            known = text.startswith(("dashboard:", "artifacts:", "RAY_", "TUNE_"))
            if id(node) not in docstrings and (known or words & (tables | private_names())):
                yield repr(text)


def test_only_the_three_modules_use_what_is_private() -> None:
    """A use elsewhere would break with a release, and nobody would know where to look."""
    paths = [path for top in ("slr_tune", "trainables") for path in (ROOT / top).rglob("*.py")]
    found = {
        f"{name}: {use}"
        for path in paths
        if (name := str(path.relative_to(ROOT))) not in MODULES
        for use in private_uses(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        "from optuna.study._frozen import FrozenStudy",
        "from optuna.storages import get_storage",
        "import ray._private.worker",
        "key = trial._trial_id",
        "storage = view.study._storage",
        "backend = storage._backend",
        "FrozenTrial(**told)._system_attrs",
        "ray.init(_node_ip_address='127.0.0.1')",
        "options = {'_node_ip_address': '127.0.0.1'}",
        "os.environ['TUNE_DISABLE_SIGINT_HANDLER'] = '1'",
        "query = text('SELECT * FROM trial_user_attributes')",
        "key = f'dashboard:plot_data:{name}'",
    ],
)
def test_private_uses_are_found(code: str) -> None:
    """Broken if the test above could not fail."""
    assert list(private_uses(code))


@pytest.mark.parametrize("table", COLUMNS)
def test_optunas_tables_have_the_columns(table: str) -> None:
    """Every view of a study is read from them."""
    missing = set(COLUMNS[table].split()) - optunas_tables().get(table, set())
    assert not missing, (
        f"Optuna {optuna.__version__} has no {', '.join(sorted(missing))} in its table {table}: "
        "mend slr_tune/study/optuna_private.py"
    )


def test_optunas_objects_have_their_keys() -> None:
    """The driver writes, and the dashboard shows, by these keys."""
    storage = optuna.storages.RDBStorage("sqlite://")
    trial = optuna.create_study(storage=storage).ask()
    (study,) = storage.get_all_studies()
    frozen = storage.get_all_trials(storage.get_study_id_from_name(study.study_name))[0]
    for one, name in ((trial, "_trial_id"), (frozen, "_trial_id"), (study, "_study_id")):
        assert hasattr(one, name), (
            f"Optuna {optuna.__version__} has no {type(one).__name__}.{name}: "
            "mend slr_tune/study/optuna_private.py"
        )
    assert type(study).__module__ == "optuna.study._frozen"
    assert hasattr(optuna.storages, "get_storage"), "Optuna has no optuna.storages.get_storage"
