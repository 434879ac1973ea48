"""The licences of sources, read as SPDX expressions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from calibset.recipe.licences.terms import ALIASES, Duty, terms_of

_LONGEST = 300
_MOST_ALTERNATIVES = 64
_SIGNS = {"(", ")", "AND", "OR", "WITH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence as a recipe names it.

    Attributes:
        spelled: As it stands in the recipe.
        alternatives: Sets of SPDX identifiers; who takes the work fulfils all of one set. Empty where it
            is no SPDX expression, so that nothing is known.
    """

    spelled: str
    alternatives: tuple[frozenset[str], ...]

    @property
    def taken(self) -> frozenset[str]:
        """The alternative that asks for least, the first of several."""
        return min(self.alternatives, key=_burden, default=frozenset())

    @property
    def duties(self) -> frozenset[Duty]:
        """What the alternative that asks for least asks for."""
        if not self.alternatives:
            return frozenset({Duty.UNKNOWN})
        return frozenset(duty for identifier in self.taken for duty in terms_of(identifier).duties)

    @property
    def is_known(self) -> bool:
        """Whether calibset has facts about it."""
        return Duty.UNKNOWN not in self.duties


def read_licence(text: str) -> Licence:
    """Read a licence: an SPDX expression, or a usual spelling of one.

    Examples:
        >>> read_licence("cc-by-sa-3.0 and gfdl").alternatives == (
        ...     frozenset({"CC-BY-SA-3.0", "GFDL-1.3-or-later"}),
        ... )
        True
        >>> read_licence("other").alternatives
        ()
    """
    if len(text) > _LONGEST:
        return Licence(spelled=text, alternatives=())
    known = _known(text)
    if known is not None:
        return Licence(spelled=text, alternatives=(frozenset({known}),))
    words = text.replace("(", " ( ").replace(")", " ) ").split()
    normal = _normal(" ".join(ALIASES.get(word.lower(), word) for word in words))
    return Licence(spelled=text, alternatives=_any_of(deque(normal)) if normal else ())


def is_identifier(text: str) -> bool:
    """Return whether a text is one SPDX identifier, or a usual spelling of one."""
    return _known(text) is not None


def _burden(identifiers: frozenset[str]) -> tuple[bool, int]:
    duties = {duty for identifier in identifiers for duty in terms_of(identifier).duties}
    return Duty.UNKNOWN in duties, len(duties)


def _known(text: str) -> str | None:
    """Return the SPDX identifier that a text is or stands for."""
    # Blanks stand for dashes, as in "CC BY 4.0"; behind the name of one's own terms they end it.
    joined = text.strip() if text.lstrip().startswith("LicenseRef-") else "-".join(text.split())
    for spelled in dict.fromkeys((text.strip(), joined)):
        found = _normal(ALIASES.get(spelled.lower(), spelled))
        if len(found) == 1:
            return found[0]
    return None


def _normal(expression: str) -> list[str]:
    """Return the identifiers and signs of an expression in SPDX's spelling; none if it is no expression."""
    try:
        normal = canonicalize_license_expression(expression)
    except (InvalidLicenseExpression, MemoryError, RecursionError):  # of many brackets
        return []
    return [
        word if word in _SIGNS else _current(word)
        for word in normal.replace("(", "( ").replace(")", " )").split()
    ]


def _current(identifier: str) -> str:
    """Return an identifier as SPDX has it now, who said of GNU licences alone which versions are meant."""
    if identifier.startswith("LicenseRef-"):
        return identifier
    base = identifier.removesuffix("+")
    try:
        return str(canonicalize_license_expression(base + ("-only" if base == identifier else "-or-later")))
    except InvalidLicenseExpression:
        return base


_Alternatives = tuple[frozenset[str], ...]


def _any_of(words: deque[str]) -> _Alternatives:
    """Read alternatives off the words of an expression; none where there are too many."""
    parts = [_all_of(words)]
    while words and words[0] == "OR":
        words.popleft()
        parts.append(_all_of(words))
    return _few(one for part in parts for one in part) if all(parts) else ()


def _all_of(words: deque[str]) -> _Alternatives:
    found = _one_of(words)
    while words and words[0] == "AND":
        words.popleft()
        found = _few(a | b for a, b in product(found, _one_of(words)))
    return found


def _one_of(words: deque[str]) -> _Alternatives:
    first = words.popleft()
    if first == "(":
        found = _any_of(words)
        words.popleft()
        return found
    if words and words[0] == "WITH":
        # An exception only takes from what a licence asks for.
        words.popleft()
        words.popleft()
    return (frozenset({first}),)


def _few(found: Iterable[frozenset[str]]) -> _Alternatives:
    different = tuple(dict.fromkeys(found))
    return different if len(different) <= _MOST_ALTERNATIVES else ()
