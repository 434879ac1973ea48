"""AutoRound quantizes a small model with a calibration file, and what it saves loads and speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.heavy.autoround.conftest import RealAutoRound

ROWS, SEQLEN, GROUP, BITS = 16, 128, 128, 4
RECIPE = Path(__file__).parents[3] / "recipes" / "quickstart.toml"
# What AutoRound, transformers and torch say to each other.
pytestmark = pytest.mark.filterwarnings("ignore")
# The linear layers of a block, and their input and output dimensions.
LAYERS = {
    "self_attn.q_proj": (256, 256),
    "self_attn.k_proj": (256, 128),
    "self_attn.v_proj": (256, 128),
    "self_attn.o_proj": (256, 256),
    "mlp.gate_proj": (256, 512),
    "mlp.up_proj": (256, 512),
    "mlp.down_proj": (512, 256),
}


@pytest.fixture(scope="module")
def model() -> Any:
    """Return a model of Mistral's form with random weights."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=131072, hidden_size=256, intermediate_size=512, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=64, max_position_embeddings=512,
        bos_token_id=1, eos_token_id=2, tie_word_embeddings=True,
    )  # fmt: skip
    return MistralForCausalLM(config).to(torch.bfloat16)


@pytest.fixture(scope="module")
def saved(autoround: RealAutoRound, model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the model quantized with a file of the quickstart's recipe."""
    import auto_round

    folder = tmp_path_factory.mktemp("quantized")
    recipe = load_recipe(RECIPE, overrides=[f"nsamples={ROWS}", f"seqlen={SEQLEN}"])
    file = build(recipe).write(folder / "rows.jsonl")
    run = auto_round.AutoRound(
        model, autoround.tokenizer, scheme="W4A16", bits=BITS, group_size=GROUP, sym=True, iters=4,
        dataset=str(file), nsamples=ROWS, seqlen=SEQLEN, batch_size=4, low_gpu_mem_usage=True,
        device_map="cpu", enable_torch_compile=False,
    )  # fmt: skip
    run.quantize_and_save(str(folder / "model"), format="auto_gptq")
    (config,) = (folder / "model").rglob("config.json")
    return config.parent


def test_the_checkpoint_says_how_it_was_quantized(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())["quantization_config"]
    expected = {"bits": BITS, "group_size": GROUP, "sym": True, "quant_method": "gptq", "desc_act": False}
    assert {key: config.get(key) for key in expected} == expected


def test_every_linear_layer_is_packed(saved: Path) -> None:
    from safetensors import safe_open

    shapes: dict[str, tuple[tuple[int, ...], str]] = {}
    for file in saved.glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  (it is no mapping)
                shapes[name] = (
                    tuple(tensors.get_slice(name).get_shape()),
                    tensors.get_slice(name).get_dtype(),
                )
    in_a_word = 32 // BITS
    for layer in range(2):
        for name, (into, out) in LAYERS.items():
            layer_name = f"model.layers.{layer}.{name}"
            assert shapes[f"{layer_name}.qweight"] == ((into // in_a_word, out), "I32")
            assert shapes[f"{layer_name}.qzeros"] == ((into // GROUP, out // in_a_word), "I32")
            assert shapes[f"{layer_name}.scales"][0] == (into // GROUP, out)
            assert f"{layer_name}.weight" not in shapes


def test_it_loads_and_generates(saved: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoRoundConfig

    # As transformers has it the format wants GPTQModel; with this AutoRound itself loads it.
    own = AutoRoundConfig(backend="auto")
    loaded = AutoModelForCausalLM.from_pretrained(
        saved, device_map="cpu", dtype="auto", quantization_config=own
    )
    quantized = [name for name, part in loaded.named_modules() if hasattr(part, "qweight")]
    assert len(quantized) == 2 * len(LAYERS)
    prompt = torch.tensor([[1, 3, 1000, 1001, 4]])
    spoken = loaded.generate(prompt, max_new_tokens=8, do_sample=False, pad_token_id=11)
    assert spoken.shape[0] == 1
    assert prompt.shape[1] < spoken.shape[1] <= prompt.shape[1] + 8
    assert torch.equal(spoken[:, : prompt.shape[1]], prompt)
