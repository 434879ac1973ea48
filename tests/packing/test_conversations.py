from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from calibset.core.documents import Conversation, Filtered, Message, Sample, Tool, ToolCall
from calibset.packing import Packed, RowSpec, pack_conversations
from calibset.tokenizers.chat_templates.base import RenderedConversation, TurnSpan
from calibset.tokenizers.chat_templates.jinja import jinja_template
from calibset.tokenizers.chat_templates.mistral import mistral_template
from calibset.tokenizers.huggingface import from_file
from tests.pieces import write_pieces

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

EOS, INST_END, RESULTS, RESULTS_END = 2, 4, 7, 8
WORDS = ["poistka", "hail", "škoda", "保险", "premium", "storm", "zmluva", "claim", "2024", "👩‍👩‍👧"]


def conversation(number: int, words: int, *, turns: int = 1, tools: bool = False) -> Conversation:
    draw = random.Random(number)
    messages: list[Message] = []
    for turn in range(turns):
        messages.append(Message(role="user", content=" ".join(draw.choices(WORDS, k=words))))
        if tools:
            calls = tuple(
                ToolCall(id=f"{turn}.{i}", name="rate", arguments=json.dumps({"of": draw.choice(WORDS)}))
                for i in range(draw.randint(1, 2))
            )
            messages.append(Message(role="assistant", content="", tool_calls=calls))
            messages += [Message(role="tool", content="1.5", tool_call_id=call.id) for call in calls]
        messages.append(Message(role="assistant", content=" ".join(draw.choices(WORDS, k=words))))
    declared = (Tool(name="rate", description="", parameters='{"type": "object"}'),) if tools else ()
    return Conversation(id=f"c{number}", messages=tuple(messages), tools=declared)


@pytest.fixture(scope="module")
def mixed(tekken: TekkenTokenizer) -> list[RenderedConversation]:
    template = mistral_template(tekken)
    draw = random.Random(3)
    return [
        template.render(
            conversation(i, draw.randint(1, 12), turns=draw.randint(1, 3), tools=draw.random() < 0.3)
        )
        for i in range(150)
    ]


def spec_of(tekken: TekkenTokenizer, seqlen: int = 192) -> RowSpec:
    return RowSpec(tokenizer=tekken, seqlen=seqlen, source="s")


def check(conversations: list[RenderedConversation], packed: list[Packed], spec: RowSpec) -> list[Sample]:
    """Check everything that must hold of any packing; return the samples."""
    known = {rendered.id: rendered for rendered in conversations}
    samples = [item for item in packed if isinstance(item, Sample)]
    filtered = Counter(item.position for item in packed if isinstance(item, Filtered))
    whole: Counter[str] = Counter()
    fillers: Counter[str] = Counter()
    for sample in samples:
        check_row(sample, known, spec)
        whole.update(span.document for span in sample.documents if span.whole)
        fillers.update(span.document for span in sample.documents if span.filler)
    assert all(count == 1 for count in whole.values())
    assert all(count == 1 for count in filtered.values())
    assert not whole.keys() & filtered.keys()
    assert whole.keys() | filtered.keys() | fillers.keys() == known.keys()
    return samples


def check_row(sample: Sample, known: dict[str, RenderedConversation], spec: RowSpec) -> None:
    tokenizer, ids = spec.tokenizer, list(sample.token_ids)
    assert sample.text == sample.text.rstrip()
    read = json.loads(json.dumps({"text": sample.text}))["text"].rstrip()
    assert tokenizer.encode(read, parse_special=True) == ids
    assert spec.seqlen <= len(ids) <= spec.seqlen + 4
    *complete, filler = sample.documents
    assert complete
    assert (filler.filler, filler.whole) == (True, False)
    assert all(span.whole and not span.filler for span in complete)
    position = 0
    for span in sample.documents:
        opening = "" if span.start == 0 else "<s>"
        assert sample.text[position : span.start] == opening
        position = span.end
    assert position == len(sample.text)
    assert all(sample.text[span.start : span.end] == known[span.document].text for span in complete)
    head = sample.text[filler.start : filler.end]
    assert head
    assert known[filler.document].text.startswith(head)
    until = tokenizer.encode(sample.text[: complete[-1].end], parse_special=True)
    assert len(until) <= spec.text_budget
    assert until == ids[: len(until)]
    visible = ids[: spec.text_budget]
    starts = [
        i + 1
        for i, token in enumerate(ids)
        if token in (INST_END, RESULTS_END)
        and i + 1 < min(spec.text_budget, len(ids))
        and ids[i + 1] != RESULTS  # of calls side by side the last result counts
    ]
    assert sample.turns == len(starts)
    assert sample.complete_turns == visible.count(EOS)


@pytest.mark.parametrize("seqlen", [96, 128, 192, 400])
def test_whole_conversations_end_inside_what_is_read(
    tekken: TekkenTokenizer, mixed: list[RenderedConversation], seqlen: int
) -> None:
    spec = spec_of(tekken, seqlen)
    packed = list(pack_conversations(mixed, spec))
    samples = check(mixed, packed, spec)
    tokens = sum(len(r.token_ids) for r in mixed if len(r.token_ids) <= spec.text_budget)
    assert len(samples) >= 0.6 * tokens / seqlen
    assert packed == list(pack_conversations(iter(mixed), spec))


def test_little_of_a_row_goes_to_fillers(tekken: TekkenTokenizer, mixed: list[RenderedConversation]) -> None:
    spec = spec_of(tekken, 400)
    samples = check(mixed, list(pack_conversations(mixed, spec)), spec)
    filler = sum(len(tekken.encode(s.text[s.documents[-1].start :], parse_special=True)) for s in samples)
    assert filler < 0.15 * sum(len(s.token_ids) for s in samples)


def sized(tekken: TekkenTokenizer, name: str, length: int) -> RenderedConversation:
    """A conversation of exactly so many tokens."""
    letters = ("xyzzy! ? ; : - + = * " * length).split()[: length - 4]
    answer = ""
    for letter in letters:
        longer = answer + f" {letter[0]}"
        if len(tekken.encode(longer, parse_special=False)) > length - 4:
            break
        answer = longer
    text = f"[INST]x[/INST]{answer}</s>"
    ids = tuple(tekken.encode(text, parse_special=True))
    assert len(ids) == length
    return RenderedConversation(
        id=name,
        text=text,
        token_ids=ids,
        turns=(TurnSpan(3, length),),
        bos_text="<s>",
        bos_ids=(1,),
    )


def rows(packed: Iterator[Packed]) -> list[list[str]]:
    return [
        [span.document + ("*" if span.filler else "") for span in item.documents]
        for item in packed
        if isinstance(item, Sample)
    ]


def test_the_largest_that_fits_is_added(tekken: TekkenTokenizer) -> None:
    spec = spec_of(tekken, 64)
    lengths = {"first": 30, "small": 10, "exact": 32, "large": 33, "other": 31}
    conversations = [sized(tekken, name, length) for name, length in lengths.items()]
    # 30 and a BOS and 32 are the 63 tokens that are read; one with a BOS of 33 would not fit.
    packed = list(pack_conversations(conversations, spec))
    first = packed[0]
    assert isinstance(first, Sample)
    assert [span.document for span in first.documents[:2]] == ["first", "exact"]
    assert len(first.documents) == 3
    assert first.documents[2].filler
    assert first.complete_turns == 2
    check(conversations, packed, spec)


def test_a_conversation_as_long_as_what_is_read_has_a_row_of_its_own(tekken: TekkenTokenizer) -> None:
    spec = spec_of(tekken, 64)
    conversations = [sized(tekken, "full", 63), sized(tekken, "next", 40)]
    packed = list(pack_conversations(conversations, spec))
    sample = packed[0]
    assert isinstance(sample, Sample)
    assert [(s.document, s.filler) for s in sample.documents] == [("full", False), ("next", True)]
    assert sample.text == conversations[0].text + "<s>[INST]"
    assert (sample.turns, sample.complete_turns) == (1, 1)


def test_one_longer_than_what_is_read_is_only_a_filler(tekken: TekkenTokenizer) -> None:
    spec = spec_of(tekken, 64)
    long = sized(tekken, "long", 64)
    short = [sized(tekken, f"s{i}", 40) for i in range(3)]
    packed = list(pack_conversations([long, *short], spec))
    assert packed[0] == Filtered(position="long", reason="longer than a row (its head may be a filler)")
    assert rows(iter(packed))[0] == ["s0", "long*"]
    check([long, *short], packed, spec)


def test_a_filler_shows_no_half_turn_where_one_begins_late(tekken: TekkenTokenizer) -> None:
    spec = spec_of(tekken, 64)
    question = "[INST]" + "x y z " * 12 + "[/INST]ok</s>"
    ids = tuple(tekken.encode(question, parse_special=True))
    late = RenderedConversation(
        id="late",
        text=question,
        token_ids=ids,
        turns=(TurnSpan(ids.index(INST_END) + 1, len(ids)),),
        bos_text="<s>",
        bos_ids=(1,),
    )
    conversations = [sized(tekken, "first", 40), late, sized(tekken, "early", 38), sized(tekken, "last", 39)]
    sample = next(pack_conversations(conversations, spec))
    assert isinstance(sample, Sample)
    assert sample.documents[-1].document == "late"
    assert (sample.turns, sample.complete_turns) == (1, 1)


def test_a_half_shown_turn_is_begun_and_not_complete(tekken: TekkenTokenizer) -> None:
    spec = spec_of(tekken, 64)
    conversations = [sized(tekken, "first", 40), sized(tekken, "early", 38)]
    sample = next(pack_conversations(conversations, spec))
    assert isinstance(sample, Sample)
    assert (sample.turns, sample.complete_turns) == (2, 1)


@pytest.mark.parametrize("lengths", [[], [10], [10, 12, 9], [63], [200], [200, 201]])
def test_what_does_not_fill_a_row_is_filtered(tekken: TekkenTokenizer, lengths: list[int]) -> None:
    conversations = [sized(tekken, f"c{i}", length) for i, length in enumerate(lengths)]
    packed = list(pack_conversations(conversations, spec_of(tekken, 64)))
    expected = [
        Filtered(
            position=c.id,
            reason="longer than a row (its head may be a filler)"
            if len(c.token_ids) > 63
            else "too little left for a row",
        )
        for c in conversations
    ]
    assert sorted(packed, key=str) == sorted(expected, key=str)


def test_a_row_of_one_token_is_filtered_with_its_reason(tekken: TekkenTokenizer) -> None:
    text = f"[INST]x[/INST]{' x' * 50}</s>"
    ids = tuple(tekken.encode(text, parse_special=True))
    same = RenderedConversation(
        id="same", text=text, token_ids=ids, turns=(TurnSpan(3, len(ids)),), bos_text="<s>", bos_ids=(1,)
    )
    filler = RenderedConversation(
        id="filler", text=text, token_ids=ids, turns=same.turns, bos_text="<s>", bos_ids=(1,)
    )
    packed = list(pack_conversations([same, filler], spec_of(tekken, 64)))
    assert Filtered(position="same", reason="one token fills more than half the row") in packed


def test_no_more_is_taken_than_there_is_to_choose_from(tekken: TekkenTokenizer) -> None:
    taken: list[str] = []

    def endless() -> Iterator[RenderedConversation]:
        for number in range(10**9):
            taken.append(str(number))
            yield sized(tekken, str(number), 20 + number % 20)

    packing = pack_conversations(endless(), spec_of(tekken, 64))
    assert taken == []
    next(packing)
    first = len(taken)
    assert first < 100
    for _ in range(10):
        next(packing)
    assert len(taken) < first + 100


def test_no_conversation_waits_forever(tekken: TekkenTokenizer) -> None:
    conversations = [sized(tekken, f"c{i}", 25 if i else 37) for i in range(400)]
    placed = [set(row) for row in rows(pack_conversations(conversations, spec_of(tekken, 64)))]
    for number, row in enumerate(placed[:100]):
        oldest = min(int(name.strip("c*")) for name in row)
        assert oldest <= 3 * (number + 1)


PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}"


@pytest.mark.parametrize(("prepend", "begins"), [("always", "▁"), ("first", "u")])
def test_a_conversation_stands_behind_another_only_if_it_reads_as_alone(
    tmp_path: Path, prepend: str, begins: str
) -> None:
    pytest.importorskip("transformers")
    tokenizer = from_file(write_pieces(tmp_path, template=PLAIN, prepend=prepend) / "tokenizer.json", "own")
    template = jinja_template(tokenizer)
    talks = [template.render(conversation(number, 3)) for number in range(12)]
    behind = tokenizer.encode("</s>user", parse_special=True)[1]
    assert tokenizer.parsing_engine.id_to_token(behind) == begins
    spec = RowSpec(tokenizer=tokenizer, seqlen=256, source="s")
    packed = list(pack_conversations(iter(talks), spec))
    filtered = {item.reason for item in packed if isinstance(item, Filtered)}
    several = [item for item in packed if isinstance(item, Sample) and len(item.documents) > 2]
    if prepend == "always":
        assert several
        assert "read otherwise behind another conversation" not in filtered
    else:
        assert not several
        assert "read otherwise behind another conversation" in filtered


def test_the_last_rows_behead_no_conversation_that_another_row_needs(tekken: TekkenTokenizer) -> None:
    conversations = [sized(tekken, f"c{i}", 55) for i in range(4)]
    packed = list(pack_conversations(conversations, spec_of(tekken, 64)))
    # Two rows' worth is left: c2 fills the gap of the second row, and is whole in the third.
    assert rows(iter(packed)) == [["c0", "c3*"], ["c1", "c2*"], ["c2", "c3*"]]
    check(conversations, packed, spec_of(tekken, 64))


def test_a_head_that_makes_up_much_of_a_row_is_used_once(tekken: TekkenTokenizer) -> None:
    conversations = [sized(tekken, f"c{i}", 40) for i in range(4)]
    packed = list(pack_conversations(conversations, spec_of(tekken, 64)))
    assert rows(iter(packed)) == [["c0", "c3*"], ["c1", "c2*"]]


@pytest.mark.parametrize("seqlen", [1_024, 2_048])
def test_rows_of_many_short_conversations_are_filled(tekken: TekkenTokenizer, seqlen: int) -> None:
    template = mistral_template(tekken)
    # Of 48 of these, which wait for a row at least, not even one row could be made.
    short = [template.render(conversation(number, 1)) for number in range(800)]
    assert sum(len(rendered.token_ids) for rendered in short[:48]) < 1_024
    spec = spec_of(tekken, seqlen)
    packed = list(pack_conversations(short, spec))
    samples = check(short, packed, spec)
    tokens = sum(len(rendered.token_ids) for rendered in short)
    assert len(samples) >= tokens // seqlen - 1
