from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import calibset
from calibset.core.errors import OutputError, QuantizerError, TokenizerError
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.export import export
from calibset.dataset.manifest import manifest_path
from calibset.pipeline.build import build
from calibset.quantizers import QUANTIZERS
from calibset.recipe.loader import load_recipe
from calibset.tokenizers import Tokenizer
from tests.letters import write_letters
from tests.small import write_small


@pytest.fixture
def built(tmp_path: Path) -> CalibrationSet:
    """A set of twenty rows, written to a file beside its recipe."""
    built = build(write_small(tmp_path))
    built.write(tmp_path / "out.jsonl")
    return built


def test_rows_are_what_the_model_is_shown(built: CalibrationSet, tmp_path: Path) -> None:
    out = export(tmp_path / "out.jsonl", format="input_ids").path
    assert out == tmp_path / "out.parquet"
    table = parquet.read_table(out)
    assert table.column_names == ["input_ids", "source", "row_text"]
    assert table.schema.field("input_ids").type == pa.list_(pa.int32())
    assert table["input_ids"].to_pylist() == [list(ids) for ids in built.input_ids]
    assert table["source"].to_pylist() == [sample.source for sample in built]
    assert table["row_text"].to_pylist() == [sample.text for sample in built]
    assert {len(ids) for ids in table["input_ids"].to_pylist()} == {64}
    assert {ids[0] for ids in table["input_ids"].to_pylist()} == set(built.prefix)


def test_the_same_file_gives_the_same_bytes(built: CalibrationSet, tmp_path: Path) -> None:
    first = export(tmp_path / "out.jsonl", tmp_path / "a.parquet", format="input_ids").path
    second = export(tmp_path / "out.jsonl", tmp_path / "new" / "b.parquet", format="input_ids").path
    assert first.read_bytes() == second.read_bytes()


def test_control_tokens_are_read_as_such_and_rows_cut(tmp_path: Path, tekken: Tokenizer) -> None:
    file = tmp_path / "theirs.jsonl"
    file.write_text(json.dumps({"text": "[INST]Aké je poistné?[/INST]12 €</s> \n"}) + "\n")
    out = export(file, tokenizer="mistral-small-3.2", seqlen=12, format="input_ids").path
    table = parquet.read_table(out)
    whole = tekken.encode("[INST]Aké je poistné?[/INST]12 €</s>", parse_special=True)
    assert len(whole) == 13
    assert table["input_ids"].to_pylist() == [[1, *whole[:11]]]
    assert whole[0] == 3
    assert table["source"].to_pylist() == [None]


def test_a_tokenizer_that_ends_texts_ends_rows(tmp_path: Path) -> None:
    write_letters(tmp_path, eos=True)
    (tmp_path / "x.jsonl").write_text('{"text": "abcdef"}\n')
    out = export(tmp_path / "x.jsonl", tokenizer="tokenizer.json", seqlen=5, format="input_ids").path
    (ids,) = parquet.read_table(out)["input_ids"].to_pylist()
    assert (len(ids), ids[0], ids[-1]) == (5, 256, 257)


def test_a_shorter_row_may_be_asked_for(built: CalibrationSet, tmp_path: Path) -> None:
    table = parquet.read_table(export(tmp_path / "out.jsonl", seqlen=10, format="input_ids").path)
    assert table["input_ids"].to_pylist() == [list(ids[:10]) for ids in built.input_ids]


def failing(file: Path, error: type[Exception], **options: object) -> str:
    """Return the message of an export that fails and writes nothing."""
    before = sorted(path.name for path in file.parent.iterdir())
    with pytest.raises(error) as caught:
        export(file, format="input_ids", **options)  # type: ignore[arg-type]
    assert sorted(path.name for path in file.parent.iterdir()) == before
    return str(caught.value)


def test_a_manifest_of_another_file_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text(file.read_text() + '{"text": "one more"}\n')
    message = failing(file, OutputError)
    assert message.startswith(
        f"{manifest_path(file)}: belongs to another file: it says sha256 {built.manifest.sha256[:16]}…, "
        f"and {file} has "
    )
    assert message.endswith("; build again, or move the manifest away")


@pytest.mark.parametrize("samples", [19, 21])
@pytest.mark.parametrize("quantizer", [None, "gptqmodel"])
def test_a_manifest_of_other_rows_is_an_error(
    built: CalibrationSet, tmp_path: Path, samples: int, quantizer: str | None
) -> None:
    file = tmp_path / "out.jsonl"
    record = json.loads(manifest_path(file).read_text())
    rows = (record["samples"] * 2)[:samples]
    record |= {"samples": rows, "nsamples": samples, "kept": samples}
    for source in record["sources"]:
        source["achieved"] = sum(row["source"] == source["name"] for row in rows)
    manifest_path(file).write_text(json.dumps(record))
    with pytest.raises(OutputError) as caught:
        export(file, quantizer=quantizer, format=None if quantizer else "input_ids")
    assert str(caught.value) == (
        f"{manifest_path(file)}: belongs to another file: it has {samples} samples, and {file} has 20 rows; "
        "build again, or move the manifest away"
    )


def test_another_tokenizer_than_the_manifests_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    message = failing(tmp_path / "out.jsonl", TokenizerError, tokenizer="mistral-small-3.2")
    count = built.manifest.samples[0].tokens
    assert message.startswith(f"{tmp_path / 'out.jsonl'}: row 1 has ")
    assert message.endswith(
        f" tokens of mistral-small-3.2, and its manifest says {count} of tokenizer.json: rows are built "
        "for one tokenizer"
    )


def test_a_tokenizer_that_changed_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    write_letters(tmp_path, eos=True)
    assert failing(tmp_path / "out.jsonl", TokenizerError) == (
        f"{tmp_path / 'out.jsonl'}: tokenizer.json is not what it was when the file was built; "
        "build again, or give --tokenizer"
    )


@pytest.mark.parametrize("options", [{}, {"seqlen": 8}, {"tokenizer": "tokenizer.json"}])
def test_without_a_manifest_both_must_be_given(options: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "abc"}\n')
    assert failing(tmp_path / "x.jsonl", QuantizerError, **options) == (
        f"{tmp_path / 'x.jsonl'}: there is no manifest beside it, so give both --tokenizer and --seqlen"
    )


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (
            '{"text": "abcdef"}\n{"text": "abc  "}\n',
            "row 2 is 1 token short of 5; `calibset verify` names each such row",
        ),
        ('{"messages": [], "n": 1}\n', "row 1: has no text; `calibset verify` names each fault"),
        ("", "the file holds no row; `calibset verify` names each fault"),
    ],
)  # fmt: skip
def test_rows_that_a_quantizer_would_lose_are_an_error(tmp_path: Path, rows: str, fault: str) -> None:
    write_letters(tmp_path)
    (tmp_path / "x.jsonl").write_text(rows)
    message = failing(tmp_path / "x.jsonl", QuantizerError, tokenizer="tokenizer.json", seqlen=5)
    assert message == f"{tmp_path / 'x.jsonl'}: {fault}"


def test_a_length_below_one_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    with pytest.raises(QuantizerError, match=r"^seqlen: must be at least 1, got -5$"):
        export(tmp_path / "out.jsonl", seqlen=-5, format="input_ids")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert failing(tmp_path / "x.jsonl", QuantizerError) == f"{tmp_path / 'x.jsonl'}: no such file"


def test_another_ending_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    message = failing(tmp_path / "out.jsonl", OutputError, out=tmp_path / "out.json")
    assert message == f"{tmp_path / 'out.json'}: must end in .parquet"


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_built_set_is_exported_for_each_quantizer(built: CalibrationSet, tmp_path: Path, name: str) -> None:
    result = export(tmp_path / "out.jsonl", quantizer=name)
    assert result.path.parent == tmp_path
    assert result.path.name.startswith(f"out.{name}.")
    assert result.load_report is not None
    assert result.load_report.passed
    assert str(result.path) in result.usage
    assert result.pitfalls


def test_a_file_is_exported_for_the_quantizer_that_it_was_built_for(tmp_path: Path) -> None:
    recipe = load_recipe(write_small(tmp_path), overrides=["quantizer=llama.cpp"])
    file = build(recipe).write(tmp_path / "out.jsonl")
    assert calibset.export(file).path == tmp_path / "out.llama.cpp.txt"


def test_a_form_is_a_quantizers_or_one_for_all(built: CalibrationSet, tmp_path: Path) -> None:
    result = export(tmp_path / "out.jsonl", format="input_ids")
    assert (result.load_report, result.usage, result.pitfalls) == (None, "", ())
    with pytest.raises(QuantizerError, match=r"^quantizer, format: only one of them can be given$"):
        export(tmp_path / "out.jsonl", quantizer="autoround", format="input_ids")


@pytest.mark.parametrize("name", ["gptqmodel", "llm-compressor", "autoround"])
def test_exported_ids_are_what_the_model_is_shown(built: CalibrationSet, tmp_path: Path, name: str) -> None:
    result = export(tmp_path / "out.jsonl", tmp_path / "sub" / "x.parquet", quantizer=name)
    rows = parquet.read_table(result.path)["input_ids"].to_pylist()
    assert [tuple(row) for row in rows] == list(built.input_ids)


@pytest.mark.parametrize(
    ("name", "out", "fault"),
    [
        ("gptqmodel", "x.json", "for gptqmodel it must end in .parquet or .jsonl"),
        ("llama.cpp", "x", "for llama.cpp it must end in .txt"),
        (
            "llm-compressor",
            "x.csv",
            "for llm-compressor it must end in .parquet, .jsonl or no ending (a folder)",
        ),
        ("modelopt", "out.jsonl", "is the calibration file itself"),
        ("autoawq", "out.manifest.json", "is its manifest"),
        ("autoawq", "tokenizer.json", "is its tokenizer's"),
        ("autoawq", "tokenizer_config.json", "is its tokenizer's"),
        ("autoawq", "sub/../link.json", "is its manifest"),
        (
            "llm-compressor",
            "sub/..",
            "holds out.jsonl, the calibration file itself; name a folder of its own",
        ),
        ("llama.cpp", "a\x1b[2Jb.txt", None),
        (
            "autoround",
            "a b.jsonl",
            "AutoRound can't be given this file: the path holds a space, which it removes",
        ),
    ],
)
def test_a_form_that_a_quantizer_does_not_take_is_an_error(
    built: CalibrationSet, tmp_path: Path, name: str, out: str, fault: str | None
) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "out.manifest.json")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(OutputError) as caught:
        export(tmp_path / "out.jsonl", tmp_path / out, quantizer=name)
    if fault is None:
        message = f"{str(tmp_path / out)!r} holds a character that can't be shown; rename it"
    else:
        message = f"{tmp_path / out}: {fault}"
    assert str(caught.value) == message
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_rows_that_a_quantizer_would_drop_are_not_written(tmp_path: Path) -> None:
    write_letters(tmp_path)
    file = tmp_path / "x.jsonl"
    file.write_text(f"{json.dumps({'text': 'a' * 20})}\n" * 2)
    out = tmp_path / "out"
    with pytest.raises(QuantizerError) as caught:
        export(file, out / "y.jsonl", quantizer="autoround", tokenizer="tokenizer.json", seqlen=6)
    assert str(caught.value) == (
        f"{file}: AutoRound 0.12.3 to 0.16.1 would drop 2 of 2 rows, the first row 1: its "
        "last token makes up 5 of 6 tokens; nothing was written"
    )
    with pytest.raises(QuantizerError) as caught:
        export(file, out / "y.jsonl", quantizer="gptqmodel", tokenizer="tokenizer.json", seqlen=6)
    assert str(caught.value) == (
        f"{file}: GPTQModel 7.7.0 would stop: no row has more than 10 tokens; nothing was written"
    )
    assert not out.exists()


def test_rows_of_ids_are_exported_and_short_ones_if_the_quantizer_keeps_them(tmp_path: Path) -> None:
    write_letters(tmp_path)
    file = tmp_path / "x.jsonl"
    ids = [[256, *range(20)], [256, *range(14)]]
    file.write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in ids))
    options = {"tokenizer": "tokenizer.json", "seqlen": 16}
    out = export(file, quantizer="gptqmodel", **options).path  # type: ignore[arg-type]
    assert parquet.read_table(out)["input_ids"].to_pylist() == [ids[0][:16], ids[1]]
    again = export(out, tmp_path / "y.json", quantizer="autoawq", **options).path  # type: ignore[arg-type]
    assert json.loads(again.read_text()) == [ids[0][:16], ids[1]]
    with pytest.raises(QuantizerError) as caught:
        export(file, quantizer="modelopt", **options)  # type: ignore[arg-type]
    assert str(caught.value) == f"{file}: row 1: has no text; `calibset verify` names each fault"


def test_rows_that_begin_with_bos_are_noted(tmp_path: Path) -> None:
    write_letters(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"text": "<s>abcdefghijklmnop"}\n')
    result = export(tmp_path / "x.jsonl", quantizer="modelopt", tokenizer="tokenizer.json", seqlen=8)
    assert result.load_report is not None
    assert result.load_report.warnings == (
        "1 of 1 rows begin with <s>, which the tokenizer puts before each row as well, so that the model "
        "reads it twice",
    )
