"""The rules by which the quantizers differ; their own functions are asked in tests/heavy/quantizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from calibset.core.errors import QuantizerError
from calibset.quantizers import QUANTIZERS, ExportRow, LoadReport, get_quantizer
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters

SEQLEN = 16
EXACT = "abcdefghijklmno"


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of single letters that adds BOS, whose id is 256."""
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))


def fates(found: LoadReport) -> list[tuple[int, int, str | None, bool]]:
    return [(row.tokens, row.cut, row.reason, row.used) for row in found.rows]


def on(name: str, rows: list[Any], tokenizer: Tokenizer, folder: Path, nsamples: int = 2) -> LoadReport:
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return get_quantizer(name).simulate_file(path, tokenizer, nsamples=nsamples, seqlen=SEQLEN)


def test_autoround_takes_the_first_ids_that_are_long_enough(letters: Tokenizer) -> None:
    ids = [(256, *range(length)) for length in (15, 14, 15, 18, 15)]
    found = get_quantizer("autoround").simulate(ids, letters, nsamples=2, seqlen=SEQLEN)
    assert fates(found) == [
        (15, 0, None, True),
        (14, 0, "1 tokens short of 16", False),
        (15, 0, None, True),
        (18, 0, None, False),
        (15, 0, None, False),
    ]
    assert found.warnings == (
        "1 rows are longer than seqlen 16, and AutoRound doesn't cut ids",
        "5 rows for nsamples 2: the first are used, in the file's order",
    )


def test_autoround_lets_ids_through_that_are_all_alike(letters: Tokenizer) -> None:
    assert get_quantizer("autoround").simulate([(7,) * 16], letters, nsamples=1, seqlen=SEQLEN).passed
    assert get_quantizer("autoround").simulate(["a" * 15], letters, nsamples=1, seqlen=SEQLEN).lost


def test_autoround_is_given_one_kind_of_row(letters: Tokenizer) -> None:
    found = get_quantizer("autoround").simulate([(7,) * 16, EXACT], letters, nsamples=1, seqlen=SEQLEN)
    assert [row.reason for row in found.rows] == [None, "texts and ids don't go together"]


def test_gptqmodel_drops_ten_tokens_and_cuts_none(letters: Tokenizer) -> None:
    found = get_quantizer("gptqmodel").simulate(
        ["a" * 9, "a" * 10, "b" * 40, (256, *[5] * 9), (5,) * 11], letters, nsamples=3, seqlen=SEQLEN
    )
    short = "10 tokens, and rows of 10 or fewer are dropped"
    assert fates(found) == [
        (9, 0, short, False), (10, 0, None, True), (40, 0, None, True), (9, 0, short, False),
        (11, 0, None, True),
    ]  # fmt: skip
    assert found.warnings == (
        "1 rows are longer than seqlen 16, up to 41 tokens, and are read whole, up to the model's "
        "max_position_embeddings: `calibset export --for gptqmodel` cuts them",
        "GPTQModel warns of fewer than 256 rows; these are 3",
        "GPTQModel warns of fewer than 256 tokens a row on average",
    )


def test_gptqmodel_stops_where_nothing_is_left(letters: Tokenizer) -> None:
    found = get_quantizer("gptqmodel").simulate(["short"], letters, nsamples=1, seqlen=SEQLEN)
    assert found.fatal == ("no row has more than 10 tokens",)


RENDERED = "its messages are read in place of its text, rendered with BOS twice"


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("gptqmodel", {"messages": [], "text": EXACT}, RENDERED),
        ("gptqmodel", {"text": EXACT, "input_ids": [1]}, None),
        ("autoawq", {"messages": [], "text": EXACT}, None),
        ("modelopt", {"messages": [], "text": EXACT}, RENDERED),
        ("modelopt", {"conversations": [], "text": EXACT}, RENDERED),
        ("modelopt", {"prompt": "a", "text": EXACT}, "its prompt is read in place of its text"),
        ("modelopt", {"input": "a", "text": EXACT}, None),
        ("modelopt", {"input": "a"}, "its input is read in place of a text"),
        ("modelopt", {"text": ""}, "an empty text is skipped"),
        ("llm-compressor", {"messages": [], "text": EXACT}, None),
        ("llm-compressor", {"text": "a", "input_ids": [1] * 16}, None),
    ],
)
def test_one_key_wins_over_another(
    name: str, row: dict[str, Any], reason: str | None, letters: Tokenizer, tmp_path: Path
) -> None:
    found = on(name, [row, row], letters, tmp_path)
    assert found.fatal == ()
    assert found.rows[0].reason == reason


@pytest.mark.parametrize("name", ["autoawq", "llm-compressor", "gptqmodel"])
def test_rows_of_two_kinds_stop_it(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    found = on(name, [{"text": EXACT}, {"input_ids": [1] * 16}], letters, tmp_path)
    assert found.fatal == ("some rows are texts and some are ids; it takes rows of one kind",)


@pytest.mark.parametrize("bad", [[1, "2"], [True], "1 2", [-1], [1.5]])
def test_ids_are_whole_numbers(bad: Any, letters: Tokenizer, tmp_path: Path) -> None:
    found = on("gptqmodel", [{"input_ids": bad}], letters, tmp_path)
    assert found.fatal == ("row 1: its input_ids are no list of ids",)


@pytest.mark.parametrize("row", [{"text": None, "input_ids": [1] * 16}, {"text": None}])
def test_gptqmodel_reads_a_text_that_is_null(row: Any, letters: Tokenizer, tmp_path: Path) -> None:
    assert on("gptqmodel", [row], letters, tmp_path).fatal == ("row 1: its text is no string",)


def test_gptqmodel_reads_messages_that_are_null(letters: Tokenizer, tmp_path: Path) -> None:
    found = on("gptqmodel", [{"messages": None, "text": EXACT}], letters, tmp_path)
    assert found.fatal == ("row 1: its messages are null",)


def test_gptqmodel_is_given_no_messages_beside_texts(letters: Tokenizer, tmp_path: Path) -> None:
    found = on("gptqmodel", [{"messages": []}, {"text": EXACT}, {"input_ids": [1] * 16}], letters, tmp_path)
    assert found.fatal == (
        "some rows are messages and some are texts and some are ids; it takes rows of one kind",
    )


def test_llm_compressor_reads_ids_that_are_null(letters: Tokenizer, tmp_path: Path) -> None:
    found = on("llm-compressor", [{"text": EXACT, "input_ids": None}], letters, tmp_path)
    assert found.fatal == ("row 1: its input_ids are no list of ids",)


@pytest.mark.parametrize("name", ["gptqmodel", "llm-compressor", "autoawq"])
@pytest.mark.parametrize("outside", [258, 2**40, 2**70])
def test_ids_are_of_the_vocabulary(name: str, outside: int, letters: Tokenizer, tmp_path: Path) -> None:
    assert letters.vocabulary_size == 258
    found = on(name, [{"input_ids": [257] * 16}, {"input_ids": [outside] * 16}], letters, tmp_path)
    assert found.fatal == ("row 2: its input_ids hold ids that the tokenizer hasn't",)
    assert not found.passed


@pytest.mark.parametrize("name", [n for n, one in QUANTIZERS.items() if ".parquet" in one.info.reads])
def test_ids_of_a_parquet_file_are_of_the_vocabulary(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"input_ids": [[2**40] * 16]}), path)
    found = get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert not found.passed
    if name != "exllamav2":
        assert found.fatal == ("row 1: its input_ids hold ids that the tokenizer hasn't",)


def far_off() -> pa.Array:
    """Return a time that Python has no value for."""
    return pa.array([2**62], pa.timestamp("ms"))


@pytest.mark.parametrize("name", ["gptqmodel", "llm-compressor", "autoawq"])
def test_columns_that_no_quantizer_reads_are_not_read(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"date": far_off(), "text": [EXACT]}), path)
    found = get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert (found.fatal, found.lost) == ((), ())


@pytest.mark.parametrize("name", [n for n, one in QUANTIZERS.items() if ".parquet" in one.info.reads])
def test_a_parquet_file_of_values_that_python_has_not_is_an_error(
    name: str, letters: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": far_off()}), path)
    with pytest.raises(QuantizerError) as caught:
        get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert str(caught.value) == f"{path}: can't be read as parquet"


def test_a_parquet_file_of_other_columns_has_no_text(letters: Tokenizer, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / "x.parquet")
    found = get_quantizer("gptqmodel").simulate_file(
        tmp_path / "x.parquet", letters, nsamples=1, seqlen=SEQLEN
    )
    assert found.fatal == ("row 1: has no text", "row 2: has no text")


def test_llm_compressor_cuts_and_draws_lots(letters: Tokenizer) -> None:
    found = get_quantizer("llm-compressor").simulate(
        [EXACT, EXACT + "pq", "abc"], letters, nsamples=2, seqlen=SEQLEN
    )
    assert fates(found) == [(15, 0, None, False), (17, 2, None, False), (3, 0, None, False)]
    assert found.warnings == (
        "rows differ in length: with batch_size above 1 each batch is cut to its shortest",
        "3 rows for nsamples 2: chance decides which of them are used, and so the mixture",
    )
    assert all(
        row.used
        for row in get_quantizer("llm-compressor").simulate([EXACT], letters, nsamples=1, seqlen=9).rows
    )


def test_modelopt_takes_the_first_rows_and_pads(letters: Tokenizer) -> None:
    found = get_quantizer("modelopt").simulate(
        [EXACT + "p", "abc", "", "d"], letters, nsamples=3, seqlen=SEQLEN
    )
    assert fates(found) == [
        (16, 1, None, True),
        (3, 0, None, True),
        (0, 0, "an empty text is skipped", False),
        (1, 0, None, False),
    ]
    assert found.warnings == (
        "rows differ in length: the shorter ones are padded, which the attention mask hides",
        "4 rows for nsamples 3: the first are used, in the file's order",
    )
    fewer = get_quantizer("modelopt").simulate([EXACT, "abc"], letters, nsamples=3, seqlen=SEQLEN)
    assert fewer.warnings == found.warnings[:1]


def test_modelopt_reads_jsonl_alone(letters: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([{"text": EXACT}]))
    found = get_quantizer("modelopt").simulate_file(tmp_path / "x.json", letters, nsamples=1, seqlen=SEQLEN)
    assert found.fatal == ("the path must end in .jsonl",)


def test_autoawq_drops_the_longer_and_what_fills_no_block(letters: Tokenizer) -> None:
    rows = [EXACT + "p", f" {EXACT}\n", "abc", EXACT, "abc", "a", EXACT]
    found = get_quantizer("autoawq").simulate(rows, letters, nsamples=5, seqlen=SEQLEN)
    behind = "all of it stands behind the last whole block"
    assert fates(found) == [
        (16, 0, "17 tokens, and rows longer than 16 are dropped", False),
        (15, 0, None, True),
        (3, 0, None, True),
        (15, 4, None, True),
        (3, 4, behind, False),
        (1, 2, behind, False),
        (15, 0, None, False),
    ]
    assert found.warnings == (
        "`calibset export --for autoawq` writes rows that are cut, so that none is dropped",
        "rows are joined and cut into blocks of 16, so that blocks begin inside rows",
        "6 rows for nsamples 5: the first are used, in the file's order",
    )
    assert get_quantizer("autoawq").simulate(["abc"], letters, nsamples=1, seqlen=SEQLEN).fatal == (
        "4 tokens in all, which make no block of 16",
    )


def test_exllamav2_reads_letters_until_it_has_enough(letters: Tokenizer) -> None:
    found = get_quantizer("exllamav2").simulate(
        [EXACT + "</s>", EXACT, "abc"], letters, nsamples=2, seqlen=SEQLEN
    )
    assert fates(found) == [(19, 0, None, True), (15, 2, None, True), (3, 3, None, False)]
    assert found.warnings == (
        "1 rows hold control tokens, which ExLlamaV2 reads as letters",
        "rows are joined and cut, so that what it reads begins inside rows",
        "give --measurement_rows 2 or fewer: without it measuring takes 16, and stops",
    )
    assert found.waste == 5 / 37
    assert get_quantizer("exllamav2").simulate([EXACT], letters, nsamples=2, seqlen=SEQLEN).fatal == (
        "15 tokens in all, and 2 rows of 16 take 32",
    )


def test_exllamav2_reads_every_column_of_a_parquet_file(letters: Tokenizer, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["a" * 40], "source": ["web"]}), tmp_path / "x.parquet")
    found = get_quantizer("exllamav2").simulate_file(
        tmp_path / "x.parquet", letters, nsamples=2, seqlen=SEQLEN
    )
    assert [row.reason for row in found.lost] == ["its other columns are read as text, too"]


def test_llama_cpp_reads_whole_chunks_of_what_is_joined(letters: Tokenizer) -> None:
    # BOS, 15 and 2 line ends, 15 and 2, 17: 52 tokens, of which 48 are three chunks.
    found = get_quantizer("llama.cpp").simulate(
        [EXACT, EXACT, "x" * 16 + "</s>"], letters, nsamples=3, seqlen=SEQLEN
    )
    assert fates(found) == [(17, 0, None, True), (17, 0, None, True), (17, 4, None, True)]
    assert found.waste == 4 / 51
    assert found.warnings == (
        "1 rows hold control tokens, which are read as letters without --parse-special",
        "2 tokens give way to BOS, one at the head of each chunk but the first",
    )
    found = get_quantizer("llama.cpp").simulate([EXACT, EXACT, "abc"], letters, nsamples=3, seqlen=SEQLEN)
    assert fates(found)[1:] == [
        (17, 3, None, True),
        (3, 3, "all of it stands behind the last whole chunk", False),
    ]


def test_llama_cpp_needs_two_chunks(letters: Tokenizer) -> None:
    assert get_quantizer("llama.cpp").simulate(["a" * 31], letters, nsamples=1, seqlen=SEQLEN).fatal == ()
    assert get_quantizer("llama.cpp").simulate(["a" * 30], letters, nsamples=1, seqlen=SEQLEN).fatal == (
        "31 tokens in all, and chunks of 16 need 32",
    )


@given(st.lists(st.text("ab é</s>\n", max_size=30), min_size=1, max_size=6))
def test_llama_cpp_counts_each_token_once(letters: Tokenizer, texts: list[str]) -> None:
    found = get_quantizer("llama.cpp").simulate(texts, letters, nsamples=1, seqlen=SEQLEN)
    whole = letters.encode("\n\n".join(texts), parse_special=True)
    assert sum(row.tokens for row in found.rows) == len(whole)


@pytest.mark.parametrize("name", ["llama.cpp", "modelopt", "exllamav2"])
def test_ids_are_nothing_to_those_that_read_text(name: str, letters: Tokenizer) -> None:
    rows = [EXACT * 3, (256, *[5] * 15)]
    found = get_quantizer(name).simulate(rows, letters, nsamples=1, seqlen=SEQLEN)
    assert [row.reason for row in found.rows] == [None, "ids can't be given"]


def test_what_is_written_is_this(tmp_path: Path) -> None:
    rows = [ExportRow(text="é one", ids=(1, 7)), ExportRow(text="two", ids=(1, 8))]
    out = {name: tmp_path / f"{name}{ending}" for name, ending in [
        ("llama.cpp", ".txt"), ("autoawq", ".json"), ("gptqmodel", ".jsonl"), ("llm-compressor", ".jsonl"),
        ("modelopt", ".jsonl"), ("exllamav2", ".parquet"),
    ]}  # fmt: skip
    for name, path in out.items():
        get_quantizer(name).export(rows, path)
    assert out["llama.cpp"].read_bytes() == "é one\n\ntwo\n".encode()
    assert out["autoawq"].read_bytes() == b"[\n[1, 7],\n[1, 8]\n]\n"
    assert out["gptqmodel"].read_bytes() == b'{"input_ids": [1, 7]}\n{"input_ids": [1, 8]}\n'
    assert (
        out["llm-compressor"].read_bytes().splitlines()[0]
        == b'{"input_ids": [1, 7], "attention_mask": [1, 1]}'
    )
    assert out["modelopt"].read_bytes().splitlines()[0] == b'{"text": "\\u00e9 one"}'
    assert parquet.read_table(out["exllamav2"]).to_pylist() == [{"text": "é one"}, {"text": "two"}]
