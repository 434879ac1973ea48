"""Documents of a whole corpus that repeat another, found by their sketches and then by their words.

Bands of all sketches are sorted on disk, a part of all their values at a time, and so are the pairs of
documents that share one and have similar sketches. Their words are then read again and compared. What
memory holds of each document is a byte that says whether it repeats another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from calibset.core.errors import OutputError, SourceError
from calibset.hygiene.deduplication import MOST_WORDS, SIMILARITY, SLACK, measure_similarity
from calibset.hygiene.minhash import BANDS, PERMUTATIONS
from calibset.pipeline.scoring.document_scores import Scorer
from calibset.pipeline.scoring.fetching import fetch_records, find_places
from calibset.pipeline.scoring.job import PartTask
from calibset.pipeline.scoring.scored_corpus import ROW_BITS, Keys, ScoredCorpus
from calibset.pipeline.scoring.shards import open_shard, read_summary
from calibset.storage.parquet_tables import read_table
from calibset.storage.score_folder import ScoreFolder

if TYPE_CHECKING:
    import polars

# Rows of numbers that are sorted in memory at once.
_SORTED_AT_ONCE = 2**19
# Of the documents that share a band, so many of the first are compared with the others.
_LEADERS = 16
# Pairs of sketches that are compared at once; pairs of documents that are, and bytes of words held for them.
_COMPARED_AT_ONCE = 2**16
_READ_AT_ONCE, _HELD_AT_ONCE = 10_000, 64 * 2**20
# What is held of a word: two shingles of four bytes.
_BYTES_A_WORD = 8
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Bands that are sorted together, so that the disk holds no more of them than of sketches; files at once.
_BANDS_AT_ONCE, _MOST_FILES = 8, 2**12
# Similarities are kept to four decimals.
_TEN_THOUSAND = 10_000

_Numbers = npt.NDArray[np.uint64]
"""Documents, numbered from 0 in the order of the corpus."""


def find_repeats(corpus: ScoredCorpus, scorer: Scorer, *, near: bool) -> int:
    """Find the documents that repeat an earlier one of their corpus, and return how many there are.

    They are written beside the scores; if they were found before, nothing is read again.

    Args:
        corpus: The corpus.
        scorer: Splits texts into words as a build does.
        near: Whether documents that nearly repeat another count too.
    """
    name = repeats_name(corpus.tasks, near=near)
    if name in corpus.folder.list_names():
        return len(read_repeats(corpus.folder, corpus.tasks, near=near))
    with tempfile.TemporaryDirectory(prefix="calibset-") as scratch:
        search = _Search.open(corpus, Path(scratch))
        search.find_exact(near=near)
        if near:
            search.find_near(scorer)
        return _write(corpus.folder, name, search)


def repeats_name(tasks: Sequence[PartTask], *, near: bool) -> str:
    """Return the name of the file of a corpus's repeats."""
    names = "\n".join(str(task.shard) for task in tasks)
    return f"repeats-{sha256(names.encode()).hexdigest()[:32]}-{'near' if near else 'exact'}.parquet"


def read_repeats(folder: ScoreFolder, tasks: Sequence[PartTask], *, near: bool) -> Keys:
    """Return the documents that repeat another, in order.

    Raises:
        SourceError: They have not been looked for.
        OutputError: The file can't be read.
    """
    import pyarrow

    name = repeats_name(tasks, near=near)
    if name not in folder.list_names():
        raise SourceError(
            f"{folder.location}: which documents repeat another is not known yet; run `calibset score` "
            "again, which goes on where it was"
        )
    with folder.open(name) as stream:
        try:
            keys = read_table(stream, ["key"])["key"]
            if keys.null_count:
                raise ValueError("it lacks values")  # noqa: TRY301  (a fault like the others)
            return np.sort(keys.cast(pyarrow.uint64()).to_numpy())
        except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
            raise OutputError(
                f"{folder.location}/{name}: can't be read; remove it, and run `calibset score` again"
            ) from error


def _write(folder: ScoreFolder, name: str, search: _Search) -> int:
    """Write which documents repeat which, in order, and return how many do."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema(
        [("key", pyarrow.uint64()), ("kept", pyarrow.uint64()), ("similarity", pyarrow.float64())]
    )
    count = 0
    with (
        folder.create(name) as target,
        pyarrow.parquet.ParquetWriter(target, schema, compression="zstd") as writer,
    ):
        for rows in search.found.read():
            repeats, kept, similarity = rows[np.argsort(rows[:, 0])].T
            columns = (search.keys_of(repeats), search.keys_of(kept), similarity / _TEN_THOUSAND)
            writer.write_batch(pyarrow.record_batch(list(map(pyarrow.array, columns)), schema=schema))
            count += len(rows)
    return count


@dataclass(frozen=True, slots=True)
class _Spool:
    """Rows of numbers on disk, in files that are sorted in memory one by one."""

    folder: Path
    name: str
    width: int
    files: int

    def add(self, files: npt.NDArray[np.int64], rows: _Numbers) -> None:
        """Append each row to its file."""
        order = np.argsort(files, kind="stable")
        rows = rows[order]
        for number, start, end in _runs(files[order]):
            _append(self._path(number), rows[start:end].tobytes())

    def read(self) -> Iterator[_Numbers]:
        """Yield the rows of a file at a time, in the order they were added; the file is gone then."""
        for number in range(self.files):
            if self._path(number).exists():
                rows = np.fromfile(self._path(number), np.uint64).reshape(-1, self.width)
                self._path(number).unlink()
                yield rows

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number}"


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for repeats in a corpus.

    Attributes:
        corpus: The corpus.
        scratch: A folder for what is sorted.
        starts: The number of the first document of each shard, and that of all documents.
        repeated: Whether each document repeats another.
        found: The documents that do, those that they repeat, and how similar they are.
    """

    corpus: ScoredCorpus
    scratch: Path
    starts: _Numbers
    repeated: npt.NDArray[np.bool_]
    found: _Spool

    @classmethod
    def open(cls, corpus: ScoredCorpus, scratch: Path) -> Self:
        """Number the documents of a corpus."""
        sizes = [read_summary(corpus.folder, task.shard).documents for task in corpus.tasks]
        starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.uint64)
        total = int(starts[-1])
        return cls(
            corpus, scratch, starts, np.zeros(total, np.bool_), _open_spool(scratch, "found", 3, total)
        )

    @property
    def total(self) -> int:
        return len(self.repeated)

    def keys_of(self, documents: _Numbers) -> Keys:
        """Return the keys of documents."""
        shards = np.searchsorted(self.starts, documents, "right").astype(np.uint64) - np.uint64(1)
        return (shards << np.uint64(ROW_BITS)) | (documents - self.starts[shards.astype(np.int64)])

    def find_exact(self, *, near: bool) -> None:
        """Find the documents with the same words as an earlier one, and keep the sketches of all on disk."""
        spool = _open_spool(self.scratch, "same", 3, self.total)
        columns = ["same", "sketch", "words"] if near else ["same"]
        for documents, frame in self._read(columns):
            known = frame["same"].is_not_null().to_numpy()
            values = np.frombuffer(b"".join(frame["same"].drop_nulls().to_list()), ">u8").reshape(-1, 2)
            rows = np.column_stack((values.astype(np.uint64), documents[known]))
            spool.add(_spread(rows[:, 0], spool.files), rows)
            if near:
                sketches = b"".join(frame["sketch"].fill_null(bytes(PERMUTATIONS)).to_list())
                _append(self._path("sketches"), sketches)
                has_sketch = frame["sketch"].is_not_null().to_numpy()
                words = (frame["words"].to_numpy() * has_sketch).astype(np.uint32)
                _append(self._path("words"), words.tobytes())
        for rows in spool.read():
            rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]  # noqa: PLW2901  (stable, so the first stays)
            first = _find_first(rows[:, 0]) | _find_first(rows[:, 1])
            owners = rows[first, 2][np.cumsum(first) - 1]
            repeats = rows[~first, 2]
            self._add(repeats, owners[~first], np.full(len(repeats), _TEN_THOUSAND))

    def find_near(self, scorer: Scorer) -> None:
        """Find the documents that nearly repeat an earlier one that is kept."""
        if not self.total:
            return
        for pairs in self._find_candidates().read():
            later, earlier = _split_pairs(np.unique(pairs))
            found = []
            for document, group in groupby(self._measure(later, earlier, scorer), key=lambda pair: pair[0]):
                best, kept = max(
                    ((similarity, -one) for _, one, similarity in group if not self.repeated[one]),
                    default=(0.0, 0),
                )
                if best >= SIMILARITY:
                    self.repeated[document] = True
                    found.append((document, -kept, round(best * _TEN_THOUSAND)))
            if found:
                self._add(*np.array(found, np.uint64).T)

    def _find_candidates(self) -> _Spool:
        """Return pairs of documents that share a band and have similar sketches."""
        candidates = _open_spool(self.scratch, "pairs", 1, _BANDS_AT_ONCE * self.total)
        for first in range(0, BANDS, _BANDS_AT_ONCE):
            for rows in self._sort_bands(range(first, first + _BANDS_AT_ONCE)):
                new = [_compare(self._open_sketches(), *some) for some in _pair_up(rows[:, 0], rows[:, 1])]
                pairs = np.unique(np.concatenate(new)) if new else np.empty(0, np.uint64)
                files = (pairs >> np.uint64(32)).astype(np.int64) * candidates.files // self.total
                candidates.add(files, pairs.reshape(-1, 1))
        return candidates

    def _sort_bands(self, numbers: range) -> Iterator[_Numbers]:
        """Yield some bands of all sketches with their documents, ordered by them, a part at a time."""
        spool = _open_spool(self.scratch, "bands", 2, len(numbers) * self.total)
        salt = (np.arange(numbers.start, numbers.stop, dtype=np.uint64) + np.uint64(1)) * _MULTIPLIER
        at_once = _COMPARED_AT_ONCE // len(numbers)
        for start in range(0, self.total, at_once):
            end = min(start + at_once, self.total)
            wanted = (self._open_words()[start:end] > 0) & ~self.repeated[start:end]
            some = np.ascontiguousarray(self._open_sketches()[start:end][wanted])
            bands = some.view("<u4")[:, numbers.start : numbers.stop].astype(np.uint64)
            mixed = (bands * _MULTIPLIER) ^ salt
            mixed = (mixed ^ (mixed >> np.uint64(32))) * _MULTIPLIER
            documents = np.arange(start, end, dtype=np.uint64)[wanted].repeat(len(numbers))
            spool.add(_spread(mixed.ravel(), spool.files), np.stack((mixed.ravel(), documents), axis=1))
        for rows in spool.read():
            yield rows[np.argsort(rows[:, 0], kind="stable")]

    def _measure(
        self, later: _Numbers, earlier: _Numbers, scorer: Scorer
    ) -> Iterator[tuple[int, int, float]]:
        """Yield pairs with the similarity of their words, which are read again."""
        words = self._open_words()
        of_later, of_earlier = (
            np.minimum(words[some.astype(np.int64)], MOST_WORDS).astype(np.int64) for some in (later, earlier)
        )
        costs = _BYTES_A_WORD * (of_later + of_earlier)
        for start, end in _split_by_cost(costs):
            is_open = ~self.repeated[earlier[start:end].astype(np.int64)]
            pairs = later[start:end][is_open], earlier[start:end][is_open]
            shingles = self._read_shingles(np.unique(np.concatenate(pairs)), scorer)
            for document, one in zip(*(some.tolist() for some in pairs), strict=True):
                if document in shingles and one in shingles:
                    yield document, one, measure_similarity(shingles[one], shingles[document])

    def _read_shingles(self, documents: _Numbers, scorer: Scorer) -> dict[int, npt.NDArray[np.uint32]]:
        """Return the shingles of documents, read again from their corpus."""
        by_key = dict(zip(self.keys_of(documents).tolist(), documents.tolist(), strict=True))
        shingles: dict[int, npt.NDArray[np.uint32]] = {}
        records = fetch_records(self.corpus, find_places(self.corpus, by_key), by_key)
        for key, fingerprint in scorer.find_fingerprints(records):
            if fingerprint.near:
                shingles[by_key[key]] = fingerprint.near.shingles
        return shingles

    def _add(self, repeats: _Numbers, kept: _Numbers, similarity: npt.NDArray[Any]) -> None:
        self.repeated[repeats.astype(np.int64)] = True
        files = repeats.astype(np.int64) * self.found.files // max(1, self.total)
        self.found.add(files, np.stack((repeats, kept, similarity.astype(np.uint64)), axis=1))

    def _read(self, columns: Sequence[str]) -> Iterator[tuple[_Numbers, polars.DataFrame]]:
        """Yield columns of the scores with the numbers of their documents, some thousands at a time."""
        for task, begin in zip(self.corpus.tasks, self.starts[:-1].tolist(), strict=True):
            with open_shard(self.corpus.folder, task.shard) as shard:
                for start, frame in shard.read(columns):
                    first = begin + start
                    yield np.arange(first, first + len(frame), dtype=np.uint64), frame

    # Opened anew for each use: pages of the file that were looked at don't count as memory for longer.
    def _open_sketches(self) -> npt.NDArray[np.uint8]:
        return np.memmap(self._path("sketches"), np.uint8, "r", shape=(self.total, PERMUTATIONS))

    def _open_words(self) -> npt.NDArray[np.uint32]:
        return np.memmap(self._path("words"), np.uint32, "r", shape=(self.total,))

    def _path(self, name: str) -> Path:
        return self.scratch / name


def _append(path: Path, content: bytes) -> None:
    """Write behind what a file of the search holds."""
    try:
        with path.open("ab") as stream:
            stream.write(content)
    except OSError as error:
        raise OutputError(
            f"{tempfile.gettempdir()}: can't be written: {error.strerror}; repeats are sorted there: set "
            "TMPDIR to a folder with more room"
        ) from error


def _open_spool(folder: Path, name: str, width: int, rows: int) -> _Spool:
    return _Spool(folder, name, width, max(1, min(_MOST_FILES, -(-rows // _SORTED_AT_ONCE))))


def _spread(values: _Numbers, files: int) -> npt.NDArray[np.int64]:
    """Return a file for each value, the same for equal ones."""
    return ((values >> np.uint64(32)) * np.uint64(files) >> np.uint64(32)).astype(np.int64)


def _find_first(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return where a sorted array has a value for the first time."""
    first = np.ones(len(values), np.bool_)
    first[1:] = values[1:] != values[:-1]
    return first


def _runs(values: npt.NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield each value of a sorted array, and where it begins and ends."""
    edges = [*np.flatnonzero(_find_first(values)).tolist(), len(values)]
    for start, end in pairwise(edges):
        yield int(values[start]), start, end


def _pair_up(values: _Numbers, documents: _Numbers) -> Iterator[tuple[_Numbers, _Numbers]]:
    """Yield documents that share a value with one of the first that do, and those."""
    first = _find_first(values)
    starts = np.flatnonzero(first)[np.cumsum(first) - 1]
    own = np.arange(len(values))
    for leader in range(_LEADERS):
        behind = starts + leader < own
        if not behind.any():
            return
        earlier, later = documents[starts[behind] + leader], documents[own[behind]]
        for start in range(0, len(later), _COMPARED_AT_ONCE):
            yield earlier[start : start + _COMPARED_AT_ONCE], later[start : start + _COMPARED_AT_ONCE]


def _compare(sketches: npt.NDArray[np.uint8], earlier: _Numbers, later: _Numbers) -> _Numbers:
    """Return the pairs whose sketches are similar enough, the later document in the upper half."""
    pairs = np.unique((later << np.uint64(32)) | earlier)
    later, earlier = _split_pairs(pairs)
    agreement = (sketches[earlier.astype(np.int64)] == sketches[later.astype(np.int64)]).sum(axis=1)
    similar: _Numbers = pairs[agreement >= (SIMILARITY - SLACK) * PERMUTATIONS]
    return similar


def _split_pairs(pairs: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Return the later documents of pairs, and the earlier ones."""
    return pairs >> np.uint64(32), pairs & np.uint64(2**32 - 1)


def _split_by_cost(costs: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where pairs begin and end that are compared together."""
    ends = np.cumsum(costs)
    start = 0
    while start < len(costs):
        before = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, before + _HELD_AT_ONCE, "right"))
        end = max(start + 1, min(fitting, start + _READ_AT_ONCE))
        yield start, end
        start = end
