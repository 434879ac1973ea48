from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import QuantizerError, TokenizerError
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
from calibset.quantizers import LoadReport, Verdict
from tests.chatml import write_chatml
from tests.letters import write_letters
from tests.small import write_small


def test_verify_takes_what_the_manifest_says(tmp_path: Path) -> None:
    out = build(write_small(tmp_path)).write(tmp_path / "out.jsonl")
    report = verify(out)
    assert (report.nsamples, report.seqlen, report.kept, report.passed) == (20, 64, 20, True)
    assert verify(out, seqlen=4_000).kept == 0
    assert not verify(out, nsamples=21).passed


def test_verify_says_where_the_manifest_looks_for_its_tokenizer(tmp_path: Path) -> None:
    out = build(write_small(tmp_path)).write(tmp_path / "sub" / "out.jsonl")
    with pytest.raises(
        TokenizerError, match=r"; the manifest names this tokenizer, say where it is with --tokenizer$"
    ):
        verify(out)
    assert verify(out, tokenizer=str(tmp_path / "tokenizer.json")).passed


def test_verify_knows_what_to_expect_without_a_manifest(
    tmp_path: Path, tekken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"mistral-small-3.2": tekken}
    monkeypatch.setattr("calibset.dataset.calibration_file.load_tokenizer", lambda name, _: known[name])
    (tmp_path / "x.jsonl").write_text('{"text": "short"}\n')
    report = verify(tmp_path / "x.jsonl")
    assert (report.nsamples, report.seqlen, report.kept) == (512, 2048, 0)
    assert report.warnings == (
        "there is no manifest beside the file, so this assumes tokenizer mistral-small-3.2, seqlen 2,048, "
        "nsamples 512",
    )
    report = verify(tmp_path / "x.jsonl", tokenizer="mistral-small-3.2", nsamples=1)
    assert report.warnings == ("there is no manifest beside the file, so this assumes seqlen 2,048",)
    assert verify(tmp_path / "x.jsonl", tokenizer="mistral-small-3.2", seqlen=8, nsamples=1).warnings == ()


@pytest.mark.parametrize("name", ["x.txt", "x"])
def test_verify_reads_no_other_kind_of_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1\n\xff\n" * 20)
    with pytest.raises(QuantizerError) as caught:
        verify(tmp_path / name)
    message = "a calibration file must end in .jsonl, .json or .parquet"
    assert str(caught.value) == f"{tmp_path / name}: {message}"
    with pytest.raises(
        QuantizerError, match=r"x.*: a calibration file must end in \.jsonl, \.json or \.parquet$"
    ):
        verify(tmp_path / name, quantizer="modelopt")


def test_verify_asks_the_quantizer_that_is_named(tmp_path: Path) -> None:
    out = build(write_small(tmp_path)).write(tmp_path / "out.jsonl")
    assert verify(out).quantizer == "AutoRound 0.12.3 to 0.16.1"
    report = verify(out, quantizer="autoawq")
    assert (report.quantizer, report.kept, report.passed) == ("AutoAWQ 0.2.9", 0, False)
    assert verify(out, quantizer="llm-compressor").passed
    with pytest.raises(QuantizerError, match=r"^unknown quantizer 'x'; known are autoround, gptqmodel, "):
        verify(out, quantizer="x")


def verify_texts(folder: Path, texts: list[str], quantizer: str = "autoround", **config: Any) -> LoadReport:
    """Verify a file of texts for a tokenizer of single letters beside which a configuration stands."""
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    file = folder / "x.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return verify(
        file, tokenizer=str(folder / "tokenizer.json"), quantizer=quantizer, seqlen=16, nsamples=len(texts)
    )


TEXTS = ["abcdefghijklmnopqr", "<s>abcdefghijklmnopqr", "abc</s>defghijklmnop"]


def test_verify_stops_at_tokens_without_an_embedding(tmp_path: Path) -> None:
    write_letters(tmp_path)
    (tmp_path / "config.json").write_text('{"text_config": {"vocab_size": 257}}')
    report = verify_texts(tmp_path, TEXTS)
    assert report.fatal == (
        "'</s>' (257) has no embedding in the model, whose config.json says vocab_size 257; 1 of 3 rows hold "
        "one, where it stops with an index error",
    )
    assert (report.verdict, report.kept) == (Verdict.UNUSABLE, 0)
    assert report.remedy.startswith("resize the model's embeddings")
    assert verify_texts(tmp_path, TEXTS[:2]).fatal == ()
    (tmp_path / "config.json").write_text('{"vocab_size": 300}')
    assert verify_texts(tmp_path, TEXTS).passed


def test_verify_says_how_many_rows_have_bos_twice(tmp_path: Path) -> None:
    write_letters(tmp_path)
    note = (
        "1 of 3 rows begin with <s>, which the tokenizer puts before each row as well, so that the model "
        "reads it twice"
    )
    assert note in verify_texts(tmp_path, TEXTS).warnings
    assert note not in verify_texts(tmp_path, TEXTS[::2]).warnings
    write_letters(tmp_path, bos=False)
    report = verify_texts(
        tmp_path, TEXTS, tokenizer_class="LlamaTokenizer", bos_token="<s>", eos_token="</s>"
    )
    assert report.warnings[-1] == (
        "transformers before 5 loads this tokenizer as LlamaTokenizerFast, which puts <s> before each row, "
        "as tokenizer.json does not: 1 of 3 rows begin with <s> and have it twice; use transformers 5, or "
        "set add_bos_token and add_eos_token in tokenizer_config.json"
    )


def test_verify_names_the_command_that_mends_it(tmp_path: Path) -> None:
    write_letters(tmp_path)
    file, letters = tmp_path / "x.jsonl", tmp_path / "tokenizer.json"
    assert verify_texts(tmp_path, TEXTS).remedy == ""
    export = f"`calibset export {file} --for autoawq --tokenizer {letters} --seqlen 16` "
    assert (
        verify_texts(tmp_path, TEXTS, "autoawq").remedy
        == f"{export}writes a file of which AutoAWQ keeps 3 of 3 rows, cut at 16 tokens"
    )
    short = verify_texts(tmp_path, ["abc"])
    assert (
        short.remedy
        == f"`calibset repack {file} --tokenizer {letters} --seqlen 16` makes rows of its texts that are kept"
    )
    assert verify(file, tokenizer=str(letters), quantizer="modelopt", seqlen=4, nsamples=5).remedy == (
        f"`calibset verify {file} --nsamples 1` asks for the rows that there are"
    )
    out = build(write_small(tmp_path)).write(tmp_path / "out.jsonl")
    assert (
        verify(out, seqlen=4_000).remedy == f"`calibset build RECIPE --out {out}` writes rows of 4000 tokens"
    )


@pytest.mark.parametrize(
    ("row", "quantizer", "remedy"),
    [
        ('{"n": 1}', "autoround", "build RECIPE` writes rows of 16 tokens from texts or dialogues"),
        ("", "autoround", "build RECIPE` writes rows of 16 tokens from texts or dialogues"),
        (
            '{"input_ids": [1, 2]}',
            "exllamav2",
            "repack {file} --tokenizer {letters} --seqlen 16 --for exllamav2` makes rows of its ids that "
            "are kept",
        ),
        (
            '{"input_ids": [-1, 2]}',
            "autoround",
            "build RECIPE` writes rows of 16 tokens from texts or dialogues",
        ),
        (
            '{"title": "Hi.", "body": "Ho."}',
            "autoround",
            "build RECIPE` with {file} as a source makes rows of 16 tokens of its texts",
        ),
        (
            '[{"text": "Hi."}]',
            "autoround",
            "repack {file} --tokenizer {letters} --seqlen 16` makes rows of its texts that are kept",
        ),
        (
            '{"messages": [{"role": "user", "content": "Hi."}]}',
            "autoround",
            "repack {file} --tokenizer {letters} --seqlen 16` makes rows of its messages that are kept",
        ),
    ],
)
def test_rows_are_made_of_a_file_only_if_it_holds_something_to_read(
    tmp_path: Path, row: str, quantizer: str, remedy: str
) -> None:
    write_letters(tmp_path)
    file = tmp_path / "x.jsonl"
    file.write_text(row + "\n" if row else "")
    report = verify(
        file, tokenizer=str(tmp_path / "tokenizer.json"), quantizer=quantizer, seqlen=16, nsamples=1
    )
    assert report.remedy == f"`calibset {remedy.format(file=file, letters=tmp_path / 'tokenizer.json')}"
    assert "calibset verify" not in report.export_fault


def test_verify_says_that_control_tokens_are_read_as_text_beside_a_tekken_json(tmp_path: Path) -> None:
    write_chatml(tmp_path, bos=True)
    (tmp_path / "tekken.json").write_text("{}")
    report = verify_texts(tmp_path, TEXTS, "llm-compressor")
    note = "2 of 3 rows hold control tokens, which transformers reads as plain text beside a tekken.json"
    assert note in report.warnings
    assert report.remedy == (
        f"`calibset tokenizer {tmp_path / 'tekken.json'} --out tokenizer` writes the tokenizer to give "
        "llm-compressor"
    )
    assert note not in verify_texts(tmp_path, TEXTS[:1], "llm-compressor").warnings
