"""calibset reads a text as the tokenizer that transformers loads for the same folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.truncation import visible_ids
from tests.tokenizer_families import FAMILIES, SETTINGS, Family

pytest.importorskip("transformers")

SEQLEN = 16
PIECES = (
    "Poistná zmluva sa uzatvára", "The policyholder's deductible isn't", "I'LL", "don't", "1234567",
    "3.14e-10", "Z\u030clty\u0301 ko\u0302n\u030c", "保险合同是", "被保険者は", "عقد التأمين", "สัญญา",
    "👩\u200d👩\u200d👧🇸🇰👍🏽", "ﬁﬂ™①½", "Ａ＜ｓ＞", "a\u0301", "\u0301", "\u0345\u0334", "x\u200d\ufeff",
    "\x00", "a\x00b", "\x85", "\u2028", "\ufffd", "\U0010ffff", " ", "  ", "    ", " " * 17, "\t", "\n",
    "\n\n", "\n\n\n", "\r\n", "\u00a0", "\u3000", "▁", "▁▁", "Ġ", "##ed", "<", ">", "<table>", "</s",
    "[INST", "<0x41>", "don 't", "a , b .",
)  # fmt: skip
TURNS = (
    ("user", "Aké je poistné?"), ("assistant", "12 €, I'LL pay 1234567."),
    ("user", "保险"), ("assistant", "x"),
)  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A family's tokenizer as calibset and as transformers load it."""

    family: Family
    ours: Tokenizer
    theirs: Any

    def read(self, text: str) -> list[int]:
        """Return what calibset says a quantizer reads of a whole text."""
        ids = self.ours.encode(text, parse_special=True)
        return [*self.ours.prefix, *ids, *self.ours.suffix]

    def cut(self, text: str) -> list[int]:
        """Return what calibset says a quantizer reads of a text that it cuts."""
        return visible_ids(self.ours.encode(text, parse_special=True), self.ours, SEQLEN)


def texts_for(family: Family) -> list[str]:
    """Return texts of every kind, among them the family's control tokens in and beside words."""
    tokens = family.control_tokens
    spelled = [text for token in tokens for text in (token, f"x {token}y", f" {token}  z", token * 2)]
    return [*PIECES, *spelled, *(token.lower() for token in tokens), *(token[:-1] for token in tokens)]


# What calibset does not read as transformers does, so far.
_MISREAD = (
    "qwen2-other-split", "llama-legacy", "named-in-config", "pad-in-config", "named-in-map",
    "llama3, cut on the left", "llama3, letters only", "qwen2, letters only", "llama, no prefix blank",
    "gpt2, prefix blank", "llama, legacy", "llama3, dropout", "qwen2, dropout", "llama3, GPT-2's class",
    "named-in-map, no class", "bert, cased", "unigram-nfkc, XLM-R's class", "gpt2, blanks before",
)  # fmt: skip
READ = [family for family in (*FAMILIES, *SETTINGS) if family.name not in _MISREAD]


@pytest.fixture(scope="module", params=READ, ids=lambda family: family.name)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    from transformers import AutoTokenizer

    family: Family = request.param
    folder = family.build(tmp_path_factory.mktemp("family") / "model")
    return Loaded(family, load_tokenizer(str(folder)), AutoTokenizer.from_pretrained(str(folder)))


def test_texts_are_read_as_by_transformers(loaded: Loaded) -> None:
    differing = [
        text for text in texts_for(loaded.family) if loaded.read(text) != loaded.theirs(text)["input_ids"]
    ]
    assert differing == []


def test_texts_are_cut_as_by_transformers(loaded: Loaded) -> None:
    texts = [text * 8 for text in texts_for(loaded.family)]
    cut = loaded.theirs(texts, truncation=True, max_length=SEQLEN)["input_ids"]
    assert [loaded.cut(text) for text in texts] == cut


@given(data=st.data())
def test_any_text_is_read_as_by_transformers(loaded: Loaded, data: st.DataObject) -> None:
    pieces = st.one_of(st.sampled_from(texts_for(loaded.family)), st.text(max_size=8))
    text = "".join(data.draw(st.lists(pieces, max_size=8)))
    assert loaded.read(text) == loaded.theirs(text)["input_ids"]


def test_a_dialogue_is_read_as_it_is_rendered(loaded: Loaded) -> None:
    if loaded.theirs.chat_template is None:
        pytest.skip("a family without a chat template")
    messages = tuple(Message(role=role, content=text) for role, text in TURNS)
    rendered = load_template(loaded.ours, "jinja").render(Conversation(id="1", messages=messages))
    table = [{"role": role, "content": text} for role, text in TURNS]
    whole = loaded.theirs.apply_chat_template(table, tokenize=False)
    # calibset puts EOS behind the last turn where the template writes none.
    assert (rendered.bos_text + rendered.text).startswith(whole)
    read = [*loaded.ours.prefix, *rendered.token_ids, *loaded.ours.suffix]
    assert loaded.theirs(rendered.text)["input_ids"] == read
