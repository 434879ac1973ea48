"""What was changed in documents, and what they share with evaluation sets, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calibset.planned import SourceCheck
    from calibset.tally import Mended


def mended_lines(mended: Mended) -> Iterator[str]:
    """Say what was mended, taken out and masked."""
    if mended.repaired:
        repairs = ", ".join(f"{count:,} {name}" for name, count in mended.repaired.most_common())
        yield f"mended: {repairs}"
    if mended.boilerplate:
        yield f"boilerplate: {mended.boilerplate:,} lines that stand in other documents too were taken out"
    if mended.masked:
        kinds = (f"{count:,} {kind}{'s' * (count > 1)}" for kind, count in mended.masked.most_common())
        yield f"personal data: made-up ones stand in for {', '.join(kinds)}"


def checked_lines(found: Iterable[SourceCheck]) -> Iterator[str]:
    """Say of each source what a build would mend, and what of evaluation sets it holds."""
    for source in found:
        for line in mended_lines(source.tally.mended):
            yield f"{source.name}: {line}"
        for name, count in _shared(source).items():
            yield f"{source.name}: {count:,} hold a part of evaluation set {name}"


def checked_data(source: SourceCheck) -> dict[str, Any]:
    """Return the same as data."""
    mended = source.tally.mended
    counts = {field.name: getattr(mended, field.name) for field in fields(mended)}
    plain = {name: dict(count) if isinstance(count, Counter) else count for name, count in counts.items()}
    return {"mended": plain, "contaminated": dict(_shared(source))}


def _shared(source: SourceCheck) -> Counter[str]:
    matches = source.tally.contaminated.values()
    return Counter(name for match in matches for name in (match.exclude, *match.others))
