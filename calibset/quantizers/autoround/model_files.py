"""What AutoRound will make of a model's place: facts of its folder, and of its name."""

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
class ModelFacts:
    """What a command depends on.

    Attributes:
        path: As the user wrote it: a folder, or ``OWNER/NAME`` on the hub.
        is_folder: Whether it is a folder on this machine.
        multimodal: Whether AutoRound takes it for a multimodal model; None where that can't be seen.
        has_tekken: Whether ``tekken.json`` is there.
        has_fast_tokenizer: Whether ``tokenizer.json`` is there.
        has_processor: Whether the files are there that a multimodal model's processor is loaded from.
        positions: Tokens that the model has positions for, where its config says.
        longest_text: Tokens that its tokenizer says it takes at most, where it does.
    """

    path: str
    is_folder: bool = False
    multimodal: bool | None = None
    has_tekken: bool = False
    has_fast_tokenizer: bool = False
    has_processor: bool = False
    positions: int | None = None
    longest_text: int | None = None

    @property
    def has_mistral_name(self) -> bool:
        """Whether its path makes AutoRound load mistral-common's tokenizer."""
        return self.multimodal is not False and any(name in self.path for name in MISTRAL_NAMES)

    @property
    def may_be_multimodal(self) -> bool:
        """Whether AutoRound takes it for a multimodal model, as far as can be seen."""
        return self.multimodal is not False


def model_facts(path: str, multimodal: bool | None = None) -> ModelFacts:
    """Look at a model's folder, where there is one.

    Args:
        path: A folder, or a name on the hub; nothing is asked of the hub.
        multimodal: What the user says of it, in place of what its files say.
    """
    folder = Path(path)
    if not os.path.isdir(folder):  # noqa: PTH112  (Path's raises on a name too long)
        named = any(name in path for name in MISTRAL_NAMES)
        return ModelFacts(path=path, multimodal=multimodal if multimodal is not None else named or None)
    there = {name for name in ("tekken.json", "tokenizer.json", *_PROCESSORS) if _is_file(folder / name)}
    config = _json(folder / "config.json")
    seen = _is_multimodal(config, bool(there & set(_PROCESSORS)))
    positions = (_whole(config or {}, key) for key in ("max_position_embeddings", "n_positions"))
    return ModelFacts(
        path=path,
        is_folder=True,
        multimodal=multimodal if multimodal is not None else seen,
        has_tekken="tekken.json" in there,
        has_fast_tokenizer="tokenizer.json" in there,
        has_processor=bool(there & set(_PROCESSORS)),
        positions=next((number for number in positions if number is not None), None),
        longest_text=longest_text(folder),
    )


def longest_text(folder: Path) -> int | None:
    """Return how many tokens a tokenizer's folder says that a text may have, None where it doesn't."""
    return _whole(_json(folder / "tokenizer_config.json") or {}, "model_max_length")


def _is_multimodal(config: Mapping[str, Any] | None, has_processor: bool) -> bool | None:
    if has_processor:
        return True
    return None if config is None else any(mark in key for key in config for mark in _MULTIMODAL_KEYS)


def _whole(config: Mapping[str, Any], key: str) -> int | None:
    number = config.get(key)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _json(path: Path) -> Mapping[str, Any] | None:
    """Return what a file holds; None where it can't be read, which AutoRound will say itself."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_LARGEST_CONFIG))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  (Path's raises where a folder may not be entered)
