"""Measurements of rows in letters, with names that try to be more than text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibset.core.text import replace_surrogates
from calibset.evaluation.comparing import Compared, Named, compare_measurements
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.windows import Window
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.dataset.report.hostile import ATTACKS
from tests.evaluation.measurements import INFO, random_scores
from tests.letters import write_letters


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of letters."""
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    """A folder with ``base.parquet``, ``w4.parquet`` and ``w3.parquet``."""
    folder = tmp_path_factory.mktemp("measured")
    windows = []
    for index in range(12):
        attack = replace_surrogates(ATTACKS[index % len(ATTACKS)])
        ids = [*tokenizer.prefix, *tokenizer.encode(f"{index} {attack} poistná zmluva", parse_special=False)]
        windows.append(
            Window(
                index=index,
                ids=np.array(ids, dtype=np.int32),
                scored=np.arange(4, len(ids), dtype=np.int32),
                source=attack,
                group="<b>bank</b>" if index % 2 else "tools",
                document=f"{attack}: {index}",
            )
        )
    for seed, name in enumerate(("base", "w4", "w3")):
        info = INFO.model_copy(
            update={
                "model": f"<i>{name}</i>", "target": "javascript:alert(1)", "k": 4, "ctx": None,
                "tokenizer": tokenizer.name, "tokenizer_sha256": tokenizer.fingerprint,
                "joined": "<u>each on its own</u>",
            }
        )  # fmt: skip
        scores = random_scores(windows, 4, vocabulary=tokenizer.vocabulary_size, seed=seed)
        Measurement(info, windows, scores).write(folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="session")
def compared(measured: Path) -> Compared:
    """The models against their base, each named by an attack."""
    names = [Named(f"{ATTACKS[0]}{name}", measured / f"{name}.parquet") for name in ("base", "w4", "w3")]
    return compare_measurements(names[0], names[1:])
