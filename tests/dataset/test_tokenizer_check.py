from __future__ import annotations

import sys
from pathlib import Path

import pytest

from calibset.cli.parser import create_parser
from calibset.core.errors import QuantizerError, TokenizerError
from calibset.core.installation import install_command
from calibset.dataset.tokenizer_check import (
    BACKENDS,
    TokenizerReport,
    TokenMismatch,
    check_tokenizer,
    find_mismatches,
)
from calibset.pipeline.build import build
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters
from tests.small import write_small

TEXT = "ab</s>c"


@pytest.fixture
def letters(tmp_path: Path) -> Tokenizer:
    return load_tokenizer(str(write_letters(tmp_path)))


def reading(letters: Tokenizer, ids: list[int], text: str = TEXT) -> list[TokenMismatch]:
    return list(find_mismatches([text], letters, lambda _: ids))


def ids_of(letters: Tokenizer, *, bos: bool, parsed: bool) -> list[int]:
    return [*letters.prefix] * bos + letters.encode(TEXT, parse_special=parsed)


def test_the_same_ids_are_no_misreading(letters: Tokenizer) -> None:
    assert reading(letters, ids_of(letters, bos=True, parsed=True)) == []


def test_what_is_read_has_no_blanks_behind(letters: Tokenizer) -> None:
    encoded = []
    assert list(find_mismatches(["ab \n"], letters, lambda text: encoded.append(text) or [])) != []  # type: ignore[func-returns-value]
    assert encoded == ["ab"]


@pytest.mark.parametrize(
    ("bos", "parsed", "expected"),
    [
        (True, False, TokenMismatch(
            row=1, index=3, expected="</s>", found="<", reason="control tokens are read as plain text",
        )),
        (False, True, TokenMismatch(
            row=1, index=0, expected="<s>", found="a", reason="no BOS is put before the text",
        )),
        (False, False, TokenMismatch(
            row=1, index=0, expected="<s>", found="a",
            reason="control tokens are read as plain text, and no BOS is put before the text",
        )),
    ],
)  # fmt: skip
def test_each_way_of_misreading_has_its_reason(
    letters: Tokenizer, bos: bool, parsed: bool, expected: TokenMismatch
) -> None:
    assert reading(letters, ids_of(letters, bos=bos, parsed=parsed)) == [expected]


def test_other_ids_are_a_text_split_otherwise(letters: Tokenizer) -> None:
    right = ids_of(letters, bos=True, parsed=True)
    (longer,) = reading(letters, [*right, 257])
    assert (longer.index, longer.expected, longer.found) == (len(right), "", "</s>")
    (shorter,) = reading(letters, right[:-1])
    assert (shorter.index, shorter.expected, shorter.found) == (len(right) - 1, "c", "")
    assert {longer.reason, shorter.reason} == {"the text is split differently"}


def test_rows_are_counted_from_one(letters: Tokenizer) -> None:
    right = ids_of(letters, bos=True, parsed=True)
    assert [row.row for row in find_mismatches([TEXT, "a", TEXT, "b"], letters, lambda _: right)] == [2, 4]


def test_a_file_passes_if_no_row_is_misread(letters: Tokenizer) -> None:
    assert TokenizerReport(backend="x", rows=3, misread=()).passed
    assert not TokenizerReport(backend="x", rows=3, misread=tuple(reading(letters, []))).passed


def test_without_transformers_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_letters(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"text": "abc"}\n')
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TokenizerError) as caught:
        check_tokenizer(tmp_path / "x.jsonl", "fast", tokenizer="tokenizer.json")
    assert str(caught.value) == (
        f"--backend needs transformers, which is not installed; {install_command('transformers')}"
    )


def test_rows_without_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "abc"}\n{"messages": [], "n": 1}\n')
    with pytest.raises(QuantizerError) as caught:
        check_tokenizer(tmp_path / "x.jsonl", "fast")
    assert str(caught.value) == (
        f"{tmp_path / 'x.jsonl'}: row 2: has no text; `calibset verify` without --backend names each fault"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_command_line_knows_each(backend: str) -> None:
    assert create_parser().parse_args(["verify", "x.jsonl", "--backend", backend]).backend == backend


def test_a_tokenizer_that_was_changed_since_is_a_clear_error(tmp_path: Path) -> None:
    out = build(write_small(tmp_path)).write(tmp_path / "out.jsonl")
    write_letters(tmp_path, eos=True)
    with pytest.raises(TokenizerError) as caught:
        check_tokenizer(out, "fast")
    assert str(caught.value) == (
        f"{out}: tokenizer.json is not what it was when the file was built; build again, or give --tokenizer"
    )


def write_rows(folder: Path, class_name: str) -> Path:
    """Write a tokenizer of letters with a class beside it, and a file of two rows; return the file."""
    write_letters(folder)
    (folder / "tokenizer_config.json").write_text(f'{{"tokenizer_class": "{class_name}"}}')
    path = folder / "x.jsonl"
    path.write_text('{"text": "ab </s>c"}\n{"text": "d"}\n')
    return path


def test_auto_is_what_autotokenizer_loads(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    path = write_rows(tmp_path, "PreTrainedTokenizerFast")
    report = check_tokenizer(path, "auto", tokenizer="tokenizer.json")
    assert (report.rows, report.passed) == (2, True)
    report = check_tokenizer(write_rows(tmp_path, "ByT5Tokenizer"), "auto", tokenizer="tokenizer.json")
    assert report.backend == f"ByT5Tokenizer of transformers {transformers.__version__}"
    assert [row.row for row in report.misread] == [1, 2]


def test_auto_needs_a_folder_that_it_can_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    path = write_rows(tmp_path, "AutoConfig")
    with pytest.raises(TokenizerError, match=r"^tokenizer\.json: AutoTokenizer of .* can't load it: "):
        check_tokenizer(path, "auto", tokenizer="tokenizer.json")
    letters = load_tokenizer(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr("calibset.dataset.calibration_file.load_tokenizer", lambda name, _: letters)
    with pytest.raises(TokenizerError) as caught:
        check_tokenizer(path, "auto", tokenizer="mistral-small-3.2")
    assert str(caught.value) == f"{letters.name}: there is no model's folder that AutoTokenizer could load"
