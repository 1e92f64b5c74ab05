"""What is sent to the nodes of a cluster where nothing of it is installed, by Ray's runtime_env."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import slr_tune
import trainables
from slr_tune.errors import SlrTuneError
from trainables.registry import BUILT_IN_NAMES
from trainables.script.spec import is_script

_LEFT_OUT = ["__pycache__", "*.pyc", ".git", ".venv", "venv", "studies"]


@dataclass(frozen=True)
class Shipping:
    """What is sent.

    Attributes:
        code: Whether this project's packages and the user's own run go along.
        settings: Ray's runtime_env, as its file says it.
    """

    code: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def runtime_env(self, trainable: str) -> dict[str, Any]:
        """As `ray.init` takes it.

        Args:
            trainable: Name of the run whose code goes along.

        Raises:
            SlrTuneError: Ray refuses the settings.
        """
        found = dict(self.settings)
        if self.code:
            packages = [str(Path(p.__path__[0])) for p in (slr_tune, trainables)]
            found["py_modules"] = [*found.get("py_modules", []), *packages, *_own(trainable)]
            found["excludes"] = [*found.get("excludes", []), *_LEFT_OUT]
            if is_script(trainable):
                found.setdefault("working_dir", os.getcwd())
        from ray.runtime_env import RuntimeEnv

        try:
            RuntimeEnv(**found)
        except Exception as error:
            raise SlrTuneError(
                f"--runtime-env: {error}",
                hint="Its keys are those of Ray's runtime_env: pip, conda, env_vars, py_modules, "
                "working_dir, ...",
            ) from error
        return found


def read_shipping(*, ship: bool, file: Path | None, address: str | None) -> Shipping | None:
    """What the two options ask for; None for nothing.

    Args:
        ship: Whether to send the code.
        file: YAML file with Ray's runtime_env.
        address: Ray cluster, None for this machine.

    Raises:
        SlrTuneError: The file cannot be read, or there is no cluster.
    """
    if not ship and file is None:
        return None
    if address is None:
        raise SlrTuneError(
            "--ship and --runtime-env send code to the nodes of a cluster",
            hint="Name it with --address, or leave them out: this machine has the code.",
        )
    return Shipping(ship, {} if file is None else _read(file))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SlrTuneError(f"--runtime-env {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split())
        raise SlrTuneError(f"--runtime-env {file} is not YAML: {message}") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise SlrTuneError(
            f"--runtime-env {file} contains no mapping",
            hint="Write one key of Ray's runtime_env per line, such as pip: [torch==2.8.0].",
        )
    return found


def _own(trainable: str) -> list[str]:
    """The top-level package or file of a user's own run."""
    if trainable in BUILT_IN_NAMES or is_script(trainable):
        return []
    spec = importlib.util.find_spec(trainable.partition(":")[0].partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [str(next(iter(spec.submodule_search_locations)))]
    return [] if spec.origin is None else [spec.origin]
