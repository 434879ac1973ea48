"""What reads texts and spells ids in the process of an `EngineProcess`; nothing of calibset is imported."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TypeAlias

from tokenizers import Tokenizer

Request: TypeAlias = tuple[str, bool, bool] | bytes
"""A text with how it is read, or the bytes of ids that are to be spelled."""


def open_answerer(setup: bytes) -> Callable[[int, Request], tuple[bytes, bytes]]:
    """Return what reads texts and spells ids.

    Args:
        setup: The engine, as JSON.
    """
    engine = Tokenizer.from_buffer(setup)

    def answer(size: int, request: Request) -> tuple[bytes, bytes]:  # noqa: ARG001
        if isinstance(request, bytes):
            text = engine.decode(array("q", request).tolist(), skip_special_tokens=False)
            return b"text", text.encode("utf-8")
        text, is_literal, adds_special = request
        engine.encode_special_tokens = is_literal
        encoding = engine.encode(text, add_special_tokens=adds_special)
        ids = array("q", encoding.ids)
        ends = array("q", [end for _, end in encoding.offsets])
        return b"read", ids.tobytes() + ends.tobytes()

    return answer
