"""Text that was read in a wrong code page is read in the right one; sound text of any language stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.code_pages import decode_code_page, find_code_page
from calibset.hygiene.text_repair import repair_text

SOUND = {
    "sk": (
        "Poistník oznámi poisťovni vznik škody písomne a bez zbytočného odkladu.",
        "Spoluúčasť je suma, ktorú pri každej škode znáša poistený sám.",
        "Ľudia na vidieku žijú dlhšie; deň čo deň chodia ďaleko.",
        "Jedáleň ponúka menu à la carte, crème brûlée aj „voilà“ od šéfkuchára Müllera.",
        "Plocha 25 m² a objem 3 m³ za ¾ ceny – teda 12 €.",
        "Nová suma je 100.",
    ),
    "cs": (
        "Pojišťovna poskytne pojistné plnění do patnácti dnů po skončení šetření.",
        "Žluťoučký kůň úpěl ďábelské ódy a nikdo mu nerozuměl.",
        "Smlouva se řídí zákonem; výpověď musí být písemná.",
        "Přišel pan Dvořák z Città di Castello, říkal „perché“ a „c’è“.",
    ),
    "pl": (
        "Umowa ubezpieczenia zawarta jest na piśmie, jeżeli strony nie postanowią inaczej.",
        "Składka płatna jest z góry, łącznie z należnością za wodę.",
        "Zażółć gęślą jaźń; świąteczne życzenia śle też pan Łoś.",
    ),
    "hu": (
        "A biztosítási szerződés megkötéséhez írásbeliség szükséges.",
        "A díj fizetése előre történik, a működés hűen követi a külön szabályt.",
        "Árvíztűrő tükörfúrógép, őszi eső; a gyűjtő fűt.",
    ),
    "de": (
        "Für die Größe der Prämie gilt: Der Versicherer übernimmt das Risiko gemäß § 3.",
        "»Müßig wäre es, darüber zu streiten«, sagte Frau Böhm über die Höhe.",
        "Die Straße führt über Köln nach Düsseldorf.",
    ),
    "fr": (
        "Le siège est à Genève, où l’été est très agréable et la forêt déjà brûlée.",
        "« Ça, c’est là-bas ! » dit-elle, naïve, près du château d’Évry.",
    ),
    "it": (
        "Perché la città è più bella; però il caffè costerà di più, così è.",
        "È già lì: l’università non c’è più.",
    ),
    "ca": ("L’acció és així: què vol dir això? Raïm, països i qüestió són paraules.",),
    "pt": ("A situação não é fácil: três corações, põe a mão e lê às três.",),
    "es": ("¿Qué pasó? El niño comió 1ª y 2º plato; ¡adiós, señor Güell!",),
    "et": ("Õhtul sõitis õpetaja külla, kõik lõid käsi ja sõid võileibu.",),
    "is": ("Það er ekki víst að þú getir lesið þetta; á kvöldin sér hún hús, æðar og öxl.",),
    "da": ("På øen går der får, æbler og små grønne ærter; så går vi også.",),
    "sv": ("Åke går över ån på väg till ängen, där får äter gräs.",),
    "tr": ("Çok güzel bir gün; şoför öğle yemeğini yağlı köfteyle yedi.",),
    "ro": ("Încălzește-te și învață să înțelegi țara și viața.",),
    "vi": ("Tôi là người Việt Nam, tôi sống ở Hà Nội và đi học.",),
    "sl": ("Zavarovalnica izplača škodo, če živina poškoduje člen.",),
}
NEIGHBOURS = ("sk", "cs", "pl", "hu")


def misread(text: str, written: str, read: str) -> str:
    """Return what a text in one code page is when it is read in another, as browsers do."""
    return "".join(
        character
        if character.isascii()
        else character.encode(written).decode(read, "ignore") or chr(character.encode(written)[0])
        for character in text
    )


def writable(language: str, written: str) -> str:
    text = " ".join(SOUND[language])
    return "".join(character for character in text if character.encode(written, "ignore"))


@pytest.mark.parametrize("language", NEIGHBOURS)
@pytest.mark.parametrize("written", ["cp1250", "iso8859-2"])
@pytest.mark.parametrize("read", ["latin-1", "cp1252"])
def test_text_read_as_western_comes_back(language: str, written: str, read: str) -> None:
    text = writable(language, written)
    damaged = misread(text, written, read)
    assert damaged != text
    assert decode_code_page(damaged) == text


@pytest.mark.parametrize(
    ("written", "read"),
    [("iso8859-2", "cp1250"), ("cp1250", "iso8859-2"), ("cp852", "cp1250"), ("cp852", "cp1252")],
)
@pytest.mark.parametrize("language", ["sk", "cs"])
def test_code_pages_of_the_same_letters_are_told_apart(language: str, written: str, read: str) -> None:
    text = writable(language, written)
    assert decode_code_page(misread(text, written, read)) == text
    assert find_code_page(misread(text, written, read)) == written


def test_the_repair_of_mojibake_reads_code_pages_before_controls_are_dropped() -> None:
    text = " ".join(SOUND["sk"][:3])
    assert repair_text(misread(text, "cp1250", "latin-1")) == (text, ("mojibake",))


@pytest.mark.parametrize(
    "text", ["gęślą Łoś.", "è ò ¾ ïïï", "Sk³adka p³atna", "à la carte, crème brûlée, voilà"]
)
def test_a_few_words_are_no_evidence(text: str) -> None:
    assert decode_code_page(text) == text


def test_measures_stay() -> None:
    text = writable("pl", "cp1250")
    assert decode_code_page(misread(text, "cp1250", "cp1252") + " 5 m³, 7 km² i 2 cm³").endswith(
        "5 m³, 7 km² i 2 cm³"
    )


sentences = st.sampled_from(sorted({sentence for texts in SOUND.values() for sentence in texts}))


@given(st.lists(sentences, min_size=1, max_size=8), st.sampled_from([" ", "\n", "\xa0", " – "]))
def test_sound_text_in_any_mixture_of_languages_stays(parts: list[str], joint: str) -> None:
    text = joint.join(parts)
    assert decode_code_page(text) == text


@given(st.sampled_from((*NEIGHBOURS, "de")), st.data())
def test_sound_words_of_the_neighbours_stay(language: str, data: st.DataObject) -> None:
    words = sorted(set(" ".join(SOUND[language]).split()))
    text = " ".join(data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=60)))
    assert decode_code_page(text) == text


@given(st.text())
def test_what_is_read_anew_stays(text: str) -> None:
    assert decode_code_page(decode_code_page(text)) == decode_code_page(text)
