from __future__ import annotations

from pathlib import Path

from calibset.quantizers.autoround.run import TokenizerLocation, locate_tokenizer


def test_the_tokenizer_of_a_folder(tmp_path: Path) -> None:
    for name, files in {"fast": ["tokenizer.json"], "both": ["tokenizer.json", "tekken.json"]}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("{}")
    assert locate_tokenizer("fast", tmp_path) == TokenizerLocation(path=str(tmp_path / "fast"))
    assert locate_tokenizer("both", tmp_path) == TokenizerLocation(
        path="tokenizer", written_from=str(tmp_path / "both" / "tekken.json")
    )
    assert locate_tokenizer("both/tekken.json", tmp_path).written_from == str(
        tmp_path / "both" / "tekken.json"
    )
    assert locate_tokenizer("hf://Qwen/Qwen3-8B", tmp_path) == TokenizerLocation(path="Qwen/Qwen3-8B")


def test_a_tokenizer_says_how_long_a_text_may_be(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 256}')
    expected = TokenizerLocation(path=str(tmp_path), model_max_length=256)
    assert locate_tokenizer(str(tmp_path)) == expected
    assert locate_tokenizer("tokenizer.json", tmp_path) == expected
