"""Texts and rows of every kind, good and bad, the same in each run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from calibset.tokenizers import Tokenizer

PIECES = (
    "Poistná zmluva sa uzatvára na dobu neurčitú; poistné je splatné vopred.",
    "Žltý kôň preskočil ďalší plot, hoci šéf mu to zakázal.",
    "Z\u030clty\u0301 ko\u0302n\u030c",
    "Poistenie majetku\nČlánok 1\n\n1.\tÚvodné ustanovenia\r\n2.\tVýklad pojmov",
    "The policyholder's deductible isn't applied; we'll pay 1,234.50 EUR.",
    "保险合同是投保人与保险人约定保险权利义务关系的协议。",
    "被保険者は、契約者と同一人でなければならない。",
    "Договор страхования вступает в силу",
    "عقد التأمين ساري المفعول",
    "สัญญาประกันภัย",
    '{"name": "get_quote", "arguments": {"city": "Košice", "age": 37, "vip": null, "tags": []}}',
    '[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]',
    "def f(x):\n    return {k: v for k, v in x.items()}  # 0x1F\n",
    "👩‍👩‍👧‍👦🇸🇰👍🏽😀❤️",
    "<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[TOOL_RESULTS]", "<unk>",
    "[INST]Aké je poistné?[/INST] 12 €.</s>",
    "<SPECIAL_36>", "<SPECIAL_999>", "<SPECIAL_1000>", "[ INST]", "<s", "</s >", "[inst]",
    " ", "  ", "\t", "\n", "\n\n\n", "\r\n\r\n", " \t \n \t", "\u00a0", "\u2003\u3000", " " * 70, "\n" * 40,
    "\x00", "\x1b[2J", "\x85", "\u200b\u200d\ufeff", "\u2028\u2029", "\u00ad", "\uf0b7", "\ufffd",
    "\U0010ffff",
    "1234567890", "3.14159e-10", "----====####", "https://example.org/a?b=c&d=%20", "ﬁﬂ™①½",
)  # fmt: skip


def mixed_texts(number: int) -> Iterator[str]:
    """Yield texts of a few pieces each, joined with and without blanks."""
    draw = random.Random("texts")
    for _ in range(number):
        pieces = draw.choices(PIECES, k=draw.randint(1, 12))
        yield draw.choice(["", " ", "\n", "\n\n"]).join(pieces)


@dataclass(frozen=True)
class Row:
    """A line of a calibration file.

    Attributes:
        line: What stands in the file, its end included.
        text: What AutoRound should read out of it.
    """

    line: str
    text: str


def mixed_rows(number: int, tokenizer: Tokenizer, seqlen: int) -> list[Row]:
    """Return rows of all kinds of text in all forms that AutoRound reads."""
    draw = random.Random(f"rows {seqlen}")
    words = _words(tokenizer)
    texts = [_KINDS[i % len(_KINDS)](draw, words, seqlen) for i in range(number)]
    return [Row(_line(draw, text), text) for text in texts]


def _words(tokenizer: Tokenizer) -> list[str]:
    """Return words, each with its blank, of which n are n tokens."""
    candidates = (
        f" {word}"
        for piece in (*PIECES, "insurance policy claim damage premium house car fire water contract year day")
        for word in piece.split()
        if word.isalpha()
    )
    words = sorted({word for word in candidates if len(tokenizer.encode(word, parse_special=True)) == 1})
    assert len(words) > 20
    return words


_Kind = Callable[[random.Random, list[str], int], str]


def _of_length(difference: int) -> _Kind:
    def text(draw: random.Random, words: list[str], seqlen: int) -> str:
        return "".join(draw.choices(words, k=seqlen + difference))

    return text


def _short(draw: random.Random, words: list[str], seqlen: int) -> str:
    return "".join(draw.choices(words, k=draw.randint(1, seqlen - 2)))


def _long(draw: random.Random, words: list[str], seqlen: int) -> str:
    return "".join(draw.choices(words, k=draw.randint(seqlen, 2 * seqlen)))


def _trailing_blanks(draw: random.Random, words: list[str], seqlen: int) -> str:
    body = _of_length(draw.choice([-2, -1]))(draw, words, seqlen)
    return body + "".join(draw.choices([" ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "\x1c"], k=9))


def _repetitive(draw: random.Random, words: list[str], seqlen: int) -> str:
    """Repeat the last word that is read about as often as the filter allows, and behind it."""
    word, *others = draw.sample(words, k=len(words))
    times = seqlen // 2 + draw.choice([-1, 0, 1, 2])
    read = [word] * (times - 1) + draw.choices(others, k=seqlen - 1 - times)
    draw.shuffle(read)
    unread = draw.choices([word, draw.choice(others)], k=draw.randint(0, 6))
    return "".join([*read, word, *unread])


def _control_tokens(draw: random.Random, words: list[str], seqlen: int) -> str:
    tokens = ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<SPECIAL_36>"]
    return "".join(draw.choices([*tokens, *words], k=seqlen + draw.choice([-2, -1, 0])))


def _blanks(draw: random.Random, words: list[str], seqlen: int) -> str:
    return "".join(draw.choices([" ", "\n", "\t", "\u00a0"], k=draw.randint(0, 3 * seqlen)))


def _pieces(draw: random.Random, words: list[str], seqlen: int) -> str:
    return draw.choice(["", " ", "\n"]).join(draw.choices(PIECES, k=draw.randint(seqlen // 16, seqlen // 4)))


_KINDS: tuple[_Kind, ...] = (
    _short, _of_length(-2), _of_length(-1), _of_length(0), _of_length(1), _long, _trailing_blanks,
    _repetitive, _repetitive, _control_tokens, _blanks, _pieces, _pieces,
)  # fmt: skip


def _line(draw: random.Random, text: str) -> str:
    row = draw.choice(
        [
            text,
            {"text": text},
            {"anything at all": text},
            {"input_ids": text},
            {"text": text, "source": "x", "tokens": 3},
            {"messages": [], "input_ids": [1, 2], "text": text},
            {"input_ids": text, "attention_mask": [1, 1]},
        ]
    )
    return json.dumps(row, ensure_ascii=draw.random() < 0.5) + draw.choice(["\n", "\n", "\r\n", "\r"])
