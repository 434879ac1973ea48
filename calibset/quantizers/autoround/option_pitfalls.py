"""The pitfalls of a recipe's table ``[quantization]``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from calibset.quantizers.autoround.pitfall import Interface, Pitfall, Severity
from calibset.quantizers.autoround.run import QuantizationRun
from calibset.quantizers.autoround.versions import (
    NameKind,
    SupportedNames,
    is_known,
    read_supported_names,
)

_SCHEME_BITS = re.compile(r"W(\d+)A16(G\d+)?")
_GPTQ_BITS = frozenset({2, 3, 4, 8, 16})
_AWQ_BITS_BEFORE_0_16 = frozenset({4})
_AWQ_BITS = frozenset({4, 5, 6, 7})

# Formats and schemes that every known version has, so that of those versions they need not be looked up;
# and those that came with 0.16, for where AutoRound isn't installed.
_COMMON: SupportedNames = {
    "format": frozenset({
        "auto_round", "auto_gptq", "auto_awq", "auto_round:auto_gptq", "auto_round:gptqmodel",
        "auto_round:auto_awq", "auto_round:llm_compressor", "fake", "llm_compressor", "fp8",
        "auto_round:fp8", "gguf:q2_k_mixed", "gguf:q2_k_s", "gguf:q3_k_l", "gguf:q3_k_m", "gguf:q3_k_s",
        "gguf:q4_0", "gguf:q4_1", "gguf:q4_k_m", "gguf:q4_k_s", "gguf:q5_0", "gguf:q5_1", "gguf:q5_k_m",
        "gguf:q5_k_s", "gguf:q6_k", "gguf:q8_0",
    }),
    "scheme": frozenset({
        "W4A16", "W2A16", "W3A16", "W8A16", "MXFP4", "MXFP4_RCEIL", "MXFP8", "MXFP8_RCEIL", "NVFP4",
        "FPW8A16", "W2A16G64", "W2A16G32", "FP8_STATIC", "BF16", "W4A16_MIXED", "INT8_W8A8", "FP8_BLOCK",
    }),
}  # fmt: skip
_SINCE_0_16: SupportedNames = {
    "format": frozenset({"mlx", "auto_round:mlx", "svdquant_nunchaku"}),
    "scheme": frozenset({
        "W5A16", "W6A16", "W7A16", "MXFP6", "NVFP4_E5M3", "W3A16G64", "W3A16G32", "W4A16G64", "W4A16G32",
        "W5A16G64", "W5A16G32", "W6A16G64", "W6A16G32", "W7A16G64", "W7A16G32", "W8A16G64", "W8A16G32",
        "INT4", "INT8", "MXINT4",
    }),
}  # fmt: skip


def find_option_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    """Yield the pitfalls that a run meets because of its options."""
    yield from _find_name_pitfalls(run)
    yield from _find_storage_pitfalls(run)
    yield from _find_setting_pitfalls(run)


def _find_name_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    form, scheme = run.options.format, run.options.scheme.upper()
    yield from _check_name(run, "format", form, "see `auto-round list format`, and set quantization.format")
    if not scheme.startswith("GGUF:"):
        remedy = "set quantization.scheme to one that it knows, such as W4A16"
        yield from _check_name(run, "scheme", scheme, remedy)


def _check_name(run: QuantizationRun, kind: NameKind, name: str, remedy: str) -> Iterator[Pitfall]:
    """Yield what is wrong with the name of a format or a scheme, if something is."""
    is_supported = _is_supported(run, kind, name)
    if is_supported is None:
        yield Pitfall(
            name=f"unknown {kind}",
            severity=Severity.NOTE,
            about=f"{kind} {name} is not known to this version of calibset",
            remedy=f"make sure that AutoRound {run.version} knows it",
        )
    elif not is_supported:
        yield Pitfall(
            name=f"unknown {kind}",
            severity=Severity.STOPS,
            about=f"AutoRound {run.version} knows no {kind} {name}",
            remedy=remedy,
        )


def _is_supported(run: QuantizationRun, kind: NameKind, name: str) -> bool | None:
    """Return whether the run's AutoRound has a format or a scheme; None where that isn't known."""
    is_common = name in _COMMON[kind]
    if is_common and is_known(run.version):
        return True
    if (installed := read_supported_names(run.version)) is not None:
        return name in installed[kind]
    if is_common:
        return True
    return not run.before_0_16 if name in _SINCE_0_16[kind] else None


def _find_storage_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    """Yield why a format can't hold what the scheme and the options make (``check_scheme_args``)."""
    options, scheme = run.options, run.options.scheme.upper()
    if not options.sym and "gptq" in options.format:
        yield Pitfall(
            name="asymmetric GPTQ",
            severity=Severity.CHANGES,
            about="kernels of the GPTQ format compute asymmetric weights wrongly",
            remedy='set sym = true, or format = "auto_round"',
        )
    match = _SCHEME_BITS.fullmatch(scheme)
    scheme_bits = int(match[1]) if match else None
    bits = scheme_bits if options.is_left_to_scheme("bits") else options.bits
    if scheme_bits is not None and bits != scheme_bits:
        yield Pitfall(
            name="bits and scheme",
            severity=Severity.CHANGES,
            about=f"bits = {bits} overrides what scheme {scheme} says",
            remedy="leave bits out, or name the scheme that has them",
        )
    awq_bits = _AWQ_BITS_BEFORE_0_16 if run.before_0_16 else _AWQ_BITS
    holds = {"auto_gptq": _GPTQ_BITS, "auto_awq": awq_bits}.get(options.format)
    if holds is not None and "FP" in scheme:
        yield Pitfall(
            name="format and scheme",
            severity=Severity.STOPS,
            about=f"format {options.format} holds integers, and scheme {scheme} makes floating-point numbers",
            remedy='set quantization.format to "auto_round", or another scheme',
        )
    elif holds is not None and bits is not None and bits not in holds:
        yield Pitfall(
            name="format and bits",
            severity=Severity.STOPS,
            about=f"format {options.format} holds {_listed(holds)} bits, not {bits}",
            remedy='set quantization.format to "auto_round", or other bits',
        )
    if options.group_size == 0 and not options.is_left_to_scheme("group_size") and "FP8" not in scheme:
        yield Pitfall(
            name="group size",
            severity=Severity.CHANGES,
            about="group_size = 0 means one scale for a whole tensor, which AutoRound has for fp8 alone",
            remedy="set quantization.group_size to -1 for a whole channel, or to a number such as 128",
        )


def _listed(numbers: frozenset[int]) -> str:
    *others, last = map(str, sorted(numbers))
    return f"{', '.join(others)} or {last}" if others else last


def _find_setting_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    if run.options.low_gpu_mem_usage and "bloom" in run.model.path:
        yield Pitfall(
            name="bloom path",
            severity=Severity.CHANGES,
            about="the model's path holds the word bloom, so AutoRound ignores low_gpu_mem_usage",
            remedy="give the folder another name if the model is not a Bloom",
            only=Interface.COMMAND_LINE,
        )
    if not run.options.trust_remote_code:
        multimodal = ", and with multimodal models always" if run.model.may_be_multimodal else ""
        yield Pitfall(
            name="remote code",
            severity=Severity.NOTE,
            about=f"AutoRound runs Python code that comes with a model unless this is disabled{multimodal}",
            remedy="the command line has --disable_trust_remote_code, the Python code loads the model "
            "without trust_remote_code",
            avoided=True,
        )
