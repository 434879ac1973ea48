"""Ontologies: each class, property and individual as a few lines of plain text."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from calibset.document import Document, Record, SetAside
from calibset.errors import SourceError
from calibset.sources.base import Source
from calibset.sources.columns import EXCERPT
from calibset.sources.verbal import Verbal
from calibset.storage.files import File, open_plain

__all__ = ["Ontology"]

_FORMATS = {".ttl": "turtle", ".nt": "nt", ".rdf": "xml", ".owl": "xml"}


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
            SourceError: The file can't be parsed.
        """
        verbal = Verbal(_parsed(file))
        for subject in verbal.subjects():
            text = verbal.text(subject)
            if text is None:
                yield SetAside(place=f"{file.name}: {subject}", reason="nothing but a type")
            else:
                yield Document(id=str(subject), text=text, metadata={"title": verbal.name(subject)})


def _parsed(file: File) -> Any:
    from rdflib import Graph

    kind = next((kind for suffix, kind in _FORMATS.items() if file.stem.endswith(suffix)), "turtle")
    with open_plain(file) as stream, _quiet():
        data = stream.read().decode("utf-8-sig", "replace")
        try:
            return Graph(bind_namespaces="none").parse(
                data=data, format=kind, publicID="https://calibset.invalid/"
            )
        except Exception as fault:  # the parsers raise whatever they trip over
            raise SourceError(_message(file, kind, fault)) from fault


def _message(file: File, kind: str, fault: Exception) -> str:
    line = getattr(fault, "lines", None)
    said = " ".join(str(getattr(fault, "_why", None) or fault).split())[:EXCERPT] or type(fault).__name__
    where = f"{file.name}:{line + 1}" if isinstance(line, int) else file.name
    return f"{where}: not valid {kind} ({said}); mend it, fetch it again, or leave it out with files = [...]"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rdflib from printing, and from rewriting values (a short decimal can fill gigabytes)."""
    import rdflib

    logger = logging.getLogger("rdflib")
    level, normalize = logger.level, rdflib.NORMALIZE_LITERALS
    logger.setLevel(logging.CRITICAL + 1)
    rdflib.NORMALIZE_LITERALS = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        rdflib.NORMALIZE_LITERALS = normalize
