"""A measurement: what one model says of each scored token of one data set, kept as parquet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError
from calibset.core.fields import Count
from calibset.core.short_forms import count, write_line, write_table
from calibset.core.text import printable, replace_surrogates
from calibset.core.validation_errors import describe_error
from calibset.evaluation.comparison import EVERYTHING, domain_name
from calibset.evaluation.figures.perplexity import Perplexity, perplexity
from calibset.evaluation.windows import TEXT, Window
from calibset.storage.parquet_tables import read_table

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float32]

Score = Literal["second-half", "assistant", "all"]
"""Which tokens of a window are scored."""

_KEY = b"calibset"
# A sum of rounded probabilities may be a little above 1.
_LARGEST = 1e-3
# Servers write -9999 and the like for minus infinity.
_SMALLEST = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """What a model says of the scored tokens of a window.

    Attributes:
        logprobs: The natural log probability of each scored token.
        top_ids: The `k` likeliest tokens at each, the likeliest first.
        top_logprobs: Their log probabilities.
    """

    logprobs: Floats
    top_ids: npt.NDArray[np.int32]
    top_logprobs: Floats

    def find_fault(self) -> str | None:
        """Return what is wrong with the numbers, if they can't be log probabilities."""
        for name, values in (("logprob", self.logprobs), ("top logprob", self.top_logprobs)):
            if not np.isfinite(values).all():
                return f"a {name} that is {values[~np.isfinite(values)][0]}"
            if (values > _LARGEST).any():
                return f"a {name} that is {values.max():.4g}, which is above 0"
            if (values < _SMALLEST).any():
                return f"a {name} that is {values.min():.4g}, which stands for a probability of 0"
        if (np.exp(self.top_logprobs.astype(np.float64)).sum(axis=1, initial=0) > 1 + _LARGEST * 10).any():
            return "top probabilities that sum to more than 1"
        return None


class MeasurementInfo(BaseModel):
    """What a measurement measured, and how.

    Attributes:
        calibset: The version that measured.
        model: The model as what computes calls it.
        target: What was measured as the command named it: a server's address or a folder's name.
        engine: What computed: ``vllm``, ``sglang`` or ``transformers``.
        versions: The versions of what computed, as far as they are known.
        dtype: The type of the numbers that the model computed in, if known.
        device: What the model ran on, if known.
        vocabulary: How many ids the model tells apart, if known.
        weights_sha256: Of a model in a folder, the SHA-256 of samples of its files.
        tokenizer: The tokenizer's name, or its path from the root, which `load_tokenizer` takes.
        tokenizer_sha256: Its fingerprint.
        tokenizer_check: What shows that the model has this tokenizer, or that nothing does.
        data: The name of the data set.
        data_sha256: The SHA-256 of its bytes as they were read.
        joined: How its texts were joined, and what was put before them.
        recipe: The name of the recipe that built the data, if it is a calibration file.
        ctx: How many tokens a window has; None if whole rows were given.
        score: Which tokens of a window are scored.
        k: How many of the likeliest tokens are kept at each.
        generate: What the model wrote itself, each ``PROMPT:LENGTH``.
        followed: The model whose continuations were scored, where it was another's.
        dropped: What of the data was left out, and how often, by the reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    calibset: str
    model: str
    target: str
    engine: str
    versions: Mapping[str, str] = {}
    dtype: str | None = None
    device: str | None = None
    vocabulary: int | None = None
    weights_sha256: str | None = None
    tokenizer: str
    tokenizer_sha256: str
    tokenizer_check: str = "not checked"
    data: str
    data_sha256: str
    joined: str
    recipe: str | None = None
    ctx: int | None
    score: Score
    k: Count
    generate: tuple[str, ...] = ()
    followed: str | None = None
    dropped: Mapping[str, Count] = {}

    @staticmethod
    def read(path: str | Path) -> MeasurementInfo:
        """Return what the measurement in a parquet file says of itself.

        Raises:
            OutputError: The file can't be read, or is no measurement.
        """
        import pyarrow.parquet as pq

        with _open_parquet(Path(path)) as stream:
            return _read_info(Path(path), pq.read_schema(stream))

    @field_validator("*")
    @classmethod
    def _make_writable(cls, value: Any) -> Any:
        """Names of files and what servers say may hold what no encoder can write."""
        if isinstance(value, str):
            return replace_surrogates(value)
        if isinstance(value, Mapping):
            return {cls._make_writable(key): cls._make_writable(item) for key, item in value.items()}
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What one model says of one data set.

    Windows of text come first, then those of each ``--generate``, then `CALLS`, then `OWN_CALLS`, which only
    a measurement that follows another has. Windows of one index in two measurements are the same window if
    their ids and scored positions are; those of `OWN_CALLS` are compared with `CALLS` of the base in order.

    The parquet file has a row for each token of each window, in order: ``window``, ``position``, ``id``,
    ``logprob``, ``top_ids``, ``top_logprobs`` (these three are null at tokens that are not scored),
    ``source``, ``group``, ``document`` and ``task``. `MeasurementInfo` is JSON under ``calibset`` in the
    metadata.

    Attributes:
        about: What was measured, and how.
        windows: The windows, in order.
        scores: The scores of each.
    """

    about: MeasurementInfo
    windows: Sequence[Window]
    scores: Sequence[WindowScores]

    def __repr__(self) -> str:
        scored = sum(len(window.scored) for window in self.windows)
        return write_line(
            "Measurement", self.about.model, self.about.data, count(len(self.windows), "window"),
            f"{count(scored, 'token')} scored",
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return write_table(
            f"{self.about.model} on {self.about.data}: {count(len(self.windows), 'window')}",
            ("domain", "perplexity", "±"),
            (
                (name, f"{figure.value:.4f}", f"{figure.error:.4f}")
                for name, figure in self.perplexities().items()
            ),
        )

    def perplexities(self) -> dict[str, Perplexity]:
        """Return the perplexity of the text by group, if there are several, and of all of it."""
        by_group: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
        for window, scores in zip(self.windows, self.scores, strict=True):
            if window.task == TEXT:
                by_group[window.group or ""].append(scores.logprobs.astype(np.float64))
        groups = sorted(by_group.items()) if len(by_group) > 1 else []
        everything = [scores for found in by_group.values() for scores in found]
        named = [(domain_name("group", name) if name else "no group", found) for name, found in groups]
        return {name: perplexity(np.concatenate(found)) for name, found in (*named, (EVERYTHING, everything))}

    def write(self, path: str | Path) -> None:
        """Write the measurement as parquet; an old file is replaced only by a whole one.

        Raises:
            OutputError: The file can't be written.
        """
        import pyarrow.parquet as pq

        path = Path(path)
        table = windows_table(self.windows, self.scores, self.about.k)
        table = table.replace_schema_metadata({_KEY: self.about.model_dump_json().encode()})
        with write_atomically(path) as stream:
            pq.write_table(table, stream, compression="zstd")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the measurement in a parquet file.

        Raises:
            OutputError: The file can't be read, or is no measurement.
        """
        path = Path(path)
        with _open_parquet(path) as stream:
            table = read_table(stream)
        about = _read_info(path, table.schema)
        try:
            windows, scores = read_windows(table, about.k)
            _check_order(windows)
        except TableError as fault:
            raise _unreadable(path, str(fault)) from fault
        return cls(about, windows, scores)


def _check_order(windows: Sequence[Window]) -> None:
    for index, window in enumerate(windows):
        if window.index != index:
            raise TableError(f"window {index} is not there whole and in its place")


class TableError(Exception):
    """What is wrong with a table."""


def _unreadable(path: Path, fault: str) -> OutputError:
    return OutputError(
        f"{path}: is not a measurement of this version of calibset ({printable(fault)}); evaluate again"
    )


def _read_info(path: Path, schema: pa.Schema) -> MeasurementInfo:
    text = (schema.metadata or {}).get(_KEY)
    if text is None:
        raise OutputError(f"{path}: is not a measurement; `calibset evaluate` writes one")
    try:
        return MeasurementInfo.model_validate_json(text, strict=True)
    except ValidationError as error:
        fault = describe_error(error.errors(include_url=False)[0], (), MeasurementInfo)
        raise _unreadable(path, fault) from error


@contextmanager
def _open_parquet(path: Path) -> Iterator[BinaryIO]:
    import pyarrow as pa

    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror or error}") from error
    except (pa.ArrowException, ValueError) as error:
        raise OutputError(f"{path}: is not a parquet file that can be read: {error}") from error


def _schema() -> pa.Schema:
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([
        ("window", pa.int32()),
        ("position", pa.int32()),
        ("id", pa.int32()),
        ("logprob", pa.float32()),
        ("top_ids", pa.list_(pa.int32())),
        ("top_logprobs", pa.list_(pa.float32())),
        ("source", name),
        ("group", name),
        ("document", name),
        ("task", name),
    ])  # fmt: skip


def windows_table(windows: Sequence[Window], scores: Sequence[WindowScores], k: int) -> pa.Table:
    """Return windows, of whatever indexes, and their scores as the table that a file holds."""
    import pyarrow as pa

    lengths = [len(window.ids) for window in windows]
    is_scored = np.zeros(sum(lengths), dtype=bool)
    start = 0
    for window, length in zip(windows, lengths, strict=True):
        is_scored[start + window.scored] = True
        start += length
    logprobs = np.zeros(len(is_scored), dtype=np.float32)
    logprobs[is_scored] = _join([one.logprobs for one in scores], np.float32)
    offsets = np.concatenate([[0], np.cumsum(is_scored * k)]).astype(np.int32)
    # A null among the offsets makes a list null.
    offsets_or_null = pa.array(offsets, mask=np.append(~is_scored, False))

    def lists(values: list[npt.NDArray[Any]], kind: type[np.generic]) -> pa.Array:
        return pa.ListArray.from_arrays(offsets_or_null, pa.array(_join(values, kind)))

    def names(values: Sequence[str | None]) -> pa.Array:
        spellings = list(dict.fromkeys(value for value in values if value is not None))
        numbers = {name: number for number, name in enumerate(spellings)}
        each = np.array([numbers.get(value, -1) if value is not None else -1 for value in values])
        indices = np.repeat(each.astype(np.int32), lengths)
        return pa.DictionaryArray.from_arrays(
            pa.array(indices, mask=indices < 0), pa.array(spellings, pa.string())
        )

    columns = [
        np.repeat(np.array([window.index for window in windows], dtype=np.int32), lengths),
        _join([np.arange(length) for length in lengths], np.int32),
        _join([window.ids for window in windows], np.int32),
        pa.array(logprobs, mask=~is_scored),
        lists([one.top_ids.ravel() for one in scores], np.int32),
        lists([one.top_logprobs.ravel() for one in scores], np.float32),
        names([window.source for window in windows]),
        names([window.group for window in windows]),
        names([window.document for window in windows]),
        names([window.task for window in windows]),
    ]
    return pa.Table.from_arrays(
        [pa.array(column) if isinstance(column, np.ndarray) else column for column in columns],
        schema=_schema(),
    )


def _join(arrays: Sequence[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    joined: npt.NDArray[Any] = np.concatenate([np.empty(0, dtype=kind), *arrays]).astype(kind)
    return joined


def read_windows(table: pa.Table, k: int) -> tuple[list[Window], list[WindowScores]]:
    """Return the windows and scores in a table that `windows_table` made.

    Raises:
        TableError: The table is none.
    """
    missing = [field.name for field in _schema() if field.name not in table.schema.names]
    if missing:
        raise TableError(f"it has no column {missing[0]}")
    try:
        table = table.select(_schema().names).cast(_schema()).combine_chunks()
        table.validate(full=True)
    except ValueError as error:
        raise TableError(f"a column is of another type: {error}") from error
    for name in ("window", "position", "id", "document", "task"):
        if table[name].null_count:
            raise TableError(f"column {name} has nulls")
    column = {name: table[name].to_numpy(zero_copy_only=False) for name in ("window", "position", "id")}
    is_scored = table["logprob"].is_valid().to_numpy(zero_copy_only=False)
    logprobs = table["logprob"].to_numpy(zero_copy_only=False).astype(np.float32)
    top_ids, top_logprobs = (
        _flatten(table[name], is_scored, k, name) for name in ("top_ids", "top_logprobs")
    )
    texts = {name: table[name].to_pylist() for name in ("source", "group", "document", "task")}
    # The row of the first scored token of each window.
    rank = np.concatenate([[0], np.cumsum(is_scored)])
    windows, scores = [], []
    for start, end in _bounds(column["window"]):
        index = int(column["window"][start])
        if (column["position"][start:end] != np.arange(end - start)).any():
            raise TableError(f"window {index} is not there whole and in its place")
        scored = np.flatnonzero(is_scored[start:end]).astype(np.int32)
        if len(scored) and scored[0] == 0:
            raise TableError(f"window {index} scores its first token, which nothing predicts")
        row = slice(rank[start], rank[end])
        one = WindowScores(logprobs[start:end][scored], top_ids[row], top_logprobs[row])
        if fault := one.find_fault():
            raise TableError(f"window {index} has {fault}")
        names = {name: texts[name][start] for name in texts}
        windows.append(
            Window(index=index, ids=column["id"][start:end].astype(np.int32), scored=scored, **names)
        )
        scores.append(one)
    return windows, scores


def _bounds(numbers: npt.NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Yield where each run of one number begins and ends."""
    if len(numbers):
        borders = np.flatnonzero(np.diff(numbers)) + 1
        yield from zip([0, *borders.tolist()], [*borders.tolist(), len(numbers)], strict=True)


def _flatten(
    column: pa.ChunkedArray, is_scored: npt.NDArray[np.bool_], k: int, name: str
) -> npt.NDArray[Any]:
    """Return the lists of the scored tokens as the rows of an array."""
    import pyarrow.compute as pc

    lists = column.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), -1).to_numpy(zero_copy_only=False)
    if (lengths != np.where(is_scored, k, -1)).any():
        raise TableError(f"column {name} has not {k} values at each scored token")
    values = lists.flatten()
    if values.null_count:
        raise TableError(f"column {name} has nulls")
    rows: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(int(is_scored.sum()), k)
    return rows
