"""The licences of sources, read as SPDX expressions.

`packaging` validates an expression and spells it as SPDX does. Its alternatives are read here, since the
library `license-expression` multiplies them out without bound, and takes "gpl" for a licence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, product

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from calibset.recipe.licences.terms import ALIASES, Duty, terms_of

_LONGEST = 300
_MOST_ALTERNATIVES = 64
_SIGNS = {"(", ")", "AND", "OR", "WITH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence as a recipe names it.

    Attributes:
        spelled: The licence as the recipe spells it.
        alternatives: Sets of SPDX identifiers: whoever uses the work has to fulfil all licences of one set.
            Empty if the licence is not an SPDX expression, so that nothing is known about it.
    """

    spelled: str
    alternatives: tuple[frozenset[str], ...]

    @property
    def lightest(self) -> frozenset[str]:
        """The alternative that requires the least; the first if there are several."""
        return min(self.alternatives, key=_weigh, default=frozenset())

    @property
    def duties(self) -> frozenset[Duty]:
        """The duties of the lightest alternative."""
        if not self.alternatives:
            return frozenset({Duty.UNKNOWN})
        return frozenset(duty for identifier in self.lightest for duty in terms_of(identifier).duties)

    @property
    def is_known(self) -> bool:
        """Whether calibset knows the licence's duties."""
        return Duty.UNKNOWN not in self.duties


def read_licence(text: str) -> Licence:
    """Read a licence: an SPDX expression, or a common spelling of one.

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
    identifier = _find_identifier(text)
    if identifier is not None:
        return Licence(spelled=text, alternatives=(frozenset({identifier}),))
    words = text.replace("(", " ( ").replace(")", " ) ").split()
    canonical = _canonical_words(" ".join(ALIASES.get(word.lower(), word) for word in words))
    return Licence(spelled=text, alternatives=_read_or(deque(canonical)) if canonical else ())


def is_identifier(text: str) -> bool:
    """Return whether a text is one SPDX identifier, or a common spelling of one."""
    return _find_identifier(text) is not None


def _weigh(identifiers: frozenset[str]) -> tuple[bool, int]:
    duties = {duty for identifier in identifiers for duty in terms_of(identifier).duties}
    return Duty.UNKNOWN in duties, len(duties)


def _find_identifier(text: str) -> str | None:
    """Return the SPDX identifier that a text is or means."""
    # Blanks stand for dashes, as in "CC BY 4.0"; but a name of one's own ends at the first blank.
    joined = text.strip() if text.lstrip().startswith("LicenseRef-") else "-".join(text.split())
    for spelling in dict.fromkeys((text.strip(), joined)):
        words = _canonical_words(ALIASES.get(spelling.lower(), spelling))
        if len(words) == 1:
            return words[0]
    return None


def _canonical_words(expression: str) -> list[str]:
    """Return the identifiers and signs of an expression in SPDX's spelling; none if it is not valid."""
    try:
        canonical = canonicalize_license_expression(expression)
    except (InvalidLicenseExpression, MemoryError, RecursionError):  # of many brackets
        return []
    return [
        word if word in _SIGNS else _renew(word)
        for word in canonical.replace("(", "( ").replace(")", " )").split()
    ]


def _renew(identifier: str) -> str:
    """Return a deprecated identifier of a GNU licence (GPL-3.0, GPL-3.0+) as the one that replaces it."""
    if identifier.startswith("LicenseRef-"):
        return identifier
    base = identifier.removesuffix("+")
    try:
        return str(canonicalize_license_expression(base + ("-only" if base == identifier else "-or-later")))
    except InvalidLicenseExpression:
        return base


# The grammar: OR binds less than AND, AND less than WITH. Each function reads what it is named after off
# the front of the words, which are those of a valid expression; none where there are too many alternatives.
_Alternatives = tuple[frozenset[str], ...]


def _read_or(words: deque[str]) -> _Alternatives:
    operands = [_read_and(words)]
    while words and words[0] == "OR":
        words.popleft()
        operands.append(_read_and(words))
    return _bound(chain(*operands)) if all(operands) else ()


def _read_and(words: deque[str]) -> _Alternatives:
    alternatives = _read_operand(words)
    while words and words[0] == "AND":
        words.popleft()
        alternatives = _bound(a | b for a, b in product(alternatives, _read_operand(words)))
    return alternatives


def _read_operand(words: deque[str]) -> _Alternatives:
    first = words.popleft()
    if first == "(":
        alternatives = _read_or(words)
        words.popleft()
        return alternatives
    if words and words[0] == "WITH":
        # An exception only takes from what a licence asks for.
        words.popleft()
        words.popleft()
    return (frozenset({first}),)


def _bound(alternatives: Iterable[frozenset[str]]) -> _Alternatives:
    different = tuple(dict.fromkeys(alternatives))
    return different if len(different) <= _MOST_ALTERNATIVES else ()
