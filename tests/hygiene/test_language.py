"""Languages are told apart, neighbours above all; what is too short to tell is let through."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.language import (
    LEAST_LETTERS,
    NO_LANGUAGE,
    Language,
    find_language_fault,
    identify_language,
    known_languages,
)

TEXTS = {
    "sk": "Poistník je povinný oznámiť poisťovni každú škodu bez zbytočného odkladu. Ak tak neurobí, môže "
    "poisťovňa plnenie znížiť podľa toho, nakoľko oneskorené oznámenie sťažilo vyšetrovanie. Lehota plynie "
    "odo dňa, keď sa poškodený o udalosti dozvedel, a končí sa najneskôr po troch rokoch.",
    "cs": "Pojistník je povinen oznámit pojišťovně každou škodu bez zbytečného odkladu. Pokud to "
    "neudělá, může "
    "pojišťovna plnění snížit podle toho, jak moc opožděné oznámení ztížilo šetření. Lhůta běží ode dne, kdy "
    "se poškozený o události dozvěděl, a končí nejpozději po třech letech.",
    "pl": "Ubezpieczający ma obowiązek niezwłocznie zgłosić każdą szkodę. Jeżeli tego nie zrobi, zakład może "
    "zmniejszyć odszkodowanie, o ile spóźnione zgłoszenie utrudniło ustalenie przyczyny. Termin "
    "biegnie od dnia, "
    "w którym poszkodowany dowiedział się o zdarzeniu.",
    "hu": "A szerződő köteles minden kárt haladéktalanul bejelenteni a biztosítónak. Ha ezt "
    "elmulasztja, a biztosító "
    "csökkentheti a szolgáltatást annyiban, amennyiben a késedelem megnehezítette a vizsgálatot. A "
    "határidő azon a "
    "napon kezdődik, amikor a károsult tudomást szerzett az eseményről.",
    "en": "The policyholder must report every loss to the insurer without undue delay. Otherwise the "
    "insurer may "
    "reduce its payment by as much as the late notice made the enquiry harder. The period runs from "
    "the day on "
    "which the injured party came to know of the event.",
    "de": "Der Versicherungsnehmer muss jeden Schaden unverzüglich anzeigen. Versäumt er das, darf "
    "der Versicherer "
    "seine Leistung kürzen, soweit die verspätete Anzeige die Untersuchung erschwert hat. Die Frist "
    "beginnt an dem "
    "Tag, an dem der Geschädigte von dem Ereignis erfahren hat.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_language_is_told(code: str) -> None:
    language = identify_language(TEXTS[code])
    assert language.code == code
    assert 0.9 < language.score <= 1


@pytest.mark.parametrize("code", TEXTS)
def test_capitals_and_open_letters_make_no_difference(code: str) -> None:
    assert identify_language(TEXTS[code].upper()).code == code
    assert identify_language(unicodedata.normalize("NFD", TEXTS[code])).code == code


@pytest.mark.parametrize("code", TEXTS)
def test_a_text_in_an_expected_language_has_no_fault(code: str) -> None:
    assert find_language_fault(TEXTS[code], [code]) is None
    assert find_language_fault(TEXTS[code], TEXTS.keys()) is None


@pytest.mark.parametrize("code", TEXTS)
def test_a_text_in_another_language_is_told(code: str) -> None:
    others = TEXTS.keys() - {code}
    assert find_language_fault(TEXTS[code], others) == f"in {code}, not in an expected language"


def test_a_short_text_is_let_through() -> None:
    czech = TEXTS["cs"].replace(" ", "")
    letters = "".join(letter for letter in czech if letter.isalpha())
    assert find_language_fault(letters[: LEAST_LETTERS - 1], ["sk"]) is None
    assert find_language_fault(TEXTS["cs"][:150], ["sk"]) is None
    assert find_language_fault("", ["sk"]) is None
    assert find_language_fault("12,5 % " * 500, ["sk"]) is None


def test_a_score_below_the_least_is_no_certainty() -> None:
    text = " ".join(
        f"{polish} {hungarian}" for polish, hungarian in zip(*map(halves, ("pl", "hu")), strict=True)
    )
    code, score = identify_language(text)
    assert score < 1
    assert find_language_fault(text, [code], least_score=score) is None
    assert find_language_fault(text, [code], least_score=score + 0.001) == "in no language for certain"
    assert find_language_fault(text, ["en"], least_score=score + 0.001) == "in no language for certain"


def halves(code: str) -> tuple[str, str]:
    middle = TEXTS[code].index(" ", len(TEXTS[code]) // 2)
    return TEXTS[code][:middle], TEXTS[code][middle + 1 :]


def test_expected_languages_count_together() -> None:
    text = f"{TEXTS['cs'][:180]} {TEXTS['sk'][:180]}"
    assert find_language_fault(text, ["cs", "sk"], least_score=0.99) is None


def test_what_is_no_language_is_told() -> None:
    letters = "qXv7Zk0PwLr+T9sBnM2/dHjF4xCgY6aVtK8eRmQoUiW1pSlN3bGhDzEyJ5cAfIuO" * 8
    assert identify_language(letters).code == NO_LANGUAGE
    assert find_language_fault(letters, ["sk"]) == "in no language"


def test_of_a_long_text_the_beginning_the_middle_and_the_end_are_looked_at() -> None:
    foreign = f"{TEXTS['en']} " * 100
    assert find_language_fault(TEXTS["sk"] + foreign, ["sk"]) == "in en, not in an expected language"
    assert identify_language(TEXTS["sk"] * 40).code == "sk"


def test_unknown_codes_are_named() -> None:
    with pytest.raises(ValueError, match=r"^unknown language codes: slk, xx$"):
        find_language_fault("x", ["xx", "sk", "slk"])


def test_the_codes_known() -> None:
    assert {*TEXTS, NO_LANGUAGE, "ru", "zh", "sl", "hr"} <= known_languages()


def test_a_score_has_three_decimals() -> None:
    language = identify_language(TEXTS["sk"][:60])
    assert isinstance(language, Language)
    assert type(language.score) is float
    assert language.score == round(language.score, 3)


@given(
    st.text(max_size=80) | st.text(st.characters(codec=None, max_codepoint=0xFFFF), max_size=40),
    st.integers(1, 30),
)
def test_any_text_gets_an_answer(text: str, times: int) -> None:
    code, score = identify_language(text * times)
    assert code in known_languages()
    assert 0 <= score <= 1
    assert find_language_fault(text * times, ["sk"]) == find_language_fault(text * times, ["sk"])
