from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Filtered, Sample
from calibset.packing import Packed, RowSpec, pack_documents
from calibset.packing.row_spec import SEPARATOR

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

SEQLEN = 64
SLOVAK = (
    "Poistná zmluva sa uzatvára písomne. Poistník je povinný platiť poistné vo výške a v termínoch, "
    "ktoré sú dohodnuté v zmluve; ak poistné nezaplatí včas, poistenie zanikne. "
)
ENGLISH = (
    "The insured shall give notice of a loss without delay, and in any case before the end of the "
    "policy year. Damage by hail, storm, flood or fire is covered, unless it was caused on purpose! "
)
CHINESE = "保险合同是投保人与保险人约定权利义务关系的协议。投保人应当按照约定支付保险费。"
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈🇸🇰🦹🏿‍♀️𠜎𠜱🫨🧌"
COMBINING = "Z\u0351\u036b\u0343a\u0301c\u030co\u0308\u0304 e\u0328\u0301n\u0303 "
CODE = "def add(a, b):\n    return a + b\n\n\nfor i in range(10):\n    print(i)\n"
TEXTS = {
    "slovak": SLOVAK,
    "english": ENGLISH,
    "chinese": CHINESE,
    "emoji": EMOJI,
    "combining": COMBINING,
    "code": CODE,
}


def spec_of(tekken: TekkenTokenizer, *, seqlen: int = SEQLEN, rows: int = 4, keep: bool = False) -> RowSpec:
    return RowSpec(
        tokenizer=tekken, seqlen=seqlen, source="s", parse_special=keep, max_rows_per_document=rows
    )


def check(documents: list[Document], packed: Iterable[Packed], spec: RowSpec) -> list[Sample]:
    """Check everything that must hold of any packing; return the samples."""
    texts = {document.id: document.text for document in documents}
    packed = list(packed)
    samples = [item for item in packed if isinstance(item, Sample)]
    filtered = [item for item in packed if isinstance(item, Filtered)]
    positions = dict.fromkeys(texts, 0)
    for sample in samples:
        check_row(sample, spec)
        end_before = 0
        for number, span in enumerate(sample.documents):
            piece = sample.text[span.start : span.end]
            gap = sample.text[end_before : span.start]
            assert gap == (SEPARATOR if number else "")
            end_before = span.end
            assert piece == piece.strip() != ""
            assert not span.filler
            assert span.whole == (piece == texts[span.document])
            # Each piece goes on where the one before it stopped; what lies between is white space,
            # or a part that would have spoiled a row, and was said to be left out.
            begun = texts[span.document].index(piece, positions[span.document])
            passed_over = texts[span.document][positions[span.document] : begun].strip()
            assert not passed_over or span.document in {item.position for item in filtered}
            positions[span.document] = begun + len(piece)
        assert end_before == len(sample.text)
    for name, text in texts.items():
        left = text[positions[name] :].strip()
        assert not left or name in {item.position for item in filtered}
    assert {item.position for item in filtered} <= set(texts)
    return samples


def check_row(sample: Sample, spec: RowSpec) -> None:
    tokenizer = spec.tokenizer
    assert sample.source == "s"
    assert sample.text == sample.text.strip()
    read = json.loads(json.dumps({"text": sample.text}))["text"].rstrip()
    ids = tokenizer.encode(read, parse_special=True)
    assert list(sample.token_ids) == ids
    assert len(ids) >= spec.seqlen
    spelled = tokenizer.encode(read, parse_special=False)
    assert len(spelled) >= spec.seqlen
    for window in ([1, *ids][: spec.seqlen], ids[: spec.seqlen]):
        assert window.count(window[-1]) <= spec.seqlen // 2
    if not spec.parse_special:
        assert ids == spelled
    assert tokenizer.decode(ids) == sample.text


def repeated(unit: str, times: int) -> str:
    return (unit * times).strip()


@pytest.mark.parametrize("name", TEXTS)
def test_one_long_document_is_split_into_tight_rows(tekken: TekkenTokenizer, name: str) -> None:
    document = Document(id="d", text=repeated(TEXTS[name], 40))
    spec = spec_of(tekken, rows=1000)
    samples = check([document], pack_documents([document], spec), spec)
    assert len(samples) > 5
    tokens = len(tekken.encode(document.text, parse_special=False))
    assert len(samples) >= 0.85 * tokens / SEQLEN
    assert max(len(sample.token_ids) for sample in samples) <= SEQLEN + spec.slack + 8


@pytest.mark.parametrize("name", TEXTS)
def test_many_short_documents_are_joined(tekken: TekkenTokenizer, name: str) -> None:
    documents = [
        Document(id=f"d{i}", text=text) for i in range(60) if (text := f"{i} {TEXTS[name][: 7 + i]}".strip())
    ]
    spec = spec_of(tekken)
    samples = check(documents, pack_documents(documents, spec), spec)
    assert samples
    assert any(len(sample.documents) > 2 for sample in samples)
    assert any(span.whole for sample in samples for span in sample.documents)


def test_documents_of_one_character(tekken: TekkenTokenizer) -> None:
    letters = [chr(code) for code in range(0x21, 0x2B0) if unicodedata.category(chr(code))[0] in "LNPS"]
    documents = [Document(id=f"d{i}", text=letter) for i, letter in enumerate(letters)]
    spec = spec_of(tekken)
    packed = list(pack_documents(documents, spec))
    samples = check(documents, packed, spec)
    placed = sum(len(sample.documents) for sample in samples)
    filtered = [item for item in packed if isinstance(item, Filtered)]
    assert placed + len(filtered) == len(documents)
    # Half of the tokens are separators, so a row may hold one more than half of them and be dropped.
    assert placed > 0.8 * len(documents) or all(a.reason.startswith("one token fills") for a in filtered)


def test_a_row_that_lacks_one_token_is_not_filled_with_a_separator(tekken: TekkenTokenizer) -> None:
    text = repeated(ENGLISH, 3)
    lengths = [end for end in range(len(text)) if not text[end].isspace() and not text[end - 1].isspace()]
    short = next(
        text[:end] for end in lengths if len(tekken.encode(text[:end], parse_special=False)) == SEQLEN - 1
    )
    for following in ("𠜎𠜱𠝹𠱓𠱸𠲖𠳏" * 30, "🦹🦸🫨" * 40, "龘靐齉爩" * 30):
        documents = [Document(id="a", text=short), Document(id="b", text=following)]
        spec = spec_of(tekken)
        samples = check(documents, pack_documents(documents, spec), spec)
        assert [span.document for span in samples[0].documents] == ["a", "b"]


def test_a_cut_prefers_the_end_of_a_sentence_then_of_a_word(tekken: TekkenTokenizer) -> None:
    spec = spec_of(tekken, seqlen=512)
    document = Document(id="d", text=repeated("Hail broke the windows. It was paid for. ", 300))
    samples = check([document], pack_documents([document], spec), spec)
    assert all(sample.text.endswith(".") for sample in samples)
    document = Document(id="d", text=repeated("incontestability undercompensation ", 800))
    samples = check([document], pack_documents([document], spec), spec)
    assert all(sample.text.endswith(("ability", "sation")) for sample in samples)


def test_a_document_gives_a_few_rows_and_waits_for_the_others(tekken: TekkenTokenizer) -> None:
    giant = Document(id="giant", text=repeated(SLOVAK, 60))
    others = [Document(id=f"d{i}", text=repeated(ENGLISH, 4)) for i in range(3)]
    spec = spec_of(tekken, rows=2)
    samples = check([giant, *others], pack_documents([giant, *others], spec), spec)
    order = [sample.documents[0].document for sample in samples]
    assert order[:2] == ["giant", "giant"]
    first_again = order.index("giant", 2)
    assert {"d0", "d1", "d2"} <= {span.document for s in samples[:first_again] for span in s.documents}
    assert order[first_again:].count("giant") > 10


def test_waiting_documents_take_turns(tekken: TekkenTokenizer) -> None:
    documents = [Document(id=name, text=repeated(f"{name} {SLOVAK}", 20)) for name in "abc"]
    spec = spec_of(tekken, rows=1)
    samples = check(documents, pack_documents(documents, spec), spec)
    heads = [sample.documents[0].document for sample in samples]
    assert heads[:9] == ["a", "b", "c"] * 3


def test_what_does_not_fill_a_row_is_filtered(tekken: TekkenTokenizer) -> None:
    documents = [Document(id="a", text="One."), Document(id="b", text="Two.")]
    reason = "too little left for a row"
    assert list(pack_documents(documents, spec_of(tekken))) == [
        Filtered(position="a", reason=reason),
        Filtered(position="b", reason=reason),
    ]
    assert list(pack_documents([], spec_of(tekken))) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 1_000_000, "one token fills more than half the row (a part of it)"),
        ("x" + " " * 1_000_000 + "y", "no place to cut it"),
    ],
    ids=["letters", "blanks"],
)
def test_a_giant_document_of_nothing_is_filtered_and_the_next_one_packed(
    tekken: TekkenTokenizer, text: str, reason: str
) -> None:
    documents = [Document(id="giant", text=text), Document(id="good", text=repeated(ENGLISH, 10))]
    spec = spec_of(tekken)
    packed = list(pack_documents(documents, spec))
    samples = check(documents, packed, spec)
    assert Filtered(position="giant", reason=reason) in packed
    assert [span.document for sample in samples for span in sample.documents].count("good") >= 4


@pytest.mark.parametrize("blanks", [" " * 1000, "\n" * 100, "\t \n" * 20])
def test_a_long_run_of_blanks_inside_a_document(tekken: TekkenTokenizer, blanks: str) -> None:
    document = Document(id="d", text=repeated(ENGLISH, 3) + blanks + repeated(SLOVAK, 3))
    spec = spec_of(tekken)
    samples = check([document], pack_documents([document], spec), spec)
    assert any("Poist" in sample.text for sample in samples)


def test_blanks_that_go_on_past_every_cut_end_a_document(tekken: TekkenTokenizer) -> None:
    document = Document(id="d", text=repeated(ENGLISH, 3) + "\n\t" * 500 + repeated(SLOVAK, 3))
    spec = spec_of(tekken)
    packed = list(pack_documents([document], spec))
    check([document], packed, spec)
    assert packed[-1] == Filtered(position="d", reason="no place to cut it (a part of it)")


def test_a_part_that_would_spoil_a_row_is_left_out_and_the_rest_goes_on(tekken: TekkenTokenizer) -> None:
    text = repeated(ENGLISH, 10) + " " + "a" * 200 + " " + repeated(SLOVAK, 10)
    document = Document(id="d", text=text)
    spec = spec_of(tekken, rows=1000)
    packed = list(pack_documents([document], spec))
    samples = check([document], packed, spec)
    reason = "one token fills more than half the row (a part of it)"
    assert packed.count(Filtered(position="d", reason=reason)) == 1
    assert "Poist" in samples[-1].text
    assert sum(len(sample.token_ids) for sample in samples) > 5 * SEQLEN


def test_only_what_a_row_takes_is_read(tekken: TekkenTokenizer) -> None:
    taken: list[int] = []

    def endless() -> Iterator[Document]:
        for number in range(10**9):
            taken.append(number)
            yield Document(id=str(number), text=repeated(ENGLISH, 2))

    rows = pack_documents(endless(), spec_of(tekken))
    assert taken == []
    next(rows)
    assert taken == [0]


def test_a_giant_document_is_not_encoded_whole_for_its_first_row(tekken: TekkenTokenizer) -> None:
    from dataclasses import replace

    seen: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(tekken, name)

        def encode(self, text: str, *, parse_special: bool) -> list[int]:
            seen.append(len(text))
            return tekken.encode(text, parse_special=parse_special)

        def encode_with_ends(self, text: str, *, parse_special: bool) -> object:
            seen.append(len(text))
            return tekken.encode_with_ends(text, parse_special=parse_special)

    spec = replace(spec_of(tekken), tokenizer=Counting())  # type: ignore[arg-type]
    next(pack_documents([Document(id="d", text=repeated(ENGLISH, 20_000))], spec))
    assert max(seen) < 2_000


def test_control_tokens_that_the_recipe_keeps_are_counted_both_ways(tekken: TekkenTokenizer) -> None:
    document = Document(id="d", text=repeated("Škoda </s> na [INST] majetku [/INST] vznikla. ", 60))
    spec = spec_of(tekken, keep=True)
    samples = check([document], pack_documents([document], spec), spec)
    assert all(2 in sample.token_ids for sample in samples)


PIECES = st.one_of(
    st.sampled_from(
        [*TEXTS.values(), " ", "\n", "\n\n", "\t", "/", ".", "! ", "\u00a0", "x", "𠜎", "🇸🇰", "a" * 50]
    ),
    st.text(max_size=20),
)


@given(
    texts=st.lists(st.lists(PIECES, min_size=1, max_size=12).map(lambda p: "".join(p).strip()), max_size=12),
    seqlen=st.integers(16, 80),
    rows=st.integers(1, 3),
)
def test_no_text_is_lost_repeated_or_misplaced(
    tekken: TekkenTokenizer, texts: list[str], seqlen: int, rows: int
) -> None:
    disarmed = [tekken.control_tokens.neutralise(text).strip() for text in texts]
    documents = [Document(id=f"d{i}", text=text) for i, text in enumerate(disarmed) if text]
    spec = spec_of(tekken, seqlen=seqlen, rows=rows)
    packed = list(pack_documents(documents, spec))
    check(documents, packed, spec)
    assert packed == list(pack_documents(iter(documents), spec))


def rendered(number: int) -> Document:
    text = f"[INST]What does hail number {number} cost?[/INST]It costs {number * 7} euros a year.</s>"
    return Document(id=str(number), text=text, opened=True)


def test_rendered_texts_are_joined_by_bos_and_read_as_they_are_alone(tekken: TekkenTokenizer) -> None:
    documents = [rendered(number) for number in range(40)]
    spec = spec_of(tekken, keep=True)
    samples = [item for item in pack_documents(documents, spec) if isinstance(item, Sample)]
    assert len(samples) > 10
    texts = {document.id: document.text for document in documents}
    for sample in samples:
        check_row(sample, spec)
        assert not sample.text.startswith("<s>")
        for before, after in pairwise(sample.documents):
            assert sample.text[before.end : after.start] == "<s>"
        read = [1, *sample.token_ids]
        for span in sample.documents:
            if span.whole:
                alone = [1, *tekken.encode(texts[span.document], parse_special=True)]
                assert any(read[at : at + len(alone)] == alone for at in range(len(read)))


@pytest.mark.parametrize(
    ("first", "second", "between"),
    [
        (Document(id="a", text="Hail.", opened=True), Document(id="b", text="Ice.", opened=True), "<s>"),
        (Document(id="a", text="Hail."), Document(id="b", text="Ice.", opened=True), "<s>"),
        (Document(id="a", text="Hail.", opened=True), Document(id="b", text="Ice."), "\n\n"),
        (Document(id="a", text="Hail.</s>"), Document(id="b", text="Ice."), "<s>"),
        (
            Document(id="a", text="Hail.</s>", ending="\n"),
            Document(id="b", text="Ice.", opened=True),
            "\n<s>",
        ),
        (Document(id="a", text="Hail."), Document(id="b", text="[INST]Ice?"), "<s>"),
        (Document(id="a", text="Hail."), Document(id="b", text=" [INST]Ice?", opened=True), "<s>"),
        (Document(id="a", text="Hail."), Document(id="b", text="Ice.</s>"), "\n\n"),
    ],
)
def test_between_texts_stands_what_the_model_reads_there(
    tekken: TekkenTokenizer, first: Document, second: Document, between: str
) -> None:
    last = Document(id="c", text=repeated(ENGLISH, 3))
    spec = spec_of(tekken, keep=True)
    sample = next(item for item in pack_documents([first, second, last], spec) if isinstance(item, Sample))
    assert sample.text.startswith(f"{first.text}{between}{second.text}")
    assert [span.whole for span in sample.documents] == [True, True, False]
    # Where control tokens are no tokens, all of it is text.
    plain = [replace(first, text="Hail."), replace(second, text="Ice."), last]
    sample = next(item for item in pack_documents(plain, spec_of(tekken)) if isinstance(item, Sample))
    assert sample.text.startswith("Hail.\n\nIce.\n\n")


def test_a_bos_inside_a_text_never_opens_a_row(tekken: TekkenTokenizer) -> None:
    joined = "<s>".join(f"[INST]{'what ' * 9}{n}?[/INST]{'hail ' * 16}{n}.</s>" for n in range(60))
    document = Document(id="a", text=joined, opened=True)
    for seqlen in (32, 33, 34, 35, 36, 37):
        spec = spec_of(tekken, seqlen=seqlen, rows=1_000, keep=True)
        packed = list(pack_documents([document], spec))
        assert {item.reason for item in packed if isinstance(item, Filtered)} <= {
            "too little left for a row (a part of it)"
        }
        samples = [item for item in packed if isinstance(item, Sample)]
        assert not [sample for sample in samples if sample.text.startswith("<s>")]
        for sample in samples:
            check_row(sample, spec)
