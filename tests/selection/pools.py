"""Small pools of candidates, and what a choice of them is worth by the book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, product
from random import Random

from hypothesis import strategies as st

from calibset.selection.coverage import Candidate

GROUPS = "abc"


@st.composite
def pools(draw: st.DrawFn, *, most: int = 9) -> tuple[list[Candidate], dict[str, int]]:
    """Draw a pool with repeated tokens, ties and scarce terms, and quotas that may exceed it."""
    tokens = st.lists(st.integers(0, 12), max_size=8)
    terms = st.frozensets(st.integers(0, 4), max_size=2)
    candidate = st.builds(
        lambda ids, group, held: Candidate(token_ids=ids, group=group, terms=held),
        tokens,
        st.sampled_from(GROUPS),
        terms,
    )
    quotas = st.fixed_dictionaries({group: st.integers(0, 4) for group in GROUPS})
    return draw(st.lists(candidate, max_size=most)), draw(quotas)


def choices(candidates: Sequence[Candidate], quotas: Mapping[str, int]) -> Iterator[list[int]]:
    """Yield every choice that fills the quotas as far as the pool does."""
    members = {group: [i for i, c in enumerate(candidates) if c.group == group] for group in quotas}
    parts = (combinations(members[group], min(quotas[group], len(members[group]))) for group in quotas)
    for choice in product(*parts):
        yield list(chain.from_iterable(choice))


def value(candidates: Sequence[Candidate], chosen: Sequence[int], *, times: int = 1) -> tuple[int, int]:
    """Return what the terms that some rows hold are worth, and what their tokens are."""
    rows = Counter(token for i in chosen for token in set(candidates[i].token_ids))
    of_tokens = sum((0, 16, 20, 21)[min(count, 3)] for count in rows.values())
    holders = Counter(term for candidate in candidates for term in candidate.terms)
    held = Counter(term for i in chosen for term in candidates[i].terms)
    of_terms = sum(min(times, count) * (len(candidates) // holders[term]) for term, count in held.items())
    return of_terms, of_tokens


def topical(seed: int) -> tuple[list[Candidate], dict[str, int]]:
    """Return three sources of rows on many subjects, of which a few make up most rows."""
    rng = Random(seed)
    candidates = []
    for source, group in enumerate(GROUPS):
        for _ in range(80):
            subject = min(int(rng.paretovariate(0.7)), 40) + 40 * source
            own = (1_000 + 200 * subject + rng.randrange(200) for _ in range(300))
            common = (rng.randrange(200) for _ in range(200))
            candidates.append(Candidate(token_ids=(*own, *common), group=group))
    return candidates, dict.fromkeys(GROUPS, 15)


def count_distinct_tokens(candidates: Sequence[Candidate], chosen: Iterable[int]) -> int:
    """Count the different tokens that the chosen rows hold together."""
    return len({token for index in chosen for token in candidates[index].token_ids})
