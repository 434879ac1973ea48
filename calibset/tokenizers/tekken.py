"""Tekken, the tokenizer of Mistral's models, as mistral-common implements it."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.core.control_tokens import ControlTokens
from calibset.core.errors import TokenizerError
from calibset.core.text import excerpt, replace_surrogates
from calibset.tokenizers.base import Encoded
from calibset.tokenizers.engine_faults import translate_faults
from calibset.tokenizers.engine_process import is_plain
from calibset.tokenizers.json_file import read_json_file

if TYPE_CHECKING:
    import tiktoken
    from mistral_common.tokens.tokenizers.tekken import SpecialTokenInfo, Tekkenizer

# Mistral-Small-3.2-24B-Instruct-2506 is of instruct version v11. Its control tokens are those
# that mistral-common 1.13 lists as defaults, and two more at these ids.
_V11_EXTRA = {32: "[ARGS]", 33: "[CALL_ID]"}

# tiktoken's regular expression gives up on a run of a million blanks, and takes time with the
# square of the length for less. Such a run is cut at multiples of the longest token of blanks,
# which has 64, so that the tokens of blanks alone are the same; its last two stay with what follows.
_LONGEST_RUN = 1024
_BLANKS = re.compile(rf"\s{{{_LONGEST_RUN}}}(?=\s\s)")


@dataclass(frozen=True)
class TekkenTokenizer:
    """A Tekken vocabulary used as the quantizer's tokenizer uses it: with BOS before a text.

    Attributes:
        name: The tokenizer's name as the recipe spells it.
        fingerprint: SHA-256 of vocabulary, pattern and control tokens.
        tekkenizer: mistral-common's object, which renders conversations.
        engine: The same vocabulary without control tokens; encodes text twice as fast.
        pattern: The regular expression that splits text before merging.
    """

    name: str
    fingerprint: str
    tekkenizer: Tekkenizer = field(repr=False, compare=False)
    engine: tiktoken.Encoding = field(repr=False, compare=False)
    pattern: str = field(repr=False, compare=False)
    suffix: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def prefix(self) -> tuple[int, ...]:
        """The id of BOS."""
        return (self.tekkenizer.bos_id,)

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id."""
        return int(self.tekkenizer.n_words)

    @cached_property
    def special_tokens(self) -> Mapping[str, int]:
        """Every control token's spelling and id."""
        return {self.tekkenizer.id_to_piece(rank): rank for rank in range(self.tekkenizer.num_special_tokens)}

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
        offsets = np.cumsum([self._byte_length(i) for i in ids], dtype=np.int64)
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
        from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

        with translate_faults(f"{self.name}: can't spell token ids"):
            return self.tekkenizer.decode(list(ids), SpecialTokenPolicy.KEEP)

    @cached_property
    def _byte_lengths(self) -> dict[int, int]:
        return {}

    def _byte_length(self, token: int) -> int:
        length = self._byte_lengths.get(token)
        if length is None:
            from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

            length = len(self.tekkenizer.id_to_byte_piece(token, SpecialTokenPolicy.KEEP))
            self._byte_lengths[token] = length
        return length

    def _encode_plain(self, text: str) -> list[int]:
        text = replace_surrogates(text)
        ids: list[int] = []
        start = 0
        with translate_faults(f"{self.name}: can't read", text=text):
            if len(text) >= _LONGEST_RUN:
                for match in _BLANKS.finditer(text):
                    ids += self.engine.encode_ordinary(text[start : match.end()])
                    start = match.end()
            ids += self.engine.encode_ordinary(text[start:])
        offset = self.tekkenizer.num_special_tokens
        return [rank + offset for rank in ids]


def load_embedded(name: str) -> TekkenTokenizer:
    """Return Mistral Small 3.2's tokenizer, from the vocabulary that mistral-common ships."""
    import mistral_common
    from mistral_common.tokens.tokenizers.base import TokenizerVersion
    from mistral_common.tokens.tokenizers.tekken import SpecialTokenInfo, Tekkenizer

    path = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    model, digest = _read_model(path)
    special = _v11_special_tokens(SpecialTokenInfo, list(Tekkenizer.DEPRECATED_SPECIAL_TOKENS))
    digest.update(json.dumps([str(token["token_str"]) for token in special]).encode())
    tekkenizer = Tekkenizer(
        model["vocab"],
        special,
        model["config"]["pattern"],
        model["config"]["default_vocab_size"],
        model["config"]["default_num_special_tokens"],
        TokenizerVersion.v11,
        name=name,
    )
    return _build_tokenizer(name, digest.hexdigest(), tekkenizer, model)


def from_file(path: Path, name: str) -> TekkenTokenizer:
    """Return the tokenizer of a ``tekken.json`` file, whose version mistral-common must know."""
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    model, digest = _read_model(path)
    with translate_faults(f"{name}: not a Tekken file that mistral-common reads"):
        _refuse_costly_pattern(model["config"]["pattern"], name)
        return _build_tokenizer(name, digest.hexdigest(), Tekkenizer.from_file(path), model)


def _refuse_costly_pattern(pattern: str, name: str) -> None:
    """Refuse a pattern that tiktoken, which can't be stopped, may go back over a text with for ever."""
    if not is_plain(pattern):
        raise TokenizerError(
            f"{name}: the pattern of its tekken.json, {excerpt(pattern)[:60]!r}, may go back over a text "
            "again and again, as none that was published does; use the one that the model was published with"
        )


def _build_tokenizer(name: str, fingerprint: str, tekkenizer: Tekkenizer, model: Any) -> TekkenTokenizer:
    import tiktoken

    pattern = model["config"]["pattern"]
    used = model["vocab"][: tekkenizer.n_words - tekkenizer.num_special_tokens]
    ranks = {b64decode(token["token_bytes"]): token["rank"] for token in used}
    engine = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return TekkenTokenizer(name, fingerprint, tekkenizer, engine, pattern)


def _read_model(path: Path) -> tuple[Any, hashlib._Hash]:
    raw = read_json_file(path, str(path), "a Tekken file")
    try:
        return json.loads(raw), hashlib.sha256(raw)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path}: can't be read as a Tekken file: {error}") from error


def _v11_special_tokens(
    info: type[SpecialTokenInfo], defaults: list[SpecialTokenInfo]
) -> list[SpecialTokenInfo]:
    """Return v11's control tokens, ids without one filled up."""
    spellings = {
        token["rank"]: str(getattr(token["token_str"], "value", token["token_str"])) for token in defaults
    }
    spellings.update(_V11_EXTRA)
    return [
        info(rank=rank, token_str=spellings.get(rank, f"<SPECIAL_{rank}>"), is_control=True)
        for rank in range(max(spellings) + 1)
    ]
