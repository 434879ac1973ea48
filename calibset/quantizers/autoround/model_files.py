"""What AutoRound will make of a model, judged by its name and by the files of its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MISTRAL_NAMES = ("Mistral-Small-3.2", "Magistral-Small", "Devstral-Small")
"""Parts of a path that make AutoRound load mistral-common's tokenizer, in this spelling only."""

# A key of config.json that holds one of these makes AutoRound take a model for a multimodal one.
_MULTIMODAL_KEYS = (
    "multi_modal_projector", "multimodal_projector", "thinker", "visual", "audio", "talker", "token2wav",
    "code2wav", "code_predictor", "vqmodel", "vision", "patch_merger", "pre_mm_projector_norm",
)  # fmt: skip
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_LARGEST_CONFIG = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a command depends on.

    Attributes:
        path: As the user wrote it: a folder, or ``OWNER/NAME`` on the hub.
        is_folder: Whether it is a folder on this machine.
        multimodal: Whether AutoRound takes it for a multimodal model; None where that can't be seen.
        has_tekken: Whether ``tekken.json`` is there.
        has_fast_tokenizer: Whether ``tokenizer.json`` is there.
        has_processor: Whether the files are there that a multimodal model's processor is loaded from.
        max_positions: Tokens that the model has positions for, where its config says.
        model_max_length: Tokens that its tokenizer says it takes at most, where it does.
    """

    path: str
    is_folder: bool = False
    multimodal: bool | None = None
    has_tekken: bool = False
    has_fast_tokenizer: bool = False
    has_processor: bool = False
    max_positions: int | None = None
    model_max_length: int | None = None

    @property
    def has_mistral_name(self) -> bool:
        """Whether its path makes AutoRound load mistral-common's tokenizer."""
        return self.may_be_multimodal and any(name in self.path for name in MISTRAL_NAMES)

    @property
    def may_be_multimodal(self) -> bool:
        """Whether AutoRound takes it for a multimodal model, as far as can be seen."""
        return self.multimodal is not False


def inspect_model(path: str, multimodal: bool | None = None) -> ModelInfo:
    """Return what a model's path and the files of its folder, where there is one, show of it.

    Args:
        path: A folder, or a name on the hub; nothing is asked of the hub.
        multimodal: What the user says of it, in place of what its files say.
    """
    folder = Path(path)
    if not os.path.isdir(folder):  # noqa: PTH112  (Path's raises on a name too long)
        named = any(name in path for name in MISTRAL_NAMES)
        return ModelInfo(path=path, multimodal=multimodal if multimodal is not None else named or None)
    has_processor = any(_is_file(folder / name) for name in _PROCESSORS)
    config = _read_json(folder / "config.json")
    if multimodal is None and has_processor:
        multimodal = True
    elif multimodal is None and config is not None:
        multimodal = any(mark in key for key in config for mark in _MULTIMODAL_KEYS)
    positions = (_whole_number(config or {}, key) for key in ("max_position_embeddings", "n_positions"))
    return ModelInfo(
        path=path,
        is_folder=True,
        multimodal=multimodal,
        has_tekken=_is_file(folder / "tekken.json"),
        has_fast_tokenizer=_is_file(folder / "tokenizer.json"),
        has_processor=has_processor,
        max_positions=next((number for number in positions if number is not None), None),
        model_max_length=read_model_max_length(folder),
    )


def read_model_max_length(folder: Path) -> int | None:
    """Return how many tokens a tokenizer's folder says that a text may have, None where it doesn't."""
    return _whole_number(_read_json(folder / "tokenizer_config.json") or {}, "model_max_length")


def _whole_number(config: Mapping[str, Any], key: str) -> int | None:
    number = config.get(key)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _read_json(path: Path) -> Mapping[str, Any] | None:
    """Return the object in a file; None where it can't be read, which AutoRound will say itself."""
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(_LARGEST_CONFIG))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  (Path's raises where a folder may not be entered)
