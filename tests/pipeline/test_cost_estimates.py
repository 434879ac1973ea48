"""What a build is said to take, against what it takes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import calibset
from calibset.cli import main
from calibset.core.errors import RecipeError
from calibset.core.machine_memory import read_memory
from calibset.pipeline.cost_estimates import count_wanted_rows, estimate_memory, estimate_read
from calibset.sources.adapters.csv import Csv
from calibset.sources.adapters.jsonl import Jsonl
from calibset.storage.files import File
from tests.letters import write_letters
from tests.pipeline.small_builds import small
from tests.small import write_small

MB, MIB = 10**6, 2**20
_GROUPS, _ROWS, _LETTERS = 40, 60, 4_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of six sources of 40 row groups each, of which 12 rows are wanted."""
    folder = tmp_path_factory.mktemp("many")
    write_letters(folder)
    recipe = [
        'name = "many"\nnsamples = 12\nseqlen = 2048\ntokenizer = "tokenizer.json"\n[groups]\nall = 1.0'
    ]
    for number in range(6):
        texts = [
            (f"{number} {row}, and so on to its end; " * _LETTERS)[:_LETTERS]
            for row in range(_GROUPS * _ROWS)
        ]
        path = folder / f"{number}.parquet"
        table = pa.table({"text": texts})
        pq.write_table(table, path, row_group_size=_ROWS, compression="none", use_dictionary=False)
        recipe.append(f'[sources.s{number}]\ngroup = "all"\ntype = "parquet"\nwhere = "{number}.parquet"')
    (folder / "many.toml").write_text("\n".join(recipe))
    return folder / "many.toml"


def test_of_many_sources_little_is_read_and_about_as_much_as_was_planned(many: Path) -> None:
    sizes = {f"s{path.stem}": path.stat().st_size for path in many.parent.glob("*.parquet")}
    read = calibset.build(many).bytes_read
    assert all(count < sizes[name] / 5 for name, count in read.items())
    planned = {source.name: source.reads or 0 for source in calibset.plan(many).sources}
    assert all(count / 3 < planned[name] < count * 3 for name, count in read.items())
    assert {source.reads for source in calibset.plan(many, tries=False).sources} == {None}


@pytest.mark.parametrize(
    ("kind", "name", "sizes", "rows", "expected"),
    [
        (Csv, "csv", [100 * MB], 512, 4 * MIB),
        (Csv, "csv", [100 * MB] * 20, 512, 8 * 4 * MIB),
        (Csv, "csv", [100 * MB] * 20, 4, 4 * MIB),
        (Csv, "csv.gz", [3 * MB], 512, 3 * MB),
        (Jsonl, "jsonl", [100 * MB], 512, 8 * MIB),
        (Jsonl, "jsonl", [100 * MB], 4, MIB),
        (Jsonl, "jsonl", [100 * MB], 4_000, 24 * MB),
        (Jsonl, "jsonl", [MB // 10] * 300, 512, 32 * (MB // 10)),
        (Jsonl, "jsonl", [MB] * 20, 512, 20 * MB),
        (Jsonl, "jsonl", [30 * MB], 4, 30 * MB),
        (Csv, "csv", [100 * MB, *[MB // 10] * 40], 512, 4 * MIB + 32 * (MB // 10)),
    ],
)
def test_what_is_opened_at_first_is_read_however_few_rows_are_wanted(
    kind: type[Csv | Jsonl], name: str, sizes: list[int], rows: int, expected: int
) -> None:
    files = [
        File(f"{number}.{name}", lambda: io.BytesIO(b'{"text": "a"}\n'), size)
        for number, size in enumerate(sizes)
    ]
    source = kind.model_validate({"group": "a", "where": "a"})
    assert estimate_read(source, files, rows, 1_000, opens=True) == pytest.approx(expected, rel=0.01)


def test_a_plan_says_how_much_a_build_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_small(tmp_path)
    assert main(["plan", str(path)]) == 0
    assert "a build reads about 8.1 kB of the corpora\n" in capsys.readouterr().out
    assert main(["build", str(path), "--out", str(tmp_path / "x.jsonl")]) == 0
    assert "8.1 kB of the corpora were read\n" in capsys.readouterr().out
    assert main(["plan", str(path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["sources"]
    sizes = {source["name"]: source["size"] for source in shown}
    assert {source["name"]: source["reads"] for source in shown} == {**sizes, "rest": 0}


def test_rows_are_wanted_for_both_files_and_of_candidates_as_many_as_the_pool(tmp_path: Path) -> None:
    recipe = small(
        tmp_path, "nsamples=10", "holdout.nsamples=4", 'selection.method="coverage"', "selection.pool=3"
    )
    built, held = (recipe.model_copy(update={"nsamples": rows}).mixture.quotas() for rows in (10, 4))
    assert count_wanted_rows(recipe) == {name: 3 * built[name] + held[name] for name in recipe.sources}


def test_more_rows_than_fit_into_memory_are_refused(tmp_path: Path) -> None:
    recipe = small(
        tmp_path, "nsamples=1000000", "seqlen=65536", 'selection.method="coverage"', "selection.pool=64"
    )
    there = read_memory()
    assert there is not None
    for call in (calibset.plan, calibset.build):
        with pytest.raises(RecipeError) as caught:
            call(recipe)
        assert str(caught.value) == (
            "selection.pool: 64 times 1,000,000 candidates of 65,536 tokens take about "
            f"{estimate_memory(recipe) / 1e9:,.1f} GB of memory, and {there / 1e9:,.1f} GB are there; lower "
            "selection.pool, nsamples or seqlen"
        )


def test_memory_grows_with_the_tokens_of_all_candidates(tmp_path: Path) -> None:
    one = small(tmp_path, "nsamples=512", "seqlen=2048", 'selection.method="coverage"')
    few, large = (
        estimate_memory(one.model_copy(update={"selection": one.selection.model_copy(update={"pool": pool})}))
        for pool in (8, 64)
    )
    base = estimate_memory(one.model_copy(update={"nsamples": 0}))
    assert large - base == 8 * (few - base)
    assert 1.5e9 < large < 2.5e9
