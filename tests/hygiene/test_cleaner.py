from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal

import pytest

from calibset.core.documents import Conversation, Document, Filtered, Item, Message, Tool, ToolCall
from calibset.hygiene.admission import ExaminedRecord, admit
from calibset.hygiene.cleaner import Cleaner, SharedIndexes
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import Duplicate, DuplicateIndex
from calibset.hygiene.examination import Examiner
from calibset.hygiene.options import Hygiene
from calibset.hygiene.stats import LeftOut, ReadStats, RepairCounts
from calibset.hygiene.words import split_words
from tests.prose import prose, reworded

PLAIN = Hygiene(duplicates="keep", repairs=())
COOKIES = "We use cookies on this page so that it works as it should."
CZECH = "Pojišťovna poskytne pojistné plnění do patnácti dnů po skončení šetření pojistné události. " * 3
SLOVAK = "Poistná zmluva sa uzatvára na dobu neurčitú, ak sa zmluvné strany výslovne nedohodli inak. " * 3
EVALUATED = prose(99, 30)
JOIN = ("Ján: jan@posta.sk", "Nobody: name@example.com")


def documents(*texts: str) -> list[Item]:
    return [Document(id=str(number), text=text) for number, text in enumerate(texts)]


def dialogue(*turns: str, name: str = "c", system: str = "", result: str = "") -> Conversation:
    roles = ("user", "assistant") * len(turns)
    messages = [Message(role=role, content=turn) for role, turn in zip(roles, turns, strict=False)]  # type: ignore[arg-type]
    if system:
        messages.insert(0, Message(role="system", content=system))
    if result:
        messages.append(Message(role="tool", content=result, tool_call_id="1"))
    return Conversation(id=name, messages=tuple(messages))


def new_indexes(
    *, near: bool = True, evaluations: EvaluationIndex | None = None, cuts_matches: bool = False
) -> SharedIndexes:
    return SharedIndexes(
        duplicates=DuplicateIndex(near=near), evaluations=evaluations, cuts_matches=cuts_matches
    )


def clean(
    items: Iterable[Item], options: Hygiene = PLAIN, indexes: SharedIndexes | None = None, source: str = "one"
) -> tuple[list[Item], ReadStats]:
    stats = ReadStats()
    return list(cleaned(items, options, indexes or new_indexes(), stats, source)), stats


def cleaned(
    items: Iterable[Item], options: Hygiene, indexes: SharedIndexes, stats: ReadStats, source: str = "one"
) -> Iterator[Item]:
    """Yield the items that pass, of which no two may have the same id."""
    examiner = Examiner(
        options=options,
        evaluations=indexes.evaluations,
        cuts_matches=indexes.cuts_matches,
        sketches=indexes.duplicates.near,
    )
    return admit(map(ExaminedRecord, items), stats, Cleaner(source, examiner, indexes, stats))


def quiz() -> EvaluationIndex:
    index = EvaluationIndex()
    index.add("quiz", "7", split_words(EVALUATED))
    return index


def ids_of(items: Iterable[Item]) -> list[str]:
    return [item.id for item in items]


# --- what is repaired -----------------------------------------------------------------------


def test_where_nothing_is_wanted_items_pass_as_they_are_and_two_steps_are_timed() -> None:
    indexes = new_indexes()
    items = [*documents("a\ufeffb", "a\ufeffb", "?"), dialogue("Hi", "jan@posta.sk")]
    passed, stats = clean(items, PLAIN, indexes)
    # Repairs are asked for and none is wanted.
    assert passed == items
    assert (stats.repairs, stats.left_out) == (RepairCounts(), LeftOut())
    # What stays is remembered for other sources.
    assert list(indexes.timings.seconds) == ["repairs", "duplicates"]


def test_repairs_change_texts_and_are_counted_by_document() -> None:
    options = Hygiene(duplicates="keep")
    passed, stats = clean(
        documents("Zmluvn\u00c3\u00a9 \ufeffpodmienky\ufeff", "as it is", "o\u0301"), options
    )
    assert [item.text for item in passed if isinstance(item, Document)] == [
        "Zmluvné podmienky",
        "as it is",
        "ó",
    ]
    assert dict(stats.repairs.repaired) == {"mojibake": 1, "invisible": 1, "NFC": 1}


def test_a_repair_that_is_not_wanted_is_not_made() -> None:
    options = Hygiene(duplicates="keep", repairs=("invisible",))
    (passed,), stats = clean(documents("Zmluvn\u00c3\u00a9\ufeff"), options)
    assert isinstance(passed, Document)
    assert passed.text == "Zmluvn\u00c3\u00a9"
    assert dict(stats.repairs.repaired) == {"invisible": 1}


def test_all_texts_of_a_conversation_are_repaired_and_it_counts_once() -> None:
    call = ToolCall(id="1", name="get", arguments='{"who": "J\\u00c3\\u00a1n"}')
    item = Conversation(
        id="c",
        messages=(
            Message(role="user", content="J\u00c3\u00a1n"),
            Message(role="assistant", content="", tool_calls=(call,)),
        ),
        tools=(Tool(name="get", description="N\u00c3\u00a1jde", parameters="{}"),),
    )
    (passed,), stats = clean([item], Hygiene(duplicates="keep"))
    assert isinstance(passed, Conversation)
    assert passed.messages[0].content == "Ján"
    assert passed.messages[1].tool_calls[0].arguments == '{"who": "Ján"}'
    assert passed.tools[0].description == "Nájde"
    assert dict(stats.repairs.repaired) == {"mojibake": 1}


def test_lines_that_five_documents_had_are_taken_out_of_the_next() -> None:
    pages = documents(*(f"{COOKIES}\nThis paragraph is the one of page {number}." for number in range(7)))
    passed, stats = clean(pages, Hygiene(duplicates="keep", boilerplate=True))
    texts = [item.text for item in passed if isinstance(item, Document)]
    assert [COOKIES in text for text in texts] == [True] * 5 + [False] * 2
    assert texts[-1] == "This paragraph is the one of page 6."
    assert stats.repairs.boilerplate == 2


def test_a_document_of_such_lines_alone_is_filtered_and_an_empty_one_is_not() -> None:
    passed, stats = clean(documents(*[COOKIES] * 6, "?"), Hygiene(duplicates="keep", boilerplate=True))
    assert ids_of(passed) == ["0", "1", "2", "3", "4", "6"]
    assert stats.left_out.filtered_records == [Filtered(position="5", reason="boilerplate alone")]


def test_each_source_has_boilerplate_of_its_own_and_conversations_have_none() -> None:
    options, indexes = Hygiene(duplicates="keep", boilerplate=True), new_indexes()
    clean(documents(*[COOKIES] * 5), options, indexes, "one")
    passed, _ = clean(documents(COOKIES), options, indexes, "two")
    assert ids_of(passed) == ["0"]
    talks = [dialogue("Hello", COOKIES, name=str(number)) for number in range(7)]
    assert clean(talks, options)[0] == talks


# --- what is filtered ---------------------------------------------------------------------


def test_filters_are_for_documents() -> None:
    options = Hygiene(duplicates="keep", filters=("length", "filler"))
    long = prose(1, 60)
    passed, stats = clean(
        [*documents("Too short.", long, f"{long} Lorem ipsum."), dialogue("Short", "Yes.")], options
    )
    assert ids_of(passed) == ["1", "c"]
    assert stats.left_out.filtered_records == [
        Filtered(position="0", reason="too few words", detail="Too short."),
        Filtered(position="2", reason="filler text", detail=" ".join(long.split())[:120]),
    ]


def test_texts_in_another_language_are_filtered() -> None:
    options = Hygiene(duplicates="keep", languages=("sk",))
    passed, stats = clean(documents(SLOVAK, CZECH, "Krátke: příliš žluťoučký kůň."), options)
    assert ids_of(passed) == ["0", "2"]
    reason = "in cs, not in an expected language"
    assert stats.left_out.filtered_records == [Filtered(position="1", reason=reason, detail=CZECH[:120])]


def test_a_higher_score_may_be_asked_for() -> None:
    options = Hygiene(duplicates="keep", languages=("sk",), language_score=1.0, repairs=())
    passed, stats = clean(documents(SLOVAK[:180] + CZECH[:180]), options)
    assert passed == []
    assert dict(stats.left_out.filtered) == {"in no language for certain": 1}


def test_of_a_conversation_the_language_of_user_and_assistant_counts() -> None:
    options = Hygiene(duplicates="keep", languages=("sk",))
    spoken = dialogue(SLOVAK, SLOVAK, name="spoken", system=CZECH * 5, result=CZECH * 5)
    other = dialogue(CZECH, CZECH, name="other", system=SLOVAK)
    passed, _ = clean([spoken, other], options)
    assert ids_of(passed) == ["spoken"]


def test_personal_data_stays_unless_it_is_not_wanted() -> None:
    items = [*documents(*JOIN), dialogue("Kto?", JOIN[0])]
    passed, stats = clean(items, PLAIN)
    assert passed == items
    assert (stats.repairs, stats.left_out) == (RepairCounts(), LeftOut())


def test_personal_data_is_masked_and_counted_by_kind() -> None:
    options = Hygiene(duplicates="keep", pii="mask")
    text = "jan@posta.sk, eva@posta.sk, +421 905 123 456"
    passed, stats = clean([*documents(text, JOIN[1]), dialogue("Kto?", JOIN[0])], options)
    assert isinstance(passed[0], Document)
    assert passed[0].text == "name@example.com, name@example.com, +421 000 000 000"
    assert isinstance(passed[2], Conversation)
    assert passed[2].messages[1].content == "Ján: name@example.com"
    assert dict(stats.repairs.masked) == {"e-mail": 3, "phone number": 1}
    assert stats.left_out.filtered_records == []


def test_documents_with_personal_data_are_dropped_and_what_they_hold_is_said() -> None:
    options = Hygiene(duplicates="keep", pii="drop")
    text = "jan@posta.sk, eva@posta.sk, +421 905 123 456"
    passed, stats = clean([*documents(text, JOIN[1]), dialogue("Kto?", JOIN[0])], options)
    assert ids_of(passed) == ["1"]
    assert stats.left_out.filtered_records == [
        Filtered(position="0", reason="holds personal data", detail="2 e-mails, 1 phone number"),
        Filtered(position="c", reason="holds personal data", detail="1 e-mail"),
    ]
    assert dict(stats.repairs.masked) == {}


@pytest.mark.parametrize("pii", ["mask", "drop"])
def test_a_directory_of_people_is_filtered(pii: Literal["mask", "drop"]) -> None:
    passed, stats = clean(documents("jan@posta.sk " * 10_001), Hygiene(pii=pii))
    assert passed == []
    assert stats.left_out.filtered_records == [
        Filtered(position="0", reason="holds too much personal data", detail="more than 10,000 pieces")
    ]


@pytest.mark.slow
def test_a_text_that_is_misread_throughout_is_filtered() -> None:
    passed, stats = clean(documents("áÃ©" * 500_001), Hygiene())
    assert passed == []
    assert stats.left_out.filtered_records == [
        Filtered(position="0", reason="is misread throughout", detail="more than 500,000 places")
    ]
    kept, _ = clean(documents("áÃ©" * 500_001), Hygiene(repairs=()))
    assert len(kept) == 1


# --- evaluation sets ----------------------------------------------------------------------


@pytest.mark.parametrize("item", [Document(id="a", text=f"Before it. {EVALUATED}"), dialogue("?", EVALUATED)])
def test_what_holds_a_part_of_an_evaluation_set_is_filtered(item: Item) -> None:
    passed, stats = clean([item, *documents(prose(1))], PLAIN, new_indexes(evaluations=quiz()))
    assert ids_of(passed) == ["0"]
    (match,) = stats.contaminated
    assert (match.exclude, match.passage, match.words) == ("quiz", "7", 30)
    assert stats.left_out.filtered_records == [
        Filtered(
            position=item.id,
            reason="holds a part of an evaluation set",
            detail=f"quiz: 7: 30 words: {match.excerpt}",
        )
    ]


def test_or_cut_around_it() -> None:
    before, behind = prose(1), prose(2)
    indexes = new_indexes(evaluations=quiz(), cuts_matches=True)
    (passed,), stats = clean(documents(f"{before} {EVALUATED} {behind}"), PLAIN, indexes)
    assert isinstance(passed, Document)
    assert passed.text == f"{before}\n\n{behind}"
    assert [match.document for match in stats.contaminated] == ["0"]
    assert stats.left_out.filtered_records == []


def test_of_what_nothing_is_left_and_of_conversations_nothing_is_cut() -> None:
    indexes = new_indexes(evaluations=quiz(), cuts_matches=True)
    items = [*documents(EVALUATED), dialogue(f"{prose(1)} {EVALUATED}", prose(2))]
    passed, stats = clean(items, PLAIN, indexes)
    assert passed == []
    assert dict(stats.left_out.filtered) == {"holds a part of an evaluation set": 2}
    assert [match.document for match in stats.contaminated] == ["0", "c"]


# --- duplicates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "left"), [("near", ["0"]), ("exact", ["0", "2"]), ("keep", ["0", "1", "2"])]
)
def test_what_repeats_a_document_before_it_is_filtered(kind: str, left: list[str]) -> None:
    text = prose(1)
    options = Hygiene.model_validate({"duplicates": kind})
    passed, stats = clean(documents(text, text.upper(), reworded(text)), options)
    assert ids_of(passed) == left
    asides = {
        "1": Filtered(position="1", reason="repeats a document before it", detail="one: 0 (1.00)"),
        "2": Filtered(position="2", reason="nearly repeats a document before it", detail="one: 0 (0.93)"),
    }
    assert stats.left_out.filtered_records == [asides[name] for name in ("1", "2") if name not in left]
    assert [duplicate.document for duplicate in stats.duplicates] == [
        one.position for one in stats.left_out.filtered_records
    ]


def test_where_near_duplicates_stay_their_copies_do_not() -> None:
    text = prose(1)
    passed, stats = clean(documents(text, reworded(text), reworded(text)), Hygiene(duplicates="exact"))
    assert ids_of(passed) == ["0", "1"]
    assert stats.duplicates == [Duplicate(document="2", source="one", kept="1", similarity=1.0, exact=True)]


def test_of_whatever_source_that_one_is() -> None:
    indexes, text = new_indexes(), prose(1)
    clean([Document(id="page", text=text)], Hygiene(), indexes, "web")
    passed, stats = clean(documents(text), Hygiene(), indexes, "wiki")
    assert passed == []
    assert stats.duplicates == [
        Duplicate(document="0", source="web", kept="page", similarity=1.0, exact=True)
    ]


def test_what_stays_in_one_source_is_filtered_of_others() -> None:
    indexes, text = new_indexes(), prose(1)
    assert ids_of(clean(documents(text, text), PLAIN, indexes, "web")[0]) == ["0", "1"]
    passed, stats = clean(documents(text), Hygiene(), indexes, "wiki")
    assert passed == []
    assert stats.duplicates == [Duplicate(document="0", source="web", kept="0", similarity=1.0, exact=True)]


def test_the_same_words_in_another_order_are_no_exact_duplicate() -> None:
    text = prose(1)
    passed, _ = clean(documents(text, " ".join(reversed(text.split()))), Hygiene(duplicates="exact"))
    assert ids_of(passed) == ["0", "1"]


def test_what_was_mended_is_counted_only_if_it_comes_in() -> None:
    text = f"jan@posta.sk {prose(1)}\u00ad"
    _, stats = clean(documents(text, text), Hygiene(pii="mask"))
    assert stats.repairs.masked == {"e-mail": 1}
    assert stats.repairs.repaired == {"invisible": 1}


def test_evaluation_texts_are_known_before_they_are_masked_and_however_they_are_mended() -> None:
    words_around = prose(3, 12).split()
    line = " ".join([*words_around[:6], "jan@posta.sk", *words_around[6:]])
    evaluation = EvaluationIndex()
    evaluation.add("quiz", "1", split_words(line))
    indexes = new_indexes(evaluations=evaluation)
    passed, _ = clean(documents(f"{line}\u00ad"), Hygiene(pii="mask", repairs=()), indexes)
    assert passed == []


def test_conversations_are_compared_by_turns_without_tools_and_system_prompt() -> None:
    said = prose(1), prose(2)
    tool = Tool(name="get", description=prose(3, 200), parameters="{}")
    first = dialogue(*said, name="first", system="Be brief.")
    again = Conversation(id="again", messages=dialogue(*said, system=prose(4, 200)).messages, tools=(tool,))
    other = Conversation(id="other", messages=dialogue(prose(5), prose(6)).messages, tools=(tool,))
    passed, stats = clean([first, again, other], Hygiene())
    assert ids_of(passed) == ["first", "other"]
    assert stats.duplicates[0].kept == "first"


# --- order, and what it takes -------------------------------------------------------------


def test_what_is_mended_is_compared_and_what_was_left_out_hides_no_other() -> None:
    text = prose(1, 60)
    options = Hygiene(filters=("filler",))
    broken = text.replace(" ", " \ufeff\u00ad")
    passed, stats = clean(documents(f"{text} Lorem ipsum.", broken, text), options)
    assert ids_of(passed) == ["1"]
    assert [one.reason for one in stats.left_out.filtered_records] == [
        "filler text",
        "repeats a document before it",
    ]


def test_a_masked_text_repeats_one_with_another_address() -> None:
    first, second = (f"{name} {prose(1, 10)}" for name in ("jan@posta.sk", "eva@posta.sk"))
    options = Hygiene(duplicates="exact", pii="mask")
    assert ids_of(clean(documents(first, second), options)[0]) == ["0"]


def test_steps_come_in_their_order_and_each_is_timed_over_all_sources() -> None:
    options = Hygiene(boilerplate=True, filters=("filler",), languages=("sk",), pii="mask")
    indexes = new_indexes(evaluations=quiz())
    clean(documents(SLOVAK), options, indexes, "one")
    before = dict(indexes.timings.seconds)
    clean(documents(SLOVAK), options, indexes, "two")
    assert list(indexes.timings.seconds) == [
        "repairs",
        "boilerplate",
        "filters",
        "languages",
        "decontamination",
        "personal data",
        "duplicates",
    ]
    assert all(indexes.timings.seconds[name] > before[name] > 0 for name in before)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    read: list[str] = []

    def items() -> Iterable[Item]:
        for item in documents(prose(1), prose(1), prose(2), prose(3)):
            read.append(item.id)
            yield item

    passed = cleaned(items(), Hygiene(), new_indexes(), ReadStats())
    assert read == []
    assert next(iter(passed)).id == "0"
    assert read == ["0"]
    assert next(iter(passed)).id == "2"
    assert read == ["0", "1", "2"]


def test_numbers_in_json_are_personal_data_too_and_no_key_is_lost() -> None:
    arguments = '{"card": 4111111111111111, "jan@posta.sk": 1, "eva@posta.sk": true}'
    call = ToolCall(id="1", name="pay", arguments=arguments)
    turns = (
        Message(role="user", content="Pay."),
        Message(role="assistant", content="", tool_calls=(call,)),
    )
    tool = Tool(name="pay", description="", parameters="{}")
    dialogue = Conversation(id="c", messages=turns, tools=(tool,))
    (passed,), stats = clean([dialogue], Hygiene(pii="mask"))
    assert isinstance(passed, Conversation)
    masked = json.loads(passed.messages[1].tool_calls[0].arguments)
    assert list(masked) == ["card", "name@example.com", "name@example.com_2"]
    assert len(str(masked["card"])) == 16
    assert masked["card"] != 4111111111111111
    assert stats.repairs.masked == {"card number": 1, "e-mail": 2}
    assert clean([dialogue], Hygiene(pii="drop"))[0] == []
