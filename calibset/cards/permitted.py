"""Which licences a recipe lets in: its keys ``allow_licences`` and ``deny_licences``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from calibset.cards.licences import Licence, is_identifier, read_licence
from calibset.errors import RecipeError

__all__ = ["ensure_licences", "licence_faults"]

_UNNAMED = ("other", "unknown")
_WILD = "*?["
_LONGEST_QUOTED = 80


def ensure_licences(
    allowed: Sequence[str] | None, denied: Sequence[str], licences_by_source: Mapping[str, str]
) -> None:
    """Make sure that a recipe's sources are under licences that it lets in.

    Args:
        allowed: SPDX identifiers, or shell patterns of them; None lets all in that are not denied.
        denied: The same for those that are kept out, allowed or not.
        licences_by_source: What the recipe says of each source.

    Raises:
        RecipeError: One or more are not let in; a line for each.

    Examples:
        >>> ensure_licences(["CC-BY-*", "MIT"], ["*-NC-*"], {"wiki": "CC-BY-SA-4.0", "definitions": "MIT"})
    """
    faults = tuple(licence_faults(allowed, denied, licences_by_source))
    if faults:
        raise RecipeError(*faults)


def licence_faults(
    allowed: Sequence[str] | None, denied: Sequence[str], licences_by_source: Mapping[str, str]
) -> Iterator[str]:
    """Say, a line each, what is wrong with the lists and what they don't let in; see `ensure_licences`."""
    yield from _pattern_faults("allow_licences", allowed or ())
    yield from _pattern_faults("deny_licences", denied)
    for source, text in licences_by_source.items():
        licence = read_licence(text)
        place = f"sources.{source}.licence: {_quoted(text)}"
        if refused := _denying(licence, denied):
            patterns = ", ".join(refused)
            yield f"{place} is denied by deny_licences ({patterns}); leave the source out, or let it in"
        elif allowed is not None and not _lets_in(licence, allowed, denied):
            yield f"{place} {_why(licence)} allow_licences ({_listed(allowed)}); {_remedy(licence)}"


def _pattern_faults(key: str, patterns: Sequence[str]) -> Iterator[str]:
    for number, pattern in enumerate(patterns):
        wild = any(sign in pattern for sign in _WILD)
        if not wild and pattern.lower() not in _UNNAMED and not is_identifier(pattern):
            yield (
                f"{key}[{number}]: {_quoted(pattern)} is no SPDX identifier; "
                "write one such as CC-BY-4.0, or a pattern such as CC-BY-*"
            )


def _denying(licence: Licence, denied: Sequence[str]) -> list[str]:
    """Return the patterns that deny a licence: each of its alternatives holds something denied."""
    if not licence.alternatives:
        return [pattern for pattern in denied if pattern.lower() == licence.spelled.strip().lower()]
    met = [[p for p in denied if any(_matches(one, p) for one in choice)] for choice in licence.alternatives]
    return list(dict.fromkeys(pattern for found in met for pattern in found)) if all(met) else []


def _lets_in(licence: Licence, allowed: Sequence[str], denied: Sequence[str]) -> bool:
    if not licence.alternatives:
        # A pattern such as * says nothing of terms that nobody knows; only their very name lets them in.
        return licence.spelled.strip().lower() in {pattern.lower() for pattern in allowed}
    return any(
        all(_among(one, allowed) and not _among(one, denied) for one in choice)
        for choice in licence.alternatives
    )


def _among(identifier: str, patterns: Sequence[str]) -> bool:
    return any(_matches(identifier, pattern) for pattern in patterns)


def _matches(identifier: str, pattern: str) -> bool:
    if any(sign in pattern for sign in _WILD):
        return fnmatchcase(identifier.lower(), pattern.lower())
    return frozenset({identifier}) in read_licence(pattern).alternatives


def _why(licence: Licence) -> str:
    return "is not among" if licence.alternatives else "names no known licence, so it can't be among"


def _remedy(licence: Licence) -> str:
    if licence.alternatives:
        return "leave the source out, or add its licence"
    return "find out its licence and write the SPDX identifier, or leave the source out"


def _listed(patterns: Sequence[str]) -> str:
    return ", ".join(patterns) or "an empty list"


def _quoted(text: str) -> str:
    quoted = repr(text)
    return quoted if len(quoted) <= _LONGEST_QUOTED else quoted[: _LONGEST_QUOTED - 1] + "…"
