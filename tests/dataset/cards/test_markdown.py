from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.dataset.cards.markdown import escaped, fenced, flat, link, location_link
from calibset.dataset.cards.templating import environment
from tests.dataset.cards.rendered import kinds, links, shown, table_rows

TRICKS = st.text(alphabet="ab|\\`*_[]()<>&!#-=+~$\"'\n\r\t :/.1@{}\u202e\u0085\x00") | st.sampled_from(
    [
        "---", "a\n---\nlicense: mit", "<script>x</script>", "<!-- ", "| a | b |", "[x](javascript:y)",
        "![x](https://example.org/y.png)", "```", "# x", "1. x", "- x", "> x", "&lt;b&gt;", "\\|",
        "&#60;b&#62;", "<https://example.org>", "x\u2028y", "$$x$$", "[x]: https://example.org",
        "===", "\ud800",
    ]
)  # fmt: skip
PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(TRICKS)
def test_an_escaped_text_is_shown_as_it_is(text: str) -> None:
    found = escaped(text)
    assert "\n" not in found
    assert kinds(found) <= PLAIN
    assert shown(found) == flat(text)


@given(st.lists(st.tuples(TRICKS, TRICKS), max_size=4))
def test_a_table_keeps_its_cells(rows: list[tuple[str, str]]) -> None:
    lines = "{% for a, b in rows %}| {{ a }} | {{ b }} |\n{% endfor %}"
    drawn = environment().from_string(f"| a | b |\n| --- | ---: |\n{lines}").render(rows=rows)
    assert table_rows(drawn) == [["a", "b"], *([flat(cell) for cell in row] for row in rows)]
    assert not kinds(drawn) & {"html_inline", "html_block", "link_open", "image", "code_inline"}


@given(TRICKS)
def test_a_link_leads_to_its_address(text: str) -> None:
    found = link(text, f"https://example.org/{text}")
    assert len(links(found)) == 1
    assert links(found)[0].startswith("https://example.org/")
    assert kinds(found) <= PLAIN | {"link_open", "link_close"}


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://example.org", "", "HTTPS://example.org"])
def test_other_addresses_are_no_links(url: str) -> None:
    assert link("text", url) == "text"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("hf://datasets/a/b", "[a/b](https://huggingface.co/datasets/a/b/tree/main)"),
        ("https://example.org/x y", "[https&#58;//example.org/x y](https://example.org/x%20y)"),
        ("folder/x|y", "folder/x\\|y"),
        ("ftp://example.org", "ftp&#58;//example.org"),
        ("", ""),
    ],
)
def test_a_location_is_linked_where_it_is_on_the_web(location: str, expected: str) -> None:
    assert location_link(location, "main") == expected


def test_a_revision_that_is_none_is_not_linked() -> None:
    assert location_link("hf://datasets/a/b", "x) <b>") == "[a/b](https://huggingface.co/datasets/a/b)"


@given(st.text(alphabet="`a\n", max_size=30))
def test_a_block_of_code_is_not_closed_by_what_stands_in_it(code: str) -> None:
    drawn = fenced(code, "console") + "\n\nafter"
    assert [kind for kind in ("fence", "code_inline") if kind in kinds(drawn)] == ["fence"]
    assert drawn.endswith("\n\nafter")


def test_long_texts_are_cut() -> None:
    assert flat("a " * 1000)[-1] == "…"
    assert len(flat("a " * 1000)) == 500
