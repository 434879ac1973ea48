"""Tekken written as files: a Hugging Face fast tokenizer that transformers loads, or a ``tekken.json``.

A quantizer that reads text rows needs a tokenizer that parses control tokens. From a model folder that
holds only ``tekken.json`` it loads mistral-common's, which reads them as plain text.
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError, TokenizerError
from calibset.tokenizers.base import Tokenizer, spell_prefix
from calibset.tokenizers.byte_pairs import byte_letters, find_merges
from calibset.tokenizers.engine_faults import translate_faults
from calibset.tokenizers.tekken import TekkenTokenizer

_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "add_bos_token": True,
    "clean_up_tokenization_spaces": False,
    "model_max_length": 131072,
}


def write_fast_tokenizer(tokenizer: Tokenizer, folder: Path) -> tuple[Path, ...]:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``.

    Args:
        tokenizer: A Tekken tokenizer.
        folder: The folder to write to; it is created if it doesn't exist.

    Returns:
        The files written.

    Raises:
        TokenizerError: The tokenizer is not Tekken, so there is nothing to convert.
        OutputError: The folder can't be written.
    """
    if not isinstance(tokenizer, TekkenTokenizer):
        raise TokenizerError(f"{tokenizer.name} is a Hugging Face tokenizer already; use its folder as it is")
    with translate_faults(f"{tokenizer.name}: can't be written as a tokenizer.json"):
        fast = fast_tokenizer_json(tokenizer)
    contents = {"tokenizer.json": fast, "tokenizer_config.json": json.dumps(_CONFIG, indent=2) + "\n"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: can't be created: {error.strerror}") from error
    for name, text in contents.items():
        with write_atomically(folder / name) as stream:
            stream.write(text.encode("utf-8"))
    return tuple(folder / name for name in contents)


def fast_tokenizer_json(tokenizer: TekkenTokenizer) -> str:
    """Return the text of a ``tokenizer.json`` that gives the same ids as Tekken."""
    import tokenizers
    from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors

    letters = byte_letters()
    offset = len(tokenizer.special_tokens)
    ranks = {piece: rank for rank, piece in enumerate(tokenizer.engine.pieces[offset:])}
    spellings = {piece: "".join(letters[byte] for byte in piece) for piece in ranks}
    vocabulary = {spellings[piece]: rank + offset for piece, rank in ranks.items()}
    vocabulary.update(tokenizer.special_tokens)
    merges = [(spellings[left], spellings[right]) for left, right in find_merges(ranks)]

    engine = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(tokenizer.pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    engine.decoder = decoders.ByteLevel()
    bos, (bos_id,) = spell_prefix(tokenizer), tokenizer.prefix
    engine.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, bos_id)]
    )
    engine.add_special_tokens(
        [AddedToken(spelling, special=True, normalized=False) for spelling in tokenizer.special_tokens]
    )
    return str(engine.to_str())


def tekken_json(tokenizer: TekkenTokenizer) -> str:
    """Return the text of a ``tekken.json`` that gives the same ids for text."""
    offset = len(tokenizer.special_tokens)
    vocabulary = [
        {"rank": rank, "token_bytes": b64encode(piece).decode("ascii"), "token_str": None}
        for rank, piece in enumerate(tokenizer.engine.pieces[offset:])
    ]
    control = [
        {"rank": rank, "token_str": spelling, "is_control": True}
        for spelling, rank in tokenizer.special_tokens.items()
    ]
    config = {
        "pattern": tokenizer.pattern,
        "num_vocab_tokens": len(vocabulary),
        "default_vocab_size": tokenizer.vocabulary_size,
        "default_num_special_tokens": offset,
        "version": tokenizer.tekkenizer.version.value,
    }
    return json.dumps({"config": config, "vocab": vocabulary, "special_tokens": control})
