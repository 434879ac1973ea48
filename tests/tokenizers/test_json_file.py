from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers import load_tokenizer
from calibset.tokenizers.json_file import read_json_file

GGUF = (
    "is a GGUF model, whose tokenizer calibset doesn't read; name the model that it was made from: "
    "hf://OWNER/NAME, or the folder with its tokenizer.json"
)


def write_large(path: Path, start: bytes) -> Path:
    """Write a file of a gigabyte that takes no room on disk."""
    with path.open("wb") as stream:
        stream.write(start)
        stream.truncate(2**30)
    return path


@pytest.mark.parametrize("suffix", ["gguf", "json"])
def test_a_gguf_is_known_by_its_first_bytes(tmp_path: Path, suffix: str) -> None:
    path = write_large(tmp_path / f"model.{suffix}", b"GGUF\x03\x00\x00\x00")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(str(path))
    assert str(caught.value) == f"{path}: {GGUF}"


def test_a_folder_with_nothing_but_a_gguf_is_named(tmp_path: Path) -> None:
    write_large(tmp_path / "model.gguf", b"GGUF")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(str(tmp_path))
    assert str(caught.value) == f"tokenizer {str(tmp_path)!r}: {GGUF}"


def test_a_file_that_is_no_json_is_not_read(tmp_path: Path) -> None:
    path = write_large(tmp_path / "model.safetensors", b"\x80\x00\x00\x00")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(str(path))
    assert str(caught.value) == (
        f"{path}: not a tokenizer.json that tokenizers reads: it doesn't begin with an object of JSON"
    )


@pytest.mark.parametrize("name", ["tokenizer.json", "tekken.json"])
def test_a_file_too_large_for_a_tokenizer_is_not_read(tmp_path: Path, name: str) -> None:
    path = write_large(tmp_path / name, b" {")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(str(path))
    assert str(caught.value) == f"{path}: is over 256 MiB, too large for a tokenizer"


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    content = b' \n{"a": "' + b"x" * 1000 + b'"}'
    (tmp_path / "a.json").write_bytes(content)
    assert read_json_file(tmp_path / "a.json", "own", "a tokenizer.json") == content
