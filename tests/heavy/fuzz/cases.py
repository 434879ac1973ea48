"""Random tokenizers, texts and recipes, each fixed by its seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.prose import prose
from tests.tokenizer_families import FAMILIES, SETTINGS, Family

QUANTIZERS = ("autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2")
_DOCUMENTS = 100


@dataclass(frozen=True)
class Case:
    """A build to try.

    Attributes:
        seed: What it was drawn with.
        tokenizer: The kind of its tokenizer, in words.
        folder: The folder that holds the recipe, ``recipe.toml``, and the tokenizer, ``model``.
        rows: The rows of its source ``mine``.
        recipe: The keys of the recipe.
    """

    seed: int
    tokenizer: str
    folder: Path
    rows: list[dict[str, Any]]
    recipe: dict[str, Any]


def draw_case(seed: int, folder: Path) -> Case:
    """Draw a case and write its files into a folder."""
    draw = random.Random(f"calibset {seed}")
    family = draw.choice((*FAMILIES, *SETTINGS))
    folder.mkdir(parents=True, exist_ok=True)
    family.build(folder / "model")
    kind = _change_tokenizer(folder / "model" / "tokenizer.json", family, draw)
    spellings = _read_spellings(folder / "model" / "tokenizer.json", family)
    is_chat = draw.random() < 0.4
    recipe = _draw_recipe(draw, is_chat=is_chat)
    texts = [draw_text(draw, spellings) for _ in range(_DOCUMENTS)]
    rows = [_talk(draw, texts) for _ in texts] if is_chat else [{"text": text} for text in texts]
    (folder / "recipe.toml").write_text(_write_toml(recipe), "utf-8")
    return Case(seed, kind, folder, rows, recipe)


_NORMALIZERS: tuple[dict[str, Any], ...] = (
    {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"},
    {"type": "StripAccents"}, {"type": "Nmt"}, {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    {"type": "Replace", "pattern": {"String": "e"}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
    {"type": "Replace", "pattern": {"String": "a"}, "content": "ää"},
    {"type": "Replace", "pattern": {"Regex": "[\ue000\u202e\u0301ßab1]"}, "content": ""},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
     "lowercase": True},
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
)  # fmt: skip
_PRE_TOKENIZERS: tuple[dict[str, Any], ...] = (
    {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "UnicodeScripts"},
    {"type": "BertPreTokenizer"},
    {"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Isolated"},
    {"type": "Split", "pattern": {"Regex": "\\s+"}, "behavior": "MergedWithPrevious", "invert": False},
)  # fmt: skip
_ODD = (
    "\ue000", "\uf8ff", "\U000f0000", "e", " ", "  ", "\n", "\n\n", "<", "ß", "İ", "ﬁ", "e\u0301", "\u0301",
    "\u200d", "\u202e", "👩", "👩‍👧", "\x00", "\x07", "\u0378", "▁", "a", "the", "<s>",
    "<s>x", "s>", "1", "ab", "A",
)  # fmt: skip
"""What added tokens of odd kinds are made of."""


def _change_tokenizer(path: Path, family: Family, draw: random.Random) -> str:
    """Let a tokenizer have another normalizer, another way of splitting, odd added tokens, or none of it."""
    table = json.loads(path.read_text("utf-8"))
    kind = [family.name]
    if draw.random() < 0.4:
        table["normalizer"] = draw.choice(_NORMALIZERS)
        kind.append(f"normalizer {table['normalizer']['type']}")
    if draw.random() < 0.1:
        table["pre_tokenizer"] = draw.choice(_PRE_TOKENIZERS)
        kind.append(f"pre-tokenizer {table['pre_tokenizer']['type']}")
    if draw.random() < 0.6:
        present = {token["content"] for token in table["added_tokens"]}
        vocabulary = table["model"]["vocab"]
        size = len(vocabulary) if isinstance(vocabulary, list) else 1 + max(vocabulary.values(), default=0)
        first = max([size, *(token["id"] + 1 for token in table["added_tokens"])])
        for number in range(draw.randint(1, 4)):
            content = "".join(draw.choices(_ODD, k=draw.randint(1, 3)))
            if draw.random() < 0.02:
                content = ""
            if content in present:
                continue
            present.add(content)
            flags = {
                name: draw.random() < (0.6 if name == "normalized" else 0.3)
                for name in ("lstrip", "rstrip", "single_word", "normalized", "special")
            }
            table["added_tokens"].append({"id": first + number, "content": content, **flags})
            kind.append(f"token {content!r} {[name for name, is_set in flags.items() if is_set]}")
    if len(kind) > 1:
        path.write_text(json.dumps(table), "utf-8")
    return ", ".join(kind)


def _read_spellings(path: Path, family: Family) -> tuple[str, ...]:
    table = json.loads(path.read_text("utf-8"))
    added = [token["content"] for token in table["added_tokens"]]
    return tuple(dict.fromkeys([*added[-30:], *family.control_tokens])) or ("<s>",)


def _of(letters: str, shortest: int = 1, longest: int = 40) -> Callable[[random.Random], str]:
    return lambda draw: "".join(draw.choices(letters, k=draw.randint(shortest, longest)))


def _assigned(draw: random.Random) -> str:
    return "".join(
        chr(draw.choice((draw.randrange(0x20, 0xD800), draw.randrange(0xE000, 0x110000)))) for _ in range(20)
    )


_WRITERS: tuple[Callable[[random.Random], str], ...] = (
    lambda draw: prose(draw.randrange(10**6)),
    lambda draw: prose(draw.randrange(10**6)),
    lambda draw: prose(draw.randrange(10**6)).upper(),
    lambda draw: "Poistná zmluva č. " + str(draw.randrange(10**9)) + " sa uzatvára písomne; žltý kôň.",
    lambda draw: "保险合同是投保人与保险人约定保险权利义务关系的协议。"[: draw.randint(1, 30)],
    _of("\ue000\ue001\uf8ff\U000f0000\U0010fffd ab"),
    _of("e\u0301a\u0308o\u0302\u030c\u0327\u0316 "),
    _of("\u0378\u0379\u0530\u05ff\u2fe0\U0003ffff "),
    _of("\x00\x01\x07\x08\x0b\x0c\x1b\x1f\x7f\x80\x9f a\n\r\t"),
    _of("\u202a\u202b\u202e\u2066\u2069\u200f שלום مرحبا abc "),
    _of("👩👨👧👦\u200d\ufe0f🏽🇸🇰❤ "),
    _of("0123456789 .,", 1, 200),
    _of(" \t\n\u00a0\u2003\u3000", 1, 100),
    _of("한국어각 "),
    _of("aaaa", 1, 300),
    _of("<|>/[]_isendtart ", 1, 60),
    lambda draw: "def f(x):\n    return {k: v for k, v in x.items()}\n\n\n" * draw.randint(1, 3),
    lambda draw: "\ud800" * (draw.random() < 0.1) + prose(draw.randrange(100)),
    _assigned,
)  # fmt: skip


def draw_text(draw: random.Random, spellings: Sequence[str]) -> str:
    """Return a text of several pieces, some of which spell added tokens."""
    pieces = []
    for _ in range(draw.randint(1, 5)):
        piece = draw.choice(_WRITERS)(draw)
        if draw.random() < 0.25:
            spelling = draw.choice(spellings)
            at = draw.randint(0, len(piece))
            piece = piece[:at] + draw.choice(("", " ")) + spelling * draw.randint(1, 3) + piece[at:]
        pieces.append(piece)
    return draw.choice((" ", "\n", "", "\n\n")).join(pieces)


def _talk(draw: random.Random, texts: Sequence[str]) -> dict[str, Any]:
    turns: list[dict[str, Any]] = []
    if draw.random() < 0.3:
        turns.append({"role": "system", "content": draw.choice(texts)[:80]})
    for _ in range(draw.randint(1, 3)):
        turns.append({"role": "user", "content": draw.choice(texts)[: draw.choice((5, 20, 60))] + "?"})
        turns.append({"role": "assistant", "content": draw.choice(texts)[: draw.choice((20, 60, 150))] + "."})
    return {"messages": turns}


def _draw_recipe(draw: random.Random, *, is_chat: bool) -> dict[str, Any]:
    recipe: dict[str, Any] = {
        "name": "fuzz",
        "seed": draw.randrange(1_000),
        "nsamples": draw.randint(1, 6),
        "seqlen": draw.choice((128, 192, 256) if is_chat else (16, 24, 32, 48, 64)),
        "tokenizer": "model",
        "max_rejected": 1.0,
        "shortage": draw.choice(("redistribute", "repeat", "error")),
        "quantizer": draw.choice(QUANTIZERS),
        "groups": {"all": 1.0},
        "hygiene": {"duplicates": draw.choice(("keep", "exact", "near"))},
        "sources": {"mine": {"group": "all", "type": "chat" if is_chat else "jsonl", "where": "memory"}},
    }
    if draw.random() < 0.3:
        recipe["control_tokens"] = "keep"
    if draw.random() < 0.2:
        recipe["hygiene"]["pii"] = draw.choice(("mask", "drop"))
    if draw.random() < 0.2:
        recipe["hygiene"]["repairs"] = []
    if draw.random() < 0.2:
        recipe["selection"] = {"method": "coverage"}
    if recipe["hygiene"]["duplicates"] == "near" and draw.random() < 0.2:
        recipe["holdout"] = {"nsamples": 1}
    if is_chat:
        recipe["chat"] = {"format": draw.choice(("auto", "jinja", "jinja"))}
    return recipe


def _write_toml(recipe: dict[str, Any]) -> str:
    return "".join(f"{key} = {_write_value(value)}\n" for key, value in recipe.items())


def _write_value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)} = {_write_value(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_write_value, value))}]"
    return json.dumps(value)
