"""The licences that a recipe permits: its keys ``allow_licences`` and ``deny_licences``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from calibset.recipe.licences.spdx import Licence, is_identifier, read_licence

_UNNAMED = ("other", "unknown")
_WILDCARDS = "*?["
_LONGEST_QUOTED = 80


def find_licence_faults(
    allowed: Sequence[str] | None, denied: Sequence[str], licences_by_source: Mapping[str, str]
) -> Iterator[str]:
    """Find faults in a recipe's lists of licences, and sources whose licence they don't permit.

    Args:
        allowed: SPDX identifiers, or shell patterns of them; None permits all that are not denied.
            A licence that is not an SPDX expression is permitted only by its exact name.
        denied: The same for licences that are refused even if they are allowed. If there are any, a
            licence that is not an SPDX expression is permitted only if ``allowed`` names it.
        licences_by_source: The licence that the recipe gives for each source.

    Examples:
        >>> list(find_licence_faults(["CC-BY-*"], ["*-NC-*"], {"wiki": "CC-BY-SA-4.0"}))
        []
    """
    licences = {source: read_licence(text) for source, text in licences_by_source.items()}
    names = {_normalize(text) for text in licences_by_source.values()}
    yield from _find_pattern_faults("allow_licences", allowed or (), names)
    yield from _find_pattern_faults("deny_licences", denied, names)
    for source, licence in licences.items():
        subject = f"sources.{source}.licence: {_quote(licence.spelled)}"
        is_known = bool(licence.alternatives)
        if patterns := _find_denying_patterns(licence, denied):
            yield (
                f"{subject} is denied by deny_licences ({', '.join(patterns)}); leave the source out, "
                "or permit its licence"
            )
        elif allowed is not None and is_known and not _permitted_alternatives(licence, allowed, denied):
            yield (
                f"{subject} is not among allow_licences ({_join(allowed)}); leave the source out, or add its "
                "licence"
            )
        elif allowed is not None and not is_known and not _is_named(licence, allowed):
            yield (
                f"{subject} names no known licence, so it can't be among allow_licences ({_join(allowed)}); "
                "find out its licence and write the SPDX identifier, or leave the source out"
            )
        elif denied and not is_known and not _is_named(licence, allowed or ()):
            yield (
                f"{subject} can't be read as an SPDX expression, so it is unknown whether deny_licences "
                f"({_join(denied)}) denies it; write the SPDX identifier, leave the source out, or permit "
                'it by this exact name with allow_licences = ["*", …]'
            )


def read_permitted_licence(text: str, allowed: Sequence[str] | None, denied: Sequence[str]) -> Licence:
    """Read a licence, and keep only those of its alternatives that a recipe permits.

    Args:
        text: The licence as the recipe names it.
        allowed: The recipe's ``allow_licences``.
        denied: Its ``deny_licences``.

    Examples:
        >>> read_permitted_licence("MIT OR ISC", None, ["MIT"]).alternatives
        (frozenset({'ISC'}),)
    """
    licence = read_licence(text)
    return replace(licence, alternatives=_permitted_alternatives(licence, allowed, denied))


def _find_pattern_faults(key: str, patterns: Sequence[str], names: Collection[str]) -> Iterator[str]:
    for index, pattern in enumerate(patterns):
        if not (_is_wild(pattern) or _normalize(pattern) in (*_UNNAMED, *names) or is_identifier(pattern)):
            yield (
                f"{key}[{index}]: {_quote(pattern)} is not an SPDX identifier; "
                "write one such as CC-BY-4.0, or a pattern such as CC-BY-*"
            )


def _find_denying_patterns(licence: Licence, denied: Sequence[str]) -> list[str]:
    """Return the patterns that deny a licence; none if one of its alternatives is free of them."""
    if not licence.alternatives:
        return [pattern for pattern in denied if _is_named(licence, [pattern])]
    denying = [
        [pattern for pattern in denied if any(_matches(identifier, pattern) for identifier in alternative)]
        for alternative in licence.alternatives
    ]
    return (
        list(dict.fromkeys(pattern for patterns in denying for pattern in patterns)) if all(denying) else []
    )


def _permitted_alternatives(
    licence: Licence, allowed: Sequence[str] | None, denied: Sequence[str]
) -> tuple[frozenset[str], ...]:
    return tuple(
        alternative
        for alternative in licence.alternatives
        if all(
            (allowed is None or _matches_any(identifier, allowed)) and not _matches_any(identifier, denied)
            for identifier in alternative
        )
    )


def _is_named(licence: Licence, patterns: Sequence[str]) -> bool:
    # A pattern such as * does not permit terms that nobody knows; only their exact name does.
    return _normalize(licence.spelled) in {_normalize(p) for p in patterns if not _is_wild(p)}


def _matches_any(identifier: str, patterns: Sequence[str]) -> bool:
    return any(_matches(identifier, pattern) for pattern in patterns)


def _matches(identifier: str, pattern: str) -> bool:
    if _is_wild(pattern):
        return fnmatchcase(identifier.lower(), pattern.lower())
    return frozenset({identifier}) in read_licence(pattern).alternatives


def _is_wild(pattern: str) -> bool:
    return any(sign in pattern for sign in _WILDCARDS)


def _normalize(text: str) -> str:
    return text.strip().lower()


def _join(patterns: Sequence[str]) -> str:
    return ", ".join(patterns) or "an empty list"


def _quote(text: str) -> str:
    quoted = repr(text)
    return quoted if len(quoted) <= _LONGEST_QUOTED else quoted[: _LONGEST_QUOTED - 1] + "…"
