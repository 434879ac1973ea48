from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Document, Filtered, Rejection
from calibset.core.errors import RecipeError
from calibset.recipe.loader import parse_recipe
from calibset.sources.formats.column_names import Columns, TurnColumns, list_outer_columns
from calibset.sources.formats.columns import find_value, make_record

TURNS = TurnColumns(user=("q",), assistant=("a",), system=("s",), context=("c",))


def make(row: Any, columns: tuple[str, ...] | TurnColumns = ("title", "text")) -> Any:
    return make_record(row, columns, "f#0", "f:1")


def said(record: Any) -> list[tuple[str, str]]:
    assert isinstance(record, Conversation), record
    return [(message.role, message.content) for message in record.messages]


def columns_of(toml: str) -> Columns:
    source = f'group = "g"\ntype = "jsonl"\nwhere = "w"\ncolumns = {toml}'
    recipe = parse_recipe(f'name = "n"\ngroups = {{ g = 1.0 }}\n[sources.s]\n{source}')
    columns: Columns = recipe.sources["s"].columns  # type: ignore[attr-defined]
    return columns


def test_an_absent_key_is_null() -> None:
    expected = Document(id="f#0", text="Rain.")
    assert make({"title": None, "text": "Rain."}) == expected
    absent = make({"text": "Rain."})
    assert (absent.text, absent.absent_columns) == ("Rain.", ("title",))


def test_a_row_without_any_of_the_columns_is_rejected() -> None:
    assert make({"body": "x", "n": 1}) == Rejection(
        position="f:1", reason="no column 'title' or 'text'", excerpt="body, n"
    )


def test_a_row_of_other_columns_may_hold_questions_and_answers() -> None:
    assert make({"Question": "x", "Answer": "y"}, ("text",)).reason == (
        "no column 'text' but 'Question' and 'Answer', which type = \"alpaca\" reads"
    )


@pytest.mark.parametrize("row", [{"title": None, "text": " \n"}, {"text": ""}, {"title": ""}])
def test_a_row_without_words_is_filtered(row: dict[str, Any]) -> None:
    assert make(row) == Filtered(position="f:1", reason="empty text")


def test_a_table_of_columns_makes_a_conversation() -> None:
    row = {"q": " Is hail covered? ", "a": "Yes.\n", "s": "You help.", "c": "§ 3: hail", "year": 2024}
    record = make(row, TURNS)
    assert said(record) == [
        ("system", "You help."), ("user", "§ 3: hail\n\nIs hail covered?"), ("assistant", "Yes."),
    ]  # fmt: skip
    assert (record.id, record.metadata) == ("f#0", {"year": "2024"})


def test_blank_and_absent_optional_columns_are_left_out() -> None:
    record = make({"q": "Is hail covered?", "a": "Yes.", "s": " "}, TURNS)
    assert said(record) == [("user", "Is hail covered?"), ("assistant", "Yes.")]
    assert record.absent_columns == ("c",)


def test_a_question_without_an_answer_is_rejected_and_a_row_without_either_filtered() -> None:
    assert make({"q": "Is hail covered?", "a": None}, TURNS) == Rejection(
        position="f:1", reason="empty assistant turn", excerpt="Is hail covered?"
    )
    assert make({"a": "Yes."}, TURNS).reason == "empty user turn"
    assert make({"q": "", "a": " "}, TURNS) == Filtered(position="f:1", reason="empty text")
    assert make({"text": "x"}, TURNS).reason == "no column 's' or 'c' or 'q' or 'a'"
    assert make({"q": ["x"], "a": "y"}, TURNS).reason == "column 'q' is no text"


def test_what_an_answer_thinks_is_its_reasoning() -> None:
    record = make({"q": "Is hail covered?", "a": "<think>\nSee § 3.\n</think>\n\nYes."}, TURNS)
    assert (record.messages[-1].reasoning, record.messages[-1].content) == ("See § 3.", "Yes.")


def test_several_columns_make_one_turn() -> None:
    columns = TurnColumns.model_validate({"user": ["q", "c"], "assistant": "a"})
    assert said(make({"q": "Sum up:", "c": "Hail.", "a": "Hail."}, columns))[0] == (
        "user",
        "Sum up:\n\nHail.",
    )


def test_a_dotted_path_leads_into_objects_and_lists() -> None:
    row = {"translation": {"sk": "Škoda", "en": "Damage"}, "answers": {"text": ["Yes", "No"]}}
    assert make(row, ("translation.sk", "answers.text.1")).text == "Škoda\n\nNo"
    assert make({"translation": None}, ("translation.sk",)) == Filtered(position="f:1", reason="empty text")
    assert make({"translation": {"en": "x"}}, ("translation.sk",)).reason == "no column 'translation.sk'"
    assert make({"translation": "x"}, ("translation.sk",)).reason == "no column 'translation.sk'"
    assert make({"a": ["x"]}, ("a.1",)).reason == "no column 'a.1'"


def test_a_key_spelled_like_a_path_comes_first() -> None:
    assert find_value({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert find_value({"a.b": {"c": 1}, "a": {"b.c": 2}}, "a.b.c") == 1
    assert find_value({"a": {"b.c": 2}}, "a.b.c") == 2


PATHS = st.text(alphabet="ab.0", min_size=1, max_size=6)


@given(
    st.recursive(
        st.none() | st.text(max_size=2),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PATHS, inner, max_size=3),
    ),
    PATHS,
)
def test_no_row_and_path_make_it_fail(row: Any, path: str) -> None:
    assert isinstance(make(row, (path,)), Document | Filtered | Rejection)


def test_a_recipe_names_columns_in_a_list_or_a_table() -> None:
    assert columns_of('"text"') == ("text",)
    assert columns_of('{ user = "q", assistant = ["a", "b"] }') == TurnColumns(
        user=("q",), assistant=("a", "b")
    )


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ('["a", "a"]', "columns: must be different columns, got ['a', 'a']"),
        (
            '{ user = "a", assistant = "a" }',
            "columns: must be different columns, got {'user': 'a', 'assistant': 'a'}",
        ),
        ("[]", "columns: must be at least 1 long, got []"),
        ("3", "columns: must be a text or a list of texts, got 3"),
        ('{ user = "a" }', "columns.assistant: is missing"),
        (
            '{ user = "a", asistant = "b", assistant = "b" }',
            "columns.asistant: unknown key; did you mean assistant?",
        ),
    ],
)  # fmt: skip
def test_faulty_columns_are_named(toml: str, fault: str) -> None:
    with pytest.raises(RecipeError) as caught:
        columns_of(toml)
    assert str(caught.value) == f"recipe: sources.s.{fault}"


def test_every_object_on_a_path_may_be_a_column() -> None:
    assert list_outer_columns(("a.b.c", "a")) == ("a", "a.b", "a.b.c")
