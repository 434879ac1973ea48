"""The gallery on the command line: `recipes` lists it, and `init --from` copies a recipe of it."""

from __future__ import annotations

import shlex
import shutil
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli.console import create_table, open_console, print_json, print_line, print_lines
from calibset.cli.recipe_files import require_folder, require_free, require_toml
from calibset.core.atomic_write import write_atomically
from calibset.core.errors import RecipeError
from calibset.core.locations import LocalPath, parse_location
from calibset.recipe.gallery import find_gallery_recipe, list_gallery

if TYPE_CHECKING:
    from calibset.recipe.model import Recipe


def recipes(arguments: Namespace) -> int:
    """List the recipes of the gallery."""
    entries = [_describe(name) for name in list_gallery()]
    if arguments.json:
        print_json(entries)
        return 0
    table = create_table("name", "what for")
    for entry in entries:
        table.add_row(entry["name"], entry["for"])
        table.add_row("", f"{entry['nsamples']} rows of {entry['seqlen']} tokens for {entry['model']}")
        table.add_row("", f"licences: {', '.join(entry['licences'])}")
    open_console().print(table)
    print_line(
        '`calibset init --from NAME` copies one; `extends = "NAME"` in a recipe makes a variant of it.'
    )
    return 0


def _describe(name: str) -> dict[str, Any]:
    """Return what is told of a recipe."""
    from calibset.recipe.loader import load_recipe

    recipe = load_recipe(find_gallery_recipe(name))
    return {
        "name": name,
        "for": " ".join(recipe.description.strip().partition("\n\n")[0].split()),
        "model": recipe.tokenizer.removeprefix("hf://"),
        "nsamples": recipe.nsamples,
        "seqlen": recipe.seqlen,
        "quantizer": recipe.quantizer,
        "licences": sorted({source.licence for source in recipe.sources.values()}),
        "sources": {source: table.licence for source, table in recipe.sources.items()},
        "exclude": list(recipe.exclude),
    }


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file or folder that is copied."""

    source: Path
    target: Path

    def is_there(self) -> bool:
        """Return whether the target holds all of it already, with the same bytes."""
        files = [file for file in (self.source, *self.source.rglob("*")) if file.is_file()]
        pairs = [(file, self.target / file.relative_to(self.source)) for file in files]
        return all(copy.is_file() and copy.read_bytes() == file.read_bytes() for file, copy in pairs)

    def write(self) -> None:
        """Write it, over what is there."""
        if self.source.is_dir():
            shutil.copytree(self.source, self.target, dirs_exist_ok=True)
            return
        with write_atomically(self.target) as file:
            file.write(self.source.read_bytes())


def copy_recipe(arguments: Namespace) -> int:
    """Copy a recipe of the gallery, word for word, with the sample corpora that it reads."""
    from calibset.recipe.loader import load_recipe

    _refuse_other_options(arguments)
    source = find_gallery_recipe(arguments.gallery)
    path = Path(arguments.out or source.name)
    require_toml(path)
    require_folder(path)
    recipe = load_recipe(source)
    own = list(_find_own_paths(recipe))
    copies = [
        _Copy(source.parent / name, path.parent / name) for name in own if (source.parent / name).exists()
    ]
    # Who follows several pages in one folder copies it again and again.
    copies = [copy for copy in (_Copy(source, path), *copies) if arguments.force or not copy.is_there()]
    for copy in copies:
        require_free(copy.target, force=arguments.force)
    # The recipe is written last: what it reads is there when it is.
    for copy in reversed(copies):
        copy.write()
    written = [copy.target for copy in copies]
    missing = [name for name in own if not (source.parent / name).exists()]
    if arguments.json:
        print_json(
            {
                "recipe": str(path),
                "from": source.stem,
                "written": [str(file) for file in written],
                "own": missing,
            }
        )
    elif not arguments.quiet:
        print_lines(_next_lines(recipe, path, missing, is_written=path in written))
    return 0


def _refuse_other_options(arguments: Namespace) -> None:
    """Refuse what `init` takes for data of one's own."""
    given = {
        "DATA": arguments.inputs,
        "--tokenizer": arguments.tokenizer,
        "--for": arguments.quantizer,
        "--nsamples": arguments.nsamples,
        "--seqlen": arguments.seqlen,
        "--share": arguments.share,
    }
    if names := [name for name, value in given.items() if value]:
        raise RecipeError(
            f"--from {arguments.gallery}: copies a recipe as it is, without {', '.join(names)}; change it in "
            "the copy, or in a recipe that extends it"
        )


def _find_own_paths(recipe: Recipe) -> Iterator[str]:
    """Yield the relative paths that a recipe reads."""
    for source in recipe.corpora.values():
        for text in source.where:
            location = parse_location(text)
            if isinstance(location, LocalPath) and not location.path.is_absolute():
                yield text


def _next_lines(recipe: Recipe, path: Path, missing: list[str], *, is_written: bool) -> Iterator[str]:
    name = shlex.quote(str(path))
    what = f"wrote {path}" if is_written else f"{path} is there already, as it would be written"
    yield f"{what}: {recipe.nsamples} rows of {recipe.seqlen} tokens for {recipe.tokenizer}"
    if missing:
        yield f"note: it reads data of your own, beside it or under --data: {', '.join(missing)}"
    yield "next:"
    yield f"  calibset plan   {name}"
    yield f"  calibset build  {name}"
