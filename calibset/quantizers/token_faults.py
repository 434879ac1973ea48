"""What is wrong with the tokens of rows for a model, or for the loader that an older transformers has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.older_loader import OlderLoader

_MOST_TOKENS = 8
EMBEDDINGS_REMEDY = (
    "resize the model's embeddings (resize_token_embeddings), or take the tokenizer that it was trained with"
)
OLDER_LOADER_REMEDY = "use transformers 5, or set add_bos_token and add_eos_token in tokenizer_config.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingEmbeddings:
    """Tokens whose ids a model has no embeddings for, so that a quantizer stops at the first of them.

    Attributes:
        embedding_count: How many ids the model has embeddings for.
        tokens: Those that rows hold, by their ids; if none does, the control tokens.
        rows: How many rows hold such a token; None if the rows aren't known.
        rows_read: How many rows there are.
    """

    embedding_count: int
    tokens: Mapping[int, str]
    rows: int | None = None
    rows_read: int = 0

    @property
    def lack(self) -> str:
        """Which tokens have no embedding, as a sentence without its end."""
        named = [f"{token!r} ({rank})" for rank, token in list(self.tokens.items())[:_MOST_TOKENS]]
        more = len(self.tokens) - len(named)
        listed = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        has = "has" if len(self.tokens) == 1 else "have"
        return (
            f"{listed} {has} no embedding in the model, whose config.json says vocab_size "
            f"{self.embedding_count:,}"
        )

    @property
    def about(self) -> str:
        """What is wrong, as a sentence without its end."""
        about = self.lack
        if self.rows is None:
            return f"{about}; at a row that holds one it stops with an index error"
        if not self.rows:
            return f"{about}; none of the {self.rows_read:,} rows holds one"
        return (
            f"{about}; {self.rows:,} of {self.rows_read:,} rows hold one, where it stops with an index error"
        )


def find_missing_embeddings(
    tokenizer: Tokenizer, embedding_count: int | None, rows: Iterable[Sequence[int]] | None
) -> MissingEmbeddings | None:
    """Return which tokens a model has no embeddings for; None if it has one for each, or doesn't say.

    Args:
        tokenizer: The tokenizer that reads the rows.
        embedding_count: How many ids the model has embeddings for.
        rows: The ids that the model reads of each row; None if they aren't known.
    """
    if embedding_count is None or tokenizer.vocabulary_size <= embedding_count:
        return None
    beyond = [{token for token in ids if token >= embedding_count} for ids in rows or ()]
    named = {rank: token for token, rank in tokenizer.special_tokens.items() if rank >= embedding_count}
    ranks = sorted(set().union(*beyond) or named)
    if not ranks:
        return None
    return MissingEmbeddings(
        embedding_count=embedding_count,
        tokens={rank: named.get(rank) or tokenizer.decode([rank]) for rank in ranks},
        rows=None if rows is None else sum(map(bool, beyond)),
        rows_read=len(beyond),
    )


def describe_older_loader(
    loader: OlderLoader, tokenizer: Tokenizer, rows: Iterable[Sequence[int]] | None
) -> str:
    """Return what transformers before version 5 does to rows of text, as a sentence without its end.

    Args:
        loader: How it loads the tokenizer.
        tokenizer: The tokenizer as it was counted with.
        rows: The ids of each row's text, without special tokens added; None if they aren't known.
    """
    begin = f"transformers before 5 loads this tokenizer as {loader.class_name}, which "
    if len(loader.prefix) > len(tokenizer.prefix):
        begin += f"puts {loader.bos} before each row, as tokenizer.json does not"
        texts = None if rows is None else list(rows)
        twice = sum(tuple(ids[: len(loader.prefix)]) == loader.prefix for ids in texts or ())
        if texts is None:
            return f"{begin}: a row that begins with {loader.bos} has it twice"
        if twice:
            return f"{begin}: {twice:,} of {len(texts):,} rows begin with {loader.bos} and have it twice"
        return f"{begin}: each row has one token more"
    if len(loader.prefix) < len(tokenizer.prefix):
        return f"{begin}puts no BOS before a row, as tokenizer.json does: each row has one token fewer"
    if len(loader.suffix) > len(tokenizer.suffix):
        return f"{begin}puts {loader.eos} after each row, as tokenizer.json does not"
    return f"{begin}puts other special tokens around a row than tokenizer.json does"


def count_doubled(rows: Iterable[Sequence[int]], tokenizer: Tokenizer) -> int:
    """Count the rows that begin with what the tokenizer puts before each row as well.

    Args:
        rows: The ids of each row's text, without special tokens added.
        tokenizer: The tokenizer.
    """
    prefix = tokenizer.prefix
    return sum(bool(prefix) and tuple(ids[: len(prefix)]) == prefix for ids in rows)
