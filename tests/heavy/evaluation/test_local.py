"""A model in a folder gives the log probabilities that its logits stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from calibset.cli import main  # noqa: E402  (after what may be absent)
from calibset.core.errors import RecipeError  # noqa: E402
from calibset.evaluation.measurement import Measurement  # noqa: E402
from calibset.evaluation.scorers.local import LocalScorer, ModelError  # noqa: E402
from calibset.evaluation.windows import Window, cut_windows, second_half  # noqa: E402
from calibset.tokenizers import load_tokenizer  # noqa: E402
from tests.heavy.evaluation.tiny_model import write_model  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "base")


def windows(*lengths: int) -> list[Window]:
    random = np.random.default_rng(0)
    return [
        Window(
            index=index,
            ids=random.integers(0, 256, size=length).astype(np.int32),
            scored=second_half(length),
            document="d",
        )
        for index, length in enumerate(lengths)
    ]


def exact(folder: Path, window: Window) -> Any:
    """Return the log probabilities at the scored tokens, computed in float64 and without a cache."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    with torch.inference_mode():
        (logits,) = model(
            input_ids=torch.as_tensor(window.ids, dtype=torch.long)[None], use_cache=False
        ).logits
    rows = logits.numpy()[window.scored - 1]
    return (
        rows
        - np.log(np.exp(rows - rows.max(1, keepdims=True)).sum(1, keepdims=True))
        - rows.max(1, keepdims=True)
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_log_probabilities_are_those_of_the_definition(folder: Path, batch: int) -> None:
    scorer = LocalScorer.open(folder, dtype="float32", device="cpu", batch=batch)
    asked = windows(16, 31, 24)
    found = [one for at in range(0, 3, batch) for one in scorer.score(asked[at : at + batch], 5)]
    for window, scores in zip(asked, found, strict=True):
        full = exact(folder, window)
        assert np.allclose(scores.logprobs, full[np.arange(len(full)), window.targets], atol=1e-5)
        assert np.allclose(scores.top_logprobs, -np.sort(-full, axis=1)[:, :5], atol=1e-5)
        assert np.allclose(np.take_along_axis(full, scores.top_ids, 1), scores.top_logprobs, atol=1e-5)
        assert np.allclose(scorer.logits(window), full, atol=1e-5)


def test_what_it_is_and_computes_in_is_recorded(folder: Path) -> None:
    info = LocalScorer.open(folder, dtype="bfloat16", device="cpu").describe()
    assert (info.engine, info.model, info.dtype, info.device) == ("transformers", "base", "bfloat16", "cpu")
    assert (info.vocabulary, info.context) == (258, 64)
    assert info.versions["torch"] == torch.__version__
    assert LocalScorer.open(folder, device="cpu").describe().dtype == "float32"


def test_other_weights_of_the_same_form_are_told_apart(folder: Path, tmp_path: Path) -> None:
    same, other = write_model(tmp_path / "same"), write_model(tmp_path / "other", noise=1e-6)
    digests = [LocalScorer.open(one, device="cpu").describe().weights_sha256 for one in (folder, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_it_continues_with_the_likeliest_token(folder: Path) -> None:
    scorer = LocalScorer.open(folder, dtype="float32", device="cpu")
    ids = windows(10)[0].ids
    written = scorer.continue_greedily(ids, 12)
    for _ in range(12):
        window = Window(
            index=0, ids=np.append(ids, 0).astype(np.int32), scored=np.array([len(ids)]), document="d"
        )
        ids = np.append(ids, exact(folder, window)[0].argmax()).astype(np.int32)
    assert written.tolist() == ids[10:].tolist()


def test_it_stops_where_the_model_ends_its_turn(folder: Path, tmp_path: Path) -> None:
    ids = windows(10)[0].ids
    third = int(LocalScorer.open(folder, device="cpu").continue_greedily(ids, 3)[-1])
    ending = write_model(tmp_path / "ending")
    (ending / "generation_config.json").write_text(json.dumps({"eos_token_id": [256, third]}))
    written = LocalScorer.open(ending, device="cpu").continue_greedily(ids, 12).tolist()
    assert written[-1] == third
    assert len(written) <= 3


def test_weights_that_give_no_numbers_are_an_error(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "broken", noise=float("nan"))
    with pytest.raises(ModelError, match=r"^broken: gives a logprob that is nan \(window 0\)$"):
        LocalScorer.open(folder, device="cpu").score(windows(16), 2)


def test_a_folder_whose_weights_cant_be_read_is_an_error(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    # A pickle could run code, and is not read.
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"model: can't be loaded: OSError: "):
        LocalScorer.open(folder, device="cpu")


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoModelForCausalLM": "mine.Mine", "AutoConfig": "mine.Mine"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match=r"model: can't be loaded: ValueError: "):
        LocalScorer.open(folder, device="cpu")
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
def test_a_card_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(RecipeError, match=r"^--device cuda: torch finds no graphics card here$"):
        LocalScorer.open(folder, device="cuda")


def test_the_command_measures_a_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("Once upon a time. " * 20)
    words = [
        "evaluate",
        str(folder),
        "--data",
        "a.txt",
        "--ctx",
        "32",
        "--device",
        "cpu",
        "--generate",
        "8:4",
    ]
    assert main([*words, "--prompts", "2"]) == 0
    out, err = capsys.readouterr()
    assert "tokenizer " + str(folder) + ": the same files as the model's\n" in out
    assert err == "base: 13 windows\n"
    measurement = Measurement.read("base-a.parquet")
    letters = load_tokenizer(str(folder))
    ids = [*letters.prefix, *letters.encode("Once upon a time. " * 20, parse_special=False)]
    text = list(cut_windows(ids, 32, letters.prefix[0]))
    assert [one.ids.tolist() for one in measurement.windows[:11]] == [one.ids.tolist() for one in text]
    for window, scores in zip(measurement.windows, measurement.scores, strict=True):
        full = exact(folder, window)
        assert np.allclose(scores.logprobs, full[np.arange(len(full)), window.targets], atol=1e-5)
