"""From a recipe to a calibration set: the only place where the parts are put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from calibset.calibration_set import CalibrationSet
from calibset.consumers import Replay, autoround
from calibset.document import Sample
from calibset.errors import CalibsetError, ConsumerError, MixtureError
from calibset.intake import Tally
from calibset.lockfile import Lock
from calibset.locking import LockUse, differences_of_recipe, ensure_as_locked, known_lock, unlike_lock
from calibset.mixture import interleave
from calibset.opening import open_place, open_places, storage_of
from calibset.planned import Plan, PlannedSource, SourceCheck
from calibset.recipe import Recipe, load_recipe
from calibset.reporting import lock_of, manifest_of, portable_recipe
from calibset.storage import Storage
from calibset.supply import Supply, open_supply
from calibset.tokenizers import Tokenizer, find_tokenizer, load_tokenizer, spells_control_tokens

__all__ = ["Plan", "PlannedSource", "Progress", "SourceCheck", "build", "check", "plan"]


class Progress(Protocol):
    """Is told how far a build or a check has come."""

    def __call__(self, source: str, done: int, asked: int | None) -> None:
        """Note that a source has given ``done`` of ``asked`` samples (records, for a check)."""
        ...


def plan(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
) -> Plan:
    """Say what a build would read and how much of it, without downloading data.

    Args:
        recipe: What to build; or the path of the recipe.
        data: A folder that relative places are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: ``https://PREFIX=https://REPLACEMENT`` each; those of ``CALIBSET_MIRRORS`` follow.
        offline: Look into the cache alone in place of servers.

    Raises:
        RecipeError: The recipe at the path has faults.
        OutputError: There is a lock beside the recipe, and it can't be read.
        TokenizerError: There is no such tokenizer.
    """
    recipe = _loaded(recipe)
    find_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    storage = storage_of(recipe, data, mirrors, offline=offline)
    quotas = recipe.mixture.quotas()
    groups: dict[str, int] = dict.fromkeys(recipe.mixture.weights, 0)
    for name, source in recipe.sources.items():
        groups[source.group] += quotas[name]
    known = known_lock(recipe)
    sources = tuple(_planned(name, recipe, storage, known, quotas[name]) for name in recipe.sources)
    return Plan(recipe=recipe, groups=groups, sources=sources)


def build(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    lock: LockUse = "use",
    progress: Progress | None = None,
) -> CalibrationSet:
    """Build the calibration set of a recipe and prove that its consumer keeps every row.

    Nothing is written; see `CalibrationSet.write`.

    Args:
        recipe: What to build; or the path of the recipe.
        data: A folder that relative places are looked up in first.
        mirrors: ``https://PREFIX=https://REPLACEMENT`` each.
        offline: Read the cache alone in place of servers.
        lock: What becomes of a lock beside the recipe: its places and commits are read (`use`),
            the build fails unless all is as it says (`require`), or nothing (`ignore`).
        progress: Is told how far each source has come.

    Raises:
        LockError: A lock is required, and there is none, or something differs.
        OfflineError: Sources are not in the cache, offline.
        SourceError: A source can't be found, reached or read, or gives too little that can be.
        MixtureError: The sources run short and the policy leaves no way out.
        TokenizerError: The tokenizer can't be loaded, or can't render conversations.
        ConsumerError: The consumer would not keep every row.
    """
    recipe = _loaded(recipe)
    known = known_lock(recipe, lock)
    if lock == "require" and known is not None:
        ensure_as_locked(recipe, differences_of_recipe(known, portable_recipe(recipe)))
    storage = storage_of(recipe, data, mirrors, offline=offline)
    readers = open_places(recipe, storage, known)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    supplies = {name: open_supply(name, recipe, reader, tokenizer) for name, reader in readers.items()}
    chosen, repeated = _gathered(recipe, supplies, progress)
    for supply in supplies.values():
        supply.ensure_readable(recipe.max_rejected)
    samples = _in_order(recipe, chosen)
    replay = autoround.replay(
        (sample.text for sample in samples), tokenizer, nsamples=recipe.nsamples, seqlen=recipe.seqlen
    )
    _ensure_kept(replay, samples)
    manifest = manifest_of(recipe, tokenizer, supplies, samples, repeated, replay)
    rejections = {name: tuple(supply.tally.rejected) for name, supply in supplies.items()}
    made = lock_of(manifest, readers, known)
    changed = unlike_lock(known, made)
    if lock == "require":
        ensure_as_locked(recipe, changed)
    return CalibrationSet(
        samples,
        manifest,
        made,
        rejections,
        changed,
        prefix=tokenizer.prefix,
        suffix=tokenizer.suffix,
        notes=(*tokenizer.notes, *_unread_control_tokens(recipe, tokenizer, samples)),
    )


def check(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    progress: Progress | None = None,
) -> tuple[SourceCheck, ...]:
    """Read every source to its end and count what is in it; arguments as for `build`."""
    recipe = _loaded(recipe)
    known = known_lock(recipe)
    storage = storage_of(recipe, data, mirrors, offline=offline)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    return tuple(_checked(name, recipe, storage, known, tokenizer, progress) for name in recipe.sources)


def _loaded(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


def _planned(name: str, recipe: Recipe, storage: Storage, known: Lock | None, quota: int) -> PlannedSource:
    source = recipe.sources[name]
    place, revision, count, size, streamed, problem = source.where[0], None, 0, None, False, None
    try:
        reader = open_place(name, recipe, storage, known)
        place, revision = reader.place, reader.revision
        files = source.select(reader)
        count = len(files)
        sizes = [file.size for file in files if file.size is not None]
        size = sum(sizes) if len(sizes) == count else None
        streamed = size is not None and source.from_beginning(reader)
    except CalibsetError as error:
        problem = str(error)
    return PlannedSource(
        name=name,
        group=source.group,
        type=source.type,
        quota=quota,
        place=place,
        revision=revision,
        files=count,
        size=size,
        licence=source.licence,
        from_beginning=streamed,
        problem=problem,
    )


def _gathered(
    recipe: Recipe, supplies: Mapping[str, Supply], progress: Progress | None
) -> tuple[dict[str, list[Sample]], dict[str, int]]:
    """Take from each source what the mixture asks, until the set is complete."""
    asked = recipe.mixture.quotas()
    wanted = dict(asked)
    while wanted:
        for name, count in wanted.items():
            supply = supplies[name]
            goal = len(supply.samples) + count
            for _ in supply.take(count):
                if progress:
                    progress(name, len(supply.samples), goal)
            if progress and supply.exhausted:
                progress(name, len(supply.samples), len(supply.samples))
        got = {name: len(supply.samples) for name, supply in supplies.items()}
        gone = [name for name, supply in supplies.items() if supply.exhausted]
        with _saying_why(supplies, gone):
            wanted = recipe.mixture.further(got, gone)
    with _saying_why(supplies, gone):
        repeated = recipe.mixture.repeats(got) if recipe.policy == "repeat" else {}
    chosen = {name: list(supply.samples) for name, supply in supplies.items()}
    for name, count in repeated.items():
        own = supplies[name].samples
        chosen[name] += [own[i % len(own)] for i in range(count)]
    return chosen, repeated


@contextmanager
def _saying_why(supplies: Mapping[str, Supply], gone: list[str]) -> Iterator[None]:
    """Add to a shortage what was left out of the sources that ran short."""
    try:
        yield
    except MixtureError as error:
        reasons = [f"of {name} {left_out}" for name in gone if (left_out := supplies[name].tally.left_out())]
        said = f"{error}; left out: {'; '.join(reasons)}" if reasons else str(error)
        raise MixtureError(said) from error


def _in_order(recipe: Recipe, chosen: Mapping[str, list[Sample]]) -> tuple[Sample, ...]:
    """Order the rows so that every prefix holds the mixture, of groups and in each of sources."""
    members = {
        group: {name: len(chosen[name]) for name in names} for group, names in recipe.mixture.weights.items()
    }
    turns = {group: iter(interleave(counts)) for group, counts in members.items()}
    rows = {name: iter(samples) for name, samples in chosen.items()}
    groups = interleave({group: sum(counts.values()) for group, counts in members.items()})
    return tuple(next(rows[next(turns[group])]) for group in groups)


def _unread_control_tokens(
    recipe: Recipe, tokenizer: Tokenizer, samples: tuple[Sample, ...]
) -> Iterator[str]:
    """Say how many rows a quantizer that loads the model's own tokenizer would misread."""
    if not spells_control_tokens(find_tokenizer(recipe.tokenizer, recipe.folder, offline=True)):
        return
    control = frozenset(tokenizer.special_tokens.values())
    if affected := sum(not control.isdisjoint(sample.token_ids) for sample in samples):
        yield (
            f"{affected} of {len(samples)} rows hold control tokens, which transformers reads as letters "
            "beside a tekken.json: give AutoRound what `calibset tokenizer` or `calibset export` writes"
        )


def _ensure_kept(replay: Replay, samples: tuple[Sample, ...]) -> None:
    if replay.kept < replay.nsamples:
        lost = "; ".join(
            f"row {row.row} (source {samples[row.row - 1].source}): {row.reason}" for row in replay.lost[:5]
        )
        raise ConsumerError(
            f"{replay.consumer} would keep {replay.kept} of {replay.nsamples} rows, so nothing was written: "
            f"{lost}; please report this recipe"
        )


def _checked(
    name: str,
    recipe: Recipe,
    storage: Storage,
    known: Lock | None,
    tokenizer: Tokenizer,
    progress: Progress | None,
) -> SourceCheck:
    source = recipe.sources[name]
    tally, place, problem = Tally(), source.where[0], None
    done = 0
    try:
        reader = open_place(name, recipe, storage, known)
        place = reader.place
        supply = open_supply(name, recipe, reader, tokenizer)
        tally = supply.tally
        for done, _ in enumerate(supply.items, 1):
            if progress and done % 100 == 0:
                progress(name, done, None)
        supply.ensure_something()
    except CalibsetError as error:
        problem = str(error)
    if progress:
        progress(name, done, done)
    return SourceCheck(name=name, place=place, tally=tally, problem=problem)
