from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import NotThereError, SourceError
from calibset.pipeline.plan import plan
from calibset.recipe.loader import parse_recipe
from calibset.sources.adapters.hub_dataset import HubDataset
from calibset.storage.cache import Cache
from calibset.storage.files import memory_reader
from calibset.storage.hub import HubReader
from calibset.storage.joined import JoinedReader
from calibset.storage.local import LocalReader
from calibset.storage.read_tracker import TrackedReader
from tests.storage.loopback import COMMIT, Loopback


def source(**options: Any) -> HubDataset:
    return HubDataset.model_validate({"type": "hub-dataset", "group": "g", "where": "here", **options})


def write(folder: Path, **files: bytes) -> LocalReader:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return LocalReader("here", folder)


def read(reader: LocalReader, seed: int = 42, **options: Any) -> list[Record]:
    return list(source(**options).read_shuffled(reader, seed=seed))


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_a_row_is_a_document_with_the_split_in_its_id(tmp_path: Path) -> None:
    reader = write(
        tmp_path, train_jsonl=lines({"text": "škoda", "n": 1}), test_jsonl=lines({"text": "b", "n": 2})
    )
    assert read(reader) == [Document(id="train#0", text="škoda", metadata={"n": "1"})]
    assert read(reader, split=["train", "test"])[1] == Document(id="test#0", text="b", metadata={"n": "2"})


def test_the_order_is_seeded(tmp_path: Path) -> None:
    reader = write(tmp_path, train_csv=b"text\n" + b"".join(b"t%d\n" % i for i in range(40)))
    orders = [[r.id for r in read(reader, seed) if isinstance(r, Document)] for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert set(orders[0]) == set(orders[1]) == {f"train#{i}" for i in range(40)}


def test_it_is_read_from_its_beginning() -> None:
    assert source().is_streamed(memory_reader({"a.parquet": b""}))


def test_a_configuration_of_the_card_chooses_files(tmp_path: Path) -> None:
    card = (
        b"---\nconfigs:\n- config_name: one\n  data_files: a/*.jsonl\n"
        b"- config_name: two\n  data_files: b/*.jsonl\n---\n"
    )
    reader = write(tmp_path, README_md=card, a__x_jsonl=lines({"text": "A"}), b__x_jsonl=lines({"text": "B"}))
    assert read(reader, config=["one", "two"]) == [
        Document(id="one/train#0", text="A"),
        Document(id="two/train#0", text="B"),
    ]
    with pytest.raises(SourceError) as caught:
        read(reader)
    assert str(caught.value) == "here: there are several configurations: name one with config = … (one, two)"
    with pytest.raises(SourceError) as caught:
        read(reader, config="three")
    assert str(caught.value) == "here: there is no configuration 'three': name one with config = … (one, two)"


def test_columns_and_files_are_the_recipes(tmp_path: Path) -> None:
    reader = write(tmp_path, a_jsonl=lines({"q": "Q", "a": "A"}), b_jsonl=lines({"q": "X", "a": "Y"}))
    assert read(reader, columns=["q", "a"], files="a.jsonl") == [Document(id="train#0", text="Q\n\nA")]
    assert read(reader, files="a.jsonl") == [
        Rejection(position="train#0", reason="no column 'text'", excerpt="q, a")
    ]


FAULTS = {
    "no parquet": ({"train_parquet": b"PAR1 and no more"}, "train.parquet: can't be read as parquet ("),
    "no zip": ({"train_zip": b"PK\x03\x04 and no more"}, "train.zip: damaged or cut off (File is not a zip"),
    "cut off": (
        {"train_jsonl_gz": gzip.compress(lines(*({"text": str(i)} for i in range(2000))))[:-30]},
        "train.jsonl.gz: damaged or cut off (",
    ),
    "no data": ({"notes_md": b"#"}, "here: there is no split 'train' (notes.md)"),
    "code": ({"here_py": b"raise SystemExit('was run')"}, "here: there is no split 'train' (here.py)"),
    "images": (
        {"train__a_png": b"x", "train__b_png": b"y", "train__labels_csv": b"text\na\n"},
        "here: its files (train/a.png, train/b.png, train/labels.csv) are none of .parquet, .geoparquet, "
        ".gpq, .arrow, .jsonl, .json, .ndjson, .csv, .tsv, .txt, .zip: name the right ones "
        "with files = [...]",
    ),
    "broken card": (
        {"README_md": b"---\nconfigs: [5\n---\n", "train_txt": b"x"},
        "here: README.md: its front matter can't be read (while parsing a flow sequence); "
        "name the files with files = [...]",
    ),
    "wrong card": (
        {"README_md": b"---\nconfigs: 5\n---\n", "train_txt": b"x"},
        "here: README.md: configs is no list of tables; name the files with files = [...]",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_no_dataset_is_a_clear_error(tmp_path: Path, case: str) -> None:
    files, message = FAULTS[case]
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path, **files))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_row_that_cannot_be_read_is_rejected_and_the_others_are_not(tmp_path: Path) -> None:
    reader = write(tmp_path, train_jsonl=b'{"text": "a"}\n{"text\n{"text": "b"}\n')
    assert list(source().read_in_order(reader)) == [
        Document(id="train#0", text="a"),
        Rejection(position="train.jsonl:2", reason="not valid JSON", excerpt='{"text'),
        Document(id="train#2", text="b"),
    ]


def test_an_unknown_split_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    reader = write(tmp_path, train_jsonl=lines({"text": "a"}), test_jsonl=lines({"text": "b"}))
    with pytest.raises(NotThereError) as caught:
        read(reader, split="validation")
    assert str(caught.value) == (
        "here: there is no split 'validation'; there are train, test: name them with split = [...]"
    )


def test_a_card_says_how_files_are_written(tmp_path: Path) -> None:
    card = """---
configs:
- {config_name: semicolons, data_files: a.csv, sep: ";", quotechar: "'", encoding: cp1250}
- {config_name: bare, data_files: b.csv, column_names: [title, text]}
- {config_name: inner, data_files: c.json, field: turns}
- {config_name: paragraphs, data_files: d.txt, sample_by: paragraph}
- {config_name: documents, data_files: d.txt, sample_by: document}
- {config_name: tabs, data_files: [{split: test, path: [e.tsv]}]}
- {config_name: skipping, data_files: a.csv, skiprows: 1}
- {config_name: odd, data_files: a.csv, sep: ";;"}
---
"""
    reader = write(
        tmp_path,
        README_md=card.encode(),
        a_csv="text;n\n'škoda; tu';1\n".encode("cp1250"),
        b_csv=b"T,x\n",
        c_json=b'{"turns": [{"text": "in"}]}',
        d_txt=b"one\ntwo\n\nthree\n",
        e_tsv=b"text\tm\na\tb\n",
    )

    def texts(config: str, split: str = "train") -> list[str]:
        return [
            r.text
            for r in source(config=config, split=split).read_in_order(reader)
            if isinstance(r, Document)
        ]

    assert texts("semicolons") == ["škoda; tu"]
    assert texts("bare") == ["x"]
    assert texts("inner") == ["in"]
    assert texts("paragraphs") == ["one\ntwo", "three"]
    assert texts("documents") == ["one\ntwo\n\nthree"]
    assert texts("tabs", "test") == ["a"]
    remedy = 'name the files with files = [...], or read them with type = "csv", "jsonl" or "text"'
    with pytest.raises(
        SourceError, match=r"^here: README\.md: its option skiprows is not followed; "
    ) as caught:
        texts("skipping")
    assert str(caught.value).endswith(remedy)
    with pytest.raises(SourceError, match=r"^here: README\.md: its option for delimiter is ';;'; "):
        texts("odd")


def test_files_of_the_recipe_are_of_the_training_split(tmp_path: Path) -> None:
    reader = write(tmp_path, a_jsonl=lines({"text": "a"}))
    with pytest.raises(SourceError) as caught:
        read(reader, files="*.jsonl", split="test")
    assert str(caught.value) == "here: files = [...] are of the split 'train'; leave out split"


def zipped(*members: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return content.getvalue()


def test_members_of_archives_are_files(tmp_path: Path) -> None:
    archive = zipped(
        ("z.jsonl", lines({"text": "2"})),
        ("a/y.jsonl", lines({"text": "3"})),
        ("b.jsonl", lines({"text": "1"})),
        ("../../b.jsonl", lines({"text": "0"})),
        ("licence.txt", b"all rights reserved"),
    )
    reader = write(tmp_path, train_zip=archive)
    assert [r.text for r in source().read_in_order(reader) if isinstance(r, Document)] == ["1", "2", "0", "3"]


def test_several_locations_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    reader = write(tmp_path, a_jsonl=lines({"text": "a"}))
    with pytest.raises(SourceError) as caught:
        list(source().read_in_order(TrackedReader(JoinedReader((reader, reader)))))
    assert str(caught.value) == (
        'here + here: type = "hub-dataset" reads one location; make a source of each, or name the files '
        "with files = [...]"
    )


LAYOUTS = {
    "one file": ("corpus.jsonl",),
    "names": ("train.jsonl", "test.jsonl", "my-train-2.jsonl", "valid_1.jsonl", "trainers.jsonl"),
    "two words": ("training.jsonl", "b train c.jsonl", "train-0.jsonl"),
    "folders": ("train/b.jsonl", "train/a.jsonl", "x/test-data/c.jsonl", "old.train/d.jsonl", "e.jsonl"),
    "sharded": (
        "data/train-00000-of-00002.jsonl",
        "data/train-00001-of-00002.jsonl",
        "data/extra_set-00000-of-00001.jsonl",
        "more/train-1.jsonl",
    ),
    "other kinds": ("a.jsonl", "b.jsonl", "notes.txt", "LICENSE", "config.json", "x.py"),
    "a draw": ("a.csv", "b.jsonl"),
    "hidden": (".cache/a.jsonl", "__pycache__/b.jsonl", "c.jsonl"),
    "compressed": ("train.jsonl.gz", "dev.jsonl.gz"),
}
CARDS = {
    "patterns": ("data_files: '*.jsonl'", ("b.jsonl", "a.jsonl", "x/c.jsonl")),
    "depths": ("data_files: ['x/**/*.jsonl', 'b.*']", ("b.jsonl", "x/c.jsonl", "x/y/z/d.jsonl", "x/e.txt")),
    "a folder": ("data_dir: x", ("x/train.jsonl", "x/test.jsonl", "train.jsonl")),
    "patterns in a folder": ("data_dir: ./x/", ("x/b.jsonl", "x/a.jsonl", "a.jsonl")),
    "splits": (
        "data_files: [{split: train, path: 'a*'}, {split: test, path: ['b.jsonl']}]",
        ("a1.jsonl", "a0.jsonl", "b.jsonl"),
    ),
}


def texts_by_datasets(folder: Path, split: str) -> list[str]:
    import datasets

    datasets.disable_progress_bars()
    rows = datasets.load_dataset(str(folder), split=split, streaming=True)
    return [row["text"] for row in rows]


@pytest.mark.parametrize("case", [*LAYOUTS, *CARDS])
def test_the_rows_are_those_of_datasets(tmp_path: Path, case: str) -> None:
    config, names = CARDS.get(case, ("", LAYOUTS.get(case, ())))
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = f"text\n{name}\n".encode() if name.endswith(".csv") else lines({"text": name})
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    if config:
        (tmp_path / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  {config}\n---\n")
    ours = [r.text for r in source().read_in_order(LocalReader("here", tmp_path)) if isinstance(r, Document)]
    assert ours == texts_by_datasets(tmp_path, "train")
    assert ours


def test_a_row_of_another_kind_is_rejected(tmp_path: Path) -> None:
    reader = write(tmp_path, train_jsonl=lines({"text": ["a"]}, {"text": ["b"]}))
    assert {record.reason for record in read(reader) if isinstance(record, Rejection)} == {
        "column 'text' is no text"
    }


def test_a_location_that_is_one_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, a_jsonl=lines({"text": "a"}))
    assert read(LocalReader("a", tmp_path / "a.jsonl")) == [Document(id="train#0", text="a")]


def test_of_a_repository_the_commit_is_read_and_known_byte_by_byte(hub: Loopback, cache: Cache) -> None:
    card = b"---\nconfigs:\n- config_name: one\n  data_files: a.jsonl\n---\n"
    hub.repositories["them/corpus"] = {"README.md": card, "a.jsonl": lines({"text": "then"}), "b.jsonl": b"?"}
    reader = TrackedReader(HubReader("hf://datasets/them/corpus", "them/corpus", cache))
    assert reader.revision == COMMIT
    hub.move_on("f" * 40)
    hub.repositories["them/corpus"] = {"README.md": card, "a.jsonl": lines({"text": "now"})}
    records = list(source().read_shuffled(reader, seed=1))
    assert [r.text for r in records if isinstance(r, Document)] == ["then"]
    assert [file.name for file in reader.read()] == ["README.md", "a.jsonl"]
    again = TrackedReader(
        HubReader("hf://datasets/them/corpus", "them/corpus", Cache(cache.folder, offline=True), COMMIT)
    )
    asked = len(hub.asked)
    assert list(source().read_shuffled(again, seed=1)) == records
    assert len(hub.asked) == asked


def test_a_folder_where_one_stands_does_not_stand_in_for_the_hub(
    hub: Loopback, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "them" / "corpus", a_jsonl=lines({"text": "canary"}))
    hub.repositories["them/corpus"] = {"a.jsonl": lines({"text": "the hub's"})}
    records = list(source().read_in_order(HubReader("hf://datasets/them/corpus", "them/corpus", cache)))
    assert records == [Document(id="train#0", text="the hub's")]


def test_it_can_be_planned(tmp_path: Path) -> None:
    write(tmp_path, train_jsonl=lines({"text": "a"}))
    recipe = parse_recipe(
        'name = "x"\n[groups]\na = 1.0\n[sources.s]\ngroup = "a"\ntype = "hub-dataset"\n'
        f"where = '{tmp_path}'\n"
    )
    (planned,) = plan(recipe).sources
    assert (planned.problem, planned.files, planned.size) == (None, 1, 14)
