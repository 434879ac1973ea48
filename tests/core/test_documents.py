from __future__ import annotations

import dataclasses
import pickle
import sys

import pytest

from calibset.core.documents import (
    Conversation,
    Document,
    Filtered,
    Message,
    Rejection,
    Sample,
    Span,
    ToolCall,
)

VALUES = [
    Document(id="a", text="x", metadata={"url": "u"}),
    Conversation(id="a", messages=(Message(role="user", content="x"),), metadata={"url": "u"}),
    Rejection(position="a#1", reason="empty text"),
    Filtered(position="a#1", reason="a redirect"),
    Span(document="a", start=0, end=1, whole=True),
    Sample(text="x", token_ids=(1,), source="s", documents=()),
    ToolCall(id="1", name="f", arguments="{}"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_hashable_and_take_no_other_attributes(value: object) -> None:
    name = dataclasses.fields(value)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, "other")
    with pytest.raises((AttributeError, TypeError)):
        value.other = 1  # type: ignore[attr-defined]
    assert hash(value) == hash(dataclasses.replace(value))  # type: ignore[type-var]
    assert value == dataclasses.replace(value)  # type: ignore[type-var]


def test_a_sample_holds_its_ids_in_four_bytes_each() -> None:
    ids = tuple(range(100_000, 102_048))
    sample = Sample(text="x", token_ids=ids, source="s", documents=())
    assert sys.getsizeof(sample.token_ids) < 4 * len(ids) + 200
    assert tuple(sample.token_ids) == ids
    assert pickle.loads(pickle.dumps(sample)) == sample


def test_values_take_no_positional_arguments() -> None:
    with pytest.raises(TypeError):
        Document("a", "x")  # type: ignore[misc]


def test_metadata_tells_documents_apart_but_not_their_hashes() -> None:
    one, other = Document(id="a", text="x"), Document(id="a", text="x", metadata={"k": "v"})
    assert one != other
    assert hash(one) == hash(other)


def test_a_span_is_no_filler_and_a_rejection_has_no_excerpt_unless_given() -> None:
    assert not Span(document="a", start=0, end=1, whole=True).filler
    assert Rejection(position="a", reason="r").excerpt == ""
    assert Sample(text="", token_ids=(), source="s", documents=()).turns == 0
