"""Conditions on scored documents, such as ``language_score > 0.9 and tokens >= 200``.

A condition is read by Python's own parser, and nothing but comparisons of the known names with numbers and
texts passes: it is never run as code.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from calibset.core.fields import MAX_NUMBER
from calibset.core.text import excerpt
from calibset.selection.score_columns import MEASURES, require_polars

if TYPE_CHECKING:
    import polars


_LONGEST = 1_000
_DEEPEST = 40
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_EXAMPLE = 'such as language == "sk" and tokens >= 200'


def check_condition(text: str) -> str:
    """Return a condition as it is.

    Raises:
        ValueError: It is none; the message says why.
    """
    parse_condition(text)
    return text


def find_names(text: str) -> tuple[str, ...]:
    """Return the names that a condition uses, in the order of `MEASURES`."""
    used = {node.id for node in ast.walk(_parse(text)) if isinstance(node, ast.Name)} if text else set()
    return tuple(name for name in MEASURES if name in used)


def parse_condition(text: str) -> polars.Expr:
    """Return the expression of a condition; what is not known of a document meets no comparison.

    Raises:
        ValueError: It is no condition; the message says why.

    Examples:
        >>> import polars
        >>> scores = polars.DataFrame({"language": ["sk", "cs", None], "tokens": [500, 40, 300]})
        >>> scores.filter(parse_condition("tokens >= 100 and language is not None"))["tokens"].to_list()
        [500]
    """
    require_polars()
    expression: polars.Expr
    expression, kind = _make(_parse(text))
    if kind != "truth":
        raise ValueError(f"it compares nothing; write a comparison, {_EXAMPLE}")
    return expression


def _parse(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters")
    try:
        # In brackets, so that it may go over several lines, each with a comment.
        condition = ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"it is no comparison that can be read, {_EXAMPLE}") from error
    level: list[ast.AST] = [condition]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise ValueError("it is nested too deeply")
    return condition


def _divide(number: Any, other: Any) -> Any:
    """Return a quotient, which is not known if the second number is 0."""
    import polars

    return number / polars.when(other != 0).then(other)


_SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: _divide,
}  # fmt: skip


def _make(node: ast.expr) -> tuple[Any, str]:  # noqa: C901, PLR0911  (a case for each kind of node)
    """Return the expression of a part of a condition, and whether it is a text, a number or a truth."""
    import polars

    match node:
        case ast.Name(id=name) if name in MEASURES:
            kind = MEASURES[name][0]
            # As the numbers of any other program: sums of theirs don't run over.
            return (polars.col(name).cast(polars.Float64) if kind == "number" else polars.col(name)), kind
        case ast.Name(id=name):
            raise ValueError(
                f"there is no {excerpt(name)!r}, only {', '.join(MEASURES)}; a text stands in quotes"
            )
        case ast.Constant(value=str() as text):
            return polars.lit(text), "text"
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if not abs(number) <= MAX_NUMBER:
                raise ValueError(f"numbers are at most {MAX_NUMBER:,}")
            return polars.lit(float(number)), "number"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_require(operand, "number"), "number"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_require(operand, "truth"), "truth"
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SUMS:
            return _SUMS[type(sign)](_require(left, "number"), _require(right, "number")), "number"
        case ast.BoolOp(op=joint, values=values):
            join = operator.and_ if isinstance(joint, ast.And) else operator.or_
            return reduce(join, (_require(value, "truth") for value in values)), "truth"
        case ast.Compare(left=left, ops=signs, comparators=others):
            pairs = zip([left, *others], signs, others, strict=False)
            return reduce(operator.and_, (_compare(*pair) for pair in pairs)), "truth"
    raise ValueError(
        f"{excerpt(ast.unparse(node))!r} is not allowed; compare names, numbers and texts, {_EXAMPLE}"
    )


def _compare(left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Any:
    if isinstance(sign, ast.Is | ast.IsNot) and isinstance(right, ast.Constant) and right.value is None:
        value, kind = _make(left)
        if kind == "truth":
            raise ValueError("only what is known of a document is compared with None")
        return value.is_null() if isinstance(sign, ast.Is) else value.is_not_null()
    if isinstance(sign, ast.In | ast.NotIn) and not (items := _list_values(right)):
        raise ValueError('behind "in" stands a list of numbers or texts, such as language in ["sk", "cs"]')
    if isinstance(sign, ast.In | ast.NotIn):
        value, kind = _make(left)
        for item in items:
            _require(item, kind)
        values = [ast.literal_eval(item) for item in items]
        found = value.is_in(list(map(float, values)) if kind == "number" else values)
        return found if isinstance(sign, ast.In) else ~found
    value, kind = _make(left)
    if type(sign) not in _COMPARISONS or kind == "truth":
        raise ValueError(
            f"it compares in a way that is not allowed; use ==, !=, <, <=, >, >=, in or is None, {_EXAMPLE}"
        )
    return _COMPARISONS[type(sign)](value, _require(right, kind))


def _list_values(node: ast.expr) -> list[ast.expr]:
    """Return the numbers and texts of a list in a condition; none if it is no such list."""
    items = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    return items if all(isinstance(item, ast.Constant) for item in items) else []


def _require(node: ast.expr, kind: str) -> Any:
    expression, found = _make(node)
    if found != kind:
        wanted = {"text": "a text", "number": "a number", "truth": "a comparison"}[kind]
        raise ValueError(
            f"{excerpt(ast.unparse(node))!r} is not {wanted}, which must stand there, {_EXAMPLE}"
        )
    return expression
