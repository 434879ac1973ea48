"""What changed between two manifests, or between two locks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibset.core.errors import OutputError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.lockfile import Lock
from calibset.dataset.manifest import Manifest

_MOST_NAMED = 3
_LONGEST = 100
# They follow from the documents, whose differences are named once.
_OF_DOCUMENTS = ("tool_names", "duplicates", "contaminated", "curve", "document_lengths")
# Lists of a manifest whose entries have names.
_NAMED = ("groups", "sources", "evaluations")
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An entry that differs between two manifests or locks.

    Attributes:
        key: The entry's path, as ``sources.pile.revision``.
        before: The value in the first; None if there is none.
        after: The value in the second; None if there is none.
    """

    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.key}: {shorten(self.before)} → {shorten(self.after)}"


def diff(before: Manifest | Lock | str | Path, after: Manifest | Lock | str | Path) -> tuple[Difference, ...]:
    """Return the differences in recipe, versions, tokenizer, sources, quotas, documents and hash.

    Args:
        before: A manifest or a lock, or the path of one; of a calibration file the manifest beside it.
        after: Another of the same kind. Of a file without a manifest the number of rows and the hash are
            compared.

    Raises:
        OutputError: One is a manifest and the other a lock, or there is none at a path.
    """
    first, second = _read_record(before), _read_record(after)
    if isinstance(first, CalibrationFile) or isinstance(second, CalibrationFile):
        return _compare_rows(first, second)
    if type(first) is not type(second):
        raise OutputError("a manifest and a lock can't be compared; name two files of the same kind")
    old, new = dict(_entries(first)), dict(_entries(second))
    changed = [
        Difference(key=key, before=old.get(key), after=new.get(key))
        for key in old | new
        if old.get(key) != new.get(key)
    ]
    if isinstance(first, Manifest) and isinstance(second, Manifest):
        changed += _changed_documents(first, second)
    return tuple(changed)


def _compare_rows(
    before: Manifest | Lock | CalibrationFile, after: Manifest | Lock | CalibrationFile
) -> tuple[Difference, ...]:
    """Return what differs between two files one of which, at least, has no manifest."""
    if isinstance(before, Lock) or isinstance(after, Lock):
        raise OutputError("a file of rows and a lock can't be compared; name two files of the same kind")
    old, new = _row_entries(before), _row_entries(after)
    return tuple(Difference(key=key, before=old[key], after=new[key]) for key in old if old[key] != new[key])


def _row_entries(file: Manifest | CalibrationFile) -> dict[str, str | None]:
    if isinstance(file, Manifest):
        return {"manifest": file.name, "nsamples": str(file.nsamples), "sha256": file.sha256}
    digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    return {"manifest": None, "nsamples": str(file.row_count), "sha256": digest}


def _read_record(record: Manifest | Lock | str | Path) -> Manifest | Lock | CalibrationFile:
    if isinstance(record, Manifest | Lock):
        return record
    path = Path(record)
    if path.suffix == ".lock":
        lock = Lock.read(path)
        if lock is None:
            raise OutputError(f"{path}: there is no such lock")
        return lock
    if path.suffix in (".jsonl", ".json") and not path.name.endswith(".manifest.json") and path.is_file():
        file = CalibrationFile.open(path)
        return file.manifest or file
    manifest = Manifest.read(path)
    if manifest is None:
        raise OutputError(f"{path}: there is no such manifest, and none beside a file of this name")
    return manifest


def shorten(value: str | None) -> str:
    """Shorten a hash or a long value to a beginning that people can compare.

    Examples:
        >>> shorten("44ea0235e87170bd44ea0235e87170bd44ea0235"), shorten(None)
        ('44ea0235e87170bd…', 'nothing')
    """
    if value is None:
        return "nothing"
    if _HASH.fullmatch(value):
        return f"{value[:16]}…"
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def _entries(record: Manifest | Lock) -> Iterator[tuple[str, str | None]]:
    """Yield the key and the value of all that a record says, except of its rows."""
    yield from _flatten("", record.model_dump(mode="json", exclude={"samples", "format"}))


def _flatten(key: str, value: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if name not in _OF_DOCUMENTS:
                yield from _flatten(f"{key}.{name}" if key else str(name), entry)
    elif key in _NAMED:
        for entry in value:
            yield from _flatten(f"{key}.{entry.pop('name')}", entry)
    else:
        yield key, None if value is None else str(value)


def _changed_documents(before: Manifest, after: Manifest) -> Iterator[Difference]:
    """Yield for each source the documents that only one of the two files holds."""
    old, new = _documents(before), _documents(after)
    for source in old | new:
        removed = [name for name in old.get(source, {}) if name not in new.get(source, {})]
        added = [name for name in new.get(source, {}) if name not in old.get(source, {})]
        if removed or added:
            key = f"sources.{source}.documents"
            yield Difference(key=key, before=_only_here(removed), after=_only_here(added))


def _documents(manifest: Manifest) -> dict[str, dict[str, None]]:
    used: dict[str, dict[str, None]] = {}
    for sample in manifest.samples:
        used.setdefault(sample.source, {}).update(dict.fromkeys(span.document for span in sample.documents))
    return used


def _only_here(names: Sequence[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"{len(names):,} only here ({', '.join(names[:_MOST_NAMED])}{more})"
