"""How many different tokens any choice under the quotas could hold at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibset.selection.coverage import Candidate, TokenSets

# A token's price is a whole number of these parts of a token, so that the bound is exact.
_PARTS = 1 << 12
# Tokens that more rows hold are taken to be covered whatever is chosen.
_COMMON = 32
_STEPS = 100


def most_distinct(candidates: Sequence[Candidate], quotas: Mapping[str, int], sets: TokenSets) -> int:
    """Return a number of different tokens that no choice under the quotas exceeds.

    By Lagrangian relaxation of maximum coverage: let each token have a price of at most one. No
    choice covers more than the sum, over tokens, of what the price lacks of one, and, over
    groups, of the prices of all tokens in as many rows as the quota says, the dearest ones. That holds for
    any prices; theirs are moved towards a low sum by subgradient steps (Held and Karp, 1971). In
    whole numbers, so that it is the same on every machine.

    Args:
        candidates: The pool.
        quotas: Rows wanted of each group; a group that is not named gives none.
        sets: The tokens of the candidates.
    """
    rows = np.repeat(np.arange(len(sets)), np.diff(sets.ends))
    holders = np.bincount(sets.tokens, minlength=sets.size)
    priced = (holders <= _COMMON)[sets.tokens]
    rows, tokens = rows[priced], sets.tokens[priced]
    price = np.where(holders <= _COMMON, _PARTS // np.maximum(holders, 1), 0)
    groups = _members(candidates, quotas)
    best = sets.size * _PARTS
    for step in range(_STEPS):
        # Sums of whole numbers far below 2**53, so these floats are exact.
        worth = np.bincount(rows, weights=price[tokens], minlength=len(sets)).astype(np.int64)
        taken = np.zeros(len(sets), np.bool_)
        for members, quota in groups:
            taken[members[np.argsort(-worth[members], kind="stable")[:quota]]] = True
        best = min(best, int((_PARTS - price).sum() + worth[taken].sum()))
        covered = np.bincount(tokens[taken[rows]], minlength=sets.size)
        move = np.clip((price < _PARTS).astype(np.int64) - covered, -1, 1)
        price = np.clip(price + move * (_PARTS * 4 // (40 + step)), 0, _PARTS)
        price[holders > _COMMON] = 0
    return best // _PARTS


def _members(
    candidates: Sequence[Candidate], quotas: Mapping[str, int]
) -> list[tuple[NDArray[np.int64], int]]:
    members: dict[str, list[int]] = {group: [] for group, quota in quotas.items() if quota > 0}
    for index, candidate in enumerate(candidates):
        if candidate.group in members:
            members[candidate.group].append(index)
    return [(np.array(indices, np.int64), quotas[group]) for group, indices in members.items()]
