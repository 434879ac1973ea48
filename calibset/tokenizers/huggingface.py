"""Tokenizers in Hugging Face's ``tokenizer.json`` form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.errors import TokenizerError
from calibset.core.text import replace_surrogates
from calibset.tokenizers.base import Encoded
from calibset.tokenizers.model_files import chat_template, named_tokens
from calibset.tokenizers.tekken_check import notes_on

if TYPE_CHECKING:
    import tokenizers

# Every vocabulary has a token for some of these letters.
_PROBE = "a1 ."


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A fast tokenizer, as transformers calls it: control tokens in a text are parsed.

    Attributes:
        name: As the recipe spells it.
        fingerprint: SHA-256 of the file, and of the chat template beside it.
        parsing: The engine, which reads ``</s>`` as a control token.
        spelling: The same engine, which reads it as letters.
        chat_template: The template that stands beside the file, or several by name, if any.
        template_place: Where it stands.
        named_tokens: BOS, EOS and their like, as far as files beside it name them.
    """

    name: str
    fingerprint: str
    parsing: tokenizers.Tokenizer = field(repr=False, compare=False)
    spelling: tokenizers.Tokenizer = field(repr=False, compare=False)
    chat_template: str | dict[str, str] | None = field(default=None, repr=False, compare=False)
    template_place: str = field(default="", repr=False, compare=False)
    named_tokens: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def special_tokens(self) -> Mapping[str, int]:
        """Every control token's spelling and id.

        Those are the special ones, and other added tokens that the chat template writes
        (``<tool_call>``, say); the rest of the added tokens (runs of blanks) is text.
        """
        template = self.chat_template or ""
        written = template if isinstance(template, str) else "\n".join(template.values())
        added = sorted(self.parsing.get_added_tokens_decoder().items())
        return {
            token.content: rank
            for rank, token in added
            if token.special or (token.content.strip() and token.content in written)
        }

    @cached_property
    def vocabulary_size(self) -> int:
        """One more than the largest id; numbers below may be left out."""
        return max(self.parsing.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def eos(self) -> str:
        """How EOS is spelled; nothing where no file says so or the tokenizer has no such token."""
        named = self.named_tokens.get("eos_token", "")
        return named if self.has_token(named) else ""

    def has_token(self, spelling: str) -> bool:
        """Return whether a spelling is read as one token, and not as the letters it is made of."""
        rank = self.parsing.token_to_id(spelling)
        return rank is not None and rank in self.encode(spelling, parse_special=True)

    @cached_property
    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        bare = self.parsing.encode(_PROBE, add_special_tokens=False).ids
        full = self.parsing.encode(_PROBE, add_special_tokens=True).ids
        start = next((i for i in range(len(full)) if bare and full[i : i + len(bare)] == bare), None)
        if start is None:
            raise TokenizerError(
                f"{self.name}: its post-processor does more than put tokens around a text, so what the "
                "model reads of a row can't be told"
            )
        return tuple(full[:start]), tuple(full[start + len(bare) :])

    @property
    def prefix(self) -> tuple[int, ...]:
        """What the post-processor puts before a text."""
        return self._around[0]

    @property
    def suffix(self) -> tuple[int, ...]:
        """What it puts behind."""
        return self._around[1]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Says so if the vocabulary is Tekken's and text is split otherwise."""
        return notes_on(self.parsing)

    def encode(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the ids of a text, control tokens in it parsed or read as plain letters."""
        engine = self.parsing if parse_special else self.spelling
        ids: list[int] = engine.encode(replace_surrogates(text), add_special_tokens=False).ids
        return ids

    def encode_with_ends(self, text: str, *, parse_special: bool) -> Encoded:
        """Return the ids of a text and where each ends in it."""
        engine = self.parsing if parse_special else self.spelling
        encoding = engine.encode(replace_surrogates(text), add_special_tokens=False)
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
    written, named = chat_template(path.parent), named_tokens(path.parent)
    template, place = written or (None, "")
    about = json.dumps([template, dict(named)]).encode() if template else b""
    parsing, spelling = engines
    fingerprint = hashlib.sha256(raw + about).hexdigest()
    return HuggingFaceTokenizer(name, fingerprint, parsing, spelling, template, place, named)
