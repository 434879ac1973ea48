from __future__ import annotations

from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import (
    Conversation,
    Document,
    Filtered,
    Message,
    Record,
    Rejection,
    Tool,
    ToolCall,
)
from calibset.sources.sampling.packed_records import PackedRecords, hold_records

# Lone surrogates too, which a JSON file may hold.
TEXTS = st.text(st.characters(codec=None), max_size=40)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(Document, id=TEXTS, text=TEXTS, metadata=st.dictionaries(TEXTS, TEXTS, max_size=2)),
    st.builds(Rejection, position=TEXTS, reason=TEXTS),
    st.builds(Filtered, position=TEXTS, reason=TEXTS),
)


@given(st.lists(RECORDS, max_size=40))
def test_records_come_back_in_order_and_more_than_once(records: list[Record]) -> None:
    packed = PackedRecords.of(records)
    assert list(packed) == records
    assert list(packed) == records


def test_a_conversation_comes_back() -> None:
    call = ToolCall(id="1", name="add", arguments="{}")
    message = Message(role="assistant", content="Počkajte", tool_calls=(call,))
    tool = Tool(name="add", description="", parameters="{}")
    record = Conversation(id="a", messages=(message,), tools=(tool,))
    assert list(hold_records([record])) == [record]


def test_waiting_texts_take_less_than_half_the_bytes_of_their_letters() -> None:
    records = [Document(id=str(number), text=f"Žltá čiara číslo {number}. " * 50) for number in range(100)]
    held = hold_records(records)
    assert isinstance(held, PackedRecords)
    assert sum(map(len, held.packs)) < sum(len(record.text) for record in records) / 2


def test_what_an_adapter_put_into_a_record_may_be_anything() -> None:
    records = [Document(id="a", text="", metadata=MappingProxyType({"title": "A"}))]
    assert hold_records(records) is records
