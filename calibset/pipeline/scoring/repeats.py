"""Documents of a whole corpus that repeat another, found by their sketches and then by their words.

Bands of all sketches are sorted on disk, a part of all their values at a time, so that memory does not grow
with the corpus. Documents that share a band and have similar sketches are read again, and their
words compared.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibset.core.errors import OutputError, SourceError
from calibset.hygiene.deduplication import SIMILARITY, SLACK, measure_similarity
from calibset.hygiene.minhash import BANDS, PERMUTATIONS
from calibset.pipeline.scoring.document_scores import Scorer
from calibset.pipeline.scoring.fetching import Keys, fetch_records, make_keys
from calibset.pipeline.scoring.job import PartTask
from calibset.pipeline.scoring.shards import read_scores, read_summary
from calibset.sources.corpus_parts import CorpusFile
from calibset.storage.score_folder import ScoreFolder

if TYPE_CHECKING:
    import polars

# Entries of bands that are sorted in memory at once: 16 bytes each.
_SORTED_AT_ONCE = 2**23
# Of the documents that share a band, so many of the first are compared with the others.
_LEADERS = 16
# Pairs of sketches that are compared at once, and documents whose words are held at once.
_COMPARED_AT_ONCE = 2**18
_READ_AT_ONCE = 20_000
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_LARGEST = 2**33


def find_repeats(
    folder: ScoreFolder,
    tasks: Sequence[PartTask],
    files: Mapping[str, CorpusFile],
    scorer: Scorer,
    *,
    near: bool,
) -> int:
    """Find the documents that repeat an earlier one of their corpus, and return how many there are.

    They are written beside the scores; if they were found before, nothing is read again.

    Args:
        folder: The folder of the scores.
        tasks: The parts of the corpus, all of them scored.
        files: The corpus's files.
        scorer: Splits texts into words as a build does.
        near: Whether documents that nearly repeat another count too.
    """
    name = repeats_name(tasks, near=near)
    if name in folder.list_names():
        return len(read_repeats(folder, tasks, near=near))
    with tempfile.TemporaryDirectory(prefix="calibset-") as scratch:
        found = _find_exact(folder, tasks, Path(scratch))
        if near:
            found = found.vstack(_find_near(folder, tasks, files, scorer, found, Path(scratch)))
    target = io.BytesIO()
    found.sort("key").write_parquet(target, compression="zstd")
    folder.write(name, target.getvalue())
    return len(found)


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
    import polars

    name = repeats_name(tasks, near=near)
    content = folder.read_if_there(name, most=_LARGEST)
    if content is None:
        raise SourceError(
            f"{folder.location}: which documents repeat another is not known yet; run `calibset score` "
            "again, which goes on where it was"
        )
    try:
        frame = polars.read_parquet(content, columns=["key"])
        return np.sort(frame["key"].cast(polars.UInt64).to_numpy())
    except (polars.exceptions.PolarsError, OSError, ValueError) as error:
        raise OutputError(
            f"{folder.location}/{name}: can't be read; remove it, and run `calibset score` again"
        ) from error


def _frame(keys: Any = (), kept: Any = (), similarity: Any = ()) -> polars.DataFrame:
    import polars

    return polars.DataFrame(
        {"key": keys, "kept": kept, "similarity": similarity},
        schema={"key": polars.UInt64, "kept": polars.UInt64, "similarity": polars.Float64},
    )


@dataclass(frozen=True, slots=True)
class _Spool:
    """Pairs of a value and a document on disk, in files by the first bits of the value."""

    folder: Path
    name: str
    bits: int

    def add(self, values: npt.NDArray[np.uint64], documents: npt.NDArray[np.uint64]) -> None:
        buckets = (
            (values >> np.uint64(64 - self.bits)).astype(np.int64)
            if self.bits
            else np.zeros(len(values), np.int64)
        )
        order = np.argsort(buckets, kind="stable")
        pairs = np.stack((values[order], documents[order]), axis=1)
        for bucket, start, end in _runs(buckets[order]):
            with self._path(bucket).open("ab") as stream:
                stream.write(pairs[start:end].tobytes())

    def read_sorted(self) -> Iterator[tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]]:
        """Yield the pairs of a file at a time, in order of value and document."""
        import polars

        for bucket in range(2**self.bits):
            if self._path(bucket).exists():
                pairs = np.fromfile(self._path(bucket), np.uint64).reshape(-1, 2)
                frame = polars.DataFrame({"value": pairs[:, 0], "document": pairs[:, 1]}).sort(
                    "value", "document"
                )
                yield frame["value"].to_numpy(), frame["document"].to_numpy()
                self._path(bucket).unlink()

    def _path(self, bucket: int) -> Path:
        return self.folder / f"{self.name}-{bucket}"


def _choose_bits(entries: int) -> int:
    """Return how many bits tell so many files apart that each is sorted in memory."""
    return max(0, min(12, (entries // _SORTED_AT_ONCE).bit_length()))


def _runs(values: npt.NDArray[Any]) -> Iterator[tuple[int, int, int]]:
    """Yield each value of a sorted array, and where it begins and ends."""
    if not len(values):
        return
    edges = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1], [True])))
    for start, end in pairwise(edges.tolist()):
        yield int(values[start]), start, end


def _find_exact(folder: ScoreFolder, tasks: Sequence[PartTask], scratch: Path) -> polars.DataFrame:
    """Return the documents with the same words as an earlier one."""
    total = sum(read_summary(folder, task.shard).admitted for task in tasks)
    spool = _Spool(scratch, "same", _choose_bits(total))
    for number, task in enumerate(tasks):
        frame = read_scores(folder, task.shard, ["same"])
        known = frame["same"].is_not_null().to_numpy()
        values = np.frombuffer(b"".join(frame["same"].drop_nulls().to_list()), ">u8").reshape(-1, 2)
        # Eight bytes tell the texts of any corpus apart, but for one pair in millions of millions.
        spool.add(values[:, 0].astype(np.uint64), make_keys(number, len(frame))[known])
    keys, kept = [], []
    for values, documents in spool.read_sorted():
        first = np.concatenate(([True], values[1:] != values[:-1]))
        owners = documents[first][np.cumsum(first) - 1]
        keys.append(documents[~first])
        kept.append(owners[~first])
    all_keys = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    return _frame(all_keys, np.concatenate(kept) if kept else all_keys, np.ones(len(all_keys)))


def _find_near(
    folder: ScoreFolder,
    tasks: Sequence[PartTask],
    files: Mapping[str, CorpusFile],
    scorer: Scorer,
    exact: polars.DataFrame,
    scratch: Path,
) -> polars.DataFrame:
    """Return the documents that nearly repeat an earlier one that is kept."""
    left_out = np.sort(exact["key"].to_numpy())
    keys, sketches = _spool_sketches(folder, tasks, left_out, scratch)
    if not len(keys):
        return _frame()
    earlier, later = _find_candidates(sketches, scratch)
    repeated: set[int] = set()
    found: list[tuple[int, int, float]] = []
    for start, end in _split_pairs(later):
        shingles = _read_shingles(
            folder,
            tasks,
            files,
            scorer,
            keys,
            np.unique(np.concatenate((earlier[start:end], later[start:end]))),
        )
        pairs = zip(earlier[start:end].tolist(), later[start:end].tolist(), strict=True)
        for document, group in groupby(pairs, key=lambda pair: pair[1]):
            others = [one for one, _ in group if one not in repeated]
            best = max(
                ((measure_similarity(shingles[one], shingles[document]), -one) for one in others
                 if one in shingles and document in shingles),
                default=(0.0, 0),
            )  # fmt: skip
            if best[0] >= SIMILARITY:
                repeated.add(document)
                found.append((int(keys[document]), int(keys[-best[1]]), round(best[0], 4)))
    columns = zip(*found, strict=True) if found else ((), (), ())
    return _frame(*map(list, columns))


def _spool_sketches(
    folder: ScoreFolder, tasks: Sequence[PartTask], left_out: Keys, scratch: Path
) -> tuple[Keys, npt.NDArray[np.uint8]]:
    """Return the keys and sketches of the documents that have one; the sketches stay on disk."""
    keys = []
    path = scratch / "sketches"
    with path.open("wb") as stream:
        for number, task in enumerate(tasks):
            frame = read_scores(folder, task.shard, ["sketch"])
            own = make_keys(number, len(frame))
            wanted = frame["sketch"].is_not_null().to_numpy() & ~np.isin(own, left_out)
            keys.append(own[wanted])
            stream.write(b"".join(frame["sketch"].filter(wanted).to_list()))
    all_keys = np.concatenate(keys)
    if not len(all_keys):
        return all_keys, np.empty((0, PERMUTATIONS), np.uint8)
    return all_keys, np.memmap(path, np.uint8, "r", shape=(len(all_keys), PERMUTATIONS))


def _find_candidates(
    sketches: npt.NDArray[np.uint8], scratch: Path
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pairs of documents that share a band and have similar sketches, ordered by the later."""
    spool = _Spool(scratch, "bands", _choose_bits(BANDS * len(sketches)))
    numbers = (np.arange(BANDS, dtype=np.uint64) + np.uint64(1)) * _MULTIPLIER
    for start in range(0, len(sketches), _COMPARED_AT_ONCE // BANDS):
        some = np.ascontiguousarray(sketches[start : start + _COMPARED_AT_ONCE // BANDS])
        bands = some.view("<u4").astype(np.uint64)
        mixed = (bands * _MULTIPLIER) ^ numbers
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _MULTIPLIER
        documents = np.arange(start, start + len(some), dtype=np.uint64).repeat(BANDS)
        spool.add(mixed.ravel(), documents)
    pairs = [np.empty(0, np.uint64)]
    for values, documents in spool.read_sorted():
        new = [_compare(sketches, *some) for some in _pair_up(values, documents)]
        if new:
            pairs.append(np.unique(np.concatenate(new)))
    joined = np.unique(np.concatenate(pairs))
    return (joined & np.uint64(2**32 - 1)).astype(np.int64), (joined >> np.uint64(32)).astype(np.int64)


def _pair_up(
    values: npt.NDArray[np.uint64], documents: npt.NDArray[np.uint64]
) -> Iterator[tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]]:
    """Yield documents that share a value with one of the first that do, and those."""
    first = np.concatenate(([True], values[1:] != values[:-1]))
    starts = np.flatnonzero(first)[np.cumsum(first) - 1]
    own = np.arange(len(values))
    for leader in range(_LEADERS):
        behind = starts + leader < own
        if not behind.any():
            return
        earlier, later = documents[starts[behind] + leader], documents[own[behind]]
        for start in range(0, len(later), _COMPARED_AT_ONCE):
            yield earlier[start : start + _COMPARED_AT_ONCE], later[start : start + _COMPARED_AT_ONCE]


def _compare(
    sketches: npt.NDArray[np.uint8], earlier: npt.NDArray[np.uint64], later: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Return the pairs whose sketches are similar enough, the later document in the upper half."""
    pairs = np.unique((later << np.uint64(32)) | earlier)
    earlier, later = pairs & np.uint64(2**32 - 1), pairs >> np.uint64(32)
    agreement = (sketches[earlier.astype(np.int64)] == sketches[later.astype(np.int64)]).sum(axis=1)
    similar: npt.NDArray[np.uint64] = pairs[agreement >= (SIMILARITY - SLACK) * PERMUTATIONS]
    return similar


def _split_pairs(later: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where pairs begin and end whose documents are held at once; those of a document stay together."""
    start = 0
    while start < len(later):
        end = min(len(later), start + _READ_AT_ONCE // 2)
        while end < len(later) and later[end] == later[end - 1]:
            end += 1
        yield start, end
        start = end


def _read_shingles(
    folder: ScoreFolder,
    tasks: Sequence[PartTask],
    files: Mapping[str, CorpusFile],
    scorer: Scorer,
    keys: Keys,
    documents: npt.NDArray[np.int64],
) -> dict[int, npt.NDArray[np.uint32]]:
    """Return the shingles of documents, read again from their corpus."""
    by_key = dict(zip(keys[documents].tolist(), documents.tolist(), strict=True))
    shingles: dict[int, npt.NDArray[np.uint32]] = {}
    for key, record in fetch_records(folder, tasks, files, by_key):
        fingerprint = scorer.find_fingerprint(record)
        if fingerprint and fingerprint.near:
            shingles[by_key[key]] = fingerprint.near.shingles
    return shingles
