"""Tokenizers in Hugging Face's ``tokenizer.json`` form."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.errors import TokenizerError
from calibset.core.text import replace_surrogates
from calibset.tokenizers.added_tokens import add_folder_tokens, find_new_tokens
from calibset.tokenizers.auto_tokenizer import AutoTokenizer
from calibset.tokenizers.base import Encoded
from calibset.tokenizers.engine_bounds import ensure_bounded, ensure_shallow
from calibset.tokenizers.engine_comparison import canonical_parts
from calibset.tokenizers.engine_faults import translate_faults
from calibset.tokenizers.engine_process import EngineProcess, may_take_for_ever
from calibset.tokenizers.folder_reading import ask_transformers
from calibset.tokenizers.json_file import read_json_file
from calibset.tokenizers.model_folder import ModelFolder, read_model_folder
from calibset.tokenizers.tekken_check import note_split_mismatch
from calibset.tokenizers.vocabulary_conversion import convert_vocabulary

if TYPE_CHECKING:
    import tokenizers

# Every vocabulary has a token for some of these letters.
_PROBE = "a1 ."
_UNKNOWN_PATTERNS = "use the tokenizer.json that the model was published with"
_MISFIT = "the vocabulary and the class or model that its folder names don't belong together"


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A fast tokenizer, as transformers calls it: control tokens in a text are parsed.

    Attributes:
        name: The tokenizer's name as the recipe spells it.
        fingerprint: SHA-256 of the file, and of what in its folder changes how text is read or rendered.
        parsing_engine: The engine, which reads ``</s>`` as a control token.
        literal_engine: The same engine, which reads it as plain text.
        process: The same engine in a process of its own, if its patterns may take it for ever.
        chat_template: The template in the file's folder, or several by name; None if there is none.
        template_location: The file that holds the template, and the key in it if there is more.
        named_tokens: BOS, EOS and the like, as far as files in the folder name them.
        new_tokens: Tokens that files name, but no file lists: transformers adds them behind all others,
            and the model has not been trained on them.
        auto_tokenizer: What transformers loads from the folder; None if it is not installed or not asked.
        folder_notes: What users should know about how the folder is read.
    """

    name: str
    fingerprint: str
    parsing_engine: tokenizers.Tokenizer = field(repr=False, compare=False)
    literal_engine: tokenizers.Tokenizer = field(repr=False, compare=False)
    process: EngineProcess | None = field(default=None, repr=False, compare=False)
    chat_template: str | dict[str, str] | None = field(default=None, repr=False, compare=False)
    template_location: str = field(default="", repr=False, compare=False)
    named_tokens: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    new_tokens: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    auto_tokenizer: AutoTokenizer | None = field(default=None, repr=False, compare=False)
    folder_notes: tuple[str, ...] = field(default=(), repr=False, compare=False)

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

    @property
    def uncached(self) -> HuggingFaceTokenizer:
        """The tokenizer itself, which remembers no text."""
        return self

    @cached_property
    def control_ids(self) -> frozenset[int]:
        """The ids that a text has only if it spells a control token, so not that of unknown letters."""
        return frozenset(self.special_tokens.values()) - {self._unknown_id}

    @property
    def _unknown_id(self) -> int | None:
        """The id of letters that are not in the vocabulary; None if each is read as bytes."""
        model = self.parsing_engine.model
        if type(model).__name__ == "Unigram":  # which has no attributes
            parts = json.loads(self.parsing_engine.to_str())["model"]
            return None if parts.get("byte_fallback") else parts.get("unk_id")
        unknown = getattr(model, "unk_token", None)
        if unknown is None or getattr(model, "byte_fallback", False):
            return None
        return self.parsing_engine.token_to_id(unknown)

    @cached_property
    def vocabulary_size(self) -> int:
        """One more than the largest id; smaller ids may be unused."""
        return max(self.parsing_engine.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def eos(self) -> str:
        """The spelling of EOS; empty if no file names it, or if naming it is all that makes it a token."""
        named = self.named_tokens.get("eos_token", "")
        return named if named not in self.new_tokens and self.has_token(named) else ""

    def has_token(self, spelling: str) -> bool:
        """Return whether a spelling is read as one token, and not letter by letter."""
        rank = self.parsing_engine.token_to_id(spelling)
        return rank is not None and rank in self.encode(spelling, parse_special=True)

    @cached_property
    def _affixes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        bare = self._read(_PROBE, parse_special=True).ids
        full = self._read(_PROBE, parse_special=True, add_special_tokens=True).ids
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
        """Warnings: how the folder is read, and a split that is not Tekken's if the vocabulary is."""
        return (*self.folder_notes, *note_split_mismatch(self.parsing_engine))

    def encode(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the ids of a text, control tokens in it parsed or read as plain text."""
        ids: list[int] = self._read(text, parse_special=parse_special).ids
        return ids

    def encode_with_ends(self, text: str, *, parse_special: bool) -> Encoded:
        """Return the ids of a text and where each ends in it."""
        read = self._read(text, parse_special=parse_special)
        return read if isinstance(read, Encoded) else Encoded(read.ids, [end for _, end in read.offsets])

    def _read(
        self, text: str, *, parse_special: bool, add_special_tokens: bool = False
    ) -> tokenizers.Encoding | Encoded:
        engine = self.parsing_engine if parse_special else self.literal_engine
        # What goes on in the other process has patterns that a published tokenizer hasn't.
        remedy = _MISFIT if self.process is None else _UNKNOWN_PATTERNS
        with translate_faults(f"{self.name}: can't read", text=text, remedy=remedy):
            if self.process is not None:
                return self.process.read(
                    replace_surrogates(text),
                    literal=engine.encode_special_tokens,
                    add_special_tokens=add_special_tokens,
                )
            return engine.encode(replace_surrogates(text), add_special_tokens=add_special_tokens)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, with control tokens spelled out."""
        with translate_faults(f"{self.name}: can't spell token ids"):
            if self.process is not None:
                return self.process.decode(ids)
            return str(self.parsing_engine.decode(list(ids), skip_special_tokens=False))


def from_file(path: Path, name: str) -> HuggingFaceTokenizer:
    """Return the tokenizer of a ``tokenizer.json``, with what the other files of its folder add to it.

    Args:
        path: The file.
        name: The tokenizer's name, as the recipe spells it.

    Raises:
        TokenizerError: A file can't be read, or what a quantizer reads with them can't be predicted.
    """
    raw = read_json_file(path, name, "a tokenizer.json that tokenizers reads")
    engine = _parse(raw, name)
    folder = read_model_folder(path.parent)
    _refuse_left_cut(name, engine, folder)
    engine.no_truncation()
    new_tokens = find_new_tokens(engine, folder.tokens)
    present = repr(engine.get_added_tokens_decoder())
    add_folder_tokens(engine, folder.tokens)
    engine.encode_special_tokens = folder.settings.get("split_special_tokens") is True
    is_as_filed = repr(engine.get_added_tokens_decoder()) == present and not engine.encode_special_tokens
    reading = ask_transformers(folder, path, engine)
    if reading.engine is not None:
        engine, is_as_filed = reading.engine, False
    tokenizer = _build_tokenizer(name, raw if is_as_filed else raw + _describe(engine), engine, folder)
    return replace(
        tokenizer,
        new_tokens=new_tokens,
        auto_tokenizer=reading.tokenizer,
        folder_notes=reading.notes,
    )


def from_vocabulary(path: Path, name: str) -> HuggingFaceTokenizer:
    """Return the tokenizer that transformers makes of a folder without a ``tokenizer.json``.

    Args:
        path: The folder's vocabulary, in one of the forms of `VOCABULARY_FILES`.
        name: The tokenizer's name, as the recipe spells it.

    Raises:
        TokenizerError: transformers is not installed, or can't make a fast tokenizer of the folder.
    """
    folder = read_model_folder(path.parent)
    auto, engine = convert_vocabulary(path, name)
    ensure_bounded(engine, name)
    _refuse_left_cut(name, engine, folder)
    tokenizer = _build_tokenizer(name, _describe(engine), engine, folder)
    return replace(
        tokenizer,
        auto_tokenizer=auto,
        folder_notes=(f"there is no tokenizer.json; {path.name} is read by {auto.name}",),
    )


def _build_tokenizer(
    name: str, content: bytes, engine: tokenizers.Tokenizer, folder: ModelFolder
) -> HuggingFaceTokenizer:
    """Return a tokenizer whose fingerprint is that of some content, and of the folder's template."""
    template, location = folder.template or (None, "")
    named = folder.named_tokens
    context = json.dumps([template, dict(named)]).encode() if template else b""
    literal_engine = copy.deepcopy(engine)
    literal_engine.encode_special_tokens = True
    fingerprint = hashlib.sha256(content + context).hexdigest()
    return HuggingFaceTokenizer(
        name,
        fingerprint,
        engine,
        literal_engine,
        EngineProcess(engine, name) if may_take_for_ever(engine) else None,
        template,
        location,
        named,
    )


def _describe(engine: tokenizers.Tokenizer) -> bytes:
    """Return all that determines an engine's ids, for a fingerprint."""
    return json.dumps([canonical_parts(engine), engine.encode_special_tokens]).encode()


def _parse(raw: bytes, name: str) -> tokenizers.Tokenizer:
    import tokenizers

    ensure_shallow(raw, name)
    with translate_faults(f"{name}: not a tokenizer.json that tokenizers reads"):
        engine = tokenizers.Tokenizer.from_buffer(raw)
    if dropout := getattr(engine.model, "dropout", None):
        raise TokenizerError(
            f"{name}: its tokenizer.json merges at random (model.dropout is {dropout:.3g}), so a text "
            "has other tokens each time it is read; set it to null there and in what the quantizer loads"
        )
    ensure_bounded(engine, name)
    engine.no_padding()
    # At the first text the library panics if parts of an engine don't fit together.
    with translate_faults(f"{name}: parts of its tokenizer.json don't fit together"):
        engine.encode("")
    return engine


def _refuse_left_cut(name: str, engine: tokenizers.Tokenizer, folder: ModelFolder) -> None:
    """Refuse a tokenizer with which a quantizer would cut the beginning of rows, and not their end."""
    stored = (engine.truncation or {}).get("direction", "right")
    side = str(folder.settings.get("truncation_side", stored))
    if side.lower() == "left":
        raise TokenizerError(
            f"{name}: it cuts texts on the left (truncation_side), so a quantizer would read the ends of "
            'rows and not their beginnings; set truncation_side to "right" in its tokenizer_config.json'
        )
