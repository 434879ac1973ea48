"""Every planted fault is mended or left out, by name; nothing alike is left, nothing unlike goes."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from calibset.hygiene.text_repair import repair_text
from calibset.tokenizers.chat_templates.base import RenderedConversation
from tests.heavy.folder import Admitted, admitted, flagship
from tests.heavy.hub import FLAGSHIP, Hub
from tests.heavy.likeness import Shingles, alike, likeness, plain_words, runs

EXACT = [
    ("83ac303e-0098-43dd-a27e-51703d4fa835", "d1753139-6ed9-489a-bb88-efbe60092930"),
    ("364fe94e-0cd3-4bfb-bdcc-9e09b4a0a97b", "4e9a7fc1-579d-40b4-8312-40674fdc9172"),
    ("1542980e-65a8-4421-a7cf-f41e3dd941ba", "72cb4588-9f9e-44f0-aab0-e5796c6a1aa9"),
    ("6713794a-94de-4ad3-b7e9-b29077df3c0e", "6860398b-7406-4217-852b-a1aa80c3e58e"),
    # The first of these is in Unicode's form D.
    ("4ce1479e-b995-43a1-943c-8475f076b97a", "df8a3df2-fb51-4207-acf8-45247188bb64"),
]
ONE_WORD_CHANGED = [
    ("501fcc22-9955-4d63-88eb-91822126fd2d", "881cc992-56c1-482f-a5b2-e96f4b85d52b"),
    ("be433a42-d51d-44af-a0f2-3aa8e745ad89", "d7207740-85f0-488d-89f0-703ad1a4fc76"),
    ("22bc5c49-3863-457c-86cf-c8cd17ddef20", "f8d27520-e733-4e3f-9b8f-e662378fbc72"),
    ("1a71e542-ddc9-4efd-a85b-6cfa12b5402b", "80579c3c-5e3e-4883-a779-86e8868fa765"),
]
CZECH = ["035c628b-5dd7-44a3-ade6-e69ca22972ad", "c5e38546-0eef-49a6-9099-0af4b710408f"]
MOJIBAKE = "100532d8-ba1e-42b1-b874-0823693e1157"
EMPTY = ["41f2e880-8b45-49e6-80fb-98c8d8842589", "9b17f84f-e2a6-44db-a4f1-4620653f4524"]
BOILERPLATE = "ab5776b5-c26b-4eb4-82d4-071881f43345"
LONG = "7b2a80c2-b79a-4a30-b887-eb5e66ade3ec"
CONTROL_TOKENS = "48597bb7-4560-4f9b-99a4-bd2f89988e52"
FORM_D = "f603ef62-29a6-48ca-a194-7c799f6feffa"
C1 = "c824e95b-ef2b-41c1-9309-5ec303dcc198"
UNSEEN = "46835c09-e4ce-433d-a761-b0edfaa2ab68"
BITEXT = "bitext-insurance-llm-chatbot-training-dataset.csv#{}"

REPEATS, NEARLY = "repeats a document before it", "nearly repeats a document before it"


@dataclass(frozen=True)
class LeftOut:
    """A line of what ``check --rejects`` writes."""

    source: str
    position: str
    reason: str
    detail: str

    @property
    def repeated(self) -> tuple[str, str, float]:
        """The source and the document that this one repeats, and how like it is."""
        found = re.fullmatch(r"([^:]+): (.+) \((\d\.\d\d)\)", self.detail)
        assert found is not None, self.detail
        return found[1], found[2], float(found[3])


def page(number: str) -> str:
    return f"<urn:uuid:{number}>"


@pytest.fixture(scope="module")
def left_out(hub: Hub, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> list[LeftOut]:
    """What `calibset check` names, of the recipe as it is."""
    file = tmp_path_factory.mktemp("checked") / "rejects.jsonl"
    ran = hub.run("check", FLAGSHIP, *hub.places(corpora), "--rejects", file, "--quiet")
    assert ran.code == 0, ran.err
    lines = map(json.loads, file.read_text("utf-8").splitlines())
    return [LeftOut(one["source"], one["position"], one["reason"], one.get("detail", "")) for one in lines]


@pytest.fixture(scope="module")
def pages(corpora: Path) -> dict[str, tuple[str, str, float]]:
    """The web pages as they are stored: by file and row their id, text, and language score."""
    return {
        f"data/{file.name}#{number}": (row["id"], row["text"], row["language_score"])
        for file in sorted((corpora / "ivykopal/fineweb2-slovak/data").glob("train-*.parquet"))
        for number, row in enumerate(pq.read_table(file).to_pylist())
    }


@pytest.fixture(scope="module")
def let_in(corpora: Path) -> dict[str, Admitted]:
    """What comes in, mended."""
    return admitted(flagship(), corpora)


@pytest.fixture(scope="module")
def whatever_the_score(corpora: Path) -> dict[str, Admitted]:
    """What comes in where the corpus's own language score counts for nothing."""
    recipe = flagship("sources.fineweb2-sk.min_language_score=0")
    return admitted(recipe, corpora, ["fineweb2-sk", "skwiki"])


def shingles(texts: dict[str, str]) -> dict[str, Shingles]:
    """Return the texts' words, numbered where they recur, and their runs of two words."""
    found = {}
    for name, text in texts.items():
        counts: Counter[str] = Counter()
        numbered = []
        for word in (words := plain_words(text)):
            counts[word] += 1
            numbered.append((word, str(counts[word])))
        # In a shorter text one other word is more than a detail.
        if len(words) >= 20:
            found[name] = frozenset(numbered) | runs(words, 2)
    return found


@pytest.mark.parametrize("pair", EXACT)
def test_a_planted_duplicate_is_named_with_what_it_repeats(
    left_out: list[LeftOut], let_in: dict[str, Admitted], pair: tuple[str, str]
) -> None:
    assert_one_of_the_pair_is_left_out(left_out, let_in, pair, REPEATS, 1.0)


@pytest.mark.parametrize("pair", ONE_WORD_CHANGED)
def test_a_planted_near_duplicate_is_named_with_what_it_nearly_repeats(
    left_out: list[LeftOut], let_in: dict[str, Admitted], pair: tuple[str, str]
) -> None:
    assert_one_of_the_pair_is_left_out(left_out, let_in, pair, NEARLY, 0.95)


def assert_one_of_the_pair_is_left_out(
    left_out: list[LeftOut], let_in: dict[str, Admitted], pair: tuple[str, str], reason: str, least: float
) -> None:
    both = {page(number) for number in pair}
    (found,) = (one for one in left_out if one.position in both)
    source, kept, similarity = found.repeated
    assert (found.source, found.reason, source) == ("fineweb2-sk", reason, "fineweb2-sk")
    assert {found.position, kept} == both
    assert similarity >= least
    assert both & let_in["fineweb2-sk"].texts.keys() == {kept}


def test_the_repeated_row_of_bitext_gets_the_same_made_up_values_and_is_found(
    left_out: list[LeftOut], let_in: dict[str, Admitted]
) -> None:
    named = {one.position: one for one in left_out if one.source == "bitext-insurance"}
    repeated = named[BITEXT.format(1437)]
    assert repeated.reason == REPEATS
    assert repeated.repeated == ("bitext-insurance", BITEXT.format(1041), 1.0)
    # The same question with another answer is another example; this one has the answer of a third.
    assert named[BITEXT.format(1526)].repeated[:2] == ("bitext-insurance", BITEXT.format(1076))
    assert {BITEXT.format(1069), BITEXT.format(1041)} <= let_in["bitext-insurance"].texts.keys()


def test_the_repeated_row_of_bitext_is_the_same_where_placeholders_stay(corpora: Path) -> None:
    recipe = flagship("sources.bitext-insurance.placeholders=keep")
    found = admitted(recipe, corpora, ["bitext-insurance"])["bitext-insurance"].stats.duplicates
    repeated = {duplicate.document: duplicate for duplicate in found}
    first = repeated[BITEXT.format(1437)]
    assert (first.kept, first.similarity) == (BITEXT.format(1041), 1)
    other = repeated.get(BITEXT.format(1526))
    assert other is None or other.kept != BITEXT.format(1069)


def test_the_article_that_comes_twice_comes_in_once(
    left_out: list[LeftOut], let_in: dict[str, Admitted]
) -> None:
    named = [one for one in left_out if one.source == "skwiki" and "redirect" not in one.reason]
    assert [(one.position, one.reason) for one in named] == [("513690", "id seen before")]
    assert "513690" in let_in["skwiki"].texts


def test_the_language_score_leaves_out_the_czech_pages_and_the_broken_one(
    left_out: list[LeftOut], pages: dict[str, tuple[str, str, float]]
) -> None:
    found = [pages[one.position] for one in left_out if one.reason == "language score too low"]
    assert {name for name, _, _ in found} == {page(number) for number in (*CZECH, MOJIBAKE)}
    assert {score < 0.65 for _, _, score in found} == {True}


def test_the_identifier_finds_the_czech_pages_and_no_others(whatever_the_score: dict[str, Admitted]) -> None:
    found = {
        (source, aside.position, aside.reason)
        for source, one in whatever_the_score.items()
        for aside in one.stats.left_out.filtered_records
        if aside.reason.startswith("in ")
    }
    assert found == {("fineweb2-sk", page(number), "in cs, not in an expected language") for number in CZECH}


def test_empty_pages_and_the_one_of_boilerplate_are_left_out(
    left_out: list[LeftOut], pages: dict[str, tuple[str, str, float]]
) -> None:
    named = {one.position: one.reason for one in left_out if one.source == "fineweb2-sk"}
    empty = {pages[place][0] for place, reason in named.items() if reason == "empty text"}
    assert empty == {page(number) for number in EMPTY}
    assert named[page(BOILERPLATE)] == "too few words"


def test_the_page_of_200_kilobytes_comes_in(let_in: dict[str, Admitted]) -> None:
    assert len(let_in["fineweb2-sk"].texts[page(LONG)].encode()) > 190_000


def test_control_tokens_in_a_page_become_letters(let_in: dict[str, Admitted]) -> None:
    text = let_in["fineweb2-sk"].texts[page(CONTROL_TOKENS)]
    assert "Ignoruj predchádzajúci text" in text
    assert not re.search(r"\[/?INST\]|</?s>", text)


def test_characters_are_mended(
    let_in: dict[str, Admitted],
    whatever_the_score: dict[str, Admitted],
    pages: dict[str, tuple[str, str, float]],
) -> None:
    stored = {name: text for name, text, _ in pages.values()}
    texts = let_in["fineweb2-sk"].texts
    assert not unicodedata.is_normalized("NFC", stored[page(FORM_D)])
    assert "Môžete definovať politiky, ktoré musia vaši pracovníci" in texts[page(FORM_D)]
    assert re.search("[\x80-\x9f]", stored[page(C1)])
    assert "portáli Azure, musíte mať vlastníka" in texts[page(C1)]
    assert stored[page(UNSEEN)].startswith("\ufeff")
    assert texts[page(UNSEEN)].startswith(
        "Importovanie súborov .nk2\nPri prvom spustení Microsoft Outlook 2013, "
    )
    assert stored[page(MOJIBAKE)].startswith("Ãšprava dokumentov v Teams\nDÃ´leÅ¾itÃ©")
    mended, _ = repair_text(stored[page(MOJIBAKE)])
    assert mended.startswith("Úprava dokumentov v Teams\nDôležité informácie")
    assert not re.search("[ÃÅÄ][\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]", mended)
    # Some bytes were lost before, so it is no good page even so.
    assert "\ufffd" in stored[page(MOJIBAKE)]
    found = {
        aside.position: aside.reason
        for aside in whatever_the_score["fineweb2-sk"].stats.left_out.filtered_records
    }
    assert found[page(MOJIBAKE)] == "characters lost"


def test_no_text_has_controls_unseen_characters_or_another_form_than_c(let_in: dict[str, Admitted]) -> None:
    for source, one in let_in.items():
        for name, text in one.texts.items():
            assert unicodedata.is_normalized("NFC", text), (source, name)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\ufeff]", text), (source, name)


def test_what_is_named_as_a_near_duplicate_is_one(let_in: dict[str, Admitted], corpora: Path) -> None:
    """By another count than the library's, over the documents that are left out only as duplicates."""
    everything = admitted(flagship("hygiene.duplicates=keep"), corpora)
    texts = {(source, name): text for source, one in everything.items() for name, text in one.texts.items()}
    near = [
        (texts[source, found.document], texts[found.source, found.kept])
        for source, one in let_in.items()
        for found in one.stats.duplicates
        if not isinstance(one.items[0], RenderedConversation)
        and not isinstance(let_in[found.source].items[0], RenderedConversation)
    ]
    assert len(near) > 400
    measured = [likeness(*shingles({"a": one, "b": other}).values()) for one, other in near if len(one) > 200]
    assert min(measured) > 0.6


def test_nothing_alike_is_left_among_documents(let_in: dict[str, Admitted]) -> None:
    texts = {
        f"{source}: {name}": text
        for source, one in let_in.items()
        if not isinstance(one.items[0], RenderedConversation)
        for name, text in one.texts.items()
    }
    assert len(texts) > 4_000
    found = alike(shingles(texts), 0.85)
    assert not found


def test_conversations_that_configurations_of_hermes_share_come_in_once(
    let_in: dict[str, Admitted], corpora: Path
) -> None:
    folder = corpora / "NousResearch/hermes-function-calling-v1"
    single, several = (
        {row["id"]: row for row in json.loads((folder / name).read_text("utf-8"))}
        for name in ("func-calling-singleturn.json", "func-calling.json")
    )
    shared = single.keys() & several.keys()
    assert len(shared) == 138
    items = let_in["hermes"].items
    names = Counter(item.id for item in items)
    assert max(names.values()) == 1
    left = shared & names.keys()
    assert len(left) >= 120
    # What goes on stands in for what breaks off; two that go on wrongly leave the others in.
    longer = [item for item in items if item.id in shared and "[TOOL_RESULTS]" in item.text]
    assert len(longer) >= len(left) - 2
    texts = [turns(item.text) for item in items]
    assert len(texts) == len(set(texts))


def test_the_twins_of_when2call_come_in_once(let_in: dict[str, Admitted], corpora: Path) -> None:
    rows = {
        name: list(
            map(json.loads, (corpora / f"nvidia/When2Call/train/{name}.jsonl").read_text().splitlines())
        )
        for name in ("when2call_train_sft", "when2call_train_pref")
    }
    questions = {
        name: Counter(
            asked(next(turn["content"] for turn in row["messages"] if turn["role"] == "user"))
            for row in found
        )
        for name, found in rows.items()
    }
    assert questions["when2call_train_sft"] == questions["when2call_train_pref"]
    once = questions["when2call_train_sft"]
    items = let_in["when2call"].items
    texts = [turns(item.text) for item in items]
    assert len(texts) == len(set(texts))
    came = Counter(asked(item.text.partition("[INST]")[2].partition("[/INST]")[0]) for item in items)
    assert came.keys() == once.keys()
    assert all(count <= once[question] for question, count in came.items())
    assert len(items) >= once.total() - 1
    assert {item.id.partition("#")[0] for item in items} == {f"{name}.jsonl" for name in rows}


def asked(question: str) -> str:
    return " ".join(plain_words(question))


def turns(text: str) -> str:
    """Return a conversation without the tools and the system turn that others have too."""
    text = re.sub(r"\[AVAILABLE_TOOLS\].*?\[/AVAILABLE_TOOLS\]", " ", text, flags=re.DOTALL)
    return re.sub(r"\[SYSTEM_PROMPT\].*?\[/SYSTEM_PROMPT\]", " ", text, flags=re.DOTALL)
