"""Ontologies: each class, property and individual as a few lines of plain text."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.base import Source
from calibset.sources.formats.columns import EXCERPT_LENGTH
from calibset.sources.formats.ontology_text import Verbaliser
from calibset.storage.files import MAX_RECORD_BYTES, File, read_whole

if TYPE_CHECKING:
    from calibset.sources.formats.rdf_graph import Format

_FORMATS: dict[str, Format] = {".ttl": "turtle", ".nt": "nt", ".rdf": "xml", ".owl": "xml"}


class Ontology(Source):
    """A document a class, property or named individual, by label rather than by IRI.

    Nothing that the ontology imports or links to is fetched. The IRI is the document's id.
    """

    summary: ClassVar[str] = "OWL and SKOS ontologies in Turtle, N-Triples or RDF/XML, put into words"

    type: Literal["ontology"] = "ontology"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for the suffixes of RDF files."""
        return tuple(f"*{suffix}" for suffix in _FORMATS)

    def read(self, file: File) -> Iterator[Record]:
        """Yield what the file says of each of its subjects, by IRI.

        Raises:
            SourceError: The file can't be parsed, or is too large.
        """
        verbal = Verbaliser(_parsed(file))
        for subject in verbal.subjects():
            text = verbal.text(subject)
            if text is None:
                yield Filtered(position=f"{file.name}: {subject}", reason="nothing but a type")
            elif len(text) > MAX_RECORD_BYTES:
                position = f"{file.name}: {subject}"
                yield Rejection(position=position, reason="record too long", excerpt=text[:EXCERPT_LENGTH])
            else:
                yield Document(id=str(subject), text=text, metadata={"title": verbal.name(subject)})


def _parsed(file: File) -> Any:
    from calibset.sources.formats.rdf_graph import TooLargeError, parse_graph

    kind: Format = next((kind for suffix, kind in _FORMATS.items() if file.stem.endswith(suffix)), "turtle")
    text = read_whole(file).decode("utf-8-sig", "replace")
    with _quiet():
        try:
            return parse_graph(text, kind)
        except TooLargeError as fault:
            raise SourceError(
                f"{file.name}: too large ({fault}); split it, or leave it out with files = [...]"
            ) from fault
        except Exception as fault:  # the parsers raise whatever they trip over
            raise SourceError(_message(file, kind, fault)) from fault


def _message(file: File, kind: str, fault: Exception) -> str:
    line = getattr(fault, "lines", None)
    said = (
        " ".join(str(getattr(fault, "_why", None) or fault).split())[:EXCERPT_LENGTH] or type(fault).__name__
    )
    where = f"{file.name}:{line + 1}" if isinstance(line, int) else file.name
    return f"{where}: not valid {kind} ({said}); mend it, fetch it again, or leave it out with files = [...]"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rdflib from printing, and from reading values.

    A short decimal can fill gigabytes, and a literal of XML becomes a tree of fifty times its size.
    """
    import rdflib

    logger = logging.getLogger("rdflib")
    level, normalize = logger.level, rdflib.NORMALIZE_LITERALS
    converters = rdflib.term._toPythonMapping  # noqa: SLF001  (the public way is for good)
    kept = dict(converters)
    logger.setLevel(logging.CRITICAL + 1)
    rdflib.NORMALIZE_LITERALS = False
    converters.clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        converters.update(kept)
        logger.setLevel(level)
        rdflib.NORMALIZE_LITERALS = normalize
