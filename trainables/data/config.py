"""The `data:` section of a search-space file: which data sets are known and what each can be told.

Reading it opens no file and imports neither torch nor a data set's own code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from pydantic_core import ErrorDetails

from trainables.errors import ConfigError

Count = Annotated[int, Field(ge=1)]
Subset = Literal["multisigner", "si5"]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LibrasSpec(_Spec):
    """Sentences made of the bundled Libras recordings.

    Attributes:
        seed: Everything random in the data comes from it: which recordings go to which split,
            the grammar and the sentences.
        train: Sentences to train on.
        dev: Sentences to choose by.
        test: Sentences to look at once, at the end.
    """

    name: Literal["libras"] = "libras"
    seed: Annotated[int, Field(ge=0)] = 0
    train: Count = 600
    dev: Count = 150
    test: Count = 200


class PhoenixSpec(_Spec):
    """Features laid out like RWTH-PHOENIX-2014.

    Attributes:
        root: Folder that holds `annotations/` and `features/`; `~` is expanded and a relative
            path starts at the working directory.
        features: Name of the folder in `features/` to read.
        subset: `multisigner` reads `train.corpus.csv`, `si5` (signer-independent) reads
            `train.SI5.corpus.csv`; likewise for dev and test. Results of the two never compare.
        exclude: Ids of utterances to leave out, of whichever split.
    """

    name: Literal["phoenix"] = "phoenix"
    root: Annotated[str, Field(min_length=1)]
    features: Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
    subset: Subset = "multisigner"
    exclude: list[str] = []

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Studies of before `exclude` have none in their stored space, and stay the same."""
        content: dict[str, Any] = serialize(self)
        return {key: value for key, value in content.items() if key != "exclude" or value}


DataSpec = LibrasSpec | PhoenixSpec

_SPECS: dict[str, type[DataSpec]] = {"libras": LibrasSpec, "phoenix": PhoenixSpec}
DATA_NAMES = tuple(_SPECS)


@dataclass(frozen=True)
class DataProblem:
    """One thing wrong in a `data:` section.

    Attributes:
        key: The key it is about; empty where the section as a whole is wrong.
        message: What is wrong, with the value and the rule.
        hint: The way out, may be empty.
    """

    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`data.key: message` with the hint indented below it."""
        head = f"data.{self.key}: {self.message}" if self.key else f"data: {self.message}"
        return f"{head}\n  {self.hint}" if self.hint else head


def parse_data_spec(section: Mapping[str, Any]) -> DataSpec:
    """Checks a `data:` section and fills in its defaults.

    Raises:
        ConfigError: It names no known data set or a setting is wrong; all problems at once.
    """
    spec, problems = check_data_spec(section)
    if spec is None:
        raise ConfigError("\n".join(str(problem) for problem in problems))
    return spec


def check_data_spec(section: Mapping[str, Any]) -> tuple[DataSpec | None, list[DataProblem]]:
    """As `parse_data_spec`, for callers that lay out the problems themselves.

    Returns:
        The spec and no problems, or None and every problem.
    """
    if not isinstance(section, Mapping):
        hint = "Write for example {name: libras}."
        return None, [DataProblem("", f"{section!r} is not a mapping", hint)]
    if "name" not in section:
        return None, [DataProblem("", "has no name", f"Add name: one of {', '.join(DATA_NAMES)}.")]
    name = section["name"]
    if not isinstance(name, str) or name not in _SPECS:
        hint = _suggestion(str(name).lower(), DATA_NAMES)
        return None, [DataProblem("name", f"{name!r} is not a known data set", hint)]
    model = _SPECS[name]
    try:
        return model.model_validate({str(key): value for key, value in section.items()}), []
    except ValidationError as error:
        return None, [_problem(details, model) for details in error.errors()]


def _suggestion(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word, known, n=1)
    near = f"Did you mean {close[0]}? " if close else ""
    return f"{near}Known: {', '.join(known)}."


def _problem(details: ErrorDetails, model: type[BaseModel]) -> DataProblem:
    key = str(details["loc"][0]) if details["loc"] else ""
    if details["type"] == "extra_forbidden":
        message = f"is not a setting of {model.model_fields['name'].default}"
        return DataProblem(key, message, _suggestion(key, tuple(model.model_fields)))
    if details["type"] == "missing":
        return DataProblem(key, "is missing")
    message = details["msg"].removeprefix("Input ").removeprefix("String ")
    return DataProblem(key, f"{details['input']!r}: {message}")
