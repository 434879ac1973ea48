"""Token ids as text, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calibset.tokenizers import Tokenizer

# A character has at most four bytes, and a token at least one.
_MOST_TOKENS = 4
_UNFINISHED = "\ufffd"


def spell_tokens(ids: Sequence[int], tokenizer: Tokenizer) -> Iterator[tuple[int, str]]:
    """Yield pieces of text, each with the number of tokens that it is made of.

    A piece is a token, or the few tokens that share a character.
    """
    start = 0
    while start < len(ids):
        count, text = 1, _spell(ids, start, 1, tokenizer)
        if text.endswith(_UNFINISHED):
            for more in range(2, min(_MOST_TOKENS, len(ids) - start) + 1):
                longer = _spell(ids, start, more, tokenizer)
                if not longer.endswith(_UNFINISHED):
                    count, text = more, longer
                    break
        yield count, text
        start += count


def spell_token(token: int, tokenizer: Tokenizer) -> str:
    """Return a token's text with its blanks made visible, or its id if it is a part of a character."""
    text = tokenizer.decode([token])
    if not text or _UNFINISHED in text:
        return f"#{token}"
    return text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣")


def _spell(ids: Sequence[int], start: int, count: int, tokenizer: Tokenizer) -> str:
    # Some tokenizers drop the blank before the first token, so each is read behind the one before it.
    before = list(ids[max(0, start - 1) : start])
    chosen = list(ids[start : start + count])
    behind, whole = tokenizer.decode(before), tokenizer.decode([*before, *chosen])
    if behind and not behind.endswith(_UNFINISHED) and whole.startswith(behind):
        return whole[len(behind) :]
    return tokenizer.decode(chosen)
