"""A source tried: opened, one record of it read and rendered, so that a plan refuses what a build would."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, takewhile
from typing import BinaryIO, cast

from calibset.core.documents import Filtered, Kind, Rejection
from calibset.core.errors import SourceError
from calibset.hygiene.cleaner import SharedIndexes
from calibset.hygiene.deduplication import DuplicateIndex
from calibset.hygiene.stats import LeftOut
from calibset.pipeline.notes import note_source
from calibset.pipeline.source_stream import open_source_stream
from calibset.recipe.model import Recipe
from calibset.sources import Source
from calibset.sources.base import wrap_errors
from calibset.storage import File, Reader, TrackedReader
from calibset.storage.files import Choice, keep_all
from calibset.tokenizers import Tokenizer

# Records that are read in search of one that would be kept.
_MOST_RECORDS = 500
# Records of conversations that are rendered.
_MOST_RENDERED = 20
# Local files whose first record is read; on a server it is one of each suffix.
_MOST_FILES = 20
# Bytes of a file on a server that are fetched at once.
_FETCHED = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What trying a source gave.

    Attributes:
        gives: Whether its records are texts or conversations; None if no record was kept.
        document: The id of the first document that a build would keep.
        text: Its text as the model reads it, control tokens broken apart as in a row.
        notes: What users of the source should know, as sentences.
    """

    gives: Kind | None = None
    document: str = ""
    text: str = ""
    notes: tuple[str, ...] = ()


def try_source(name: str, recipe: Recipe, reader: TrackedReader, tokenizer: Tokenizer) -> Trial:
    """Read the first records of a source, until one of them would be kept, and the first of other files.

    Raises:
        CalibsetError: A build would fail at this source, as far as its first records tell.
    """
    source = recipe.sources[name]
    beginning = _Beginning(reader.reader)
    indexes = SharedIndexes(duplicates=DuplicateIndex(near=False))
    records = islice(source.read_in_order(beginning), _MOST_RECORDS)
    stream = open_source_stream(name, recipe, beginning, tokenizer, indexes, rows=1, records=records)
    item = next(stream.items, None)
    stats = stream.stats
    if stats.gives == "conversations":
        # One may need what the chat template can't render, and the next not.
        deque(takewhile(lambda _: stats.records < _MOST_RENDERED, stream.items), maxlen=0)
    if item is None and stats.records < _MOST_RECORDS:
        stream.require_documents()
    if item is None:
        stream.require_readable(recipe.max_rejected_of(name))
    _try_other_files(source, beginning, f"sources.{name}")
    notes = [*stats.notes, *note_source(recipe, name, stats, tokenizer)]
    if note := source.note_unread(source.select_files(beginning)):
        notes.append(f"{name}: {note}")
    if stats.left_out.rejections or item is None:
        read = "the first record" if stats.records == 1 else f"the first {stats.records:,} records"
        notes.append(f"{name}: of {read}, {stats.left_out.describe()}")
    if item is None:
        return Trial(notes=tuple(notes))
    return Trial(gives=stats.gives, document=item.id, text=item.text, notes=tuple(notes))


def try_evaluation_set(name: str, recipe: Recipe, reader: TrackedReader) -> None:
    """Read an evaluation set up to the first record that holds a text.

    Raises:
        SourceError: It can't be read, or none of its first records holds a text.
    """
    left_out = LeftOut()
    records = recipe.exclude[name].read_in_order(_Beginning(reader.reader))
    for record in islice(wrap_errors(records, f"exclude.{name}"), _MOST_RECORDS):
        if not isinstance(record, Rejection | Filtered):
            return
        left_out.add(record)
    reasons = left_out.describe() or "it is empty"
    raise SourceError(f"exclude.{name}: none of the first records of {reader.location} is a text: {reasons}")


def _try_other_files(source: Source, reader: Reader, name: str) -> None:
    """Read the first record of further files, each of which may be of another kind."""
    if type(source).read_in_order is not Source.read_in_order:
        return  # its files are read together
    by_suffix: dict[str, File] = {}
    files = source.select_files(reader)
    for file in files:
        by_suffix.setdefault(file.stem.rpartition(".")[2], file)
    local = [file for file in files if file.open_ranges is None][:_MOST_FILES]
    for file in dict.fromkeys((*islice(by_suffix.values(), _MOST_FILES), *local)):
        for _ in islice(wrap_errors(source.read(file), name), 1):
            pass


class _Beginning(TrackedReader):
    """A reader of whose files on servers no more is fetched than is read."""

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        return tuple(
            file if file.open_ranges is None else _fetch_little(file, file.open_ranges)
            for file in super().files(*patterns, choose=choose)
        )


def _fetch_little(file: File, open_ranges: Callable[[], BinaryIO]) -> File:
    return replace(file, open_bytes=partial(_open, open_ranges), fetches_ahead=False)


def _open(open_ranges: Callable[[], BinaryIO]) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", open_ranges()), _FETCHED))
