"""Shards: parquet files of the scores of a corpus's parts, named by what they were made of."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from calibset.core.errors import OutputError
from calibset.hygiene.minhash import PERMUTATIONS
from calibset.pipeline.scoring.document_scores import DocumentScore
from calibset.sources.corpus_parts import Place
from calibset.sources.sampling.parquet_pages import Page, PageTable
from calibset.storage.parquet_tables import read_row_groups
from calibset.storage.score_folder import ScoreFolder

if TYPE_CHECKING:
    import polars
    import pyarrow

_NAME = re.compile(r"([0-9a-f]{32})-([0-9]{6})-of-([0-9]{6})-([0-9a-f]{16})\.parquet")
_KEY = b"calibset"
# Rows that are written together, and those that may be read so, with the bytes they may unpack to.
_GROUP = 2**12
_MOST_ROWS, _LARGEST = 2**17, 2**29
# The largest number of bytes, rows or tokens.
_MOST = 2**62
# What may be unknown of a document.
_UNKNOWN = ("verdict", "language", "language_score", "quality", "same", "sketch")


@dataclass(frozen=True, slots=True, order=True)
class ShardName:
    """What a shard is of.

    Attributes:
        file: The SHA-256 of the corpus's file.
        part: The number of the part.
        parts: How many parts the file has.
        rules: The digest of the rules by which it was scored.
    """

    file: str
    part: int
    parts: int
    rules: str

    def __str__(self) -> str:
        return f"{self.file[:32]}-{self.part:06d}-of-{self.parts:06d}-{self.rules[:16]}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSummary:
    """What a shard holds in all.

    Attributes:
        documents: How many records were examined.
        admitted: How many of them a build would take, whatever other documents there are.
        tokens: How many tokens these have.
        verdicts: How many of the others are left out, by reason.
        languages: How many of those that a build would take are in each language.
        sha256: The hash of the scores.
        pages: Where the pages of the corpus's row group are.
    """

    documents: int
    admitted: int
    tokens: int
    verdicts: Mapping[str, int]
    languages: Mapping[str, int]
    sha256: str
    pages: PageTable

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Return the summary that a shard's metadata hold.

        Raises:
            ValueError: They hold none.
        """
        try:
            data = json.loads(text)
            return cls(
                documents=_count(data["documents"]),
                admitted=_count(data["admitted"]),
                tokens=_count(data["tokens"]),
                verdicts={str(key): _count(count) for key, count in data["verdicts"].items()},
                languages={str(key): _count(count) for key, count in data["languages"].items()},
                sha256=str(data["sha256"]),
                pages={name: _read_pages(pages) for name, pages in data["pages"].items()},
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("no summary") from error

    def to_json(self) -> bytes:
        """Return the summary as JSON, the same bytes for the same scores."""
        data = {
            "documents": self.documents, "admitted": self.admitted, "tokens": self.tokens,
            "verdicts": dict(sorted(self.verdicts.items())),
            "languages": dict(sorted(self.languages.items())), "sha256": self.sha256,
            "pages": {name: list(map(list, pages)) for name, pages in self.pages.items()},
        }  # fmt: skip
        return json.dumps(data, separators=(",", ":")).encode()


def _read_pages(data: Iterable[Sequence[Any]]) -> tuple[Page, ...]:
    pages = tuple(
        Page(_count(offset), _count(size), _count(rows), bool(shared)) for offset, size, rows, shared in data
    )
    if not any(page.rows for page in pages):
        raise ValueError("a column without rows")
    return pages


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError("a number that is no count")
    return value


def write_shard(
    folder: ScoreFolder, name: ShardName, scores: Iterable[tuple[Place, DocumentScore]], pages: PageTable
) -> ShardSummary:
    """Write the scores of a part, some thousands of rows at a time, and return what they come to."""
    import pyarrow.parquet

    schema = _schema()
    digest = sha256()
    documents = admitted = tokens = 0
    verdicts: dict[str, int] = {}
    languages: dict[str, int] = {}
    with (
        folder.create(str(name)) as target,
        pyarrow.parquet.ParquetWriter(target, schema, compression="zstd", store_schema=True) as writer,
    ):
        for rows in _split(scores, _GROUP):
            for _, score in rows:
                if score.verdict is None:
                    admitted += 1
                    tokens += score.tokens
                    languages[score.language or "?"] = languages.get(score.language or "?", 0) + 1
                else:
                    verdicts[score.verdict] = verdicts.get(score.verdict, 0) + 1
            documents += len(rows)
            batch = _make_batch(rows, schema)
            digest.update(batch.serialize())
            writer.write_batch(batch)
        summary = ShardSummary(
            documents=documents, admitted=admitted, tokens=tokens, verdicts=verdicts, languages=languages,
            sha256=digest.hexdigest(), pages=pages,
        )  # fmt: skip
        writer.add_key_value_metadata({_KEY: summary.to_json()})
    return summary


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that is open.

    Attributes:
        summary: What it holds in all.
    """

    summary: ShardSummary
    _parquet: Any
    _stream: BinaryIO
    _name: str

    def read(self, columns: Collection[str]) -> Iterator[tuple[int, polars.DataFrame]]:
        """Yield some columns, some thousands of rows at a time, and the number of rows before them.

        Raises:
            OutputError: They can't be read.
        """
        import polars

        wanted = list(columns)
        with shard_errors(self._name):
            known = self._parquet.schema_arrow
            if list(map(known.field, wanted)) != list(map(_schema().field, wanted)):
                raise ValueError("it has other columns")
        start = 0
        tables = read_row_groups(self._stream, self._parquet.metadata, wanted)
        while True:
            with shard_errors(self._name):
                if (table := next(tables, None)) is None:
                    return
                table.validate(full=True)  # what reads it next takes texts to be valid
                if any(_lacks_values(table[name]) for name in wanted if name not in _UNKNOWN):
                    raise ValueError("it lacks values")
                frame = polars.DataFrame(polars.from_arrow(table))
            yield start, frame
            start += table.num_rows


def _lacks_values(column: pyarrow.ChunkedArray) -> bool:
    """Return whether a column holds nulls, or lists with nulls in them."""
    import pyarrow

    lists = column.chunks if pyarrow.types.is_list(column.type) else ()
    return bool(column.null_count or any(chunk.flatten().null_count for chunk in lists))


@contextmanager
def open_shard(folder: ScoreFolder, name: ShardName | str) -> Iterator[Shard]:
    """Open a shard, of which only the end is read until more is asked for.

    Raises:
        OutputError: It can't be read as a shard.
    """
    import pyarrow.parquet

    place = f"{folder.location}/{name}"
    with folder.open(str(name)) as stream:
        with shard_errors(place):
            parquet = pyarrow.parquet.ParquetFile(stream, pre_buffer=False)
            metadata = parquet.metadata
            groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
            if any(group.num_rows > _MOST_ROWS or group.total_byte_size > _LARGEST for group in groups):
                raise ValueError("it is too large")
            summary = ShardSummary.read((metadata.metadata or {}).get(_KEY, b"{}"))
            if summary.documents != metadata.num_rows:
                raise ValueError("it has other rows than it says")
        yield Shard(summary, parquet, stream, place)


def read_summary(folder: ScoreFolder, name: ShardName | str) -> ShardSummary:
    """Return what a shard's scores come to; only the end of the file is read.

    Raises:
        OutputError: It can't be read as a shard.
    """
    with open_shard(folder, name) as shard:
        return shard.summary


@contextmanager
def shard_errors(place: str) -> Iterator[None]:
    """Turn what can't be read in a shard into an error that names it."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise OutputError(
            f"{place}: can't be read as scores ({reason}); remove it, and run `calibset score` again"
        ) from error


def parse_name(text: str) -> tuple[str, int, int, str] | None:
    """Return the first part of the file's hash, the part, how many there are, and that of the rules."""
    match = _NAME.fullmatch(text)
    return (match[1], int(match[2]), int(match[3]), match[4]) if match else None


def _split(
    scores: Iterable[tuple[Place, DocumentScore]], size: int
) -> Iterator[list[tuple[Place, DocumentScore]]]:
    rows = iter(scores)
    while some := list(islice(rows, size)):
        yield some


def _make_batch(rows: Sequence[tuple[Place, DocumentScore]], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    import pyarrow

    columns = {field.name: [_value(place, score, field.name) for place, score in rows] for field in schema}
    return pyarrow.RecordBatch.from_pydict(columns, schema=schema)


def _value(place: Place, score: DocumentScore, column: str) -> Any:
    match column:
        case "start" | "end" | "row":
            return getattr(place, column)
        case "terms":
            return len(score.terms)
        case "held_terms":
            return score.terms
    return getattr(score, column)


def _schema() -> pyarrow.Schema:
    import pyarrow

    count = pyarrow.int32()
    types = {
        "start": pyarrow.int64(), "end": pyarrow.int64(), "row": pyarrow.int64(),
        "id": pyarrow.string(), "verdict": pyarrow.string(), "language": pyarrow.string(),
        "language_score": pyarrow.float64(), "quality": pyarrow.float64(), "tokens": count, "words": count,
        "characters": count, "turns": count, "terms": count, "repairs": count, "personal_data": count,
        "held": pyarrow.list_(count), "held_terms": pyarrow.list_(count), "digest": pyarrow.binary(8),
        "same": pyarrow.binary(16), "sketch": pyarrow.binary(PERMUTATIONS),
    }  # fmt: skip
    return pyarrow.schema(list(types.items()))
