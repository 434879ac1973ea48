"""A Tekken file, read once: its vocabulary as bytes, and its small rest as mistral-common reads it.

A ``tekken.json`` of 15 MB holds 150,000 tokens in base64. What is needed of them is kept in the cache as
arrays, by the file's hash.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from calibset.core.errors import TokenizerError
from calibset.storage.cache import Cache
from calibset.storage.kept_arrays import Array, keep_arrays, load_arrays
from calibset.tokenizers.json_file import read_json_file

# What is kept under a file's hash; another number for another form.
_KIND = "tekken-1"
_BYTES = 256
_KEYS = {"rank", "token_bytes", "token_str"}


@dataclass(frozen=True, slots=True)
class TekkenFile:
    """What a Tekken file holds.

    Attributes:
        digest: SHA-256 of the file, to which more may be added.
        head: The file without its vocabulary but the single bytes, which mistral-common reads as a small
            Tekken file of its own.
        vocabulary: The bytes of each token that is used, by rank.
    """

    digest: hashlib._Hash
    head: bytes
    vocabulary: Sequence[bytes]

    @property
    def pattern(self) -> str:
        """The regular expression that splits text before merging."""
        return str(json.loads(self.head)["config"]["pattern"])

    @classmethod
    def read(cls, path: Path) -> TekkenFile:
        """Read a file, or what the cache holds of it.

        Raises:
            TokenizerError: The file can't be read, or is no Tekken file.
        """
        raw = read_json_file(path, str(path), "a Tekken file")
        digest = hashlib.sha256(raw)
        cache, key = Cache.default(), digest.hexdigest()
        if kept := load_arrays(cache, _KIND, key):
            data, ends = kept["data"].tobytes(), kept["ends"].tolist()
            vocabulary = [data[start:end] for start, end in pairwise((0, *ends))]
            return cls(digest, kept["head"].tobytes(), vocabulary)
        read = cls._parse(raw, digest, path)
        arrays: dict[str, Array] = {
            "head": np.frombuffer(read.head, np.uint8),
            "data": np.frombuffer(b"".join(read.vocabulary), np.uint8),
            "ends": np.cumsum([len(token) for token in read.vocabulary], dtype=np.int64),
        }
        keep_arrays(cache, arrays, _KIND, key)
        return read

    @classmethod
    def _parse(cls, raw: bytes, digest: hashlib._Hash, path: Path) -> TekkenFile:
        try:
            model = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise TokenizerError(f"{path}: can't be read as a Tekken file: {error}") from error
        config = model["config"]
        control = config["default_num_special_tokens"]
        size = config["default_vocab_size"] - control
        vocabulary = _read_vocabulary(model["vocab"][:size], size)
        head = {
            **model,
            "vocab": model["vocab"][:_BYTES],
            "config": {**config, "default_vocab_size": control + _BYTES},
        }
        return cls(digest, json.dumps(head).encode(), vocabulary)


def _read_vocabulary(tokens: Sequence[Any], size: int) -> list[bytes]:
    """Return the bytes of tokens: the single bytes first, and all different, as mistral-common wants."""
    if len(tokens) < size or size < _BYTES:
        raise ValueError(f"it has {len(tokens):,} tokens, and names a vocabulary of {size:,}")
    if any(token.keys() != _KEYS for token in tokens):
        raise ValueError(f"its tokens have other keys than {', '.join(sorted(_KEYS))}")
    vocabulary = [b64decode(token["token_bytes"]) for token in tokens]
    if [token["rank"] for token in tokens] != list(range(size)):
        raise ValueError("its tokens are not in the order of their ranks")
    if vocabulary[:_BYTES] != [bytes([value]) for value in range(_BYTES)]:
        raise ValueError("its first tokens are not the single bytes")
    if len(set(vocabulary)) < size:
        raise ValueError("two of its tokens are the same bytes")
    return vocabulary
