"""Ontologies: each class, property and individual as a few lines of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Document, Filtered, Kind, Record, Rejection
from calibset.core.errors import NotThereError, SourceError
from calibset.core.fields import Names
from calibset.core.seeding import shuffled
from calibset.core.text import excerpt
from calibset.sources.base import Source
from calibset.sources.formats.rdf_format import REMEDY, UNREAD_SUFFIXES
from calibset.sources.sampling.files import FileSampler
from calibset.sources.sampling.interleave import Part
from calibset.sources.sampling.line_blocks import StartRule
from calibset.storage.files import File, Reader
from calibset.storage.text_lines import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from calibset.sources.formats.ontology_text import Verbaliser


class Ontology(Source):
    """Classes, properties and named individuals, one per document, named by label rather than by IRI.

    The files of the location are one ontology: what several of them state of a class makes one document.
    Their format is told by what they hold. Nothing that the ontology imports or links to is fetched. The
    IRI is the document's id.
    """

    summary: ClassVar[str] = "OWL and SKOS ontologies in Turtle, N-Triples or RDF/XML, put into words"
    kind: ClassVar[Kind | None] = "texts"

    reads_by_file: ClassVar[bool] = False
    type: Literal["ontology"] = "ontology"
    languages: Names = Field(
        (),
        description="The languages of labels, definitions and other texts, by their tags (sk, de-AT); texts "
        "without a tag are always taken. If empty, those of hygiene.languages, or else all.",
    )

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for RDF files, compressed or not."""
        return self.patterns_for("ttl", "nt", "n3", "nq", "rdf", "owl")

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read.

        Raises:
            SourceError: There are none, or only in formats that are not read.
        """
        try:
            return super().select_files(reader)
        except NotThereError:
            suffix = None if self.files else _find_unread_suffix(self, reader)
            if suffix is None:
                raise
            raise SourceError(
                f"{reader.location}: holds {UNREAD_SUFFIXES[suffix]} (*.{suffix}), which is not read; "
                + REMEDY
            ) from None

    def read(self, file: File) -> Iterator[Record]:
        """Yield a description of each of a single file's subjects, sorted by IRI."""
        return _JointFiles(self, (file,)).read(file)

    def read_in_order(self, reader: Reader) -> Iterator[Record]:
        """Yield the descriptions of all files' subjects, each with the first file that states its kind."""
        files = self.select_files(reader)
        joint = _JointFiles(self, files)
        for file in files:
            yield from joint.read(file)

    def must_stream(self, file: File) -> bool:  # noqa: ARG002  (whatever its size)
        """Return False: a file is read whole."""
        return False

    def partition(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield the descriptions of all files' subjects as a single part."""
        return FileSampler(_JointFiles(self, files), seed, self._first_parts).partition(files)


@dataclass(frozen=True)
class _JointFiles:
    """The files of one ontology; each has the subjects of which it is the first to state a kind."""

    source: Ontology
    files: Sequence[File]

    @cached_property
    def _verbaliser(self) -> Verbaliser:
        from calibset.sources.formats.ontology_text import Verbaliser
        from calibset.sources.formats.rdf_graph import read_graph

        graph = read_graph(sorted(self.files, key=lambda file: file.name))
        return Verbaliser(graph, self.source.languages or self.source.hygiene.languages)

    def read(self, file: File) -> Iterator[Record]:
        """Yield a description of each of a file's subjects, sorted by IRI."""
        verbaliser = self._verbaliser
        for subject in verbaliser.list_subjects(file.name):
            position = f"{file.name}: {subject}"
            text = verbaliser.describe(subject)
            if verbaliser.has_foreign_label(subject):
                yield Filtered(position=position, reason="no label in the languages asked for")
            elif text is None:
                yield Filtered(position=position, reason="nothing but a type")
            elif len(text) > MAX_RECORD_BYTES:
                yield Rejection(position=position, reason="record too long", excerpt=excerpt(text))
            else:
                yield Document(id=str(subject), text=text, metadata={"title": verbaliser.name(subject)})

    def stream(self, file: File, seed: int) -> Iterator[Record]:
        """Yield the same descriptions in seeded order."""
        return self.shuffle_stream(self.read(file), file, seed)

    def shuffle_stream(self, records: Iterable[Record], file: File, seed: int) -> Iterator[Record]:
        """Yield descriptions in seeded order, all of them together."""
        yield from shuffled(records, seed, file.name)

    def can_split(self, file: File) -> bool:  # noqa: ARG002  (whatever it holds)
        """Return False: no part of a graph stands alone."""
        return False

    def must_stream(self, file: File) -> bool:  # noqa: ARG002  (whatever its size)
        """Return False."""
        return False

    def start_rule(self, file: File) -> StartRule:
        """Return the rule of the source, which is not asked for."""
        return self.source.start_rule(file)


def _find_unread_suffix(source: Ontology, reader: Reader) -> str | None:
    """Return the suffix of files at a location whose format is known, but not read."""
    for suffix in UNREAD_SUFFIXES:
        try:
            reader.files(*source.patterns_for(suffix))
        except NotThereError:
            continue
        return suffix
    return None
