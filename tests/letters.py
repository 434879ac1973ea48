"""A tokenizer of single bytes: a row's tokens can be counted by eye, and it loads at once."""

from __future__ import annotations

from pathlib import Path


def write_letters(folder: Path, *, bos: bool = True, eos: bool = False) -> Path:
    """Write a ``tokenizer.json`` that makes each byte a token, and ``<s>`` and ``</s>`` control tokens.

    Args:
        folder: Where to.
        bos: Whether it puts ``<s>`` before a text.
        eos: Whether it puts ``</s>`` behind.
    """
    import tokenizers
    from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    engine = tokenizers.Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.decoder = decoders.ByteLevel()
    engine.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in ("<s>", "</s>")])
    ids = [(one, engine.token_to_id(one)) for one in ("<s>", "</s>")]
    single = " ".join(["<s>"] * bos + ["$A"] + ["</s>"] * eos)
    engine.post_processor = processors.TemplateProcessing(single=single, special_tokens=ids)
    path = folder / "tokenizer.json"
    engine.save(str(path))
    return path
