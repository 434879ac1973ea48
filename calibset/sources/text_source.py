"""The base class of adapters whose files are text that anyone may have written, in whatever encoding."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field

from calibset.core.errors import NotThereError
from calibset.sources.base import Source
from calibset.sources.formats.encoding_guess import suggest_encoding
from calibset.storage.encodings import is_text_encoding
from calibset.storage.files import File, Reader
from calibset.storage.text_lines import ENCODING_FAULT

# The files whose beginnings are looked at for one that isn't in its encoding.
_LOOKED_AT = 32


def _check_encoding(name: str) -> str:
    if not is_text_encoding(name):
        raise ValueError("the name that Python has for an encoding of text, such as cp1250 or utf-16")
    return name


def is_encoding_fault(reason: str) -> bool:
    """Return whether a record was rejected for this reason because it isn't in its file's encoding."""
    return reason.startswith(ENCODING_FAULT)


class TextSource(Source):
    """Base class of the adapters of text files, whose encoding the recipe may name."""

    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field(
        "utf-8",
        description="The encoding of text files, by its name in Python (cp1250, iso8859-2, utf-16); a byte "
        "order mark in a file goes before it. A record that isn't in it is rejected.",
    )

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read, with their encoding."""
        return tuple(replace(file, encoding=self.encoding) for file in super().select_files(reader))

    def suggest_encoding(self, reader: Reader) -> str:
        """Return what a message says of the first file that isn't in its encoding; empty if all are."""
        try:
            files = self.select_files(reader)
        except NotThereError:
            return ""
        hint = next(filter(None, map(suggest_encoding, files[:_LOOKED_AT])), "")
        return f"{hint}; name the right one with encoding = …" if hint else ""
