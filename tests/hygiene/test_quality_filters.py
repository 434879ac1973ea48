"""Each filter stops what it is for, and none stops a good page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.quality_filters import FILTERS, FilterName, find_quality_fault

SLOVAK = (
    "Poistenie domácnosti kryje veci, ktoré má rodina v byte alebo v dome. Patrí k nim nábytok, "
    "bielizeň, knihy "
    "a spotrebiče; o múry, strechu a okná sa stará iná zmluva.\n"
    "Pri škode treba čo najskôr zavolať na linku poisťovne (0800 123 456) a nič nevyhadzovať, kým "
    "príde znalec. "
    "Fotografie pomôžu, účty tiež.\n"
    "Koľko poisťovňa zaplatí? Najviac poistnú sumu, zníženú o spoluúčasť 50 €. Kto sa poistil na "
    "polovicu, dostane "
    "aj pri malej škode iba polovicu – to býva najčastejšie prekvapenie."
)
ENGLISH = (
    "Household insurance covers what a family keeps in its flat or house: furniture, linen, books "
    "and appliances. "
    "Walls, roof and windows belong to another contract.\n"
    "After a loss, call the insurer's line as soon as you can and throw nothing away until the "
    "adjuster comes; "
    "photographs help, and so do receipts.\n"
    "How much will it pay? At most the sum insured, less a deductible of 50 euros. Don't insure for "
    "half: even a small "
    "loss is then paid only in half, which surprises most people."
)
CHINESE = (
    "家庭财产保险承保住宅内的家具、书籍和电器。发生损失后，请尽快拨打保险公司的电话，并保留现场照片和发票。"
    * 2
)
FRENCH = (
    "Que faire après un sinistre ? Il faut appeler l'assureur ; rien ne doit être jeté ! L'expert "
    "viendra : il "
    "regardera les dégâts, les factures et les photos « utiles ». Qui paie ? L'assureur, moins la franchise. "
    "C'est tout ; le reste dépend du contrat et de la somme assurée, qu'il vaut mieux relire chaque année !"
)
GOOD = {"Slovak": SLOVAK, "English": ENGLISH, "Chinese": CHINESE, "French": FRENCH}


@pytest.mark.parametrize("language", GOOD)
@pytest.mark.parametrize("name", [name for name in FILTERS if name not in {"lines", "braces"}])
def test_good_text_passes(language: str, name: FilterName) -> None:
    assert FILTERS[name](GOOD[language]) is None


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("length", "404\nStránka sa nenašla\nSúhlasím s použitím cookies", "too few words"),
        ("length", "slovo " * 49, "too few words"),
        ("length", "", "too few words"),
        ("words", "", "no words"),
        ("words", "--- ... !!!", "no words"),
        ("words", "a b c d e f " * 20, "words too short or too long"),
        ("words", "poistnomatematickejšieho " * 20, "words too short or too long"),
        ("words", "17.5 2024 300 words 88 12,50 " * 10, "too few words with letters"),
        ("symbols", "#tag #more #yes and some words", "too many hash signs or ellipses"),
        ("symbols", "read on... and on… or not", "too many hash signs or ellipses"),
        ("bullets", "• one\n• two\n- three\n* four", "mostly bullets"),
        ("bullets", "The first story begins...\nThe second one\nThe third goes on…", "many lines cut off"),
        ("lines", "Home of the insurer and its branches\n" * 9, "few lines end in punctuation"),
        ("lines", "Home.\nProducts.\nContact us.\nFind a branch.", "mostly short lines"),
        ("lines", "Poistenie-domácnosti-a-bytových-domov.\n" * 10, "a list"),
        ("repetition", "The same line.\nThe same line.\nAnother one.\n", "repeated lines"),
        ("repetition", "Buy now " * 30, "repeated words"),
        ("repetition", "one two three four " * 30 + "and then it goes on", "repeated words"),
        ("notices", "Súhlasím s použitím cookies\nStránka sa nenašla", "mostly notices"),
        ("notices", "Please enable JavaScript.\nPrivacy Policy | Terms of Use", "mostly notices"),
        ("filler", "Welcome. Lorem ipsum dolor sit amet.", "filler text"),
        ("braces", "if (x) { return; }", "curly brackets"),
        ("tokenised", "A well @-@ known house , of 1 @,@ 900 , they said . " * 2, "taken apart into tokens"),
        ("tokenised", "I do n't know , he said . We 're late , you see .", "taken apart into tokens"),
        ("damaged", "u\ufffditeľ a ža\ufffdka", "characters lost"),
    ],
)
def test_a_filter_stops_what_it_is_for(name: FilterName, text: str, reason: str) -> None:
    assert FILTERS[name](text) == reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("length", "slovo " * 50),
        ("length", "保险" * 25),
        ("notices", SLOVAK + "\nSúhlasím s použitím cookies"),
        ("notices", "How JavaScript came about is a long story. " * 5),
        ("tokenised", ENGLISH + " one , two , three , four ,"),
        ("repetition", ENGLISH + "\nSee also.\nSee also."),
        ("damaged", SLOVAK * 3 + "\ufffd"),
        ("bullets", ENGLISH + "\n• one\n• two"),
        ("symbols", ENGLISH + " # ..."),
    ],
)
def test_a_filter_lets_a_little_through(name: FilterName, text: str) -> None:
    assert FILTERS[name](text) is None


def test_the_first_filter_that_stops_a_text_gives_the_reason() -> None:
    text = "Lorem ipsum { }"
    assert find_quality_fault(text, ["braces", "filler"]) == "curly brackets"
    assert find_quality_fault(text, ["filler", "braces"]) == "filler text"
    assert find_quality_fault(text, []) is None
    assert find_quality_fault(text, FILTERS) == "too few words"


def test_an_unknown_filter_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"^'beauty'$"):
        find_quality_fault("x", ["beauty"])  # type: ignore[list-item]


def test_the_commonest_words_are_found_whatever_stands_around_them() -> None:
    # Every word is rare, the pair is not.
    text = " ".join(f"alfa beta slovo{number}" for number in range(60))
    assert FILTERS["repetition"](text) == "repeated words"


REASON = st.text("ab .,\n#…•{}\ufffd保1-", max_size=200)


@given(REASON | st.text(max_size=100))
def test_any_text_gets_a_constant_phrase_or_none(text: str) -> None:
    for quality_filter in FILTERS.values():
        reason = quality_filter(text)
        assert reason is None or (0 < len(reason) < 40 and reason.isascii())


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), min_size=1, max_size=40))
def test_runs_of_words_are_counted_exactly(found: list[str]) -> None:
    letters = sum(map(len, found))
    expected = False
    for size, most in ((2, 0.316), (3, 0.218), (4, 0.171)):
        runs = [tuple(found[start : start + size]) for start in range(len(found) - size + 1)]
        for run in set(runs):
            count = runs.count(run)
            expected = expected or (count > 1 and count * sum(map(len, run)) > most * letters)
    assert (FILTERS["repetition"](" ".join(found)) == "repeated words") == expected


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_says_of_half_a_megabyte_of_the_same_what_it_says_of_less(name: FilterName) -> None:
    for text in ("a" * 500_000, " . " * 150_000, "\n" * 500_000, "'' " * 150_000, "(" * 500_000):
        assert FILTERS[name](text) == FILTERS[name](text[:3000])
