"""Tekken, the tokenizer of Mistral's models, as mistral-common implements it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.control_tokens import ControlTokens
from calibset.core.errors import TokenizerError
from calibset.core.text import excerpt, replace_surrogates
from calibset.tokenizers.base import Encoded
from calibset.tokenizers.engine_faults import translate_faults
from calibset.tokenizers.engine_process import is_plain
from calibset.tokenizers.gigatoken_engine import find_faster_engine
from calibset.tokenizers.tekken_engine import TekkenEngine
from calibset.tokenizers.tekken_file import TekkenFile

if TYPE_CHECKING:
    from calibset.tokenizers.light_tekkenizer import LightTekkenizer


@dataclass(frozen=True)
class TekkenTokenizer:
    """A Tekken vocabulary used as the quantizer's tokenizer uses it: with BOS before a text.

    Attributes:
        name: The tokenizer's name as the recipe spells it.
        fingerprint: SHA-256 of vocabulary, pattern and control tokens.
        engine: The vocabulary, which encodes and decodes texts.
        tekkenizer: mistral-common's object over the same engine, which renders conversations.
        special_tokens: Every control token's spelling and id.
    """

    name: str
    fingerprint: str
    engine: TekkenEngine = field(repr=False, compare=False)
    tekkenizer: LightTekkenizer = field(repr=False, compare=False)
    special_tokens: Mapping[str, int] = field(repr=False, compare=False)
    suffix: tuple[int, ...] = ()

    @property
    def prefix(self) -> tuple[int, ...]:
        """The id of BOS."""
        return (self.tekkenizer.bos_id,)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the faster engine, if anything is."""
        return self.engine.faster.notes if self.engine.faster else ()

    @property
    def pattern(self) -> str:
        """The regular expression that splits text before merging."""
        return self.engine.pattern

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id."""
        return len(self.engine.pieces)

    @property
    def uncached(self) -> TekkenTokenizer:
        """The same tokenizer, which encodes each text anew."""
        return replace(self, engine=self.engine.uncached)

    @cached_property
    def control_ids(self) -> frozenset[int]:
        """The ids that a text has only if it spells a control token; unknown letters are read as bytes."""
        return frozenset(self.special_tokens.values())

    @cached_property
    def control_tokens(self) -> ControlTokens:
        """The spellings of the control tokens, compiled for searching."""
        return ControlTokens.of(self.special_tokens)

    def encode(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the ids of a text, control tokens in it parsed or read as plain text."""
        if not parse_special:
            return self._encode_plain(text)
        ids: list[int] = []
        for piece, is_control in self.control_tokens.pieces(text):
            ids += [self.special_tokens[piece]] if is_control else self._encode_plain(piece)
        return ids

    def encode_with_ends(self, text: str, *, parse_special: bool) -> Encoded:
        """Return the ids of a text and where each ends in it."""
        import numpy as np

        text = replace_surrogates(text)
        ids = self.encode(text, parse_special=parse_special)
        offsets = np.cumsum(self.engine.byte_lengths[np.array(ids, np.int64)])
        raw = np.frombuffer(text.encode("utf-8"), np.uint8)
        if (int(offsets[-1]) if ids else 0) != len(raw):
            raise TokenizerError(
                f"{self.name}: its pattern leaves out a part of {excerpt(text)[:60]!r}, so that the model "
                "does not read it; use the tekken.json that the model was published with"
            )
        if text.isascii():
            return Encoded(ids, offsets.tolist())
        begins = np.append((raw & 0xC0) != 0x80, True)
        # Characters that begin before a byte, less the one that the byte stands inside of.
        whole = np.cumsum(begins) - 1
        return Encoded(ids, whole[offsets].tolist())

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, with control tokens spelled out."""
        with translate_faults(f"{self.name}: can't spell token ids"):
            return self.engine.decode(ids)

    def _encode_plain(self, text: str) -> list[int]:
        try:
            return self.engine.encode(text)
        except BaseException:  # a context around each piece of text would take a part of its time
            with translate_faults(f"{self.name}: can't read", text=text):
                raise


def load_embedded(name: str) -> TekkenTokenizer:
    """Return Mistral Small 3.2's tokenizer, from the vocabulary that mistral-common ships."""
    import mistral_common

    from calibset.tokenizers.light_tekkenizer import LightTekkenizer, v11_spellings

    file = TekkenFile.read(Path(mistral_common.__file__).parent / "data" / "tekken_240911.json")
    file.digest.update(json.dumps(v11_spellings()).encode())
    return _build_tokenizer(name, file, LightTekkenizer.of_v11(file.head))


def from_file(path: Path, name: str) -> TekkenTokenizer:
    """Return the tokenizer of a ``tekken.json`` file, whose version mistral-common must know."""
    from calibset.tokenizers.light_tekkenizer import LightTekkenizer

    with translate_faults(f"{name}: not a Tekken file that mistral-common reads"):
        file = TekkenFile.read(path)
        _refuse_costly_pattern(file.pattern, name)
        tokenizer = _build_tokenizer(name, file, LightTekkenizer.of_head(file.head))
    if lacking := [spelling for spelling in ("<s>", "</s>") if spelling not in tokenizer.special_tokens]:
        raise TokenizerError(
            f"{name}: not a Tekken file that can be used: it has no control token {lacking[0]}; use the "
            "tekken.json that the model was published with"
        )
    return tokenizer


def _refuse_costly_pattern(pattern: str, name: str) -> None:
    """Refuse a pattern that tiktoken, which can't be stopped, may go back over a text with for ever."""
    if not is_plain(pattern):
        raise TokenizerError(
            f"{name}: the pattern of its tekken.json, {excerpt(pattern)[:60]!r}, may go back over a text "
            "again and again, as none that was published does; use the one that the model was published with"
        )


def _build_tokenizer(name: str, file: TekkenFile, tekkenizer: LightTekkenizer) -> TekkenTokenizer:
    spellings = tekkenizer.spell_control_tokens()
    engine = TekkenEngine.of(file.pattern, [spelling.encode() for spelling in spellings], file.vocabulary)
    engine = replace(
        engine,
        faster=find_faster_engine(file.pattern, len(spellings), file.vocabulary, engine.uncached.encode),
    )
    tekkenizer.engine = engine
    special = {spelling: rank for rank, spelling in enumerate(spellings)}
    return TekkenTokenizer(name, file.digest.hexdigest(), engine, tekkenizer, special)
