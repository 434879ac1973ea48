"""What goes wrong with a recipe's table ``[quantization]``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from calibset.quantizers.autoround.job import Job
from calibset.quantizers.autoround.pitfall import COMMAND, Effect, Pitfall

_SCHEME_BITS = re.compile(r"W(\d+)A16(G\d+)?")
_GPTQ_BITS = frozenset({2, 3, 4, 8, 16})
# What each version stores models as, of the forms that a recipe can name.
_FORMATS = frozenset({
    "auto_round", "auto_gptq", "auto_awq", "auto_round:auto_gptq", "auto_round:gptqmodel",
    "auto_round:auto_awq", "auto_round:llm_compressor", "fake", "llm_compressor", "fp8", "auto_round:fp8",
    "gguf:q2_k_mixed", "gguf:q2_k_s", "gguf:q3_k_l", "gguf:q3_k_m", "gguf:q3_k_s", "gguf:q4_0", "gguf:q4_1",
    "gguf:q4_k_m", "gguf:q4_k_s", "gguf:q5_0", "gguf:q5_1", "gguf:q5_k_m", "gguf:q5_k_s", "gguf:q6_k",
    "gguf:q8_0",
})  # fmt: skip
_FORMATS_SINCE_16 = _FORMATS | {"mlx", "auto_round:mlx", "svdquant_nunchaku"}
_SCHEMES = frozenset({
    "W4A16", "W2A16", "W3A16", "W8A16", "MXFP4", "MXFP4_RCEIL", "MXFP8", "MXFP8_RCEIL", "NVFP4", "FPW8A16",
    "W2A16G64", "W2A16G32", "FP8_STATIC", "BF16", "W4A16_MIXED", "INT8_W8A8", "FP8_BLOCK",
})  # fmt: skip
_SCHEMES_SINCE_16 = _SCHEMES | {
    "W5A16", "W6A16", "W7A16", "MXFP6", "NVFP4_E5M3", "W3A16G64", "W3A16G32", "W4A16G64", "W4A16G32",
    "W5A16G64", "W5A16G32", "W6A16G64", "W6A16G32", "W7A16G64", "W7A16G32", "W8A16G64", "W8A16G32", "INT4",
    "INT8", "MXINT4",
}  # fmt: skip


def option_traps(job: Job) -> Iterator[Pitfall]:
    """Yield what a run meets because of its options."""
    yield from _format(job)
    yield from _scheme(job)
    yield from _stored(job)
    yield from _settings(job)


def _format(job: Job) -> Iterator[Pitfall]:
    options, late = job.options, not job.version.before(0, 16)
    if options.format not in (_FORMATS_SINCE_16 if late else _FORMATS):
        yield Pitfall(
            name="unknown format",
            effect=Effect.STOPS,
            about=f"AutoRound {job.version.text} knows no format {options.format}",
            remedy="see `auto-round list format`, and set quantization.format",
            avoided=False,
        )
    if not options.sym and "gptq" in options.format:
        yield Pitfall(
            name="asymmetric GPTQ",
            effect=Effect.CHANGES,
            about="kernels of the GPTQ format compute asymmetric weights wrongly",
            remedy='set sym = true, or format = "auto_round"',
            avoided=False,
        )


def _scheme(job: Job) -> Iterator[Pitfall]:
    options, late = job.options, not job.version.before(0, 16)
    scheme = options.scheme.upper()
    if not scheme.startswith("GGUF:") and scheme not in (_SCHEMES_SINCE_16 if late else _SCHEMES):
        yield Pitfall(
            name="unknown scheme",
            effect=Effect.STOPS,
            about=f"AutoRound {job.version.text} knows no scheme {scheme}",
            remedy="set quantization.scheme to one that it knows, such as W4A16",
            avoided=False,
        )
    named = _SCHEME_BITS.fullmatch(scheme)
    if named and not options.of_scheme("bits") and options.bits != int(named[1]):
        yield Pitfall(
            name="bits and scheme",
            effect=Effect.CHANGES,
            about=f"bits = {options.bits} takes the place of what scheme {scheme} says",
            remedy="leave bits out, or name the scheme that has them",
            avoided=False,
        )


def _stored(job: Job) -> Iterator[Pitfall]:
    """Yield why a format can't hold what the scheme and the options make (``check_scheme_args`` of it)."""
    options, scheme = job.options, job.options.scheme.upper()
    awq = frozenset({4}) if job.version.before(0, 16) else frozenset({4, 5, 6, 7})
    can_hold = {"auto_gptq": _GPTQ_BITS, "auto_awq": awq}.get(options.format)
    if can_hold is not None and "FP" in scheme:
        yield Pitfall(
            name="format and scheme",
            effect=Effect.STOPS,
            about=f"format {options.format} holds whole numbers, and scheme {scheme} makes floating ones",
            remedy='set quantization.format to "auto_round", or another scheme',
            avoided=False,
        )
    elif can_hold is not None and (bits := _bits(job)) is not None and bits not in can_hold:
        yield Pitfall(
            name="format and bits",
            effect=Effect.STOPS,
            about=f"format {options.format} holds {_listed(can_hold)} bits, not {bits}",
            remedy='set quantization.format to "auto_round", or other bits',
            avoided=False,
        )
    if options.group_size == 0 and not options.of_scheme("group_size") and "FP8" not in scheme:
        yield Pitfall(
            name="group size",
            effect=Effect.CHANGES,
            about="group_size = 0 means one scale for a whole tensor, which AutoRound has for fp8 alone",
            remedy="set quantization.group_size to -1 for a whole channel, or to a number such as 128",
            avoided=False,
        )


def _bits(job: Job) -> int | None:
    if not job.options.of_scheme("bits"):
        return job.options.bits
    named = _SCHEME_BITS.fullmatch(job.options.scheme.upper())
    return int(named[1]) if named else None


def _listed(numbers: frozenset[int]) -> str:
    *others, last = map(str, sorted(numbers))
    return f"{', '.join(others)} or {last}" if others else last


def _settings(job: Job) -> Iterator[Pitfall]:
    if job.options.low_gpu_mem_usage and "bloom" in job.model.path:
        yield Pitfall(
            name="bloom path",
            effect=Effect.CHANGES,
            about="the model's path holds the word bloom, so AutoRound leaves low_gpu_mem_usage out",
            remedy="give the folder another name if it is no Bloom",
            avoided=False,
            ways=COMMAND,
        )
    if not job.options.trust_remote_code:
        heeded = "" if job.model.multimodal is False else ", and for multimodal models whatever is asked"
        yield Pitfall(
            name="remote code",
            effect=Effect.NOTE,
            about=f"AutoRound runs Python code that comes with a model unless it is told not to{heeded}",
            remedy="the command says --disable_trust_remote_code, the Python code loads the model without it",
            avoided=True,
        )
