from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.storage.encodings import Utf8Stream, extends_ascii, is_text_encoding, is_utf8


@pytest.mark.parametrize("name", ["utf-8", "cp1250", "windows-1252", "latin2", "utf-16", "gb18030", "koi8-r"])
def test_encodings_of_files_are_known(name: str) -> None:
    assert is_text_encoding(name)


@pytest.mark.parametrize(
    "name",
    ["rot13", "hex", "idna", "punycode", "unicode_escape", "undefined", "utf-7", "cp0", "", "a\0", "mbcs"],
)
def test_what_no_file_is_written_in_is_no_encoding(name: str) -> None:
    assert not is_text_encoding(name)


def test_only_encodings_that_extend_ascii_can_be_read_from_any_line_on() -> None:
    assert all(map(extends_ascii, ["utf-8", "cp1250", "shift_jis", "gb18030", "koi8-r", "cp852"]))
    assert not any(map(extends_ascii, ["utf-16", "utf-16-le", "utf-32", "hz", "cp037"]))
    assert is_utf8("UTF8")
    assert is_utf8("utf_8_sig")
    assert not is_utf8("cp1250")


@given(
    st.text(max_size=300), st.sampled_from(["utf-16", "utf-16-be", "utf-32", "gb18030"]), st.integers(1, 9)
)
def test_a_stream_holds_the_same_text_in_utf8(text: str, encoding: str, size: int) -> None:
    text = text.replace("\ufeff", "").replace("\ufffd", "")
    stream = io.BufferedReader(Utf8Stream(io.BytesIO(text.encode(encoding)), encoding), size)
    assert stream.read().decode("utf-8") == text


@given(
    st.binary(max_size=300), st.sampled_from(["utf-16-le", "cp1252", "shift_jis", "utf-32-le", "iso2022_jp"])
)
def test_any_bytes_give_utf8_but_for_what_is_no_text(content: bytes, encoding: str) -> None:
    text = Utf8Stream(io.BytesIO(content), encoding)
    decoded = io.BufferedReader(text).read().decode("utf-8", "surrogateescape")
    assert "\ufffd" not in decoded
    assert decoded.replace("\udcff", "\ufffd") == content.decode(encoding, "replace")
