"""Files that are no UTF-8: their records are rejected, not shipped with replacement characters."""

from __future__ import annotations

import pytest

from calibset.core.documents import Document, Rejection
from calibset.sources import get_adapter
from calibset.storage.files import memory_reader


@pytest.mark.parametrize(
    ("kind", "name", "text", "good", "options"),
    [
        ("csv", "a.csv", "text\nplain\nčlánok\n", 1, {}),
        ("jsonl", "a.jsonl", '{"text": "plain"}\n{"text": "článok"}\n', 1, {}),
        ("jsonl", "a.json", '[{"text": "plain"}, {"text": "článok"}, {"text": "after"}]', 2, {}),
        ("text", "a.txt", "plain\n--\nčlánok\n", 1, {"separator": "--"}),
        (
            "bitext",
            "bitext-a.csv",
            "tags,instruction,category,intent,response\nB,q,C,i,a\nB,q,C,i,článok\n",
            1,
            {},
        ),
    ],
)
def test_a_record_that_is_no_utf8_is_rejected(
    kind: str, name: str, text: str, good: int, options: dict[str, str]
) -> None:
    source = get_adapter(kind).model_validate({"type": kind, "group": "g", "where": "x", **options})
    read = list(source.read_shuffled(memory_reader({name: text.encode("cp1250")}), seed=1))
    rejected = [record for record in read if isinstance(record, Rejection)]
    assert [record.reason for record in rejected] == ["not valid UTF-8"]
    assert rejected[0].excerpt.isprintable()
    assert len(read) - len(rejected) == good
    whole = list(source.read_shuffled(memory_reader({name: text.encode("utf-8")}), seed=1))
    assert not any(isinstance(record, Rejection) for record in whole)
    assert any("článok" in str(record) for record in whole)
    assert isinstance(whole[0], Document) or kind == "bitext"
