"""Bounds of what a ``tokenizer.json`` may ask of its engine, far above any that was published.

Nothing can be stopped in an engine, and a process that asks for too much memory there is ended by the system.
So what would grow beyond measure is refused before a text is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from calibset.core.errors import TokenizerError

if TYPE_CHECKING:
    import tokenizers

# Published ones have up to ten parts in a row, each of which reads the whole text.
_MOST_PARTS = 100
# Each sequence of parts is read again for each that it is in; published ones nest two, and have five in all.
_MOST_SEQUENCES = 10
_SEQUENCES = tuple(f'"{key}"'.encode() for key in ("normalizers", "pretokenizers", "processors", "decoders"))
# Letters of which no program makes escapes.
_ESCAPED = re.compile(rb"\\u00[4-7]")
# How many times as long normalizers may make a text. Published ones write a letter or two for one.
_MOST_GROWTH = 64
# What is put before or around a text; published ones put a token or two.
_MOST_AROUND = 1_000
# Added tokens are looked for in each text; the longest that were published are runs of some hundred blanks.
_LONGEST_ADDED = 4_096
# At each letter all pieces that begin there are tried. SentencePiece makes none of more than 16 letters by
# default, and runs of 128 blanks or dashes were published.
_LONGEST_PIECE = 512
# The time for a word that is no piece grows with the square of its letters; all published ones say 100.
_LONGEST_WORD = 512
# Engines and tables are as long as the last id; the largest published vocabularies have 300,000 tokens.
_LAST_ID = 2**24

_REMEDY = "use the one that the model was published with"


def ensure_bounded(engine: tokenizers.Tokenizer, name: str) -> None:
    """Refuse an engine that would take time or memory without measure.

    Args:
        engine: The engine.
        name: The tokenizer's name, for messages.

    Raises:
        TokenizerError: A part of it is beyond a bound.
    """
    for fault in (*_find_large_parts(engine), *_find_large_vocabulary(engine)):
        raise TokenizerError(f"{name}: {fault}; {_REMEDY}")


def ensure_shallow(raw: bytes, name: str) -> None:
    """Refuse the text of a ``tokenizer.json`` that takes its library long to read.

    Args:
        raw: The file's content.
        name: The tokenizer's name, for messages.

    Raises:
        TokenizerError: Its parts nest beyond a bound.
    """
    if _ESCAPED.search(raw):
        try:
            raw = json.dumps(json.loads(raw)).encode()
        except (ValueError, RecursionError):  # which the library will say itself
            return
    sequences = sum(map(raw.count, _SEQUENCES))
    if sequences > _MOST_SEQUENCES:
        raise TokenizerError(
            f"{name}: its tokenizer.json has {sequences:,} sequences of parts, and more than "
            f"{_MOST_SEQUENCES} are not used; {_REMEDY}"
        )


def list_parts(part: Any) -> list[dict[str, Any]]:
    """Return what a normalizer, pre-tokenizer, post-processor or decoder is made of, one after the other."""
    return [] if part is None else list(_flatten(json.loads(part.__getstate__())))


def _flatten(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if part.get("type") != "Sequence":
        yield part
        return
    for key in ("normalizers", "pretokenizers", "processors", "decoders"):
        for one in part.get(key, ()):
            yield from _flatten(one)


def _find_large_parts(engine: tokenizers.Tokenizer) -> Iterator[str]:
    for kind in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        parts = list_parts(getattr(engine, kind))
        if len(parts) > _MOST_PARTS:
            yield f"its {kind} has {len(parts):,} parts, and more than {_MOST_PARTS} are not used"
        growth = 1
        for part in parts[:_MOST_PARTS]:
            if part["type"] == "Replace":
                # What is matched has a letter at least.
                growth *= max(1, len(part["content"]) // max(1, len(part["pattern"].get("String", ""))))
            if len(part.get("prepend", "")) > _MOST_AROUND or _count_around(part) > _MOST_AROUND:
                yield f"its {kind} puts more than {_MOST_AROUND:,} letters or tokens around a text"
        if growth > _MOST_GROWTH:
            yield f"its {kind} makes texts more than {_MOST_GROWTH} times as long"


def _count_around(part: dict[str, Any]) -> int:
    """Return how many tokens a post-processor puts around a text at most."""
    if part["type"] != "TemplateProcessing":
        return 0
    longest = max((len(token["ids"]) for token in part["special_tokens"].values()), default=1)
    return len(part["single"]) * longest


def _find_large_vocabulary(engine: tokenizers.Tokenizer) -> Iterator[str]:
    added = engine.get_added_tokens_decoder()
    vocabulary = engine.get_vocab(with_added_tokens=False)
    last = max([*vocabulary.values(), *added], default=0)
    if last > _LAST_ID:
        yield f"has a token of id {last:,}, and none beyond {_LAST_ID:,} is used"
    longest = max((len(token.content) for token in added.values()), default=0)
    if longest > _LONGEST_ADDED:
        yield f"has an added token of {longest:,} letters; more than {_LONGEST_ADDED:,} are not looked for"
    model = engine.model
    if type(model).__name__ == "Unigram" and (piece := max(map(len, vocabulary), default=0)) > _LONGEST_PIECE:
        yield f"has a piece of {piece:,} letters; more than {_LONGEST_PIECE} are not looked for"
    if (word := getattr(model, "max_input_chars_per_word", 0)) > _LONGEST_WORD:
        yield f"looks for pieces in words of {word:,} letters, and not more than {_LONGEST_WORD} are taken"
