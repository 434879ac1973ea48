"""RDF files read into one graph, whatever their form."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.formats.encoding_guess import suggest_encoding
from calibset.sources.formats.ntriples_parser import parse_ntriples
from calibset.sources.formats.ontology_graph import OntologyGraph, TooLargeError
from calibset.sources.formats.rdf_format import Format, detect_format
from calibset.sources.formats.rdf_xml_parser import parse_rdf_xml
from calibset.sources.formats.turtle_parser import parse_turtle
from calibset.storage.compression import read_whole
from calibset.storage.files import File
from calibset.storage.text_lines import decode_text

# What relative IRIs of a file are relative to, with its name behind.
_BASE = "https://calibset.invalid/"


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
        except TooLargeError as error:
            remedy = "split it, or leave it out" if len(files) == 1 else "read fewer of them together"
            raise SourceError(f"{file.name}: too large ({error}); {remedy} with files = [...]") from error
        except Exception as error:  # the parsers raise whatever they trip over
            raise SourceError(_explain(file, form, error)) from error
    return graph


def _parse(content: bytes, form: Format, file: File, graph: OntologyGraph) -> None:
    graph.begin_file(file.name, len(content))
    base = _BASE + quote(file.name)
    if form == "xml":
        parse_rdf_xml(content, base, graph)
        return
    text = decode_text(content, file)
    if isinstance(text, Rejection):
        raise SourceError(
            f"{file.name}: {text.reason}, as Turtle has to be ({suggest_encoding(file)}); save it as UTF-8"
        )
    if form == "turtle":
        parse_turtle(text, base, graph)
    else:
        parse_ntriples(text, graph)


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
