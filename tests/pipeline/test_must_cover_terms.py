from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from calibset.pipeline.must_cover_terms import find_titles, index_titles

WORDS = st.sampled_from(["risk", "of", "loss", "a", "ab", "c", "prémia"])
TITLES = st.lists(st.lists(WORDS, max_size=4), max_size=6)


@given(TITLES, st.lists(WORDS, max_size=12), st.sampled_from([" ", ", ", "\n", "_"]))
def test_titles_are_found_where_their_words_follow_on_each_other(
    titles: list[list[str]], words: list[str], between: str
) -> None:
    found = find_titles(between.join(words), index_titles(enumerate(titles)))
    assert found == {
        number
        for number, title in enumerate(titles)
        if title and any(words[start : start + len(title)] == title for start in range(len(words)))
    }


def test_a_title_is_found_in_whole_words_and_whatever_stands_between_them() -> None:
    titles = index_titles([(7, ["life", "insurance"]), (8, ["insur"]), (9, ["insurance", "life"])])
    assert find_titles("Term <b>LIFE</b>-Insurance", titles) == {7}
