"""What reads texts in the process of an `EngineProcess`; nothing of calibset is imported."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from tokenizers import Tokenizer


def open_answerer(setup: bytes) -> Callable[[int, tuple[str, bool, bool]], tuple[bytes, bytes]]:
    """Return what reads texts.

    Args:
        setup: The engine, as JSON.
    """
    engine = Tokenizer.from_buffer(setup)

    def answer(size: int, request: tuple[str, bool, bool]) -> tuple[bytes, bytes]:  # noqa: ARG001
        text, is_literal, adds_special = request
        engine.encode_special_tokens = is_literal
        encoding = engine.encode(text, add_special_tokens=adds_special)
        ids = array("q", encoding.ids)
        ends = array("q", [end for _, end in encoding.offsets])
        return b"read", ids.tobytes() + ends.tobytes()

    return answer
