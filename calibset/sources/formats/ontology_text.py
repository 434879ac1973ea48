"""An RDF graph in words: what it says of a subject, as plain sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from calibset.core.text import replace_surrogates

_OWL = "http://www.w3.org/2002/07/owl#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_TERMS = "http://purl.org/dc/terms/"

_LABELS = (_RDFS + "label", _SKOS + "prefLabel")
_DEFINITIONS = (_RDFS + "comment", _SKOS + "definition", _TERMS + "description")
_TYPE = _RDF + "type"

# The order in which these relations are told; the others follow by name.
_RELATIONS = {
    _SKOS + "altLabel": "Also called",
    _RDFS + "subClassOf": "Kind of",
    _RDFS + "subPropertyOf": "Kind of",
    _OWL + "equivalentClass": "Same as",
    _OWL + "equivalentProperty": "Same as",
    _RDFS + "domain": "Domain",
    _RDFS + "range": "Range",
    _OWL + "inverseOf": "Inverse",
    _OWL + "disjointWith": "Disjoint with",
}
_HEADERS = {_OWL + "Ontology", _OWL + "Axiom", _OWL + "AllDisjointClasses", _OWL + "AllDifferent"}
_TOO_GENERAL = {_OWL + "NamedIndividual", _OWL + "Thing"}
_QUANTIFIERS = {
    _OWL + "someValuesFrom": "some",
    _OWL + "allValuesFrom": "only",
    _OWL + "hasValue": "the value",
    _OWL + "cardinality": "exactly",
    _OWL + "minCardinality": "at least",
    _OWL + "maxCardinality": "at most",
}
_DEEPEST = 4
"""Levels of nested class expressions that are put into words."""

_LONGEST = 2_000
"""Characters of a class expression; longer ones are left out."""

_LONGEST_NAME = 1_000
"""Characters of a name that others are told by; many may share it, so that it is bounded."""


def words(name: str) -> str:
    """Return the local name of an IRI as words.

    Examples:
        >>> words("http://x.org/o#hasAgent"), words("http://x.org/o/ASOPReference"), words("http://x.org/IBNR_2024")
        ('has agent', 'ASOP Reference', 'IBNR 2024')
    """
    local = unquote(re.split(r"[#/:]", name.rstrip("#/:"))[-1])
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", local)
    split = " ".join(spaced.replace("_", " ").split())
    return (
        split if not split[:1].islower() else " ".join(w if w.isupper() else w.lower() for w in split.split())
    )


class Verbaliser:
    """An rdflib graph, read by label."""

    def __init__(self, graph: Any) -> None:
        from rdflib import Literal as Value
        from rdflib import URIRef

        self._graph, self._iri, self._value = graph, URIRef, Value
        self._told: dict[tuple[Any, int], str] = {}
        self._mentions: dict[Any, str] = {}

    def subjects(self) -> list[Any]:
        """Return the classes, properties and named individuals, by IRI."""
        typed = {
            subject
            for subject, kind in self._graph.subject_objects(self._iri(_TYPE))
            if isinstance(subject, self._iri) and str(kind) not in _HEADERS
        }
        return sorted(typed, key=str)

    def name(self, node: Any) -> str:
        """Return the node's labels, or its local name as words."""
        return " / ".join(self._texts(node, _LABELS)) or words(replace_surrogates(str(node)))

    def text(self, subject: Any) -> str | None:
        """Return what the graph says of the subject; None if that is nothing but its types."""
        definitions = self._texts(subject, _DEFINITIONS)
        relations = list(self._relations(subject))
        if not (definitions or relations or self._texts(subject, _LABELS)):
            return None
        kinds = self._kinds(subject)
        title = f"{self.name(subject)} ({', '.join(kinds)})" if kinds else self.name(subject)
        return "\n".join([title, *definitions, *relations])

    def _objects(self, subject: Any, predicate: str) -> list[Any]:
        return list(self._graph.objects(subject, self._iri(predicate)))

    def _texts(self, subject: Any, predicates: Iterable[str]) -> list[str]:
        objects = {value for predicate in predicates for value in self._objects(subject, predicate)}
        return sorted(
            {text for value in objects if isinstance(value, self._value) and (text := _plain(value))}
        )

    def _mention(self, node: Any) -> str:
        """Return the node's name, or its local one where the labels are very long."""
        if node not in self._mentions:
            name = self.name(node)
            local = name if len(name) <= _LONGEST_NAME else words(replace_surrogates(str(node)))
            self._mentions[node] = local[:_LONGEST_NAME]
        return self._mentions[node]

    def _kinds(self, subject: Any) -> list[str]:
        types = {str(kind) for kind in self._objects(subject, _TYPE) if isinstance(kind, self._iri)}
        told = sorted(types - _TOO_GENERAL) or sorted(types)
        own = [words(kind).lower() for kind in told if kind.startswith((_OWL, _RDF, _RDFS))]
        other = [self._mention(self._iri(kind)) for kind in told if not kind.startswith((_OWL, _RDF, _RDFS))]
        return list(dict.fromkeys(own + sorted(other)))

    def _relations(self, subject: Any) -> Iterator[str]:
        rank = {predicate: position for position, predicate in enumerate(_RELATIONS)}
        told = {
            predicate for predicate in self._graph.predicates(subject) if isinstance(predicate, self._iri)
        }
        told -= {self._iri(iri) for iri in (_TYPE, *_LABELS, *_DEFINITIONS)}
        for predicate in sorted(told, key=lambda p: (rank.get(str(p), len(rank)), str(p))):
            known = str(predicate) in _RELATIONS
            phrases = {
                phrase
                for node in self._graph.objects(subject, predicate)
                if (phrase := self._phrase(node, any_iri=known))
            }
            if phrases:
                name = _RELATIONS.get(str(predicate)) or _capitalised(self._mention(predicate))
                yield f"{name}: {'; '.join(sorted(phrases)).rstrip('.')}."

    def _phrase(self, node: Any, *, any_iri: bool = True, depth: int = 0) -> str:
        """Return the node in words; empty for what can't be told, such as a link elsewhere."""
        if isinstance(node, self._value):
            return _plain(node)
        if isinstance(node, self._iri):
            known = any_iri or (node, None, None) in self._graph
            return self._mention(node) if known and str(node) != _OWL + "Thing" else ""
        if depth == _DEEPEST:
            return ""
        # Lists may share their parts, so that each is told once and none at any length.
        if (node, depth) not in self._told:
            told = self._expression(node, depth + 1)
            self._told[node, depth] = told if len(told) <= _LONGEST else ""
        return self._told[node, depth]

    def _expression(self, node: Any, depth: int) -> str:
        for predicate, joint in (("unionOf", " or "), ("intersectionOf", " and "), ("oneOf", " or ")):
            for head in self._objects(node, _OWL + predicate):
                parts = [self._phrase(part, depth=depth) for part in self._items(head)]
                return joint.join(filter(None, parts))
        for complement in self._objects(node, _OWL + "complementOf"):
            told = self._phrase(complement, depth=depth)
            return f"not {told}" if told else ""
        on = sorted(self._phrase(part, depth=depth) for part in self._objects(node, _OWL + "onProperty"))
        for predicate, quantifier in _QUANTIFIERS.items():
            filler = sorted(self._phrase(part, depth=depth) for part in self._objects(node, predicate))
            if on and on[0] and filler and filler[0]:
                return f"{on[0]} {quantifier} {filler[0]}"
        return ""

    def _items(self, head: Any) -> list[Any]:
        try:
            return list(self._graph.items(head))
        except ValueError:  # a list that leads back into itself
            return []


def _plain(value: Any) -> str:
    return " ".join(replace_surrogates(str(value)).split())


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]
