"""What the evidence asks: which calibration sets are made, and how the model is quantized with each."""

from __future__ import annotations

from dataclasses import dataclass

SEQLEN = 2048
NSAMPLES = 128
SEEDS = (42, 43, 44)
HOLDOUT_SEQLEN = 1024
HOLDOUT_NSAMPLES = 280
# Every set keeps clear of the documents that the holdout may hold.
HOLDOUT_SHARE = 0.3
HOLDOUT_SEED = 7

LETTERS = "letters"
PILE = "pile"
RECIPE = "recipe"
SCRIPT = "script"


@dataclass(frozen=True)
class SetSpec:
    """A calibration set that is made with several seeds.

    Attributes:
        name: What it is called in the results.
        made_by: `RECIPE`, `PILE` or `SCRIPT`; `LETTERS` is the recipe, its tool calls' control tokens
            broken apart into letters. None: the model is rounded without a set.
        nsamples: Rows.
        seqlen: Tokens of a row that the quantizer reads.
        general: The share of general text; the other groups keep their proportions.
        coverage: Whether rows are selected by coverage, and not by the seed alone.
        seeds: Seeds of the set.
        bits: The widths of the weights that the model is quantized to with it.
    """

    name: str
    made_by: str | None = RECIPE
    nsamples: int = NSAMPLES
    seqlen: int = SEQLEN
    general: float = 0.0
    coverage: bool = False
    seeds: tuple[int, ...] = SEEDS
    bits: tuple[int, ...] = (4,)


@dataclass(frozen=True, order=True)
class Run:
    """A quantization: a set, its seed, and the width of the weights."""

    name: str
    seed: int
    bits: int

    @property
    def label(self) -> str:
        return f"{self.name}-s{self.seed}-w{self.bits}"

    @property
    def file(self) -> str:
        """The calibration file's name."""
        return f"{self.name}-s{self.seed}.jsonl"


@dataclass(frozen=True)
class Setting:
    """How large the whole is.

    Attributes:
        sets: The sets.
        iters: AutoRound's steps for each block of layers.
        group_size: Weights that share a scale.
        batch_size: Rows of a step.
        holdout: Rows that are measured, in the mixture of the recipe and of general text.
        context: Tokens of such a row, and of a window of WikiText-2.
        wikitext: Windows of WikiText-2 that are measured.
    """

    sets: tuple[SetSpec, ...]
    iters: int
    group_size: int = 64
    batch_size: int = 8
    holdout: int = HOLDOUT_NSAMPLES
    context: int = HOLDOUT_SEQLEN
    wikitext: int = 48

    def runs(self) -> tuple[Run, ...]:
        """Return every quantization, those of the main sets first."""
        return tuple(
            Run(one.name, seed, bits) for one in self.sets for bits in one.bits for seed in one.seeds
        )

    def spec(self, name: str) -> SetSpec:
        return next(one for one in self.sets if one.name == name)


_BOTH = (4, 3)
MAIN = (
    SetSpec("none", made_by=None, seeds=(0,), bits=_BOTH),
    SetSpec("pile-10k", made_by=PILE, bits=_BOTH),
    SetSpec("script", made_by=SCRIPT, bits=_BOTH),
    SetSpec("recipe", bits=_BOTH),
    SetSpec("coverage", coverage=True),
    SetSpec("general-20", general=0.2),
)
FURTHER = (
    SetSpec("general-10", general=0.1),
    SetSpec("general-30", general=0.3),
    SetSpec("letters", made_by=LETTERS),
    SetSpec("rows-32", nsamples=32),
    SetSpec("rows-64", nsamples=64),
    SetSpec("rows-256", nsamples=256),
    SetSpec("rows-512", nsamples=512),
    # As many tokens as 128 rows of 2,048 have.
    SetSpec("short-rows", nsamples=512, seqlen=512),
)
FULL = Setting(MAIN + FURTHER, iters=200)
# Proves that each step works with the next; a CPU takes minutes for a quantization.
SMALL = Setting(
    (
        SetSpec("none", made_by=None, seeds=(0,)),
        SetSpec("pile-10k", made_by=PILE, nsamples=8, seqlen=256, seeds=(42,)),
        SetSpec("recipe", nsamples=8, seqlen=256, seeds=(42,)),
    ),
    # After a single one AutoRound still keeps the nearest values, whatever the rows; few are steps too long.
    iters=20,
    batch_size=4,
    holdout=12,
    context=256,
    wikitext=2,
)
