"""The search spaces that come with the package: found by name where no file has it."""

from __future__ import annotations

from pathlib import Path

from slr_tune.errors import Problem, SlrTuneError, SpecError, did_you_mean, nearest_or_all
from slr_tune.space.yaml_reader import nearest_file

_PACKAGE = Path(__file__).parent.parent
_PLACES = (_PACKAGE / "search_spaces", _PACKAGE.parent / "search_spaces")
"""In an installed package, and in a checkout of the sources."""
_FOLDER = "search_spaces/"
_ENDING = ".yaml"


def shipped_folder() -> Path:
    """The folder of the shipped spaces; one that is not there where the package is incomplete."""
    return next((place for place in _PLACES if (place / "distill.yaml").is_file()), _PLACES[0])


def shipped_names() -> list[str]:
    """Names of the shipped spaces, such as `distill` and `phoenix/distill`."""
    folder = shipped_folder()
    paths = sorted(folder.rglob(f"*{_ENDING}"), key=lambda path: (len(path.parts), path))
    return [path.relative_to(folder).as_posix().removesuffix(_ENDING) for path in paths]


def shipped_file(name: str) -> Path | None:
    """The file of a shipped space; None where none is called that.

    Args:
        name: `distill`, `distill.yaml` or `search_spaces/distill.yaml`.
    """
    wanted = name.removeprefix("./").removeprefix(_FOLDER).removesuffix(_ENDING)
    if wanted not in shipped_names():
        return None
    return shipped_folder() / f"{wanted}{_ENDING}"


def find_space(space: str | Path) -> Path:
    """The file that is meant: one that is there, else the shipped one of that name.

    Raises:
        SpecError: There is neither.
    """
    path = Path(space)
    if path.exists() and not path.is_dir():
        return path
    shipped = shipped_file(path.as_posix())
    if shipped is None and not path.is_dir():
        known = shipped_names()
        near = nearest_file(path)
        # The folder's content is listed where nothing is near; a shipped space may be.
        meant = near if near.startswith("Did") else did_you_mean(path.stem, known) or near
        hint = f"{meant} The shipped spaces are: {', '.join(known)}.".strip()
        raise SpecError([Problem(str(path), "no such file", hint)])
    return shipped or path


def space_text(name: str, file: str) -> str:
    """A shipped space as it is written into your own folder.

    Args:
        name: Of the space.
        file: Name that it gets: the commands in its comments then name that.

    Raises:
        SlrTuneError: None is called that.
    """
    path = shipped_file(name)
    if path is None:
        known = shipped_names()
        raise SlrTuneError(f"no space called {name!r} is shipped", hint=nearest_or_all(name, known))
    relative = path.relative_to(shipped_folder()).as_posix()
    return path.read_text(encoding="utf-8").replace(f"{_FOLDER}{relative}", file)
