"""The dataset recipe: TOML to a frozen model, every fault at once with its place in the file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SerializeAsAny, ValidationError

from calibset.errors import RecipeError
from calibset.mixture import Mixture, Shortage
from calibset.sources import ADAPTERS, Source, adapter
from calibset.storage.location import parse_location

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["Recipe", "load_recipe", "parse_recipe", "recipe_schema"]

Share = Annotated[float, Field(gt=0, le=1, strict=True)]

# Shares are decimal fractions such as 0.333; more than this off 1 is a mistake.
_SHARE_TOLERANCE = Fraction(1, 1000)


class Recipe(BaseModel):
    """What a calibration set is made of, and how. Unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="A short name: letters, digits, . _ -"
    )
    description: str = Field("", description="What the set is for.")
    seed: int = Field(42, ge=0, strict=True, description="Fixes which documents are chosen, and their order.")
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
        "or tekken.json, or of a folder with one.",
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
    control_tokens: Literal["neutralise", "keep"] = Field(
        "neutralise",
        description="What becomes of letters such as </s> or [INST] in a text: broken apart so that they "
        "stay letters (`neutralise`), or left to become control tokens (`keep`).",
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

    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The recipe file's folder, which relative paths are looked up in."""
        return self._folder

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
        allow_code: Whether an adapter named ``package.module:Class`` may be imported.

    Raises:
        RecipeError: The file can't be read, or has faults; all of them are named.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RecipeError(f"{path}: can't be read: {reason}") from error
    recipe = parse_recipe(text, origin=str(path), overrides=overrides, allow_code=allow_code)
    recipe._folder = path.parent  # noqa: SLF001  (the model is frozen; its file's place is not a key)
    return recipe


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
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(raw, override)
    faults: list[str] = []
    sources = _sources(raw.get("sources"), faults, allow_code)
    found: Recipe | None = None
    try:
        found = Recipe.model_validate({**raw, "sources": sources} if "sources" in raw else raw)
    except ValidationError as error:
        emptied = isinstance(raw.get("sources"), dict) and raw["sources"] and not sources
        details = [d for d in error.errors() if not (emptied and d["loc"] == ("sources",))]
        faults += [_fault(detail, (), Recipe) for detail in details]
    faults += _mixture_faults(raw)
    if faults or found is None:
        raise RecipeError(*(f"{origin}: {fault}" for fault in faults))
    return found


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe, for editors that check TOML."""
    schema = Recipe.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    definitions.pop("Source", None)
    for name in ADAPTERS:
        one = adapter(name).model_json_schema()
        definitions.update(one.pop("$defs", {}))
        one["properties"]["type"] = {
            "const": name,
            "type": "string",
            "description": one.get("description", ""),
        }
        one["required"] = sorted({*one.get("required", ()), "type"})
        definitions[name] = one
    schema["properties"]["sources"]["additionalProperties"] = {
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in ADAPTERS]
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _apply(raw: dict[str, Any], override: str) -> None:
    path, sign, value = override.partition("=")
    keys = path.strip().split(".")
    if not sign or not all(keys):
        raise RecipeError(f"--set {override}: must read key.path=value, such as sources.pile.weight=2")
    table = raw
    for key in keys[:-1]:
        below = table.setdefault(key, {})
        if not isinstance(below, dict):
            raise RecipeError(f"--set {override}: {key} is a value, not a table")
        table = below
    try:
        table[keys[-1]] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        table[keys[-1]] = value


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
        faults += [_fault(detail, path, cls) for detail in error.errors()]
        return None
    before = len(faults)
    for number, place in enumerate(source.where):
        try:
            parse_location(place)
        except ValueError as error:
            faults.append(f"{where}.where[{number}]: {error}")
    return source if len(faults) == before else None


def _mixture_faults(raw: Mapping[str, Any]) -> list[str]:
    """Say what is wrong between groups and sources, as far as both can be read."""
    groups, sources, fill = raw.get("groups"), raw.get("sources"), raw.get("fill")
    if not isinstance(groups, dict) or not isinstance(sources, dict):
        return []
    faults = []
    shares = [share for share in groups.values() if isinstance(share, int | float) and isfinite(share)]
    if len(shares) == len(groups) and groups:
        total = sum((Fraction(repr(share)) for share in shares), Fraction())
        if abs(total - 1) > _SHARE_TOLERANCE:
            faults.append(f"groups: shares must sum to 1, got {float(total):g}")
    if fill in groups:
        faults.append(f"fill: {fill!r} has a share in groups; the fill group takes only what runs short")
    if fill is None and raw.get("shortage") == "fill":
        faults.append('shortage: "fill" needs a fill group; name one with fill = "…"')
    known = [*groups, *([fill] if isinstance(fill, str) else [])]
    members = [table.get("group") for table in sources.values() if isinstance(table, dict)]
    for name, table in sources.items():
        if isinstance(table, dict) and isinstance(table.get("group"), str) and table["group"] not in known:
            faults.append(f"sources.{name}.group: no group {table['group']!r}; groups are {', '.join(known)}")
    faults += [f"groups.{group}: no source is in it" for group in groups if group not in members]
    if isinstance(fill, str) and fill not in members and fill not in groups:
        faults.append(f"fill: no source is in group {fill!r}")
    return faults


def _fault(detail: ErrorDetails, path: tuple[str, ...], model: type[BaseModel]) -> str:
    place = ""
    for key in (*path, *detail["loc"]):
        place += f"[{key}]" if isinstance(key, int) else f".{key}" if place else str(key)
    return f"{place}: {_message(detail, model)}"


def _message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, got, context = detail["type"], detail["input"], detail.get("ctx", {})
    bounds = {
        "greater_than": "above {gt}",
        "greater_than_equal": "at least {ge}",
        "less_than_equal": "at most {le}",
    }
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        close = get_close_matches(str(detail["loc"][-1]), list(model.model_fields), n=1)
        return "unknown key" + (f"; did you mean {close[0]}?" if close else "")
    if kind in bounds:
        return f"must be {bounds[kind].format(**context)}, got {got!r}"
    if kind == "literal_error":
        return f"must be {context['expected']}, got {got!r}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"must be {message[0].lower()}{message[1:]}, got {got!r}" if message != detail["msg"] else message
