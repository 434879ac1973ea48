"""What `verify` says of a file and what `export` does with it agree, whatever the quantizer and the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from calibset.core.errors import CalibsetError
from calibset.dataset.export import ExportResult, export
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
from calibset.quantizers import QUANTIZERS, LoadReport, Verdict
from calibset.recipe.loader import load_recipe
from tests.chatml import write_chatml
from tests.letters import write_letters
from tests.small import write_small

SEQLEN = 16
# With BOS sixteen tokens each.
EXACT = ["abcdefghijklmno", "bcdefghijklmnop", "cdefghijklmnopq", "defghijklmnopqr"]
SHORT = [*EXACT[:3], "abcdefghijkl"]
LONG = [text * 2 for text in EXACT]
MESSAGES = [
    {"role": "user", "content": "How are you today?"},
    {"role": "assistant", "content": "Well enough."},
]
BAD = [*EXACT[:3], "\ud800"]


def ids_of(texts: list[str]) -> list[list[int]]:
    return [[256, *text.encode()] for text in texts]


def objects(values: list[Any], key: str = "text", **others: Any) -> list[dict[str, Any]]:
    return [{key: value, **others} for value in values]


def lines(rows: list[Any]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "x.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def content(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return write


def table(**columns: list[Any]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        parquet.write_table(pa.table(columns), folder / "x.parquet")
        return folder / "x.parquet"

    return write


KINDS = {
    "texts": lines(objects(EXACT)),
    "texts with columns": lines(objects(EXACT, source="web", tokens=15)),
    "short texts": lines(objects(SHORT)),
    "very short texts": lines(objects(["ab"] * 4)),
    "long texts": lines(objects(LONG)),
    "one text of many letters": lines(objects(["a" * 15] * 4)),
    "an empty text": lines(objects([*EXACT[:3], ""])),
    "a text that is null": lines(objects([*EXACT[:3], None], n=1)),
    "a lone surrogate": lines(objects(BAD, n=1)),
    "strings": lines(EXACT),
    "another key": lines(objects(EXACT, "content")),
    "prompts": lines(objects(EXACT, "prompt", text="abcdefghijklmno")),
    "prompts alone": lines(objects(EXACT, "prompt", n=1)),
    "control tokens": lines(objects(["abcdefghijklm</s>o"] * 4)),
    "texts that begin with BOS": lines(objects([f"<s>{text}" for text in EXACT])),
    "messages": lines(objects([MESSAGES] * 4, "messages")),
    "messages and texts": lines([{"messages": MESSAGES, "text": text} for text in EXACT]),
    "conversations": lines(objects([MESSAGES] * 4, "conversations")),
    "ids": lines(objects(ids_of(EXACT), "input_ids")),
    "short ids": lines(objects(ids_of(SHORT), "input_ids")),
    "long ids": lines(objects(ids_of(LONG), "input_ids")),
    "ids of another vocabulary": lines(objects([[999] * 16] * 4, "input_ids")),
    "ids in lists": lines(ids_of(EXACT)),
    "texts and ids": lines([*objects(EXACT[:2]), *objects(ids_of(EXACT[2:]), "input_ids")]),
    "texts beside ids": lines([{"text": text, "input_ids": ids_of([text])[0]} for text in EXACT]),
    "a blank line": content("x.jsonl", "\n".join(map(json.dumps, objects(["", *EXACT]))) + "\n\n"),
    "a line that is no JSON": content("x.jsonl", '{"text": "abcdefghijklmno"}\n{"text"\n'),
    "no row": content("x.jsonl", ""),
    "a list": content("x.json", json.dumps(objects(EXACT))),
    "a list of ids": content("x.json", json.dumps(ids_of(EXACT))),
    "a table of ids": table(input_ids=ids_of(EXACT)),
    "a table of short ids": table(input_ids=ids_of(SHORT)),
    "a table of texts": table(text=EXACT),
    "a table of texts and more": table(text=EXACT, source=["web"] * 4),
    "a text file": content("x.txt", "\n\n".join(EXACT) + "\n"),
    "a short text file": content("x.txt", "abc\n"),
    "a path with a space": content("a b.jsonl", "\n".join(map(json.dumps, objects(EXACT)))),
}  # fmt: skip


def judge(path: Path, quantizer: str, **options: Any) -> LoadReport | str:
    try:
        return verify(path, quantizer=quantizer, **options)
    except CalibsetError as error:
        return str(error)


def try_export(path: Path, quantizer: str, **options: Any) -> ExportResult | str:
    try:
        return export(path, path.parent / "out" / f"y{_ending(quantizer)}", quantizer=quantizer, **options)
    except CalibsetError as error:
        return str(error)


def _ending(quantizer: str) -> str:
    return QUANTIZERS[quantizer].info.formats[0].ending


def reasons(report: LoadReport) -> list[str]:
    """Return every reason that a report gives for not calling a file usable."""
    of_rows = [row.reason or row.unjudged or "" for row in (*report.lost, *report.unjudged)]
    fault = [report.export_fault] if report.export_fault else []
    return [*report.fatal, *report.mismatches, *of_rows, *fault]


def agree(path: Path, quantizer: str, options: dict[str, Any], tokenizer: str, nsamples: int | None) -> None:
    """Make sure that both commands say the same of a file.

    Args:
        path: The file.
        quantizer: The quantizer.
        options: What both commands are given.
        tokenizer: The tokenizer that reads what is exported.
        nsamples: How many rows `verify` asks for; None for as many as the manifest says.
    """
    report = judge(path, quantizer, nsamples=nsamples, **options)
    result = try_export(path, quantizer, **options)
    usable = isinstance(report, LoadReport) and report.verdict is Verdict.USABLE
    remedy = report.remedy if isinstance(report, LoadReport) else ""
    if isinstance(result, str):
        assert "calibset export" not in remedy
        if path.suffix == ".txt":  # it is what is exported, not what can be
            return
        assert not usable, result
        said = reasons(report) if isinstance(report, LoadReport) else [report]
        # What is exported may be cut, and then holds fewer tokens of this kind.
        lack = " no embedding in the model"
        same = (reason in result or (lack in reason and lack in result) for reason in said)
        assert any(same), (said, result)
        return
    assert result.load_report is not None
    read = {"seqlen": result.load_report.seqlen, "nsamples": len(result.load_report.rows)}
    again = judge(result.path, quantizer, tokenizer=tokenizer, **read)
    assert isinstance(again, LoadReport)
    assert (again.fatal, again.mismatches) == ((), ())
    if usable:
        assert result.load_report.passed
        assert again.passed
    if not again.joined:
        assert (again.kept, again.passed) == (result.load_report.kept, result.load_report.passed)
    if isinstance(report, LoadReport) and report.verdict is not Verdict.USABLE and result.load_report.passed:
        assert remedy


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_letters(tmp_path_factory.mktemp("letters")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_origin(kind: str, letters: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    options = {"tokenizer": letters, "seqlen": SEQLEN}
    for quantizer in QUANTIZERS:
        agree(path, quantizer, options, letters, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_tokens_that_the_model_has_no_embeddings_for(kind: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    letters = str(write_letters(tmp_path / "model"))
    (tmp_path / "model" / "config.json").write_text('{"vocab_size": 60}')
    path = KINDS[kind](tmp_path)
    options = {"tokenizer": letters, "seqlen": SEQLEN}
    for quantizer in QUANTIZERS:
        agree(path, quantizer, options, letters, 4)
        # No letter that is in the rows has one.
        assert isinstance(try_export(path, quantizer, **options), str)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_both_name_the_tokens_that_have_no_embedding(quantizer: str, letters: str, tmp_path: Path) -> None:
    """ExLlamaV2 alone reads the letters of control tokens."""
    config = Path(letters).with_name("config.json")
    lack = "'</s>' (257) has no embedding in the model, whose config.json says vocab_size 257"
    path = KINDS["control tokens"](tmp_path)
    options = {"tokenizer": letters, "seqlen": SEQLEN}
    written = try_export(path, quantizer, **options)
    assert isinstance(written, ExportResult)
    config.write_text('{"vocab_size": 257}')
    try:
        report, result = judge(path, quantizer, nsamples=4, **options), try_export(path, quantizer, **options)
        again = judge(written.path, quantizer, nsamples=4, **options)
    finally:
        config.unlink()
    assert isinstance(report, LoadReport)
    assert isinstance(again, LoadReport)
    if quantizer == "exllamav2":
        assert isinstance(result, ExportResult)
        assert result.load_report is not None
        for one in (result.load_report, again):
            assert any(
                note.startswith(f"{lack}; ExLlamaV2 reads control tokens in rows as plain text")
                for note in one.warnings
            )
        return
    assert isinstance(result, str)
    assert result.startswith(f"{path}: {lack}; ")
    assert lack in again.fatal[0]
    for one in (report, again):
        assert one.remedy.startswith("resize the model's embeddings")
        assert one.kept == 0


def change_nothing(folder: Path) -> Path:
    return folder / "out.jsonl"


def take_the_holdout(folder: Path) -> Path:
    return folder / "out.holdout.jsonl"


def add_a_row(folder: Path) -> Path:
    with (folder / "out.jsonl").open("a") as stream:
        stream.write(json.dumps({"text": "a" + "b" * 80}) + "\n")
    return folder / "out.jsonl"


def change_the_tokenizer(folder: Path) -> Path:
    write_letters(folder, eos=True)
    return folder / "out.jsonl"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_nothing, ""),
        (take_the_holdout, ""),
        (add_a_row, "belongs to another file: it says sha256"),
        (change_the_tokenizer, "tokenizer.json is not what it was when the file was built"),
    ],
)
def test_a_file_that_was_built(change: Callable[[Path], Path], reason: str, tmp_path: Path) -> None:
    recipe = load_recipe(write_small(tmp_path), overrides=["holdout.nsamples=4"])
    build(recipe).write(tmp_path / "out.jsonl", tmp_path / "out.holdout.jsonl")
    path = change(tmp_path)
    for quantizer in QUANTIZERS:
        agree(path, quantizer, {}, str(tmp_path / "tokenizer.json"), None)
        report = verify(path, quantizer=quantizer)
        assert [reason in fault for fault in report.mismatches] == [True] * bool(reason)
        if reason:
            assert report.verdict is Verdict.UNUSABLE
            assert (
                report.remedy == f"`calibset build RECIPE --out {path}` writes the file and its manifest anew"
            )


def test_rows_that_were_built_for_another_tokenizer(tmp_path: Path) -> None:
    path = build(write_small(tmp_path)).write(tmp_path / "out.jsonl")
    (tmp_path / "other").mkdir()
    other = write_chatml(tmp_path / "other", bos=True)
    agree(path, "gptqmodel", {"tokenizer": str(other)}, str(other), None)
    agree(path, "gptqmodel", {"tokenizer": "mistral-small-3.2"}, "mistral-small-3.2", None)
    (mismatch,) = verify(path, tokenizer="mistral-small-3.2").mismatches
    assert mismatch.endswith(": rows are built for one tokenizer")


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_what_export_wrote_is_verified_by_the_manifest_that_it_came_from(
    quantizer: str, tmp_path: Path
) -> None:
    path = build(write_small(tmp_path)).write(tmp_path / "out.jsonl")
    result = export(path, quantizer=quantizer)
    report = verify(result.path)
    assert report.quantizer == QUANTIZERS[quantizer].info.label
    assert (report.seqlen, report.verdict, report.remedy) == (64, Verdict.USABLE, "")
    if not report.joined:
        assert (report.nsamples, report.kept) == (20, 20)
