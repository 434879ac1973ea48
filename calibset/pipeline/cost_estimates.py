"""What a build will take, estimated before it: memory, and bytes read of each source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calibset.core.errors import RecipeError
from calibset.core.machine_memory import read_memory
from calibset.hygiene.deduplication import MOST_BYTES
from calibset.recipe.model import Recipe
from calibset.sources import Source
from calibset.sources.parquet_source import ParquetSource, is_parquet
from calibset.sources.sampling.files import LOADED_BYTES, MAX_OPEN_STREAMS, get_size, has_plain_lines
from calibset.sources.sampling.interleave import MAX_OPEN_PARTS, RECORDS_A_PART, count_first_parts
from calibset.sources.sampling.line_blocks import BLOCK_SIZE, MAX_OPEN_BLOCKS
from calibset.sources.sampling.row_groups import read_row_groups
from calibset.storage.cached_file import FETCH_SIZE
from calibset.storage.files import File

# Measured: the program with its libraries and a large tokenizer.
_BASE = 500_000_000
# A row beside its tokens; and of each token the id, its letters (two bytes each), and what an index of
# duplicates keeps of its words.
_BYTES_A_ROW = 2_000
_IDS, _LETTERS, _WORDS = 4, 8, 4
# What the choice among candidates needs of each token.
_CHOICE = 8
# Bytes of a corpus for a token of a row, with what is filtered.
_READ_A_TOKEN = 6
_FOOTER = 2**16


def count_wanted_rows(recipe: Recipe) -> dict[str, int]:
    """Return how many rows are asked of each source for all files, before anything runs short."""
    mixture = recipe.mixture
    pool = recipe.selection.pool if recipe.selection.method == "coverage" else 1
    held = replace(mixture, nsamples=recipe.holdout.nsamples).quotas() if recipe.holdout else {}
    return {name: rows * pool + held.get(name, 0) for name, rows in mixture.quotas().items()}


def estimate_memory(recipe: Recipe) -> int:
    """Return about how many bytes of memory a build takes at its peak."""
    chooses = recipe.selection.method == "coverage"
    rows = recipe.nsamples * (recipe.selection.pool if chooses else 1)
    rows += recipe.holdout.nsamples if recipe.holdout else 0
    tokens = rows * recipe.seqlen
    compares = any(recipe.hygiene_of(name).duplicates == "near" for name in recipe.sources)
    index = min(MOST_BYTES, tokens * _WORDS) if compares else 0
    return _BASE + rows * _BYTES_A_ROW + tokens * (_IDS + _LETTERS + (_CHOICE if chooses else 0)) + index


def require_memory(recipe: Recipe) -> None:
    """Make sure that the rows of a recipe, and the candidates that they are chosen from, fit into memory.

    Raises:
        RecipeError: They don't.
    """
    needed, there = estimate_memory(recipe), read_memory()
    if there is None or needed <= there:
        return
    chooses = recipe.selection.method == "coverage"
    keys = ("selection.pool", "nsamples", "seqlen") if chooses else ("nsamples", "seqlen")
    what = (
        f"{recipe.selection.pool} times {recipe.nsamples:,} candidates"
        if chooses
        else f"{recipe.nsamples:,} rows"
    )
    raise RecipeError(
        f"{keys[0]}: {what} of {recipe.seqlen:,} tokens take about {needed / 1e9:,.1f} GB of memory, and "
        f"{there / 1e9:,.1f} GB are there; lower {' or '.join((', '.join(keys[:-1]), keys[-1]))}"
    )


def estimate_read(
    source: Source, files: Sequence[File], rows: int, seqlen: int, *, opens: bool
) -> int | None:
    """Return about how many bytes are read of a source for so many rows; None if that can't be told.

    Args:
        source: The source.
        files: Its files.
        rows: How many rows are wanted.
        seqlen: Their length in tokens.
        opens: Whether a parquet file may be opened to know how large its row groups are.
    """
    if rows == 0 or not files or any(file.size is None for file in files):
        return 0 if rows == 0 or not files else None
    total, first = sum(map(get_size, files)), count_first_parts(rows)
    wanted = rows * seqlen * _READ_A_TOKEN
    if isinstance(source, ParquetSource) and all(map(is_parquet, files)):
        if not opens:
            return None
        return min(total, _estimate_row_groups(source, files, first, wanted))
    sound = [replace(file, is_suspect=False) for file in files]
    if total > LOADED_BYTES // 2 and all(has_plain_lines(file) and source.can_split(file) for file in sound):
        opened = BLOCK_SIZE * MAX_OPEN_BLOCKS * first // MAX_OPEN_PARTS
    else:
        opened = _estimate_files(source, sound, first)
    return min(total, max(opened, wanted))


def _estimate_files(source: Source, files: Sequence[File], first: int) -> int:
    """Return what is read at first of streams, and of files that are loaded whole."""
    streams = [get_size(file) for file in files if source.must_stream(file)]
    opened = max(1, MAX_OPEN_STREAMS * first // MAX_OPEN_PARTS)
    begun = sum(min(size, FETCH_SIZE) for size in streams[:opened])
    loaded = sum(map(get_size, files)) - sum(streams)
    average = loaded // max(1, len(files) - len(streams))
    return begun + max(average, min(loaded, LOADED_BYTES * first // MAX_OPEN_PARTS, MAX_OPEN_PARTS * average))


def _estimate_row_groups(source: ParquetSource, files: Sequence[File], first: int, wanted: int) -> int:
    """Return what the footers and so many row groups take as are opened, all as large as one file's."""
    groups = read_row_groups(files[0], source.needed_columns())
    if not groups:
        return _FOOTER * len(files)
    records = sum(group.rows for group in groups)
    unpacked = max(1, sum(group.unpacked_size for group in groups))
    drawn = max(1, wanted * records // unpacked)
    opened = min(drawn, MAX_OPEN_PARTS, first + drawn // RECORDS_A_PART)
    stored = sum(group.stored_size for group in groups) // len(groups)
    footers = _FOOTER * min(len(files), max(first, source.fewest_files))
    return footers + max(opened * stored, stored * drawn * len(groups) // max(1, records))
