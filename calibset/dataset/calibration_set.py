"""A calibration set in memory: its samples and the record of how they were built."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from calibset.core.atomic_write import write_together
from calibset.core.documents import Filtered, Rejection, Sample
from calibset.core.errors import OutputError, QuantizerError
from calibset.dataset.calibration_file import holdout_path, row_bytes
from calibset.dataset.diff import Difference
from calibset.dataset.lockfile import Lock
from calibset.dataset.manifest import Manifest, manifest_path
from calibset.quantizers import Quantizer, get_quantizer
from calibset.tokenizers.truncation import visible_ids

if TYPE_CHECKING:
    import datasets
    import polars

    from calibset.dataset.hub_upload import HubUpload
    from calibset.tokenizers import Tokenizer


@dataclass(frozen=True)
class CalibrationSet(Sequence[Sample]):
    """The samples of a build, in the order of the file.

    Attributes:
        samples: The rows, one sample each.
        manifest: The record that is written beside the file.
        make_lock: Makes the lock. What was read is read again to be hashed for it, so only where a lock is
            wanted.
        rejections: By source, the records that could not be read.
        filtered: By source, the records that were left out on purpose.
        lock_differences: What changed since the lock beside the recipe was written, if there is one.
        prefix: Ids that the model reads before each text (usually BOS).
        suffix: Ids that the model reads after each text.
        notes: What users of the set should know.
        seconds: The time that each step of the build took.
        bytes_read: How many bytes were read of each source and evaluation set, on this machine.
        holdout: A second set that shares no document with this one, if the recipe asks for one.
        tokenizer: The tokenizer that measured the rows.
    """

    samples: tuple[Sample, ...]
    manifest: Manifest
    make_lock: Callable[[], Lock] = field(repr=False, compare=False)
    rejections: Mapping[str, tuple[Rejection, ...]] = field(default_factory=dict)
    filtered: Mapping[str, tuple[Filtered, ...]] = field(default_factory=dict)
    lock_differences: tuple[Difference, ...] = ()
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    bytes_read: Mapping[str, int] = field(default_factory=dict, compare=False)
    holdout: CalibrationSet | None = None
    tokenizer: Tokenizer | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<CalibrationSet {self.manifest.name}: {len(self)} rows of {self.manifest.seqlen} tokens>"

    @cached_property
    def lock(self) -> Lock:
        """Everything that the build depended on.

        Raises:
            SourceError: What was read can't be read again.
        """
        return self.make_lock()

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, index: int | slice) -> Sample | tuple[Sample, ...]:
        return self.samples[index]

    @property
    def token_ids(self) -> tuple[tuple[int, ...], ...]:
        """Each sample's ids as the target model reads them, without BOS."""
        return tuple(tuple(sample.token_ids) for sample in self.samples)

    @property
    def input_ids(self) -> tuple[tuple[int, ...], ...]:
        """The ids of each sample that the target model is shown: BOS and text, ``seqlen`` in all."""
        return tuple(
            tuple(visible_ids(sample.token_ids, self, self.manifest.seqlen)) for sample in self.samples
        )

    def write(self, path: str | Path, holdout: str | Path | None = None) -> Path:
        """Write the rows as JSON Lines with the manifest beside them, and the holdout likewise.

        All files appear whole or not at all; existing files stay if writing fails.

        Args:
            path: The ``.jsonl`` file.
            holdout: The holdout's file, if there is one; by default ``x.holdout.jsonl`` for ``x.jsonl``.

        Returns:
            The path.

        Raises:
            OutputError: The files can't be written.
        """
        path = Path(path)
        sets = self._sets(path, None if holdout is None else Path(holdout))
        if self.holdout is not None and len({file.resolve() for file in sets}) == 1:
            raise OutputError(f"{path}: can't be both the calibration file and its holdout")
        for file in sets:
            _require_writable(file, get_quantizer(self.manifest.quantizer_name))
        paths = [path for file in sets for path in (file, manifest_path(file))]
        with write_together(*paths) as streams:
            for rows, stream, record in zip(sets.values(), streams[::2], streams[1::2], strict=True):
                stream.write(row_bytes(rows.samples))
                record.write(rows.manifest.to_json().encode("utf-8"))
        return path

    def push_to_hub(self, repo_id: str, *, private: bool = True, token: str | None = None) -> str:
        """Upload the set to the Hugging Face hub: rows, manifest, holdout, card and attribution.

        Args:
            repo_id: ``OWNER/NAME`` of a dataset repository, which is created if it doesn't exist.
            private: Whether only its owner can see it. If not, a warning names the sources whose licences
                forbid something or are unknown.
            token: A token of the hub; the login's if None.

        Returns:
            The URL of the commit.

        Raises:
            OutputError: There is no login, the login may not write there, or the hub can't be reached.
        """
        from calibset.dataset.hub_upload import push_to_hub

        upload = self._upload()
        if not private:
            for note in upload.notes:
                warnings.warn(note, stacklevel=2)
        return push_to_hub(upload, repo_id, private=private, token=token).url

    def _upload(self) -> HubUpload:
        """Return the files that `write` writes, by the names that they have on the hub."""
        from calibset.dataset.hub_upload import HubUpload, RelatedFiles

        path = Path(f"{self.manifest.name}.jsonl")
        contents = {}
        for file, rows in self._sets(path).items():
            contents[file.name] = row_bytes(rows.samples)
            contents[manifest_path(file).name] = rows.manifest.to_json().encode("utf-8")
        return HubUpload(
            manifest=self.manifest,
            names=RelatedFiles(holdout=None if self.holdout is None else holdout_path(path)).names(path),
            contents=contents,
            holdout=None if self.holdout is None else self.holdout.manifest,
        )

    def _sets(self, path: Path, holdout: Path | None = None) -> dict[Path, CalibrationSet]:
        """Return this set and its holdout, if it has one, by the files that they are written to."""
        others = {} if self.holdout is None else {holdout or holdout_path(path): self.holdout}
        return {path: self, **others}

    def to_polars(self) -> polars.DataFrame:
        """Return a data frame with the columns text, source, tokens, documents and token_ids."""
        import polars

        return polars.DataFrame(
            {
                "text": [sample.text for sample in self.samples],
                "source": [sample.source for sample in self.samples],
                "tokens": [sample.tokens for sample in self.samples],
                "documents": [[span.document for span in sample.documents] for sample in self.samples],
                "token_ids": [list(sample.token_ids) for sample in self.samples],
            },
            schema_overrides={"token_ids": polars.List(polars.Int32)},
        )

    def to_dataset(self) -> datasets.Dataset:
        """Return a Hugging Face dataset with the columns text, source, tokens and input_ids.

        The ids are `input_ids`, with BOS and cut at ``seqlen``; ``tokens`` counts those of the text.
        """
        import datasets

        return datasets.Dataset.from_dict(
            {
                "text": [sample.text for sample in self.samples],
                "source": [sample.source for sample in self.samples],
                "tokens": [sample.tokens for sample in self.samples],
                "input_ids": [list(ids) for ids in self.input_ids],
            }
        )

    def to_autoround(self, *, batch_size: int = 1) -> list[dict[str, Any]]:
        """Return the argument for ``AutoRound(dataset=…)`` that makes it read exactly these ids.

        AutoRound then uses no tokenizer, shuffles nothing and takes the first ``nsamples`` rows. It
        accepts ids only as tensors, so this needs torch, which comes with AutoRound.

        Args:
            batch_size: How many rows a tensor has. With a multimodal model (Mistral Small 3 is one),
                AutoRound 0.16 counts each tensor as its own ``batch_size`` rows, so give both the same
                number.

        Returns:
            Tensors ``input_ids`` and ``attention_mask`` of shape (batch_size, seqlen), int64; the
            last may have fewer rows.

        Raises:
            QuantizerError: torch is not installed, or ``batch_size`` is below 1.
        """
        if batch_size < 1:
            raise QuantizerError(f"batch_size: must be at least 1, got {batch_size}")
        try:
            import torch
        except ModuleNotFoundError as error:
            raise QuantizerError(
                "AutoRound takes ids as tensors, and torch is not installed; input_ids has them as tuples"
            ) from error

        rows = self.input_ids
        batches = [torch.tensor(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]
        # Without a mask AutoRound hides the tokenizer's pad token, which may be one that rows hold.
        return [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} for ids in batches]

    def _repr_html_(self) -> str:
        from calibset.dataset.report.notebook import notebook_html

        return notebook_html(self.manifest, self.samples, self.tokenizer, self.notes)


def _require_writable(path: Path, quantizer: Quantizer) -> None:
    """Make sure that a quantizer can be given a file of this path, and that its folder is there."""
    if path.suffix != ".jsonl":
        raise OutputError(f"{path}: a calibration file must end in .jsonl")
    if faults := quantizer.path_problems(str(path)):
        raise OutputError(f"{path}: {quantizer.info.product} can't be given this file: {'; '.join(faults)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: can't be created: {error.strerror}") from error
