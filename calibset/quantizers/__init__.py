"""The quantizers, a module each: what they do with a calibration file, and how rows are written for them.

A row is read as a `RowInput`: a text, ids, an `UnusableRow` or an `UnjudgedRow`. A `Quantizer` simulates its
loader on such rows and returns a `LoadReport` with a `RowResult` for each and a `Verdict`. An `ExportRow` is
written in a `FileFormat`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from calibset.core.errors import QuantizerError
from calibset.quantizers.autoawq import AutoAwq
from calibset.quantizers.autoround.loader import AutoRound
from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo
from calibset.quantizers.exllamav2 import ExLlamaV2
from calibset.quantizers.gptqmodel import GptqModel
from calibset.quantizers.llama_cpp import LlamaCpp
from calibset.quantizers.llm_compressor import LlmCompressor
from calibset.quantizers.load_report import LoadReport, RowResult, Verdict
from calibset.quantizers.modelopt import ModelOpt
from calibset.quantizers.row_reader import RowInput, UnjudgedRow, UnusableRow
from calibset.quantizers.row_writer import ExportRow

__all__ = [
    "QUANTIZERS",
    "ExportRow",
    "FileFormat",
    "LoadReport",
    "Quantizer",
    "QuantizerInfo",
    "RowInput",
    "RowResult",
    "UnjudgedRow",
    "UnusableRow",
    "Verdict",
    "get_quantizer",
]

QUANTIZERS: Mapping[str, Quantizer] = MappingProxyType({
    quantizer.info.name: quantizer
    for quantizer in (
        AutoRound(),
        GptqModel(),
        LlmCompressor(),
        LlamaCpp(),
        ModelOpt(),
        AutoAwq(),
        ExLlamaV2(),
    )
})  # fmt: skip
"""Every quantizer by its name."""


def get_quantizer(name: str) -> Quantizer:
    """Return a quantizer by name.

    Raises:
        QuantizerError: There is no quantizer of this name.

    Examples:
        >>> get_quantizer("gptqmodel").info.label
        'GPTQModel 7.7.0'
    """
    try:
        return QUANTIZERS[name]
    except KeyError:
        raise QuantizerError(f"unknown quantizer {name!r}; known are {', '.join(QUANTIZERS)}") from None
