"""`slr-tune verify` passes for every shipped space, on made-up data in the users' layout."""

from __future__ import annotations

from pathlib import Path

import phoenix_layout
import pytest
import written_commands

from slr_tune.checks.verify import verify
from slr_tune.space import load_spec

SPACES = written_commands.ROOT / "search_spaces"

_FIXED = ["fixed.layers=1", "fixed.hidden=4", "fixed.projection=4"]
_TEACHER = [f"teacher.settings.{size}" for size in ("layers=1", "hidden=6", "projection=4")]
_BRANCHES = "space.architecture.choice."
SMALLER: dict[str, list[str]] = {
    "phoenix/student.yaml": [
        "fixed.projection=4",
        _BRANCHES + "bilstm={layers: {fixed: 1}, hidden: {fixed: 4}}",
        _BRANCHES + "mobilenet={layers: {fixed: 1}, hidden: {fixed: 4}}",
    ],
    "phoenix/teacher.yaml": [
        "fixed.projection=4",
        _BRANCHES + "bilstm={layers: {fixed: 1}, hidden: {choice: [4, 8]}}",
        _BRANCHES + "inception={layers: {fixed: 1}, hidden: {choice: [4, 8]}}",
        "baseline.layers=1",
        "baseline.hidden=4",
    ],
    "phoenix/distill.yaml": [*_FIXED, *_TEACHER],
    "phoenix/self_distill.yaml": [*_FIXED, *_TEACHER],
    **{f"presets/{name}.yaml": _FIXED for name in ("conservative", "aggressive", "regularised")},
}
"""Models that are checked in no time; all else is as in the file."""


@pytest.mark.parametrize("name", sorted(SMALLER))
def test_verify_passes_on_data_in_that_layout(name: str, tmp_path: Path, studies: Path) -> None:
    # Broken if a file could not be run on the users' data: a folder that is not found, a teacher
    # that does not fit, a largest configuration that cannot be built.
    data = phoenix_layout.write_phoenix(tmp_path / "data", features="frames", frames=(24, 40))
    # Some ask for a GPU for each trial, which the machine that runs the tests need not have.
    small = [f"data.root={data.root}", "resources.gpus_per_trial=0", *SMALLER[name]]
    spec = load_spec(SPACES / name, overrides=small)
    checks = verify(spec, storage=None)
    assert {"data", "memory", "architectures", "loss"} <= {check.name for check in checks}
    assert [str(check) for check in checks if check.status not in ("PASS", "NOTE")] == []


def test_every_file_is_verified() -> None:
    # Broken if a file were added that is not verified above.
    shipped = [*SPACES.glob("phoenix/*.yaml"), *SPACES.glob("presets/*.yaml")]
    assert set(SMALLER) == {str(path.relative_to(SPACES)) for path in shipped}
