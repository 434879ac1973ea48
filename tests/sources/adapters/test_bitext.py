from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Document, Message, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.bitext import Bitext
from calibset.sources.formats.placeholders import VALUES, fill_placeholders
from calibset.storage.files import memory_reader

HEADER = "tags,instruction,category,intent,response\n"


def read(rows: str, header: str = HEADER, **options: Any) -> list[Record]:
    (file,) = memory_reader({"a.csv": (header + rows).encode()}).files("*")
    return list(Bitext(group="insurance", where=("bitext",), **options).read(file))


def test_a_row_is_a_dialogue() -> None:
    assert read(
        'BQ, cancel policy {{POLICY_NUMBER}} ,policy,cancel_policy,"Go to {{WEBSITE_URL}}.\r\nDone.\n"\n'
    ) == [
        Conversation(
            id="a.csv#0",
            messages=(
                Message(role="user", content="cancel policy {{POLICY_NUMBER}}"),
                Message(role="assistant", content="Go to {{WEBSITE_URL}}.\nDone."),
            ),
            metadata={"category": "POLICY", "intent": "cancel_policy", "tags": "BQ"},
        )
    ]


def test_a_row_may_be_a_text() -> None:
    assert read("hi,hello\n", "instruction,response\n", form="text") == [
        Document(id="a.csv#0", text="hi\nhello")
    ]


def test_entities_and_line_breaks_are_resolved() -> None:
    (record,) = read("B,R&amp;D?,C,i,It&#x27;s fine.<br>Bye&nbsp;now.\n", form="text")
    assert isinstance(record, Document)
    assert record.text == "R&D?\nIt's fine.\nBye now."


def test_empty_sides_are_rejected_and_rows_keep_their_numbers() -> None:
    assert read("B,,C,i,answer\nB,question,C,i, \nB,q\nB,q,C,i,a\n", form="text") == [
        Rejection(position="a.csv#0", reason="empty instruction", excerpt="answer"),
        Rejection(position="a.csv#1", reason="empty response", excerpt="question"),
        Rejection(position="a.csv:4", reason="row has too few columns", excerpt="B,q"),
        Document(id="a.csv#3", text="q\na", metadata={"category": "C", "intent": "i", "tags": "B"}),
    ]


def test_a_table_of_another_kind_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"^a\.csv: no column 'instruction'; it has question, answer: "):
        read("q,a\n", "question,answer\n")


def test_filled_values_agree_between_question_and_answer() -> None:
    rows = "".join(
        f"B,Claim {{{{CLAIM_NUMBER}}}}?,C,i,About {{{{ Claim Number }}}} {n}.\n" for n in range(30)
    )
    numbers = set()
    for record in read(rows, placeholders="fill"):
        assert isinstance(record, Conversation)
        question, answer = (message.content for message in record.messages)
        number = question.removeprefix("Claim ").removesuffix("?")
        assert answer.startswith(f"About {number} ")
        numbers.add(number)
    assert numbers == set(VALUES["CLAIM_NUMBER"])


def test_rows_that_repeat_each_other_get_the_same_values() -> None:
    rows = "".join(
        f'B,Where is my claim {{{{CLAIM_NUMBER}}}} of {day}?,C,i,"{{{{NAME}}}} is looking into it, and it'
        ' may take some days until a letter with all that we have found reaches you, so please wait."\n'
        for day in ("May", "May", "June")
    )
    first, same, near = (record.messages for record in read(rows, placeholders="fill"))  # type: ignore[union-attr]
    assert first == same
    assert first[1] == near[1]
    assert near[0].content == first[0].content.replace("May", "June")


@pytest.mark.parametrize(
    "spelled", ["{{WEBSITE_URL}}", "{{ WEBSITE_URL }}", "{{Website Url}}", "{{website-url}}"]
)
def test_spellings_of_a_name_are_alike(spelled: str) -> None:
    assert fill_placeholders(spelled, "a.csv#1") == fill_placeholders("{{WEBSITE_URL}}", "a.csv#1")
    assert fill_placeholders(spelled, "a.csv#1") in VALUES["URL"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("for {{POLICY_NUMBER", "for {{POLICY_NUMBER"),
        ("{{Preferred_Garage}}", "preferred garage"),
        ("{{}} {{ }} {{_}} { {x} }", "{{}} {{ }} {{_}} { {x} }"),
        ("{{A\nB}}", "{{A\nB}}"),
    ],
)
def test_what_is_unknown_or_broken(text: str, expected: str) -> None:
    assert fill_placeholders(text, "a.csv#1") == expected


def test_made_up_addresses_are_reserved_ones() -> None:
    assert all("example." in value for name in ("URL", "EMAIL", "LIVE_CHAT") for value in VALUES[name])
    assert all(value.startswith("555-01") for value in VALUES["PHONE_NUMBER"])
    assert all(len(values) > 1 for values in VALUES.values())


@given(st.text(alphabet="{}AB_ \n"))
def test_filling_ends_and_leaves_no_placeholder_but_empty_ones(text: str) -> None:
    assert "{{A}}" not in fill_placeholders(text, "a.csv#1")
