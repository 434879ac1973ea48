"""How AutoRound will treat a model, as its name and the files in its folder show."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from calibset.tokenizers.model_config import (
    find_number,
    read_embedding_count,
    read_json_object,
    whole_number,
)

MISTRAL_NAMES = ("Mistral-Small-3.2", "Magistral-Small", "Devstral-Small")
"""Parts of a path that make AutoRound load mistral-common's tokenizer, in this spelling only."""

# A key of config.json that holds one of these makes AutoRound take a model for a multimodal one.
_MULTIMODAL_KEYS = (
    "multi_modal_projector", "multimodal_projector", "thinker", "visual", "audio", "talker", "token2wav",
    "code2wav", "code_predictor", "vqmodel", "vision", "patch_merger", "pre_mm_projector_norm",
)  # fmt: skip
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The traits of a model that a command depends on.

    Attributes:
        path: The path as the user wrote it: a folder, or ``OWNER/NAME`` on the hub.
        is_folder: Whether the path is a folder on this machine.
        multimodal: Whether AutoRound treats it as a multimodal model; None if unknown.
        has_tekken: Whether the folder holds ``tekken.json``.
        has_fast_tokenizer: Whether the folder holds ``tokenizer.json``.
        has_processor: Whether the folder holds the files of a multimodal model's processor.
        max_positions: How many tokens the model has positions for; None if its config doesn't say.
        model_max_length: The most tokens that its tokenizer takes; None if it doesn't say.
        embedding_count: How many token ids it has embeddings for; None if its config doesn't say.
    """

    path: str
    is_folder: bool = False
    multimodal: bool | None = None
    has_tekken: bool = False
    has_fast_tokenizer: bool = False
    has_processor: bool = False
    max_positions: int | None = None
    model_max_length: int | None = None
    embedding_count: int | None = None

    @property
    def has_mistral_name(self) -> bool:
        """Whether the path makes AutoRound load mistral-common's tokenizer."""
        return self.may_be_multimodal and any(name in self.path for name in MISTRAL_NAMES)

    @property
    def may_be_multimodal(self) -> bool:
        """Whether AutoRound treats it as a multimodal model, as far as is known."""
        return self.multimodal is not False


def inspect_model(path: str, multimodal: bool | None = None) -> ModelInfo:
    """Return what a model's path and the files in its folder, if there is one, show about it.

    Args:
        path: A folder, or a name on the hub; the hub is not asked.
        multimodal: Whether the user says that it is multimodal, which overrides its files.
    """
    folder = Path(path)
    if not os.path.isdir(folder):  # noqa: PTH112  (Path's raises on a name too long)
        named = any(name in path for name in MISTRAL_NAMES)
        return ModelInfo(path=path, multimodal=multimodal if multimodal is not None else named or None)
    has_processor = any(_is_file(folder / name) for name in _PROCESSORS)
    config = read_json_object(folder / "config.json")
    if multimodal is None and has_processor:
        multimodal = True
    elif multimodal is None and config is not None:
        multimodal = any(mark in key for key in config for mark in _MULTIMODAL_KEYS)
    positions = (find_number(config or {}, key) for key in ("max_position_embeddings", "n_positions"))
    return ModelInfo(
        path=path,
        is_folder=True,
        multimodal=multimodal,
        has_tekken=_is_file(folder / "tekken.json"),
        has_fast_tokenizer=_is_file(folder / "tokenizer.json"),
        has_processor=has_processor,
        max_positions=next((number for number in positions if number is not None), None),
        model_max_length=read_model_max_length(folder),
        embedding_count=read_embedding_count(folder),
    )


def read_model_max_length(folder: Path) -> int | None:
    """Return the most tokens of a text according to a tokenizer's folder; None if it doesn't say."""
    return whole_number(read_json_object(folder / "tokenizer_config.json") or {}, "model_max_length")


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  (Path's raises where a folder may not be entered)
