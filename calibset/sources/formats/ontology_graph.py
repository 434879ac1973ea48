"""The graph that RDF files are read into: of bounded size, its literals only text.

A few characters of a file can stand for many in memory: a prefixed name for its namespace, a
relative IRI for its base, an entity for its text, an element for its default attributes, a
decimal for its digits. So rdflib's parsers are extended to count memory and to leave literals as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import rdflib
from rdflib import OWL, RDF, URIRef
from rdflib.term import Node

HEADER_KINDS = frozenset(
    f"{OWL}{name}" for name in ("Ontology", "Axiom", "AllDisjointClasses", "AllDifferent")
)
"""The kinds of subjects that only serve to state something of others."""

LARGEST_GRAPH = 2**31
"""About how many bytes of memory a graph and its parser may take."""

# About what the library takes for a statement, beside the characters.
_STATEMENT = 1_000
_LONGEST_NAMESPACE = 2**14
# A parser takes 2 to 4 µs for each term of a file, and up to 8 for a relative IRI of Turtle or a name with
# letters beyond ASCII; a statement counts as one more, an element of XML as four. So a file of 10 MB or less
# may name a million and is read in two to eight seconds. A larger one may have a term in 4 bytes of the rest:
# one of nothing but relations has a term in 8, the densest real ontology at hand, all of whose names are
# prefixed, in 11.5, since labels and definitions are text.
_FREE_TERMS = 1_000_000
_FREE_BYTES = 10_000_000
_BYTES_PER_TERM = 4

# Each use of the library's names looks them up.
_TYPE, _FIRST, _REST = RDF.type, RDF.first, RDF.rest


class TooLargeError(ValueError):
    """A text states more than is kept in memory."""


class PlainLiteral(rdflib.Literal):
    """A literal whose value rdflib does not compute.

    The value of a short decimal can fill gigabytes, and an XML literal becomes a tree of fifty times its
    size. rdflib's own switch for this applies to the whole process.
    """

    __slots__ = ()

    def __new__(cls, text: str, lang: str | None = None, datatype: str | None = None) -> PlainLiteral:
        """Return a literal of a text as it stands."""
        literal = str.__new__(cls, text)
        literal._language = None if lang is None else _check_language(lang)  # noqa: SLF001
        literal._datatype = None if datatype is None else make_iri(datatype)  # noqa: SLF001
        literal._value = literal._ill_typed = None  # noqa: SLF001
        return literal


@lru_cache(maxsize=2**10)
def _check_language(tag: str) -> str | None:
    """Return a language tag as rdflib takes it, which looks at each."""
    return rdflib.Literal("", tag).language


def make_iri(text: str) -> URIRef:
    """Return an IRI as it stands, without rdflib's search for characters that it would warn of."""
    return str.__new__(URIRef, text)


class OntologyGraph:
    """Statements, of a bounded number, and which file says first of what kind a subject is.

    It holds no more than what is asked of it: rdflib's own graphs take three times the memory.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._terms = 0
        self._most_terms = _FREE_TERMS
        self._bytes = 0
        self._file = ""
        self._owners: dict[Node, str] = {}
        self._objects: dict[Node, dict[Node, dict[Node, None]]] = {}

    def begin_file(self, name: str, size: int) -> None:
        """Take what is added from now on for that file's, which has so many bytes."""
        self._file = name
        self._bytes += size
        self._most_terms = _FREE_TERMS + max(0, self._bytes - _FREE_BYTES) // _BYTES_PER_TERM

    def find_owner(self, subject: Node) -> str | None:
        """Return the name of the first file that says of what kind a subject is."""
        return self._owners.get(subject)

    def add(self, triple: tuple[Any, Any, Any]) -> None:
        """Add a statement."""
        subject, predicate, value = triple
        self.take(_STATEMENT + len(subject) + len(predicate) + len(value))
        self.count_terms(1)
        if predicate == _TYPE and self._file and str(value) not in HEADER_KINDS:
            self._owners.setdefault(subject, self._file)
        self._objects.setdefault(subject, {}).setdefault(predicate, {})[value] = None

    def bind(self, *_: object, **__: object) -> None:
        """Do nothing: the parsers tell the prefixes that they meet."""

    def subjects(self) -> Iterable[Node]:
        """Return all of which something is stated."""
        return self._objects.keys()

    def states(self, subject: Node, predicate: Node | None = None) -> bool:
        """Return whether something is stated of a subject, or what a predicate says of it."""
        stated = self._objects.get(subject, {})
        return bool(stated) if predicate is None else predicate in stated

    def objects(self, subject: Node, predicate: Node) -> list[Node]:
        """Return what a predicate says of a subject."""
        return list(self._objects.get(subject, {}).get(predicate, ()))

    def predicates(self, subject: Node) -> list[Node]:
        """Return the predicates of a subject."""
        return list(self._objects.get(subject, ()))

    def list_items(self, head: Node) -> list[Node]:
        """Return the items of a collection; none if it leads back into itself."""
        items: list[Node] = []
        passed: set[Node] = set()
        node: Node | None = head
        while node is not None:
            if node in passed:
                return []
            passed.add(node)
            items += self.objects(node, _FIRST)[:1]
            node = next(iter(self.objects(node, _REST)), None)
        return items

    def take(self, size: int) -> None:
        """Count bytes that are kept in memory."""
        self._taken += size
        if self._taken > LARGEST_GRAPH:
            raise TooLargeError(f"it takes more than {LARGEST_GRAPH:,} bytes of memory")

    def count_terms(self, number: int) -> None:
        """Count terms that are read."""
        self._terms += number
        if self._terms > self._most_terms:
            raise TooLargeError(f"it names more than {self._most_terms:,} terms, too many for its size")


def check_namespace(iri: str | bytes | None) -> None:
    """Make sure that a namespace is of bounded length: each name below it is spelled with all of it."""
    if iri and len(iri) > _LONGEST_NAMESPACE:
        raise TooLargeError(f"a prefix or base has more than {_LONGEST_NAMESPACE:,} characters")
