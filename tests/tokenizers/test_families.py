"""calibset reads a text as the tokenizer that transformers loads for the same folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message
from calibset.core.errors import TokenizerError
from calibset.packing import RowSpec
from calibset.tokenizers import ControlTokens, Tokenizer, load_tokenizer
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


REFUSED = {
    "llama3, cut on the left": "it cuts texts on the left",
    "llama3, dropout": "its tokenizer.json merges at random",
    "qwen2, dropout": "its tokenizer.json merges at random",
}
READ = [family for family in (*FAMILIES, *SETTINGS) if family.name not in REFUSED]


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


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_what_a_quantizer_does_not_read_alike_each_time_is_refused(
    tmp_path: Path, name: str, reason: str
) -> None:
    (family,) = (family for family in SETTINGS if family.name == name)
    with pytest.raises(TokenizerError, match=reason):
        load_tokenizer(str(family.build(tmp_path)))


def test_unknown_letters_are_no_control_tokens(loaded: Loaded) -> None:
    """A row may hold a letter that is not in the vocabulary, but no control token that it spells."""
    spec = RowSpec(tokenizer=loaded.ours, seqlen=4, source="s")
    unknown = "poistná ᚠᚢᚦ and ᛃᛇ zmluva"
    assert spec.check_row(unknown, control_tokens=False).fault is None
    special = loaded.ours.special_tokens
    spelled = [
        f"{token} x y z zmluva" for token, number in special.items() if number in loaded.ours.control_ids
    ]
    assert spelled
    if "letters only" not in loaded.family.name:
        faults = {spec.check_row(text, control_tokens=False).fault for text in spelled}
        assert faults == {"spells a control token"}
    broken = [ControlTokens.of(special).neutralise(text) for text in spelled]
    assert {spec.check_row(text, control_tokens=False).fault for text in broken} == {None}


def test_a_class_that_can_not_read_with_the_vocabulary_is_told(tmp_path: Path) -> None:
    (family,) = (family for family in FAMILIES if family.name == "deepseek")
    config = family.build(tmp_path) / "tokenizer_config.json"
    config.write_text(config.read_text("utf-8").replace("LlamaTokenizerFast", "BertTokenizer"), "utf-8")
    notes = load_tokenizer(str(tmp_path)).notes
    if not notes:  # in transformers 5.0 the class leaves the vocabulary's model as it is
        pytest.skip("this version of transformers reads with the class")
    (note,) = notes
    assert note.endswith(
        " can't read text with it: WordPiece error: Missing [UNK] token from the vocabulary; so it is not "
        "known how a quantizer reads these rows"
    )
