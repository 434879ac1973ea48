"""The real AutoRound, with the tokenizer folder that calibset writes for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from calibset.tokenizers.tekken_conversion import write_fast_tokenizer

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

_PACKAGES = ("auto-round", "transformers", "tokenizers", "datasets", "torch")


def pytest_report_header() -> str:
    """Say which AutoRound is asked."""
    return "asked: " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES)


@dataclass(frozen=True)
class RealAutoRound:
    """AutoRound's loader and the tokenizer it is given."""

    tokenizer: Any

    def ids(self, path: Path, *, seqlen: int, nsamples: int) -> list[tuple[int, ...]]:
        """Return the rows that AutoRound takes of a file."""
        from auto_round.calib_dataset import get_dataset

        rows = get_dataset(self.tokenizer, seqlen, dataset_name=str(path), seed=42, nsamples=nsamples)
        return [tuple(row["input_ids"].tolist()) for row in rows]

    def batches(self, path: Path, *, seqlen: int, nsamples: int, batch_size: int) -> Iterator[Any]:
        """Yield the batches that AutoRound tunes with."""
        from auto_round.calib_dataset import get_dataloader

        loader = get_dataloader(
            self.tokenizer, seqlen, dataset_name=str(path), seed=42, bs=batch_size, nsamples=nsamples
        )
        for batch in loader:
            yield batch["input_ids"]


@pytest.fixture(scope="session")
def tokenizer_folder(tekken: TekkenTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name doesn't make AutoRound load mistral-common's tokenizer."""
    folder = tmp_path_factory.mktemp("tokenizer")
    assert "Mistral-Small-3.2" not in str(folder)
    write_fast_tokenizer(tekken, folder)
    return folder


@pytest.fixture(scope="session")
def autoround(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAutoRound]:
    home = tmp_path_factory.mktemp("autoround-home")
    with pytest.MonkeyPatch.context() as patch:
        # A fork for each file costs time; test_subprocess.py has AutoRound make its own.
        patch.setenv("AR_DISABLE_DATASET_SUBPROCESS", "1")
        with pytest.MonkeyPatch.context() as importing:
            # Read when the packages are imported, and not for the builds that other tests start.
            importing.setenv("HF_HOME", str(home))
            importing.setenv("HF_DATASETS_CACHE", str(home / "datasets"))
            importing.setenv("HF_HUB_OFFLINE", "1")
            import auto_round.calib_dataset  # noqa: F401
            from transformers import AutoTokenizer
        yield RealAutoRound(AutoTokenizer.from_pretrained(tokenizer_folder))
