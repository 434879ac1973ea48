"""A model card's benchmarks are those of the files, and what they lack is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.core.errors import OutputError
from calibset.evaluation.card import benchmark_sections
from calibset.evaluation.comparison import (
    CallFigures,
    Comparison,
    DivergenceFigures,
    DomainFigures,
    Estimate,
    GenerationFigures,
    MeanOfRange,
    MeasuredData,
    MeasuredModel,
    OtherFigures,
    PerplexityFigures,
)  # fmt: skip
from tests.evaluation.card.test_load_results import write_result


def _estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value * 0.9, high=value * 1.1)


def _comparison(*, k: int | None = None, name: str = "wikitext-2", **changes: object) -> Comparison:
    """The figures of the seed case's card."""
    bound = "exact" if k is None else "at least"
    model = MeasuredModel(label="w4", model="Mistral-W4A16", target="./w4", engine="vllm")
    other = OtherFigures(
        model=model,
        name="w4",
        domains=(
            DomainFigures(
                kind="all",
                name="all",
                windows=588,
                positions=149_940,
                documents=62,
                perplexity=PerplexityFigures(
                    base=7.0307, base_error=0.04, other=7.2620, other_error=0.05, change=_estimate(0.0329)
                ),
                kld=DivergenceFigures(
                    bound=bound,
                    covered=1,
                    mean=_estimate(0.0793),
                    median=_estimate(0.0346),
                    p95=_estimate(0.28),
                    p99=_estimate(0.617),
                ),
                rms_dp=_estimate(0.023),
                same_top=_estimate(0.922),
            ),
        ),
        generation=(
            GenerationFigures(
                task="128:128",
                windows=32,
                bound=bound,
                covered=1,
                first=_estimate(0.152),
                mean=_estimate(0.1),
                same_top=_estimate(0.9),
                steps=(MeanOfRange(first=1, last=128, count=10, kld=0.1),),
            ),
        ),
        calls=CallFigures(prompts=40, base_calls=38, other_calls=37, same=30, same_names=35, unreadable=0),
    )
    return Comparison(
        calibset="0.1.0",
        data=MeasuredData(
            name=name,
            sha256="0" * 64,
            joined="documents joined by blank lines",
            ctx=512,
            score="second-half",
            windows=588,
            positions=149_940,
            documents=62,
            dropped={"tail": 3},
        ),
        base=MeasuredModel(label="base", model="Mistral", target="http://x", engine="vllm"),
        k=k,
        others=(other.model_copy(update=changes),),
        intervals="95 % intervals",
        notes=("a *note*",),
    )


def _write(path: Path, comparison: Comparison) -> Path:
    path.write_text(comparison.model_dump_json())
    return path


def test_it_has_each_figure_of_the_seed_cases_card(tmp_path: Path) -> None:
    text = benchmark_sections(
        [_write(tmp_path / "c.json", _comparison())],
        [
            write_result(tmp_path / "1.json", max_concurrency=1, num_prompts=20, completed=20, latencies=[]),
            write_result(tmp_path / "32.json", completed=2),
        ],
    )
    assert "62 documents. Base: base (Mistral). Quantized: w4 (Mistral-W4A16)." in text
    assert "| all | 62 | 149,940 | 7.0307 ± 0.0400 | 7.2620 ± 0.0500 | +3.29% (+2.96% to +3.62%) |" in text
    assert "| all | 0.0793 (0.0714 to 0.0872) | 0.0346 | 0.280 | 0.617 | 2.30% | 92.20% |" in text
    assert "| 128:128 | 32 | 0.1520 (0.1368 to 0.1672) | 0.1000 (0.0900 to 0.1100) | 90.00% |" in text
    assert (
        "asked 40 times. The base made 38 calls and the quantized model 37; 30 times they made the same"
        in text
    )
    assert "| 1 | 20 | 100.0% | — / 2.25 s / — | 29 ms | 50 ms | 0.75 | 300.0 | 375.0 |" in text
    assert "| 32 | 3 | 66.7% | — / 2.25 s / — |" in text
    assert "Not measured" not in text
    assert "≥" not in text
    assert "- Left out of wikitext-2: tail (3)." in text


def test_the_range_of_times_is_there_where_it_is_known(tmp_path: Path) -> None:
    text = benchmark_sections([], [write_result(tmp_path / "1.json")])
    assert "| 32 | 3 | 100.0% | 1.50 s / 2.25 s / 3.00 s |" in text


def test_lower_bounds_have_tables_of_their_own_and_say_so(tmp_path: Path) -> None:
    paths = [
        _write(tmp_path / "full.json", _comparison()),
        _write(tmp_path / "top.json", _comparison(k=20, name="holdout.jsonl")),
    ]
    full, top = benchmark_sections(paths, []).split("### holdout.jsonl")
    assert "| 0.0793" in full.replace("all ", "")
    assert "≥" not in full
    assert "KLD mean (95 % interval), at least | median, at least |" in top
    assert "| all | ≥0.0793 (0.0714 to 0.0872) | ≥0.0346 | ≥0.280 | ≥0.617 |" in top
    assert "they can't be compared with figures over the whole vocabulary" in top


def test_what_was_not_measured_is_left_out_and_said(tmp_path: Path) -> None:
    bare = _comparison(generation=(), calls=None)
    text = benchmark_sections([_write(tmp_path / "c.json", bare)], [])
    assert "- Not measured: divergence while generating, tool calls, throughput." in text
    assert "### Throughput" not in text
    assert "While generating" not in text
    only_load = benchmark_sections([], [write_result(tmp_path / "1.json")])
    assert "- Not measured: perplexity, KL divergence, divergence while generating, tool calls." in only_load
    assert "Δp" not in only_load


def test_names_of_files_stay_text(tmp_path: Path) -> None:
    comparison = _comparison(name="a|b <script>*x*</script>")
    text = benchmark_sections(
        [_write(tmp_path / "c.json", comparison)], [write_result(tmp_path / "1.json", model_id="<b>|x")]
    )
    assert "### a\\|b &lt;script&gt;\\*x\\*&lt;/script&gt;: perplexity" in text
    assert not re.search(r"<[a-z/]", text)
    assert "a \\*note\\*" in text


def test_another_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"format": 1}')
    with pytest.raises(OutputError) as caught:
        benchmark_sections([path], [])
    assert str(caught.value) == (
        f"{path}: is not what `calibset compare --json` of this version writes: calibset: is missing"
    )
    path.write_text("")
    with pytest.raises(OutputError, match=r"this version writes: Invalid JSON: EOF"):
        benchmark_sections([path], [])


def test_the_command_prints_benchmarks_without_a_calibration_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path / "c.json", _comparison())
    assert main(["card", "--model", "--evaluation", str(path)]) == 0
    assert capsys.readouterr().out == benchmark_sections([path], [])
    assert main(["card", "--evaluation", str(path)]) == 2
    assert capsys.readouterr().err == (
        "calibset: --evaluation, --throughput: go with --model; the card of a file has no benchmarks\n"
    )
    assert main(["card", "--model"]) == 2
    assert capsys.readouterr().err == (
        "calibset: card: name a calibration file, or with --model what was measured (--evaluation)\n"
    )
