from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from calibset.quantizers.autoround.options import Quantization


def test_the_defaults() -> None:
    assert Quantization().model_dump() == {
        "scheme": "W4A16", "bits": 4, "group_size": 128, "sym": True, "iters": 1000, "batch_size": 4,
        "gradient_accumulate_steps": 1, "low_gpu_mem_usage": True, "format": "auto_gptq", "device": None,
        "torch_compile": None, "trust_remote_code": False, "output": "quantized",
    }  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        {"scheme": "W4A16; rm -rf"}, {"format": "auto gptq"}, {"bits": 0}, {"bits": "4"}, {"bits": True},
        {"group_size": -2}, {"iters": -1}, {"batch_size": 0}, {"device": ""}, {"device": "0 1"},
        {"output": ""}, {"nsamples": 4}, {"trust_remote_code": 1},
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_a_fault(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Quantization.model_validate(table)


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ({}, False),
        ({"scheme": "w4a16"}, False),
        ({"scheme": "W8A16"}, True),
        ({"scheme": "W8A16", "bits": 8}, False),
    ],
)
def test_bits_are_left_to_another_scheme(table: dict[str, Any], left: bool) -> None:
    assert Quantization.model_validate(table).is_left_to_scheme("bits") is left
