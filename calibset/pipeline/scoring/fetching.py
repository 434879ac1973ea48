"""Records of scored documents, read again from their corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from calibset.core.documents import Record
from calibset.core.errors import SourceError
from calibset.pipeline.scoring.document_scores import digest_record
from calibset.pipeline.scoring.scored_corpus import ROW_BITS, ScoredCorpus
from calibset.pipeline.scoring.shards import open_shard, shard_errors
from calibset.sources.corpus_parts import Place
from calibset.sources.sampling.parquet_pages import PageTable


@dataclass(frozen=True, slots=True)
class FoundPlaces:
    """Where some documents are in their corpus.

    Attributes:
        places: The place and the digest of each document, by its key.
        pages: The pages of the parts that they are in, by the number of the shard.
    """

    places: Mapping[int, tuple[Place, bytes]]
    pages: Mapping[int, PageTable]


def find_places(corpus: ScoredCorpus, keys: Iterable[int]) -> FoundPlaces:
    """Return where documents are; each of their shards is opened once."""
    places: dict[int, tuple[Place, bytes]] = {}
    pages: dict[int, PageTable] = {}
    for number, own in groupby(sorted(keys), key=_shard_of):
        wanted = list(own)
        with open_shard(corpus.folder, corpus.tasks[number].shard) as shard:
            pages[number] = shard.summary.pages
            for first, frame in shard.read(["start", "end", "row", "digest"]):
                rows = [row for key in wanted if 0 <= (row := _row_of(key) - first) < len(frame)]
                for row, (start, end, place, digest) in zip(rows, frame[rows].iter_rows(), strict=True):
                    places[number << ROW_BITS | first + row] = Place(start, end, place), digest
    return FoundPlaces(places, pages)


def fetch_records(
    corpus: ScoredCorpus, found: FoundPlaces, keys: Iterable[int]
) -> Iterator[tuple[int, Record]]:
    """Yield documents' keys and records, those of a part together.

    Args:
        corpus: The corpus.
        found: Where these documents are, and perhaps others.
        keys: The documents.

    Raises:
        SourceError: A record is not there any more, or is another.
        OutputError: There can be none where the scores say that it is.
    """
    for number, own in groupby(sorted(keys), key=_shard_of):
        task = corpus.tasks[number]
        file, keys_here = corpus.files[task.file], list(own)
        places = [found.places[key][0] for key in keys_here]
        with shard_errors(f"{corpus.folder.location}/{task.shard}"):
            file.require_places(places, task.shard.part, task.shard.parts, found.pages[number])
        by_place = dict(zip(places, keys_here, strict=True))
        fetched = 0
        parts = file.fetch(places, task.shard.part, found.pages[number])
        for place, record in parts:
            key = by_place[place]
            if digest_record(record) != found.places[key][1]:
                break
            fetched += 1
            yield key, record
        if fetched < len(by_place):
            raise SourceError(
                f"{task.file} holds other records than those that were scored in "
                f"{corpus.folder.location}/{task.shard}; remove that and the *.sha256 beside it, and run "
                "`calibset score` again"
            )


def _shard_of(key: int) -> int:
    return key >> ROW_BITS


def _row_of(key: int) -> int:
    return key & (1 << ROW_BITS) - 1
