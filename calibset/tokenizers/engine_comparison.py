"""Whether two engines of the tokenizers library read every text alike, as far as their parts show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from calibset.tokenizers.engine_process import open_reader

if TYPE_CHECKING:
    import tokenizers

# Texts that the usual patterns, normalizers and prefixes split or change in different places.
_PROBES = (
    "don't we'll I'M", "1234567 20 481,50 €", "a  b\t\tc \n\n  d\r\n", " begins with a blank", "Škoda",
    "HTTPServer getURLs x_y", "保险合同 条款", "e\u0301 ﬁ ½ Ａ", "};\n\n//\n  if (a!=b) {", "👩‍👧 नमस्ते",
)  # fmt: skip
# Longer added tokens, of which few have been published, would only take time.
_LONGEST = 200


def find_difference(first: tokenizers.Tokenizer, second: tokenizers.Tokenizer, name: str) -> str | None:
    """Return a text that two engines of a tokenizer read differently.

    It is empty if none is known, and yet the engines are not made of the same parts; None if they read
    every text alike.

    Args:
        first: An engine, which cuts and pads nothing.
        second: The other.
        name: The tokenizer's name, for messages.

    Raises:
        TokenizerError: One takes too long for a text.
    """
    if first.encode_special_tokens == second.encode_special_tokens and (
        first.to_str() == second.to_str() or canonical_parts(first) == canonical_parts(second)
    ):
        return None
    added = [token.content for token in second.get_added_tokens_decoder().values()]
    spellings = [spelling for spelling in added if len(spelling) <= _LONGEST]
    probes = (*_PROBES, *(f"a{spelling} b" for spelling in spellings[:1000]))
    read, read_too = open_reader(first, name), open_reader(second, name)
    return next((text for text in probes if read(text) != read_too(text)), "")


def canonical_parts(engine: tokenizers.Tokenizer) -> dict[str, Any]:
    """Return the parts of an engine that determine the ids of a text, each in one form only."""
    parts: dict[str, Any] = json.loads(engine.to_str())
    return {
        "added_tokens": parts["added_tokens"],
        "normalizer": list(_flatten(parts["normalizer"], "normalizers")),
        "pre_tokenizer": list(_flatten(parts["pre_tokenizer"], "pretokenizers")),
        "model": _canonical_model(parts["model"]),
        # What is put around a text shows in the ids of none.
        "around": engine.encode("").ids,
    }


def _flatten(part: dict[str, Any] | None, key: str) -> Iterator[dict[str, Any]]:
    """Yield a part, or what it is a sequence of, without what concerns offsets only."""
    if part is None:
        return
    if part["type"] == "Sequence":
        for item in part[key]:
            yield from _flatten(item, key)
    else:
        yield {name: value for name, value in part.items() if name != "trim_offsets"}


def _canonical_model(model: dict[str, Any]) -> dict[str, Any]:
    """Return a model without settings that have no effect on it."""
    kept = {name: value for name, value in model.items() if value not in ("", None, False)}
    if model["type"] == "BPE":
        if model.get("unk_token") is None:
            kept.pop("fuse_unk", None)
        if "<0x00>" not in model["vocab"]:
            kept.pop("byte_fallback", None)
    return kept
