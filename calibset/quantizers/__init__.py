"""The quantizers, one module each: what it does with a calibration file, and how rows are written for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from calibset.core.errors import ConsumerError
from calibset.quantizers import autoawq, exllamav2, gptqmodel, llama_cpp, llm_compressor, modelopt
from calibset.quantizers.autoround import loader as autoround
from calibset.quantizers.base import Acceptance, Consumer, Contract, Replay

__all__ = ["CONSUMERS", "Acceptance", "Consumer", "Contract", "Replay", "consumer_of"]

_MODULES: tuple[Consumer, ...] = (
    autoround,
    gptqmodel,
    llm_compressor,
    llama_cpp,
    modelopt,
    autoawq,
    exllamav2,
)

CONSUMERS: Mapping[str, Consumer] = MappingProxyType({one.CONTRACT.name: one for one in _MODULES})
"""Every quantizer by its name."""


def consumer_of(name: str) -> Consumer:
    """Return the quantizer of a name.

    Raises:
        ConsumerError: There is none.

    Examples:
        >>> consumer_of("gptqmodel").CONTRACT.label
        'GPTQModel 7.7.0'
    """
    try:
        return CONSUMERS[name]
    except KeyError:
        raise ConsumerError(f"there is no consumer {name!r}; there are {', '.join(CONSUMERS)}") from None
