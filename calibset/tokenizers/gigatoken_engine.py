"""gigatoken, which the extra `fast` installs, with the vocabulary of Tekken.

It reads the form of the tokenizers library, with a merge for each token. To find the merges takes two
seconds, so they are kept in the cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from calibset.storage.cache import Cache
from calibset.storage.kept_arrays import keep_arrays, load_arrays
from calibset.tokenizers.byte_pairs import byte_letters, find_merges
from calibset.tokenizers.faster_engine import Encode, FasterEngine
from calibset.tokenizers.text_pieces import TEKKEN

# The vocabulary of every Tekken file that was published. What another one might do to the library, which is
# young and can't be stopped, nobody has tried.
_PUBLISHED = "6c1fbc5eac98c3062bc53e61fe6372d4452b7f0ddfe9f79dba1a77eb3f2dfe30"
_CONTROL_TOKENS = 1000
# It saves as much time in six million characters as opening it takes: what reads little goes without.
_BEFORE = 2_000_000
# Another number for another form of what is kept.
_KIND = "gigatoken-1"


def find_faster_engine(
    pattern: str, first: int, vocabulary: Sequence[bytes], reference: Encode
) -> FasterEngine | None:
    """Return gigatoken for a vocabulary; None if it is not installed, or the vocabulary is not Tekken's.

    Args:
        pattern: The regular expression that splits text before merging.
        first: The id of the first token of the vocabulary, behind the control tokens.
        vocabulary: The bytes of each token, by rank.
        reference: Reads a text as tiktoken does.
    """
    if pattern != TEKKEN or first != _CONTROL_TOKENS or find_spec("gigatoken") is None:
        return None
    if (key := _digest(vocabulary)) != _PUBLISHED:
        return None
    return FasterEngine("gigatoken", lambda: _open(vocabulary, key), reference, _BEFORE)


def _digest(vocabulary: Sequence[bytes]) -> str:
    digest = hashlib.sha256(b"".join(vocabulary))
    digest.update(np.fromiter(map(len, vocabulary), "<u4", len(vocabulary)).tobytes())
    return digest.hexdigest()


def _open(vocabulary: Sequence[bytes], key: str) -> Encode:
    from gigatoken.gigatoken_rs import load_hf_json

    cache = Cache.default()
    if kept := load_arrays(cache, _KIND, key):
        written = kept["json"].tobytes()
    else:
        written = _write_json(vocabulary)
        keep_arrays(cache, {"json": np.frombuffer(written, np.uint8)}, _KIND, key, compressed=True)
    engine: Any = load_hf_json(written)
    return lambda text: engine.encode(text).tolist()


def _write_json(vocabulary: Sequence[bytes]) -> bytes:
    """Return a ``tokenizer.json`` that parses no control tokens; their ids are taken by words of no text."""
    letters = byte_letters()
    ranks = {piece: rank for rank, piece in enumerate(vocabulary)}
    spellings = {piece: "".join(letters[byte] for byte in piece) for piece in vocabulary}
    ids = {f"<SPECIAL_{rank}>": rank for rank in range(_CONTROL_TOKENS)}
    ids |= {spellings[piece]: rank + _CONTROL_TOKENS for piece, rank in ranks.items()}
    split = {"type": "Split", "pattern": {"Regex": TEKKEN}, "behavior": "Isolated", "invert": False}
    bytes_only = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {
        "type": "BPE",
        "vocab": ids,
        "merges": [(spellings[left], spellings[right]) for left, right in find_merges(ranks)],
    }
    form: dict[str, object] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_only]},
        "post_processor": None,
        "decoder": {**bytes_only, "use_regex": True},
        "model": model,
    }
    return json.dumps(form, ensure_ascii=False).encode()
