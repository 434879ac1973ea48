"""An index of duplicates that is given words, of which it makes the fingerprints."""

from __future__ import annotations

from collections.abc import Sequence

from calibset.hygiene.deduplication import Duplicate, DuplicateIndex, make_fingerprint


class WordIndex:
    """A `DuplicateIndex` by words; the arguments are those that it takes."""

    def __init__(self, *, near: bool, **options: float) -> None:
        self.index = DuplicateIndex(near=near, **options)  # type: ignore[arg-type]

    @property
    def not_indexed(self) -> int:
        return self.index.not_indexed

    def find_or_add(
        self, source: str, document: str, words: Sequence[str], *, near: bool = True
    ) -> Duplicate | None:
        fingerprint = make_fingerprint(words, sketches=self.index.near)
        return self.index.find_or_add(source, document, fingerprint, near=near)

    def add(self, source: str, document: str, words: Sequence[str]) -> None:
        self.index.add(source, document, make_fingerprint(words, sketches=self.index.near))
