"""AutoRound's versions: what is known of which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from calibset.core.errors import QuantizerError

KNOWN = ("0.12.3", "0.16.1")
"""The versions whose behaviour was looked at; of others the nearest before them is taken."""

_FORM = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:[.+-]?[a-z0-9.+-]*)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version of AutoRound.

    Attributes:
        number: Its first three numbers.
        text: As it is written.
    """

    number: tuple[int, int, int]
    text: str

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version.

        Raises:
            ConsumerError: It is none.

        Examples:
            >>> Version.parse("0.16.1+cu128").number
            (0, 16, 1)
        """
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise QuantizerError(f"AutoRound {text[:40]!r}: is no version; write one such as {KNOWN[-1]}")
        major, minor, patch = (int(part or 0) for part in found.groups())
        return cls((major, minor, patch), text.strip())

    def before(self, *number: int) -> bool:
        """Return whether it is older than another, given by its numbers."""
        return self.number < number

    @property
    def is_known(self) -> bool:
        """Whether this very version was looked at."""
        return any(self.number == Version.parse(text).number for text in KNOWN)


def version_of(asked: str | None = None) -> Version:
    """Return the version asked for, or the one that is installed, or the newest that is known.

    Raises:
        ConsumerError: What is asked for is no version.
    """
    if asked is not None:
        return Version.parse(asked)
    try:
        return Version.parse(installed("auto-round"))
    except PackageNotFoundError:
        return Version.parse(KNOWN[-1])
