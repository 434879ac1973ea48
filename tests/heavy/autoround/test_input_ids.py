"""AutoRound is given ids, and its model is shown each row once, as it is, in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.export import export
from calibset.pipeline.build import build
from calibset.quantizers.autoround.loader import AutoRound
from calibset.recipe.loader import load_recipe
from tests.heavy.autoround.conftest import RealAutoRound

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

ROWS = 16
SEQLEN = 128
# What AutoRound, transformers and torch say to each other.
pytestmark = pytest.mark.filterwarnings("ignore")
RECIPE = Path(__file__).parents[3] / "recipes" / "quickstart.toml"


@pytest.fixture(scope="module")
def built() -> CalibrationSet:
    return build(load_recipe(RECIPE, overrides=[f"nsamples={ROWS}", f"seqlen={SEQLEN}"]))


def shown(tokenizer: Any, dataset: Any, batch_size: int) -> list[tuple[int, ...]]:
    """Return the ids that a small model is shown while AutoRound quantizes it."""
    import auto_round
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=131072, hidden_size=128, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, head_dim=64, max_position_embeddings=256,
    )  # fmt: skip
    model = MistralForCausalLM(config)
    seen: list[tuple[int, ...]] = []
    model.get_input_embeddings().register_forward_pre_hook(
        lambda _, inputs: seen.extend(tuple(row) for row in inputs[0].tolist())
    )
    auto_round.AutoRound(
        model, tokenizer, scheme="W4A16", dataset=dataset, nsamples=ROWS, seqlen=SEQLEN, iters=1,
        batch_size=batch_size, device_map="cpu", enable_torch_compile=False,
    ).quantize()  # fmt: skip
    return seen


def test_the_rows_hold_control_tokens(built: CalibrationSet) -> None:
    assert sum(min(ids[1:]) < 1000 for ids in built.input_ids) > 2
    assert {(len(ids), ids[0]) for ids in built.input_ids} == {(SEQLEN, 1)}


@pytest.mark.parametrize("batch_size", [1, 4])
def test_every_row_is_shown_as_it_is(
    autoround: RealAutoRound, built: CalibrationSet, batch_size: int
) -> None:
    dataset = built.to_autoround(batch_size=batch_size)
    assert [tuple(batch["input_ids"].shape) for batch in dataset] == [
        (batch_size, SEQLEN) for _ in range(ROWS // batch_size)
    ]
    assert shown(autoround.tokenizer, dataset, batch_size) == list(built.input_ids)


def test_the_exported_rows_are_the_same(
    autoround: RealAutoRound, built: CalibrationSet, tmp_path: Path
) -> None:
    import torch

    exported = export(built.write(tmp_path / "x.jsonl"), format="input_ids")
    rows = parquet.read_table(exported.path)["input_ids"].to_pylist()
    dataset = [
        {"input_ids": ids, "attention_mask": torch.ones_like(ids)} for ids in torch.tensor(rows).split(4)
    ]
    assert shown(autoround.tokenizer, dataset, 4) == list(built.input_ids)


def test_ids_that_are_short_are_left_out_as_the_simulation_says(
    autoround: RealAutoRound, built: CalibrationSet, tekken: TekkenTokenizer
) -> None:
    import torch

    rows = [ids[: SEQLEN - 1] if number % 5 == 2 else ids for number, ids in enumerate(built.input_ids)]
    report = AutoRound().simulate(rows, tekken, nsamples=ROWS, seqlen=SEQLEN)
    assert [row.row for row in report.lost] == [3, 8, 13]
    expected = [ids for row, ids in zip(report.rows, rows, strict=True) if row.used]
    dataset = [
        {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        for ids in (torch.tensor([row]) for row in rows)
    ]
    assert shown(autoround.tokenizer, dataset, 1) == expected
