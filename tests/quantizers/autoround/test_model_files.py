from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers.autoround.model_files import ModelInfo, inspect_model


def folder(path: Path, config: Any = None, *names: str) -> str:
    path.mkdir(parents=True)
    if config is not None:
        (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    for name in names:
        (path / name).write_text("{}")
    return str(path)


@pytest.mark.parametrize(
    ("config", "names", "multimodal"),
    [
        ({"model_type": "mistral"}, (), False),
        ({"model_type": "mistral3", "vision_config": {}}, (), True),
        ({"multimodal_projector_bias": False}, (), True),
        ({}, ("preprocessor_config.json",), True),
        (None, ("processor_config.json",), True),
        (None, (), None),
        ("{", (), None),
        ("[" * 100_000, (), None),
        ([1], (), None),
    ],
)
def test_a_folder_shows_whether_it_is_multimodal(
    tmp_path: Path, config: Any, names: tuple[str, ...], multimodal: bool
) -> None:
    assert inspect_model(folder(tmp_path / "m", config, *names)).multimodal is multimodal


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"n_positions": 256}, 256),
        ({"text_config": {"max_position_embeddings": 256}, "vision_config": {}}, 256),
        ({"max_position_embeddings": True, "n_positions": "x"}, None),
        ({}, None),
    ],
)
def test_positions_have_two_names(tmp_path: Path, config: Any, positions: int | None) -> None:
    assert inspect_model(folder(tmp_path / "m", config)).max_positions == positions


def test_a_tokenizer_says_how_long_a_text_may_be(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", {}, "tokenizer.json")
    (tmp_path / "m" / "tokenizer_config.json").write_text('{"model_max_length": 256}')
    assert inspect_model(path).model_max_length == 256


def test_a_folder_s_files_are_seen(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", {"max_position_embeddings": 512}, "tekken.json", "tokenizer.json")
    assert inspect_model(path) == ModelInfo(
        path=path,
        is_folder=True,
        multimodal=False,
        has_tekken=True,
        has_fast_tokenizer=True,
        max_positions=512,
    )


def test_the_user_s_word_counts(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", {"vision_config": {}})
    assert inspect_model(path, multimodal=False).multimodal is False
    assert inspect_model("a/b", multimodal=True).multimodal is True


@pytest.mark.parametrize(
    ("path", "multimodal", "named"),
    [
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", True, True),
        ("mistralai/Devstral-Small-2507", True, True),
        ("mistralai/mistral-small-3.2", None, False),
        ("a" * 5000, None, False),
        ("org/x\0", None, False),
    ],
)
def test_of_a_name_on_the_hub_little_is_known(path: str, multimodal: bool | None, named: bool) -> None:
    assert inspect_model(path) == ModelInfo(path=path, multimodal=multimodal)
    assert inspect_model(path).has_mistral_name is named


def test_a_text_model_of_that_name_is_none_of_them(tmp_path: Path) -> None:
    assert not inspect_model(folder(tmp_path / "Mistral-Small-3.2", {})).has_mistral_name
