"""RDF files as graphs of bounded size, in which literals are only text.

A few characters of a file can stand for many in memory: a prefixed name for its namespace, a
relative IRI for its base, an entity for its text, an element for its default attributes, a
decimal for its digits. So rdflib's parsers are extended to count memory and to leave literals as text.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from xml.sax import InputSource, make_parser
from xml.sax.handler import feature_namespaces

import rdflib
from rdflib import OWL, RDF, XSD, Graph, URIRef
from rdflib.exceptions import ParserError
from rdflib.plugins.parsers.notation3 import RDFSink, SinkParser, sfloat
from rdflib.plugins.parsers.ntriples import (
    NTGraphSink,
    W3CNTriplesParser,
    r_literal,
    r_tail,
    r_wspace,
    unquote,
    uriquote,
)
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.formats.encoding_guess import suggest_encoding
from calibset.sources.formats.rdf_format import Format, detect_format
from calibset.storage.compression import read_whole
from calibset.storage.files import File
from calibset.storage.text_lines import MAX_RECORD_BYTES, decode_text

HEADER_KINDS = frozenset(
    f"{OWL}{name}" for name in ("Ontology", "Axiom", "AllDisjointClasses", "AllDifferent")
)
"""The kinds of subjects that only serve to state something of others."""

LARGEST_GRAPH = 2**31
"""About how many bytes of memory a graph and its parser may take."""

# What relative IRIs of a file are relative to, with its name behind.
_BASE = "https://calibset.invalid/"
# About what the library takes for each, beside the characters.
_STATEMENT = 1_000
_NODE = 200
_LONGEST_NAMESPACE = 2**14
_DEEPEST = 1_000
_MOST_PREFIXES = 1_000


def read_graph(files: Sequence[File]) -> OntologyGraph:
    """Return one graph of all statements of the files; nothing that they link to is fetched."""
    graph = OntologyGraph()
    for file in files:
        content = read_whole(file)
        form = detect_format(content, file.name)
        try:
            with _quiet():
                _parse(content, form, file, graph)
        except SourceError:
            raise
        except _TooLargeError as error:
            remedy = "split it, or leave it out" if len(files) == 1 else "read fewer of them together"
            raise SourceError(f"{file.name}: too large ({error}); {remedy} with files = [...]") from error
        except Exception as error:  # the parsers raise whatever they trip over
            raise SourceError(_explain(file, form, error)) from error
    return graph


def _parse(content: bytes, form: Format, file: File, graph: OntologyGraph) -> None:
    graph.begin_file(file.name)
    base = _BASE + quote(file.name)
    if form == "xml":
        source: Any = InputSource()
        source.setByteStream(io.BytesIO(content))
        source.setPublicId(base)
        # Ontologies declare entities for their namespaces, which defusedxml would refuse.
        parser = make_parser()  # noqa: S317
        parser.setFeature(feature_namespaces, True)
        parser.setContentHandler(_XmlHandler(graph))
        parser.parse(source)
        return
    text = decode_text(content, file)
    if isinstance(text, Rejection):
        raise SourceError(
            f"{file.name}: {text.reason}, as Turtle has to be ({suggest_encoding(file)}); save it as UTF-8"
        )
    if form == "turtle":
        _TurtleParser(graph, base).loadBuf(text)
    else:
        _NTriplesParser(NTGraphSink(graph)).parse(io.StringIO(text))


def _explain(file: File, form: Format, error: Exception) -> str:
    line = getattr(error, "lines", None)
    reason = excerpt(" ".join(str(getattr(error, "_why", None) or error).split())) or type(error).__name__
    position = f"{file.name}:{line + 1}" if isinstance(line, int) else file.name
    remedy = "correct it, fetch it again, or leave it out with files = [...]"
    return f"{position}: not valid {form} ({reason}); {remedy}"


_is_parsing: ContextVar[bool] = ContextVar("_is_parsing", default=False)
# rdflib warns of every IRI that has a character too many. The filter stays, so that no thread sees a
# change of another's: it drops what is logged while this context parses.
logging.getLogger("rdflib.term").addFilter(lambda _: not _is_parsing.get())


@contextmanager
def _quiet() -> Iterator[None]:
    token = _is_parsing.set(True)
    try:
        yield
    finally:
        _is_parsing.reset(token)


class _TooLargeError(ValueError):
    """A text states more than is kept in memory."""


class _PlainLiteral(rdflib.Literal):
    """A literal whose value rdflib does not compute.

    The value of a short decimal can fill gigabytes, and an XML literal becomes a tree of fifty times its
    size. rdflib's own switch for this applies to the whole process.
    """

    __slots__ = ()

    def __new__(cls, text: str, lang: str | None = None, datatype: str | None = None) -> _PlainLiteral:
        literal: _PlainLiteral = super().__new__(cls, text, lang)
        literal._datatype = None if datatype is None else URIRef(datatype)
        literal._value = None
        return literal

    def __add__(self, other: str) -> _PlainLiteral:
        return _PlainLiteral(f"{self}{other}", self.language, self.datatype)


class OntologyGraph(Graph):
    """A graph of bounded size that knows which file says first of what kind a subject is."""

    def __init__(self) -> None:
        super().__init__(bind_namespaces="none")
        self._taken = 0
        self._file = ""
        self._owners: dict[Any, str] = {}

    def begin_file(self, name: str) -> None:
        """Take what is added from now on for that file's."""
        self._file = name

    def find_owner(self, subject: Any) -> str | None:
        """Return the name of the first file that says of what kind a subject is."""
        return self._owners.get(subject)

    def add(self, triple: Any) -> Any:
        """Add a statement."""
        self.take(_STATEMENT + sum(map(len, triple)))
        if triple[1] == RDF.type and self._file and str(triple[2]) not in HEADER_KINDS:
            self._owners.setdefault(triple[0], self._file)
        return super().add(triple)

    def take(self, size: int) -> None:
        """Count bytes that are kept in memory."""
        self._taken += size
        if self._taken > LARGEST_GRAPH:
            raise _TooLargeError(f"it takes more than {LARGEST_GRAPH:,} bytes of memory")


class _TurtleSink(RDFSink):
    graph: OntologyGraph

    def newSymbol(self, *args: str) -> Any:  # noqa: N802  (the library's name)
        self.graph.take(len(args[0]))
        return super().newSymbol(*args)

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> _PlainLiteral:  # noqa: N802
        return _PlainLiteral(s, None, dt) if dt else _PlainLiteral(s, lang)

    def normalise(self, f: Any, n: Any) -> Any:
        if isinstance(n, bool):
            return _PlainLiteral(str(n).lower(), datatype=XSD.boolean)
        if isinstance(n, int):
            return _PlainLiteral(str(n), datatype=XSD.integer)
        if isinstance(n, Decimal):
            return _PlainLiteral("0" if str(n) == "-0" else str(n), datatype=XSD.decimal)
        if isinstance(n, sfloat):
            return _PlainLiteral(n, datatype=XSD.double)
        return super().normalise(f, n)


class _TurtleParser(SinkParser):
    """Counts what the parser holds: all of a list or of a statement's objects, before the graph has any."""

    def __init__(self, graph: OntologyGraph, base: str) -> None:
        super().__init__(_TurtleSink(graph), baseURI=base, turtle=True)
        self._graph = graph

    def bind(self, qn: str, uri: bytes) -> None:
        _check_namespace(uri)
        super().bind(qn, uri)

    def path(self, argstr: str, i: int, res: Any) -> int:
        _check_namespace(self._baseURI)
        self._graph.take(_NODE)
        return super().path(argstr, i, res)


def _check_namespace(iri: str | bytes | None) -> None:
    if iri and len(iri) > _LONGEST_NAMESPACE:
        raise _TooLargeError(f"a prefix or base has more than {_LONGEST_NAMESPACE:,} characters")


class _NTriplesParser(W3CNTriplesParser):
    """Reads N-Quads too; the name of a statement's graph is passed over."""

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
        self.sink.triple(subject, predicate, value)

    def literal(self) -> Any:
        if not self.peek('"'):
            return False
        text, lang, datatype = self.eat(r_literal).groups()
        return _PlainLiteral(unquote(text), lang or None, uriquote(unquote(datatype)) if datatype else None)


class _XmlHandler(RDFXMLHandler):
    """Counts what entities and default attributes are spelled out to."""

    def __init__(self, graph: OntologyGraph) -> None:
        super().__init__(graph)
        self._graph = graph
        self._prefixes = 0
        self._characters = io.StringIO()

    def startPrefixMapping(self, prefix: str | None, namespace: str) -> None:  # noqa: N802
        _check_namespace(namespace)
        self._prefixes += 1
        if self._prefixes > _MOST_PREFIXES:
            raise _TooLargeError(f"it declares more than {_MOST_PREFIXES:,} prefixes in one place")
        super().startPrefixMapping(prefix, namespace)

    def endPrefixMapping(self, prefix: str | None) -> None:  # noqa: N802
        self._prefixes -= 1
        super().endPrefixMapping(prefix)

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
        self._pass_characters_on()
        if len(self.stack) > _DEEPEST:
            raise _TooLargeError(f"it nests more than {_DEEPEST:,} elements")
        names = (name, *attrs.keys())
        self._graph.take(sum(len(part or "") for both in names for part in both))
        self._graph.take(sum(map(len, attrs.values())))
        super().startElementNS(name, qname, attrs)
        _check_namespace(getattr(self.current, "base", None))

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._pass_characters_on()
        super().endElementNS(name, qname)

    def characters(self, content: str) -> None:
        self._graph.take(len(content))
        self._characters.write(content)
        if self._characters.tell() > MAX_RECORD_BYTES:
            raise _TooLargeError(f"a literal has more than {MAX_RECORD_BYTES:,} characters")

    def _pass_characters_on(self) -> None:
        # The library appends each piece to those before, so that many of them take quadratic time.
        if self._characters.tell():
            super().characters(self._characters.getvalue())
            self._characters = io.StringIO()

    def property_element_start(self, name: Any, qname: Any, attrs: Any) -> None:
        super().property_element_start(name, qname, attrs)
        if isinstance(self.current.object, rdflib.Literal):  # of XML, and still empty
            self.current.object = _PlainLiteral("", datatype=self.current.object.datatype)

    def property_element_end(self, name: Any, qname: Any) -> None:
        current = self.current
        if current.data is not None and current.object is None:
            language = None if current.datatype is not None else current.language
            current.object = _PlainLiteral(current.data, language, current.datatype)
            current.data = None
        super().property_element_end(name, qname)
