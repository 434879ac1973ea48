"""Tokens that only the files beside a ``tokenizer.json`` name, added to it as transformers adds them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from calibset.tokenizers.model_folder import FURTHER_TOKENS, ModelFolder

if TYPE_CHECKING:
    import tokenizers


def add_folder_tokens(engine: tokenizers.Tokenizer, folder: ModelFolder) -> None:
    """Add the tokens of a folder to an engine in the order of transformers 5, on which their ids depend.

    Transformers does not give a token the id under which it is listed, but the next one that is free.
    """
    if not folder.listed_tokens and not folder.special_tokens:
        return
    from tokenizers import AddedToken

    present = engine.get_added_tokens_decoder()
    listed = {number: AddedToken(**asdict(token)) for number, token in folder.listed_tokens.items()}
    if not folder.lists_all:
        listed.update(present)
    tokens = [token for _, token in sorted(listed.items())]
    known = {token.content for token in (*present.values(), *tokens)}
    named = {token.content for key, token in folder.special_tokens if key != FURTHER_TOKENS}
    for _, special in folder.special_tokens:
        if special.content not in known:
            known.add(special.content)
            tokens.append(AddedToken(**asdict(special)))
    for token in tokens:
        if token.content in named:
            token.special = True
    engine.add_tokens(tokens)


def find_new_tokens(engine: tokenizers.Tokenizer, folder: ModelFolder) -> frozenset[str]:
    """Return the tokens that an engine lacks and that files only name, so that no file has an id for them."""
    listed = {token.content for token in folder.listed_tokens.values()}
    named = {token.content for _, token in folder.special_tokens}
    return frozenset(spelling for spelling in named - listed if engine.token_to_id(spelling) is None)
