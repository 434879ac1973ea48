"""What transformers' AutoTokenizer makes of a model's folder, which is what a quantizer reads rows with."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

from calibset.core.errors import TokenizerError
from calibset.tokenizers.engine_faults import translate_faults, translate_panics
from calibset.tokenizers.engine_process import may_take_for_ever, open_reader
from calibset.tokenizers.model_folder import FILES, VOCABULARY_FILES
from calibset.tokenizers.transformers_import import import_transformers

if TYPE_CHECKING:
    import tokenizers

_CONFIG = "tokenizer_config.json"
# Where transformers 5 takes what a vocabulary file holds, it takes a file's name too.
_CONTENTS = ("vocab", "merges")


@dataclass(frozen=True)
class AutoTokenizer:
    """A tokenizer as AutoTokenizer, or a class of transformers, loads it.

    Attributes:
        name: Its class, and the version of transformers.
        loaded: The tokenizer of transformers.
    """

    name: str
    loaded: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, loaded: Any) -> AutoTokenizer:
        """Return a tokenizer of transformers with its class's name."""
        return cls(f"{type(loaded).__name__} of transformers {import_transformers().__version__}", loaded)

    @property
    def engine(self) -> tokenizers.Tokenizer | None:
        """A copy of the engine that it reads with, which cuts and pads nothing; None if it has none."""
        engine = getattr(self.loaded, "backend_tokenizer", None)
        if engine is None:
            return None
        copied: tokenizers.Tokenizer = copy.deepcopy(engine)
        copied.no_truncation()
        copied.no_padding()
        copied.encode_special_tokens = engine.encode_special_tokens
        return copied

    def read(self, text: str) -> list[int]:
        """Return the ids of a text, as a quantizer's call gives them: with BOS and the like.

        Raises:
            TokenizerError: It can't read the text, or takes too long for it.
        """
        with _silence(import_transformers()), translate_faults(f"{self.name} can't read", text=text):
            return self._reader(text)

    @cached_property
    def _reader(self) -> Callable[[str], list[int]]:
        engine = self.engine
        if engine is None or not may_take_for_ever(engine):
            return lambda text: list(self.loaded(text)["input_ids"])
        return open_reader(engine, self.name)


def load_auto_tokenizer(folder: Path, patterns: Sequence[str] = (*FILES, *VOCABULARY_FILES)) -> AutoTokenizer:
    """Load what AutoTokenizer makes of a folder, without asking the hub or running code of the folder.

    Args:
        folder: The folder.
        patterns: The files that it may see.

    Raises:
        ImportError: transformers is not installed.
        TokenizerError: It can't load the folder.
    """
    transformers = import_transformers()
    with _silence(transformers), TemporaryDirectory(prefix="calibset-") as name:
        _provide_files(folder, patterns, Path(name))
        try:
            with translate_panics(f"AutoTokenizer of transformers {transformers.__version__} can't load it"):
                loaded = transformers.AutoTokenizer.from_pretrained(
                    name, trust_remote_code=False, local_files_only=True
                )
        except TokenizerError:
            raise
        except Exception as error:  # each class raises what it likes
            reason = str(error).strip().partition("\n")[0].replace(name, str(folder))
            raise TokenizerError(
                f"AutoTokenizer of transformers {transformers.__version__} can't load it: {reason}"
            ) from error
    if not isinstance(loaded, transformers.PreTrainedTokenizerBase):
        raise TokenizerError(f"{folder / _CONFIG}: tokenizer_class: {type(loaded).__name__} is no tokenizer")
    return AutoTokenizer.of(loaded)


def _provide_files(folder: Path, patterns: Sequence[str], target: Path) -> None:
    """Link the files that a tokenizer is made of, with a configuration that names no other files."""
    config: dict[str, Any] = {}
    if (folder / _CONFIG).is_file():
        content = json.loads((folder / _CONFIG).read_text("utf-8"))
        config = content if isinstance(content, dict) else {}
    versioned = config.get("fast_tokenizer_files")
    for pattern in (*patterns, *(["tokenizer.*.json"] if versioned else [])):
        for file in folder.glob(pattern):
            link = target / file.relative_to(folder)
            if file.is_file() and file.name != _CONFIG and not link.exists():
                link.parent.mkdir(exist_ok=True)
                _link(file.resolve(), link)
    if config:
        named = _drop_file_names(config)
        named.pop("init_inputs", None)
        (target / _CONFIG).write_text(json.dumps(named), "utf-8")


def _drop_file_names(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without what has transformers, or a library below it, open a file."""
    return {
        key: _drop_file_names(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if not (key.endswith("_file") or (key in _CONTENTS and isinstance(value, str)))
    }


def _link(file: Path, link: Path) -> None:
    try:
        link.symlink_to(file)
    except OSError:  # where links may not be made
        shutil.copyfile(file, link)


@contextmanager
def _silence(transformers: ModuleType) -> Iterator[None]:
    """Keep transformers from printing; what matters of it is said by calibset."""
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
