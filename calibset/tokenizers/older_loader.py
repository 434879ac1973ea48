"""The special tokens that transformers before version 5 puts around a text, where they are others.

Some of its tokenizer classes replace the post-processor of a ``tokenizer.json`` by one made of
``add_bos_token`` and ``add_eos_token`` (``update_post_processor``; 4.40.2 and 4.57.1 were tried). Version 5
uses the file's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from calibset.tokenizers.base import SpecialAffixes, Tokenizer
from calibset.tokenizers.model_config import read_json_object

# The classes that do so, and whether they add BOS where nothing is said of it.
_ADDS_BOS: Mapping[str, bool] = MappingProxyType({
    "LlamaTokenizer": True,
    "CodeLlamaTokenizer": True,
    "GemmaTokenizer": True,
    "CohereTokenizer": True,
    "GPTNeoXTokenizer": False,
})  # fmt: skip
# The classes of models whose folders name none.
_CLASSES: Mapping[str, str] = MappingProxyType({
    **dict.fromkeys(("llama", "mistral", "mixtral", "ministral", "phi3", "minimax"), "LlamaTokenizer"),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "paligemma"), "GemmaTokenizer"),
    **dict.fromkeys(("cohere", "cohere2"), "CohereTokenizer"),
    **dict.fromkeys(("gpt_neox", "olmo", "stablelm"), "GPTNeoXTokenizer"),
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderLoader(SpecialAffixes):
    """How transformers before version 5 loads a tokenizer that it reads otherwise than version 5.

    Attributes:
        class_name: The class that it loads.
        prefix: The ids that it puts before a text.
        suffix: The ids that it puts after a text.
        bos: The spelling of BOS.
        eos: The spelling of EOS.
    """

    class_name: str
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    bos: str
    eos: str


def find_older_loader(folder: Path, tokenizer: Tokenizer) -> OlderLoader | None:
    """Return how transformers before version 5 loads the tokenizer of a folder; None if as version 5 does.

    Args:
        folder: The tokenizer's folder.
        tokenizer: The tokenizer as its ``tokenizer.json`` has it.
    """
    config = read_json_object(folder / "tokenizer_config.json") or {}
    model = read_json_object(folder / "config.json") or {}
    named = config.get("tokenizer_class") or model.get("tokenizer_class")
    name = str(named or _CLASSES.get(str(model.get("model_type")), "")).removesuffix("Fast")
    if name not in _ADDS_BOS:
        return None
    bos, eos = _spelling(config.get("bos_token")), _spelling(config.get("eos_token"))
    ids = tokenizer.special_tokens
    adds_bos = bool(config.get("add_bos_token", _ADDS_BOS[name])) and bos in ids
    adds_eos = bool(config.get("add_eos_token", False)) and eos in ids
    prefix = (ids[bos],) if adds_bos else ()
    suffix = (ids[eos],) if adds_eos else ()
    if (prefix, suffix) == (tokenizer.prefix, tokenizer.suffix):
        return None
    return OlderLoader(class_name=f"{name}Fast", prefix=prefix, suffix=suffix, bos=bos, eos=eos)


def _spelling(token: Any) -> str:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""
