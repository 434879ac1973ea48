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
"""The versions whose behaviour was studied; another is assumed to behave like the nearest before it."""


NameKind = Literal["format", "scheme"]
SupportedNames: TypeAlias = Mapping[NameKind, frozenset[str]]
"""The formats that a version of AutoRound stores models in, and its presets (in capital letters)."""


def parse_version(text: str) -> Version:
    """Read a version number of AutoRound.

    Raises:
        QuantizerError: The text is not a version number.

    Examples:
        >>> parse_version("0.16.1+cu128").release
        (0, 16, 1)
    """
    try:
        return Version(text)
    except ValueError:
        raise QuantizerError(
            f"AutoRound {text[:40]!r}: is not a version; write one such as {KNOWN[-1]}"
        ) from None


def choose_version(requested: str | None = None) -> Version:
    """Return the requested version, or else the installed one, or else the newest known one.

    Raises:
        QuantizerError: The requested text is not a version number.
    """
    if requested is not None:
        return parse_version(requested)
    return _installed_version() or KNOWN[-1]


def is_known(version: Version) -> bool:
    """Return whether this exact version was studied."""
    return Version(version.base_version) in KNOWN


def read_supported_names(version: Version) -> SupportedNames | None:
    """Return the names that the installed AutoRound supports; None if it is of another version.

    AutoRound is imported for this, and torch with it, which takes seconds.
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
