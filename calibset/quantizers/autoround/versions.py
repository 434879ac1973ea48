"""AutoRound's versions, and what the installed one supports."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as read_installed
from typing import Literal, TypeAlias

from packaging.version import Version

from calibset.core.errors import QuantizerError

KNOWN = (Version("0.12.3"), Version("0.16.1"))
"""The versions whose behaviour was looked at; another is taken to behave like the nearest before it."""


NameKind = Literal["format", "scheme"]
SupportedNames: TypeAlias = Mapping[NameKind, frozenset[str]]
"""The formats that a version of AutoRound stores models in, and its presets, in capital letters."""


def parse_version(text: str) -> Version:
    """Return a version of AutoRound.

    Raises:
        QuantizerError: The text is none.

    Examples:
        >>> parse_version("0.16.1+cu128").release
        (0, 16, 1)
    """
    try:
        return Version(text)
    except ValueError:
        raise QuantizerError(
            f"AutoRound {text[:40]!r}: is no version; write one such as {KNOWN[-1]}"
        ) from None


def choose_version(requested: str | None = None) -> Version:
    """Return the version that is requested, or the one that is installed, or the newest that is known.

    Raises:
        QuantizerError: What is requested is no version.
    """
    if requested is not None:
        return parse_version(requested)
    return _installed_version() or KNOWN[-1]


def is_known(version: Version) -> bool:
    """Return whether this very version was looked at."""
    return Version(version.base_version) in KNOWN


def read_supported_names(version: Version) -> SupportedNames | None:
    """Return what the installed AutoRound supports, if it is of this version.

    AutoRound is imported for it, and torch with it, which takes seconds.
    """
    if version != _installed_version():
        return None
    try:
        schemes = import_module("auto_round.schemes").PRESET_SCHEMES
        formats = import_module("auto_round.utils").SUPPORTED_FORMATS
        return {"format": frozenset(formats), "scheme": frozenset(schemes)}
    except Exception:  # noqa: BLE001  (whatever is broken in the installation, the command can be printed)
        return None


def _installed_version() -> Version | None:
    try:
        return parse_version(read_installed("auto-round"))
    except PackageNotFoundError:
        return None
