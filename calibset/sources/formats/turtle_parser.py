"""Turtle, read by rdflib's parser in bounded memory and in time that follows the length of the text."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, cast

import rdflib
from rdflib import RDF, XSD, URIRef
from rdflib.plugins.parsers.notation3 import RDFSink, SinkParser, sfloat
from rdflib.term import Node

from calibset.sources.formats.ontology_graph import (
    OntologyGraph,
    PlainLiteral,
    TooLargeError,
    check_namespace,
)

# About what the library takes for a term, beside the characters.
_NODE = 200
# Characters of an IRI, and steps of a relative one, each of which copies all that it is relative to.
_LONGEST_IRI = 2**16
_MOST_STEPS = 100
# Prefixes of a file, all of which are kept. The largest register of them, prefix.cc, has three thousand.
_MOST_PREFIXES = 20_000
# What most terms of Turtle are: a prefixed name or an absolute IRI of plain letters, or the beginning of a
# literal. The library tries ten things before each of them.
_PLAIN_TERM = re.compile(
    r"""[ \t]*(?:([A-Za-z][A-Za-z0-9_]*)?:([A-Za-z0-9_-]+)(?=[ \t\r\n;,)\]])
    |<([A-Za-z]+:[A-Za-z0-9/_.#:-]*)>(?=[ \t\r\n;,)\]])|(["']))""",
    re.VERBOSE,
)
_STRINGS = {
    '"': re.compile(r'(?:[^"\\\r\n]++|\\.)*+"'),
    "'": re.compile(r"(?:[^'\\\r\n]++|\\.)*+'"),
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+"{3,5}', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+'{3,5}", re.DOTALL),
}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip


def parse_turtle(text: str, base: str, graph: OntologyGraph) -> None:
    """Add the statements of a text to a graph.

    Raises:
        TooLargeError: It states more than is kept in memory.
    """
    _TurtleParser(graph, base).loadBuf(text)


class _TurtleSink(RDFSink):
    def __init__(self, graph: OntologyGraph) -> None:
        super().__init__(cast("rdflib.Graph", graph))
        self._kept = graph
        self._symbols: dict[str, URIRef] = {}

    def newSymbol(self, *args: str) -> URIRef:  # noqa: N802  (the library's name)
        symbol = self._symbols.get(args[0])
        if symbol is None:
            self._kept.take(len(args[0]))
            symbol = self._symbols[args[0]] = URIRef(args[0])
        return symbol

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> PlainLiteral:  # noqa: N802
        return PlainLiteral(s, None, dt) if dt else PlainLiteral(s, lang)

    def normalise(self, f: Any, n: Any) -> Any:
        if isinstance(n, Node):
            return n
        if isinstance(n, bool):
            return PlainLiteral(str(n).lower(), datatype=XSD.boolean)
        if isinstance(n, int):
            return PlainLiteral(str(n), datatype=XSD.integer)
        if isinstance(n, Decimal):
            return PlainLiteral("0" if str(n) == "-0" else str(n), datatype=XSD.decimal)
        if isinstance(n, sfloat):
            return PlainLiteral(n, datatype=XSD.double)
        return super().normalise(f, n)


class _TurtleParser(SinkParser):
    """Counts what the parser holds: all of a list or of a statement's objects, before the graph has any."""

    def __init__(self, graph: OntologyGraph, base: str) -> None:
        super().__init__(_TurtleSink(graph), baseURI=base, turtle=True)
        self._graph = graph
        self._begins_literal = False

    def bind(self, qn: str, uri: bytes) -> None:
        check_namespace(uri)
        super().bind(qn, uri)
        if len(self._bindings) > _MOST_PREFIXES:
            raise TooLargeError(f"it declares more than {_MOST_PREFIXES:,} prefixes")

    def directiveOrStatement(self, argstr: str, i: int) -> int:  # noqa: N802
        check_namespace(self._baseURI)  # which a relative one makes longer
        start = self.skipSpace(argstr, i)
        plain = _PLAIN_TERM.match(argstr, start) if start >= 0 else None
        if plain is None or plain[4]:
            return super().directiveOrStatement(argstr, i)
        end = self.statement(argstr, start)
        return self.checkDot(argstr, end) if end >= 0 else end

    def verb(self, argstr: str, i: int, res: Any) -> int:
        """Add the predicate at a place to a list and return its end, as the library does, but sooner."""
        start = self.skipSpace(argstr, i)
        if start >= 0 and argstr.startswith("a ", start):
            res.append(("->", RDF.type))
            return start + 1
        plain = _PLAIN_TERM.match(argstr, start) if start >= 0 else None
        if plain is None or plain[4]:
            return super().verb(argstr, i, res)
        found: list[Any] = []
        end = self.prop(argstr, start, found)
        res.append(("->", found[0]))
        return end

    def path(self, argstr: str, i: int, res: Any) -> int:
        self._graph.take(_NODE)
        self._graph.count_terms(1)
        return super().path(argstr, i, res)

    def nodeOrLiteral(self, argstr: str, i: int, res: Any) -> int:  # noqa: N802
        """Add the term at a place to a list and return its end, as the library does, but sooner."""
        plain = _PLAIN_TERM.match(argstr, i)
        if plain is None:
            return super().nodeOrLiteral(argstr, i, res)
        prefix, local, iri, _ = plain.groups()
        if local is not None:
            namespace = self._bindings.get(prefix or "")
            if namespace is None:
                return super().nodeOrLiteral(argstr, i, res)
            iri = namespace + local
        elif iri is None:
            self._begins_literal = True
            return super().nodeOrLiteral(argstr, plain.end() - 1, res)
        res.append(self._store.newSymbol(iri))
        return plain.end()

    def node(self, argstr: str, i: int, res: Any, subjectAlready: Any = None) -> int:  # noqa: N803
        """Add the term at a place that is no literal to a list, and return its end; -1 if there is none."""
        if self._begins_literal:
            self._begins_literal = False
            return -1
        return super().node(argstr, i, res, subjectAlready)

    def uri_ref2(self, argstr: str, i: int, res: Any) -> int:
        """Add the name at a place to a list and return its end.

        The library takes quadratic time for the steps of a relative one.
        """
        i = self.skipSpace(argstr, i)
        if i >= 0 and argstr[i] == "<":
            end = argstr.find(">", i, i + _LONGEST_IRI)
            if end < 0 and len(argstr) > i + _LONGEST_IRI:
                raise TooLargeError(f"an IRI has more than {_LONGEST_IRI:,} characters")
            if argstr.count("../", i, end) > _MOST_STEPS:
                raise TooLargeError(f"an IRI goes up more than {_MOST_STEPS:,} steps")
        return super().uri_ref2(argstr, i, res)

    def strconst(self, argstr: str, i: int, delim: str) -> tuple[int, str]:
        """Return where a string ends and what it says.

        The library appends it piece by piece, which takes quadratic time.
        """
        literal = _STRINGS[delim].match(argstr, i)
        if literal is None:
            self.BadSyntax(argstr, i, "string literal that is never closed, or that a line ends")
        end = literal.end()
        text = argstr[i : end - len(delim)]
        if lines := text.count("\n"):
            self.lines += lines
            self.startOfLine = i + text.rindex("\n") + 1
        return end, _ESCAPE.sub(lambda found: self._unescape(argstr, i, found), text)

    def _unescape(self, argstr: str, i: int, found: re.Match[str]) -> str:
        number = int(found[1] or found[2] or "0", 16)
        is_known = found[3] in _ESCAPED if found[3] else number < 0x110000
        if not is_known:
            self.BadSyntax(argstr, i, f"bad escape {found[0]}")
        return _ESCAPED[found[3]] if found[3] else chr(number)
