from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.tokenizers.chat_templates.alignment import align_texts
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.completeness import placeholder

VALUES = {"turn0calibset": " Hi\n", "turn1calibset": 'say "ho"\n'}


def found(copy: str, text: str, values: dict[str, str]) -> list[str]:
    return [text[one.start : one.end] for one in align_texts(copy, text, values)]


@pytest.mark.parametrize(
    ("copy", "text", "texts"),
    [
        ("<u>turn0calibset<e><a>turn1calibset<e>", '<u> Hi\n<e><a>say "ho"\n<e>', [" Hi\n", 'say "ho"\n']),
        ("<u>turn0calibset<e><a>turn1calibset<e>", '<u>Hi<e><a>say "ho"<e>', ["Hi", 'say "ho"']),
        ("turn1calibset", r"say \"ho\"\n", [r"say \"ho\"\n"]),
        ("<a>turn1calibset", r"<a>say  'ho'", [r"say  'ho'"]),
        # Arguments of calls and declarations of tools are others in the copy.
        ("turn0calibset<call>tool0calibset<e><a>turn1calibset", '\n Hi\n<call>f<e><a>say "ho"\n'[1:], None),
        ("turn0calibset", " Hi\nturn0calibset", [" Hi\n"]),
    ],
)
def test_texts_are_found_as_templates_write_them(copy: str, text: str, texts: list[str] | None) -> None:
    assert found(copy, text, VALUES) == (texts or list(VALUES.values()))


def test_a_text_is_not_taken_for_a_later_one_that_begins_alike() -> None:
    copy = '<call>tool0calibset<r>"turn0calibset"<e><call>tool0calibset<r>"turn1calibset"<e>'
    text = copy.replace("tool0calibset", "f")
    values = {"turn0calibset": "\\n\n", "turn1calibset": "\nx"}
    for name, value in values.items():
        text = text.replace(name, json.dumps(value)[1:-1])
    assert found(copy, text, values) == [r"\\n\n", r"\nx"]


@pytest.mark.parametrize("text", ["<u>H<e>", "<u><e>", "<u>Hi, <e>", "<u>HI<e>", "Hi"])
def test_a_text_that_is_cut_or_changed_is_refused(text: str) -> None:
    with pytest.raises(RenderError) as caught:
        align_texts("<u>turn0calibset<e>", text, {"turn0calibset": "Hi"})
    assert str(caught.value) == "the chat template changes a text: Hi"


PIECES = st.lists(st.text(st.sampled_from("ab \n<|>{}\"'"), min_size=1, max_size=6), min_size=1, max_size=5)


@given(contents=PIECES, is_json=st.booleans())
def test_every_text_is_found_where_it_was_put(contents: list[str], is_json: bool) -> None:
    shown = [json.dumps(text)[1:-1] if is_json else text for text in contents]
    copy = "".join(f"<|role|>{placeholder(n)}<|end|>" for n in range(len(contents)))
    text = "".join(f"<|role|>{content}<|end|>" for content in shown)
    values = {placeholder(n): content for n, content in enumerate(contents)}
    assert found(copy, text, values) == shown
