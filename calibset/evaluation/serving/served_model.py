"""What a model's folder tells of how it is to be served."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibset.tokenizers.model_config import find_number, read_json_object, whole_number
from calibset.tokenizers.model_folder import read_model_folder

_CONSOLIDATED = "consolidated"
# Layers of these kinds keep something else than keys and values of each token.
_OTHER_MEMORY = ("kv_lora_rank", "linear_num_key_heads", "mamba_d_state", "ssm_state_size", "state_size")
_BYTES_OF_A_NUMBER = 2  # bfloat16 or float16, the cache's type unless it is set


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuantization:
    """How weights are stored.

    Attributes:
        method: The form: gptq, awq, auto-round, compressed-tensors, …
        bits: Bits per weight, if told.
        sym: Whether ranges lie evenly around 0, if told.
    """

    method: str
    bits: int | None = None
    sym: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The traits of a model that its configuration depends on; None stands for what its files don't tell.

    Attributes:
        path: The path as the user wrote it: a folder, or ``OWNER/NAME`` on the hub.
        is_folder: Whether it is a folder on this machine.
        quantization: How its ``config.json`` says that it is quantized.
        max_positions: How many tokens it has positions for.
        vocabulary: How many tokens it has scores for.
        weight_bytes: How large its weights are.
        bytes_per_token: What keys and values of a token take at most.
        has_tekken: Whether the folder holds Mistral's tokenizer.
        has_params: Whether it holds Mistral's configuration, ``params.json``.
        has_config: Whether it holds ``config.json``.
        has_consolidated: Whether it holds weights under Mistral's names.
        template: Its chat templates, joined; empty if it has none.
    """

    path: str
    is_folder: bool = False
    quantization: StoredQuantization | None = None
    max_positions: int | None = None
    vocabulary: int | None = None
    weight_bytes: int | None = None
    bytes_per_token: int | None = None
    has_tekken: bool = False
    has_params: bool = False
    has_config: bool = False
    has_consolidated: bool = False
    template: str = ""

    @property
    def is_mistrals(self) -> bool:
        """Whether configuration and weights are in Mistral's own form."""
        return self.has_params and self.has_consolidated and self.quantization is None


def inspect_served_model(path: str) -> ServedModel:
    """Return what the files in a model's folder tell; of a name on the hub, which is not asked, nothing.

    Raises:
        TokenizerError: A file of its tokenizer can't be read.
    """
    folder = Path(path)
    if not os.path.isdir(folder):  # noqa: PTH112  (Path's raises on a name too long)
        return ServedModel(path=path)
    config = read_json_object(folder / "config.json")
    params = read_json_object(folder / "params.json")
    told: Mapping[str, Any] = config if config is not None else _as_config(params or {})
    weights = dict(_weights(folder))
    consolidated = {name: size for name, size in weights.items() if name.startswith(_CONSOLIDATED)}
    # A folder may have the same weights under both names.
    used = {name: size for name, size in weights.items() if name not in consolidated} or consolidated
    template = read_model_folder(folder).template
    texts = template.text if template else ""
    return ServedModel(
        path=path,
        is_folder=True,
        quantization=_read_quantization(told),
        max_positions=_positive(find_number(told, "max_position_embeddings")),
        vocabulary=_positive(find_number(told, "vocab_size")),
        weight_bytes=sum(used.values()) or None,
        bytes_per_token=_bytes_per_token(told),
        has_tekken=(folder / "tekken.json").is_file(),
        has_params=params is not None,
        has_config=config is not None,
        has_consolidated=bool(consolidated),
        template=texts if isinstance(texts, str) else "\n".join(texts.values()),
    )


def _weights(folder: Path) -> Iterator[tuple[str, int]]:
    for file in sorted(folder.glob("*.safetensors")):
        if file.is_file():
            yield file.name, file.stat().st_size


def _as_config(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return Mistral's configuration under the names of ``config.json``."""
    names = {
        "dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads",
        "n_kv_heads": "num_key_value_heads", "max_seq_len": "max_position_embeddings",
    }  # fmt: skip
    return {names.get(key, key): value for key, value in params.items()}


def _read_quantization(config: Mapping[str, Any]) -> StoredQuantization | None:
    """Return how a model is quantized; in a multimodal model it may stand with the language model."""
    for table in (config, config.get("text_config")):
        stored = table.get("quantization_config") if isinstance(table, Mapping) else None
        method = stored.get("quant_method") if isinstance(stored, dict) else None
        if isinstance(stored, dict) and isinstance(method, str) and method:
            sym = stored.get("sym")
            return StoredQuantization(
                method=method, bits=whole_number(stored, "bits"), sym=sym if isinstance(sym, bool) else None
            )
    return None


def _bytes_per_token(config: Mapping[str, Any]) -> int | None:
    if any(find_number(config, key) is not None for key in _OTHER_MEMORY):
        return None
    layers = find_number(config, "num_hidden_layers")
    heads = find_number(config, "num_attention_heads")
    hidden = find_number(config, "hidden_size")
    cached = find_number(config, "num_key_value_heads") or heads
    size = find_number(config, "head_dim")
    if size is None and hidden and heads and heads > 0:
        size = hidden // heads
    if layers is None or cached is None or size is None:
        return None
    return _positive(2 * layers * cached * size * _BYTES_OF_A_NUMBER)


def _positive(number: int | None) -> int | None:
    return number if number is not None and number > 0 else None
