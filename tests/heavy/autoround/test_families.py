"""With the tokenizers of many model families, AutoRound keeps exactly what `verify` says it keeps."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calibset import TokenizerError, build, verify
from calibset.tokenizers import load_tokenizer
from tests.heavy.autoround.conftest import RealAutoRound
from tests.heavy.autoround.material import PIECES
from tests.prose import prose
from tests.tokenizer_families import FAMILIES, SETTINGS, Family

SEQLEN = 48
NSAMPLES = 12
MIXED = 60
# Read otherwise each time, or cut on the left.
REFUSED = ("llama3, cut on the left", "llama3, dropout", "qwen2, dropout")
READ = [family for family in (*FAMILIES, *SETTINGS) if family.name not in REFUSED]
# What AutoRound, transformers and torch say to each other.
pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass(frozen=True)
class Target:
    """A model's tokenizer folder, and AutoRound with what AutoTokenizer makes of it."""

    family: Family
    folder: Path
    autoround: RealAutoRound

    def count(self, text: str) -> int:
        """Count the tokens that AutoRound reads of a whole row."""
        return len(self.autoround.tokenizer(text.rstrip())["input_ids"])

    def cut(self, texts: list[str]) -> Counter[tuple[int, ...]]:
        """Return the ids of rows that AutoRound cuts."""
        stripped = [text.rstrip() for text in texts]
        cut = self.autoround.tokenizer(stripped, truncation=True, max_length=SEQLEN)["input_ids"]
        return Counter(map(tuple, cut))


@pytest.fixture(scope="module", params=READ, ids=lambda family: family.name)
def target(
    request: pytest.FixtureRequest, autoround: RealAutoRound, tmp_path_factory: pytest.TempPathFactory
) -> Target:
    from transformers import AutoTokenizer

    family: Family = request.param
    folder = family.build(tmp_path_factory.mktemp("family") / "model")
    try:
        loaded = AutoTokenizer.from_pretrained(folder)
    except (ValueError, ImportError):
        named = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))["tokenizer_class"]
        assert named is None or "can't load it" in str(load_tokenizer(str(folder)).notes)
        pytest.skip(f"AutoTokenizer of this version can't load the folder of {named}")
    return Target(family, folder, RealAutoRound(loaded))


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_predicted_is_refused(name: str, tmp_path: Path) -> None:
    (family,) = (family for family in SETTINGS if family.name == name)
    file = write_rows(tmp_path / "x.jsonl", ["text"])
    with pytest.raises(TokenizerError):
        verify(file, tokenizer=str(family.build(tmp_path / "model")), seqlen=SEQLEN, nsamples=1)


def words_of(family: Family) -> list[str]:
    """Return words, blanks and spellings of control tokens, none of which ends a row."""
    spelled = [text for token in family.control_tokens for text in (f"{token}x", f"{token}  x")]
    pieces = [f"{piece}x" for piece in PIECES if piece.strip()]
    return [*prose(7, 40).split(), *spelled, *pieces, "1234567", "20481.50", "  x", "\t\tx", "\n\nx", "I'LL"]


def mixed_texts(target: Target) -> Iterator[str]:
    """Yield rows that AutoRound keeps or drops by a token, and repetitive ones."""
    draw = random.Random(target.family.name)
    words = words_of(target.family)
    for number in range(MIXED):
        wanted = SEQLEN + (-1, 0, 1)[number % 3]
        text = draw.choice(["", " ", "  "]) + f"{number}"
        while target.count(text) < wanted:
            text += " " + draw.choice(words)
        # A word may be several tokens, so the border is met letter by letter.
        while target.count(text[:-1]) >= wanted:
            text = text[:-1]
        yield text + draw.choice(["", " ", "\n"])
        if number % 6 == 0:
            yield f"{number} {draw.choice(words)}" + " ba" * draw.randint(SEQLEN // 3, SEQLEN)


def write_rows(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return path


def test_keeps_what_verify_says_of_mixed_rows(target: Target, tmp_path: Path) -> None:
    texts = list(dict.fromkeys(mixed_texts(target)))
    file = write_rows(tmp_path / "mixed.jsonl", texts)
    report = verify(file, tokenizer=str(target.folder), seqlen=SEQLEN, nsamples=len(texts))
    assert report.fatal == ()
    kept = [text for row, text in zip(report.rows, texts, strict=True) if row.kept]
    assert len(texts) // 3 < len(kept) < len(texts)
    assert Counter(target.autoround.ids(file, seqlen=SEQLEN, nsamples=len(texts))) == target.cut(kept)


RECIPE = f"""\
name = "family"
nsamples = {NSAMPLES}
control_tokens = "CONTROL"
seqlen = {SEQLEN}
tokenizer = "model"
groups = {{ all = 1.0 }}
[hygiene]
duplicates = "keep"
[sources.made]
group = "all"
type = "KIND"
where = "made.jsonl"
"""


def build_rows(
    target: Target, folder: Path, kind: str, records: list[dict[str, Any]], control: str = "neutralise"
) -> list[str]:
    """Build a file, let AutoRound read it, and return its rows, all of which AutoRound keeps."""
    (folder / "model").symlink_to(target.folder)
    lines = (json.dumps(record) + "\n" for record in records)
    (folder / "made.jsonl").write_text("".join(lines), "utf-8")
    recipe, out = folder / "recipe.toml", folder / "out.jsonl"
    recipe.write_text(RECIPE.replace("KIND", kind).replace("CONTROL", control), "utf-8")
    build(recipe).write(out)
    assert verify(out).kept == NSAMPLES
    rows = [json.loads(line)["text"] for line in out.read_text("utf-8").splitlines()]
    taken = Counter(target.autoround.ids(out, seqlen=SEQLEN, nsamples=NSAMPLES))
    assert taken == target.cut(rows)
    return rows


@pytest.mark.parametrize("control", ["neutralise", "keep"])
def test_keeps_what_was_built_of_documents(target: Target, tmp_path: Path, control: str) -> None:
    draw = random.Random("built")
    words = words_of(target.family)
    # Some begin with a BOS of their own.
    starts = ["", *target.family.control_tokens]
    texts = [draw.choice(starts) + " ".join(draw.choices(words, k=150)) for _ in range(2 * NSAMPLES)]
    rows = build_rows(target, tmp_path, "jsonl", [{"text": text} for text in texts], control)
    assert_one_bos(target, rows)


def test_keeps_what_was_built_of_conversations(target: Target, tmp_path: Path) -> None:
    if target.autoround.tokenizer.chat_template is None:
        pytest.skip("a family without a chat template")
    texts = [prose(number, 3 + number % 5) for number in range(24 * NSAMPLES)]
    roles = ("user", "assistant")
    talks = [
        {
            "messages": [
                {"role": roles[at % 2], "content": text} for at, text in enumerate(texts[start : start + 4])
            ]
        }
        for start in range(0, len(texts), 4)
    ]
    if "letters only" in target.family.name:
        with pytest.raises(TokenizerError, match="the model would read plain text"):
            build_rows(target, tmp_path, "chat", talks)
        return
    assert_one_bos(target, build_rows(target, tmp_path, "chat", talks))


def assert_one_bos(target: Target, rows: list[str]) -> None:
    """Make sure that no row begins with the BOS that the tokenizer puts before it."""
    before = target.autoround.tokenizer("x")["input_ids"][0]
    starts = [target.autoround.tokenizer(row)["input_ids"][:2] for row in rows]
    assert [start for start in starts if start == [before, before]] == []
