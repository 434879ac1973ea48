"""The base class of every source adapter: a frozen pydantic model that reads the records of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from calibset.core.documents import Kind, Record
from calibset.core.errors import CalibsetError, NotThereError, OfflineError, SourceError
from calibset.core.fields import LocationLists, Names
from calibset.core.seeding import shuffled
from calibset.core.short_forms import write_line, write_table
from calibset.core.text import excerpt
from calibset.hygiene.options import Hygiene
from calibset.selection.score_condition import check_condition
from calibset.selection.score_order import Choice
from calibset.sources.sampling.files import FileSampler, has_plain_lines, is_large, measure_record
from calibset.sources.sampling.interleave import (
    MAX_OPEN_PARTS,
    Part,
    count_first_parts,
    interleave,
    shuffle_in_batches,
)
from calibset.sources.sampling.line_blocks import StartRule
from calibset.storage.file_names import (
    COMPRESSED_SUFFIXES,
    has_word,
    is_in_config,
    keep_training_files,
    list_some,
)
from calibset.storage.files import File, Reader

KEPT_OF_GIVEN = frozenset(("group", "weight", "licence", "max_rejected", "max_left_out_in_a_row", "hygiene"))
"""The keys of a source that say nothing of where its files are and how they are written."""


def _check_condition(text: str) -> str:
    try:
        return check_condition(text) if text else text
    except ValueError as error:
        how = f"{excerpt(text)!r}: {error}"
        # Passed as a value, since braces in it would be taken for parts of the message.
        raise PydanticCustomError("condition", "{how}", {"how": how}) from error


EVALUATION = "exclude"
"""The group of evaluation sets, which no row is taken of."""


class Source(BaseModel):
    r"""Base class of the adapters, with the keys that every `[sources.NAME]` of a recipe may hold.

    An adapter is its own configuration: its fields are the keys of its table in a recipe. It needs
    only two methods: `patterns` names the files to read, and `read` yields the records of one file in
    the file's order. This class finds the files and puts the records of all of them in a seeded order
    whose every prefix is a fair sample.

    A large file is streamed from its beginning unless `can_split` says that it can be read from any
    line on; then blocks are drawn from all over it. `start_rule` tells where a record starts if not
    every line is a record. An adapter whose files need to be read in another way overrides
    `partition`.

    Examples:
        >>> from calibset.core.documents import Document
        >>> from calibset.storage.files import memory_reader
        >>> from calibset.storage.text_lines import read_lines
        >>> class Proverbs(Source):
        ...     type: str = "proverbs"
        ...
        ...     def patterns(self):
        ...         return ("*.proverbs",)
        ...
        ...     def read(self, file):
        ...         for number, line in enumerate(read_lines(file), start=1):
        ...             yield Document(id=f"{file.name}:{number}", text=line)
        >>> reader = memory_reader({"en.proverbs": b"Look before you leap.\nHaste makes waste."})
        >>> source = Proverbs(group="general", where=("proverbs",))
        >>> [record.id for record in source.read_shuffled(reader, seed=42)]
        ['en.proverbs:2', 'en.proverbs:1']
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: ClassVar[str] = ""
    """One line for `calibset sources`."""
    kind: ClassVar[Kind | None] = None
    """What the adapter gives, if that is always the same."""
    reads_by_file: ClassVar[bool] = True
    """Whether each file's records are the same whatever other files are read, so that they can be scored."""

    type: str = Field(
        description="The adapter: a name that `calibset sources` lists, or package.module:Class."
    )
    group: str = Field(description="The group whose share this source helps to fill.")
    weight: float = Field(
        1.0,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="How much of the group's rows it gives, relative to the other sources of the group.",
    )
    where: Names = Field(
        description="The location (hf://datasets/OWNER/NAME, https://…, or a local path), or several, which "
        "are read together.",
        min_length=1,
    )
    fallbacks: LocationLists = Field(
        (),
        description="What is read instead if one of these locations doesn't exist: a list of locations, or "
        "of lists of those that are read together. The first that exists is taken.",
    )
    config: Names = Field((), description="The dataset's configuration (subset), if it has several.")
    split: Names = Field((), description="The split, if the dataset has several.")
    revision: str | None = Field(
        None, description="The branch, tag or commit of a hub repository; the main branch if unset."
    )
    files: Names = Field(
        (), description="Shell-style patterns of the files to read, in place of the adapter's defaults."
    )
    licence: str = Field(
        "unknown", description="The corpus's licence, as an SPDX identifier if there is one."
    )

    max_rejected: float | None = Field(
        None,
        ge=0,
        le=1,
        strict=True,
        description="The share of this source's records that may be rejected, in place of the recipe's "
        "`max_rejected`.",
    )
    max_left_out_in_a_row: int = Field(
        100_000,
        ge=1,
        strict=True,
        description="How many records in a row may be rejected or filtered; the build ends at more. A record "
        "counts once more for every 1,000 characters. Raise it for a corpus of which fewer than one record "
        "in some thousands is wanted, or that is sorted by what is filtered.",
    )
    hygiene: Hygiene = Field(
        Hygiene(), description="What is repaired and filtered in this source; its keys override the recipe's."
    )

    scores: str | None = Field(
        None,
        min_length=1,
        exclude_if=lambda scores: scores is None,
        description="The folder in which `calibset score` keeps what it found out about every document, or "
        "its URL (s3://…, gs://…); a relative path is in the recipe's folder. If it is set, documents "
        "are chosen from the whole corpus, and only those are read.",
    )
    choose: Choice = Field(
        "random",
        exclude_if=lambda choose: choose == "random",
        description="How scored documents are chosen: at random, the best first (`quality`), or so that they "
        "together hold most tokens and terms (`coverage`).",
    )
    choose_where: Annotated[str, AfterValidator(_check_condition)] = Field(
        "",
        exclude_if=lambda condition: not condition,
        description="Which scored documents may be chosen: a comparison such as language_score > 0.9 and "
        "tokens >= 200.",
    )

    _first_parts: int = PrivateAttr(MAX_OPEN_PARTS)

    def __repr__(self) -> str:
        return write_line(type(self).__name__, ", ".join(self.where), f"group {self.group}")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        keys = self.model_dump(mode="json", exclude_defaults=True)
        return write_table(f"A source of the type {self.type}", ("key", "value"), keys.items())

    @property
    def gives(self) -> Kind | None:
        """What the source gives; None if that is known only when it is read."""
        return self.kind

    def for_given_rows(self) -> Source | None:
        """Return the source that reads rows which a program gives, as JSON Lines; None if this kind can't."""
        return None

    def for_rows(self, rows: int) -> Self:
        """Return the source as it is read for so many rows: if these are few, from few parts at first."""
        source = self.model_copy()
        source._first_parts = count_first_parts(rows)  # noqa: SLF001  (a copy of its own)
        return source

    def patterns(self) -> tuple[str, ...]:
        """Return shell-style patterns of the files that this adapter reads by default."""
        raise NotImplementedError

    def read(self, file: File) -> Iterator[Record]:
        """Yield the records of one file, in the file's order.

        Raises:
            SourceError: The file is damaged or of another kind.
        """
        raise NotImplementedError

    def can_split(self, file: File) -> bool:  # noqa: ARG002  (for subclasses to look at)
        """Return whether the records of a file, once decompressed, can be read from any line on.

        If so, `read` is also called with blocks of the file, named ``FILE@OFFSET``.
        """
        return False

    def start_rule(self, file: File) -> StartRule:  # noqa: ARG002  (for subclasses to look at)
        """Return the rule that tells on which lines of a splittable file a record starts; here, on all."""
        return lambda _before, _line: True

    def must_stream(self, file: File) -> bool:
        """Return whether a file is read from its beginning, because it is large and can't be split."""
        return is_large(file) and not (has_plain_lines(file) and self.can_split(file))

    def stream(self, file: File, seed: int) -> Iterator[Record]:
        """Yield the records of a file from its beginning, shuffled a thousand at a time."""
        yield from self.shuffle_stream(self.read(file), file, seed)

    def shuffle_stream(self, records: Iterable[Record], file: File, seed: int) -> Iterator[Record]:
        """Yield what `read` yields of a file in the order of `stream`; no more is read than is needed."""
        yield from shuffle_in_batches(records, seed, file.name, length=measure_record)

    def partition(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield the records of the files in parts, from each of which a sample takes its share.

        Args:
            files: The files, in seeded order.
            seed: The seed of the order inside each part.
        """
        return FileSampler(self, seed, self._first_parts).partition(files)

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read: those that the recipe names, or else the adapter's own."""
        if self.files:
            return reader.files(*self.files)
        return reader.files(*self.patterns(), choose=self.choose_names)

    def choose_names(self, names: list[str]) -> list[str]:
        """Return those of the adapter's files that are of the recipe's configurations and splits.

        A configuration is a folder, or what a file's name begins with; a split is a word of the name. If the
        recipe names no split, those beside the training split are left out, of a source, but not of an
        evaluation set. An adapter that gives them another meaning overrides this.

        Raises:
            NotThereError: None is.
        """
        chosen = [
            name
            for name in names
            if (not self.config or any(is_in_config(name, config) for config in self.config))
            and (not self.split or any(has_word(name, split) for split in self.split))
        ]
        if names and not chosen:
            asked = [f"{key} = {', '.join(map(repr, words))}" for key, words in self._asked_words()]
            raise NotThereError(
                f"no file is of {' and '.join(asked)}; there are {list_some(names)}: "
                "name the right ones with files = [...]"
            )
        return chosen if self.split or self.group == EVALUATION else keep_training_files(chosen)

    def note_splits(self, reader: Reader) -> str | None:
        """Return what users should know of splits that are not read because the recipe names none."""
        if self.files or self.split or type(self).choose_names is not Source.choose_names:
            return None
        found: list[str] = []

        def listen(names: list[str]) -> list[str]:
            left = set(names).difference(self.choose_names(names))
            found.extend(name for name in names if name in left and not self._is_of_another_config(name))
            return []  # the names tell; nothing is asked of the files themselves

        with suppress(NotThereError):  # rows that a program gives have no such files
            reader.files(*self.patterns(), choose=listen)
        if not found:
            return None
        return (
            f"the split train is read, and others are not ({list_some(found, 3)}); "
            "name those that are to be read with split = [...]"
        )

    def note_unread(self, files: Sequence[File]) -> str | None:  # noqa: ARG002  (for subclasses)
        """Return what users should know of parts of the files that are not read."""
        return None

    def _is_of_another_config(self, name: str) -> bool:
        return bool(self.config) and not any(is_in_config(name, config) for config in self.config)

    def _asked_words(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(key, words) for key, words in (("config", self.config), ("split", self.split)) if words]

    def read_in_order(self, reader: Reader) -> Iterator[Record]:
        """Yield every record lazily, in the order of the files."""
        for file in self.select_files(reader):
            yield from self.read(file)

    def read_shuffled(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield every record lazily, in a seeded order whose every prefix is a fair sample.

        Small files are loaded, 32 files or 64 MiB at a time. From large files that can be split, 128
        blocks of 64 KiB are drawn at a time. Each file or block gives records in proportion to how many
        it holds. Other large files are read from their beginning.

        Args:
            reader: Opens the files.
            seed: The seed of the order.
        """
        files = shuffled(self.select_files(reader), seed, "files")
        yield from interleave(self.partition(files, seed), seed, "parts")

    def is_streamed(self, reader: Reader) -> bool:
        """Return whether some file can only be read from its beginning, so that no sample of it is fair.

        A file of unknown size may be fetched to learn its size.
        """
        return any(self.must_stream(file) for file in self.select_files(reader))

    def patterns_for(self, *suffixes: str, compressed: bool = True) -> tuple[str, ...]:
        """Return patterns of files with these suffixes, for use in `patterns`.

        Args:
            suffixes: The suffixes, without the dot.
            compressed: Whether compressed files such as ``a.csv.gz`` match too.
        """
        return tuple(
            f"*.{suffix}{packed}"
            for suffix in suffixes
            for packed in ("", *(COMPRESSED_SUFFIXES if compressed else ()))
        )


def wrap_errors(records: Iterable[Record], name: str) -> Iterator[Record]:
    """Yield records, and turn whatever an adapter raises into an error that names the source.

    Raises:
        SourceError: The records can't be read, or are of another type.
        OfflineError: The records aren't in the cache, and nothing may be fetched.
    """
    try:
        for record in records:
            yield _check_type(record)
    except OfflineError as error:
        raise OfflineError(f"{name}: {error}") from error
    except CalibsetError as error:
        raise SourceError(f"{name}: {error}") from error
    except Exception as error:  # an adapter of someone else's may raise anything
        reason = str(error).splitlines()[0] if str(error) else ""
        raise SourceError(f"{name}: can't be read: {type(error).__name__}: {reason}") from error


def name_source(error: CalibsetError, key: str) -> CalibsetError:
    """Return an error of the same type whose message begins with the key of the source that it is about."""
    return error if str(error).startswith(key) else type(error)(f"{key}: {error}")


def _check_type(record: object) -> Record:
    if not isinstance(record, Record):
        raise SourceError(f"its adapter yields a {type(record).__name__}, which is not a record")
    return record
