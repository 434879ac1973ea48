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
from calibset.tokenizers.model_files import read_chat_template, read_named_tokens
from calibset.tokenizers.tekken_check import note_split_mismatch

if TYPE_CHECKING:
    import tokenizers

# Every vocabulary has a token for some of these letters.
_PROBE = "a1 ."


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A fast tokenizer, as transformers calls it: control tokens in a text are parsed.

    Attributes:
        name: The tokenizer's name as the recipe spells it.
        fingerprint: SHA-256 of the file, and of the chat template in its folder.
        parsing_engine: The engine, which reads ``</s>`` as a control token.
        literal_engine: The same engine, which reads it as plain text.
        chat_template: The template in the file's folder, or several by name; None if there is none.
        template_location: The file that holds the template, and the key in it if there is more.
        named_tokens: BOS, EOS and the like, as far as files in the folder name them.
    """

    name: str
    fingerprint: str
    parsing_engine: tokenizers.Tokenizer = field(repr=False, compare=False)
    literal_engine: tokenizers.Tokenizer = field(repr=False, compare=False)
    chat_template: str | dict[str, str] | None = field(default=None, repr=False, compare=False)
    template_location: str = field(default="", repr=False, compare=False)
    named_tokens: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def special_tokens(self) -> Mapping[str, int]:
        """Every control token's spelling and id.

        These are the special tokens, and other added tokens that the chat template writes
        (``<tool_call>``, say); the remaining added tokens (runs of blanks) are text.
        """
        template = self.chat_template or ""
        template_text = template if isinstance(template, str) else "\n".join(template.values())
        added = sorted(self.parsing_engine.get_added_tokens_decoder().items())
        return {
            token.content: rank
            for rank, token in added
            if token.special or (token.content.strip() and token.content in template_text)
        }

    @cached_property
    def vocabulary_size(self) -> int:
        """One more than the largest id; smaller ids may be unused."""
        return max(self.parsing_engine.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def eos(self) -> str:
        """The spelling of EOS; empty if no file names it or the tokenizer has no such token."""
        named = self.named_tokens.get("eos_token", "")
        return named if self.has_token(named) else ""

    def has_token(self, spelling: str) -> bool:
        """Return whether a spelling is read as one token, and not letter by letter."""
        rank = self.parsing_engine.token_to_id(spelling)
        return rank is not None and rank in self.encode(spelling, parse_special=True)

    @cached_property
    def _affixes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        bare = self.parsing_engine.encode(_PROBE, add_special_tokens=False).ids
        full = self.parsing_engine.encode(_PROBE, add_special_tokens=True).ids
        start = next((i for i in range(len(full)) if bare and full[i : i + len(bare)] == bare), None)
        if start is None:
            raise TokenizerError(
                f"{self.name}: its post-processor does more than put tokens around a text, so what the "
                "model reads of a row can't be predicted"
            )
        return tuple(full[:start]), tuple(full[start + len(bare) :])

    @property
    def prefix(self) -> tuple[int, ...]:
        """Ids that the post-processor puts before a text."""
        return self._affixes[0]

    @property
    def suffix(self) -> tuple[int, ...]:
        """Ids that the post-processor puts after a text."""
        return self._affixes[1]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """A warning if the vocabulary is Tekken's but text is split differently."""
        return note_split_mismatch(self.parsing_engine)

    def encode(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the ids of a text, control tokens in it parsed or read as plain text."""
        engine = self.parsing_engine if parse_special else self.literal_engine
        ids: list[int] = engine.encode(replace_surrogates(text), add_special_tokens=False).ids
        return ids

    def encode_with_ends(self, text: str, *, parse_special: bool) -> Encoded:
        """Return the ids of a text and where each ends in it."""
        engine = self.parsing_engine if parse_special else self.literal_engine
        encoding = engine.encode(replace_surrogates(text), add_special_tokens=False)
        return Encoded(encoding.ids, [end for _, end in encoding.offsets])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, with control tokens spelled out."""
        return str(self.parsing_engine.decode(list(ids), skip_special_tokens=False))


def from_file(path: Path, name: str) -> HuggingFaceTokenizer:
    """Return the tokenizer of a ``tokenizer.json`` file, with the chat template in its folder."""
    import tokenizers

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TokenizerError(f"{name}: can't be read: {error.strerror}") from error
    engines = []
    for as_letters in (False, True):
        try:
            engine = tokenizers.Tokenizer.from_buffer(raw)
        except Exception as error:  # the engine raises bare Exception
            raise TokenizerError(f"{name}: not a tokenizer.json that tokenizers reads: {error}") from error
        engine.no_truncation()
        engine.no_padding()
        engine.encode_special_tokens = as_letters
        engines.append(engine)
    template, location = read_chat_template(path.parent) or (None, "")
    named = read_named_tokens(path.parent)
    context = json.dumps([template, dict(named)]).encode() if template else b""
    parsing_engine, literal_engine = engines
    fingerprint = hashlib.sha256(raw + context).hexdigest()
    return HuggingFaceTokenizer(name, fingerprint, parsing_engine, literal_engine, template, location, named)
