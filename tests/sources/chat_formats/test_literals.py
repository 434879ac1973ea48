from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.text import dump_json
from calibset.sources.chat_formats.literals import parse_value, read_value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': True, 'b': None}", {"a": True, "b": None}),
        ('{"a": true, "b": null,}', {"a": True, "b": None}),
        ("(1, 2)", [1, 2]),
        ("(1,)", [1]),
        ("(1)", 1),
        ("()", []),
        ("-93.265", -93.265),
        ("24.", 24.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("{1: 'x', True: 'y'}", {"1": "x", "true": "y"}),
        (r"{\n'a':\n1\n}\n", {"a": 1}),
        (r"'it\'s'", "it's"),
        (r'"\ud83d\ude00 \x41 \d"', "\U0001f600 A \\d"),
        ("'two\nlines'", "two\nlines"),
    ],
)
def test_reads_json_and_python_literals(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2",
        "{'a'}",
        "{1, 2}",
        "{[1]: 2}",
        "'open",
        "007",
        "2022-05-20",
        "1 2",
        "NaN",
        "1e999",
        "__import__('os')",
        "nothing",
        "[" * 5000,
        "9" * 5000,
    ],
)
def test_what_is_no_value_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_value(text)


def test_a_value_is_read_out_of_a_longer_text() -> None:
    assert read_value("f(x='a, b)', y=2)", 4) == ("a, b)", 11)


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        dump_json([float("nan")])


def test_endless_nesting_is_refused() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        dump_json(value)


@given(VALUES)
def test_every_json_value_is_read_back(value: object) -> None:
    assert parse_value(json.dumps(value)) == value


@given(VALUES)
def test_every_python_literal_is_read_back(value: object) -> None:
    assert parse_value(repr(value)) == value


@given(st.text(alphabet="{}[]()'\",:\\ntruefalsn0123.-eE "))
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    try:
        parse_value(text)
    except ValueError:
        return


@pytest.mark.parametrize("escape", [r"\U00110000", r"\U80000000", r"\UFFFFFFFF"])
def test_an_escape_of_no_character_is_a_fault(escape: str) -> None:
    with pytest.raises(ValueError, match=r"^no such character$"):
        parse_value("{'x': '" + escape + "'}")


@given(st.integers(0, 0xD7FF) | st.integers(0xE000, 0x10FFFF))
def test_any_escape_of_a_character_is_that_character(number: int) -> None:
    assert parse_value(f"'\\U{number:08x}'") == chr(number)


@pytest.mark.slow
def test_a_literal_that_is_no_json_ends_somewhere() -> None:
    assert parse_value("['a', " + "1," * 100_000 + "]") == ["a"] + [1] * 100_000
    with pytest.raises(ValueError, match="too long"):
        parse_value("['a', " + "1," * 750_000 + "]")
    long = "a" * 2_000_000
    assert parse_value(f"['{long}']") == [long]
