"""RDF graphs in words: the statements about each subject, as plain sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from urllib.parse import unquote

from rdflib import Literal, Namespace, URIRef
from rdflib.term import Node

from calibset.core.text import replace_surrogates
from calibset.sources.formats.ontology_graph import HEADER_KINDS, OntologyGraph

_OWL = Namespace("http://www.w3.org/2002/07/owl#")
_RDF = Namespace("http://www.w3.org/1999/02/22-rdf-syntax-ns#")
_RDFS = Namespace("http://www.w3.org/2000/01/rdf-schema#")
_XSD = Namespace("http://www.w3.org/2001/XMLSchema#")
_SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
_SKOS_XL = Namespace("http://www.w3.org/2008/05/skos-xl#")
_TERMS = Namespace("http://purl.org/dc/terms/")
_ELEMENTS = Namespace("http://purl.org/dc/elements/1.1/")
_OBO = Namespace("http://purl.obolibrary.org/obo/")
_OBO_IN_OWL = Namespace("http://www.geneontology.org/formats/oboInOwl#")

_LABELS = (_RDFS.label, _SKOS.prefLabel, _SKOS_XL.prefLabel)
_DEFINITIONS = (_RDFS.comment, _SKOS.definition, _TERMS.description, _ELEMENTS.description, _OBO.IAO_0000115)
_NOTES = {
    *_DEFINITIONS, _SKOS.note, _SKOS.scopeNote, _SKOS.example, _SKOS.historyNote, _SKOS.editorialNote,
    _SKOS.changeNote,
}  # fmt: skip
# What says the words of a label or note that is a resource of its own.
_FORM, _VALUE = _SKOS_XL.literalForm, _RDF.value
_TYPE = _RDF.type
# What is told before the relations.
_TOLD = {_TYPE, *_LABELS, *_DEFINITIONS}

# In the order in which they are written; other relations follow by name.
_RELATIONS = {
    _SKOS.altLabel: "Also called",
    _SKOS_XL.altLabel: "Also called",
    _OBO_IN_OWL.hasExactSynonym: "Also called",
    _RDFS.subClassOf: "Kind of",
    _RDFS.subPropertyOf: "Kind of",
    _OWL.equivalentClass: "Same as",
    _OWL.equivalentProperty: "Same as",
    _RDFS.domain: "Domain",
    _RDFS.range: "Range",
    _OWL.inverseOf: "Inverse",
    _OWL.disjointWith: "Disjoint with",
    _OWL.disjointUnionOf: "One of",
    _OWL.propertyChainAxiom: "Follows from",
    _OWL.hasKey: "Told apart by",
}
_RANKS = {predicate: rank for rank, predicate in enumerate(_RELATIONS)}
# How the items of a list are joined after each of these.
_JOINTS = {_OWL.disjointUnionOf: " or ", _OWL.propertyChainAxiom: " then ", _OWL.hasKey: " and "}
_THING = _OWL.Thing
_TOO_GENERAL = {_OWL.NamedIndividual, _THING}
_QUANTIFIERS = {
    _OWL.someValuesFrom: "some",
    _OWL.allValuesFrom: "only",
    _OWL.hasValue: "the value",
    _OWL.cardinality: "exactly",
    _OWL.minCardinality: "at least",
    _OWL.maxCardinality: "at most",
    _OWL.qualifiedCardinality: "exactly",
    _OWL.minQualifiedCardinality: "at least",
    _OWL.maxQualifiedCardinality: "at most",
}
# The bounds of a datatype, as they are read.
_FACETS = {
    _XSD.minInclusive: "from {}",
    _XSD.maxInclusive: "to {}",
    _XSD.minExclusive: "over {}",
    _XSD.maxExclusive: "under {}",
    _XSD.length: "of {} characters",
    _XSD.minLength: "of {} characters or more",
    _XSD.maxLength: "of {} characters or fewer",
    _XSD.pattern: "of the form {}",
}
# Levels of nested class expressions that are put into words.
_DEEPEST = 4
# Characters of a class expression; longer ones are left out.
_LONGEST_EXPRESSION = 2_000
# Characters of a name inside another subject's text: many texts may repeat it.
_LONGEST_MENTION = 1_000


@lru_cache(maxsize=2**10)
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

    def __init__(self, graph: OntologyGraph, languages: Sequence[str] = ()) -> None:
        """Put a graph into words.

        Args:
            graph: The graph.
            languages: The tags of the languages of which literals are taken, beside those without a tag;
                all if empty.
        """
        self._graph = graph
        self._languages = tuple(language.lower() for language in languages)
        self._expressions: dict[tuple[Node, int, str | None], str] = {}
        self._mentions: dict[Node, str] = {}

    def list_subjects(self, file_name: str | None = None) -> list[URIRef]:
        """Return the classes, properties and named individuals, sorted by IRI.

        Args:
            file_name: The file that says first of what kind they are; those of all files if None.
        """
        candidates = self._graph.subjects() if file_name is None else self._owned.get(file_name, ())
        subjects = {
            subject
            for subject in candidates
            if isinstance(subject, URIRef)
            and any(str(kind) not in HEADER_KINDS for kind in self._graph.objects(subject, _TYPE))
            and not self._is_words(subject)
        }
        return sorted(subjects, key=str)

    @cached_property
    def _owned(self) -> dict[str | None, list[Node]]:
        """What each file says first of what kind it is: there may be thousands of files."""
        owned: dict[str | None, list[Node]] = {}
        for subject in self._graph.subjects():
            owned.setdefault(self._graph.find_owner(subject), []).append(subject)
        return owned

    def name(self, node: Node) -> str:
        """Return the node's labels, or its local name as words."""
        return " / ".join(self._read_texts(node, _LABELS)) or split_name(replace_surrogates(str(node)))

    def has_foreign_label(self, node: Node) -> bool:
        """Return whether a node has labels, but none in the languages that are taken."""
        if not self._languages or self._read_texts(node, _LABELS):
            return False
        return any(self._graph.states(node, predicate) for predicate in _LABELS)

    def describe(self, subject: URIRef) -> str | None:
        """Return what the graph states about a subject; None if it states only its types."""
        definitions = self._read_texts(subject, _DEFINITIONS)
        relations = list(self._describe_relations(subject))
        if not (definitions or relations or self._read_texts(subject, _LABELS)):
            return None
        kinds = self._name_kinds(subject)
        title = f"{self.name(subject)} ({', '.join(kinds)})" if kinds else self.name(subject)
        return "\n".join([title, *definitions, *relations])

    def _is_words(self, subject: Node) -> bool:
        """Return whether a subject is a label or a note, which is told where it belongs."""
        return self._graph.states(subject, _FORM) or (
            self._graph.states(subject, _VALUE) and subject in self._notes
        )

    @cached_property
    def _notes(self) -> set[Node]:
        """What is a definition or a note of something."""
        return {
            value
            for subject in self._graph.subjects()
            for predicate in self._graph.predicates(subject)
            if predicate in _NOTES
            for value in self._graph.objects(subject, predicate)
        }

    def _read_texts(self, subject: Node, predicates: Iterable[URIRef]) -> list[str]:
        objects = (node for predicate in predicates for node in self._graph.objects(subject, predicate))
        return sorted({text for node in objects for text in self._read_words(node)})

    def _read_words(self, node: Node) -> set[str]:
        """Return the text of a literal, or of a resource that holds one; none in another language."""
        if isinstance(node, Literal):
            texts = [node]
        else:
            said = (*self._graph.objects(node, _FORM), *self._graph.objects(node, _VALUE))
            texts = [text for text in said if isinstance(text, Literal)]
        return {_collapse_space(text) for text in texts if self._is_taken(text)} - {""}

    def _is_taken(self, literal: Literal) -> bool:
        tag = (literal.language or "").lower()
        if not (tag and self._languages):
            return True
        return any(f"{tag}-".startswith(f"{language}-") for language in self._languages)

    def _mention(self, node: Node) -> str:
        """Return the node's name, or its local one where the labels are very long.

        It is empty if all labels are in other languages.
        """
        if node not in self._mentions:
            name = "" if self.has_foreign_label(node) else self.name(node)
            if len(name) > _LONGEST_MENTION:
                name = split_name(replace_surrogates(str(node)))[:_LONGEST_MENTION]
            self._mentions[node] = name
        return self._mentions[node]

    def _name_kinds(self, subject: Node) -> list[str]:
        types = {kind for kind in self._graph.objects(subject, _TYPE) if isinstance(kind, URIRef)}
        own, other = [], []
        for kind in sorted(types - _TOO_GENERAL or types, key=str):
            if str(kind).startswith((_OWL, _RDF, _RDFS)):
                own.append(split_name(kind).lower())
            else:
                other.append(self._mention(kind))
        return list(dict.fromkeys(own + sorted(filter(None, other))))

    def _describe_relations(self, subject: Node) -> Iterator[str]:
        predicates = {node for node in self._graph.predicates(subject) if isinstance(node, URIRef)} - _TOLD
        relations: dict[str, set[str]] = {}
        for predicate in sorted(predicates, key=lambda iri: (_RANKS.get(iri, len(_RANKS)), str(iri))):
            is_known = predicate in _RELATIONS
            joint = _JOINTS.get(predicate)
            objects = self._graph.objects(subject, predicate)
            phrases = {self._phrase(node, any_iri=is_known, joint=joint) for node in objects} - {""}
            name = _RELATIONS.get(predicate) or _capitalise(self._mention(predicate))
            if phrases and name:
                relations.setdefault(name, set()).update(phrases)
        for name, phrases in relations.items():
            yield f"{name}: {'; '.join(sorted(phrases)).rstrip('.')}."

    def _phrase(self, node: Node, *, any_iri: bool = True, depth: int = 0, joint: str | None = None) -> str:
        """Return the node in words; empty for what has none, such as a link elsewhere.

        Args:
            node: A literal, a subject, or a class expression.
            any_iri: Whether an IRI of which the graph states nothing is named too.
            depth: Levels of class expressions around it.
            joint: What joins the items of a list, if the node is one.
        """
        if isinstance(node, URIRef):
            if self._is_words(node):
                return "; ".join(sorted(self._read_words(node)))
            is_known = any_iri or self._graph.states(node)
            return self._mention(node) if is_known and node != _THING else ""
        if isinstance(node, Literal):
            return _collapse_space(node) if self._is_taken(node) else ""
        if depth == _DEEPEST:
            return ""
        # Lists may share their parts, so each is put into words once, and bounded.
        key = (node, depth, joint)
        if key not in self._expressions:
            text = (
                self._phrase_list(node, joint, depth + 1)
                if joint
                else self._phrase_expression(node, depth + 1)
            )
            self._expressions[key] = text if len(text) <= _LONGEST_EXPRESSION else ""
        return self._expressions[key]

    def _phrase_list(self, head: Node, joint: str, depth: int) -> str:
        return joint.join(
            filter(None, (self._phrase(part, depth=depth) for part in self._graph.list_items(head)))
        )

    def _phrase_expression(self, node: Node, depth: int) -> str:
        if words := self._read_words(node):
            return "; ".join(sorted(words))
        for predicate, joint in (("unionOf", " or "), ("intersectionOf", " and "), ("oneOf", " or ")):
            for head in self._graph.objects(node, _OWL[predicate]):
                return self._phrase_list(head, joint, depth)
        for predicate, before in (
            ("complementOf", "not"),
            ("datatypeComplementOf", "not"),
            ("inverseOf", "inverse of"),
        ):
            for part in self._graph.objects(node, _OWL[predicate]):
                text = self._phrase(part, depth=depth)
                return f"{before} {text}" if text else ""
        if datatype := self._phrase_first(node, _OWL.onDatatype, depth):
            return " ".join([datatype, *self._phrase_facets(node)])
        return self._phrase_restriction(node, depth)

    def _phrase_restriction(self, node: Node, depth: int) -> str:
        subject = self._phrase_first(node, _OWL.onProperty, depth)
        if not subject:
            return ""
        if any(str(value) == "true" for value in self._graph.objects(node, _OWL.hasSelf)):
            return f"{subject} itself"
        for predicate, quantifier in _QUANTIFIERS.items():
            if filler := self._phrase_first(node, predicate, depth):
                kinds = (self._phrase_first(node, _OWL[name], depth) for name in ("onClass", "onDataRange"))
                return " ".join(filter(None, (subject, quantifier, filler, *kinds)))
        return ""

    def _phrase_facets(self, node: Node) -> list[str]:
        """Return the bounds of a datatype in words, those that are known."""
        heads = self._graph.objects(node, _OWL.withRestrictions)
        facets = [facet for head in heads for facet in self._graph.list_items(head)]
        return [
            words.format(_collapse_space(value))
            for predicate, words in _FACETS.items()
            for facet in facets
            for value in self._graph.objects(facet, predicate)
            if isinstance(value, Literal)
        ]

    def _phrase_first(self, node: Node, predicate: URIRef, depth: int) -> str:
        return next(iter(self._phrase_objects(node, predicate, depth)), "")

    def _phrase_objects(self, node: Node, predicate: URIRef, depth: int) -> list[str]:
        return sorted(self._phrase(part, depth=depth) for part in self._graph.objects(node, predicate))


def _collapse_space(value: object) -> str:
    return " ".join(replace_surrogates(str(value)).split())


def _capitalise(name: str) -> str:
    return name[:1].upper() + name[1:]
