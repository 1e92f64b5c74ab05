"""Names of runs, built in and of users."""

from pathlib import Path

import pytest

from trainables.config import DistillConfig
from trainables.errors import ConfigError
from trainables.registry import BUILT_IN_NAMES, config_class, run_class

OWN_RUN = """
from pydantic import BaseModel

class Settings(BaseModel):
    max_epochs: int = 3

class Endless(BaseModel):
    pass

class MyRun:
    config_class = Settings
    def run_epoch(self): ...
    def state_dict(self): ...
    def load_state_dict(self, state): ...
    def facts(self): ...

class NoFacts(MyRun):
    facts = None

class NoEnd(MyRun):
    config_class = Endless
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "registry_own_run.py").write_text(OWN_RUN)
    (tmp_path / "registry_broken_run.py").write_text("1 / 0")
    return "registry_own_run"


@pytest.mark.parametrize("name", BUILT_IN_NAMES)
def test_built_in_run_and_its_settings_belong_together(name: str) -> None:
    # The settings are found without the run (and torch); they must be the run's own.
    assert run_class(name).config_class is config_class(name)


def test_distill_has_its_settings() -> None:
    assert config_class("distill") is DistillConfig


def test_users_run_is_found(own_module: str) -> None:
    found = run_class(f"{own_module}:MyRun")
    assert found.__name__ == "MyRun"
    assert "max_epochs" in config_class(f"{own_module}:MyRun").model_fields


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("studnet", "Did you mean student?"),
        ("something", "package.module:Class"),
        ("registry_own_run:", "no trainable"),
        ("registry_own_run:Other", "no class or function Other"),
        ("registry_own_run:NoFacts", "lacks facts"),
        ("registry_own_run:NoEnd", "max_epochs"),
        ("registry_missing:MyRun", "importing registry_missing failed"),
        ("registry_broken_run:MyRun", "ZeroDivisionError"),
    ],
)
def test_wrong_names_are_explained(own_module: str, name: str, message: str) -> None:
    # A misspelt trainable must end in one clear message before anything is started.
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        run_class(name)
