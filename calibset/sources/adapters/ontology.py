"""Ontologies: each class, property and individual as a few lines of plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.core.text import excerpt
from calibset.sources.base import Source
from calibset.storage.files import File
from calibset.storage.text_lines import MAX_RECORD_BYTES


class Ontology(Source):
    """Classes, properties and named individuals, one per document, named by label rather than by IRI.

    Nothing that the ontology imports or links to is fetched. The IRI is the document's id.
    """

    summary: ClassVar[str] = "OWL and SKOS ontologies in Turtle, N-Triples or RDF/XML, put into words"

    type: Literal["ontology"] = "ontology"

    def patterns(self) -> tuple[str, ...]:
        """Return the suffixes of RDF files as patterns."""
        return ("*.ttl", "*.nt", "*.rdf", "*.owl")

    def read(self, file: File) -> Iterator[Record]:
        """Yield a description of each of the file's subjects, sorted by IRI."""
        from calibset.sources.formats.ontology_text import Verbaliser
        from calibset.sources.formats.rdf_graph import read_graph

        verbaliser = Verbaliser(read_graph(file))
        for subject in verbaliser.list_subjects():
            text = verbaliser.describe(subject)
            if text is None:
                yield Filtered(position=f"{file.name}: {subject}", reason="nothing but a type")
            elif len(text) > MAX_RECORD_BYTES:
                yield Rejection(
                    position=f"{file.name}: {subject}", reason="record too long", excerpt=excerpt(text)
                )
            else:
                yield Document(id=str(subject), text=text, metadata={"title": verbaliser.name(subject)})
