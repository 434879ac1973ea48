"""What changed between two manifests, or between two locks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibset.core.errors import OutputError
from calibset.dataset.lockfile import Lock
from calibset.dataset.manifest import Manifest

_MOST_NAMED = 3
_LONGEST = 100
# Follow from which documents are there, which is told once.
_OF_DOCUMENTS = ("tool_names", "duplicates", "contaminated", "curve", "document_lengths")
# Lists of a manifest whose items have names.
_NAMED = ("groups", "sources", "evaluations")
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        what: Where it stands, as ``sources.pile.revision``.
        before: What it was; None if it wasn't there.
        after: What it is; None if it isn't there any more.
    """

    what: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.what}: {shortened(self.before)} → {shortened(self.after)}"


def differences(before: Manifest | Lock, after: Manifest | Lock) -> tuple[Difference, ...]:
    """Return what is not the same: the recipe, versions, tokenizer, sources, quotas, documents, hash.

    Raises:
        OutputError: One is a manifest and the other a lock.
    """
    if type(before) is not type(after):
        raise OutputError("a manifest and a lock can't be compared; name two of one kind")
    old, new = dict(_entries(before)), dict(_entries(after))
    changed = [
        Difference(what=what, before=old.get(what), after=new.get(what))
        for what in [*old, *(what for what in new if what not in old)]
        if old.get(what) != new.get(what)
    ]
    if isinstance(before, Manifest) and isinstance(after, Manifest):
        changed += _documents(before, after)
    return tuple(changed)


def shortened(value: str | None) -> str:
    """Return a value as people compare it: of a hash, or of what is long, the beginning.

    Examples:
        >>> shortened("44ea0235e87170bd44ea0235e87170bd44ea0235"), shortened(None)
        ('44ea0235e87170bd…', 'nothing')
    """
    if value is None:
        return "nothing"
    if _HASH.fullmatch(value):
        return f"{value[:16]}…"
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def _entries(record: Manifest | Lock) -> Iterator[tuple[str, str | None]]:
    """Yield the place and the value of all that the record says, bar its rows."""
    data = record.model_dump(mode="json", exclude={"samples", "format"})
    yield from _flat("", data)


def _flat(place: str, value: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key in _OF_DOCUMENTS:
                continue
            yield from _flat(f"{place}.{key}" if place else str(key), one)
    elif place in _NAMED:
        for one in value:
            yield from _flat(f"{place}.{one.pop('name')}", one)
    else:
        yield place, None if value is None else str(value)


def _documents(before: Manifest, after: Manifest) -> Iterator[Difference]:
    """Yield for each source the documents that only one of the two files holds."""
    old, new = _used(before), _used(after)
    for source in [*old, *(name for name in new if name not in old)]:
        gone = [name for name in old.get(source, {}) if name not in new.get(source, {})]
        come = [name for name in new.get(source, {}) if name not in old.get(source, {})]
        if gone or come:
            what = f"sources.{source}.documents"
            yield Difference(what=what, before=_named("only here", gone), after=_named("only here", come))


def _used(manifest: Manifest) -> dict[str, dict[str, None]]:
    used: dict[str, dict[str, None]] = {}
    for sample in manifest.samples:
        used.setdefault(sample.source, {}).update(dict.fromkeys(span.document for span in sample.documents))
    return used


def _named(what: str, names: Sequence[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"{len(names):,} {what} ({', '.join(names[:_MOST_NAMED])}{more})"
