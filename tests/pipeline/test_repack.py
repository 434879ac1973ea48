"""Rows that another script made, packed anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars
import pytest

from calibset.core.errors import RecipeError
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import RepackedFile
from calibset.dataset.verify import verify
from calibset.pipeline.repack import repack
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.chatml import write_chatml

SEQLEN = 300
TEXTS = [f"{n}. Once upon a time there was one more; it lived {n * 7} years." for n in range(40)]
TURNS = [[{"role": "user", "content": text}, {"role": "assistant", "content": text[::-1]}] for text in TEXTS]


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model")
    return load_tokenizer("model")


def write_rows(rows: Iterable[Any], name: str = "rows.jsonl") -> Path:
    path = Path(name)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def pack(path: Path, **options: Any) -> CalibrationSet:
    return repack(path, tokenizer="model", seqlen=SEQLEN, **options)


def said(built: CalibrationSet) -> str:
    """Return the texts of all rows, without the blank lines between documents."""
    return "".join(sample.text for sample in built).replace("\n\n", "")


def count_found(built: CalibrationSet, texts: Iterable[str]) -> int:
    whole = said(built)
    return sum(text.replace(" ", "") in whole.replace(" ", "") for text in texts)


@pytest.mark.parametrize("key", ["text", "content"])
def test_short_texts_are_joined_and_what_is_left_over_is_told(tokenizer: Tokenizer, key: str) -> None:
    path = write_rows({key: text} for text in TEXTS)
    assert verify(path, tokenizer="model", seqlen=SEQLEN).kept == 0
    built = pack(path)
    assert built.manifest.kept == len(built) > 7
    in_rows = {span.document for sample in built for span in sample.documents}
    assert len(in_rows) == 40
    assert built.notes == ("rows: in no row: 1 filtered: too little left for a row (a part of it)",)
    assert count_found(built, TEXTS) >= len(in_rows) - 1
    written = built.write("out.jsonl")
    assert verify(written, tokenizer="model", nsamples=len(built)).passed


def test_the_manifest_names_the_file_and_its_hash(tokenizer: Tokenizer) -> None:
    path = write_rows({"text": text} for text in TEXTS)
    built = pack(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert built.manifest.repacked == (RepackedFile(name="rows.jsonl", sha256=digest),)
    assert str(path.absolute().parent) not in built.manifest.to_json()
    assert pack(path).manifest == built.manifest


def test_every_form_of_rows_gives_the_same_texts(tokenizer: Tokenizer) -> None:
    ids = [tokenizer.encode(text, parse_special=True) for text in TEXTS]
    end = tokenizer.special_tokens["</s>"]
    Path("array.json").write_text(json.dumps(TEXTS), "utf-8")
    polars.DataFrame({"input_ids": ids}).write_parquet("ids.parquet")
    polars.DataFrame({"body": TEXTS}).write_parquet("texts.parquet")
    files = [
        write_rows(TEXTS, "bare.jsonl"),
        write_rows(ids, "lists.jsonl"),
        write_rows(({"input_ids": [one], "labels": 1} for one in ids), "batches.jsonl"),
        write_rows(
            ({"input_ids": [*one, end, end], "attention_mask": [1] * len(one) + [0, 0]} for one in ids),
            "masked.jsonl",
        ),
        write_rows(({"mine": text, "other": "x"} for text in TEXTS), "named.jsonl"),
        Path("array.json"),
        Path("ids.parquet"),
        Path("texts.parquet"),
    ]
    for file in files:
        column = "mine" if file.stem == "named" else None
        built = pack(file, column=column)
        assert built.manifest.kept == len(built) > 7, file
        assert count_found(built, TEXTS) > 30, file


def test_padding_becomes_no_text(tokenizer: Tokenizer) -> None:
    end = tokenizer.special_tokens["</s>"]
    rows = ({"input_ids": [*tokenizer.encode(text, parse_special=True), *[end] * 5]} for text in TEXTS)
    built = pack(write_rows(rows))
    assert "</s></s>" not in said(built)
    assert "rows: the ids of 40 rows were read as texts with model" in built.notes


def test_ids_that_another_tokenizer_made_are_noted(tokenizer: Tokenizer) -> None:
    ids = [[200 + (n * k) % 50 for k in range(60)] for n in range(40)]
    built = pack(write_rows({"input_ids": one} for one in ids))
    (note,) = (note for note in built.notes if "other ids now" in note)
    assert note.endswith("so make sure that this tokenizer made the rows")


def test_ids_beyond_the_vocabulary_are_rejected(tokenizer: Tokenizer) -> None:
    rows = [{"input_ids": [1, 10**6]}, *({"text": text} for text in TEXTS)]
    built = pack(write_rows(rows), column=None)
    assert [one.reason for one in built.rejections["rows"]] == ["holds ids that the tokenizer doesn't have"]


def test_messages_are_rendered_by_the_tokenizers_template(tokenizer: Tokenizer) -> None:
    built = pack(write_rows({"messages": turns} for turns in TURNS))
    assert built.manifest.sources[0].type == "chat"
    assert built.manifest.kept == len(built) > 7
    assert all(sample.text.startswith("<|im_start|>user\n") for sample in built)
    polars.DataFrame({"messages": TURNS}).write_parquet("rows.parquet")
    assert pack(Path("rows.parquet")).manifest.sources[0].type == "chat"


def test_control_tokens_of_rendered_chats_are_kept(tokenizer: Tokenizer) -> None:
    chats = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n" for text in TEXTS]
    path = write_rows({"text": chat} for chat in chats)
    control = tokenizer.special_tokens["<|im_start|>"]
    built = pack(path)
    assert all(control in sample.token_ids for sample in built)
    assert (
        "rows: control tokens in texts are kept, since 40 of 40 look as if a chat template had rendered "
        "them; --control-tokens neutralise breaks them apart"
    ) in built.notes
    broken = pack(path, control_tokens="neutralise")
    assert not any(control in sample.token_ids for sample in broken)


def test_a_page_that_spells_a_control_token_is_text(tokenizer: Tokenizer) -> None:
    path = write_rows({"text": text.replace("more", "</s> more")} for text in TEXTS)
    built = pack(path)
    assert not any(tokenizer.special_tokens["</s>"] in sample.token_ids for sample in built)
    assert built.manifest.sources[0].control_tokens_neutralised > 30


def test_a_plain_text_is_one_document(tokenizer: Tokenizer) -> None:
    path = Path("book.txt")
    path.write_text("\n\n".join(TEXTS), "utf-8")
    built = pack(path)
    assert {span.document for sample in built for span in sample.documents} == {"book.txt"}
    assert built.manifest.kept == len(built) > 7


def test_several_files_each_give_all_they_have(tokenizer: Tokenizer) -> None:
    files = [write_rows(TEXTS, "a.jsonl"), write_rows(TEXTS[:20], "b.jsonl")]
    built = repack(files, tokenizer="model", seqlen=SEQLEN)
    alone = [len(pack(file)) for file in files]
    assert [source.achieved for source in built.manifest.sources] == alone
    assert [file.name for file in built.manifest.repacked] == ["a.jsonl", "b.jsonl"]


def test_as_many_rows_as_asked_for(tokenizer: Tokenizer) -> None:
    path = write_rows(TEXTS)
    whole = len(pack(path))
    built = pack(path, nsamples=3)
    assert len(built) == 3
    assert f"rows: its texts fill {whole} rows, and 3 were asked for" in built.notes
    with pytest.raises(RecipeError) as caught:
        pack(path, nsamples=500)
    assert str(caught.value) == (
        f"rows: its texts fill {whole} rows of 300 tokens, not 500; ask for at most {whole}, or leave "
        "--nsamples out"
    )


def test_repeats_and_broken_texts_stay_as_they_are(tokenizer: Tokenizer) -> None:
    built = pack(write_rows({"text": "cafe\u0301 twice, and a longer end"} for _ in range(40)))
    assert built.manifest.sources[0].filtered == {}
    assert "cafe\u0301" in built[0].text


def test_files_that_hold_no_rows(tokenizer: Tokenizer) -> None:
    odd = write_rows([{"prompt": "a", "answer": "b"}], "odd.jsonl").absolute()
    Path("data.csv").write_text("a,b\n")
    Path("broken.parquet").write_bytes(b"PAR1")
    for path, reason in (
        (
            odd,
            "a row of 'prompt', 'answer' has no text, messages or input_ids; name the key to read (--column)",
        ),
        (Path("nosuch.jsonl").absolute(), "no such file"),
        (Path("model").absolute(), "is a folder; name its files"),
        (
            Path("data.csv").absolute(),
            "must end in .jsonl, .json, .parquet or .txt; `calibset build` reads other corpora",
        ),
    ):
        with pytest.raises(RecipeError) as caught:
            pack(path)
        assert str(caught.value) == f"{path}: {reason}"
    with pytest.raises(RecipeError) as caught:
        pack(write_rows(["short"], "few.jsonl"))
    assert str(caught.value) == (
        "few: its texts don't fill one row of 300 tokens (1 filtered: too little left for a row)"
    )
    with pytest.raises(RecipeError, match=r"^repack: seqlen: "):
        repack(odd.with_name("few.jsonl"), tokenizer="model", seqlen=3)
