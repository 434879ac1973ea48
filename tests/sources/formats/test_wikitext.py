from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.formats.wikitext import CANONICAL, TooDeeplyNestedError, strip_markup

SLOVAK = CANONICAL | {"súbor", "kategória"}


@pytest.mark.parametrize(
    ("wikitext", "plain"),
    [
        ("a{{b}}c", "ac"),
        ("a{{b|c={{d|[[e]]}}\n|f}}g", "ag"),
        ("a{{{1|b {{c}}}}} {{{2}}}", "ab  "),
        ("a<ref>b</ref>c<ref name=d/>e<ref name='f' />g", "aceg"),
        ("a<ref group=b>{{c|<!-- d -->}}</REF >e", "ae"),
        ("a<!-- b [[c -->d<!-- never closed {{e", "ad"),
        ("a<gallery>\nFile:b.jpg|c\n</gallery>d", "ad"),
        ("a<math>b_{c}<d</math>e", "ae"),
        ("a<br>b<br />c", "a\nb\nc"),
        ("<div class='a'><b>b</b> <span style=c>d</span></div>", "b d"),
        ("a</ref>b<ref>c", "abc"),
        ("a<nowiki>[[b]] ''c'' {{d}} <ref></nowiki>e", None),
        ("[[a]] [[b|c]] [[d|''e'' {{f}}]] [[g]]s [[#h]]", "a c e  gs #h"),
        ("[[:Category:A]] [[:File:B.jpg|b]]", "Category:A b"),
        ("a[[File:b.jpg|thumb|c [[d]] e]]f[[Category:G|h]]i[[Image : j]]", "afi"),
        ("[[SÚBOR:a|b]][[Kategória:c]]d[[Obrázok:e.JPG|f]]", "d"),
        ("a[[en:b]][[zh-min-nan:c]][[fr:d|e]]", "ae"),
        ("Windows [[Vista: Beta]] [[a|]]", "Windows Vista: Beta a"),
        ("[http://a.org b c] [http://d.org] http://e.org [//f.org g]", "b c  http://e.org g"),
        ("''a'' '''b''' '''''c''''' d'e l''''f' ''''''g", "a b c d'e l'f' 'g"),
        ("== A ==\nb\n=== ''C'' ===  \nd = e = f", "\nb\n\nd = e = f"),
        ("* a\n** b\n# c\n: d\n; e : f\n*#:g\n----\nh", "a\nb\nc\nd\ne : f\ng\n\nh"),
        ('a\n{| class="b"\n|+ c\n! d !! e\n|-\n| f || {{g}}\n{|\n| h\n|}\n|}\ni', "a\n\ni"),
        (":{|\n| a\n|}b", "b"),
        ("a\n{| never closed\n|-\n| b\nc", "a\n\n\n\nc"),
        ("a [[b {{c }} d]] ]] e", "a b  d  e"),
        ("a {{b [[c]] d", "a b c d"),
        ("5 < 6 &amp;&nbsp;&lt; a<b", "5 &lt; 6 &amp;&nbsp;&lt; a&lt;b"),
        ("", ""),
    ],
)
def test_markup_becomes_what_a_reader_sees(wikitext: str, plain: str | None) -> None:
    if plain is None:
        plain = "a&#91;&#91;b&#93;&#93; &#39;&#39;c&#39;&#39; &#123;&#123;d&#125;&#125; &#60;ref>e"
    assert strip_markup(wikitext, hidden=SLOVAK) == plain


def test_only_the_wikis_own_prefixes_are_hidden() -> None:
    assert strip_markup("[[Súbor:a|b]]") == "b"
    assert strip_markup("[[Súbor:a|b]]", hidden=SLOVAK) == ""


@pytest.mark.parametrize(
    "opening", ["{{", "[[", "{|\n", "{{a|", "[[a|", "{{{", "{{a|b=", "[[a|{{b|", "[", "{"]
)
@pytest.mark.slow
def test_brackets_that_never_close_are_refused_at_once(opening: str) -> None:
    with pytest.raises(TooDeeplyNestedError):
        strip_markup(opening * 100_000)


@pytest.mark.parametrize(("opening", "closing"), [("{{a|", "}}"), ("[[a|b", "]]"), ("{|\n|\n", "\n|}\n")])
def test_fifty_levels_are_read_and_fifty_one_refused(opening: str, closing: str) -> None:
    shown = "b" * 50 if opening == "[[a|b" else ""
    assert strip_markup(opening * 50 + closing * 50).strip() == shown
    with pytest.raises(TooDeeplyNestedError):
        strip_markup(opening * 51 + closing * 51)


@pytest.mark.parametrize(
    "markup",
    [
        "<b>", "</b>", "<b", '<a b="', "<ref>", '<ref name="', "</ref ", "<ref>a</ref>", "<math>", "<nowiki>",
        "<!--", "<!-- -->", "<table>", "'", "''a'''b", "=", "==a==\n", "*", "\n:::", "]]", "}}", "|}\n",
        "\n|", "\t{|", " ", "__", "-{", "&", "&#",
    ],
)  # fmt: skip
@pytest.mark.slow
def test_other_markup_in_large_numbers_is_read_like_that_in_small_ones(markup: str) -> None:
    few, many = (len(strip_markup(markup * times)) for times in (200, 20_000))
    assert 100 * few <= many <= 100 * few + 1_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "markup", ["[http://a ", "[//", "{{a|b}}", "{|\n! a !! b\n|}\n", "&amp;", "http://a "]
)
def test_more_markup_than_any_page_has_is_refused(markup: str) -> None:
    assert strip_markup(markup * 100) is not None
    with pytest.raises(TooDeeplyNestedError):
        strip_markup(markup * 400_000)


@pytest.mark.slow
def test_a_few_brackets_left_open_do_no_harm_in_a_long_page() -> None:
    text = strip_markup("[[a {{b\n" + "c [[d|e]] {{f}} g.\n" * 2_000)
    assert text.count("c e  g.") == 2_000
    assert "[[" not in text


@given(
    st.lists(
        st.sampled_from(
            [
                "{{", "}}", "{{{", "}}}", "[[", "]]", "[http://a.sk ", "]", "{|", "|}", "|-", "|", "\n", " ",
                "a", "<ref>", "</ref>", "<b", ">", "<!--", "-->", "''", "=", "*", ":", "&amp;", "File:", "b",
            ]
        )
    ).map("".join)
)  # fmt: skip
def test_no_markup_makes_it_fail_and_no_tag_is_left(wikitext: str) -> None:
    try:
        text = strip_markup(wikitext)
    except TooDeeplyNestedError:
        return
    assert "<" not in text


@given(st.text(st.characters(blacklist_characters="[]{}<>|'=*#:;&!_-/\r\n\0", blacklist_categories=["Cs"])))
def test_text_without_markup_stays_as_it_is(text: str) -> None:
    assert strip_markup(text) == text


def test_a_heading_of_a_thousand_signs_is_refused() -> None:
    assert strip_markup("=a" * 1_000) == "a"
    with pytest.raises(TooDeeplyNestedError):
        strip_markup("=a" * 1_001)
