from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.packing import RowSpec

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

WORDS = [
    "poistenie",
    "hail",
    "the",
    "保险",
    "storm",
    "škoda",
    "12",
    "fire",
    "loss",
    "premium",
    "</s>",
    "[INST]",
    "when,",
    "paid.",
    "before",
]


def spec(tekken: TekkenTokenizer, seqlen: int = 64) -> RowSpec:
    return RowSpec(tokenizer=tekken, seqlen=seqlen, source="s")


@pytest.mark.parametrize(("seqlen", "slack"), [(16, 2), (64, 2), (192, 3), (2048, 32)])
def test_what_is_read_is_one_token_less_for_bos(tekken: TekkenTokenizer, seqlen: int, slack: int) -> None:
    assert spec(tekken, seqlen).text_budget == seqlen - 1
    assert spec(tekken, seqlen).slack == slack


def test_a_row_of_exactly_seqlen_tokens_is_kept_and_one_shorter_is_not(tekken: TekkenTokenizer) -> None:
    text = "Poistná zmluva nadobúda účinnosť dňom podpisu. The premium is due, or else."
    ids = tekken.encode(text, parse_special=True)
    enough, short = spec(tekken, len(ids)).check_row(text), spec(tekken, len(ids) + 1).check_row(text)
    assert enough.token_ids == short.token_ids == tuple(ids)
    assert (enough.fault, short.fault) == (None, "too short")


def test_a_row_must_be_long_enough_with_control_tokens_parsed(tekken: TekkenTokenizer) -> None:
    text = "storm [TOOL_CALLS] fire [TOOL_RESULTS] hail"
    parsed = tekken.encode(text, parse_special=True)
    spelled = tekken.encode(text, parse_special=False)
    assert len(parsed) < len(spelled)
    assert spec(tekken, len(spelled)).check_row(text).fault == "too short"
    check = spec(tekken, len(parsed)).check_row(text)
    assert (check.fault, check.token_ids) == (None, tuple(parsed))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (" x" * 32 + " y" * 32, None),
        (" y" * 31 + " x" * 33, "one token fills more than half the row"),
        (" x" * 33 + " y" * 31, None),
        (" x" * 33 + " y" * 30 + " x", "one token fills more than half the row"),
        (" x" * 64, "one token fills more than half the row"),
        # The token that BOS pushes out of what is read.
        (" x" * 33 + " y" * 29 + " x" + " y", "one token fills more than half the row"),
        (" y" * 64 + " x" * 64, "one token fills more than half the row"),
        (" y z" * 32 + " x" * 64, None),
    ],
)
def test_one_token_may_fill_half_of_what_is_read(
    tekken: TekkenTokenizer, text: str, fault: str | None
) -> None:
    assert spec(tekken).check_row(text).fault == fault


def auto_round_keeps(tekken: TekkenTokenizer, text: str, seqlen: int, *, parsed: bool, bos: bool) -> bool:
    """What AutoRound's filter does with a row that it has read back."""
    text = json.loads(json.dumps({"text": text}))["text"].rstrip()
    ids = [1] * bos + tekken.encode(text, parse_special=parsed)
    ids = ids[:seqlen]
    return len(ids) >= seqlen and ids.count(ids[-1]) <= seqlen // 2


@given(
    text=st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join),
    seqlen=st.integers(16, 80),
)
def test_what_is_proven_is_kept(tekken: TekkenTokenizer, text: str, seqlen: int) -> None:
    kept = all(
        auto_round_keeps(tekken, text, seqlen, parsed=parsed, bos=bos)
        for parsed in (True, False)
        for bos in (True, False)
    )
    assert (spec(tekken, seqlen).check_row(text).fault is None) == kept
