from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.combining_marks import has_vowel_signs, limit_marks, vowel_signs


@given(st.text())
def test_texts_of_few_marks_stay(text: str) -> None:
    safe = limit_marks(text)
    if "M" not in {unicodedata.category(character)[0] for character in text}:
        assert safe == text
    assert limit_marks(safe) == safe


def test_no_letter_has_more_than_thirty() -> None:
    assert limit_marks("a" + "\u0301" * 31 + "b") == "a" + "\u0301" * 30 + "b"
    assert limit_marks("a" + "\u0301" * 30 + "b") == "a" + "\u0301" * 30 + "b"
    assert limit_marks(("a" + "\u0301" * 20) * 3) == ("a" + "\u0301" * 20) * 3


def test_signs_that_are_no_marks_stay() -> None:
    assert limit_marks("–" * 100) == "–" * 100


def test_vowel_signs_are_marks_of_scripts_that_may_have_them() -> None:
    assert "\u093f" in vowel_signs()
    assert "\u0301" not in vowel_signs()
    assert {unicodedata.category(sign) for sign in vowel_signs()} == {"Mn", "Mc"}
    assert all(has_vowel_signs(sign) for sign in vowel_signs())
    assert not has_vowel_signs("Poistné, договор, ασφάλεια, 保险")
