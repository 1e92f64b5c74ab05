"""`study.yaml` gives back the command that a study was run with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_space import write_toy_space
from written_commands import try_command

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec, difference, load_spec
from slr_tune.study.manifest import LastRun, last_run, write_manifest, write_teacher


def test_what_was_typed_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice to go on that forgot an option would be refused, or be about another study."""
    seen: list[tuple[StudySpec, Any]] = []

    def search(spec: StudySpec, options: Any, progress: Any) -> None:
        seen.append((spec, options))
        raise SlrTuneError("far enough")

    monkeypatch.setattr("slr_tune.search.engine.run_search", search)
    space = write_toy_space(tmp_path)
    words = ["--set", "fixed.fault=nan", "--set", "space.level.float=[0, 0.5]", "--seed", "0"]
    flags = ["--no-verify", "--allow-weak-teacher"]
    left_out = ["--storage", "sqlite:///there.db", "--json"]
    typed = ["run", str(space), "--study", "mine", *words, *flags, *left_out]
    assert slr_tune(typed) != 0
    ((spec, options),) = seen
    write_manifest(spec, tmp_path, data=None, options=options.typed)
    command = last_run(tmp_path).command("mine")
    assert command == (
        f"slr-tune run {space} --study mine --seed 0 "
        "--set fixed.fault=nan --set 'space.level.float=[0, 0.5]' "
        "--allow-weak-teacher --no-verify"
    )
    again = try_command(command)
    assert again is not None and difference(spec.identity(), again.identity()) == []


def test_changes_come_over_what_was_typed() -> None:
    """An option twice would leave it to chance which one a reader takes for true; --set adds up."""
    run = LastRun("my spaces/toy.yaml", {"--set": ["a=1"], "--trials": 6, "--seed": 3})
    assert run.command("mine-2", {"--trials": 9, "--set": ["b={float: [0, 1]}"]}) == (
        "slr-tune run 'my spaces/toy.yaml' --study mine-2 "
        "--set a=1 --set 'b={float: [0, 1]}' --trials 9 --seed 3"
    )


@pytest.mark.parametrize("content", ["", "runs: []", "runs: {}", "runs: [{options: 3}]", "{"])
def test_a_manifest_that_does_not_tell(content: str, tmp_path: Path) -> None:
    """A torn file must not take the report away; the study's name is known all the same."""
    (tmp_path / "study.yaml").write_text(content)
    assert last_run(tmp_path).command("mine") == "slr-tune run SPACE --study mine"
    assert last_run(tmp_path / "nowhere").command("mine") == "slr-tune run SPACE --study mine"


def test_the_file_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report is not always made where the search was begun."""
    monkeypatch.chdir(tmp_path)
    write_toy_space(tmp_path)
    write_manifest(load_spec(Path("toy.yaml")), tmp_path, data=None, options={})
    assert last_run(tmp_path).space_file == "toy.yaml"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert last_run(tmp_path).space_file == str(tmp_path / "toy.yaml")


def test_the_teacher_of_an_earlier_run_stays_while_the_next_one_looks_for_it(
    tmp_path: Path,
) -> None:
    """`clean` keeps what a study's teacher made, also while the study is being resumed."""
    spec = load_spec(Path("search_spaces/distill.yaml"))
    write_manifest(spec, tmp_path, data=None, options={})
    write_teacher(tmp_path, {"checkpoint": "best.pt", "sha256": "ab", "wer": 9.5})
    content = yaml.safe_load(write_manifest(spec, tmp_path, data=None, options={}).read_text())
    assert content["teacher"]["sha256"] == "ab" and len(content["runs"]) == 2
