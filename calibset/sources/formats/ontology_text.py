"""RDF graphs in words: the statements about each subject, as plain sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from rdflib import Graph, Literal, URIRef
from rdflib.term import Node

from calibset.core.text import replace_surrogates

_OWL = "http://www.w3.org/2002/07/owl#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_TERMS = "http://purl.org/dc/terms/"

_LABELS = (_RDFS + "label", _SKOS + "prefLabel")
_DEFINITIONS = (_RDFS + "comment", _SKOS + "definition", _TERMS + "description")
_TYPE = _RDF + "type"

# In the order in which they are written; other relations follow by name.
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
# Levels of nested class expressions that are put into words.
_DEEPEST = 4
# Characters of a class expression; longer ones are left out.
_LONGEST_EXPRESSION = 2_000
# Characters of a name inside another subject's text: many texts may repeat it.
_LONGEST_MENTION = 1_000


def split_name(iri: str) -> str:
    """Return the local name of an IRI as words.

    Examples:
        >>> split_name("http://x.org/o#hasAgent"), split_name("http://x.org/o/ASOPReference")
        ('has agent', 'ASOP Reference')
        >>> split_name("http://x.org/IBNR_2024")
        'IBNR 2024'
    """
    local = unquote(re.split(r"[#/:]", iri.rstrip("#/:"))[-1])
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", local)
    words = spaced.replace("_", " ").split()
    if words and words[0][0].islower():
        words = [word if word.isupper() else word.lower() for word in words]
    return " ".join(words)


class Verbaliser:
    """Puts the subjects of a graph into words, by label rather than by IRI."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._expressions: dict[tuple[Node, int], str] = {}
        self._mentions: dict[Node, str] = {}

    def list_subjects(self) -> list[URIRef]:
        """Return the classes, properties and named individuals, sorted by IRI."""
        subjects = {
            subject
            for subject, kind in self._graph.subject_objects(URIRef(_TYPE))
            if isinstance(subject, URIRef) and str(kind) not in _HEADERS
        }
        return sorted(subjects, key=str)

    def name(self, node: Node) -> str:
        """Return the node's labels, or its local name as words."""
        return " / ".join(self._read_texts(node, _LABELS)) or split_name(replace_surrogates(str(node)))

    def describe(self, subject: URIRef) -> str | None:
        """Return what the graph states about a subject; None if it states only its types."""
        definitions = self._read_texts(subject, _DEFINITIONS)
        relations = list(self._describe_relations(subject))
        if not (definitions or relations or self._read_texts(subject, _LABELS)):
            return None
        kinds = self._name_kinds(subject)
        title = f"{self.name(subject)} ({', '.join(kinds)})" if kinds else self.name(subject)
        return "\n".join([title, *definitions, *relations])

    def _objects(self, subject: Node, predicate: str) -> list[Node]:
        return list(self._graph.objects(subject, URIRef(predicate)))

    def _read_texts(self, subject: Node, predicates: Iterable[str]) -> list[str]:
        objects = (node for predicate in predicates for node in self._objects(subject, predicate))
        texts = {_collapse_space(node) for node in objects if isinstance(node, Literal)}
        return sorted(texts - {""})

    def _mention(self, node: Node) -> str:
        """Return the node's name, or its local one where the labels are very long."""
        if node not in self._mentions:
            name = self.name(node)
            if len(name) > _LONGEST_MENTION:
                name = split_name(replace_surrogates(str(node)))[:_LONGEST_MENTION]
            self._mentions[node] = name
        return self._mentions[node]

    def _name_kinds(self, subject: Node) -> list[str]:
        types = {str(kind) for kind in self._objects(subject, _TYPE) if isinstance(kind, URIRef)}
        own, other = [], []
        for kind in sorted(types - _TOO_GENERAL) or sorted(types):
            if kind.startswith((_OWL, _RDF, _RDFS)):
                own.append(split_name(kind).lower())
            else:
                other.append(self._mention(URIRef(kind)))
        return list(dict.fromkeys(own + sorted(other)))

    def _describe_relations(self, subject: Node) -> Iterator[str]:
        ranks = {predicate: rank for rank, predicate in enumerate(_RELATIONS)}
        predicates = {node for node in self._graph.predicates(subject) if isinstance(node, URIRef)}
        predicates -= {URIRef(iri) for iri in (_TYPE, *_LABELS, *_DEFINITIONS)}
        for predicate in sorted(predicates, key=lambda iri: (ranks.get(str(iri), len(ranks)), str(iri))):
            is_known = str(predicate) in _RELATIONS
            objects = self._graph.objects(subject, predicate)
            phrases = {self._phrase(node, any_iri=is_known) for node in objects} - {""}
            if phrases:
                name = _RELATIONS.get(str(predicate)) or _capitalise(self._mention(predicate))
                yield f"{name}: {'; '.join(sorted(phrases)).rstrip('.')}."

    def _phrase(self, node: Node, *, any_iri: bool = True, depth: int = 0) -> str:
        """Return the node in words; empty for what has none, such as a link elsewhere."""
        if isinstance(node, Literal):
            return _collapse_space(node)
        if isinstance(node, URIRef):
            is_known = any_iri or (node, None, None) in self._graph
            return self._mention(node) if is_known and str(node) != _OWL + "Thing" else ""
        if depth == _DEEPEST:
            return ""
        # Lists may share their parts, so each is put into words once, and bounded.
        if (node, depth) not in self._expressions:
            text = self._phrase_expression(node, depth + 1)
            self._expressions[node, depth] = text if len(text) <= _LONGEST_EXPRESSION else ""
        return self._expressions[node, depth]

    def _phrase_expression(self, node: Node, depth: int) -> str:
        for predicate, joint in (("unionOf", " or "), ("intersectionOf", " and "), ("oneOf", " or ")):
            for head in self._objects(node, _OWL + predicate):
                parts = [self._phrase(part, depth=depth) for part in self._list_items(head)]
                return joint.join(filter(None, parts))
        for complement in self._objects(node, _OWL + "complementOf"):
            text = self._phrase(complement, depth=depth)
            return f"not {text}" if text else ""
        properties = self._phrase_objects(node, _OWL + "onProperty", depth)
        for predicate, quantifier in _QUANTIFIERS.items():
            fillers = self._phrase_objects(node, predicate, depth)
            if properties and properties[0] and fillers and fillers[0]:
                return f"{properties[0]} {quantifier} {fillers[0]}"
        return ""

    def _phrase_objects(self, node: Node, predicate: str, depth: int) -> list[str]:
        return sorted(self._phrase(part, depth=depth) for part in self._objects(node, predicate))

    def _list_items(self, head: Node) -> list[Node]:
        try:
            return list(self._graph.items(head))
        except ValueError:  # a list that leads back into itself
            return []


def _collapse_space(value: object) -> str:
    return " ".join(replace_surrogates(str(value)).split())


def _capitalise(name: str) -> str:
    return name[:1].upper() + name[1:]
