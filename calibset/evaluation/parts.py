"""The parts of a measurement that is not finished, kept beside it so that it can go on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError
from calibset.evaluation.measurement import TableError, WindowScores, read_windows, windows_table
from calibset.evaluation.windows import Window
from calibset.storage.parquet_tables import read_table

# Seconds of work that a process that is killed may lose.
_PAUSE = 15.0
_KEY = b"calibset-part"


class Scored(NamedTuple):
    """A window and its scores."""

    window: Window
    scores: WindowScores


@dataclass(slots=True)
class Parts:
    """The windows that are measured so far, kept in a folder of parts or in memory alone.

    Attributes:
        folder: The folder, beside the measurement; None if nothing is written.
        key: What is measured; parts of anything else are refused.
        k: How many of the likeliest tokens are kept at each.
        done: What is measured, by the index of its window.
    """

    folder: Path | None
    key: str
    k: int
    done: dict[int, Scored] = field(default_factory=dict)
    _waiting: list[Scored] = field(default_factory=list)
    _written: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, out: Path, key: str, k: int) -> Parts:
        """Open the parts of a measurement, and read those that an earlier run left.

        Raises:
            OutputError: They are of another measurement, or can't be read.
        """
        folder = out.with_name(f"{out.name}.parts")
        parts = cls(folder, key, k)
        for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else ():
            for one in parts._read(path):
                parts.done.setdefault(one.window.index, one)
        return parts

    @classmethod
    def in_memory(cls, k: int) -> Parts:
        """Return the parts of a measurement none of which is written."""
        return cls(None, "", k)

    def _read(self, path: Path) -> Iterable[Scored]:
        remedy = f"remove {self.folder} to measure anew, or give another --out"
        try:
            with path.open("rb") as stream:
                table = read_table(stream)
            if (table.schema.metadata or {}).get(_KEY) != self.key.encode():
                raise OutputError(
                    f"{self.folder}: holds an unfinished measurement of another model, of other data or with "
                    f"other options; give those to finish it, {remedy}"
                )
            return map(Scored, *read_windows(table, self.k))
        except (OSError, ValueError, pa.ArrowException, TableError) as error:
            raise OutputError(f"{path}: can't be read ({error}); {remedy}") from error

    def add(self, found: Iterable[Scored]) -> None:
        """Take windows that were measured; they are on the disk seconds later, or when `flush` is called.

        Raises:
            OutputError: They can't be written.
        """
        for one in found:
            self.done[one.window.index] = one
            self._waiting.append(one)
        if time.monotonic() - self._written > _PAUSE:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OutputError: It can't be written.
        """
        if self.folder is None:
            self._waiting.clear()
        elif self._waiting:
            try:
                self.folder.mkdir(exist_ok=True)
            except OSError as error:
                raise OutputError(f"{self.folder}: can't be made: {error.strerror or error}") from error
            # Named after its first window, which no other part holds.
            first = min(one.window.index for one in self._waiting)
            windows, scores = zip(*self._waiting, strict=True)
            table = windows_table(windows, scores, self.k).replace_schema_metadata({_KEY: self.key.encode()})
            with write_atomically(self.folder / f"{first:07}.parquet") as stream:
                pq.write_table(table, stream, compression="zstd")
            self._waiting.clear()
        self._written = time.monotonic()

    def remove(self) -> None:
        """Remove the parts, once the measurement is written."""
        if self.folder is not None and self.folder.is_dir():
            for path in self.folder.glob("*.parquet"):
                path.unlink()
            if not any(self.folder.iterdir()):
                self.folder.rmdir()
