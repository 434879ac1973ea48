"""Faults of a recipe or manifest in words: one line per fault, which begins with the key's path."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

_LONGEST_VALUE = 80

_PHRASES = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} long",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "string_too_short": "at least {min_length} character(s) long",
    "string_type": "a text",
    "tuple_type": "a text or a list of texts",
    "dict_type": "a table",
    "model_type": "a table",
    "bool_type": "true or false",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
}


def describe_error(detail: ErrorDetails, path: tuple[str, ...], model: type[BaseModel]) -> str:
    """Return one line for a fault that pydantic found.

    Args:
        detail: The fault, as `ValidationError.errors` returns it.
        path: The keys that lead to the table that was validated.
        model: The table's model; its keys are what an unknown key may have been meant for.
    """
    key_path = ""
    for key in (*path, *detail["loc"]):
        key_path += f"[{key}]" if isinstance(key, int) else f".{key}" if key_path else str(key)
    fault = _describe(detail, model)
    return f"{key_path}: {fault}" if key_path else fault


def quote_value(value: Any) -> str:
    """Return a value as a message quotes it, shortened to 80 characters.

    Examples:
        >>> quote_value(True), quote_value("a" * 100)[-3:]
        ('true', 'aa…')
    """
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a table of as many levels
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _find_table(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model of the table that holds the last key of a path."""
    for key in path[:-1]:
        field = model.model_fields.get(str(key))
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        model = next((kind for kind in kinds if hasattr(kind, "model_fields")), model)
    return model


def _describe(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, value = detail["type"], quote_value(detail["input"])
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        keys = _find_table(model, detail["loc"]).model_fields
        close = get_close_matches(str(detail["loc"][-1]), list(keys), n=1)
        return "unknown key" + (f"; did you mean {close[0]}?" if close else "")
    if kind in _PHRASES:
        # A bound of 0 on a fraction is spelled 0, not 0.0.
        bounds = {
            key: int(bound) if isinstance(bound, float) and bound.is_integer() else bound
            for key, bound in detail.get("ctx", {}).items()
        }
        return f"must be {_PHRASES[kind].format(**bounds)}, got {value}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"must be {message[0].lower()}{message[1:]}, got {value}" if message != detail["msg"] else message
