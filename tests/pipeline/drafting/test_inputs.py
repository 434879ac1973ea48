"""What a word of the command line names."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.errors import RecipeError
from calibset.pipeline.drafting.inputs import DataInput, ModelInput, parse_input, parse_model

PAGE = "https://huggingface.co/datasets/them/notes"
NOTES = "hf://datasets/them/notes"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("them/notes", {}),
        ("datasets/them/notes", None),
        (NOTES, {}),
        (f"{NOTES}@v1/data/a.jsonl", {"revision": "v1", "path": "data/a.jsonl"}),
        (PAGE, {}),
        (f"{PAGE}/", {}),
        ("huggingface.co/datasets/them/notes", {}),
        ("https://hf.co/datasets/them/notes?row=3", {}),
        (f"{PAGE}/tree/main", {}),
        (f"{PAGE}/tree/refs%2Fconvert%2Fparquet/de", {"revision": "refs/convert/parquet", "path": "de"}),
        (f"{PAGE}/blob/main/data/a.jsonl", {"path": "data/a.jsonl"}),
        (f"{PAGE}/resolve/v1/a.jsonl?download=true", {"revision": "v1", "path": "a.jsonl"}),
        (f"{PAGE}/viewer/de/test", {"config": "de", "split": "test"}),
        (f"{PAGE}/viewer/default/train", {"split": "train"}),
    ],
)
def test_a_dataset_is_known_by_its_name_and_its_pages(text: str, rest: dict[str, str] | None) -> None:
    if rest is None:
        with pytest.raises(RecipeError, match="no such file or folder"):
            parse_input(text, Path())
        return
    assert parse_input(text, Path()) == DataInput(where=NOTES, label="notes", **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["hf://them/model", "https://huggingface.co/them/model/tree/main"])
def test_the_page_of_a_model_is_its_tokenizer(text: str) -> None:
    assert parse_input(text, Path()) == ModelInput("hf://them/model")


def test_a_path_is_spelled_from_the_recipes_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "them" / "notes").mkdir(parents=True)
    recipes = tmp_path / "recipes"
    assert parse_input("them/notes", Path()) == DataInput(where="them/notes", label="notes")
    assert parse_input("them/notes", Path("recipes")) == DataInput(where="../them/notes", label="notes")
    absolute = str(tmp_path / "them")
    assert parse_input(absolute, recipes) == DataInput(where=absolute, label="them")
    assert parse_input(".", Path()) == DataInput(where=".", label=tmp_path.name)


@pytest.mark.parametrize(
    ("text", "tokenizer"),
    [
        ("mistral-small-3.2", "mistral-small-3.2"),
        ("them/model", "hf://them/model"),
        ("hf://them/model", "hf://them/model"),
        ("https://huggingface.co/them/model", "hf://them/model"),
        ("./nowhere", "./nowhere"),
    ],
)
def test_a_model_is_known_by_its_name_and_its_pages(text: str, tokenizer: str) -> None:
    assert parse_model(text, Path()) == tokenizer


def test_a_dataset_is_no_model() -> None:
    with pytest.raises(RecipeError, match="is a dataset; name the model that will be quantized"):
        parse_model(PAGE, Path())
