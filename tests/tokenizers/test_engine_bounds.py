from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers.huggingface import from_file
from tests.letters import write_letters
from tests.tokenizer_families import FAMILIES, Family

Table = dict[str, Any]


def replacing(pattern: str, content: str) -> Table:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def in_a_row(key: str, part: Table, number: int) -> Table:
    return {"type": "Sequence", key: [part] * number}


def nested(key: str, part: Table, depth: int) -> Table:
    for _ in range(depth):
        part = {"type": "Sequence", key: [part]}
    return part


def template(tokens: int, ids: int) -> Table:
    special = {"id": "x", "ids": [0] * ids, "tokens": ["x"] * ids}
    single = [{"SpecialToken": {"id": "x", "type_id": 0}}] * tokens + [
        {"Sequence": {"id": "A", "type_id": 0}}
    ]
    return {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {"x": special}}


def changed(folder: Path, change: Callable[[Table], object]) -> Path:
    path = write_letters(folder)
    table = json.loads(path.read_text("utf-8"))
    change(table)
    path.write_text(json.dumps(table), "utf-8")
    return path


def added(content: str, number: int) -> Callable[[Table], object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return lambda table: table["added_tokens"].append({"id": number, "content": content, **flags})


def words(longest: int) -> Callable[[Table], object]:
    model = {
        "type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "vocab": {"a": 0},
        "max_input_chars_per_word": longest,
    }  # fmt: skip
    return lambda table: table.update(model=model, added_tokens=[])


def pieces(longest: int) -> Callable[[Table], object]:
    vocabulary = [["<unk>", 0.0], ["a" * longest, -1.0], ["a", -2.0]]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": False}
    return lambda table: table.update(model=model, added_tokens=[])


def part(key: str, value: Table) -> Callable[[Table], object]:
    return lambda table: table.update({key: value})


DIGITS = {"type": "Digits", "individual_digits": True}
REMEDY = "use the one that the model was published with"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (part("normalizer", in_a_row("normalizers", replacing("q", "k"), 101)),
         "its normalizer has 101 parts, and more than 100 are not used"),
        (part("pre_tokenizer", in_a_row("pretokenizers", DIGITS, 101)),
         "its pre_tokenizer has 101 parts, and more than 100 are not used"),
        (part("normalizer", in_a_row("normalizers", replacing("a", "aa"), 7)),
         "its normalizer makes texts more than 64 times as long"),
        (part("normalizer", replacing("a", "a" * 65)),
         "its normalizer makes texts more than 64 times as long"),
        (part("decoder", in_a_row("decoders", replacing("a", "aa"), 7)),
         "its decoder makes texts more than 64 times as long"),
        (part("normalizer", {"type": "Prepend", "prepend": "a" * 1_001}),
         "its normalizer puts more than 1,000 letters or tokens around a text"),
        (part("post_processor", template(10, 101)),
         "its post_processor puts more than 1,000 letters or tokens around a text"),
        (part("normalizer", nested("normalizers", {"type": "NFC"}, 11)),
         "its tokenizer.json has 11 sequences of parts, and more than 10 are not used"),
        (lambda table: table["model"]["vocab"].update(late=2**24 + 1),
         "has a token of id 16,777,217, and none beyond 16,777,216 is used"),
        (added("x" * 4_097, 300), "has an added token of 4,097 letters; more than 4,096 are not looked for"),
        (words(513), "looks for pieces in words of 513 letters, and not more than 512 are taken"),
        (pieces(513), "has a piece of 513 letters; more than 512 are not looked for"),
    ],
)  # fmt: skip
def test_what_grows_beyond_measure_is_refused(
    tmp_path: Path, change: Callable[[Table], object], fault: str
) -> None:
    with pytest.raises(TokenizerError) as caught:
        from_file(changed(tmp_path, change), "small")
    assert str(caught.value) == f"small: {fault}; {REMEDY}"


@pytest.mark.parametrize(
    "change",
    [
        part("normalizer", in_a_row("normalizers", replacing("q", "k"), 100)),
        part("normalizer", in_a_row("normalizers", replacing("a", "aa"), 6)),
        part("normalizer", replacing("aaaa", "a" * 200)),
        part("normalizer", {"type": "Prepend", "prepend": "a" * 1_000}),
        part("normalizer", nested("normalizers", {"type": "NFC"}, 10)),
        added("x" * 4_096, 300),
        words(512),
        pieces(512),
    ],
)  # fmt: skip
def test_what_is_within_the_bounds_is_read(tmp_path: Path, change: Callable[[Table], object]) -> None:
    assert from_file(changed(tmp_path, change), "small").encode("a", parse_special=True)


def test_keys_that_are_spelled_with_escapes_are_counted(tmp_path: Path) -> None:
    path = changed(tmp_path, part("normalizer", nested("normalizers", {"type": "NFC"}, 11)))
    path.write_text(path.read_text("utf-8").replace('"normalizers"', '"\\u006eormalizers"'), "utf-8")
    with pytest.raises(TokenizerError, match=r"^small: its tokenizer\.json has 11 sequences of parts"):
        from_file(path, "small")


def test_a_length_to_pad_to_takes_no_memory(tmp_path: Path) -> None:
    padding = {
        "strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "a",
    }  # fmt: skip
    assert (
        len(from_file(changed(tmp_path, part("padding", padding)), "small").encode("a", parse_special=True))
        == 1
    )


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_are_within_the_bounds(tmp_path: Path, family: Family) -> None:
    assert from_file(family.build(tmp_path) / "tokenizer.json", "small").encode("a1", parse_special=True)
