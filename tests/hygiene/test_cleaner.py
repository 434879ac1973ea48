from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest

from calibset.core.documents import Conversation, Document, Filtered, Message, Tool, ToolCall
from calibset.hygiene.cleaner import Cleaner, Item, SharedIndexes
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import Duplicate, Duplicates
from calibset.hygiene.options import Hygiene
from calibset.hygiene.stats import ReadStats
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


def new_screens(
    *, near: bool = True, excluded: EvaluationIndex | None = None, cuts: bool = False
) -> SharedIndexes:
    return SharedIndexes(duplicates=Duplicates(near=near), excluded=excluded, cuts=cuts)


def screened(
    items: Iterable[Item], options: Hygiene = PLAIN, screens: SharedIndexes | None = None, source: str = "one"
) -> tuple[list[Item], ReadStats]:
    stats = ReadStats()
    screening = Cleaner(source, options, screens or new_screens(), stats)
    return list(screening(iter(items))), stats


def excluded() -> EvaluationIndex:
    found = EvaluationIndex()
    found.add("quiz", "7", split_words(EVALUATED))
    return found


def passed(items: Iterable[Item]) -> list[str]:
    return [item.id for item in items]


# --- what is mended -----------------------------------------------------------------------


def test_where_nothing_is_wanted_items_pass_as_they_are_and_two_steps_are_timed() -> None:
    screens = new_screens()
    items = [*documents("a\ufeff", "a\ufeff", ""), dialogue("Hi", "jan@posta.sk")]
    found, stats = screened(items, PLAIN, screens)
    # Repairs are asked for and none is wanted.
    assert found == items
    assert stats == ReadStats()
    # What stays is remembered for other sources.
    assert list(screens.timings.seconds) == ["repairs", "duplicates"]


def test_repairs_change_texts_and_are_counted_by_document() -> None:
    options = Hygiene(duplicates="keep")
    found, stats = screened(
        documents("Zmluvn\u00c3\u00a9 \ufeffpodmienky\ufeff", "as it is", "o\u0301"), options
    )
    assert [item.text for item in found if isinstance(item, Document)] == [
        "Zmluvné podmienky",
        "as it is",
        "ó",
    ]
    assert dict(stats.repairs.repaired) == {"mojibake": 1, "invisible": 1, "NFC": 1}


def test_a_repair_that_is_not_wanted_is_not_made() -> None:
    options = Hygiene(duplicates="keep", repairs=("invisible",))
    (found,), stats = screened(documents("Zmluvn\u00c3\u00a9\ufeff"), options)
    assert isinstance(found, Document)
    assert found.text == "Zmluvn\u00c3\u00a9"
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
    (found,), stats = screened([item], Hygiene(duplicates="keep"))
    assert isinstance(found, Conversation)
    assert found.messages[0].content == "Ján"
    assert found.messages[1].tool_calls[0].arguments == '{"who": "Ján"}'
    assert found.tools[0].description == "Nájde"
    assert dict(stats.repairs.repaired) == {"mojibake": 1}


def test_lines_that_five_documents_had_are_taken_out_of_the_next() -> None:
    pages = documents(*(f"{COOKIES}\nThis paragraph is the one of page {number}." for number in range(7)))
    found, stats = screened(pages, Hygiene(duplicates="keep", boilerplate=True))
    texts = [item.text for item in found if isinstance(item, Document)]
    assert [COOKIES in text for text in texts] == [True] * 5 + [False] * 2
    assert texts[-1] == "This paragraph is the one of page 6."
    assert stats.repairs.boilerplate == 2


def test_a_document_of_such_lines_alone_is_left_out_and_an_empty_one_is_not() -> None:
    found, stats = screened(documents(*[COOKIES] * 6, ""), Hygiene(duplicates="keep", boilerplate=True))
    assert passed(found) == ["0", "1", "2", "3", "4", "6"]
    assert stats.left_out.filtered_records == [Filtered(position="5", reason="boilerplate alone")]


def test_each_source_has_boilerplate_of_its_own_and_conversations_have_none() -> None:
    options, screens = Hygiene(duplicates="keep", boilerplate=True), new_screens()
    screened(documents(*[COOKIES] * 5), options, screens, "one")
    found, _ = screened(documents(COOKIES), options, screens, "two")
    assert passed(found) == ["0"]
    talks = [dialogue("Hello", COOKIES, name=str(number)) for number in range(7)]
    assert screened(talks, options)[0] == talks


# --- what is left out ---------------------------------------------------------------------


def test_filters_are_for_documents() -> None:
    options = Hygiene(duplicates="keep", filters=("length", "filler"))
    long = prose(1, 60)
    found, stats = screened(
        [*documents("Too short.", long, f"{long} Lorem ipsum."), dialogue("Short", "Yes.")], options
    )
    assert passed(found) == ["1", "c"]
    assert stats.left_out.filtered_records == [
        Filtered(position="0", reason="too few words", detail="Too short."),
        Filtered(position="2", reason="filler text", detail=" ".join(long.split())[:120]),
    ]


def test_texts_in_another_language_are_left_out() -> None:
    options = Hygiene(duplicates="keep", languages=("sk",))
    found, stats = screened(documents(SLOVAK, CZECH, "Krátke: příliš žluťoučký kůň."), options)
    assert passed(found) == ["0", "2"]
    reason = "in cs, not in an expected language"
    assert stats.left_out.filtered_records == [Filtered(position="1", reason=reason, detail=CZECH[:120])]


def test_a_higher_score_may_be_asked_for() -> None:
    options = Hygiene(duplicates="keep", languages=("sk",), language_score=1.0, repairs=())
    found, stats = screened(documents(SLOVAK[:180] + CZECH[:180]), options)
    assert found == []
    assert dict(stats.left_out.filtered) == {"in no language for certain": 1}


def test_of_a_conversation_the_language_of_user_and_assistant_counts() -> None:
    options = Hygiene(duplicates="keep", languages=("sk",))
    spoken = dialogue(SLOVAK, SLOVAK, name="spoken", system=CZECH * 5, result=CZECH * 5)
    other = dialogue(CZECH, CZECH, name="other", system=SLOVAK)
    found, _ = screened([spoken, other], options)
    assert passed(found) == ["spoken"]


def test_personal_data_stays_unless_it_is_not_wanted() -> None:
    items = [*documents(*JOIN), dialogue("Kto?", JOIN[0])]
    assert screened(items, PLAIN) == (items, ReadStats())


def test_personal_data_is_masked_and_counted_by_kind() -> None:
    options = Hygiene(duplicates="keep", pii="mask")
    text = "jan@posta.sk, eva@posta.sk, +421 905 123 456"
    found, stats = screened([*documents(text, JOIN[1]), dialogue("Kto?", JOIN[0])], options)
    assert isinstance(found[0], Document)
    assert found[0].text == "name@example.com, name@example.com, +421 000 000 000"
    assert isinstance(found[2], Conversation)
    assert found[2].messages[1].content == "Ján: name@example.com"
    assert dict(stats.repairs.masked) == {"e-mail": 3, "phone number": 1}
    assert stats.left_out.filtered_records == []


def test_documents_with_personal_data_are_dropped_and_what_they_hold_is_said() -> None:
    options = Hygiene(duplicates="keep", pii="drop")
    text = "jan@posta.sk, eva@posta.sk, +421 905 123 456"
    found, stats = screened([*documents(text, JOIN[1]), dialogue("Kto?", JOIN[0])], options)
    assert passed(found) == ["1"]
    assert stats.left_out.filtered_records == [
        Filtered(position="0", reason="holds personal data", detail="2 e-mails, 1 phone number"),
        Filtered(position="c", reason="holds personal data", detail="1 e-mail"),
    ]
    assert dict(stats.repairs.masked) == {}


# --- evaluation sets ----------------------------------------------------------------------


@pytest.mark.parametrize("item", [Document(id="a", text=f"Before it. {EVALUATED}"), dialogue("?", EVALUATED)])
def test_what_holds_a_part_of_an_evaluation_set_is_left_out(item: Item) -> None:
    found, stats = screened([item, *documents(prose(1))], PLAIN, new_screens(excluded=excluded()))
    assert passed(found) == ["0"]
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
    screens = new_screens(excluded=excluded(), cuts=True)
    (found,), stats = screened(documents(f"{before} {EVALUATED} {behind}"), PLAIN, screens)
    assert isinstance(found, Document)
    assert found.text == f"{before}\n\n{behind}"
    assert [match.document for match in stats.contaminated] == ["0"]
    assert stats.left_out.filtered_records == []


def test_of_what_nothing_is_left_and_of_conversations_nothing_is_cut() -> None:
    screens = new_screens(excluded=excluded(), cuts=True)
    items = [*documents(EVALUATED), dialogue(f"{prose(1)} {EVALUATED}", prose(2))]
    found, stats = screened(items, PLAIN, screens)
    assert found == []
    assert dict(stats.left_out.filtered) == {"holds a part of an evaluation set": 2}
    assert [match.document for match in stats.contaminated] == ["0", "c"]


# --- duplicates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "left"), [("near", ["0"]), ("exact", ["0", "2"]), ("keep", ["0", "1", "2"])]
)
def test_what_repeats_a_document_before_it_is_left_out(kind: str, left: list[str]) -> None:
    text = prose(1)
    options = Hygiene.model_validate({"duplicates": kind})
    found, stats = screened(documents(text, text.upper(), reworded(text)), options)
    assert passed(found) == left
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
    found, stats = screened(documents(text, reworded(text), reworded(text)), Hygiene(duplicates="exact"))
    assert passed(found) == ["0", "1"]
    assert stats.duplicates == [Duplicate(document="2", source="one", kept="1", similarity=1.0, exact=True)]


def test_of_whatever_source_that_one_is() -> None:
    screens, text = new_screens(), prose(1)
    screened([Document(id="page", text=text)], Hygiene(), screens, "web")
    found, stats = screened(documents(text), Hygiene(), screens, "wiki")
    assert found == []
    assert stats.duplicates == [
        Duplicate(document="0", source="web", kept="page", similarity=1.0, exact=True)
    ]


def test_what_stays_in_one_source_is_left_out_of_others() -> None:
    screens, text = new_screens(), prose(1)
    assert passed(screened(documents(text, text), PLAIN, screens, "web")[0]) == ["0", "1"]
    found, stats = screened(documents(text), Hygiene(), screens, "wiki")
    assert found == []
    assert stats.duplicates == [Duplicate(document="0", source="web", kept="0", similarity=1.0, exact=True)]


def test_the_same_words_in_another_order_are_no_exact_duplicate() -> None:
    text = prose(1)
    found, _ = screened(documents(text, " ".join(reversed(text.split()))), Hygiene(duplicates="exact"))
    assert passed(found) == ["0", "1"]


def test_what_was_mended_is_counted_only_if_it_comes_in() -> None:
    text = f"jan@posta.sk {prose(1)}\u00ad"
    _, stats = screened(documents(text, text), Hygiene(pii="mask"))
    assert stats.repairs.masked == {"e-mail": 1}
    assert stats.repairs.repaired == {"invisible": 1}


def test_evaluation_texts_are_known_before_they_are_masked_and_however_they_are_mended() -> None:
    words_around = prose(3, 12).split()
    line = " ".join([*words_around[:6], "jan@posta.sk", *words_around[6:]])
    evaluation = EvaluationIndex()
    evaluation.add("quiz", "1", split_words(line))
    screens = new_screens(excluded=evaluation)
    found, _ = screened(documents(f"{line}\u00ad"), Hygiene(pii="mask", repairs=()), screens)
    assert found == []


def test_conversations_are_compared_by_turns_without_tools_and_system_prompt() -> None:
    said = prose(1), prose(2)
    tool = Tool(name="get", description=prose(3, 200), parameters="{}")
    first = dialogue(*said, name="first", system="Be brief.")
    again = Conversation(id="again", messages=dialogue(*said, system=prose(4, 200)).messages, tools=(tool,))
    other = Conversation(id="other", messages=dialogue(prose(5), prose(6)).messages, tools=(tool,))
    found, stats = screened([first, again, other], Hygiene())
    assert passed(found) == ["first", "other"]
    assert stats.duplicates[0].kept == "first"


# --- order, and what it takes -------------------------------------------------------------


def test_what_is_mended_is_compared_and_what_was_left_out_hides_no_other() -> None:
    text = prose(1, 60)
    options = Hygiene(filters=("filler",))
    broken = text.replace(" ", " \ufeff\u00ad")
    found, stats = screened(documents(f"{text} Lorem ipsum.", broken, text), options)
    assert passed(found) == ["1"]
    assert [one.reason for one in stats.left_out.filtered_records] == [
        "filler text",
        "repeats a document before it",
    ]


def test_a_masked_text_repeats_one_with_another_address() -> None:
    first, second = (f"{name} {prose(1, 10)}" for name in ("jan@posta.sk", "eva@posta.sk"))
    options = Hygiene(duplicates="exact", pii="mask")
    assert passed(screened(documents(first, second), options)[0]) == ["0"]


def test_steps_come_in_their_order_and_each_is_timed_over_all_sources() -> None:
    options = Hygiene(boilerplate=True, filters=("filler",), languages=("sk",), pii="mask")
    screens = new_screens(excluded=excluded())
    screened(documents(SLOVAK), options, screens, "one")
    before = dict(screens.timings.seconds)
    screened(documents(SLOVAK), options, screens, "two")
    assert list(screens.timings.seconds) == [
        "repairs",
        "boilerplate",
        "filters",
        "languages",
        "decontamination",
        "personal data",
        "duplicates",
    ]
    assert all(screens.timings.seconds[name] > before[name] > 0 for name in before)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    read: list[str] = []

    def items() -> Iterable[Item]:
        for item in documents(prose(1), prose(1), prose(2), prose(3)):
            read.append(item.id)
            yield item

    screening: Callable[..., Iterable[Item]] = Cleaner("one", Hygiene(), new_screens(), ReadStats())
    found = iter(screening(iter(items())))
    assert read == []
    assert next(iter(found)).id == "0"
    assert read == ["0"]
    assert next(iter(found)).id == "2"
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
    (found,), stats = screened([dialogue], Hygiene(pii="mask"))
    assert isinstance(found, Conversation)
    masked = json.loads(found.messages[1].tool_calls[0].arguments)
    assert list(masked) == ["card", "name@example.com", "name@example.com_2"]
    assert len(str(masked["card"])) == 16
    assert masked["card"] != 4111111111111111
    assert stats.repairs.masked == {"card number": 1, "e-mail": 2}
    assert screened([dialogue], Hygiene(pii="drop"))[0] == []
