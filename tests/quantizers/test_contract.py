from __future__ import annotations

import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from calibset.core.errors import QuantizerError
from calibset.quantizers import QUANTIZERS, ExportRow, FileFormat, LoadReport, get_quantizer
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters

SEQLEN = 16
# With BOS each is sixteen tokens.
TEXTS = ["abcdefghijklmno", "bcdefghijklmnop", "cdefghijklmnopq"]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))


def replayed(name: str, content: str, tokenizer: Tokenizer, folder: Path, **given: int) -> LoadReport:
    path = folder / "x.jsonl"
    path.write_text(content)
    asked = {"nsamples": 3, "seqlen": SEQLEN, **given}
    return get_quantizer(name).simulate_file(path, tokenizer, **asked)


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_the_names_are_these() -> None:
    assert list(QUANTIZERS) == [
        "autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2",
    ]  # fmt: skip
    with pytest.raises(QuantizerError) as caught:
        get_quantizer("awq")
    assert str(caught.value) == f"there is no quantizer 'awq'; there are {', '.join(QUANTIZERS)}"


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_contract_says_where_its_rules_stand(name: str) -> None:
    contract = get_quantizer(name).info
    assert contract.name == name
    assert contract.label == f"{contract.product} {contract.versions}"
    assert contract.pitfalls
    holds = get_args(get_type_hints(FileFormat)["holds"])
    assert {form.holds for form in contract.formats} <= set(holds)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_good_rows_are_kept_and_what_is_exported_as_well(
    name: str, letters: Tokenizer, tmp_path: Path
) -> None:
    asked = get_quantizer(name)
    found = replayed(name, lines(*({"text": text} for text in TEXTS)), letters, tmp_path, nsamples=2)
    assert (found.quantizer, found.fatal, found.lost) == (asked.info.label, (), ())
    ids = [(*letters.prefix, *letters.encode(text, parse_special=True)) for text in TEXTS]
    rows = [ExportRow(text=text, ids=one) for text, one in zip(TEXTS, ids, strict=True)]
    for form in asked.info.formats:
        out = tmp_path / f"out{form.ending}"
        asked.export(rows, out)
        written = out if out.is_file() else out / "train.json"
        first = written.read_bytes()
        asked.export(rows, out)
        assert written.read_bytes() == first
        assert str(out) in asked.usage(out, found)
        if form.ending in asked.info.reads:
            again = asked.simulate_file(out, letters, nsamples=2, seqlen=SEQLEN)
            assert (again.fatal, again.lost, len(again.rows)) == ((), (), 3)


@pytest.mark.parametrize("name", QUANTIZERS)
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
        (lines({"text": TEXTS[0], "n": 1}, {"text": 3, "n": 1}), "row 2: its text is no string"),
    ],
)
def test_what_is_no_row_stops_it(
    name: str, content: str, fault: str, letters: Tokenizer, tmp_path: Path
) -> None:
    found = replayed(name, content, letters, tmp_path)
    assert found.fatal == (fault,)
    assert (found.kept, found.passed) == (0, False)


@pytest.mark.parametrize("name", [n for n, one in QUANTIZERS.items() if ".parquet" in one.info.reads])
def test_a_parquet_file_that_is_none_is_an_error(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    asked = get_quantizer(name)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(QuantizerError) as caught:
        asked.simulate_file(tmp_path / "x.parquet", letters, nsamples=1, seqlen=SEQLEN)
    assert str(caught.value) == f"{tmp_path / 'x.parquet'}: can't be read as parquet"
