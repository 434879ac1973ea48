"""How a quantizer reads text with a model's folder: asked of transformers where that is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.errors import TokenizerError
from calibset.core.installation import install_command
from calibset.tokenizers.auto_tokenizer import AutoTokenizer, load_auto_tokenizer
from calibset.tokenizers.engine_bounds import ensure_bounded
from calibset.tokenizers.engine_comparison import find_difference
from calibset.tokenizers.engine_faults import translate_faults
from calibset.tokenizers.model_folder import ModelFolder

if TYPE_CHECKING:
    import tokenizers

# The classes that read with the tokenizer.json as it is, in transformers 4.57 and 5.24. All others build
# parts of their engine themselves in one version or the other, or did so once.
_PLAIN_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
# The models for which transformers 5 takes a class of its own, whichever the folder names
# (MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS in tokenization_auto.py, less those that get a plain one).
_FORCED_MODELS = (
    "hyperclovax_vision_v2", "qwen2", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp", "siglip2",
)  # fmt: skip

_RUNS_CODE = (
    "the tokenizer is code in the model's folder (auto_map), which calibset doesn't run: rows are measured "
    "by its tokenizer.json; where the quantizer runs that code, give it token ids (`calibset export --format "
    "input_ids`)"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of how a quantizer reads text with a folder.

    Attributes:
        tokenizer: The tokenizer that transformers loads; None if it can't be asked or needn't be.
        engine: The engine of that tokenizer, if it reads otherwise than the ``tokenizer.json``.
        notes: What users should know about it.
    """

    tokenizer: AutoTokenizer | None = None
    engine: tokenizers.Tokenizer | None = None
    notes: tuple[str, ...] = ()


def ask_transformers(folder: ModelFolder, file: Path, engine: tokenizers.Tokenizer) -> Reading:
    """Find out how a quantizer reads text with the folder of a ``tokenizer.json``.

    Args:
        folder: What the folder says.
        file: The ``tokenizer.json``. If it has another name, no quantizer loads it from a folder.
        engine: The file's engine, with the tokens that the folder adds.
    """
    if file.name != "tokenizer.json" or not _has_class(folder):
        return Reading()
    if folder.runs_code:
        return Reading(notes=(_RUNS_CODE,))
    try:
        return _compare(load_auto_tokenizer(folder.path), engine)
    except ImportError:
        return Reading(notes=_note_unchecked(folder))
    except TokenizerError as error:
        return Reading(notes=(f"{error}; so it is not known how a quantizer reads these rows",))


def _has_class(folder: ModelFolder) -> bool:
    """Return whether a folder names a class that is loaded; a tekken.json is loaded by mistral-common."""
    names_class = bool(folder.class_name or folder.model_type or folder.runs_code)
    return names_class and not (folder.path / "tekken.json").is_file()


def _compare(tokenizer: AutoTokenizer, engine: tokenizers.Tokenizer) -> Reading:
    loaded = tokenizer.engine
    if loaded is None:
        return Reading(tokenizer)
    ensure_bounded(loaded, tokenizer.name)
    with translate_faults(f"{tokenizer.name} can't read text with it"):
        difference = find_difference(engine, loaded, tokenizer.name)
    if difference is None:
        return Reading(tokenizer)
    note = (
        f"{tokenizer.name} reads text otherwise than the tokenizer.json does ({difference!r}, for one); rows "
        "are measured by it, because transformers loads it"
    )
    return Reading(tokenizer, loaded, (note,) if difference else ())


def _note_unchecked(folder: ModelFolder) -> tuple[str, ...]:
    if folder.class_name in _PLAIN_CLASSES and folder.model_type not in _FORCED_MODELS:
        return ()
    if folder.class_name:
        names = f"names {folder.class_name}, which"
    else:
        names = f"is of a model of type {folder.model_type}, whose class"
    return (
        f"the tokenizer's folder {names} may read text otherwise than the tokenizer.json does; this was not "
        f"checked, because transformers is not installed ({install_command('transformers')})",
    )
