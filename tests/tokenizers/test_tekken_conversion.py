from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import OutputError, TokenizerError
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.tekken_conversion import tekken_json, write_fast_tokenizer

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

NASTY = [
    "",
    " ",
    "\n",
    "Poistná zmluva č. 12/2024 — škoda SPÔSOBENÁ živlom, 1 234,50 €.",
    "保险合同是投保人与保险人约定保险权利义务关系的协议。２０２４年",
    "👩‍👩‍👧‍👦🏳️‍🌈🇸🇰 𠜎𠜱𠝹\U0010fffd",
    "e\u0301c\u030cZ\u0351\u036b\u0343\u032a",
    "a\u200b\u200d\ufeff\u2060b\u00a0c\u3000d\u2028e\x85f\x1cg",
    "\t\t  \r\n\r\n \n   x   \n\n  ",
    " " * 65 + "x" + "\n" * 200 + "\t" * 130 + "y",
    "</s>[INST]<unk></s <s><s>[TOOL_CALLS]<SPECIAL_36>[/INST",
    "<s>a</s> b </s>\n[IMG]\n",
    "\x00\x01\x7f\x80\x9f",
    "HTTPServerError camelCaseName O'Neil's don't WE'LL 'tis",
    "1234567890 0x1F 3.14e-10 ١٢٣ Ⅻ ½",
    "/path//to/x.py?q=a&b=c#d \\n {{x}} ```py\n",
    "ΑΒΓ Ǆungla ǅ ﬁ İi ſ ß ẞ",
    "a" * 2000,
    "ﷺ" * 30,
    "한한글 ไทยภาษา हिन्दी العربية",
]
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["</s>", "[INST]", "<s>", "[ARGS]", "<unk>", " ", "  ", "\n", "\r\n", "'s", "\u00a0", "A", "é"]
    ),
)


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("parse_special", [True, False])
def test_nasty_texts_have_the_same_ids(
    tekken: TekkenTokenizer, fast: Tokenizer, text: str, parse_special: bool
) -> None:
    ids = tekken.encode(text, parse_special=parse_special)
    assert fast.encode(text, parse_special=parse_special) == ids
    assert fast.decode(ids) == text


@given(text=st.lists(PIECES, max_size=8).map("".join))
def test_any_text_has_the_same_ids(tekken: TekkenTokenizer, fast: Tokenizer, text: str) -> None:
    for parse_special in (True, False):
        ids = tekken.encode(text, parse_special=parse_special)
        assert fast.encode(text, parse_special=parse_special) == ids
        assert fast.decode(ids) == tekken.decode(ids) == text


def test_both_know_the_same_control_tokens(tekken: TekkenTokenizer, fast: Tokenizer) -> None:
    assert dict(fast.special_tokens) == dict(tekken.special_tokens)
    assert (fast.prefix, fast.suffix) == (tekken.prefix, tekken.suffix) == ((1,), ())


def test_the_engine_puts_bos_before_a_text(fast_folder: Path, tekken: TekkenTokenizer) -> None:
    import tokenizers

    engine = tokenizers.Tokenizer.from_str((fast_folder / "tokenizer.json").read_text("utf-8"))
    assert engine.encode("škoda").ids == [1, *tekken.encode("škoda", parse_special=True)]
    assert engine.get_vocab_size() == 131_072


def test_the_configuration_names_the_special_tokens(fast_folder: Path) -> None:
    assert sorted(path.name for path in fast_folder.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    config: dict[str, Any] = json.loads((fast_folder / "tokenizer_config.json").read_text("utf-8"))
    assert config == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "add_bos_token": True,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131072,
    }


def test_a_hugging_face_tokenizer_is_not_converted(
    fast: Tokenizer, fast_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(TokenizerError) as caught:
        write_fast_tokenizer(fast, tmp_path / "out")
    assert str(caught.value) == (
        f"{fast_folder} is a Hugging Face tokenizer already; use its folder as it is"
    )
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_an_error(
    tekken: TekkenTokenizer, tmp_path: Path, monkeypatch: Any
) -> None:
    from calibset.tokenizers import tekken_conversion

    monkeypatch.setattr(tekken_conversion, "fast_tokenizer_json", lambda tokenizer: "{}")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        write_fast_tokenizer(tekken, tmp_path / "file" / "out")
    assert str(caught.value) == f"{tmp_path}/file/out: can't be created: Not a directory"


def test_a_tekken_file_gives_the_same_ids(tekken: TekkenTokenizer, tmp_path: Path) -> None:
    (tmp_path / "tekken.json").write_text(tekken_json(tekken), "utf-8")
    again = load_tokenizer(str(tmp_path / "tekken.json"))
    text = "[INST]Aké je poistné?[/INST]12 €[TOOL_CALLS]f[CALL_ID]x[ARGS]{}</s> 保险"
    for parse_special in (True, False):
        assert again.encode(text, parse_special=parse_special) == tekken.encode(
            text, parse_special=parse_special
        )
    assert again.special_tokens == tekken.special_tokens
    assert again.prefix == tekken.prefix
