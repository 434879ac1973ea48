"""What the quantizers' own functions are asked with: a small tokenizer of transformers, and mixed rows."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.heavy.quantizers.material import Rows, mixed
from tests.letters import write_letters

_PACKAGES = ("gptqmodel", "llmcompressor", "nvidia-modelopt", "autoawq", "exllamav2", "transformers", "torch")


def pytest_report_header() -> str:
    """Say what is asked."""
    return "asked: " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the packages warn of what they like."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quantizers")
    write_letters(path)
    return path


@pytest.fixture(scope="session")
def letters(folder: Path) -> Tokenizer:
    return load_tokenizer(str(folder / "tokenizer.json"))


@pytest.fixture(scope="session")
def theirs(folder: Path) -> Any:
    """The same tokenizer as transformers has it."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="</s>",
        padding_side="left",
    )  # fmt: skip


@pytest.fixture(scope="session")
def rows(folder: Path) -> Rows:
    return mixed(folder)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
