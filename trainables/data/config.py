"""The `data:` section of a search-space file: which data sets are known and what settings each has.

Reading it opens no file and imports neither torch nor a data set's own code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from trainables.errors import ConfigError

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Subset = Literal["multisigner", "si5"]

_SHARE_RULE = "a share of the utterances, above 0 and at most 1"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Shares(_Strict):
    """Shares of the utterances, above 0 and at most 1; None takes all."""

    train: Share | None = None
    dev: Share | None = None


class Counts(_Strict):
    """At most so many utterances; None takes all."""

    train: Count | None = None
    dev: Count | None = None


class _Spec(_Strict):
    """Settings of all data sets.

    Attributes:
        max_utterances: Utterances of train to use at most, or `{train: N, dev: N}`.
    """

    max_utterances: Count | Counts | None = None

    @property
    def part(self) -> tuple[Shares, Counts]:
        """Used part of train and dev: shares, and a maximum. By default all of dev."""
        given, most = self.shares, self.max_utterances
        shares = given if isinstance(given, Shares) else Shares(train=given)
        return shares, most if isinstance(most, Counts) else Counts(train=most)

    @property
    def shares(self) -> float | Shares | None:
        """What `subset` says of shares."""
        return None

    def whole(self) -> Self:
        """The same data, all of it."""
        return self.model_copy(update={"max_utterances": None})

    @field_validator("max_utterances", mode="before")
    @classmethod
    def _check_counts(cls, value: Any) -> Any:
        return _one_or_each(value, Counts, "a number of utterances, at least 1")

    @model_serializer(mode="wrap")
    def _without_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Studies of before a setting have none in their stored space, and stay the same."""
        content: dict[str, Any] = serialize(self)
        unset = (None, False)  # by identity: a seed of 0 equals False
        return {
            key: value
            for key, value in content.items()
            if not (any(value is one for one in unset) or value == [])
        }


class LibrasSpec(_Spec):
    """Sentences built from the bundled Libras recordings.

    Attributes:
        seed: Everything random in the data comes from it: which recordings go to which split,
            the grammar and the sentences.
        train: Sentences to train on.
        dev: Sentences to make choices on.
        test: Sentences to look at once, at the end.
        subset: Share of the training sentences to use, or `{train: SHARE, dev: SHARE}`.
    """

    name: Literal["libras"] = "libras"
    seed: Annotated[int, Field(ge=0)] = 0
    train: Count = 600
    dev: Count = 150
    test: Count = 200
    subset: Share | Shares | None = None

    @property
    def shares(self) -> float | Shares | None:
        """What `subset` says."""
        return self.subset

    def whole(self) -> Self:
        """The same data, all of it."""
        return super().whole().model_copy(update={"subset": None})

    @field_validator("subset", mode="before")
    @classmethod
    def _check_shares(cls, value: Any) -> Any:
        return _one_or_each(value, Shares, _SHARE_RULE)


class PhoenixSpec(_Spec):
    """Features in the layout of RWTH-PHOENIX-2014.

    Attributes:
        root: Folder that contains `annotations/` and `features/`; `~` is expanded and a relative
            path starts at the working directory.
        features: Name of the folder in `features/` to read.
        subset: `multisigner` reads `train.corpus.csv`, `si5` (signer-independent) reads
            `train.SI5.corpus.csv`; likewise for dev and test. Results of the two are not
            comparable. A share, or `{train: SHARE, dev: SHARE}`, is of multisigner.
        exclude: Ids of utterances to leave out of any split.
        standardise: Whether each feature is normalised to mean 0 and variance 1 with the statistics
            of train, so that noise and learning rates mean the same for all. See `as_written`.
        vocabulary: File of the glosses to recognise, one per line; None takes those of train.
    """

    name: Literal["phoenix"] = "phoenix"
    root: Annotated[str, Field(min_length=1)]
    features: Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
    subset: Subset | Share | Shares = "multisigner"
    exclude: list[str] = []
    standardise: bool = False
    vocabulary: Annotated[str, Field(min_length=1)] | None = None

    @property
    def shares(self) -> float | Shares | None:
        """What `subset` says where it names no list of utterances."""
        return None if isinstance(self.subset, str) else self.subset

    @property
    def corpus(self) -> Subset:
        """Which list of utterances is read."""
        return self.subset if isinstance(self.subset, str) else "multisigner"

    def whole(self) -> Self:
        """The same data, all of it."""
        return super().whole().model_copy(update={"subset": self.corpus})

    @field_validator("subset", mode="before")
    @classmethod
    def _check_subset(cls, value: Any) -> Any:
        if value in ("multisigner", "si5"):
            return value
        if isinstance(value, str):
            rule = f"should be 'multisigner' or 'si5', or {_SHARE_RULE}, such as 0.25"
            raise PydanticCustomError("subset", "{rule}", {"rule": rule})
        return _one_or_each(value, Shares, _SHARE_RULE)


def _one_or_each(value: Any, model: type[Shares | Counts], rule: str) -> Any:
    """One number for train or a mapping of both, as pydantic is to take it: with one error."""
    if value is None:
        return None
    each = value if isinstance(value, Mapping) else {"train": value}
    try:
        found = model.model_validate({str(key): item for key, item in each.items()})
    except ValidationError as error:
        message = f"{rule}, or {{train: .., dev: ..}} with one for each"
        unknown = [str(key) for key in each if key not in model.model_fields]
        if unknown:
            message += f"; {', '.join(unknown)} is neither"
        raise PydanticCustomError("part", "should be {rule}", {"rule": message}) from error
    return found if isinstance(value, Mapping) else value


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


def as_written(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section of a person's file or command with the defaults that only those have.

    Features that are not known to be standardised are, unless the section says otherwise. What is
    stored says so; a study stored before there was this setting has its features as they came.
    """
    section = {str(key): value for key, value in section.items()}
    return {"standardise": True, **section} if section.get("name") == "phoenix" else section


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


_PLAIN = {
    "bool_type": "should be true or false",
    "string_type": "should be a text",
    "list_type": "should be a list",
    "string_too_short": "should not be empty",
}
"""Pydantic's error types in our words."""


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
    plain = _PLAIN.get(details["type"])
    message = plain or details["msg"].removeprefix("Input ").removeprefix("String ")
    return DataProblem(key, f"{details['input']!r}: {message}")
