from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibset.core.documents import Filtered, Rejection
from calibset.core.errors import OutputError
from calibset.dataset.rejects import write_rejects


def test_a_line_says_source_place_reason_and_what_else_is_known(tmp_path: Path) -> None:
    rejected = {
        "fish": [Rejection(position="a.jsonl:3", reason="not valid JSON", excerpt='{"ž')],
        "ships": [],
    }
    aside = {
        "ships": (Filtered(position="b#1", reason="a redirect"),),
        "fish": (Filtered(position="a#2", reason="repeats a document before it", detail="fish: a#1 (1.00)"),),
    }
    path = write_rejects(tmp_path / "left.jsonl", rejected, aside)
    assert path == tmp_path / "left.jsonl"
    assert path.read_bytes().decode("ascii").splitlines() == [
        '{"source": "fish", "position": "a.jsonl:3", "reason": "not valid JSON", "excerpt": "{\\"\\u017e"}',
        '{"source": "ships", "position": "b#1", "reason": "a redirect", "detail": ""}',
        '{"source": "fish", "position": "a#2", "reason": "repeats a document before it", '
        '"detail": "fish: a#1 (1.00)"}',
    ]


def test_control_characters_and_surrogates_stay_in_their_line(tmp_path: Path) -> None:
    odd = "a\nb\u2028c\x00\ud800"
    path = write_rejects(str(tmp_path / "x"), {"one": [Rejection(position=odd, reason="r", excerpt=odd)]})
    (line,) = path.read_text("ascii").splitlines()
    assert json.loads(line) == {"source": "one", "position": odd, "reason": "r", "excerpt": odd}


def test_where_nothing_was_left_out_the_file_is_empty(tmp_path: Path) -> None:
    assert write_rejects(tmp_path / "x", {}, {"one": ()}).read_bytes() == b""
    assert write_rejects(tmp_path / "y").read_bytes() == b""


def test_a_file_that_was_there_stays_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def failing() -> Iterator[Rejection]:
        yield Rejection(position="a", reason="r")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError) as caught:
        write_rejects(path, {"one": failing()})
    assert str(caught.value) == f"{path}: can't be written: No space left on device; nothing was changed"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x: can't be written: No such file or directory; nothing"):
        write_rejects(tmp_path / "no" / "x", {})
