from __future__ import annotations

from dataclasses import replace

import pytest

from calibset.sources.formats.encoding_guess import guess_encoding, suggest_encoding
from tests.storage.packed import file


def test_a_guess_is_the_encoding_or_nothing() -> None:
    assert guess_encoding("Poistník oznámi poisťovni vznik škody. ".encode("cp1250") * 5) == "cp1250"
    assert guess_encoding("Страховщик возмещает ущерб. ".encode("koi8-r") * 5) == "koi8-r"
    assert guess_encoding(bytes(range(256)) * 4) is None


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2", "cp852", "utf-16"])
def test_the_encodings_of_slovak_are_told_apart(encoding: str) -> None:
    text = "Ľudia žijú v meste, ktoré leží pri rieke; škoda, že často mení šírku.\n" * 5
    assert guess_encoding(text.encode(encoding)) == encoding


def test_a_message_names_the_encoding_that_a_file_seems_to_have() -> None:
    slovak = "Poistník oznámi poisťovni vznik škody bez zbytočného odkladu. Ľudia žijú.\n" * 3
    assert suggest_encoding(file(slovak.encode())) == ""
    assert suggest_encoding(file(slovak.encode("cp1250"))) == "a.txt is perhaps cp1250"
    assert suggest_encoding(replace(file(slovak.encode("cp1250")), encoding="cp1250")) == ""
    assert suggest_encoding(file(bytes(range(256)) * 4)) == "the encoding of a.txt is unknown"


def test_a_file_is_judged_by_whole_lines_of_its_beginning() -> None:
    line = "Ľudia žijú pri rieke, ktorá tečie na juh.\n".encode()
    assert suggest_encoding(file(line * (2**17 // len(line)))) == ""
    assert (
        suggest_encoding(file("je škoda, že ľudia žijú čo ďalej".encode("cp1250")))
        == "a.txt is perhaps cp1250"
    )
