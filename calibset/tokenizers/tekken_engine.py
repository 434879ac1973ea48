"""Tekken's vocabulary at work: texts to ids and ids to texts, for calibset and for mistral-common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from calibset.core.text import replace_surrogates
from calibset.tokenizers.faster_engine import FasterEngine
from calibset.tokenizers.text_pieces import RecentPieces, split_text

if TYPE_CHECKING:
    import tiktoken
    from numpy.typing import NDArray

# tiktoken's regular expression gives up on a run of a million blanks, and takes time with the
# square of the length for less. Such a run is cut at multiples of the longest token of blanks,
# which has 64, so that the tokens of blanks alone are the same; its last two stay with what follows.
_LONGEST_RUN = 1024
_BLANKS = re.compile(rf"\s{{{_LONGEST_RUN}}}(?=\s\s)")


@dataclass(frozen=True)
class TekkenEngine:
    """A vocabulary in tiktoken, whose ranks are ids already, and the bytes of each id.

    Attributes:
        encoding: tiktoken's object, which knows no control tokens.
        pattern: The regular expression that splits text before merging.
        pieces: The bytes of each id, those of control tokens first.
        recent: What was encoded lately; None for an engine that encodes each text anew.
        faster: An engine that takes over where much is read; None if there is none.
    """

    encoding: tiktoken.Encoding = field(repr=False, compare=False)
    pattern: str = field(repr=False, compare=False)
    pieces: Sequence[bytes] = field(repr=False, compare=False)
    recent: RecentPieces | None = field(default_factory=RecentPieces, repr=False, compare=False)
    faster: FasterEngine | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, pattern: str, control: Iterable[bytes], vocabulary: Sequence[bytes]) -> TekkenEngine:
        """Return the engine of a vocabulary, whose ids follow those of the control tokens."""
        import tiktoken

        pieces = [*control, *vocabulary]
        first = len(pieces) - len(vocabulary)
        ranks = dict(zip(vocabulary, range(first, len(pieces)), strict=True))
        encoding = tiktoken.Encoding("tekken", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        return cls(encoding, pattern, pieces)

    @property
    def uncached(self) -> TekkenEngine:
        """The same engine in tiktoken alone, without a memory of what it has encoded."""
        return replace(self, recent=None, faster=None)

    @cached_property
    def byte_lengths(self) -> NDArray[Any]:
        """How many bytes each id stands for."""
        import numpy as np

        return np.fromiter(map(len, self.pieces), np.int64, len(self.pieces))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, control tokens read as plain text; its surrogates are replaced."""
        text = replace_surrogates(text)
        if self.faster and (read := self.faster.encode(text)) is not None:
            return read
        if self.recent is None:
            return self._encode_anew(text)
        return self.recent.encode(split_text(text, self.pattern), self._encode_anew)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, with control tokens spelled out."""
        return b"".join(map(self.pieces.__getitem__, ids)).decode("utf-8", "replace")

    def _encode_anew(self, text: str) -> list[int]:
        if len(text) < _LONGEST_RUN:
            return self.encoding.encode_ordinary(text)
        ids: list[int] = []
        start = 0
        for match in _BLANKS.finditer(text):
            ids += self.encoding.encode_ordinary(text[start : match.end()])
            start = match.end()
        ids += self.encoding.encode_ordinary(text[start:])
        return ids
