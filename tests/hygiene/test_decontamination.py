from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene import ngram_hashes as module_of_grams
from calibset.hygiene.decontamination import Contamination, EvaluationIndex
from calibset.hygiene.words import split_words

# Lines as WikiText stores them.
LINES = (
    "",
    " = Harbour of Stonehaven = \n",
    "",
    " The harbour , built in 1 @,@ 826 by Robert Stevenson , is a fair sporting harbour in the county . \n",
    " Its sea @-@ walls didn 't withstand the winter of that year ; local fishermen paid for repairs . \n",
    " = = Notes = = \n",
)
PASSAGE = LINES[3].strip()
LETTERS = "abcdefgh"


def excluded_lines(run: int = 13) -> EvaluationIndex:
    excluded = EvaluationIndex(run=run)
    for number, line in enumerate(LINES):
        excluded.add("wikitext", str(number), split_words(line))
    return excluded


def matched(excluded: EvaluationIndex, text: str) -> Contamination | None:
    return excluded.find("page", split_words(text))


@pytest.mark.parametrize(
    "form",
    [
        PASSAGE,
        "The harbour, built in 1,826 by Robert Stevenson, is a fair sporting harbour in the county.",
        "<p>The <b>harbour</b>, built in&nbsp;1,826 by <a href='/rs?a=b c'>Robert Stevenson</a>, is a "
        "<i class=x>fair</i> sporting&#32;harbour in the county.</p>",
        "The '''harbour''', built in 1,826 by [[Robert Stevenson (engineer)|Robert Stevenson]], "
        "is a fair [[sport|sporting]] [[harbour]] in the ''county''.",
        "THE HARBOUR, BUILT IN 1,826 BY ROBERT STEVENSON, IS A FAIR SPORTING HARBOUR IN THE COUNTY.",
        "The har\u00adbour,\nbuilt\u00a0in 1.826\tby Robert \u200bStevenson – is "
        "a fair sporting\n\nharbour in the county",
        "Ｔｈｅ harbour (built in 1 826 by Robert Stevenson) is a fair sporting harbour in the county",
    ],
    ids=["wikitext", "detokenised", "html", "wiki markup", "upper case", "spaces", "wide letters"],
)
def test_a_passage_is_found_however_it_is_spelled(form: str) -> None:
    assert matched(
        excluded_lines(), f"Guide, part 2.\n\n{form}\n\nBoats leave at noon, so be there on time."
    ) == Contamination(
        document="page",
        exclude="wikitext",
        others=(),
        passage="3",
        words=17,
        containment=13 / 25,
        excerpt="the harbour built in 1 826 by robert stevenson is a fair sporting harbour in the county",
    )


def test_a_run_is_thirteen_words() -> None:
    twelve = "built in 1,826 by Robert Stevenson, is a fair sporting harbour"
    assert len(split_words(twelve)) == 12
    padding = "Here we write of other things which nobody has ever asked an examinee to read, or will."
    assert matched(excluded_lines(), f"{padding} {twelve}. {padding}") is None
    found = matched(excluded_lines(), f"{padding} {twelve} in. {padding}")
    assert found is not None
    assert found.words == 13
    found = matched(excluded_lines(run=11), f"{padding} {twelve}. {padding}")
    assert found is not None
    assert found.words == 12


def test_a_run_goes_across_lines() -> None:
    found = matched(
        excluded_lines(),
        "It is a fair sporting harbour in the county. Its sea-walls didn't withstand.",
    )
    assert found is not None
    assert (found.passage, found.words) == ("3", 14)
    heading = matched(
        excluded_lines(), "Harbour of Stonehaven. The harbour, built in 1826 or 1 826, by Robert Stevenson"
    )
    assert heading is None
    heading = matched(
        excluded_lines(), "Harbour of Stonehaven: The harbour, built in 1,826 by Robert Stevenson, is the"
    )
    assert heading is not None
    assert (heading.passage, heading.words) == ("1", 13)


def test_a_run_does_not_go_across_sets() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    excluded = EvaluationIndex()
    excluded.add("a", "1", split_words(text)[:7])
    excluded.add("b", "1", split_words(text)[7:])
    assert matched(excluded, text) is None
    excluded.add("a", "2", split_words(text)[7:])
    found = matched(excluded, text)
    assert found is not None
    assert (found.exclude, found.passage, found.containment) == ("a", "1", 1.0)


def test_of_several_passages_the_first_is_named() -> None:
    excluded = EvaluationIndex()
    for name in ("first", "second"):
        excluded.add(
            "quiz", f"other {name}", split_words("Something else, that has nothing to do with it at all.")
        )
        excluded.add("quiz", name, split_words(PASSAGE))
    excluded.add("again", "third", split_words(PASSAGE))
    found = matched(excluded, PASSAGE)
    assert found is not None
    assert (found.exclude, found.passage) == ("quiz", "first")


def test_the_longest_stretch_is_told() -> None:
    excluded = excluded_lines()
    passage = split_words(PASSAGE)
    text = f"{' '.join(passage[:13])} and so on; {LINES[4]} and so on; {' '.join(passage[:15])}"
    found = matched(excluded, text)
    assert found is not None
    assert (found.passage, found.words) == ("4", len(split_words(LINES[4])))


def test_an_excerpt_is_short() -> None:
    excluded = EvaluationIndex()
    long = [f"word{number}" for number in range(100)]
    excluded.add("quiz", "1", long)
    found = excluded.find("page", long)
    assert found is not None
    assert found.words == 100
    assert found.excerpt == " ".join(long)[:200]


def test_a_short_question_is_found_as_a_whole() -> None:
    excluded = EvaluationIndex()
    excluded.add("quiz", "1", split_words("Which river runs through the capital of Slovakia?"))
    excluded.add("quiz", "2", split_words("What is the capital of it?"))
    answer = (
        "I have been asked this many times, and the answer is that nobody who lives there knows for certain."
    )
    found = matched(excluded, f"{answer} Which river runs through the capital of Slovakia? {answer}")
    assert found is not None
    assert (found.passage, found.words, found.excerpt) == (
        "1",
        8,
        "which river runs through the capital of slovakia",
    )
    assert found.containment == 4 / 42
    assert matched(excluded, f"{answer} Which river runs through the capital of Hungary? {answer}") is None
    assert matched(excluded, f"{answer} What is the capital of it? {answer}") is None


def test_a_short_text_is_matched_by_its_shingles() -> None:
    excluded = EvaluationIndex()
    excluded.add(
        "defs",
        "1",
        split_words("Epidemic: a disease recognised by the health organisation or a government body at home"),
    )
    text = "Epidemic means a disease recognised by the health organisation or a government body"
    found = matched(excluded, text)
    assert found is not None
    assert (found.passage, found.words, found.containment) == ("1", 11, 7 / 9)
    assert found.excerpt == "a disease recognised by the health organisation or a government body"
    assert EvaluationIndex(containment=0.8).find("page", split_words(text)) is None
    assert (
        matched(
            excluded,
            "Pandemic: some disease recognised by the health organisation, or what a government body says",
        )
        is None
    )


def test_a_stock_phrase_is_no_match() -> None:
    excluded = EvaluationIndex()
    excluded.add(
        "quiz",
        "1",
        split_words("To assist you better, could you please provide me with the name of the company?"),
    )
    assert (
        matched(excluded, "Find a stylist. To assist you better, could you please specify the city?") is None
    )
    assert matched(excluded, "could you please provide me") is None


@pytest.mark.parametrize(
    "table",
    [
        "0 " * 40,
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
        "yes yes no yes no no yes yes yes no yes yes no yes",
        "kg 1 cm 20 kg 2 cm 21 kg 3 cm 22 kg 4 cm 23 kg 5",
        "½ ² ٣ ٤ ٥ ٦ ٧ ٨ ٩ ١ ٢ 12 13 14",
    ],
)
def test_what_says_nothing_is_no_match(table: str) -> None:
    excluded = EvaluationIndex()
    excluded.add("quiz", "1", split_words(table))
    assert matched(excluded, table) is None
    assert excluded.without(table) == table


def test_a_run_half_of_which_says_something_is_a_match() -> None:
    excluded = EvaluationIndex()
    excluded.add("quiz", "1", split_words("length 1 width 2 height 3 depth 4 weight 5 price 6 total 7"))
    found = matched(excluded, "length 1 width 2 height 3 depth 4 weight 5 price 6 total")
    assert found is not None
    assert found.words == 13


def test_nothing_matches_nothing() -> None:
    assert matched(EvaluationIndex(), PASSAGE) is None
    excluded = EvaluationIndex()
    excluded.add("quiz", "1", [])
    assert matched(excluded, PASSAGE) is None
    assert excluded.without(PASSAGE) == PASSAGE
    assert matched(excluded_lines(), "") is None
    assert excluded_lines().without("") == ""


def test_more_can_be_put_in_later() -> None:
    excluded = EvaluationIndex()
    assert matched(excluded, PASSAGE) is None
    excluded.add("quiz", "1", split_words(PASSAGE)[:7])
    assert matched(excluded, PASSAGE) is None
    excluded.add("quiz", "2", split_words(PASSAGE)[7:])
    assert matched(excluded, PASSAGE) is not None


@pytest.mark.parametrize(
    ("run", "containment", "message"),
    [
        (7, 0.5, "run: must be at least 8, got 7"),
        (13, 0.0, "containment: must be above 0 and at most 1, got 0.0"),
        (13, 1.5, "containment: must be above 0 and at most 1, got 1.5"),
    ],
)
def test_bounds(run: int, containment: float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        EvaluationIndex(run=run, containment=containment)


def test_a_collision_is_no_match(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = module_of_grams._digests
    monkeypatch.setattr(module_of_grams, "_digests", lambda codes, size: digests(codes, size) * 0)
    assert matched(excluded_lines(), LINES[4]) is None
    assert matched(excluded_lines(), "a b c d e f g h i j k l m n o p") is None


def test_a_text_is_cut_around_the_match() -> None:
    before = "Stonehaven is a town of some eleven thousand people, south of Aberdeen, with a tall lighthouse"
    after = "The fish is sold by auction, every morning before six, at the northern end of the pier."
    text = f'{before} ("{PASSAGE}"). {after}\n'
    assert excluded_lines().without(text) == f'{before} ("\n\n{after}'
    assert excluded_lines().without(f"{PASSAGE[:-1]}: “{after}”") == f"“{after}”"
    assert excluded_lines().without(f"<p>{PASSAGE}</p><p>{after}") == f"</p><p>{after}"


def test_small_pieces_go_with_the_cut() -> None:
    text = f"Chapter 3. {PASSAGE} As said: {LINES[4]} The end"
    assert excluded_lines().without(text) == ""


def test_a_cut_that_makes_a_new_run_is_cut_again() -> None:
    one, two = split_words(PASSAGE), split_words(LINES[4])
    rest = "Nothing of this stands anywhere else in the whole wide world, as far as anybody here knows today."
    text = f"{rest} {' '.join(one[:9])} {' '.join(two)} {' '.join(one[9:])} {rest}"
    assert excluded_lines().without(text) == f"{rest}\n\n{rest}"


def test_a_text_that_matches_by_its_shingles_is_given_up() -> None:
    excluded = EvaluationIndex()
    excluded.add(
        "defs",
        "1",
        split_words("Epidemic: a disease recognised by the health organisation or a government body at home"),
    )
    assert (
        excluded.without(
            "Epidemic means a disease recognised by the health organisation or a government body"
        )
        == ""
    )


def test_a_text_whose_words_have_no_place_is_given_up() -> None:
    excluded = EvaluationIndex()
    passage = "The Acme™ rocket is sold with a fuse, a manual, and a warranty that ends on launch."
    excluded.add("ads", "1", split_words(passage))
    assert excluded.without(passage) == ""


CHINESE = "根据中华人民共和国保险法的规定"
LONGER = "投保人应当在合同成立之日起三十日内一次性缴清全部费用否则本公司不承担任何赔偿责任"


def test_letters_of_scripts_without_spaces_count_half() -> None:
    excluded = EvaluationIndex()
    excluded.add("quiz", "1", split_words(f"{CHINESE}，{LONGER}。"))
    assert matched(excluded, f"{CHINESE}，我们今天谈谈另外一件事情，天气很好，大家都去公园散步看花。") is None
    other = "今天天气很好，我们去公园散步看花，晚上回家吃饭聊天。" * 2
    assert matched(excluded, f"{other}{LONGER[:25]}{other}") is None
    found = matched(excluded, f"{other}{LONGER[:26]}{other}")
    assert found is not None
    assert (found.words, found.passage) == (26, "1")


def test_whole_documents_in_such_scripts_need_sixteen_letters() -> None:
    other = "今天天气很好，我们去公园散步看花，晚上回家吃饭聊天。" * 2
    for letters, is_match in ((15, False), (16, True), (25, True)):
        excluded = EvaluationIndex()
        excluded.add("quiz", "1", split_words(LONGER[:letters]))
        assert (matched(excluded, f"{other}{LONGER[:letters]}{other}") is not None) == is_match
        assert (matched(excluded, LONGER[:letters]) is not None) == is_match


def test_a_few_such_letters_make_no_difference() -> None:
    excluded = EvaluationIndex()
    passage = "The sign says 保险合同 and nobody in the town has ever read what stands under it"
    excluded.add("quiz", "1", split_words(passage))
    assert (
        matched(excluded, f"Here we write: {' '.join(passage.split()[:10])}. And so on, as we please.")
        is not None
    )


def test_all_sets_that_a_text_matches_are_told() -> None:
    excluded = EvaluationIndex()
    reworded = f"{' '.join(split_words(PASSAGE)[:12])} port of this county"
    excluded.add(
        "unlike",
        "1",
        split_words("Something else, that has nothing to do with it at all, as far as one knows."),
    )
    excluded.add("second", "1", split_words(PASSAGE))
    excluded.add("third", "1", split_words(f"{LINES[4]} {PASSAGE}"))
    excluded.add("alike", "1", split_words(reworded))
    excluded.add("third", "2", split_words(PASSAGE))
    found = matched(excluded, PASSAGE)
    assert found is not None
    assert (found.exclude, found.others) == ("second", ("third", "alike"))
    found = matched(excluded, LINES[4])
    assert found is not None
    assert (found.exclude, found.others) == ("third", ())


def telling(run: tuple[str, ...]) -> bool:
    return 2 * len({word for word in run if not word.isnumeric()}) >= len(run)


def grams(text: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(text[at : at + size]) for at in range(len(text) - size + 1)}


passages = st.lists(st.sampled_from([*LETTERS, "1", "22"]), max_size=30)


@given(st.sampled_from([8, 10]), st.lists(passages, max_size=4), passages, st.booleans())
def test_a_match_is_what_comparing_every_run_says(
    run: int, rows: list[list[str]], text: list[str], repeats: bool
) -> None:
    text = text[:10] + rows[-1] + text[10:] if repeats and rows else text
    excluded = EvaluationIndex(run=run, containment=1.0)
    for number, row in enumerate(rows):
        excluded.add("set", str(number), row)
    stream = [word for row in rows for word in row]
    runs_of_set = grams(stream, run) | {tuple(row) for row in rows if 8 <= len(row) < run}
    shared = {at for size in range(8, run + 1) for at in grams(text, size) & runs_of_set if telling(at)}
    known = {shingle for shingle in grams(stream, 5) if telling(shingle)}
    own = [tuple(text[at : at + 5]) for at in range(len(text) - 4)]
    whole = len(own) >= 4 and all(shingle in known for shingle in own)
    found = excluded.find("page", text)
    assert (found is not None) == (bool(shared) or whole)
    if found is not None:
        assert found.containment == sum(shingle in known for shingle in own) / len(own)


@given(st.lists(passages, min_size=1, max_size=3), st.data())
def test_what_is_cut_is_clean(rows: list[list[str]], data: st.DataObject) -> None:
    excluded = EvaluationIndex(run=8)
    for number, row in enumerate(rows):
        excluded.add("set", str(number), row)
    parts = data.draw(st.lists(st.sampled_from(rows) | passages, max_size=6))
    joins = st.sampled_from([" ", ". ", "\n\n", " <b>", "</b> ", "</", " [[x|", "]] ", "-"])
    text = "".join(word + data.draw(joins) for part in parts for word in part)
    clean = excluded.without(text)
    assert excluded.find("page", split_words(clean)) is None
    assert excluded.without(clean) == clean
    if excluded.find("page", split_words(text)) is None:
        assert clean == text
    else:
        assert all(piece in text for piece in clean.split("\n\n") if "\n" not in text)
        assert len(split_words(clean)) <= len(split_words(text)) - 8


@given(
    st.lists(
        st.lists(st.sampled_from([*PASSAGE.split(), "harbour", "of", "elsewhere", "x"]), max_size=8).map(
            " ".join
        )
        | st.integers(0, 12).map(lambda cut: " ".join(PASSAGE.split()[cut:]))
        | st.sampled_from(LINES),
        max_size=8,
    )
)
def test_of_texts_together_is_found_what_is_found_of_each_alone(texts: list[str]) -> None:
    excluded = excluded_lines()
    named = [(str(number), split_words(text)) for number, text in enumerate(texts)]
    assert excluded.find_all(named) == [excluded.find(name, words) for name, words in named]
    # Two halves of a passage are none where one text ends and the next begins.
    words = split_words(PASSAGE)
    assert excluded.find_all([("a", words[:7]), ("b", words[7:14])]) == [None, None]
    assert [
        match and match.document for match in excluded.find_all([("a", words), ("b", []), ("c", words)])
    ] == [
        "a",
        None,
        "c",
    ]
