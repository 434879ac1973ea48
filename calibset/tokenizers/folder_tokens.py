"""The tokens that the files beside a ``tokenizer.json`` name, as transformers 5 puts them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NAMED_TOKENS = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
)  # fmt: skip
"""The keys by which every tokenizer of transformers names tokens, in the order in which it adds them."""

FURTHER_TOKENS = "extra_special_tokens"
"""The key of special tokens that have no name of their own."""

_OLD_FURTHER_TOKENS = "additional_special_tokens"
# transformers compares each with each.
_MOST = 20_000
# Each takes a tenth of a millisecond; models of speech have up to 65,536 of them.
_MOST_LISTED = 2**17
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderToken:
    """A token that a file beside the ``tokenizer.json`` names.

    Attributes:
        content: Its spelling.
        special: Whether it is a control token.
        normalized: Whether it is looked for in the normalized text; if None, it is unless it is special.
        lstrip: Whether it takes the white space before it.
        rstrip: Whether it takes the white space after it.
        single_word: Whether it is looked for only as a whole word.
    """

    content: str
    special: bool = True
    normalized: bool | None = None
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderTokens:
    """The tokens that files beside a ``tokenizer.json`` name.

    Attributes:
        listed: The tokens of ``added_tokens_decoder`` or ``added_tokens.json``, by id.
        lists_all: Whether it is ``added_tokens_decoder`` that lists them, which is meant to be complete.
        special: The tokens that are named BOS, PAD and the like, or listed as further special ones, each with
            its key, in the order in which transformers adds them.
    """

    listed: Mapping[int, FolderToken]
    lists_all: bool
    special: tuple[tuple[str, FolderToken], ...]


def collect_tokens(
    config: Mapping[str, Any], special_map: Mapping[str, Any], added: Mapping[str, Any]
) -> FolderTokens:
    """Return the tokens that a folder names.

    ``added_tokens_decoder`` makes transformers pass over the two files that were used before there was one.

    Args:
        config: The folder's ``tokenizer_config.json``.
        special_map: Its ``special_tokens_map.json``.
        added: Its ``added_tokens.json``.

    Raises:
        ValueError: Tokens are listed in a form that transformers refuses; the message names the key.
    """
    table = dict(config)
    if _OLD_FURTHER_TOKENS in table and not table.get(FURTHER_TOKENS):
        table[FURTHER_TOKENS] = table.pop(_OLD_FURTHER_TOKENS)
    own_names = _take_own_names(table)
    if lists_all := "added_tokens_decoder" in table:
        listed = _read_decoder(table["added_tokens_decoder"])
    else:
        _merge_map(table, special_map)
        own_names.update(_take_dict(table))
        listed = _read_added(added, set(_find_spellings(table, special_map)))
    if _OLD_FURTHER_TOKENS in table and FURTHER_TOKENS not in table:
        table[FURTHER_TOKENS] = table.pop(_OLD_FURTHER_TOKENS)
    others = {
        key: value for key, value in table.items() if key.endswith("_token") and key not in NAMED_TOKENS
    }
    named = {key: table.get(key) for key in NAMED_TOKENS} | others | own_names
    further = table.get(FURTHER_TOKENS)
    if further is not None and not isinstance(further, list):
        raise ValueError(f"{FURTHER_TOKENS} must be a list of tokens, or an object of tokens by name")
    pairs = [
        *named.items(),
        *((FURTHER_TOKENS, token) for token in further or ()),
    ]
    known = {token.content: token for token in listed.values()}
    special = []
    for key, value in pairs:
        describes_itself = isinstance(value, dict) and "__type" in value
        token = _parse_token(value, special=None if describes_itself else True)
        if token is not None and token.content:
            special.append((key, known.get(token.content, token) if key in NAMED_TOKENS else token))
    if len(listed) > _MOST_LISTED:
        raise ValueError(f"{len(listed):,} tokens are listed, and more than {_MOST_LISTED:,} are not read")
    if len(special) > _MOST:
        raise ValueError(f"{len(special):,} special tokens are named, and more than {_MOST:,} are not read")
    return FolderTokens(listed=listed, lists_all=lists_all, special=tuple(special))


def _take_own_names(table: dict[str, Any]) -> dict[str, Any]:
    """Take the tokens out of a configuration that only this model has names for (``image_token``, say)."""
    keys = [key for key in table if key.endswith("_token") and key not in NAMED_TOKENS]
    names = {key: table.pop(key) for key in keys if isinstance(table[key], str)}
    return names | _take_dict(table)


def _take_dict(table: dict[str, Any]) -> dict[str, Any]:
    return table.pop(FURTHER_TOKENS) if isinstance(table.get(FURTHER_TOKENS), dict) else {}


def _merge_map(table: dict[str, Any], special_map: Mapping[str, Any]) -> None:
    for key, value in special_map.items():
        if key == FURTHER_TOKENS and isinstance(value, list):
            former = table.get(key)
            table[key] = [*(former if isinstance(former, list) else ()), *value]
        else:
            table[key] = value


def _find_spellings(table: Mapping[str, Any], special_map: Mapping[str, Any]) -> Iterator[str]:
    """Yield the spellings that make transformers take a token of ``added_tokens.json`` for a special one."""
    for key in NAMED_TOKENS:
        value = table.get(key)
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict) and key in special_map:
            yield str(value.get("content"))
    further = table.get(FURTHER_TOKENS)
    yield from (token for token in (further if isinstance(further, list) else ()) if isinstance(token, str))


def _read_decoder(decoder: Any) -> dict[int, FolderToken]:
    tokens = {}
    for number, value in decoder.items() if isinstance(decoder, dict) else [("", None)]:
        token = _parse_token(value) if isinstance(value, dict) else None
        if token is None or not number.isdecimal() or len(number) > _MOST_DIGITS:
            raise ValueError("added_tokens_decoder must hold tokens by their ids")
        tokens[int(number)] = token
    return tokens


def _read_added(added: Mapping[str, Any], special: set[str]) -> dict[int, FolderToken]:
    if not all(isinstance(number, int) for number in added.values()):
        raise ValueError("added_tokens.json must hold ids by their tokens")
    return {
        number: FolderToken(content=content, special=content in special, normalized=content not in special)
        for content, number in added.items()
    }


def _parse_token(value: Any, *, special: bool | None = None) -> FolderToken | None:
    """Return a token that is spelled out or described; None if a value is neither."""
    table = value if isinstance(value, dict) else {"content": value}
    content = table.get("content")
    if not isinstance(content, str):
        return None
    if any("\ud800" <= letter <= "\udfff" for letter in content):
        raise ValueError(f"the token {content!r} is no text that could be read")
    is_special = table.get("special") is True if special is None else special
    normalized = table.get("normalized")
    return FolderToken(
        content=content,
        special=is_special,
        normalized=normalized if isinstance(normalized, bool) else None,
        **{
            key: table[key] for key in ("lstrip", "rstrip", "single_word") if isinstance(table.get(key), bool)
        },
    )
