from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import QuantizerError, TokenizerError
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
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
