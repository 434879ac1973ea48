"""Damaged characters are mended; nothing else is touched."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.text_repair import REPAIRS, RepairName, repair_text

RIGHT = {
    "Slovak": "Ľúbezný kôň z Ďumbiera zdĺhavo hrýzol „šťavnatú“ mrkvu – až do večera… Čo ďalej? ŇUCHAL!",
    "Czech": "Příliš žluťoučký kůň úpěl ďábelské ódy; 5 % z 1 000 Kč je 50 Kč. „Ó, náš účel!“",
    "Polish": "Zażółć gęślą jaźń. „Łódź” leży 100 km od Warszawy – naprawdę…",
    "Hungarian": "Árvíztűrő tükörfúrógép; ŐŰÁÉÚÓÜÖÍ – „idézet”, így van.",
    "German": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. »Ähnlich wie ‚Ö‘«",
    "French": "« Où est passé le cœur ? » Ça, c’est l’été à Évry ; 25 °C.",
    "Portuguese": "A SITUAÇÃO É ESTA: não há pão às três. CORAÇÃO – IRMÃ, ÓRGÃO.",
    "Turkish": "Pijamalı hasta yağız şoföre çabucak güvendi. İĞNE ŞIŞTI.",
    "Vietnamese": "Tôi là người Việt Nam, tôi sống ở Hà Nội. ĐẤT NƯỚC ĐẸP.",
    "Greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Άλλο «ένα» ΟΧΙ.",
    "Russian": "Съешь ещё этих мягких французских булок, да выпей чаю. «Ёлка» – РСФСР, ГОСТ № 5.",
    "Ukrainian": "Щастям б’єш жук їх глицю в фон й ґедзь пріч. «Є»",
    "Chinese": "今天天气很好，我们去公园散步吧。“好的！”他说……",
    "Japanese": "いろはにほへと　ちりぬるを。「カタカナ」ー100％",
    "Korean": "다람쥐 헌 쳇바퀴에 타고파. “안녕하세요”",
    "Thai": "เป็นมนุษย์\u200bสุดประเสริฐ\u200bเลิศคุณค่า",
    "Persian": "می\u200cخواهم کتاب\u200cها را بخوانم؛ «سلام».",
    "Hebrew": "שלום עולם \u200f(2024)\u200f כן",
    "Hindi": "क्\u200dष और क्\u200cष अलग दिखते हैं।",
    "emoji": "A family 👨\u200d👩\u200d👧 with a ❤️\u200d🔥, 🏳️\u200d🌈 and 👩🏽\u200d💻.",
    "code": "def f(x: str) -> str:\n\treturn '\\u00e9' + x  # § – “quoted” → ≤\n",
    "HTML": "<p>R&amp;D &eacute; &#233; &nbsp; “a” 'b'</p>\n",
    "symbols": "ﬁ ﬂ ½ ² ™ © ® ° № ℃ Ａ １ ‘x’ “y” ·•● → ✓",
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_text_stays(name: str) -> None:
    assert repair_text(RIGHT[name]) == (RIGHT[name], ())


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "iso8859-2"])
@pytest.mark.parametrize("name", ["Slovak", "Czech", "German"])
def test_utf_8_read_as_something_else_comes_back(name: str, encoding: str) -> None:
    text = "".join(
        letter
        for letter in RIGHT[name]
        if letter.encode().decode(encoding, "ignore").encode(encoding) == letter.encode()
    )
    damaged = text.encode().decode(encoding)
    assert damaged != text
    assert repair_text(damaged, ["mojibake"]) == (text, ("mojibake",))


def test_damaged_twice_comes_back() -> None:
    twice = "Žilina a poistenie".encode().decode("cp1252").encode().decode("cp1252")
    assert repair_text(twice)[0] == "Žilina a poistenie"


def test_what_is_left_of_utf_8_is_not_read_in_another_code_page() -> None:
    # A byte that another program lost keeps its line from being read as UTF-8.
    text = "DÃ´leÅ¾itÃ© informÃ¡cie: aktuÃ¡lne Å\ufffdÅ\ufffd informÃ¡cie nÃ¡jdete v tÃ©me centra sprÃ¡v." * 2
    repaired, _ = repair_text(text, ["mojibake"])
    assert not set(repaired) & set("ĹŠĽÄ")


def test_only_the_damaged_lines_change() -> None:
    text = "SITUAÇÃO É ESTA\nPoistenÃ¡ suma\n„náš“ – náš"
    assert repair_text(text) == ("SITUAÇÃO É ESTA\nPoistená suma\n„náš“ – náš", ("mojibake",))


def test_a_byte_that_was_lost_stays_lost() -> None:
    # UTF-8 for č ends in 8D, which Windows-1252 does not have.
    assert repair_text("uÄ\ufffditelia vÅ¡ade")[0] == "u\ufffditelia všade"


def test_c1_controls_are_windows_1252() -> None:
    text = "\x84Slovensko\x93 \x96 teda\x85 za 5 \x80"
    assert repair_text(text) == ("„Slovensko“ – teda… za 5 €", ("controls",))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("a\x00b\x1f\x7f\x81\x9d", "ab"),
        ("theft\x1eby deception", "theft by deception"),
        ("one\r\ntwo\rthree\x0cfour\x0bfive", "one\ntwo\nthree\nfour\nfive"),
        ("\ufdd0a\uffff", "a"),
    ],
)
def test_controls_go(text: str, right: str) -> None:
    assert repair_text(text) == (right, ("controls",))


def test_bullets_of_word_become_public() -> None:
    assert repair_text("\uf0b7 one \uf0a7 two \uf0fc three\ue123\U000f0001") == (
        "• one ▪ two ✓ three",
        ("private use",),
    )


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("\ufeffúvod\ufeff", "úvod"),
        ("pois\u00adte\u00adnie", "poistenie"),
        ("dvoj\u200bslovo\u2060", "dvojslovo"),
        ("a\u200db\u200cc\u200d", "abc"),
        ("Office\u200e \u202aleft\u202c", "Office left"),
        ("\u200bสวัสดี", "\u200bสวัสดี"),
    ],
)
def test_what_nobody_sees_goes(text: str, right: str) -> None:
    assert repair_text(text)[0] == right


def test_letters_are_composed() -> None:
    parts = unicodedata.normalize("NFD", RIGHT["Slovak"])
    assert repair_text(parts) == (RIGHT["Slovak"], ("NFC",))


def test_only_the_repairs_asked_for_are_made() -> None:
    text = "e\u0301\u00ad\x96\uf0b7"
    assert repair_text(text, ["invisible"]) == ("e\u0301\x96\uf0b7", ("invisible",))
    assert repair_text(text, []) == (text, ())


def test_the_names_come_in_order() -> None:
    text = "e\u0301\u00ad\uf0b7\x96 ZmluvnÃ©"
    assert repair_text(text, ["NFC", "controls", "mojibake", "invisible", "private use"])[1] == tuple(REPAIRS)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"^'spelling'$"):
        repair_text("x", ["NFC", "spelling"])  # type: ignore[list-item]


def test_surrogates_that_are_a_pair_are_one_character() -> None:
    assert repair_text("\ud83d\ude00 \ud83d", []) == ("😀 \ufffd", ())


TROUBLE = st.sampled_from(
    "aéšÃÂÅÄâ€Ł ©¡¼\u00a0\u00ad\u0301\u030c"
    "\x80\x85\x96\x9d\r\n\t\x0c\x00\u200b\u200c\u200d\u200e\u2060\ufeff\uf0b7\ue000\ufffd"
    "ðŸ˜€РїС€خก😀\ud83d\ude00\uffff\u1100\u1161\u0344\U0001d160"
)


@given(st.text(TROUBLE | st.characters(), max_size=60), st.sets(st.sampled_from(list(REPAIRS))))
def test_a_repaired_text_stays_as_it_is(text: str, names: set[RepairName]) -> None:
    mended, changed = repair_text(text, names)
    assert repair_text(mended, names) == (mended, ())
    assert set(changed) <= names
    mended.encode("utf-8")
    assert len(mended) <= 4 * len(text)


@given(st.text(TROUBLE, max_size=60))
def test_nothing_bad_is_left(text: str) -> None:
    mended, _ = repair_text(text)
    assert unicodedata.is_normalized("NFC", mended)
    assert not [c for c in mended if unicodedata.category(c) in {"Cc", "Co", "Cs"} and c not in "\n\t"]
    assert not set(mended) & set("\u00ad\u2060\ufeff")


@given(st.text(st.characters(max_codepoint=127, exclude_categories=["Cc"]) | st.sampled_from("\n\t")))
def test_ascii_is_left_alone(text: str) -> None:
    assert repair_text(text) == (text, ())
