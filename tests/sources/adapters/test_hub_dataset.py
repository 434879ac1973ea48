from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import SourceError
from calibset.pipeline.plan import plan
from calibset.recipe.loader import parse_recipe
from calibset.sources.adapters.hub_dataset import HubDataset
from calibset.storage.cache import Cache
from calibset.storage.files import memory_reader
from calibset.storage.hub import HubReader
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
    with pytest.raises(SourceError, match=r"^here: `datasets` can't load it: Config name is missing"):
        read(reader)


def test_columns_and_files_are_the_recipes(tmp_path: Path) -> None:
    reader = write(tmp_path, a_jsonl=lines({"q": "Q", "a": "A"}), b_jsonl=lines({"q": "X", "a": "Y"}))
    assert read(reader, columns=["q", "a"], files="a.jsonl") == [Document(id="train#0", text="Q\n\nA")]
    assert read(reader, files="a.jsonl") == [
        Rejection(position="train#0", reason="no column 'text'", excerpt="q, a")
    ]


BROKEN = {
    "cut off": {"train_jsonl_gz": gzip.compress(lines(*({"text": str(i)} for i in range(2000))))[:-30]},
    "empty file": {"train_jsonl": b""},
    "half a line": {"train_jsonl": b'{"text": "a"}\n{"text'},
    "no utf-8": {"train_txt": b"\xff\xfe\xfa"},
    "no parquet": {"train_parquet": b"PAR1 and no more"},
    "no zip": {"train_zip": b"PK\x03\x04 and no more"},
    "open quote": {"train_csv": b'text,a\n"x,1\n2,3,4,5\n'},
    "no data": {"notes_md": b"#"},
    "code": {"here_py": b"raise SystemExit('was run')"},
    "broken card": {"README_md": b"---\nconfigs: [5\n---\n", "train_txt": b"x"},
    "wrong card": {"README_md": b"---\nconfigs: 5\n---\n", "train_txt": b"x"},
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_datasets_cannot_load_is_an_error(tmp_path: Path, case: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path, **BROKEN[case]))
    assert str(caught.value).startswith("here: `datasets` can't load it: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^here: `datasets` can't load it: .*validation"):
        read(write(tmp_path, train_jsonl=lines({"text": "a"})), split="validation")


def test_a_row_of_another_kind_is_rejected(tmp_path: Path) -> None:
    reader = write(tmp_path, train_jsonl=lines({"text": ["a"]}, {"text": ["b"]}))
    assert {record.reason for record in read(reader) if isinstance(record, Rejection)} == {
        "column 'text' is no text"
    }


def test_other_locations_are_an_error() -> None:
    with pytest.raises(SourceError) as caught:
        list(source().read_shuffled(memory_reader({"a.jsonl": b""}, "https://x.org/a.jsonl"), seed=1))
    assert str(caught.value) == (
        'https://x.org/a.jsonl: type = "hub-dataset" reads hub repositories and local folders only'
    )


def test_rows_of_a_repository_are_streamed_once(
    hub: Loopback, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    hub.repositories["them/corpus"] = {"README.md": b"#"}
    asked = []

    def load_dataset(path: str, config: str | None, **options: Any) -> datasets.IterableDataset:
        asked.append((path, config, options))
        return datasets.Dataset.from_dict({"text": ["one", "two", ""]}).to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    reader = TrackedReader(HubReader("hf://datasets/them/corpus", "them/corpus", cache))
    first, again = (list(source(split="a").read_shuffled(reader, seed=1)) for _ in range(2))
    assert first == again
    assert sorted(r.id for r in first if isinstance(r, Document)) == ["a#0", "a#1"]
    options = {"split": "a", "revision": COMMIT, "data_files": None, "streaming": True}
    assert asked == [("them/corpus", None, options)]
    list(source(split="a", columns=["text", "more"]).read_shuffled(reader, seed=1))
    assert len(asked) == 2


def test_it_can_be_planned(tmp_path: Path) -> None:
    write(tmp_path, train_jsonl=lines({"text": "a"}))
    recipe = parse_recipe(
        'name = "x"\n[groups]\na = 1.0\n[sources.s]\ngroup = "a"\ntype = "hub-dataset"\n'
        f"where = '{tmp_path}'\n"
    )
    (planned,) = plan(recipe).sources
    assert (planned.problem, planned.files, planned.size) == (None, 1, 14)
