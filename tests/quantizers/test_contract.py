from __future__ import annotations

import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from calibset.core.errors import QuantizerError
from calibset.quantizers import QUANTIZERS, ExportRow, FileFormat, LoadReport, get_quantizer
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import SEQLEN

# With BOS each is sixteen tokens.
TEXTS = ["abcdefghijklmno", "bcdefghijklmnop", "cdefghijklmnopq"]


def simulate_content(
    name: str, content: str, tokenizer: Tokenizer, folder: Path, **options: int
) -> LoadReport:
    path = folder / "x.jsonl"
    path.write_text(content)
    options = {"nsamples": 3, "seqlen": SEQLEN, **options}
    return get_quantizer(name).simulate_file(path, tokenizer, **options)


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_the_names_are_these() -> None:
    assert list(QUANTIZERS) == [
        "autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2",
    ]  # fmt: skip
    with pytest.raises(QuantizerError) as caught:
        get_quantizer("awq")
    assert str(caught.value) == f"unknown quantizer 'awq'; known are {', '.join(QUANTIZERS)}"


@pytest.mark.parametrize("name", QUANTIZERS)
def test_its_info_says_what_it_is(name: str) -> None:
    info = get_quantizer(name).info
    assert info.name == name
    assert info.label == f"{info.product} {info.versions}"
    assert info.pitfalls
    holds = get_args(get_type_hints(FileFormat)["holds"])
    assert {form.holds for form in info.formats} <= set(holds)


def test_some_are_given_the_ids_of_a_built_set() -> None:
    takes_ids = [name for name, quantizer in QUANTIZERS.items() if quantizer.takes_ids]
    assert takes_ids == ["gptqmodel", "llm-compressor", "autoawq"]


@pytest.mark.parametrize("name", QUANTIZERS)
@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet", ".txt", ".csv", ""])
def test_a_file_that_it_is_not_made_for_is_not_read(
    name: str, ending: str, letters: Tokenizer, tmp_path: Path
) -> None:
    quantizer = get_quantizer(name)
    if ending in quantizer.info.reads:
        return
    report = quantizer.simulate_file(tmp_path / f"x{ending}", letters, nsamples=1, seqlen=SEQLEN)
    takes = " and ".join(quantizer.info.reads)
    assert report.fatal == (f"it takes {takes} files, not {ending or 'files without an ending'}",)
    assert not report.passed


@pytest.mark.parametrize("name", QUANTIZERS)
def test_good_rows_are_kept_and_what_is_exported_as_well(
    name: str, letters: Tokenizer, tmp_path: Path
) -> None:
    quantizer = get_quantizer(name)
    report = quantizer.simulate(TEXTS, letters, nsamples=2, seqlen=SEQLEN)
    assert (report.quantizer, report.fatal, report.lost) == (quantizer.info.label, (), ())
    ids = [(*letters.prefix, *letters.encode(text, parse_special=True)) for text in TEXTS]
    rows = [ExportRow(text=text, ids=row_ids) for text, row_ids in zip(TEXTS, ids, strict=True)]
    for form in quantizer.info.formats:
        out = tmp_path / f"out{form.ending}"
        quantizer.export(rows, out)
        written = out if out.is_file() else out / "train.json"
        first = written.read_bytes()
        quantizer.export(rows, out)
        assert written.read_bytes() == first
        assert str(out) in quantizer.usage(out, report)
        if form.ending in quantizer.info.reads:
            again = quantizer.simulate_file(out, letters, nsamples=2, seqlen=SEQLEN)
            assert (again.fatal, again.lost, len(again.rows)) == ((), (), 1 if again.joined else 3)


@pytest.mark.parametrize(
    "name", [name for name, quantizer in QUANTIZERS.items() if ".jsonl" in quantizer.info.reads]
)
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "the file holds no row"),
        (lines({"text": TEXTS[0]}, {"a": 1, "b": 2}), "row 2: has no text"),
        (lines({"text": TEXTS[0]}) + "{", "row 2: not valid JSON"),
        (
            lines({"text": TEXTS[0], "n": 1}, {"text": "\ud800", "n": 1}),
            "row 2: its text holds a lone surrogate",
        ),
        (lines({"text": TEXTS[0], "n": 1}, {"text": 3, "n": 1}), "row 2: its text is not a string"),
    ],
)
def test_what_is_no_row_stops_it(
    name: str, content: str, fault: str, letters: Tokenizer, tmp_path: Path
) -> None:
    report = simulate_content(name, content, letters, tmp_path)
    assert report.fatal == (fault,)
    assert (report.kept, report.passed) == (0, False)


@pytest.mark.parametrize(
    "name", [name for name, quantizer in QUANTIZERS.items() if ".parquet" in quantizer.info.reads]
)
def test_a_parquet_file_that_is_none_is_an_error(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    quantizer = get_quantizer(name)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(QuantizerError) as caught:
        quantizer.simulate_file(tmp_path / "x.parquet", letters, nsamples=1, seqlen=SEQLEN)
    assert str(caught.value) == f"{tmp_path / 'x.parquet'}: can't be read as parquet"
