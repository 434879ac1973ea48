"""Lines that a source repeats from document to document: cookie banners, menus, footers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

_DIGEST = 8


@dataclass(slots=True, kw_only=True)
class RepeatedLines:
    r"""The lines of a source's documents, counted so that lines repeated too often can be removed.

    Whether a line is removed depends only on the documents before it and their order. Lines are
    compared without case and with runs of white space as one space; a document counts once for each
    of its lines, removed ones included.

    Attributes:
        documents: How many earlier documents must have had a line, at least 1.
        least_length: How many characters a line must have to be removed: shorter lines are headings and
            steps ("Click Save.") as often as menus.
        most_lines: How many different lines are remembered. Beyond that, lines that only one document
            had are forgotten, then those not seen for longest. A line takes about 150 bytes.

    Examples:
        >>> menu = RepeatedLines(documents=2)
        >>> page = "We use cookies so that this page works well.\nThe {} paragraph is about roofs."
        >>> [menu.remove(page.format(ordinal)) for ordinal in ("first", "second", "third")][-1]
        ('The third paragraph is about roofs.', 1)
    """

    documents: int = 5
    least_length: int = 40
    most_lines: int = 200_000
    _counts: dict[bytes, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.documents, self.least_length, self.most_lines) < 1:
            raise ValueError("documents, least_length and most_lines must be at least 1")

    def remove(self, text: str) -> tuple[str, int]:
        """Return a document without its repeated lines, and how many were removed.

        A text that loses nothing is returned as it is; one that loses all its lines is empty.
        """
        lines = text.split("\n")
        keys = list(self._hash_lines(lines))
        new = [
            line
            for line, key in zip(lines, keys, strict=True)
            if key is None or self._counts.get(key, 0) < self.documents
        ]
        self._count(dict.fromkeys(key for key in keys if key is not None))
        removed = len(lines) - len(new)
        return ("\n".join(new).strip(), removed) if removed else (text, 0)

    def _hash_lines(self, lines: list[str]) -> Iterator[bytes | None]:
        for line in lines:
            words = " ".join(line.split())
            if len(words) < self.least_length:
                yield None
            else:
                folded = words.casefold().encode("utf-8", "surrogatepass")
                yield blake2b(folded, digest_size=_DIGEST).digest()

    def _count(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            # Removed and put back, so that the line seen last stands last.
            self._counts[key] = self._counts.pop(key, 0) + 1
        if len(self._counts) > self.most_lines:
            self._forget()

    def _forget(self) -> None:
        """Make room for half as many lines as may be remembered."""
        most = self.most_lines // 2
        repeated = [(key, count) for key, count in self._counts.items() if count > 1]
        self._counts = dict(repeated[-most:] if most else ())
