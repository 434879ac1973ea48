"""The dataset recipe: TOML to a frozen model, every fault at once with its place in the file."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SerializeAsAny, ValidationError

from calibset.chat.options import ChatOptions
from calibset.errors import RecipeError
from calibset.faults import fault, mixture_faults
from calibset.mixture import Mixture, Shortage
from calibset.overrides import applied
from calibset.sources import Source, adapter
from calibset.storage.location import parse_location

__all__ = ["Recipe", "load_recipe", "parse_recipe"]

Share = Annotated[float, Field(gt=0, le=1, strict=True)]


class Recipe(BaseModel):
    """What a calibration set is made of, and how. Unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="A short name: letters, digits, . _ -"
    )
    description: str = Field("", description="What the set is for.")
    seed: int = Field(
        42,
        ge=0,
        le=2**63 - 1,
        strict=True,
        description="Fixes which documents are chosen, and their order.",
    )
    nsamples: int = Field(
        512, gt=0, le=1_000_000, strict=True, description="Rows of the file; the quantizer's --nsamples."
    )
    seqlen: int = Field(
        2048,
        ge=16,
        le=1_000_000,
        strict=True,
        description="Tokens of a row, at least; the quantizer's --seqlen.",
    )
    tokenizer: str = Field(
        "mistral-small-3.2",
        description="The target model's: a name that needs no download, or the path of a tokenizer.json "
        "or tekken.json, or of a folder with one; or hf://OWNER/NAME, a model on the hub.",
    )
    groups: dict[str, Share] = Field(
        min_length=1, description="Each group's share of the rows; they sum to 1."
    )
    fill: str | None = Field(
        None, description="The group that stands in for what runs short. It has no share of its own."
    )
    shortage: Shortage | None = Field(
        None,
        description="When a source runs short, its rows go to the fill group (`fill`, the default where "
        "there is one), to the others of its group and then to the fill group (`redistribute`, the default "
        "elsewhere), are made up by repeating its own (`repeat`), or the build fails (`error`).",
    )
    max_repeats: int = Field(
        4, ge=1, strict=True, description='How often a row may stand in the file under shortage = "repeat".'
    )
    max_rows_per_document: int = Field(
        4,
        ge=1,
        strict=True,
        description="Rows that one document gives before all others have had their turn.",
    )
    max_rejected: float = Field(
        0.2,
        ge=0,
        le=1,
        strict=True,
        description="The part of a source's records that may be unreadable or empty before the build fails. "
        "What is set aside on purpose (redirects, repeated ids, filters) is not counted.",
    )
    control_tokens: Literal["neutralise", "keep"] = Field(
        "neutralise",
        description="What becomes of letters such as </s> or [INST] in a text: broken apart so that they "
        "stay letters (`neutralise`), or left to become control tokens (`keep`).",
    )
    chat: ChatOptions = Field(
        ChatOptions(), description="How conversations are rendered for the target model."
    )
    consumer: Literal["autoround"] = Field(
        "autoround", description="The quantizer whose loader must keep every row."
    )
    output: str | None = Field(
        None,
        pattern=r"\.jsonl$",
        description="The file to write, relative to the working directory; NAME.jsonl if unset.",
    )
    sources: dict[str, SerializeAsAny[Source]] = Field(
        min_length=1, description="The corpora, by name. Every adapter has these keys and its own."
    )

    _path: Path | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The recipe's file, if it was read from one."""
        return self._path

    @property
    def folder(self) -> Path:
        """The recipe file's folder, which relative paths are looked up in."""
        return self._path.parent if self._path else Path()

    @property
    def policy(self) -> Shortage:
        """The shortage policy, the default applied."""
        return self.shortage or ("fill" if self.fill else "redistribute")

    @property
    def mixture(self) -> Mixture:
        """The mixture asked for, in exact fractions."""
        weights: dict[str, dict[str, Fraction]] = {group: {} for group in self.groups}
        if self.fill:
            weights.setdefault(self.fill, {})
        for name, source in self.sources.items():
            weights[source.group][name] = Fraction(repr(source.weight))
        return Mixture(
            nsamples=self.nsamples,
            shares={group: Fraction(repr(share)) for group, share in self.groups.items()},
            weights=weights,
            fill=self.fill,
            shortage=self.policy,
            max_repeats=self.max_repeats,
        )


def load_recipe(path: str | Path, *, overrides: Iterable[str] = (), allow_code: bool = False) -> Recipe:
    """Read a recipe.

    Args:
        path: A TOML file.
        overrides: ``key.path=value`` each, in place of what the file says; the value as TOML
            would have it, or else a string.
        allow_code: Whether an adapter named ``package.module:Class`` may be imported; its module
            may stand beside the recipe.

    Raises:
        RecipeError: The file can't be read, or has faults; all of them are named.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RecipeError(f"{path}: can't be read: {reason}") from error
    with _importable(path.parent) if allow_code else nullcontext():
        recipe = parse_recipe(text, origin=str(path), overrides=overrides, allow_code=allow_code)
    recipe._path = path  # noqa: SLF001  (the model is frozen; its file's place is not a key)
    return recipe


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let an adapter's module stand beside the recipe that names it."""
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


def parse_recipe(
    text: str, *, origin: str = "recipe", overrides: Iterable[str] = (), allow_code: bool = False
) -> Recipe:
    """Read a recipe from TOML text; see `load_recipe`.

    Args:
        text: The TOML.
        origin: What messages call it.
        overrides: As for `load_recipe`.
        allow_code: As for `load_recipe`.

    Raises:
        RecipeError: The text has faults; all of them are named.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
    faults: list[str] = []
    for override in overrides:
        faults += applied(raw, override)
    sources = _sources(raw.get("sources"), faults, allow_code)
    found: Recipe | None = None
    try:
        readable = isinstance(raw.get("sources"), dict)
        found = Recipe.model_validate({**raw, "sources": sources} if readable else raw)
    except ValidationError as error:
        emptied = isinstance(raw.get("sources"), dict) and raw["sources"] and not sources
        details = [d for d in error.errors() if not (emptied and d["loc"] == ("sources",))]
        faults += [fault(detail, (), Recipe) for detail in details]
    faults += mixture_faults(raw)
    if faults or found is None:
        raise RecipeError(*(line if line.startswith("--set ") else f"{origin}: {line}" for line in faults))
    return found


def _sources(raw: Any, faults: list[str], allow_code: bool) -> dict[str, Source]:
    """Return the sources that are right, and note what is wrong with the others."""
    found = {}
    for name, table in raw.items() if isinstance(raw, dict) else ():
        path = ("sources", name)
        if not isinstance(table, dict):
            faults.append(f"{'.'.join(path)}: must be a table")
            continue
        source = _source(table, path, faults, allow_code)
        if source is not None:
            found[name] = source
    return found


def _source(
    table: Mapping[str, Any], path: tuple[str, ...], faults: list[str], allow_code: bool
) -> Source | None:
    where = ".".join(path)
    kind = table.get("type")
    if not isinstance(kind, str):
        faults.append(f"{where}.type: is missing; `calibset sources` lists the adapters")
        return None
    try:
        cls = adapter(kind, allow_code=allow_code)
    except RecipeError as error:
        faults.append(f"{where}.type: {error}")
        return None
    try:
        source = cls.model_validate(dict(table))
    except ValidationError as error:
        details = error.errors()
        # Of a list whose items are wrong pydantic says too that it is too short.
        deeper = {detail["loc"][:-1] for detail in details if len(detail["loc"]) > 1}
        faults += [
            fault(detail, path, cls)
            for detail in details
            if detail["type"] != "too_short" or detail["loc"] not in deeper
        ]
        return None
    before = len(faults)
    for number, place in enumerate(source.where):
        try:
            parse_location(place)
        except ValueError as error:
            faults.append(f"{where}.where[{number}]: {error}")
    return source if len(faults) == before else None
