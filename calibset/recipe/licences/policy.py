"""Which licences a recipe lets in: its keys ``allow_licences`` and ``deny_licences``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from calibset.core.errors import RecipeError
from calibset.recipe.licences.spdx import Licence, is_identifier, read_licence

_UNNAMED = ("other", "unknown")
_WILD = "*?["
_LONGEST_QUOTED = 80


def ensure_licences(
    allowed: Sequence[str] | None, denied: Sequence[str], licences_by_source: Mapping[str, str]
) -> None:
    """Make sure that a recipe's sources are under licences that it lets in.

    Args:
        allowed: SPDX identifiers, or shell patterns of them; None lets all in that are not denied.
            What is no SPDX expression is let in only as it is spelled there.
        denied: The same for those that are kept out, allowed or not. Where something is, a licence
            that is no SPDX expression is let in only if ``allowed`` names it.
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
    spelled = {_plain(text) for text in licences_by_source.values()}
    yield from _pattern_faults("allow_licences", allowed or (), spelled)
    yield from _pattern_faults("deny_licences", denied, spelled)
    for source, text in licences_by_source.items():
        licence = read_licence(text)
        place = f"sources.{source}.licence: {_quoted(text)}"
        if refused := _denying(licence, denied):
            patterns = ", ".join(refused)
            yield f"{place} is denied by deny_licences ({patterns}); leave the source out, or let it in"
        elif allowed is not None and not _lets_in(licence, allowed, denied):
            yield f"{place} {_why(licence)} allow_licences ({_listed(allowed)}); {_remedy(licence)}"
        elif denied and not licence.alternatives and not _is_named(licence, allowed or ()):
            yield (
                f"{place} can't be read as an SPDX expression, so nothing tells whether deny_licences "
                f"({_listed(denied)}) keeps it out; write the SPDX identifier, leave the source out, or let "
                'it in by this very name with allow_licences = ["*", …]'
            )


def permitted(text: str, allowed: Sequence[str] | None, denied: Sequence[str]) -> Licence:
    """Read a licence; of its alternatives there are those that a recipe lets in.

    Args:
        text: As the recipe names it.
        allowed: The recipe's ``allow_licences``.
        denied: Its ``deny_licences``.

    Examples:
        >>> permitted("MIT OR ISC", None, ["MIT"]).alternatives
        (frozenset({'ISC'}),)
    """
    licence = read_licence(text)
    return replace(
        licence, alternatives=tuple(one for one in licence.alternatives if _is_let_in(one, allowed, denied))
    )


def _pattern_faults(key: str, patterns: Sequence[str], spelled: Collection[str]) -> Iterator[str]:
    for number, pattern in enumerate(patterns):
        if not (_is_wild(pattern) or _plain(pattern) in (*_UNNAMED, *spelled) or is_identifier(pattern)):
            yield (
                f"{key}[{number}]: {_quoted(pattern)} is no SPDX identifier; "
                "write one such as CC-BY-4.0, or a pattern such as CC-BY-*"
            )


def _denying(licence: Licence, denied: Sequence[str]) -> list[str]:
    """Return the patterns that deny a licence: each of its alternatives holds something denied."""
    if not licence.alternatives:
        return [pattern for pattern in denied if _is_named(licence, [pattern])]
    met = [[p for p in denied if any(_matches(one, p) for one in choice)] for choice in licence.alternatives]
    return list(dict.fromkeys(pattern for found in met for pattern in found)) if all(met) else []


def _lets_in(licence: Licence, allowed: Sequence[str], denied: Sequence[str]) -> bool:
    if not licence.alternatives:
        return _is_named(licence, allowed)
    return any(_is_let_in(choice, allowed, denied) for choice in licence.alternatives)


def _is_let_in(choice: Iterable[str], allowed: Sequence[str] | None, denied: Sequence[str]) -> bool:
    return all((allowed is None or _among(one, allowed)) and not _among(one, denied) for one in choice)


def _is_named(licence: Licence, patterns: Sequence[str]) -> bool:
    # A pattern such as * says nothing of terms that nobody knows; only their very name does.
    return _plain(licence.spelled) in {_plain(one) for one in patterns if not _is_wild(one)}


def _plain(text: str) -> str:
    return text.strip().lower()


def _is_wild(pattern: str) -> bool:
    return any(sign in pattern for sign in _WILD)


def _among(identifier: str, patterns: Sequence[str]) -> bool:
    return any(_matches(identifier, pattern) for pattern in patterns)


def _matches(identifier: str, pattern: str) -> bool:
    if _is_wild(pattern):
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
