"""Rows that another script made, packed anew so that the quantizer keeps every one of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from calibset.core.documents import Document, Rejection
from calibset.core.errors import RecipeError, SourceError
from calibset.core.progress import Progress, labelled, no_progress
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.core.validation_errors import describe_error
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import RepackedFile
from calibset.hygiene.options import Hygiene
from calibset.hygiene.rendered_texts import TargetTokens
from calibset.pipeline.build import build
from calibset.pipeline.context import open_context
from calibset.pipeline.cost_estimates import count_wanted_rows
from calibset.pipeline.readers import open_storage
from calibset.pipeline.source_stream import open_source_stream
from calibset.pipeline.token_ids import decode_record, is_ids, strip_padding
from calibset.recipe.model import Recipe
from calibset.sources import Source, get_adapter
from calibset.sources.formats.json_rows import read_json_rows
from calibset.sources.parquet_source import is_parquet
from calibset.storage import File
from calibset.storage.local import LocalReader
from calibset.tokenizers import DEFAULT_TOKENIZER, Tokenizer, load_tokenizer
from calibset.tokenizers.base import spell_prefix
from calibset.tokenizers.engine_faults import locate_faults

ControlTokenUse = Literal["auto", "keep", "neutralise"]
"""What happens to control tokens that texts spell; ``auto`` keeps them if a chat template wrote them."""

_SEQLEN = 2048
_GROUP = "rows"
_TURNS = ("messages", "conversations")
# The rows at a file's beginning that are looked at for one that can be read.
_LOOKED_AT = 100
# More than any file gives.
_MOST_ROWS = 2**62
# The part of the texts that must look rendered, as for the note of a build.
_RENDERED_PART = 10
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def repack(  # noqa: PLR0913  (keywords, one for each option of the command)
    path: str | Path | Sequence[str | Path],
    *,
    tokenizer: str | None = None,
    seqlen: int | None = None,
    nsamples: int | None = None,
    quantizer: str | None = None,
    control_tokens: ControlTokenUse = "auto",
    column: str | None = None,
    seed: int = 42,
    progress: Progress | None = None,
) -> CalibrationSet:
    """Pack the texts of files that another script made into rows that the quantizer keeps.

    Every text is used as it is, in the order of the seed: short ones are joined, long ones go on in the next
    row. Nothing is written; see `CalibrationSet.write`.

    Args:
        path: A file of rows, or several: JSON Lines, JSON, parquet or plain text. Rows are texts, messages
            or ids.
        tokenizer: The target model's tokenizer, by name or path, which decodes ids, too; by default
            ``mistral-small-3.2``.
        seqlen: How many tokens of a row the quantizer reads; 2,048 by default.
        nsamples: How many rows to make; as many as the texts give if None.
        quantizer: The quantizer that must keep them; ``autoround`` by default.
        control_tokens: Whether control tokens that texts spell are tokens (`keep`) or letters
            (`neutralise`). They are tokens by default if the rows are ids, or if at least a tenth of the
            texts look as if the target's chat template had rendered them.
        column: The key of the texts, ids or messages, if it isn't plain from its name.
        seed: Fixes the order of the texts.
        progress: Called as each file gives rows.

    Raises:
        RecipeError: A file is missing or of no kind that is read, or holds no texts; or it gives fewer rows
            than asked for.
        SourceError: A file can't be read.
        TokenizerError: The tokenizer can't be loaded, or can't render messages.
        QuantizerError: The quantizer would not keep every row.
    """
    given = [path] if isinstance(path, str | Path) else list(path)
    paths = list(dict.fromkeys(Path(one).absolute() for one in given))
    if not paths:
        raise RecipeError("repack: name at least one file")
    sources = {name: _choose_source(file, column) for name, file in _name_sources(paths).items()}
    tokenizer = tokenizer or DEFAULT_TOKENIZER
    target = load_tokenizer(tokenizer)
    surveys = {name: _survey(paths[i], source, target) for i, (name, source) in enumerate(sources.items())}
    keeps = control_tokens == "keep" or (
        control_tokens == "auto" and any(survey.seems_rendered for survey in surveys.values())
    )
    recipe = _make_recipe(
        name=_NOT_IN_NAMES.sub("-", paths[0].stem).strip("-._") or "rows",
        description=f"The texts of {', '.join(file.name for file in paths)}, packed anew.",
        seed=seed,
        seqlen=_SEQLEN if seqlen is None else seqlen,
        tokenizer=tokenizer,
        quantizer=quantizer or DEFAULT_QUANTIZER,
        control_tokens="keep" if keeps else "neutralise",
        sources=sources,
    )
    yields = _count_rows(recipe, labelled(progress or no_progress, "counted"))
    recipe = _ask_for_rows(recipe, yields, nsamples)
    built = build(recipe, lock="ignore", progress=progress)
    files = tuple(RepackedFile(name=file.name, sha256=_hash(file)) for file in paths)
    return replace(
        built,
        manifest=built.manifest.model_copy(update={"repacked": files}),
        notes=(
            *_note_unused(built, yields),
            *_write_notes(surveys, target, control_tokens, keeps=keeps),
            *built.notes,
        ),
    )


def _name_sources(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files by names of sources, with a number where two would have the same."""
    named: dict[str, Path] = {}
    for path in paths:
        stem = path.name.split(".")[0] or "rows"
        name, number = stem, 1
        while name in named:
            number += 1
            name = f"{stem}-{number}"
        named[name] = path
    return named


def _make_recipe(**keys: Any) -> Recipe:
    try:
        return Recipe(nsamples=1, groups={_GROUP: 1.0}, max_rejected=1.0, **keys)
    except ValidationError as error:
        raise RecipeError(*(f"repack: {describe_error(one, (), Recipe)}" for one in error.errors())) from None


def _choose_source(path: Path, column: str | None) -> Source:
    """Return the source that reads a file, by its name and by the first row that can be read."""
    if not path.is_file():
        raise RecipeError(f"{path}: {'is a folder; name its files' if path.is_dir() else 'no such file'}")
    (file,) = LocalReader(path.name, path).files()
    if file.stem.lower().endswith(".txt"):
        return _open_source("text", path)
    if is_parquet(file):
        row: Any = _read_parquet_row(file)
    elif file.stem.lower().endswith((".jsonl", ".ndjson", ".json")):
        row = _read_json_row(file, column)
    else:
        raise RecipeError(
            f"{path}: must end in .jsonl, .json, .parquet or .txt; `calibset build` reads other corpora"
        )
    if not isinstance(row, Mapping):
        return _open_source("rows", path)
    key = _find_key(row, column)
    if key is None:
        fault = (
            f"has no key {column!r}" if column else "has no text, messages or input_ids; name the key to read"
        )
        raise RecipeError(f"{path}: a row of {', '.join(map(repr, list(row)[:8]))} {fault} (--column)")
    if _is_turns(row[key]):
        return _open_source("chat", path, messages=key)
    return _open_source("rows", path, column=None if key in ("text", "input_ids") else key)


def _open_source(kind: str, path: Path, **keys: Any) -> Source:
    # The file holds what is to be packed, so that nothing of it is repaired or left out.
    hygiene = Hygiene(duplicates="keep", repairs=())
    adapter = get_adapter(kind)
    return adapter(type=kind, group=_GROUP, where=(str(path),), hygiene=hygiene, **keys)


def _read_json_row(file: File, column: str | None) -> Any:
    """Return the first row that is one; None if there is none among the first hundred."""
    known = (column,) if column else ("text", *_TURNS, "input_ids")
    rows = islice(read_json_rows(file, known), _LOOKED_AT)
    return next((row for _, _, row in rows if not isinstance(row, Rejection)), None)


def _read_parquet_row(file: File) -> Mapping[str, Any]:
    """Return the first row of a parquet file, with null for every column that need not be looked at."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with file.open_random_access() as stream, parquet.ParquetFile(stream) as opened:
            schema = opened.schema_arrow
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"{file.name}: can't be read as parquet") from error
    # Turns are lists of objects; what else a column holds makes no difference here.
    return {one.name: [{}] if _holds_objects(one.type) else None for one in schema}


def _holds_objects(kind: Any) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and pa.types.is_struct(kind.value_type))


def _find_key(row: Mapping[str, Any], column: str | None) -> str | None:
    """Return the key of what a row holds for a quantizer; None if none is known."""
    if column is not None:
        return column if column in row else None
    known = next((key for key in ("text", *_TURNS, "input_ids") if key in row), None)
    return known or (next(iter(row)) if len(row) == 1 else None)


def _is_turns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a file's texts are: how many, of ids, of ids that read back as others, rendered for the target."""

    texts: int = 0
    of_ids: int = 0
    misread: int = 0
    rendered: int = 0

    @property
    def seems_rendered(self) -> bool:
        return self.of_ids > 0 or 0 < self.texts <= _RENDERED_PART * self.rendered


def _survey(path: Path, source: Source, tokenizer: Tokenizer) -> _Survey:
    """Read a file's texts once, before it is decided how control tokens are read."""
    target = TargetTokens(tuple(tokenizer.special_tokens), spell_prefix(tokenizer))
    texts = of_ids = misread = rendered = 0
    for record in source.read_in_order(LocalReader(path.name, path)):
        if not isinstance(record, Document):
            continue
        if is_ids(record):
            with locate_faults(f"{path}: {record.id}"):
                document = decode_record(record, tokenizer)
                if not isinstance(document, Document):
                    continue
                of_ids += 1
                misread += _reads_otherwise(document.text, record.token_ids, tokenizer)
        else:
            rendered += target.find_mark(record.text) in tokenizer.special_tokens
        texts += 1
    return _Survey(texts, of_ids, misread, rendered)


def _reads_otherwise(text: str, ids: tuple[int, ...], tokenizer: Tokenizer) -> bool:
    """Return whether a text's ids are not those that it was decoded from, but for its first and last ones."""
    read = tokenizer.encode(text, parse_special=True)
    # A row that was cut may begin or end with a part of what would be one token.
    inner = strip_padding(ids, tokenizer)[4:-4]
    return str(inner)[1:-1] not in str(tuple(read))


@dataclass(frozen=True, slots=True)
class _Yield:
    """What a file gives when it is read to its end: rows, and the commonest reasons of what is in none."""

    rows: int
    left_out: str


def _count_rows(recipe: Recipe, progress: Progress) -> dict[str, _Yield]:
    """Read each source to its end."""
    context = open_context(recipe, None, open_storage(recipe, None, ()), progress)
    wanted = count_wanted_rows(recipe)
    yields = {}
    for name in recipe.sources:
        stream = open_source_stream(
            name, recipe, context.readers[name], context.tokenizer, context.indexes, rows=wanted[name]
        )
        for number, _ in enumerate(stream.take(_MOST_ROWS), 1):
            progress(name, number, None)
        yields[name] = _Yield(len(stream.samples), stream.left_out.describe())
    return yields


def _ask_for_rows(recipe: Recipe, yields: Mapping[str, _Yield], nsamples: int | None) -> Recipe:
    """Return the recipe with as many rows of each source as it has, or its part of those asked for."""
    whole = sum(one.rows for one in yields.values())
    for name, one in yields.items():
        if one.rows == 0:
            reason = f" ({one.left_out})" if one.left_out else ""
            raise RecipeError(f"{name}: its texts don't fill one row of {recipe.seqlen:,} tokens{reason}")
    if nsamples is not None and nsamples > whole:
        raise RecipeError(
            f"{recipe.name}: its texts fill {whole:,} rows of {recipe.seqlen:,} tokens, not {nsamples:,}; "
            f"ask for at most {whole:,}, or leave --nsamples out"
        )
    sources = {
        name: source.model_copy(update={"weight": float(yields[name].rows)})
        for name, source in recipe.sources.items()
    }
    return recipe.model_copy(update={"nsamples": nsamples or whole, "sources": sources})


def _note_unused(built: CalibrationSet, yields: Mapping[str, _Yield]) -> Iterator[str]:
    """Say what of the texts is in no row."""
    for source in built.manifest.sources:
        whole = yields[source.name]
        if source.achieved < whole.rows:
            yield f"{source.name}: its texts fill {whole.rows:,} rows, and {source.achieved:,} were asked for"
        elif whole.left_out:
            yield f"{source.name}: in no row: {whole.left_out}"


def _write_notes(
    surveys: Mapping[str, _Survey], tokenizer: Tokenizer, use: ControlTokenUse, *, keeps: bool
) -> Iterator[str]:
    for name, survey in surveys.items():
        if survey.of_ids:
            yield f"{name}: the ids of {survey.of_ids:,} rows were read as texts with {tokenizer.name}" + (
                f"; {survey.misread:,} of these texts have other ids now, so make sure that this tokenizer "
                "made the rows"
                if survey.misread
                else ""
            )
        if keeps and use == "auto" and survey.rendered:
            yield (
                f"{name}: control tokens in texts are kept, since {survey.rendered:,} of {survey.texts:,} "
                "look as if a chat template had rendered them; --control-tokens neutralise breaks them apart"
            )


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
