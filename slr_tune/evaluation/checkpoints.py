"""Finding what a person names: a checkpoint, the data it was trained on, the study it is from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slr_tune.errors import SlrTuneError, StudyError
from slr_tune.space.yaml_reader import parse_value
from slr_tune.space.yaml_tree import SourcePlace
from slr_tune.study.folders import cache_root
from slr_tune.study.manifest import FILE
from slr_tune.study.record import record_of
from slr_tune.study.view import load_study
from trainables.data import Dataset, open_dataset, prepare
from trainables.data.config import as_written
from trainables.errors import CheckpointError, DataError
from trainables.files.remote import remote_errors

logger = logging.getLogger(__name__)

_BEST = Path("checkpoints") / "checkpoint_best.pt"


@dataclass(frozen=True)
class Named:
    """A checkpoint that a person named.

    Attributes:
        path: The file.
        name: What to call it in a table.
        study: The study it is of, None where it is of none.
        trial: Its number in the study.
    """

    path: Path
    name: str
    study: str | None = None
    trial: int | None = None

    @property
    def run_folder(self) -> Path:
        """Folder of the run: its curve is there."""
        parent = self.path.parent
        return parent.parent if parent.name == "checkpoints" else parent

    @property
    def record_folder(self) -> Path:
        """Where openings of test are logged: the study's folder, else the run's."""
        return _study_folder(self.path) or self.run_folder


def _study_folder(path: Path) -> Path | None:
    """The nearest folder above a path that a study has written its manifest into."""
    return next((f for f in path.absolute().parents if (f / FILE).is_file()), None)


def manifest_section(path: Path, name: str) -> Mapping[str, Any]:
    """A section of the manifest of the study that a file is of; empty where there is none."""
    folder = _study_folder(path)
    try:
        text = "" if folder is None else (folder / FILE).read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (OSError, yaml.YAMLError):
        return {}
    section = content.get(name) if isinstance(content, dict) else None
    return section if isinstance(section, dict) else {}


def find_checkpoint(
    given: str | None,
    *,
    study: str | None = None,
    trial: int | None = None,
    storage: str | None = None,
) -> Named:
    """Finds a checkpoint by its file, the folder of its run, or its study.

    Args:
        given: A file, a run's folder, or a study's name; None for the study below.
        study: Name of a study, None for the one written last; its best trial unless `trial` says
            another.
        trial: Number of a trial.
        storage: Database of the studies.

    Raises:
        SlrTuneError: There is none.
    """
    if given is not None and study is not None:
        raise SlrTuneError("give a checkpoint, or --study with --trial, not both")
    if given is not None:
        path = Path(given).expanduser()
        if trial is not None and path.exists():
            raise SlrTuneError(
                f"--trial {trial} selects a trial of a study, but {path} is a file or folder",
                hint="Give --study NAME --trial N.",
            )
        for file in (path, path / _BEST, path / _BEST.name):
            if file.is_file():
                return Named(file, _name_of(file))
        if path.is_dir():
            hint = "Give a checkpoint file, or the folder of a run."
            raise CheckpointError(f"{path} holds no {_BEST.name}", hint=hint)
        if path.suffix == ".pt" or len(path.parts) > 1:
            raise CheckpointError(
                f"checkpoint {path} does not exist", hint="Check the path, or train it first."
            )
    return _of_study(given or study, trial, storage)


def _of_study(study: str | None, trial: int | None, storage: str | None) -> Named:
    view = load_study(study, storage)
    name = view.spec.study
    if trial is None:
        best = view.best()
        if best is None:
            raise StudyError(f"study {name!r} has no finished trial yet")
        trial = best.number
    else:
        trial = view.trial(trial).number
    path = view.own_folder(trial) / _BEST
    if view.files is not None:
        with remote_errors(view.files.url):
            view.files.fetch(path)
    if not path.is_file():
        record = record_of(view.trial(trial))
        if record is not None and record.imported is not None:
            raise CheckpointError(
                f"trial {trial} of study {name!r} was imported from {record.imported}: its weights "
                "are not here",
                hint="Choose a trial that this study ran with --trial, retrain it with slr-tune "
                "confirm, or slr-tune adopt takes its checkpoint.",
            )
        ran = record is not None and record.epochs
        why = "its checkpoint was removed" if ran else "it ended before its first epoch"
        raise CheckpointError(
            f"trial {trial} of study {name!r} has no checkpoint: {why}",
            hint="Without --trial, the best trial is taken.",
        )
    return Named(path, f"{name}/{trial}", study=name, trial=trial)


def _name_of(path: Path) -> str:
    """The run's folder says more than checkpoint_best.pt does."""
    parent = path.absolute().parent
    if parent.name != "checkpoints":
        return path.stem
    folder = parent.parent
    if folder.parent.name == "trials":
        return f"{folder.parent.parent.name}/{folder.name}"
    return folder.name


def find_data(data_hash: str, named: Named, given: str | None) -> Dataset:
    """Finds the data that a checkpoint was trained on, unless another is named.

    Args:
        data_hash: As the checkpoint has it.
        named: The checkpoint.
        given: Name of a data set, or its mapping as YAML; None to look for the checkpoint's own.

    Raises:
        DataError: It is not there any more, and nothing says how it was made.
    """
    if given is not None:
        section = read_data(given)
        data = prepare(as_written(section), cache_root())
        # Features may have been packed as they came when this checkpoint was trained.
        other = data if data.hash == data_hash else prepare(section, cache_root())
        data = other if other.hash == data_hash else data
        _warn_of_scale(data_hash, named, data)
        return data
    folder = cache_root() / "data" / data_hash
    if data_hash and folder.is_dir():
        return open_dataset(folder)
    for section in (manifest_section(named.path, "data"), {"name": "libras"}):
        if section:
            data = prepare(section, cache_root())
            if data.hash == data_hash:
                return data
    raise DataError(
        f"the data that {named.path} was trained on is not in {folder.parent}",
        hint="Name it with --data, as in the space: --data '{name: phoenix, root: ..., "
        "features: ...}'.",
    )


def _warn_of_scale(data_hash: str, named: Named, data: Dataset) -> None:
    """Says that a model sees features of another scale than those it was trained on."""
    if data.hash == data_hash or data.name != "phoenix":
        return
    trained = manifest_section(named.path, "data")
    if not trained and data_hash:
        with suppress(DataError):
            trained = open_dataset(cache_root() / "data" / data_hash).spec
    scaled = [bool(one.get("standardise")) for one in (trained, data.spec)]
    if trained.get("name") == data.name and scaled[0] != scaled[1]:
        words = ["as they are in the files", "standardised"]
        logger.warning(
            "%s was trained on features %s, and gets them %s: its WER says little. Add standardise:"
            " %s to --data",
            named.path,
            words[scaled[0]],
            words[scaled[1]],
            str(scaled[0]).lower(),
        )


def read_data(text: str) -> Mapping[str, Any]:
    """The `data:` mapping that an option gives, as a name or as YAML.

    Raises:
        SlrTuneError: It is not a mapping.
    """
    node, problems = parse_value(text, SourcePlace(0, 0, 0, f"--data {text}"))
    plain = None if node is None else node.plain()
    if problems or not isinstance(plain, str | dict):
        message = str(problems[0]) if problems else f"--data {text}: neither a name nor a mapping"
        raise SlrTuneError(message, hint="For example --data libras.")
    return {"name": plain} if isinstance(plain, str) else plain
