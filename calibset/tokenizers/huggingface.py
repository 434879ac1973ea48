"""Tokenizers in Hugging Face's ``tokenizer.json`` form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.errors import TokenizerError
from calibset.tokenizers.base import Encoded, scalar_text

if TYPE_CHECKING:
    import tokenizers

__all__ = ["HuggingFaceTokenizer", "from_file"]


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A fast tokenizer, as transformers calls it: control tokens in a text are parsed.

    Attributes:
        name: As the recipe spells it.
        fingerprint: SHA-256 of the file.
        parsing: The engine, which reads ``</s>`` as a control token.
        spelling: The same engine, which reads it as letters.
    """

    name: str
    fingerprint: str
    parsing: tokenizers.Tokenizer = field(repr=False, compare=False)
    spelling: tokenizers.Tokenizer = field(repr=False, compare=False)

    @cached_property
    def special_tokens(self) -> Mapping[str, int]:
        """Every control token's spelling and id; other added tokens (runs of blanks, say) are text."""
        added = self.parsing.get_added_tokens_decoder()
        return {token.content: rank for rank, token in sorted(added.items()) if token.special}

    @cached_property
    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        bare = self.parsing.encode("a", add_special_tokens=False).ids
        full = self.parsing.encode("a", add_special_tokens=True).ids
        start = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
        return tuple(full[:start]), tuple(full[start + len(bare) :])

    @property
    def prefix(self) -> tuple[int, ...]:
        """What the post-processor puts before a text."""
        return self._around[0]

    @property
    def suffix(self) -> tuple[int, ...]:
        """What it puts behind."""
        return self._around[1]

    def encode(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the ids of a text, control tokens in it parsed or read as plain letters."""
        engine = self.parsing if parse_special else self.spelling
        ids: list[int] = engine.encode(scalar_text(text), add_special_tokens=False).ids
        return ids

    def encode_with_ends(self, text: str, *, parse_special: bool) -> Encoded:
        """Return the ids of a text and where each ends in it."""
        engine = self.parsing if parse_special else self.spelling
        encoding = engine.encode(scalar_text(text), add_special_tokens=False)
        return Encoded(encoding.ids, [end for _, end in encoding.offsets])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, control tokens spelled out."""
        return str(self.parsing.decode(list(ids), skip_special_tokens=False))


def from_file(path: Path, name: str) -> HuggingFaceTokenizer:
    """Return the tokenizer of a ``tokenizer.json`` file.

    Raises:
        TokenizerError: The file can't be read, or is no tokenizer.
    """
    import tokenizers

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TokenizerError(f"{name}: can't be read: {error.strerror}") from error
    engines = []
    for spelled in (False, True):
        try:
            engine = tokenizers.Tokenizer.from_buffer(raw)
        except Exception as error:  # the engine raises bare Exception
            raise TokenizerError(f"{name}: not a tokenizer.json that tokenizers reads: {error}") from error
        engine.no_truncation()
        engine.no_padding()
        engine.encode_special_tokens = spelled
        engines.append(engine)
    return HuggingFaceTokenizer(name, hashlib.sha256(raw).hexdigest(), *engines)
