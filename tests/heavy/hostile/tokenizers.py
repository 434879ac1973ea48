"""Tokenizer folders whose files never end, fill the memory or make their library fall over."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.heavy.hostile.hostile_file import HostileFile

Table = dict[str, Any]

_TEXTS = (
    "Once upon a time there was one more of the kind; it lived a number of years.",
    "a" * 20_000 + "!", "ab" * 10_000,
    "ba " + "a" * 9_000 + "bZ", "a" * 9_000 + " bZ",
    " " * 20_000 + "x", "1" * 20_000 + ".", "x " * 10_000, "<s>" * 5_000,
    "é" * 20_000, "\ud55c" * 20_000,
)  # fmt: skip


_SPECIAL = {"SpecialToken": {"id": "<s>", "type_id": 0}}
_TEXT = {"Sequence": {"id": "A", "type_id": 0}}


def _small() -> Table:
    """Return a ``tokenizer.json`` of bytes."""
    letters = [*map(chr, range(0x21, 0x7F)), *map(chr, range(0xA1, 0xAD)), *map(chr, range(0xAE, 0x180))]
    as_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [_token(0, "<s>")],
        "normalizer": None,
        "pre_tokenizer": as_bytes, "post_processor": None, "decoder": as_bytes,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {"<s>": 0, **{letter: n for n, letter in enumerate(letters, 1)}}, "merges": [],
        },
    }  # fmt: skip


def _token(number: int, content: str, **flags: bool) -> Table:
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": content, **usual, **flags}


def _first(table: Table) -> int:
    return 1 + max(table["model"]["vocab"].values())


def _split(pattern: str, table: Table, size: int) -> None:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    table["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, table["pre_tokenizer"]]}


def _replace(pattern: str, table: Table, size: int) -> None:
    table["normalizer"] = {"type": "Replace", "pattern": {"Regex": pattern}, "content": "x"}


def _decode(pattern: str, table: Table, size: int) -> None:
    replace = {"type": "Replace", "pattern": {"Regex": pattern}, "content": "x"}
    table["decoder"] = {"type": "Sequence", "decoders": [table["decoder"], replace]}


def _grow(table: Table, size: int) -> None:
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    table["normalizer"] = {"type": "Sequence", "normalizers": [double] * 40}


def _grow_at_once(table: Table, size: int) -> None:
    table["normalizer"] = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * size}


def _prepend(table: Table, size: int) -> None:
    table["normalizer"] = {"type": "Prepend", "prepend": "a" * size}


def _grow_decoded(table: Table, size: int) -> None:
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    table["decoder"] = {"type": "Sequence", "decoders": [table["decoder"], *[double] * 40]}


def _many_normalizers(table: Table, size: int) -> None:
    one = {"type": "Replace", "pattern": {"String": "q"}, "content": "k"}
    table["normalizer"] = {"type": "Sequence", "normalizers": [one] * (size // 60)}


def _many_pre_tokenizers(table: Table, size: int) -> None:
    one = {"type": "Digits", "individual_digits": True}
    table["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [one] * (size // 50)}


def _many_post_processors(table: Table, size: int) -> None:
    one = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    table["post_processor"] = {"type": "Sequence", "processors": [one] * (size // 90)}


def _nested_parts(table: Table, size: int) -> None:
    part: Table = {"type": "NFC"}
    for _ in range(50):
        part = {
            "type": "Sequence",
            "normalizers": [part, part] if len(json.dumps(part)) < size // 3 else [part],
        }
    table["normalizer"] = part


def _long_template(table: Table, size: int) -> None:
    table["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [*[_SPECIAL] * (size // 50), _TEXT],
        "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}},
    }  # fmt: skip


def _long_special_token(table: Table, size: int) -> None:
    ids = [0] * (size // 10)
    table["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [_SPECIAL, _TEXT],
        "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": ids, "tokens": ["<s>"] * len(ids)}},
    }  # fmt: skip


def _many_added(flags: dict[str, bool], table: Table, size: int) -> None:
    first = _first(table)
    table["added_tokens"] += [_token(first + n, f"<|added {n}|>", **flags) for n in range(size // 140)]


def _many_added_normalized(table: Table, size: int) -> None:
    table["normalizer"] = {"type": "NFKC"}
    _many_added({"normalized": True, "special": False}, table, size)


def _long_added(table: Table, size: int) -> None:
    table["added_tokens"].append(_token(_first(table), "a" * size))


def _overlapping_added(table: Table, size: int) -> None:
    first, length = _first(table), 1
    while size > 0:
        table["added_tokens"].append(_token(first + length, "a" * length, special=False))
        size -= length + 140
        length += 1


def _last_id(table: Table, size: int) -> None:
    table["added_tokens"].append(_token(2**32 - 2, "<|last|>"))
    table["model"]["vocab"]["<|late|>"] = 2**32 - 2


def _fixed_padding(table: Table, size: int) -> None:
    table["padding"] = {
        "strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "<s>",
    }  # fmt: skip


def _strides(table: Table, size: int) -> None:
    table["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 1}


def _large_vocabulary(table: Table, size: int) -> None:
    first = _first(table)
    table["model"]["vocab"] |= {f"word{n:x}": first + n for n in range(size // 22)}


def _merges(table: Table, size: int) -> None:
    first, vocabulary, merges = _first(table), table["model"]["vocab"], []
    word, number = "a", first
    while size > 0:
        merges.append([word, "a"])
        word += "a"
        vocabulary[word] = number
        number += 1
        size -= 2 * len(word) + 20
    table["model"]["merges"] = merges


def _deep(table: Table, size: int) -> None:
    table["normalizer"] = "DEEP"


def _unigram(table: Table, size: int) -> None:
    pieces: list[list[Any]] = [["<unk>", 0.0], ["<s>", 0.0]]
    length = 1
    while size > 0:
        pieces.append(["a" * length, -float(length % 7)])
        size -= length + 12
        length += 1
    table["model"] = {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False}
    table["added_tokens"] = [_token(1, "<s>")]
    table["pre_tokenizer"] = None


def _word_pieces(table: Table, size: int) -> None:
    vocabulary = {"[UNK]": 0, "<s>": 1, **{f"word{n:x}": n + 2 for n in range(size // 22)}}
    table["model"] = {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 10**9, "vocab": vocabulary,
    }  # fmt: skip
    table["added_tokens"] = [_token(1, "<s>")]
    table["pre_tokenizer"] = {"type": "WhitespaceSplit"}


def _words(table: Table, size: int) -> None:
    vocabulary = {"<unk>": 0, "<s>": 1, **{f"word{n:x}": n + 2 for n in range(size // 22)}}
    table["model"] = {"type": "WordLevel", "unk_token": "<unk>", "vocab": vocabulary}
    table["added_tokens"] = [_token(1, "<s>")]


def _charsmap(table: Table, size: int) -> None:
    table["normalizer"] = {
        "type": "Precompiled",
        "precompiled_charsmap": b64encode(b"\xff\xff\xff\x7f" * (size // 6)).decode(),
    }


_PATTERNS = {
    "nested-repeats": "(a+)+$",
    "nested-repeats-of-any": "(.*)*#",
    "alternatives": "(?:a|a|b)*c",
    "three-repeats": r"\w*\w*\w*\w*#",
    "lookahead": r"(?=(a+)+!!)a",
    "lookahead-of-all": r"\d(?=(?:\d{3})*x)",
    "back-reference": r"(a*)(a*)(a*)\1\2\3#",
    "counted": "(?:(?:(?:a{1,100}){1,100}){1,100}){1,100}#",
    "recursion": r"(?<x>a|\g<x>\g<x>)*#",
    "below-the-limit": "(?:a|a){0,20}Z|a",
    "two-repeats": "a*a*Z|a",
    "nothing": "",
    "empty-alternatives": "(|a)*#",
}
# What transformers loads reads the rows once more, and is compared with the file at its added tokens.
_FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
_OTHER_CLASS = {"tokenizer_class": "GPT2Tokenizer"}


def _split_and_add(pattern: str, table: Table, size: int) -> None:
    _split(pattern, table, size)
    first = _first(table)
    added = (_token(first + n, "a" * (180 + n % 20) + f"b{n}Z") for n in range(min(size // 400, 2_000)))
    table["added_tokens"] += added


_LOADED: dict[str, tuple[Callable[[Table, int], None], Table]] = {
    **{
        f"loaded-{name}": (partial(_split, _PATTERNS[name]), _FAST)
        for name in ("nested-repeats", "three-repeats", "counted", "below-the-limit")
    },
    **{
        f"compared-{name}": (partial(_split_and_add, _PATTERNS[name]), _OTHER_CLASS)
        for name in ("nested-repeats", "three-repeats", "below-the-limit")
    },
}
_TABLES: dict[str, Callable[[Table, int], None]] = {
    **{f"split-{name}": partial(_split, pattern) for name, pattern in _PATTERNS.items()},
    **{f"replace-{name}": partial(_replace, pattern) for name, pattern in _PATTERNS.items()},
    "decode-nested-repeats": partial(_decode, "(a+)+$"),
    "doubling-normalizers": _grow, "growing-normalizer": _grow_at_once, "long-prefix": _prepend,
    "doubling-decoders": _grow_decoded, "many-normalizers": _many_normalizers,
    "many-pre-tokenizers": _many_pre_tokenizers, "many-post-processors": _many_post_processors,
    "nested-parts": _nested_parts, "long-template": _long_template, "long-special-token": _long_special_token,
    "many-added-tokens": partial(_many_added, {}),
    "many-plain-added-tokens": partial(_many_added, {"special": False}),
    "many-stripping-added-tokens": partial(
        _many_added, {"lstrip": True, "rstrip": True, "single_word": True}
    ),
    "many-normalized-added-tokens": _many_added_normalized, "long-added-token": _long_added,
    "overlapping-added-tokens": _overlapping_added, "last-id": _last_id, "fixed-padding": _fixed_padding,
    "strides": _strides, "large-vocabulary": _large_vocabulary, "merges": _merges, "unigram": _unigram,
    "word-pieces": _word_pieces, "words": _words, "charsmap": _charsmap,
}  # fmt: skip


def _write_texts(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(40):
            for text in _TEXTS:
                file.write(json.dumps({"text": f"{number} {text}"}) + "\n")


def _write(path: Path, size: int, *, change: Callable[[Table, int], None], config: Table) -> None:
    _write_texts(path)
    model = path.parents[1] / "model"
    model.mkdir()
    table = _small()
    change(table, size)
    (model / "tokenizer.json").write_text(json.dumps(table), "utf-8")
    (model / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def _write_raw(path: Path, size: int, *, files: Callable[[int], dict[str, str | bytes]]) -> None:
    _write_texts(path)
    model = path.parents[1] / "model"
    model.mkdir()
    for name, content in files(size).items():
        (model / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _beside(size: int, **files: str) -> dict[str, str | bytes]:
    return {
        "tokenizer.json": json.dumps(_small()),
        **{name.replace("_json", ".json"): text for name, text in files.items()},
    }


def _tekken(size: int, **config: Any) -> dict[str, str | bytes]:
    vocabulary = [
        {
            "rank": n,
            "token_bytes": b64encode(bytes([n]) if n < 256 else f"w{n}".encode()).decode(),
            "token_str": None,
        }
        for n in range(max(300, size // 80))
    ]
    usual = {
        "pattern": r"\w+|\s+|[^\w\s]+", "num_vocab_tokens": len(vocabulary), "version": "v3",
        "default_vocab_size": len(vocabulary) + 100, "default_num_special_tokens": 100,
    }  # fmt: skip
    return {"tekken.json": json.dumps({"config": usual | config, "vocab": vocabulary})}


def _nest(size: int) -> str:
    return "[" * (size // 2) + "]" * (size // 2)


_SMALL = 4 * 10**6  # beyond, a configuration is refused
_FILES: dict[str, Callable[[int], dict[str, str | bytes]]] = {
    "deep-json": lambda size: {"tokenizer.json": '{"model": ' + _nest(size) + "}"},
    "deep-configuration": lambda size: _beside(
        size, tokenizer_config_json='{"a": ' + _nest(min(size, _SMALL)) + "}"
    ),
    "deep-model-configuration": lambda size: _beside(size, config_json='{"a": ' + _nest(size) + "}"),
    "digits": lambda size: _beside(size, config_json='{"vocab_size": ' + "1" * size + "}"),
    "many-listed-tokens": lambda size: _beside(
        size,
        tokenizer_config_json=json.dumps({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "added_tokens_decoder": {
                str(400 + n): {"content": f"<|{n}|>", "special": True} for n in range(min(size, _SMALL) // 60)
            },
        }),
    ),
    "many-special-tokens": lambda size: _beside(
        size,
        tokenizer_config_json=json.dumps({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "additional_special_tokens": [f"<|{n}|>" for n in range(min(19_000, size // 20))],
        }),
    ),
    "many-further-tokens": lambda size: _beside(
        size, added_tokens_json=json.dumps({f"<|{n}|>": 400 + n for n in range(min(size, _SMALL) // 20)}),
        tokenizer_config_json='{"tokenizer_class": "PreTrainedTokenizerFast"}',
    ),
    "many-templates": lambda size: _beside(
        size,
        tokenizer_config_json=json.dumps({
            "chat_template": [
                {"name": f"t{n}", "template": "{{ 1 }}"} for n in range(min(size, _SMALL) // 50)
            ]
        }),
    ),
    "tekken": _tekken,
    "tekken-pattern": lambda size: _tekken(size, pattern="(a+)+$"),
    "tekken-pattern-of-any": lambda size: _tekken(size, pattern=r"(?=(a+)+!!)a|\w*\w*\w*\w*#"),
    "tekken-special-tokens": lambda size: _tekken(
        size, default_num_special_tokens=10**9, default_vocab_size=2 * 10**9
    ),
    "tekken-size": lambda size: _tekken(size, default_vocab_size=10**12),
    "vocabulary-and-merges": lambda size: {
        "vocab.json": json.dumps({f"w{n}": n for n in range(size // 30)}),
        "merges.txt": "#version: 0.2\n" + "".join(f"w{n} w{n}\n" for n in range(size // 30)),
        "tokenizer_config.json": '{"tokenizer_class": "GPT2Tokenizer"}',
    },
    "words-alone": lambda size: {
        "vocab.txt": "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\n" + "".join(f"w{n}\n" for n in range(size // 8)),
        "tokenizer_config.json": '{"tokenizer_class": "BertTokenizer"}',
    },
    "tiktoken": lambda size: {
        "tokenizer.model": b"".join(
            b64encode(bytes([n]) if n < 256 else b"w%d" % n) + b" %d\n" % n for n in range(size // 18)
        ),
        "tokenizer_config.json": '{"tokenizer_class": "PreTrainedTokenizerFast"}',
    },
    "tiktoken-runs": lambda size: {
        "a.tiktoken": b"".join(b64encode(bytes([n])) + b" %d\n" % n for n in range(256))
        + b"".join(b64encode(b"a" * n) + b" %d\n" % (n + 256) for n in range(2, int((size * 1.5) ** 0.5))),
        "tokenizer_config.json": '{"tokenizer_class": "PreTrainedTokenizerFast"}',
    },
    "sentencepiece": lambda size: {
        "tokenizer.model": b"\x0a\x0d\x0a\x05<unk>\x15\x00\x00\x00\x00"
        + b"".join(b"\x0a\x0f\x0a\x08w%07d\x15\x00\x00\x80\xbf" % n for n in range(size // 17)),
        "tokenizer_config.json": '{"tokenizer_class": "LlamaTokenizer"}',
    },
}  # fmt: skip


def _kind(name: str, write: Callable[[Path, int], None]) -> HostileFile:
    return HostileFile(
        name=f"tokenizer-{name}", file_name="a.jsonl", write=write, options={"type": "jsonl"},
        recipe={"tokenizer": "model", "nsamples": 16, "seqlen": 512},
    )  # fmt: skip


KINDS: tuple[HostileFile, ...] = (
    *(_kind(name, partial(_write, change=change, config={})) for name, change in _TABLES.items()),
    *(
        _kind(name, partial(_write, change=change, config=config))
        for name, (change, config) in _LOADED.items()
    ),
    *(_kind(name, partial(_write_raw, files=files)) for name, files in _FILES.items()),
)
