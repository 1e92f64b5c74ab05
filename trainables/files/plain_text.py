"""Text as it enters, from corpora and from files to score: what looks equal becomes equal.

An umlaut is one character or two, a space is one of a dozen, a line ends in one of three ways, and
some characters cannot be seen at all. None of this may count as an error, so all text that is
compared with other text goes through `normalised` once, where it enters.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_UNSEEN = re.compile("[\ufeff\u200b\u2060\xad\u200e\u200f]")
_HYPHENS = re.compile("[\u2010\u2011]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(content: bytes) -> str:
    """The normalised text of a file: UTF-8, or what its byte order mark says.

    Raises:
        UnicodeDecodeError: It is neither.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    return normalised(content.decode(encoding))


def normalised(text: str) -> str:
    r"""Text in one way of writing.

    Unicode's composed form (NFC), so that an umlaut is one character; every kind of space a space;
    every end of a line "\n"; the two hyphens that look like "-" the same; byte order marks, soft
    hyphens, marks of direction and spaces without width, which cannot be seen, left out. Letters
    that differ to the eye, capitals among them, stay as they are.
    """
    if text.isascii() and "\r" not in text:
        return text
    text = _LINE_ENDS.sub("\n", text)
    text = _SPACES.sub(" ", _UNSEEN.sub("", text))
    return unicodedata.normalize("NFC", _HYPHENS.sub("-", text))
