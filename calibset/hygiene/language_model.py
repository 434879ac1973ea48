"""py3langid's model of 140 languages, kept in the cache in a form that is read fast.

The package has it compressed by xz, which takes as long to undo as some hundred texts to identify.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]
from py3langid.modelio import load_model as read_package  # type: ignore[import-untyped]

from calibset.storage.cache import Cache
from calibset.storage.kept_arrays import Array, keep_arrays, load_arrays

_KIND = "languages-1"
# The values of a byte, for each of which a state has a move.
_LETTERS = 256


class LanguageModel(LanguageIdentifier):  # type: ignore[misc]
    """The identifier of py3langid, which finds the features of all places of a text at once.

    Its automaton is in the state that stands for the longest feature, or beginning of one, that ends where it
    has come to. So what lies further back than the longest feature makes no difference, and each place of a
    text is reached from there.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        super().__init__(
            arrays["weights"].view(np.float16),
            arrays["priors"].view(np.float32),
            json.loads(arrays["names"].tobytes()),
            (),
            (),
            norm_probs=True,
            tk_row=(),
        )
        self._moves, self._features = arrays["moves"], arrays["features"]
        # Where the moves of each state begin.
        self._bases = arrays["rows"].astype(np.intp) * _LETTERS
        self._longest = int(arrays["longest"][0])

    @classmethod
    def load(cls) -> LanguageModel:
        """Return the model that comes with py3langid, from the cache if it holds it."""
        cache, package = Cache.default(), MODEL_DIR / MODEL_FILE
        key = sha256(package.read_bytes()).hexdigest()
        if (arrays := load_arrays(cache, _KIND, key)) is None:
            arrays = _read(package)
            keep_arrays(cache, arrays, _KIND, key, compressed=True)
        return cls(arrays)

    def _raw_score(self, text: bytes) -> NDArray[np.float32]:
        """Return the score of each language; py3langid's own goes through the text byte by byte."""
        letters = np.frombuffer(text, np.uint8)
        states = np.zeros(letters.size, np.uint32)
        for back in reversed(range(min(self._longest, letters.size))):
            places = self._bases.take(states[back:]) + letters[: letters.size - back]
            states[back:] = self._moves.take(places)
        features = self._features.take(states)
        # In the order in which they are met first, since the order decides how their sum is rounded.
        counts = Counter(features[features >= 0].tolist())
        score: NDArray[np.float32] = (
            self._sparse_score(counts, self.nb_ptc) if counts else np.zeros(len(self.nb_classes), np.float32)
        )
        return score


def _read(package: Any) -> dict[str, Array]:
    weights, priors, names, moves, rows, features = read_package(package)
    arrays: dict[str, Array] = {
        "weights": weights.view(np.uint16),
        "priors": priors.view(np.uint32),
        "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
        "moves": np.asarray(moves),
        "rows": np.asarray(rows),
        "features": np.array(features, np.int32),
    }
    return {**arrays, "longest": np.array([_measure_longest(arrays["moves"], arrays["rows"])])}


def _measure_longest(moves: Array, rows: Array) -> int:
    """Return the bytes of the longest feature: after so many, every state has been reached from the first."""
    reached = np.zeros(rows.size, np.bool_)
    reached[0] = True
    newest, count = np.zeros(1, np.int64), 0
    while True:
        next_ = np.zeros(rows.size, np.bool_)
        next_[moves.reshape(-1, _LETTERS)[np.unique(rows[newest])]] = True
        newest = np.flatnonzero(next_ & ~reached)
        if not newest.size:
            return count
        reached[newest] = True
        count += 1
