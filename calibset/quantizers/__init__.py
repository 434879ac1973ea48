"""The quantizers, one module each: what it does with a calibration file, and how rows are written for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from calibset.core.errors import QuantizerError
from calibset.quantizers import autoawq, exllamav2, gptqmodel, llama_cpp, llm_compressor, modelopt
from calibset.quantizers.autoround import loader as autoround
from calibset.quantizers.base import LoadReport, Quantizer, QuantizerInfo, RowResult

__all__ = ["QUANTIZERS", "LoadReport", "Quantizer", "QuantizerInfo", "RowResult", "get_quantizer"]

_MODULES: tuple[Quantizer, ...] = (
    autoround,
    gptqmodel,
    llm_compressor,
    llama_cpp,
    modelopt,
    autoawq,
    exllamav2,
)

QUANTIZERS: Mapping[str, Quantizer] = MappingProxyType({one.INFO.name: one for one in _MODULES})
"""Every quantizer by its name."""


def get_quantizer(name: str) -> Quantizer:
    """Return the quantizer of a name.

    Raises:
        ConsumerError: There is none.

    Examples:
        >>> get_quantizer("gptqmodel").INFO.label
        'GPTQModel 7.7.0'
    """
    try:
        return QUANTIZERS[name]
    except KeyError:
        raise QuantizerError(f"there is no quantizer {name!r}; there are {', '.join(QUANTIZERS)}") from None
