"""Faults of the libraries that tokenizers are made of, told as errors of calibset.

They raise whatever they like. What is written in Rust panics, which Python sees as an exception that
``except Exception`` does not catch. Rust writes about it on standard error by itself, which can't be kept
back, so an error repeats its words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from calibset.core.errors import CalibsetError, TokenizerError
from calibset.core.text import excerpt

# How much of a text an error quotes.
_MOST_CHARACTERS = 60
# Nearly all panics are of added tokens that are looked for in text that a normalizer has changed.
_AFTER_PANIC = "leave the text out, or use a tokenizer.json whose added tokens and normalizer are others"


@contextmanager
def translate_faults(subject: str, *, text: str | None = None, remedy: str = "") -> Iterator[None]:
    """Turn what an engine raises into an error; an interruption by the user stays what it is.

    Args:
        subject: What was done with which tokenizer, as ``small: can't read``.
        text: The text that it was done with.
        remedy: What to do about an exception; an error says itself what to do about a panic.

    Raises:
        TokenizerError: The engine raised an exception, or it panicked.
    """
    try:
        with translate_panics(subject, text=text):
            yield
    except CalibsetError:
        raise
    except Exception as error:
        reason = excerpt(error) or type(error).__name__
        message = f"{_quote(subject, text)}: {reason}"
        raise TokenizerError(f"{message}; {remedy}" if remedy else message) from error


@contextmanager
def translate_panics(subject: str, *, text: str | None = None) -> Iterator[None]:
    """Turn a panic of an engine into an error, where its exceptions are told otherwise.

    Args:
        subject: What was done with which tokenizer.
        text: The text that it was done with.

    Raises:
        TokenizerError: The engine panicked.
    """
    try:
        yield
    except BaseException as error:
        if not _is_panic(error):
            raise
        message = f"its library panics ({excerpt(error)}), and would in a quantizer as well; {_AFTER_PANIC}"
        raise TokenizerError(f"{_quote(subject, text)}: {message}") from error


@contextmanager
def locate_faults(place: str) -> Iterator[None]:
    """Name the place of a text in the error of a tokenizer, or of its chat template, that can't read it.

    Args:
        place: The source and the document's id, or the file and the row.
    """
    try:
        yield
    except TokenizerError as error:
        raise TokenizerError(f"{place}: {error}") from error


def is_fault(error: BaseException) -> bool:
    """Return whether a library raised it, and not the user who interrupts."""
    return isinstance(error, Exception) or _is_panic(error)


def _is_panic(error: BaseException) -> bool:
    # Each library that is written in Rust has such a class of its own, and none can be imported.
    return type(error).__name__ == "PanicException" and type(error).__module__ == "pyo3_runtime"


def _quote(subject: str, text: str | None) -> str:
    return subject if text is None else f"{subject} {excerpt(text)[:_MOST_CHARACTERS]!r}"
