from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import TokenizerError
from calibset.tokenizers.tekken import from_file

if TYPE_CHECKING:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    from calibset.storage.cache import Cache
    from calibset.tokenizers.tekken import TekkenTokenizer

NASTY = [
    "Poistná zmluva č. 12/2024 — škoda spôsobená živlom.",
    "保险合同是投保人与保险人约定保险权利义务关系的协议。",
    "👩‍👩‍👧‍👦🏳️‍🌈🇸🇰 𠜎𠜱𠝹",
    "e\u0301c\u030cZ\u0351\u036b\u0343\u032a\u0302\u036b\u033d\u034f",
    "a\u200b\u200d\ufeff\u2060b\u00a0c\u3000d",
    "\t\t  \r\n\r\n \n   x   \n",
    "x" + " " * 300 + "y" + "\n" * 50,
    "</s>[INST]<unk></s",
    "\x00\x01\x7f\x80\x9f",
    "def f(x):\n    return {'a': [1, 2.5e-3]}\n",
]

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(["</s>", "[INST]", "š", "𠜎", " ", "\n\n", "a", "👩‍👧"]), max_size=8).map(
        "".join
    ),
)


@given(text=TEXTS, parse_special=st.booleans())
def test_tokens_end_at_characters_in_order_and_the_last_at_the_end(
    tekken: TekkenTokenizer, text: str, parse_special: bool
) -> None:
    encoded = tekken.encode_with_ends(text, parse_special=parse_special)
    assert encoded.ids == tekken.encode(text, parse_special=parse_special)
    assert len(encoded.ids) == len(encoded.ends)
    assert encoded.ends == sorted(encoded.ends)
    assert (encoded.ends or [0])[-1] == len(text)
    raw = text.encode("utf-8")
    for count, end in enumerate(encoded.ends, start=1):
        head = text[:end].encode("utf-8")
        read = b"".join(piece(tekken, token) for token in encoded.ids[:count])
        # The tokens so far are the text so far, but for the bytes of a character that isn't complete.
        assert read.startswith(head)
        assert raw.startswith(read)
        assert len(read) - len(head) < 4


def piece(tekken: TekkenTokenizer, token: int) -> bytes:
    return tekken.engine.pieces[token]


@given(text=TEXTS, parse_special=st.booleans())
def test_decoding_undoes_encoding(tekken: TekkenTokenizer, text: str, parse_special: bool) -> None:
    assert tekken.decode(tekken.encode(text, parse_special=parse_special)) == text


def test_control_tokens_are_parsed_or_spelled(tekken: TekkenTokenizer) -> None:
    assert tekken.encode("a</s>b", parse_special=True) == [1097, 2, 1098]
    literal = tekken.encode("a</s>b", parse_special=False)
    assert 2 not in literal
    assert tekken.decode(literal) == "a</s>b"
    ends = tekken.encode_with_ends("é</s>b", parse_special=True)
    assert ends.ends[-3:] == [1, 5, 6]


def test_it_is_mistral_small_3_2s(tekken: TekkenTokenizer) -> None:
    assert tekken.name == "mistral-small-3.2"
    assert tekken.prefix == (1,)
    assert tekken.suffix == ()
    assert len(tekken.special_tokens) == 1000
    assert tekken.vocabulary_size == 131_072
    expected = {
        "<unk>": 0,
        "<s>": 1,
        "</s>": 2,
        "[INST]": 3,
        "[TOOL_CALLS]": 9,
        "[ARGS]": 32,
        "[CALL_ID]": 33,
    }
    assert {name: tekken.special_tokens[name] for name in expected} == expected
    assert tekken.fingerprint == "b2fe431b7588e30c5ed6c44744ef5f0555013dc3d9c35bbad7739ad9a667366a"


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0"])
@pytest.mark.slow
def test_a_million_blanks_are_encoded(tekken: TekkenTokenizer, blank: str) -> None:
    text = "a" + blank * 1_000_000 + "b"
    ids = tekken.encode(text, parse_special=True)
    assert tekken.decode(ids) == text
    assert tekken.encode_with_ends(text, parse_special=False).ends[-1] == len(text)


@pytest.mark.parametrize(
    ("blank", "times"), [(" ", 131_072), (" ", 1_025), ("\t", 131_072), (" \t", 500), ("\n ", 500)]
)
def test_many_blanks_are_read_as_mistral_common_reads_them(
    tekken: TekkenTokenizer, mistrals: Tekkenizer, blank: str, times: int
) -> None:
    text = "a" + blank * times + "b"
    assert tekken.encode(text, parse_special=False) == mistrals.encode(text, bos=False, eos=False)


@pytest.fixture(scope="session")
def mistrals() -> Tekkenizer:
    """mistral-common's own object, with an engine of its own."""
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    return Tekkenizer.from_file(Path(mistral_common.__file__).parent / "data" / "tekken_240911.json")


@given(text=TEXTS)
def test_texts_are_read_as_mistral_common_reads_them(
    tekken: TekkenTokenizer, mistrals: Tekkenizer, text: str
) -> None:
    ids = mistrals.encode(text, bos=False, eos=False)
    assert tekken.encode(text, parse_special=False) == ids
    assert tekken.uncached.encode(text, parse_special=False) == ids
    assert tekken.tekkenizer.encode(text, bos=True, eos=True) == [1, *ids, 2]


@given(ids=st.lists(st.one_of(st.integers(0, 131_071), st.integers(0, 1_300)), max_size=20))
def test_ids_are_spelled_as_mistral_common_spells_them(
    tekken: TekkenTokenizer, mistrals: Tekkenizer, ids: list[int]
) -> None:
    from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

    ids = [token for token in ids if token not in (32, 33)]  # which only v11 names
    assert tekken.decode(ids) == mistrals.decode(ids, SpecialTokenPolicy.KEEP)
    # mistral-common asks for the text of a conversation that it has rendered, and nobody for its own.
    assert tekken.tekkenizer.decode(ids, SpecialTokenPolicy.KEEP) == ""


def test_the_second_load_reads_what_the_first_kept(tmp_path: Path, cache: Cache) -> None:
    path = tekken_file(tmp_path)
    first = from_file(path, "own")
    (kept,) = cache.folder.glob("computed/tekken-1/*")
    second = from_file(path, "own")
    assert second.fingerprint == first.fingerprint
    assert second.engine.pieces == first.engine.pieces
    kept.write_bytes(kept.read_bytes()[:-1])
    assert from_file(path, "own").engine.pieces == first.engine.pieces
    assert second.encode("ab</s>", parse_special=True) == [44 + 97, 44 + 98, 2]


def test_a_million_letters_are_encoded(tekken: TekkenTokenizer) -> None:
    assert tekken.decode(tekken.encode("a" * 1_000_000, parse_special=True)) == "a" * 1_000_000


def test_lone_surrogates_are_read_as_replacement_characters(tekken: TekkenTokenizer) -> None:
    assert tekken.decode(tekken.encode("a\ud800b", parse_special=True)) == "a\ufffdb"
    assert tekken.encode_with_ends("a\ud800b", parse_special=True).ends[-1] == 3


VOCABULARY = [
    {"rank": rank, "token_bytes": __import__("base64").b64encode(bytes([rank])).decode(), "token_str": None}
    for rank in range(256)
]


def tekken_file(folder: Path, **changes: object) -> Path:
    config = {
        "pattern": r"\p{L}+|.|\n",
        "num_vocab_tokens": 256,
        "default_vocab_size": 300,
        "default_num_special_tokens": 44,
        "version": "v3",
    }
    path = folder / "tekken.json"
    path.write_text(json.dumps({"config": config, "vocab": VOCABULARY, **changes}), "utf-8")
    return path


def test_a_tekken_file_of_ones_own(tmp_path: Path) -> None:
    own = from_file(tekken_file(tmp_path), "own")
    assert own.name == "own"
    assert own.encode("ab</s>", parse_special=True) == [44 + 97, 44 + 98, 2]
    assert own.decode(own.encode("škoda", parse_special=False)) == "škoda"
    assert own.encode_with_ends("š", parse_special=False).ends == [0, 1]
    other = from_file(tekken_file(tmp_path, note="x"), "own")
    assert own.fingerprint != other.fingerprint


MALFORMED: list[bytes] = [
    b"",
    b"[]",
    b"1",
    b'"x"',
    b"{}",
    b'{"config": {}}',
    b'{"config": [], "vocab": []}',
    b'{"config": "x", "vocab": "y"}',
    b'{"config": null, "vocab": null}',
    b"[" * 100_000,
    b"\xff\xfe",
]


@pytest.mark.parametrize("content", MALFORMED, ids=lambda content: repr(content[:12]))
def test_a_file_of_another_form_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tekken.json"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=r"a Tekken file"):
        from_file(path, "own")


@pytest.mark.parametrize("left_out", ["<s>", "</s>"])
def test_a_tekken_file_must_have_what_begins_and_ends_a_text(tmp_path: Path, left_out: str) -> None:
    named = [spelling for spelling in ("<unk>", "<s>", "</s>") if spelling != left_out]
    special = [
        {"rank": rank, "token_str": spelling, "is_control": True} for rank, spelling in enumerate(named)
    ]
    with pytest.raises(TokenizerError) as caught:
        from_file(tekken_file(tmp_path, special_tokens=special), "own")
    assert str(caught.value) == (
        f"own: not a Tekken file that can be used: it has no control token {left_out}; use the tekken.json "
        "that the model was published with"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"vocab": []},
        {"vocab": "text"},
        {"vocab": [{"rank": 0}]},
        {"vocab": [{"rank": 0, "token_bytes": "?", "token_str": None}] * 256},
        {"special_tokens": 5},
        {"special_tokens": [{"rank": 0}]},
        {
            "config": {
                "pattern": r"\p{Nothing}",
                "default_vocab_size": 300,
                "default_num_special_tokens": 44,
                "version": "v3",
            }
        },
        {
            "config": {
                "pattern": ".",
                "default_vocab_size": "3",
                "default_num_special_tokens": 44,
                "version": "v3",
            }
        },
        {
            "config": {
                "pattern": ".",
                "default_vocab_size": 300,
                "default_num_special_tokens": 44,
                "version": "v99",
            }
        },
    ],
    ids=str,
)
def test_a_tekken_file_with_wrong_parts_is_an_error(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(TokenizerError) as caught:
        from_file(tekken_file(tmp_path, **changes), "own")
    assert str(caught.value).startswith("own: not a Tekken file that mistral-common reads: ")


@pytest.mark.parametrize("pattern", ["(a+)+$", r"(?=(a+)+!!)a", "[ab]" * 501], ids=lambda one: one[:12])
def test_a_pattern_that_may_take_for_ever_is_an_error(tmp_path: Path, pattern: str) -> None:
    path = tekken_file(tmp_path)
    table = json.loads(path.read_text("utf-8"))
    table["config"]["pattern"] = pattern
    path.write_text(json.dumps(table), "utf-8")
    with pytest.raises(TokenizerError) as caught:
        from_file(path, "own")
    assert str(caught.value) == (
        f"own: the pattern of its tekken.json, {pattern[:60]!r}, may go back over a text again and again, as "
        "none that was published does; use the one that the model was published with"
    )


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"tekken\.json: can't be read: No such file or directory"):
        from_file(tmp_path / "tekken.json", "own")
