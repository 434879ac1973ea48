from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from calibset.core.documents import Conversation, Rejection
from calibset.sources.adapters.when2call import When2Call
from calibset.storage import text_lines
from calibset.storage.files import memory_reader

ASKED = {"role": "user", "content": "Rate?"}
SFT = {"tools": [], "messages": [ASKED, {"role": "assistant", "content": "Which one?"}]}
PREF = {"tools": [], "messages": [ASKED], "chosen_response": {"role": "assistant", "content": "Of what?"}}
TEST = {"uuid": "u-1", "question": "Rate?", "correct_answer": "direct", "answers": {"direct": "One."}}
FILES = {
    "train/when2call_train_sft.jsonl": json.dumps(SFT).encode(),
    "train/when2call_train_pref.jsonl": json.dumps(PREF).encode() + b"\n",
    "test/when2call_test_mcq.jsonl": json.dumps(TEST).encode(),
}


def ids(**fields: object) -> list[str]:
    source = When2Call.model_validate({"group": "tools", "where": "memory", **fields})
    return sorted(
        record.id
        for record in source.read_shuffled(memory_reader(FILES), seed=7)
        if isinstance(record, Conversation)
    )


def test_the_two_training_splits_by_default() -> None:
    assert ids() == ["when2call_train_pref.jsonl#1", "when2call_train_sft.jsonl#1"]


@pytest.mark.parametrize(
    ("split", "expected"),
    [("test", ["u-1"]), (["test", "train_sft"], ["u-1", "when2call_train_sft.jsonl#1"])],
)
def test_splits_choose_the_files(split: object, expected: list[str]) -> None:
    assert ids(split=split) == expected


def test_an_unknown_split_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(ValidationError, match="Input should be 'train_sft', 'train_pref' or 'test'"):
        ids(split="train")


def test_without_repair_lines_that_need_one_are_rejected() -> None:
    tool = {"name": "f", "parameters": {"type": "dict", "properties": {}}}
    lines = [json.dumps({**SFT, "tools": [json.dumps(tool)]}), json.dumps(SFT)]
    reader = memory_reader({"when2call_train_sft.jsonl": "\n".join(lines).encode()})
    fields = {"group": "tools", "where": "memory"}
    lenient, strict = (
        [record for file in reader.files("*") for record in source.read(file)]
        for source in (When2Call.model_validate({**fields, "repair": repair}) for repair in (True, False))
    )
    assert strict == [
        Rejection(
            position="when2call_train_sft.jsonl#1",
            reason="needs repair: parameters are not JSON Schema",
            excerpt=str(tool),
        ),
        lenient[1],
    ]
    assert isinstance(lenient[0], Conversation)


def test_bad_lines_are_rejected_with_position_and_reason() -> None:
    lines = [json.dumps(SFT), "", "{broken", "[1]", json.dumps({"messages": []})]
    reader = memory_reader({"when2call_train_sft.jsonl": "\n".join(lines).encode()})
    source = When2Call.model_validate({"group": "tools", "where": "memory"})
    records = [record for file in reader.files("*") for record in source.read(file)]
    assert isinstance(records[0], Conversation)
    assert records[1:] == [
        Rejection(position="when2call_train_sft.jsonl#2", reason="empty row"),
        Rejection(position="when2call_train_sft.jsonl#3", reason="not valid JSON", excerpt="{broken"),
        Rejection(position="when2call_train_sft.jsonl#4", reason="not an object", excerpt="[1]"),
        Rejection(position="when2call_train_sft.jsonl#5", reason="no conversation", excerpt="[]"),
    ]


def test_a_line_that_is_too_long_is_one_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    (file,) = memory_reader({"when2call_train_sft.jsonl": b"{}\n" + b"[" * 2**18 + b"\n{}\n"}).files("*")
    source = When2Call.model_validate({"type": "when2call", "group": "g", "where": "here"})
    assert list(source.read(file)) == [
        Rejection(position="when2call_train_sft.jsonl#1", reason="empty row"),
        Rejection(position="when2call_train_sft.jsonl#2", reason="record too long", excerpt="[" * 200),
        Rejection(position="when2call_train_sft.jsonl#3", reason="empty row"),
    ]
