"""Records of many files in a fair order, without reading more of the files than needed.

Small files are loaded whole. From large files of lines, blocks are drawn from all over them. Other large
files are streamed from their beginning. Each of these kinds gives records in proportion to the bytes of its
files.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from sys import getsizeof
from typing import Protocol

from calibset.core.documents import Conversation, Document, Record
from calibset.core.seeding import seeded_keys, shuffled
from calibset.sources.sampling.interleave import (
    MAX_OPEN_PARTS,
    Part,
    interleave,
    map_concurrently,
    split_into_batches,
)
from calibset.sources.sampling.line_blocks import MAX_OPEN_BLOCKS, LineBlock, StartRule, draw_blocks
from calibset.sources.sampling.packed_records import hold_records
from calibset.storage.compression import is_compressed
from calibset.storage.files import File

LOADED_BYTES = 64 * 2**20
"""The bytes of small files that are loaded together."""

MAX_OPEN_STREAMS = 8
"""How many files are streamed side by side."""

# Bytes of a file that is loaded whole.
_LARGE = 32 * 2**20
# Packed text grows about fourfold.
_COMPRESSION = 4
# Records, and bytes of them, that are gone through only to be counted. A file that is loaded has more
# only if its records are shorter than 64 bytes on average, as no corpus of documents is.
_MOST_RECORDS_COUNTED = 500_000
_MOST_COUNTED = 2**30
# Fewer if they are words rather than documents: going through half a million took most of the time of a build
# that ended after the first hundred thousand, because all of them were left out.
_MOST_WORDS_COUNTED, _LETTERS_OF_A_WORD = 125_000, 20
# How many times its share of what is loaded together a file's records may take in memory, so that they are
# held in place of reading them again, and the most that they may take: tools and marks of characters beyond
# the 16 bits that most texts need count here.
_HELD = 4
_MOST_MEMORY = _HELD * LOADED_BYTES
# Of larger files that are loaded together, the records wait packed: a recipe may have a hundred sources.
_UNPACKED = 4 * 2**20
# What a record takes in memory beside its text, about.
_RECORD_OVERHEAD = 500
# Small files of a large corpus whose first bytes are looked at, here and on servers: names may be wrong.
_MOST_LOCAL, _MOST_REMOTE = 2_000, 128


def is_large(file: File) -> bool:
    """Return whether a file is too large to be loaded, by its name and size."""
    return _estimate_unpacked_size(file) > _LARGE


def is_looked_into(file: File) -> bool:
    """Return whether a file is opened to tell how it is read; the names of most small ones tell."""
    return file.is_suspect or is_large(file)


def has_plain_lines(file: File) -> bool:
    """Return whether reading may begin behind any line feed; into a large file it is looked."""
    return file.has_plain_lines and not (is_looked_into(file) and is_compressed(file))


def get_size(file: File) -> int:
    """Return a file's size in bytes; the file is opened to find out if its location doesn't say."""
    if file.size is not None:
        return file.size
    with file.open_random_access() as stream:
        return stream.seek(0, io.SEEK_END)


def measure_record(record: Record) -> int:
    """Return the number of characters of a record's text."""
    if isinstance(record, Conversation):
        return sum(len(message.content) + len(message.reasoning) for message in record.messages)
    return len(record.text) + len(record.token_ids) if isinstance(record, Document) else 0


class FileReader(Protocol):
    """What reads the records of files; every source does. See `calibset.sources.base.Source`."""

    def read(self, file: File) -> Iterator[Record]:
        """Yield the records of one file in the order they stand in it."""
        ...

    def stream(self, file: File, seed: int) -> Iterator[Record]:
        """Yield the records of a file from its beginning, shuffled a thousand at a time."""
        ...

    def shuffle_stream(self, records: Iterable[Record], file: File, seed: int) -> Iterator[Record]:
        """Yield what `read` yields of a file in the order of `stream`."""
        ...

    def can_split(self, file: File) -> bool:
        """Return whether the records of a file, unpacked, can be read from any line on."""
        ...

    def must_stream(self, file: File) -> bool:
        """Return whether a file is read from its beginning."""
        ...

    def start_rule(self, file: File) -> StartRule:
        """Return the rule that tells on which lines of a file a record starts."""
        ...


@dataclass(frozen=True, slots=True)
class FileSampler:
    """Reads files in seeded order, each in the way that its source allows.

    Attributes:
        source: Reads the files.
        seed: The seed.
        first_parts: How many parts a source opens at first; of blocks and bytes, as large a share.
    """

    source: FileReader
    seed: int
    first_parts: int = MAX_OPEN_PARTS

    def partition(self, files: Sequence[File]) -> Iterator[Part[Record]]:
        """Yield a part for each way in which files are read, weighted by bytes."""
        files = [replace(file, size=get_size(file)) for file in files]
        lines = {file.name: file for file in files if has_plain_lines(file) and self.source.can_split(file)}
        if sum(map(get_size, lines.values())) <= _LARGE:
            lines = {}
        for file in self._find_misnamed(list(lines.values())):
            del lines[file.name]
        streams: list[File] = []
        small: list[File] = []
        for file in files:
            if file.name not in lines:
                (streams if self.source.must_stream(file) else small).append(file)
        ways = ((list(lines.values()), self._sample_blocks), (streams, self._stream), (small, self._load))
        for batch, read in ways:
            if batch:
                yield Part(max(1, sum(map(_estimate_unpacked_size, batch))), read(batch))

    def _find_misnamed(self, files: Sequence[File]) -> Iterator[File]:
        """Yield the small files that can't be read from any line on, whatever their names say."""
        small = [file for file in files if not is_large(file)]
        local = [file for file in small if file.open_ranges is None][:_MOST_LOCAL]
        looked_into = [*local, *[file for file in small if file.open_ranges is not None][:_MOST_REMOTE]]

        def can_split(file: File) -> bool:
            suspect = replace(file, is_suspect=True)
            return has_plain_lines(suspect) and self.source.can_split(suspect)

        for file, can in zip(looked_into, map_concurrently(can_split, looked_into), strict=True):
            if not can:
                yield file

    def _sample_blocks(self, files: list[File]) -> Iterator[Record]:
        start_rule = cache(self.source.start_rule)
        first = max(1, MAX_OPEN_BLOCKS * self.first_parts // MAX_OPEN_PARTS)
        batches = split_into_batches(draw_blocks(files, self.seed), MAX_OPEN_BLOCKS, first=first)

        def load(block: LineBlock) -> File | None:
            return block.load(start_rule(block.file))

        for index, batch in enumerate(batches):
            packs = sum(block.end - block.start for block in batch) > _UNPACKED
            blocks = filter(None, map_concurrently(load, batch))
            parts = (self._load_file(block, LOADED_BYTES, packs=packs) for block in blocks)
            yield from interleave(parts, self.seed, "blocks", index, at_once=MAX_OPEN_BLOCKS)

    def _stream(self, files: list[File]) -> Iterator[Record]:
        parts = (Part(_estimate_unpacked_size(file), self.source.stream(file, self.seed)) for file in files)
        first = max(1, MAX_OPEN_STREAMS * self.first_parts // MAX_OPEN_PARTS)
        yield from interleave(parts, self.seed, "streams", at_once=MAX_OPEN_STREAMS, first=first)

    def _load(self, files: list[File]) -> Iterator[Record]:
        loaded = LOADED_BYTES * self.first_parts // MAX_OPEN_PARTS
        batches = split_into_batches(files, MAX_OPEN_PARTS, _estimate_unpacked_size, loaded)
        for index, batch in enumerate(batches):
            sizes = list(map(_estimate_unpacked_size, batch))
            total = sum(sizes) or 1
            parts = (
                self._load_file(file, max(1, loaded * size // total), packs=total > _UNPACKED)
                for file, size in zip(batch, sizes, strict=True)
            )
            yield from interleave(parts, self.seed, "files", index)

    def _load_file(self, file: File, budget: int, *, packs: bool) -> Part[Record]:
        """Return the records of a file, shuffled; the part's size is their number.

        Where they take more bytes than the budget, they come in slices that fit it, each of records from
        all over the file. The file is read again for each slice if they take several times the budget.
        What waits for its turn is packed if it is told to be.
        """
        held: list[Record] | None = []
        count = size = last = memory = 0
        records = self.source.read(file)
        for record in records:
            if size > budget and memory > _HELD * budget:
                held = None  # and read it again
            if held is not None:
                held.append(record)
                memory += _measure_memory(record)
            count += 1
            last = measure_record(record) + _RECORD_OVERHEAD
            size += last
            if _is_huge(count, size) or (size <= budget and memory > _MOST_MEMORY):
                if held is None:
                    return Part(count, self.source.stream(file, self.seed))
                return Part(count, self.source.shuffle_stream(chain(held, records), file, self.seed))
        hold = hold_records if packs else iter
        if held is not None and size - last <= budget:
            return Part(max(1, count), iter(hold(shuffled(held, self.seed, file.name))))
        slices = -(-size // budget)
        if held is None:  # what is read again is held when it is wanted
            read = (self._read_slice(file, index, slices) for index in range(slices))
            return Part(count, chain.from_iterable(map(hold, read)))
        split: list[list[Record]] = [[] for _ in range(slices)]
        for index, record in zip(self._draw_slices(file, slices), held, strict=False):
            split[index].append(record)
        parts = [hold(shuffled(own, self.seed, file.name, index)) for index, own in enumerate(split)]
        return Part(count, chain.from_iterable(parts))

    def _read_slice(self, file: File, index: int, slices: int) -> list[Record]:
        """Return a slice of a file's records, shuffled; each record is in one of the slices."""
        drawn = zip(self._draw_slices(file, slices), self.source.read(file), strict=False)
        return shuffled((record for one, record in drawn if one == index), self.seed, file.name, index)

    def _draw_slices(self, file: File, slices: int) -> Iterator[int]:
        """Yield the slice of each record of a file."""
        return (int.from_bytes(key) % slices for key in seeded_keys(self.seed, file.name, "slice"))


def _estimate_unpacked_size(file: File) -> int:
    return get_size(file) * (_COMPRESSION if file.is_compressed else 1)


def _is_huge(count: int, size: int) -> bool:
    """Return whether so many records, which take so many bytes, are too many to be gone through."""
    if count > _MOST_WORDS_COUNTED and size < count * (_RECORD_OVERHEAD + _LETTERS_OF_A_WORD):
        return True
    return count > _MOST_RECORDS_COUNTED or size > _MOST_COUNTED


def _measure_memory(record: Record) -> int:
    """Return about how many bytes a record takes in memory, whatever letters it is written in."""
    texts: list[str] = []
    if isinstance(record, Document):
        memory = _RECORD_OVERHEAD // 2 + getsizeof(record.text)
        return memory + sum(map(getsizeof, record.metadata.values())) if record.metadata else memory
    if isinstance(record, Conversation):
        texts = [text for message in record.messages for text in (message.content, message.reasoning)]
        texts += [call.arguments for message in record.messages for call in message.tool_calls]
        texts += [text for tool in record.tools for text in (tool.description, tool.parameters)]
    return _RECORD_OVERHEAD // 2 + sum(map(getsizeof, texts))
