"""Turtle, read by rdflib's parser in bounded memory and in time that follows the length of the text."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, cast

import rdflib
from rdflib import RDF, XSD, URIRef
from rdflib.plugins.parsers.notation3 import RDFSink, SinkParser, sfloat

from calibset.sources.formats.ontology_graph import (
    OntologyGraph,
    PlainLiteral,
    TooLargeError,
    check_namespace,
    make_iri,
)

# About what the library takes for a term, beside the characters.
_NODE = 200
# Characters of an IRI, and steps of a relative one, each of which copies all that it is relative to.
_LONGEST_IRI = 2**16
_MOST_STEPS = 100
# Prefixes of a file, all of which are kept. The largest register of them, prefix.cc, has three thousand.
_MOST_PREFIXES = 20_000
# What most terms of Turtle are: a prefixed name or an absolute IRI of plain letters. The library tries ten
# things before each of them, and before what begins a literal.
_PLAIN_NAME = re.compile(
    r"""(?:([A-Za-z][A-Za-z0-9_]*)?:([A-Za-z0-9_-]+)|<([A-Za-z]+:[A-Za-z0-9/_.#:-]*)>)
    (?=[ \t\r\n;,)\]]|\.[ \t\r\n])""",
    re.VERBOSE,
)
_LITERAL_STARTS = frozenset("\"'+-.0123456789")
_STRINGS = {
    '"': re.compile(r'(?:[^"\\\r\n]++|\\.)*+"'),
    "'": re.compile(r"(?:[^'\\\r\n]++|\\.)*+'"),
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+"{3,5}', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+'{3,5}", re.DOTALL),
}
# Each use of the library's names looks them up.
_TYPE, _BOOLEAN, _INTEGER, _DECIMAL, _DOUBLE = RDF.type, XSD.boolean, XSD.integer, XSD.decimal, XSD.double
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
            symbol = self._symbols[args[0]] = make_iri(args[0])
        return symbol

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> PlainLiteral:  # noqa: N802
        return PlainLiteral(s, None, dt) if dt else PlainLiteral(s, lang)

    def makeStatement(self, quadruple: tuple[Any, ...], why: Any = None) -> None:  # noqa: ARG002, N802
        _, predicate, subject, value = quadruple
        self._kept.add(
            (self.normalise(None, subject), self.normalise(None, predicate), self.normalise(None, value))
        )

    def normalise(self, f: Any, n: Any) -> Any:
        if isinstance(n, str):
            return PlainLiteral(n, datatype=_DOUBLE) if type(n) is sfloat else n
        if isinstance(n, bool):
            return PlainLiteral(str(n).lower(), datatype=_BOOLEAN)
        if isinstance(n, int):
            return PlainLiteral(str(n), datatype=_INTEGER)
        if isinstance(n, Decimal):
            return PlainLiteral("0" if str(n) == "-0" else str(n), datatype=_DECIMAL)
        return super().normalise(f, n)


class _TurtleParser(SinkParser):
    """Counts what the parser holds: all of a list or of a statement's objects, before the graph has any."""

    def __init__(self, graph: OntologyGraph, base: str) -> None:
        super().__init__(_TurtleSink(graph), baseURI=base, turtle=True)
        self._graph = graph

    def bind(self, qn: str, uri: bytes) -> None:
        check_namespace(uri)
        super().bind(qn, uri)
        if len(self._bindings) > _MOST_PREFIXES:
            raise TooLargeError(f"it declares more than {_MOST_PREFIXES:,} prefixes")

    def directiveOrStatement(self, argstr: str, i: int) -> int:  # noqa: N802
        subject: list[Any] = []
        end = self._add_plain_name(argstr, i, subject)
        if end < 0:
            end = super().directiveOrStatement(argstr, i)
            check_namespace(self._baseURI)  # which a relative one makes longer
            return end
        return self.checkDot(argstr, self.property_list(argstr, end, subject[0]))

    def verb(self, argstr: str, i: int, res: Any) -> int:
        """Add the predicate at a place to a list and return its end, as the library does, but sooner."""
        if argstr.startswith("a ", i):
            res.append(("->", _TYPE))
            return i + 1
        predicate: list[Any] = []
        end = self._add_plain_name(argstr, i, predicate)
        if end < 0:
            return super().verb(argstr, i, res)
        res.append(("->", predicate[0]))
        return end

    def path(self, argstr: str, i: int, res: Any) -> int:
        """Add the term at a place to a list and return its end, as the library does, but sooner."""
        start = self.skipSpace(argstr, i)
        if start < 0:
            return start
        end = self._add_plain_name(argstr, start, res)
        if end < 0:
            self._count_term()
            end = super().path(argstr, start, res)
        return end

    # The library calls one after the other, and counts lines once more for each.
    object = subject = path

    def _add_plain_name(self, argstr: str, i: int, res: list[Any]) -> int:
        """Add the name at a place to a list and return its end; -1 if it is none of the plain ones."""
        plain = _PLAIN_NAME.match(argstr, i)
        if plain is None:
            return -1
        prefix, local, iri = plain.groups()
        if iri is None:
            namespace = self._bindings.get(prefix or "")
            if namespace is None:
                return -1
            iri = "".join((namespace, local))  # a sum of these is searched for faults
        self._count_term()
        res.append(self._store.newSymbol(iri))
        return plain.end()

    def _count_term(self) -> None:
        self._graph.take(_NODE)
        self._graph.count_terms(1)

    def node(self, argstr: str, i: int, res: Any, subjectAlready: Any = None) -> int:  # noqa: N803
        """Add the term at a place that is no literal to a list, and return its end; -1 if there is none."""
        if argstr[i : i + 1] in _LITERAL_STARTS:
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
