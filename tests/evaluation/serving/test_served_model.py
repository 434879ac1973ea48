"""A model's folder tells how it is to be served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.evaluation.serving.served_model import (
    ServedModel,
    StoredQuantization,
    inspect_served_model,
)
from tests.evaluation.serving.folders import GPTQ, SMALL, write_folder


def test_a_folder_of_hugging_faces_form(tmp_path: Path) -> None:
    weights = {"model-1.safetensors": 3000, "model-2.safetensors": 2000}
    files = {"chat_template.jinja": "<tool_call>"}
    path = write_folder(tmp_path / "m", {**SMALL, "quantization_config": GPTQ}, weights=weights, files=files)
    assert inspect_served_model(path) == ServedModel(
        path=path,
        is_folder=True,
        quantization=StoredQuantization(method="gptq", bits=4, sym=True),
        max_positions=4096,
        vocabulary=1000,
        weight_bytes=5000,
        bytes_per_token=2560,
        has_config=True,
        template="<tool_call>",
    )


def test_mistrals_own_form_is_read_from_params(tmp_path: Path) -> None:
    params = {
        "dim": 256, "n_layers": 10, "n_heads": 8, "n_kv_heads": 2, "head_dim": 64, "vocab_size": 1000,
        "max_seq_len": 128_000,
    }  # fmt: skip
    path = write_folder(
        tmp_path / "m",
        None,
        weights={"consolidated.safetensors": 700},
        files={"params.json": json.dumps(params), "tekken.json": "{}"},
    )
    model = inspect_served_model(path)
    assert model.is_mistrals
    assert (model.max_positions, model.weight_bytes, model.bytes_per_token) == (128_000, 700, 5120)
    assert model.has_tekken


def test_weights_under_both_names_are_counted_once(tmp_path: Path) -> None:
    weights = {"consolidated.safetensors": 700, "model.safetensors": 900}
    assert inspect_served_model(write_folder(tmp_path / "m", weights=weights)).weight_bytes == 900


def test_the_language_model_of_a_multimodal_one_counts(tmp_path: Path) -> None:
    config = {
        "hidden_size": 99,
        "text_config": {**SMALL, "quantization_config": {"quant_method": "auto-round"}},
    }
    model = inspect_served_model(write_folder(tmp_path / "m", config))
    assert model.bytes_per_token == 2560
    assert model.quantization == StoredQuantization(method="auto-round")


@pytest.mark.parametrize("changed", [{"kv_lora_rank": 512}, {"num_hidden_layers": None}])
def test_what_keeps_something_else_than_keys_and_values_has_no_size(tmp_path: Path, changed) -> None:
    path = write_folder(tmp_path / "m", {**SMALL, **changed})
    assert inspect_served_model(path).bytes_per_token is None


def test_a_name_on_the_hub_tells_nothing() -> None:
    assert inspect_served_model("OWNER/NAME") == ServedModel(path="OWNER/NAME")
