from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from calibset.quantizers.exllamav2 import ExLlamaV2
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN, fates

EXLLAMAV2 = ExLlamaV2()


def test_exllamav2_reads_letters_until_it_has_enough(letters: Tokenizer) -> None:
    report = EXLLAMAV2.simulate([EXACT + "</s>", EXACT, "abc"], letters, nsamples=2, seqlen=SEQLEN)
    assert fates(report) == [(19, 0, None, True), (15, 2, None, True), (3, 3, None, False)]
    assert report.warnings == (
        "1 rows hold control tokens, which ExLlamaV2 reads as plain text",
        "rows are joined and cut, so that what it reads begins inside rows",
        "give --measurement_rows 2 or fewer: without it measuring takes 16, and stops",
    )
    assert report.waste == 5 / 37
    assert EXLLAMAV2.simulate([EXACT], letters, nsamples=2, seqlen=SEQLEN).fatal == (
        "15 tokens in all, and 2 rows of 16 take 32",
    )


def test_exllamav2_counts_pieces_of_the_joined_text_as_rows(letters: Tokenizer) -> None:
    report = EXLLAMAV2.simulate(["a" * 32, "b" * 17], letters, nsamples=2, seqlen=SEQLEN)
    assert report.warnings[-1] == (
        "give --dataset_rows 3: its rows are --length pieces of the joined text, and the 2 rows of the file "
        "make 3 of 16 tokens"
    )
    assert "--dataset_rows 3 " in EXLLAMAV2.usage(Path("x.parquet"), report)


def test_exllamav2_reads_every_column_of_a_parquet_file(letters: Tokenizer, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["a" * 40], "source": ["web"]}), tmp_path / "x.parquet")
    report = EXLLAMAV2.simulate_file(tmp_path / "x.parquet", letters, nsamples=2, seqlen=SEQLEN)
    assert [row.reason for row in report.lost] == ["its other columns are read as text, too"]
