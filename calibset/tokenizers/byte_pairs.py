"""Byte pair encoding as the tokenizers library writes it: merges, and a letter for each byte."""

from __future__ import annotations

from collections.abc import Iterator


def find_merges(ranks: dict[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield, by rank, the one pair of tokens that byte pair encoding joins into each token."""
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1:
            parts = _encode_below(token, ranks, ranks[token])
            if len(parts) == 2:
                yield parts[0], parts[1]


def _encode_below(token: bytes, ranks: dict[bytes, int], limit: int) -> list[bytes]:
    """Encode a token's bytes with the merges of a lower rank only."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while True:
        best, index = limit, -1
        for i in range(len(parts) - 1):
            rank = ranks.get(parts[i] + parts[i + 1], limit)
            if rank < best:
                best, index = rank, i
        if index < 0:
            return parts
        parts[index : index + 2] = [parts[index] + parts[index + 1]]


def byte_letters() -> list[str]:
    """Return the printable letter that byte-level tokenizers write for each byte (GPT-2's table)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
