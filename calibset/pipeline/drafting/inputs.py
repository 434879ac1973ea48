"""What a newcomer names as data or as the model: a path, OWNER/NAME, or the address of a page of the hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from calibset.core.errors import RecipeError
from calibset.tokenizers import EMBEDDED

_HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_NAME = r"[A-Za-z0-9][\w.-]*"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}", re.ASCII)
# Pages of a repository that name a revision and then a path.
_FILE_PAGES = ("tree", "blob", "resolve", "raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInput:
    """Data that a user has named.

    Attributes:
        where: The location as the recipe spells it.
        label: A name to call it by.
        revision: The branch, tag or commit that an address names; None if it is the main one.
        path: The folder or file inside the location that an address names; all if empty.
        config: The configuration that an address names, if any.
        split: The split that an address names, if any.
    """

    where: str
    label: str
    revision: str | None = None
    path: str = ""
    config: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A model, whose tokenizer is meant, as a recipe spells it."""

    tokenizer: str


def parse_input(text: str, recipe_folder: Path) -> DataInput | ModelInput:
    """Return the data or the model that a word of the command line names.

    Args:
        text: A path, ``hf://…``, ``OWNER/NAME`` of a dataset, or the address of a page or file.
        recipe_folder: The folder of the recipe that will name it: its relative paths start there.

    Raises:
        RecipeError: It is none of these.
    """
    path = _expand(text)
    if os.path.exists(path):  # noqa: PTH110  (Path.exists raises on a name too long)
        return DataInput(where=_relate(path, recipe_folder), label=path.absolute().name or "data")
    if page := _parse_page(text):
        return page
    if text.startswith("https://"):
        last = urlsplit(text).path.rstrip("/").rsplit("/", 1)[-1]
        return DataInput(where=text, label=last or "data")
    if _REPOSITORY.fullmatch(text) and not path.parent.is_dir():
        return _dataset(text)
    raise RecipeError(
        f"{text}: no such file or folder, and neither OWNER/NAME of a dataset on the hub nor an address that "
        "begins with https:// or hf://datasets/"
    )


def find_label(text: str) -> str:
    """Return what to call data by, before it is known where the recipe goes."""
    parsed = parse_input(text, Path())
    label = parsed.label if isinstance(parsed, DataInput) else parsed.tokenizer.rsplit("/", 1)[-1]
    return label if Path(text).is_dir() else label.split(".")[0] or label


def parse_model(text: str, recipe_folder: Path) -> str:
    """Return a tokenizer as a recipe spells it: a known name, a path, or ``hf://OWNER/NAME``.

    Raises:
        RecipeError: It names a dataset.

    Examples:
        >>> parse_model("Qwen/Qwen3-8B", Path())
        'hf://Qwen/Qwen3-8B'
        >>> parse_model("https://huggingface.co/Qwen/Qwen3-8B/tree/main", Path())
        'hf://Qwen/Qwen3-8B'
    """
    path = _expand(text)
    if os.path.exists(path):  # noqa: PTH110
        return _relate(path, recipe_folder)
    page = _parse_page(text)
    if isinstance(page, DataInput):
        raise RecipeError(f"--tokenizer {text}: is a dataset; name the model that will be quantized")
    if page:
        return page.tokenizer
    return f"hf://{text}" if _REPOSITORY.fullmatch(text) and text not in EMBEDDED else text


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~NAME, and nobody of that name
        return Path(text)


def _relate(path: Path, recipe_folder: Path) -> str:
    """Return a path as it is spelled in a recipe of that folder."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  (a link is named as it is)
    folder = Path(os.path.abspath(recipe_folder))  # noqa: PTH100
    if absolute.is_relative_to(folder):
        return absolute.relative_to(folder).as_posix()
    return absolute.as_posix() if path.is_absolute() else Path(os.path.relpath(absolute, folder)).as_posix()


def _parse_page(text: str) -> DataInput | ModelInput | None:
    """Return what an address of the hub names; None if it is no such address."""
    if text.startswith("hf://"):
        parts = text.removeprefix("hf://").strip("/").split("/")
    else:
        address = urlsplit(text if "://" in text else f"https://{text}")
        if address.scheme not in ("http", "https") or address.netloc.lower() not in _HUB_HOSTS:
            return None
        parts = [unquote(part) for part in address.path.strip("/").split("/")]
    is_dataset = parts[0] == "datasets"
    owner_and_name, rest = parts[is_dataset : is_dataset + 2], parts[is_dataset + 2 :]
    repository, _, revision = "/".join(owner_and_name).partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise RecipeError(f"{text}: must name OWNER/NAME of a dataset or a model on the hub")
    if not is_dataset:
        return ModelInput(f"hf://{repository}")
    if text.startswith("hf://"):
        return _dataset(repository, revision=revision, path="/".join(rest))
    page, rest = (rest[0], rest[1:]) if rest else ("", [])
    if page in _FILE_PAGES:
        return _dataset(repository, revision="".join(rest[:1]), path="/".join(rest[1:]))
    if page == "viewer":
        return _dataset(repository, config="".join(rest[:1]), split="".join(rest[1:2]))
    return _dataset(repository)


def _dataset(
    repository: str, *, revision: str = "", path: str = "", config: str = "", split: str = ""
) -> DataInput:
    return DataInput(
        where=f"hf://datasets/{repository}",
        label=repository.rsplit("/", 1)[-1],
        revision=None if revision in ("", "main") else revision,
        path=path,
        config="" if config == "default" else config,
        split=split,
    )
