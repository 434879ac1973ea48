"""Tokenizers of folders that hold a vocabulary in another form than a ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.errors import TokenizerError
from calibset.core.installation import install_command
from calibset.tokenizers.auto_tokenizer import AutoTokenizer, load_auto_tokenizer
from calibset.tokenizers.engine_faults import translate_faults

if TYPE_CHECKING:
    import tokenizers

# Larger ones take transformers over ten seconds; the largest published have 262,000 tokens in 4.7 MB.
_LARGEST = 5 * 2**20
_ANY_TEXT = "The quick brown fox jumps over 12 lazy dogs."


def convert_vocabulary(file: Path, name: str) -> tuple[AutoTokenizer, tokenizers.Tokenizer]:
    """Return the fast tokenizer that transformers makes of a folder, and its engine.

    Args:
        file: The folder's vocabulary.
        name: The tokenizer's name.

    Raises:
        TokenizerError: It can't; the message says how a ``tokenizer.json`` is written.
    """
    lacking = f"{name}: holds no tokenizer.json, only {file.name}"
    if file.stat().st_size > _LARGEST:
        raise TokenizerError(f"{lacking}, which is over {_LARGEST // 2**20} MiB; {_way_out(name)}")
    try:
        tokenizer = load_auto_tokenizer(file.parent)
    except ImportError:
        raise TokenizerError(f"{lacking}; {_way_out(name)}") from None
    except TokenizerError as error:
        raise TokenizerError(f"{lacking}, and {error}; {_way_out(name)}") from error
    engine = tokenizer.engine
    if engine is None:
        raise TokenizerError(
            f"{lacking}, which {tokenizer.name} reads, a tokenizer without a fast form: there is no "
            "tokenizer.json to measure rows by"
        )
    # Where the files that a class looks for are missing, it may make a tokenizer of nothing.
    with translate_faults(f"{lacking}, with which {tokenizer.name} can't read", text=_ANY_TEXT):
        read = engine.encode(_ANY_TEXT, add_special_tokens=False).ids
    if len(set(read)) < len(_ANY_TEXT) // 4:
        raise TokenizerError(f"{lacking}, of which {tokenizer.name} reads hardly a letter; {_way_out(name)}")
    return tokenizer, engine


def _way_out(name: str) -> str:
    """Return how a ``tokenizer.json`` is written."""
    is_on_hub = name.startswith("hf://")
    model, _, revision = name.removeprefix("hf://").partition("@") if is_on_hub else (name, "", "")
    arguments = f"{model!r}, revision={revision!r}" if revision else repr(model)
    install = install_command("transformers", "sentencepiece", "protobuf")
    return (
        f"write one and name its folder: {install}; python "
        f'-c "from transformers import AutoTokenizer; AutoTokenizer.from_pretrained({arguments})'
        ".save_pretrained('NEW_FOLDER')\""
    )
