"""The commands that a report gives, typed in another folder, of a study that was copied."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from report_studies import SPACE, StoredTrial, tell_study

from slr_tune.ablation.design import make_design
from slr_tune.ablation.options import AblationOptions
from slr_tune.cli.main import cli
from slr_tune.cli.main import run as slr_tune
from slr_tune.importance import Importance
from slr_tune.importance.effects import EdgeReading
from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.overview import overview_parts
from slr_tune.report.study.study_data import StudyData, collect
from slr_tune.study.folders import study_folder
from slr_tune.study.manifest import keep_space, last_run, write_manifest
from slr_tune.study.view import load_study

FALLING = [StoredTrial([90.0 - 5 * e - n for e in range(9)]) for n in range(4)]
FAILED = [StoredTrial([], "error", error="ValueError: no") for _ in range(2)]
DRY = {"run", "ablate"}


@pytest.fixture
def copied(database: Path, studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studies folder, copied to another disk; the file of the space stayed behind."""
    there, mine = tmp_path / "there", tmp_path / "my spaces" / "mine.yaml"
    mine.parent.mkdir()
    view = tell_study([*FALLING, *FAILED, StoredTrial([70.0], "running")])
    mine.write_text(SPACE.read_text())
    typed = {"--set": ["budget.grace_epochs=1"], "--max-epochs": 9, "--no-verify": True}
    write_manifest(replace(view.spec, path=mine), view.folder, data=None, options=typed)
    shutil.copytree(studies, there / "of all")
    shutil.rmtree(mine.parent)
    shutil.rmtree(studies)
    monkeypatch.setenv("SLR_TUNE_STUDIES", "of all")
    monkeypatch.chdir(there)
    return there


def advised() -> StudyData:
    """With an edge and a first place, as if the model had read them off 60 trials."""
    study = collect(load_study("told"))
    assert study.importance is not None
    main = Importance(9, "gp", 60, (), (), named="kd_blank")
    edges = (EdgeReading("learning_rate", True, 1.0, 0.95),)
    return replace(study, importance=replace(study.importance, main=main, edges=edges))


def test_each_is_taken_in_any_folder(
    copied: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Advice that is refused costs more trust than none."""
    study = advised()
    rules = [step.rule for step in next_steps(study)]
    assert rules == ["unfinished", "failures", "confirm", "edge", "longer", "ablate"]
    (part,) = [part for part in overview_parts(study) if part.title == "What to do next"]
    (bullets,) = part.blocks
    lines = [line for _, line in bullets.written()]  # type: ignore[union-attr]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.delenv("SLR_TUNE_STUDIES")
    for line in lines:
        monkeypatch.chdir(elsewhere)
        found = re.fullmatch(r"cd (\S+) && SLR_TUNE_STUDIES=(\'.+?\') (slr-tune .+)", line)
        assert found is not None, line
        folder, root, command = found.groups()
        monkeypatch.chdir(shlex.split(folder)[0])
        with monkeypatch.context() as patch:
            patch.setenv("SLR_TUNE_STUDIES", shlex.split(root)[0])
            name, *words = shlex.split(command)[1:]
            if name == "confirm":  # it has no dry run
                known = cli.get_command(click.Context(cli), name)
                assert known is not None and known.make_context(name, words).params["study_option"]
                continue
            assert slr_tune([name, *words, *["--dry-run"] * (name in DRY)]) == 0, (
                capsys.readouterr()
            )
    assert not list(elsewhere.iterdir())


def test_the_file_is_taken_where_it_still_is(database: Path, studies: Path) -> None:
    """At a terminal: it may have been changed since. A report is read where it is not."""
    view = tell_study([StoredTrial([60.0, *[30.0] * 8])])
    spec = replace(view.spec, path=SPACE)
    write_manifest(spec, view.folder, data=None, options={})
    assert (view.folder / "space.yaml").read_bytes() == SPACE.read_bytes()
    assert SPACE.name in last_run(view.folder).command("told")
    assert collect(view).last_run.command("told") == "slr-tune run --from-study told"


def test_the_stored_space_keeps_what_was_typed(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the options of the last run, another space would be searched under the same name."""
    planned = _plan(capsys, "--from-study", "told")
    assert planned["study"] == "told" and planned["budget"]["max_epochs"] == 9
    assert planned["budget"]["grace_epochs"] == 1
    # What is typed wins, whichever way either was written.
    options = ("--from-study", "told", "--study", "longer", "--set", "budget.max_epochs=18")
    planned = _plan(capsys, *options)
    assert planned["study"] == "longer" and planned["budget"]["max_epochs"] == 18


def _plan(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert slr_tune(["run", *options, "--dry-run", "--json"]) == 0, capsys.readouterr()
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_a_stored_space_that_is_not_there(
    database: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the study and says what to give instead."""
    tell_study([StoredTrial([60.0])])
    for *options, message in (
        ("run", "--from-study", "none", "there is no study 'none'"),
        ("ablate", "--from-study", "none", "--factor", "dropout", "there is no study 'none'"),
        ("run", "--from-study", "told", "has no copy of its search space"),
        ("run", str(SPACE), "--from-study", "told", "not both"),
        ("ablate", "told", "--from-study", "told", "not both"),
        ("run", "Missing argument 'SPACE'"),
    ):
        assert slr_tune(options) == 2
        assert message in " ".join(capsys.readouterr().err.split())


def test_an_ablation_before_any_search(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its space is in no database: the command of its report needs the copy in the folder."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(SPACE.read_text())
    design = make_design(mine, AblationOptions(factors=("dropout",)))
    assert design.command.startswith("slr-tune ablate --from-study ")
    keep_space(design.spec, study_folder(design.spec.study))
    mine.unlink()
    assert slr_tune([*shlex.split(design.command)[1:], "--dry-run"]) == 0, capsys.readouterr()


def test_a_database_that_was_named_is_named_again(
    database: Path, studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for one with a password."""
    tell_study([StoredTrial([60.0, *[30.0] * 8])])
    url = f"sqlite:///{database}"
    for view in (load_study("told", url), _of_variable(url, monkeypatch)):
        (part,) = [p for p in overview_parts(collect(view)) if p.title == "What to do next"]
        (bullets,) = part.blocks
        lines = [line for _, line in bullets.written()]  # type: ignore[union-attr]
        assert lines and all(line.endswith(f"--storage {url}") for line in lines)
        assert all(line.startswith("slr-tune") for _, line in bullets.pairs())  # type: ignore[union-attr]


def _of_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("SLR_TUNE_STORAGE", url)
    return load_study("told")
