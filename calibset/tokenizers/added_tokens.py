"""Tokens that only the files beside a ``tokenizer.json`` name, added to it as transformers adds them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from calibset.tokenizers.folder_tokens import FURTHER_TOKENS, FolderToken, FolderTokens

if TYPE_CHECKING:
    import tokenizers


def add_folder_tokens(engine: tokenizers.Tokenizer, folder: FolderTokens) -> None:
    """Add the tokens of a folder to an engine in the order of transformers 5, on which their ids depend.

    Transformers does not give a token the id under which it is listed, but the next one that is free.
    """
    if not folder.listed and not folder.special:
        return
    present = engine.get_added_tokens_decoder()
    listed = {number: _added_token(token) for number, token in folder.listed.items()}
    if not folder.lists_all:
        listed.update(present)
    tokens = [token for _, token in sorted(listed.items())]
    known = {token.content for token in (*present.values(), *tokens)}
    named = {token.content for key, token in folder.special if key != FURTHER_TOKENS}
    spelled: set[str] = set()
    for _, special in folder.special:
        token, is_spelled = _added_token(special), special == FolderToken(content=special.content)
        # Two names for one token add it once, unless they describe it differently: then the last one counts.
        if special.content not in known and (
            special.content not in spelled if is_spelled else token not in tokens
        ):
            tokens.append(token)
            spelled |= {special.content} if is_spelled else set()
    for token in tokens:
        if token.content in named:
            token.special = True
    engine.add_tokens(tokens)


def _added_token(token: FolderToken) -> tokenizers.AddedToken:
    from tokenizers import AddedToken

    return AddedToken(**{name: value for name, value in asdict(token).items() if value is not None})


def find_new_tokens(engine: tokenizers.Tokenizer, folder: FolderTokens) -> frozenset[str]:
    """Return the tokens that an engine lacks and that files only name, so that no file has an id for them."""
    listed = {token.content for token in folder.listed.values()}
    named = {token.content for _, token in folder.special}
    return frozenset(spelling for spelling in named - listed if engine.token_to_id(spelling) is None)
