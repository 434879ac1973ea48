"""The recipe's table ``[quantization]``: how AutoRound is to quantize the model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_DEFAULT_SCHEME = "W4A16"


class Quantization(BaseModel):
    """The settings that `calibset quantize-command` passes on; rows and tokens are the recipe's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scheme: str = Field(
        _DEFAULT_SCHEME,
        pattern=r"^[A-Za-z0-9_:]+$",
        description="AutoRound's preset: W4A16 is 4-bit weights with 16-bit activations.",
    )
    bits: int = Field(
        4, ge=1, le=16, strict=True, description="Bits per weight. If unset, those of the scheme."
    )
    group_size: int = Field(
        128,
        ge=-1,
        strict=True,
        description="How many weights share a scale, or -1 for a whole channel. If unset, as in the scheme.",
    )
    sym: bool = Field(
        True,
        strict=True,
        description="Whether quantization is symmetric: a range evenly around 0, without a zero point.",
    )
    iters: int = Field(
        1000, ge=0, strict=True, description="Tuning steps for each block; 0 only rounds to the nearest."
    )
    batch_size: int = Field(
        4,
        gt=0,
        strict=True,
        description="Rows per step; fewer for a version of AutoRound that would otherwise lose rows.",
    )
    gradient_accumulate_steps: int = Field(
        1, gt=0, strict=True, description="Batches whose gradients are added up before each update."
    )
    low_gpu_mem_usage: bool = Field(
        True, strict=True, description="Whether activations between blocks are kept in main memory."
    )
    format: str = Field(
        "auto_gptq",
        pattern=r"^[a-z0-9_:]+$",
        description="How the quantized model is stored: auto_gptq, auto_awq, auto_round, …",
    )
    device: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_:,]+$",
        description="What AutoRound runs on: 0, or 0,1 for two GPUs, or cpu. The first GPU if unset.",
    )
    torch_compile: bool | None = Field(
        None, strict=True, description="Whether torch.compile is used; AutoRound's default if unset."
    )
    trust_remote_code: bool = Field(
        False, strict=True, description="Whether Python code that comes with the model may run."
    )
    output: str = Field(
        "quantized",
        min_length=1,
        description="The folder for the quantized model, relative to the folder where AutoRound is run.",
    )

    def is_left_to_scheme(self, name: str) -> bool:
        """Return whether a key is unset, so that a scheme other than W4A16 decides it."""
        return name not in self.model_fields_set and self.scheme.upper() != _DEFAULT_SCHEME
