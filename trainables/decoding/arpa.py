r"""N-gram language models over glosses, and the ARPA files that hold them.

An ARPA file lists, for each order, n-grams with the base-10 logarithm of the probability of their
last word and of the weight with which longer histories fall back on them:

    \data\
    ngram 1=4
    ngram 2=3

    \1-grams:
    -0.69   HELLO   -0.30
    ...
    \end\

Source: Doug Paul and Brian Roark's format as written by CMU, SRILM and KenLM.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from trainables.errors import DataError

BEGIN = "<s>"
END = "</s>"
UNKNOWN = "<unk>"
RESERVED = frozenset((BEGIN, END, UNKNOWN))

Ngram = tuple[str, ...]
# What KenLM gives a word that the file has no place for, so that both score alike.
LOG10_OF_UNLISTED = -100.0


@dataclass(frozen=True)
class NgramEntry:
    """An n-gram's line.

    Attributes:
        log10_prob: Probability of the last word after the others.
        log10_backoff: Weight added where a longer history is not listed; 0 where the file has
            none.
    """

    log10_prob: float
    log10_backoff: float = 0.0


@dataclass(frozen=True)
class NgramModel:
    """A back-off n-gram model.

    Attributes:
        ngrams: N-grams of each order from 1. The unigrams hold `<s>` and `</s>`.
    """

    ngrams: tuple[Mapping[Ngram, NgramEntry], ...]

    @property
    def order(self) -> int:
        """Longest n-gram."""
        return len(self.ngrams)

    @property
    def glosses(self) -> frozenset[str]:
        """The words it knows, without the sentence marks and `<unk>`."""
        return frozenset(word for (word,) in self.ngrams[0]) - RESERVED

    def log10_prob(self, word: str, history: Sequence[str]) -> float:
        """Base-10 logarithm of the probability of a word.

        Args:
            word: A gloss, or `</s>`. One that the model does not know is scored as `<unk>`.
            history: What came before, from `<s>`; only the last order - 1 count.
        """
        words = tuple(self._known(word) for word in (*history, word))[-self.order :]
        log10_backoff = 0.0
        while (entry := self._entry(words)) is None and len(words) > 1:
            shortened = self._entry(words[:-1])
            log10_backoff += 0.0 if shortened is None else shortened.log10_backoff
            words = words[1:]
        return log10_backoff + (LOG10_OF_UNLISTED if entry is None else entry.log10_prob)

    def sentence_log10_prob(self, sentence: Sequence[str]) -> float:
        """Base-10 logarithm of the probability of a whole sentence, its end included."""
        words = (BEGIN, *sentence, END)
        return sum(self.log10_prob(words[i], words[:i]) for i in range(1, len(words)))

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """Perplexity per word of a text; the end of a sentence counts as a word.

        Raises:
            ValueError: There is no sentence.
        """
        texts = list(sentences)
        if not texts:
            raise ValueError("the perplexity of no sentence is not defined")
        log10_prob = sum(map(self.sentence_log10_prob, texts))
        words = sum(len(text) + 1 for text in texts)
        return float(10.0 ** (-log10_prob / words))

    def _entry(self, words: Ngram) -> NgramEntry | None:
        return self.ngrams[len(words) - 1].get(words)

    def _known(self, word: str) -> str:
        return word if (word,) in self.ngrams[0] else UNKNOWN


def write_arpa(model: NgramModel, path: Path) -> None:
    """Writes a model as a plain ARPA file, n-grams in the order of their words."""
    lines = ["\\data\\"]
    lines += [f"ngram {order}={len(ngrams)}" for order, ngrams in enumerate(model.ngrams, 1)]
    for order, ngrams in enumerate(model.ngrams, 1):
        lines += ["", f"\\{order}-grams:"]
        for words, entry in sorted(ngrams.items(), key=itemgetter(0)):
            backoff = f"\t{entry.log10_backoff:.9g}" if order < model.order else ""
            lines.append(f"{entry.log10_prob:.9g}\t{' '.join(words)}{backoff}")
    path.write_text("\n".join((*lines, "", "\\end\\", "")), encoding="utf-8", newline="\n")


def read_arpa(path: Path) -> NgramModel:
    """Reads an ARPA file, plain or gzip-compressed (`.gz`).

    Raises:
        DataError: The file is missing or is not an ARPA file; the line is named.
    """
    opener: Callable[..., Iterable[str]] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, mode="rt", encoding="utf-8") as file:  # type: ignore[attr-defined]
            return _Reader(path, file).read()
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such language model", hint="Give an ARPA file, plain or .gz."
        ) from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder", hint="Give the ARPA file in it.") from None
    except (UnicodeDecodeError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"{path}: not an ARPA text file: {error}",
            hint="KenLM's binary files cannot be read here; give the ARPA file it was made from.",
        ) from None


class _Reader:
    """Reads the lines of one file."""

    def __init__(self, path: Path, lines: Iterable[str]) -> None:
        self._path = path
        self._lines = enumerate(map(str.strip, lines), 1)
        self._number = 0

    def read(self) -> NgramModel:
        counts = self._header()
        ngrams = tuple(self._section(order, count) for order, count in enumerate(counts, 1))
        if self._next() != "\\end\\":
            raise self._error("expected \\end\\")
        for mark in (BEGIN, END):
            if (mark,) not in ngrams[0]:
                raise DataError(
                    f"{self._path}: the unigrams have no {mark}",
                    hint="A model for decoding has to know where sentences begin and end.",
                )
        return NgramModel(ngrams)

    def _header(self) -> list[int]:
        while self._next() != "\\data\\":
            pass  # Text before \data\ is a comment.
        counts: list[int] = []
        while (line := self._next()) != "\\1-grams:":
            order, equals, count = line.removeprefix("ngram ").partition("=")
            if not equals or order.strip() != str(len(counts) + 1) or not count.strip().isdigit():
                raise self._error(f"expected 'ngram {len(counts) + 1}=COUNT' or \\1-grams:")
            counts.append(int(count))
        if not counts:
            raise self._error("no 'ngram 1=COUNT' before \\1-grams:")
        return counts

    def _section(self, order: int, count: int) -> dict[Ngram, NgramEntry]:
        if order > 1 and self._next() != f"\\{order}-grams:":
            raise self._error(f"expected \\{order}-grams:")
        ngrams: dict[Ngram, NgramEntry] = {}
        for _ in range(count):
            words, entry = self._line(order)
            if words in ngrams:
                raise self._error(f"the n-gram {' '.join(words)!r} is listed twice")
            ngrams[words] = entry
        return ngrams

    def _line(self, order: int) -> tuple[Ngram, NgramEntry]:
        fields = self._next().split()
        if len(fields) not in (order + 1, order + 2):
            raise self._error(f"expected LOG10_PROB, {order} words, and a backoff or none")
        words = tuple(UNKNOWN if word == "<UNK>" else word for word in fields[1 : order + 1])
        prob = self._float(fields[0])
        if prob > 0.0:
            raise self._error(f"the logarithm of a probability is above 0: {fields[0]}")
        return words, NgramEntry(prob, self._float(fields[-1]) if len(fields) == order + 2 else 0.0)

    def _float(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or value == math.inf:
            raise self._error(f"{text!r} is not a number")
        # Some tools write -inf for a probability of 0; sums must stay numbers.
        return max(value, LOG10_OF_UNLISTED)

    def _next(self) -> str:
        for number, line in self._lines:
            self._number = number
            if line:
                return line
        raise DataError(
            f"{self._path}: not a whole ARPA file: it ends after line {self._number}",
            hint="An ARPA file begins with \\data\\ and ends with \\end\\.",
        )

    def _error(self, message: str) -> DataError:
        return DataError(f"{self._path}:{self._number}: {message}")
