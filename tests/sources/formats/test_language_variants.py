from __future__ import annotations

import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.formats.language_variants import has_variants, resolve_variants
from calibset.sources.formats.wikitext import strip_markup


@pytest.mark.parametrize(
    ("text", "language", "shown"),
    [
        ("a -{ISO 9001}- b", "sr", "a ISO 9001 b"),
        ("реч -{sr-ec:начин; sr-el:način}- реч", "sr", "реч начин реч"),
        ("reč -{sr-ec:начин; sr-el:način}- reč", "sr", "reč način reč"),
        ("-{zh-tw:乙;zh-cn:甲}-", "zh", "甲"),
        ("-{zh-tw:乙; zh-sg:丙;}-", "zh", "乙"),
        ("-{A|zh-cn:甲; zh-tw:乙}-丙", "zh", "甲丙"),
        ("-{H|zh-cn:甲; zh-tw:乙}-丙", "zh", "丙"),
        ("-{T|zh-cn:甲; zh-tw:乙}-丙", "zh", "丙"),
        ("-{-|zh-cn:甲; zh-tw:乙}-丙", "zh", "丙"),
        ("-{R|甲:乙}-", "zh", "甲:乙"),
        ("-{zh-hans;zh-hant|甲}-", "zh", "甲"),
        ("-{|甲}-", "zh", "甲"),
        ("-{H|甲=>zh-cn:乙}-丙-{甲=>zh-cn:乙;}-", "zh", "丙乙"),
        ("-{zh-cn:a -{b}- c;zh-tw:d}-", "zh", "a b c"),
        ("-{zh-cn:[[甲|乙]]&nbsp;丙;zh-tw:丁}-", "zh", "[[甲|乙]]&nbsp;丙"),
        ("-{zh-cn:{{a|b}};zh-tw:丁}-", "zh", "{{a|b}}"),
        ("{{a}}-{{b}}", "zh", "{{a}}-{{b}}"),
        ("H-{never closed", "zh", "H-{never closed"),
        ("}- never opened", "zh", "}- never opened"),
        ("-{https://example.org: a}-", "zh", "https://example.org: a"),
        ("-{}-", "zh", ""),
    ],
)
def test_a_choice_is_made_and_the_marks_go(text: str, language: str, shown: str) -> None:
    assert resolve_variants(text, language) == shown


def test_only_wikis_with_variants_have_the_marks() -> None:
    pytest.importorskip("mwparserfromhell")
    assert has_variants("zh-classical")
    assert not any(map(has_variants, ["sk", "cs", "en", "de", ""]))
    text = "1-{2-hydroxyethyl}-4 <nowiki>-{a}-</nowiki>"
    assert html.unescape(strip_markup(text, language="en")) == "1-{2-hydroxyethyl}-4 -{a}-"
    assert strip_markup(text, language="en") == strip_markup(text)
    assert html.unescape(strip_markup(text, language="sr")) == "12-hydroxyethyl4 -{a}-"


@given(st.text(alphabet="-{}|;:=>ahzA \n甲") | st.text())
def test_any_text_is_resolved(text: str) -> None:
    assert "-{a}-" not in resolve_variants(f"{text}\n", "zh").replace(text, "")


def test_many_marks_take_linear_time() -> None:
    assert resolve_variants("-{" * 20 + "a" + "}-" * 20, "zh") == "a"
    assert len(resolve_variants("-{" * 20_000 + "a" * 2**20 + "}-" * 20_000, "zh")) > 2**20
    assert len(resolve_variants("-{a;" * 20_000, "zh")) == 80_000
    assert len(resolve_variants("-{" + "a;zh:" * 20_000 + "}-", "zh")) > 0


@pytest.mark.parametrize("unit", [" ", "; ", "=>", "A;", "zh-a;", "-a", "zh:a;", "a=>zh:b;", ";=>", "zh=>"])
def test_long_choices_take_time_in_proportion(unit: str) -> None:
    start = time.process_time()
    assert isinstance(resolve_variants(f"-{{{unit * 100_000}}}-", "zh"), str)
    assert time.process_time() - start < 2
