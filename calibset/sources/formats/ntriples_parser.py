"""N-Triples and N-Quads, read by rdflib's parser a line at a time."""

from __future__ import annotations

import io
from typing import Any, cast

import rdflib
from rdflib.exceptions import ParserError
from rdflib.plugins.parsers.ntriples import (
    NTGraphSink,
    W3CNTriplesParser,
    r_literal,
    r_tail,
    r_wspace,
    unquote,
    uriquote,
)

from calibset.core.text import excerpt
from calibset.sources.formats.ontology_graph import OntologyGraph, PlainLiteral

# What a line counts for beside its statement, as `ontology_graph` counts terms.
_TERMS_OF_LINE = 2


def parse_ntriples(text: str, graph: OntologyGraph) -> None:
    """Add the statements of a text's lines to a graph.

    Raises:
        ParserError: A line is no statement.
        TooLargeError: They state more than is kept in memory.
    """
    _NTriplesParser(graph).parse_text(text)


class _NTriplesParser(W3CNTriplesParser):
    """Reads N-Quads too; the name of a statement's graph is passed over."""

    def __init__(self, graph: OntologyGraph) -> None:
        super().__init__(NTGraphSink(cast("rdflib.Graph", graph)))
        self._graph = graph

    def parse_text(self, text: str) -> None:
        """Add the statements of all lines; the library's own way takes quadratic time for a long one."""
        for line in io.StringIO(text, newline=None):
            self.line = line.rstrip("\n")
            try:
                self.parseline()
            except ParserError as error:
                raise ParserError(f"no statement: {excerpt(line)}") from error

    def parseline(self, bnode_context: Any = None) -> None:
        self.eat(r_wspace)
        if not self.line or self.line.startswith("#"):
            return
        subject = self.subject(bnode_context)
        self.eat(r_wspace)
        predicate = self.predicate()
        self.eat(r_wspace)
        value = self.object(bnode_context)
        self.eat(r_wspace)
        if not self.line.startswith("."):
            self.uriref() or self.nodeid(bnode_context)
        self.eat(r_tail)
        if self.line:
            raise ParserError(f"more behind the statement: {self.line[:100]}")
        self._graph.count_terms(_TERMS_OF_LINE)
        self.sink.triple(subject, predicate, value)

    def literal(self) -> Any:
        if not self.peek('"'):
            return False
        text, lang, datatype = self.eat(r_literal).groups()
        return PlainLiteral(unquote(text), lang or None, uriquote(unquote(datatype)) if datatype else None)
