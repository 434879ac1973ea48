from __future__ import annotations

import json

from calibset.core.documents import Conversation, Rejection
from calibset.sources.adapters.toolace import ToolACE
from calibset.storage.files import memory_reader

ROW = {
    "system": 'Functions: [{"name": "Get Rate", "parameters": {"type": "dict", "properties": {}}}].',
    "conversations": [
        {"from": "user", "value": "EUR?"},
        {"from": "assistant", "value": '[Get Rate(from="EUR")]'},
    ],
}


def test_without_repair_rows_that_need_one_are_rejected() -> None:
    whole = {**ROW, "system": ROW["system"].replace("dict", "object")}  # type: ignore[attr-defined]
    reader = memory_reader({"data.json": json.dumps([ROW, whole]).encode()})
    source = ToolACE.model_validate({"group": "tools", "where": "memory", "repair": False})
    found = [record for file in reader.files("*") for record in source.read(file)]
    assert isinstance(found[0], Rejection)
    assert (found[0].position, found[0].reason) == (
        "data.json#0",
        "needs repair: parameters are not JSON Schema",
    )
    lenient = ToolACE.model_validate({"group": "tools", "where": "memory"})
    assert found[1:] == [record for file in reader.files("*") for record in lenient.read(file)][1:]
    assert isinstance(found[1], Conversation)


def test_rows_become_conversations_and_bad_ones_rejections() -> None:
    rows = [ROW, {}, {**ROW, "conversations": [{"from": "user", "value": "EUR?"}]}]
    reader = memory_reader({"data.json": b"\xef\xbb\xbf" + json.dumps(rows).encode(), "README.md": b""})
    records = list(
        ToolACE.model_validate({"group": "tools", "where": "memory"}).read_shuffled(reader, seed=7)
    )
    good = [record for record in records if isinstance(record, Conversation)]
    assert [(record.id, record.messages[-1].tool_calls[0].name) for record in good] == [
        ("data.json#0", "Get Rate")
    ]
    assert sorted(
        (record for record in records if isinstance(record, Rejection)), key=lambda r: r.position
    ) == [
        Rejection(position="data.json#1", reason="empty row"),
        Rejection(position="data.json#2", reason="no assistant turn"),
    ]
