"""A recipe with what it extends written in: it builds the same without the base."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset import load_recipe
from calibset.core.errors import RecipeError
from calibset.recipe.gallery import list_gallery
from calibset.recipe.portable import portable_recipe
from calibset.recipe.standalone import read_standalone


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", list_gallery())
def test_a_variant_says_the_same_without_its_base(name: str, tmp_path: Path) -> None:
    variant = write(tmp_path / "mine.toml", f'extends = "{name}"\nnsamples = 4\n[quantization]\niters = 7\n')
    alone = tmp_path / "alone" / "mine.toml"
    write(alone, read_standalone(variant).decode())
    assert "extends = " not in alone.read_text("utf-8")
    recipe, again = load_recipe(variant), load_recipe(alone)
    assert portable_recipe(again) == portable_recipe(recipe)
    assert again.quantization == recipe.quantization
    assert again.bases == ()


def test_a_recipe_without_a_base_is_copied_byte_for_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "own.toml", '# mine\r\nname = "own"\n')
    assert read_standalone(path) == path.read_bytes()
    with pytest.raises(RecipeError, match="can't be read: No such file"):
        read_standalone(tmp_path / "none.toml")


def test_paths_of_this_machine_are_not_written_in(tmp_path: Path) -> None:
    write(
        tmp_path / "base.toml",
        'groups = { a = 1.0 }\ntokenizer = "/home/me/model"\n'
        '[sources.one]\ngroup = "a"\ntype = "text"\nwhere = "/home/me/texts"\n'
        'fallbacks = [["/home/me/more", "there"]]\nscores = "/home/me/scores"\n'
        '[[exclude]]\nname = "test"\ntype = "text"\nwhere = ["/home/me/test"]\n',
    )
    variant = write(tmp_path / "v.toml", 'extends = "base.toml"\noutput = "/home/me/v.jsonl"\n')
    text = read_standalone(variant).decode()
    assert "/home" not in text
    assert 'where = "texts"\nfallbacks = [["more", "there"]]\nscores = "scores"\n' in text
    assert 'output = "v.jsonl"' in text


def test_a_variant_with_faults_keeps_them(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", "tokenizer = 3\n[[exclude]]\nwhere = [1]\n")
    text = read_standalone(write(tmp_path / "v.toml", 'extends = "base.toml"\nsources = 5\n')).decode()
    assert text == (
        '# What it extends is written in.\ntokenizer = 3\nname = "v"\nsources = 5\n'
        "\n[[exclude]]\nwhere = [1]\n"
    )
