from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Document, Filtered, Item, Message
from calibset.core.timing import Timings
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import make_fingerprint
from calibset.hygiene.examination import Examination, Examiner, JudgedItem
from calibset.hygiene.options import Hygiene
from calibset.hygiene.rendered_texts import TargetTokens
from calibset.hygiene.words import split_words
from tests.prose import prose

EVALUATED = prose(99, 30)


def quiz() -> EvaluationIndex:
    index = EvaluationIndex()
    index.add("quiz", "7", split_words(EVALUATED))
    return index


def examiner(**options: object) -> Examiner:
    return Examiner(
        options=Hygiene(**options),  # type: ignore[arg-type]
        evaluations=quiz(),
        cuts_matches=True,
        sketches=True,
        control_tokens=ControlTokens.of(["</s>"]),
        target=TargetTokens(("<s>", "</s>"), bos="<s>"),
    )


def show(examination: Examination) -> tuple[object, ...]:
    """Return what two examinations are compared by: arrays have no equality of their own."""
    judged = examination.judged
    near = judged.fingerprint.near if judged and judged.fingerprint else None
    return (
        examination.repaired,
        judged and (judged.item, judged.contamination, judged.masked),
        judged and judged.fingerprint and judged.fingerprint.digest,
        near and (near.shingles.tolist(), near.sketch.tolist()),
        examination.safe,
    )


def test_an_examination_holds_what_each_step_found() -> None:
    text = f"{prose(1, 40)}\ufeff\n\n{EVALUATED}\n\njan@posta.sk </s> {prose(2, 40)}"
    found = examiner(pii="mask")(Document(id="a", text=text))
    assert found.repaired.names == ("invisible",)
    assert found.judged is not None
    assert found.judged.contamination is not None
    assert found.judged.contamination.exclude == "quiz"
    assert found.judged.masked == {"e-mail": 1}
    assert found.safe is not None
    assert found.safe.repairs is not None
    assert found.safe.repairs.control_tokens == 1
    assert isinstance(found.item, Document)
    assert found.item == found.safe.item
    words = split_words(found.judged.item.text)  # type: ignore[union-attr]
    expected = make_fingerprint(words, sketches=True)
    assert expected is not None
    assert found.judged.fingerprint is not None
    assert found.judged.fingerprint.digest == expected.digest
    assert np.array_equal(found.judged.fingerprint.near.sketch, expected.near.sketch)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("write to jan@posta.sk", "holds personal data"),
        (" \ufeff ", "empty text"),
        ("Ã©" * 500_001, "is misread throughout"),
    ],
)
def test_the_step_that_filters_is_the_last(text: str, reason: str) -> None:
    found = examiner(pii="drop")(Document(id="a", text=text))
    assert isinstance(found.item, Filtered)
    assert (found.item.position, found.item.reason) == ("a", reason)
    filtered = [
        isinstance(step.item, Filtered) for step in (found.repaired, found.judged, found.safe) if step
    ]
    assert filtered == [False] * (len(filtered) - 1) + [True]


def test_each_step_is_timed() -> None:
    timings = Timings()
    examiner(filters=("symbols",), pii="mask")(Document(id="a", text=prose(1, 200)), timings)
    assert list(timings.seconds) == ["repairs", "filters", "decontamination", "personal data", "duplicates"]


ITEMS = st.one_of(
    st.builds(Document, id=st.text(max_size=3), text=st.text(max_size=200)),
    st.builds(
        lambda name, turns: Conversation(
            id=name, messages=tuple(Message(role="user", content=turn) for turn in turns)
        ),
        st.text(max_size=3),
        st.lists(st.text(max_size=80), min_size=1, max_size=3),
    ),
)


@given(item=ITEMS, pii=st.sampled_from(["keep", "mask", "drop"]), boilerplate=st.booleans())
def test_a_pickled_examiner_finds_the_same_and_so_does_its_pickled_finding(
    item: Item, pii: str, boilerplate: bool
) -> None:
    here = examiner(pii=pii, boilerplate=boilerplate)
    here(item)
    there = pickle.loads(pickle.dumps(here))
    assert show(pickle.loads(pickle.dumps(there(item)))) == show(here(item))


@given(items=st.lists(ITEMS, max_size=5), pii=st.sampled_from(["keep", "mask", "drop"]))
def test_of_items_together_is_found_what_is_found_of_each_alone(items: list[Item], pii: str) -> None:
    here = examiner(pii=pii, filters=("symbols", "damaged"))
    together = here.examine(items, Timings())
    assert [show(one) for one in together] == [show(here(item)) for item in items]


def test_what_was_found_about_one_says_nothing_of_the_next() -> None:
    here = examiner(pii="mask")
    again = Document(id="a", text=f"jan@posta.sk {prose(1, 30)}")
    assert show(here(again)) == show(here(again))


def test_a_conversation_is_compared_as_a_whole_and_known_by_what_its_turns_say() -> None:
    turns = (Message(role="user", content=prose(3, 30)), Message(role="assistant", content=prose(4, 30)))

    def judge(system: str) -> JudgedItem:
        opened = (Message(role="system", content=system), *turns)
        judged = examiner()(Conversation(id="a", messages=opened)).judged
        assert judged is not None
        return judged

    contamination = judge(EVALUATED).contamination
    assert contamination is not None
    assert contamination.words == 30
    known = [judge(system).fingerprint for system in (prose(5, 30), prose(6, 30))]
    expected = make_fingerprint(split_words(" ".join(turn.content for turn in turns)), sketches=False)
    assert expected is not None
    assert [one and one.digest for one in known] == [expected.digest] * 2
