"""RDF files as graphs of bounded size, in which literals are only text.

A few characters of a file can stand for many in memory: a prefixed name for its namespace, a
relative IRI for its base, an entity for its text, an element for its default attributes, a
decimal for its digits. So rdflib's parsers are extended to count memory and to leave literals as text.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote
from xml.sax import InputSource, make_parser
from xml.sax.handler import feature_namespaces
from xml.sax.saxutils import escape

import rdflib
from rdflib import OWL, RDF, XSD, URIRef
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
from rdflib.term import Node

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
_MOST_ATTRIBUTES = 1_000
# Bytes of XML without an element or text: a tag, or comments alone. Those of ontologies have some thousand.
_LONGEST_TAG = 2**20
# Characters of an IRI, and steps of a relative one, each of which copies all that it is relative to.
_LONGEST_IRI = 2**16
_MOST_STEPS = 100
# A parser takes up to 8 µs for each term of a file, counted once more for each statement, and for an element
# of XML four times as long. So a file of 10 MB or less may name a million and is read in ten seconds. A
# larger one may have a term in 4 bytes of the rest: one of nothing but relations has a term in 8, the densest
# real ontology at hand, all of whose names are prefixed, in 11.5, since labels and definitions are text.
_FREE_TERMS = 1_000_000
_FREE_BYTES = 10_000_000
_BYTES_PER_TERM = 4
_TERMS_OF_ELEMENT = 4
_TERMS_OF_LINE = 2

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
    graph.begin_file(file.name, len(content))
    base = _BASE + quote(file.name)
    if form == "xml":
        handler = _XmlHandler(graph)
        source: Any = InputSource()
        source.setByteStream(_WatchedBytes(content, handler))
        source.setPublicId(base)
        # Ontologies declare entities for their namespaces, which defusedxml would refuse.
        parser = make_parser()  # noqa: S317
        parser.setFeature(feature_namespaces, True)
        parser.setContentHandler(handler)
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
        _NTriplesParser(graph).parse_text(text)


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
        if lang is None:  # the library looks for a value first, which takes as long as all else
            literal = str.__new__(cls, text)
            literal._language = None  # noqa: SLF001
            literal._ill_typed = None  # noqa: SLF001
        else:
            literal = super().__new__(cls, text, lang)
        literal._datatype = None if datatype is None else URIRef(datatype)
        literal._value = None
        return literal


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
        self._pointing: dict[Node, dict[Node, None]] = {}

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
        if predicate == RDF.type and self._file and str(value) not in HEADER_KINDS:
            self._owners.setdefault(subject, self._file)
        self._objects.setdefault(subject, {}).setdefault(predicate, {})[value] = None
        if not isinstance(value, rdflib.Literal):
            self._pointing.setdefault(value, {})[predicate] = None

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

    def predicates_to(self, value: Node) -> list[Node]:
        """Return the predicates of which something is the object."""
        return list(self._pointing.get(value, ()))

    def list_items(self, head: Node) -> list[Node]:
        """Return the items of a collection; none if it leads back into itself."""
        items: list[Node] = []
        passed: set[Node] = set()
        node: Node | None = head
        while node is not None:
            if node in passed:
                return []
            passed.add(node)
            items += self.objects(node, RDF.first)[:1]
            node = next(iter(self.objects(node, RDF.rest)), None)
        return items

    def take(self, size: int) -> None:
        """Count bytes that are kept in memory."""
        self._taken += size
        if self._taken > LARGEST_GRAPH:
            raise _TooLargeError(f"it takes more than {LARGEST_GRAPH:,} bytes of memory")

    def count_terms(self, number: int) -> None:
        """Count terms that are read."""
        self._terms += number
        if self._terms > self._most_terms:
            raise _TooLargeError(f"it names more than {self._most_terms:,} terms, too many for its size")


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

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> _PlainLiteral:  # noqa: N802
        return _PlainLiteral(s, None, dt) if dt else _PlainLiteral(s, lang)

    def normalise(self, f: Any, n: Any) -> Any:
        if isinstance(n, Node):
            return n
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
        self._begins_literal = False

    def bind(self, qn: str, uri: bytes) -> None:
        _check_namespace(uri)
        super().bind(qn, uri)

    def directiveOrStatement(self, argstr: str, i: int) -> int:  # noqa: N802
        _check_namespace(self._baseURI)  # which a relative one makes longer
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
                raise _TooLargeError(f"an IRI has more than {_LONGEST_IRI:,} characters")
            if argstr.count("../", i, end) > _MOST_STEPS:
                raise _TooLargeError(f"an IRI goes up more than {_MOST_STEPS:,} steps")
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


def _check_namespace(iri: str | bytes | None) -> None:
    if iri and len(iri) > _LONGEST_NAMESPACE:
        raise _TooLargeError(f"a prefix or base has more than {_LONGEST_NAMESPACE:,} characters")


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
        return _PlainLiteral(unquote(text), lang or None, uriquote(unquote(datatype)) if datatype else None)


class _WatchedBytes(io.BytesIO):
    """The bytes of a file, of which a handler counts those that are read."""

    def __init__(self, content: bytes, handler: _XmlHandler) -> None:
        super().__init__(content)
        self._handler = handler

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self._handler.pass_bytes(len(piece))
        return piece


class _XmlHandler(RDFXMLHandler):
    """Counts what entities and default attributes are spelled out to."""

    def __init__(self, graph: OntologyGraph) -> None:
        super().__init__(cast("rdflib.Graph", graph))
        self._graph = graph
        self._prefixes = 0
        self._silent_bytes = 0
        self._characters = io.StringIO()
        self._markup = io.StringIO()

    def pass_bytes(self, number: int) -> None:
        """Count bytes that the parser reads: it keeps a tag or comment until it ends."""
        self._silent_bytes += number
        if self._silent_bytes > _LONGEST_TAG:
            raise _TooLargeError(f"a tag or comment has more than {_LONGEST_TAG:,} bytes")

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
        self._silent_bytes = 0
        if len(attrs) > _MOST_ATTRIBUTES:
            raise _TooLargeError(f"an element has more than {_MOST_ATTRIBUTES:,} attributes")
        self._graph.count_terms(_TERMS_OF_ELEMENT + len(attrs))
        names = (name, *attrs.keys())
        self._graph.take(sum(len(part or "") for both in names for part in both))
        self._graph.take(sum(map(len, attrs.values())))
        super().startElementNS(name, qname, attrs)
        _check_namespace(getattr(self.current, "base", None))

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._silent_bytes = 0
        self._pass_characters_on()
        super().endElementNS(name, qname)

    def characters(self, content: str) -> None:
        self._silent_bytes = 0
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
            self._markup = io.StringIO()

    # The library appends an element to the literal that holds it, and so each to all before it.
    def literal_element_start(self, name: Any, qname: Any, attrs: Any) -> None:
        super().literal_element_start(name, qname, attrs)
        self._write_markup(self.current.object)
        self.current.object = ""

    def literal_element_char(self, data: str) -> None:
        self._write_markup(escape(data))

    def literal_element_end(self, name: Any, qname: Any) -> None:
        outer, self.parent.object = self.parent.object, ""
        super().literal_element_end(name, qname)
        self._write_markup(self.parent.object)
        self.parent.object = outer

    def _write_markup(self, text: str) -> None:
        self._markup.write(text)
        if self._markup.tell() > MAX_RECORD_BYTES:
            raise _TooLargeError(f"a literal has more than {MAX_RECORD_BYTES:,} characters")

    def property_element_end(self, name: Any, qname: Any) -> None:
        current = self.current
        if current.data is not None and current.object is None:
            language = None if current.datatype is not None else current.language
            current.object = _PlainLiteral(current.data, language, current.datatype)
            current.data = None
        if isinstance(current.object, rdflib.Literal) and self._markup.tell():
            current.object = _PlainLiteral(self._markup.getvalue(), datatype=current.object.datatype)
            self._markup = io.StringIO()
        super().property_element_end(name, qname)
