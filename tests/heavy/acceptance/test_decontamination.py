"""WikiText-2 put into the Pile in five guises: all of it is found, none of it reaches a row, no more goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibset import Manifest
from calibset.dataset.source_reports import SourceReport
from tests.heavy.folder import admitted, flagship
from tests.heavy.hub import FLAGSHIP, Hub
from tests.heavy.likeness import Shingles, plain_words, runs
from tests.heavy.rows import Row, rows_of

GUISES = ("raw", "as prose", "upper case", "markup", "inside a document")
EACH = 40
RUN = 13
WIKITEXT = "wikitext-2-raw-v1/test-00000-of-00001.parquet"
REASONS = (
    "holds a part of an evaluation set",
    "repeats a document before it",
    "nearly repeats a document before it",
)
# Near duplicates of others, which would be left out for that.
REPEATED = {3, 4, 22, 62, 69, 106, 112, 136, 143, 160}


@dataclass(frozen=True)
class Salt:
    """A passage that was put into the Pile.

    Attributes:
        guise: How it was written.
        row: Its row in WikiText-2.
        passage: It, as it stands there.
        host: The document around it, if there is one.
    """

    guise: str
    row: int
    passage: str
    host: str = ""


@dataclass(frozen=True)
class Salted:
    """A Pile with passages in it.

    Attributes:
        folder: Where it is.
        salts: By the id of the document that each stands in.
        documents: How many rows it has.
    """

    folder: Path
    salts: dict[str, Salt]
    documents: int


@dataclass(frozen=True)
class Built:
    manifest: Manifest
    rows: list[Row]

    @property
    def pile(self) -> SourceReport:
        (found,) = (source for source in self.manifest.sources if source.name == "pile-10k")
        return found


@pytest.fixture(scope="module")
def salted(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Salted:
    folder = tmp_path_factory.mktemp("salted")
    (file,) = (corpora / "NeelNanda/pile-10k").rglob("*.parquet")
    rows = pq.read_table(file).to_pylist()
    drawn = Random(1)
    passages = iter(drawn.sample(list(passages_of(corpora)), EACH * len(GUISES)))
    salts = {}
    for guise in GUISES[:-1]:
        for number, passage in islice(passages, EACH):
            salts[len(rows)] = Salt(guise, number, passage)
            rows.append({"text": written(passage, guise), "meta": {"pile_set_name": "Pile-CC"}})
    hosts = [number for number in range(259) if number not in REPEATED and is_host(rows[number])]
    for place, (number, passage) in zip(drawn.sample(hosts, EACH), passages, strict=True):
        host = rows[place]["text"]
        middle = host.index(" ", len(host) // 2)
        form = written(passage, GUISES[place % 2])
        salts[place] = Salt(GUISES[-1], number, passage, host)
        rows[place]["text"] = f"{host[:middle]}\n{form}\n{host[middle + 1 :]}"
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet", row_group_size=50)
    return Salted(folder, {f"train.parquet#{place}": salt for place, salt in salts.items()}, len(rows))


def passages_of(corpora: Path) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs of 50 words or more, and their rows."""
    table = pq.read_table(corpora / "Salesforce/wikitext" / WIKITEXT)
    for number, text in enumerate(table.column("text").to_pylist()):
        if len(plain_words(text)) >= 50:
            yield number, text


def is_host(row: dict[str, object]) -> bool:
    """Return whether a row is prose, and of 300 words or more."""
    meta, text = row["meta"], str(row["text"])
    prose = isinstance(meta, dict) and meta["pile_set_name"] in ("Pile-CC", "Wikipedia (en)")
    return prose and len(plain_words(text)) >= 300


def written(passage: str, guise: str) -> str:
    """Return a passage as another page would have it."""
    if guise == "raw":
        return passage
    prose = as_prose(passage)
    if guise == "upper case":
        return prose.upper()
    if guise == "markup":
        return in_markup(prose)
    return prose


def as_prose(passage: str) -> str:
    """Undo what WikiText's tokenizer did: ``@-@``, and spaces around punctuation."""
    text = re.sub(r" @([-,.])@ ", r"\1", passage.strip())
    text = re.sub(r" ([.,;:!?%)\]]|'s\b|n't\b)", r"\1", text)
    return re.sub(r"([(\[$£]) ", r"\1", text)


def in_markup(prose: str) -> str:
    """Return a text as HTML: words in bold, links, entities, and a tag for each sentence."""
    words = [escape(word) for word in prose.split(" ")]
    words[3::7] = [f"<b>{word}</b>" for word in words[3::7]]
    words[5::11] = [
        f'<a href="/wiki/Page_{n}" title="A page">{word}</a>' for n, word in enumerate(words[5::11])
    ]
    sentences = (
        "&nbsp;".join(words).replace(".&nbsp;", ".</span> <span class='s'>").replace("&nbsp;", " ", 40)
    )
    return f"<p>\n<span class='s'>{sentences}</span>\n</p>"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flagship, in which the Pile has more rows than it can give, so that all it gives are there."""
    text = FLAGSHIP.read_text("utf-8")
    for before, after in (
        ('fill = "general"\nshortage = "fill"', 'shortage = "repeat"'),
        ("nsamples = 512", "nsamples = 720"),
        (
            "slovak = 0.40\ninsurance = 0.30\ntools = 0.30",
            "slovak = 0.1\ninsurance = 0.1\ntools = 0.1\ngeneral = 0.7",
        ),
    ):
        assert before in text
        text = text.replace(before, after)
    path = tmp_path_factory.mktemp("recipe") / "salted.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module", params=["drop", "cut"])
def built(
    request: pytest.FixtureRequest,
    hub: Hub,
    corpora: Path,
    recipe: Path,
    salted: Salted,
    tmp_path_factory: pytest.TempPathFactory,
) -> Built:
    file = tmp_path_factory.mktemp("built") / "salted.jsonl"
    words = (
        "--set",
        f"sources.pile-10k.where={salted.folder}",
        "--set",
        f"decontamination.matches={request.param}",
    )
    ran = hub.build(file, "--quiet", *words, data=corpora, recipe=recipe)
    assert ran.code == 0, ran.err
    manifest = Manifest.read(file)
    assert manifest is not None
    return Built(manifest, rows_of(file, manifest))


@pytest.fixture(scope="module")
def passages(salted: Salted) -> Shingles:
    return frozenset().union(*(runs(plain_words(salt.passage), RUN) for salt in salted.salts.values()))


def test_the_salt_is_there(salted: Salted, passages: Shingles) -> None:
    texts = pq.read_table(salted.folder / "train.parquet").column("text").to_pylist()
    assert len(salted.salts) == EACH * len(GUISES)
    for name, salt in salted.salts.items():
        own = runs(plain_words(salt.passage), RUN)
        held = runs(plain_words(texts[int(name.partition("#")[2])]), RUN)
        # Written as prose "1 @,@ 000" has other spaces, but the same words.
        assert len(own & held) >= 0.9 * len(own), salt


def test_the_pile_was_read_whole_and_every_salted_document_was_a_candidate(
    built: Built, salted: Salted
) -> None:
    pile = built.pile
    assert pile.achieved - pile.repeated < pile.asked
    left_out = sum(pile.filtered.get(reason, 0) for reason in REASONS)
    assert pile.documents_read + left_out == salted.documents
    assert {one.document for one in pile.contaminated} == salted.salts.keys()
    assert {one.exclude for one in pile.contaminated} == {"wikitext-2"}
    (evaluation,) = built.manifest.evaluations
    assert evaluation.matched == len(salted.salts)


def test_each_match_names_its_passage(built: Built, salted: Salted, corpora: Path) -> None:
    texts = dict(passages_of(corpora))
    by_name = {f"{WIKITEXT}#{row}": runs(plain_words(text), RUN) for row, text in texts.items()}
    right = 0
    for one in built.pile.contaminated:
        salt = salted.salts[one.document]
        # Of two passages with a run in common the first is named.
        assert by_name[one.passage] & runs(plain_words(salt.passage), RUN), salt
        right += one.passage == f"{WIKITEXT}#{salt.row}"
        assert one.words >= RUN
        assert set(one.excerpt.split()[:-1]) <= set(plain_words(salt.passage))
        if not salt.host:
            assert one.containment > 0.8, salt
    assert right >= 0.98 * len(salted.salts)


def test_no_run_of_13_words_of_the_passages_is_in_any_row(built: Built, passages: Shingles) -> None:
    assert len(passages) > 10_000
    assert len(built.rows) == 720
    for row in built.rows:
        assert not passages & runs(plain_words(row.text), RUN)


def test_what_is_dropped_or_cut_is_as_asked(built: Built, salted: Salted) -> None:
    drops = built.manifest.recipe["decontamination"]["matches"] == "drop"
    hosts = {name: salt.host for name, salt in salted.salts.items() if salt.host}
    kept = set() if drops else hosts.keys()
    assert built.pile.filtered["holds a part of an evaluation set"] == len(salted.salts) - len(kept)
    assert used(built) & salted.salts.keys() == kept
    if drops:
        return
    there = frozenset().union(
        *(runs(plain_words(row.text), 5) for row in built.rows if row.source == "pile-10k")
    )
    shares = {name: share_of(host, there) for name, host in hosts.items()}
    assert min(shares.values()) > 0.9, shares


def share_of(text: str, there: Shingles) -> float:
    own = runs(plain_words(text), 5)
    return len(own & there) / len(own)


def used(built: Built) -> set[str]:
    """The documents of the Pile that stand in rows."""
    return {name for row in built.rows if row.source == "pile-10k" for name in row.pieces}


def test_what_the_flagships_sources_share_with_wikitext_is_found_and_nothing_else(corpora: Path) -> None:
    """Found by brute force, all 13-word runs of the evaluation set against all those of the sources."""
    table = pq.read_table(corpora / "Salesforce/wikitext" / WIKITEXT)
    words = [word for text in table.column("text").to_pylist() for word in plain_words(text)]
    evaluation = runs(words, RUN)
    assert len(evaluation) > 200_000
    everything = admitted(flagship("exclude=[]", "hygiene.duplicates=keep"), corpora)
    sharing = {
        (source, name)
        for source, one in everything.items()
        for name, text in one.texts.items()
        if not evaluation.isdisjoint(runs(plain_words(text), RUN))
    }
    screened = admitted(flagship("hygiene.duplicates=keep"), corpora)
    found = {
        (source, match.document): match
        for source, one in screened.items()
        for match in one.stats.contaminated
    }
    assert found.keys() == sharing, found
    assert not sharing
