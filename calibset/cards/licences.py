"""The licences of sources, read as SPDX expressions, and what they ask for together.

These are facts of common licences for a first look, and no legal advice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from calibset.cards.licence_facts import ALIASES, Duty, hub_licence, terms_of

__all__ = ["Combined", "Conflict", "Licence", "combined", "is_identifier", "read_licence"]

MIXED = "mixed-see-attribution"
"""The name that a card gives to several licences together."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What should be said of licences that stand side by side.

    Attributes:
        sources: Whose licences they are.
        about: A sentence; it holds no text of the recipe's.
    """

    sources: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What the licences of a set's sources ask for together.

    Attributes:
        licence: The hub's identifier for the whole: that of all sources, or ``other``.
        name: What ``other`` stands for, else None.
        duties: By duty, the sources that have it; in the order of `Duty`.
        conflicts: What should be said of them.
    """

    licence: str
    name: str | None
    duties: Mapping[Duty, tuple[str, ...]]
    conflicts: tuple[Conflict, ...]


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


def combined(licences: Mapping[str, str]) -> Combined:
    """Say what the licences of sources ask for together.

    Args:
        licences: By source; of those only that gave a row.
    """
    read = {source: read_licence(text) for source, text in licences.items()}
    duties = {
        duty: tuple(source for source, licence in read.items() if duty in licence.duties) for duty in Duty
    }
    licence, name = _for_the_hub(list(read.values()))
    return Combined(
        licence=licence,
        name=name,
        duties={duty: sources for duty, sources in duties.items() if sources},
        conflicts=tuple(_conflicts(read)),
    )


def is_identifier(text: str) -> bool:
    """Return whether a text is one SPDX identifier, or a usual spelling of one."""
    return _known(text) is not None


def _for_the_hub(licences: list[Licence]) -> tuple[str, str | None]:
    if not licences or not all(licence.alternatives for licence in licences):
        alone = {licence.spelled.strip().lower() for licence in licences}
        return ("unknown", None) if alone <= {"unknown"} else ("other", MIXED)
    different = {licence.alternatives for licence in licences}
    if len(different) > 1 or len(next(iter(different))) > 1 or len(licences[0].taken) > 1:
        return "other", MIXED
    (identifier,) = licences[0].taken
    found = hub_licence(identifier)
    return (found, None) if found else ("other", identifier.lower())


def _conflicts(read: Mapping[str, Licence]) -> Iterator[Conflict]:
    sharing = _families(read, Duty.SHARE_ALIKE)
    if len(set(sharing.values())) > 1:
        yield Conflict(
            sources=tuple(sharing),
            about=f"{_listed(sorted(set().union(*sharing.values())))} each want what is made of their works "
            "passed on under their own terms; rows of such sources may stand side by side, but a text made "
            "of several would fall under all of these",
        )
    limited = _having(read, Duty.NON_COMMERCIAL)
    if limited and len(limited) < len(read):
        yield Conflict(
            sources=limited, about="these forbid commercial use, so the set as a whole has to do without it"
        )
    if limited and (free := tuple(source for source in sharing if source not in limited)):
        yield Conflict(
            sources=(*limited, *free),
            about="some forbid commercial use, and others forbid that such a limit is put on their works",
        )
    if unaltered := _having(read, Duty.NO_DERIVATIVES):
        yield Conflict(
            sources=unaltered,
            about="these let no altered work be passed on, and the rows are excerpts that may be mended",
        )
    if unknown := _having(read, Duty.UNKNOWN):
        yield Conflict(
            sources=unknown,
            about="what these ask for is not known here; read their terms before you pass the set on",
        )


def _having(read: Mapping[str, Licence], duty: Duty) -> tuple[str, ...]:
    return tuple(source for source, licence in read.items() if duty in licence.duties)


def _families(read: Mapping[str, Licence], duty: Duty) -> dict[str, frozenset[str]]:
    """Return, by source, the families of its licences that have a duty; only of sources with one."""
    found = {
        source: frozenset(
            terms.family for terms in map(terms_of, sorted(licence.taken)) if duty in terms.duties
        )
        for source, licence in read.items()
    }
    return {source: families for source, families in found.items() if families}


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}"


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
