from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from calibset.dataset.token_faults import find_faults_of_file, find_token_faults, note_tokenizer
from calibset.quantizers import get_quantizer
from calibset.quantizers.row_writer import write_ids_table
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from tests.letters import write_letters


@pytest.fixture
def letters(tmp_path: Path) -> Tokenizer:
    return load_tokenizer(str(write_letters(tmp_path, bos=False)))


def embeddings(tokenizer: Tokenizer, rows: list[str | tuple[int, ...]] | None, count: int = 256) -> str:
    missing = find_token_faults(tokenizer, None, rows, seqlen=16, embedding_count=count).missing_embeddings
    return missing.about if missing else ""


def test_a_token_beyond_the_embeddings_is_named_with_its_rows(letters: Tokenizer) -> None:
    begin = "have no embedding in the model, whose config.json says vocab_size"
    assert embeddings(letters, ["a", "b</s>", "<s>c</s>"]) == (
        f"'<s>' (256), '</s>' (257) {begin} 256; 2 of 3 rows hold one, where it stops with an index error"
    )
    assert embeddings(letters, [(5, 9), (257, 3)]) == (
        "'</s>' (257) has no embedding in the model, whose config.json says vocab_size 256; 1 of 2 rows hold "
        "one, where it stops with an index error"
    )
    assert embeddings(letters, ["abc"]).endswith(f" {begin} 256; none of the 1 rows holds one")
    assert embeddings(letters, None) == (
        f"'<s>' (256), '</s>' (257) {begin} 256; at a row that holds one it stops with an index error"
    )
    assert " and 7 more have no embedding" in embeddings(letters, ["".join(map(chr, range(32, 127)))], 1)


def test_what_the_model_does_not_read_or_has_embeddings_for_is_no_fault(letters: Tokenizer) -> None:
    assert embeddings(letters, ["a" * 16 + "</s>"]).endswith("; none of the 1 rows holds one")
    assert embeddings(letters, ["</s>"], 258) == embeddings(letters, ["</s>"], 300) == ""


def test_the_config_beside_the_tokenizer_is_read(letters: Tokenizer, tmp_path: Path) -> None:
    assert find_token_faults(letters, tmp_path, ["</s>"], seqlen=16).missing_embeddings is None
    (tmp_path / "config.json").write_text('{"text_config": {"vocab_size": 257}}')
    missing = find_token_faults(letters, tmp_path, ["</s>"], seqlen=16).missing_embeddings
    assert missing is not None
    assert (missing.rows, missing.rows_read, missing.tokens) == (1, 1, {257: "</s>"})


def test_an_older_transformers_puts_bos_before_rows_that_have_it(letters: Tokenizer, tmp_path: Path) -> None:
    config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))

    def said(rows: list[str] | None) -> str:
        return find_token_faults(letters, tmp_path, rows, seqlen=16).older_loader

    begin = (
        "transformers before 5 loads this tokenizer as LlamaTokenizerFast, which puts <s> before each row, "
        "as tokenizer.json does not: "
    )
    assert said(["<s>a", "<s>b", "c"]) == f"{begin}2 of 3 rows begin with <s> and have it twice"
    assert said(["a"]) == f"{begin}each row has one token more"
    assert said(None) == f"{begin}a row that begins with <s> has it twice"


def test_an_older_transformers_leaves_bos_out(tmp_path: Path) -> None:
    letters = load_tokenizer(str(write_letters(tmp_path)))
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert find_token_faults(letters, tmp_path, ["a"], seqlen=16).older_loader == (
        "transformers before 5 loads this tokenizer as LlamaTokenizerFast, which puts no BOS before a row, "
        "as tokenizer.json does: each row has one token fewer"
    )


def test_a_file_that_may_not_be_there_yet_is_looked_at(letters: Tokenizer, tmp_path: Path) -> None:
    def rows(name: str, tokenizer: str = "tokenizer.json") -> tuple[int | None, int] | None:
        faults = find_faults_of_file(tmp_path / name, tokenizer, tmp_path, seqlen=16, embedding_count=257)
        return faults.missing_embeddings and (
            faults.missing_embeddings.rows,
            faults.missing_embeddings.rows_read,
        )

    assert rows("x.jsonl") == (None, 0)
    (tmp_path / "x.jsonl").write_text('{"text": "</s>"}\n{"text": "a"}\n')
    assert rows("x.jsonl") == (1, 2)
    write_ids_table(tmp_path / "x.parquet", [[257], [3]])
    assert rows("x.parquet") == (1, 2)
    assert rows("x.jsonl", "no-such-folder") is None


def test_a_tokenizer_is_noted_where_the_quantizer_reads_texts_with_it(letters: Tokenizer) -> None:
    assert isinstance(letters, HuggingFaceTokenizer)
    noted = replace(letters, folder_notes=("it splits otherwise",))

    def notes(quantizer: str, row: str | tuple[int, ...]) -> tuple[str, ...]:
        return note_tokenizer(get_quantizer(quantizer), noted, [row])

    assert notes("autoround", "a") == notes("modelopt", "a") == ("it splits otherwise",)
    assert notes("autoround", (5, 9)) == notes("llama.cpp", "a") == notes("exllamav2", "a") == ()
