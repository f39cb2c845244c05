"""Operations as expressions, in the form that their rows print.

A row of the table says how it prints, `"{} * {}"` or `"ln({})"`. Such a template is read once, with Python's own
parser, into a small tree with holes, which the inputs fill.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from typing import Any

import numpy as np

from autograd_lite.record import Primitive
from autograd_lite.rules.indexing import scatter
from autograd_lite.rules.norms import count_norm, nuclear_norm, p_norm
from autograd_lite.rules.softmax import log_softmax, nll, softmax
from autograd_lite.rules.table import TABLE
from autograd_lite.show.digits import argument, told
from autograd_lite.show.expression import (
    ONE,
    Expression,
    Shape,
    add,
    call,
    divide,
    indexed,
    matmul,
    minus,
    multiply,
    negative,
    number,
    power,
    spread,
    transposed,
)
from autograd_lite.show.graph import Entry
from autograd_lite.show.places import Indexing

__all__ = ["written_as"]


def written_as(entry: Entry, inputs: list[Expression]) -> Expression:
    """An operation, in the form that its row prints, on these inputs."""
    node: Any = entry.node
    usual = _defaults(node.op.fn)
    static = {
        key: argument(value)
        for key, value in told(entry.static).items()
        if not (key in usual and type(usual[key]) is type(value) and usual[key] == value)
    }
    axes = entry.static.get("axis")
    if isinstance(axes, tuple) and len(axes) == 1:
        static["axis"] = argument(axes[0])
    if node.op in (softmax, log_softmax):
        static.setdefault("axis", "-1")  # nobody who reads the name knows that
    if node.op is scatter and entry.dtype.kind == "c":
        static["dtype"] = "complex"  # the zeros to add to must be of that kind
    operation = node.op.name
    if node.op is nll:
        index = entry.static["index"]
        chosen = _written("getitem", "", tuple(inputs), static, index[0].shape, index)
        return negative(call("mean", "mean", "", (chosen,), ()))
    if node.op in _NORMS:
        operation, static = _norm(node.op, inputs[0].shape, entry.static, static)
    if not _is_row(node.op):
        operation = f"own {operation}"  # whoever calls a function exp need not mean the one of NumPy
    return _written(operation, node.op.prints, tuple(inputs), static, entry.shape, entry.static.get("index"))


#: the rows that are called norm, and are norms of other orders than 2
_NORMS = (p_norm, count_norm, nuclear_norm)


def _norm(op: Primitive, shape: Shape, given: dict[str, Any], static: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The function of NumPy that is such a norm, and its arguments with the order, which the row knows by itself."""
    rest = {key: value for key, value in static.items() if key != "p"}
    if op is nuclear_norm:
        return "norm", {"ord": "'nuc'", **({"axis": "(-2, -1)"} if len(shape) > 2 else {})}
    order = given.get("p", 2) if op is p_norm else 0
    axes = given.get("axis")
    # Over several axes np.linalg.norm is the norm of a matrix, which is another one.
    operation = "norm" if (len(shape) if axes is None else len(axes)) == 1 else "vector_norm"
    return operation, {"ord": argument(int(order) if order == int(order) else order), **rest}


def _is_row(op: Primitive) -> bool:
    return any(op is row for row in TABLE.values())


@cache
def _defaults(function: Any) -> dict[str, Any]:
    """Those defaults of a function that a call need not repeat: numbers, words, None."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a ufunc, or another function written in C
        return {}
    return {p.name: p.default for p in parameters if isinstance(p.default, (int, str, type(None)))}


_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&",
    ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip
_CONSTANTS = {"pi": Expression("constant", (), ("π", r"\pi", "np.pi"))}
_SHAPED = {"{}ᵀ": "transpose", "|{}|": "magnitude", "‖{}‖": "norm"}
_NUMPY_NAMES = {"ln": "log", "max": "maximum", "min": "minimum"}


def _written(
    operation: str, prints: str, parts: tuple[Expression, ...], static: dict[str, str], shape: Shape, picks: Any
) -> Expression:
    """An operation on `parts`, in the form that its row prints."""
    given = ", ".join(f"{key}={value}" for key, value in static.items())
    if "index" in static:
        given = Indexing(given, picks)
    if operation == "broadcast_to":
        return spread(parts[0], shape)
    whole = parts[0].parts[0] if parts and parts[0].kind == "spread" else parts[0] if parts else ONE
    if operation in ("getitem", "astype") and whole.kind == "number":
        return spread(whole, shape)
    if operation == "getitem":
        index = static.get("index", "")
        if index.startswith("(") and index.endswith(")"):
            index = index[1:-1].rstrip(",")
        index = Indexing(index, picks)
        return indexed(parts[0], index, shape) if len(parts) == 1 else Expression("index", parts, index, shape)
    if operation == "swapaxes" and set(static.values()) == {"-1", "-2"}:
        return transposed(parts[0], shape)
    if operation == "transpose" and len(shape) > 2:
        return call(operation.removeprefix("own "), operation, given, parts, shape)
    template = _template(prints)
    if template is not None and template[0] == "text" and static.keys() == {"order"} and prints.endswith("'"):
        template = _template(prints.rstrip("'") + "'" * int(static["order"]))
        given = ""
    # A form that has no place for static arguments would leave them out.
    if template is None or (given and template[0] not in ("call", "tree")):
        return call(operation.removeprefix("own "), operation, given, parts, shape)
    if template[0] == "call":
        return call(template[1], operation, given, parts, shape)
    if template[0] == "transpose":
        return transposed(parts[0], shape)
    if template[0] in ("magnitude", "norm"):
        return Expression(template[0], parts, None, shape)
    if template[0] == "infix":
        return Expression("infix", parts, (template[1], operation), shape)
    if template[0] == "text":
        words, holes = template[1]
        return Expression("text", tuple(parts[hole] for hole in holes), (tuple(words), operation), shape)
    # Elementwise signs are for elementwise functions: the star of a convolution is another.
    if len(parts) > 1 and operation != "matmul" and not isinstance(getattr(np, operation, None), np.ufunc):
        return call(operation.removeprefix("own "), operation, given, parts, shape)
    return _filled(template[1], parts, shape)


@cache
def _template(prints: str) -> tuple[str, Any] | None:
    """A printed form, read: its kind and what belongs to it; None if there is none."""
    if not prints:
        return None
    if prints in _SHAPED:
        return _SHAPED[prints], None
    simple = re.fullmatch(r"([^\s(){}]+)\(\{\}(?:, \{\})*\)", prints)
    if simple:
        return "call", simple[1]
    infix = re.fullmatch(r"\{\} (\S+) \{\}", prints)
    if infix and infix[1] not in ("+", "-", "*", "/", "**", "@"):
        return "infix", infix[1]
    words, holes = _split(prints)
    code = words[0] + "".join(f"_{hole}{word}" for hole, word in zip(holes, words[1:], strict=True))
    try:
        tree = ast.parse(code, mode="eval").body
        _filled(tree, (ONE,) * (max(holes) + 1), ())
    except (SyntaxError, KeyError, ValueError):
        return "text", (words, holes)
    return "tree", tree


def _split(prints: str) -> tuple[list[str], list[int]]:
    """The words of a printed form, and which input stands between each two of them."""
    pieces = re.split(r"\{(\d*)\}", prints)
    holes = [int(hole) if hole else position for position, hole in enumerate(pieces[1::2])]
    return pieces[::2], holes


def _filled(tree: ast.AST, parts: tuple[Expression, ...], shape: Shape) -> Expression:
    if isinstance(tree, ast.Name):
        return parts[int(tree.id[1:])] if tree.id.startswith("_") else _CONSTANTS[tree.id]
    if isinstance(tree, ast.Constant):
        return number(tree.value)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        inner = _filled(tree.operand, parts, shape)
        return negative(inner) if isinstance(tree.op, ast.USub) else inner
    if isinstance(tree, ast.UnaryOp):
        sign = "not" if isinstance(tree.op, ast.Not) else "~"
        return call(sign, sign, "", (_filled(tree.operand, parts, shape),), shape)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        inside = tuple(_filled(argument, parts, shape) for argument in tree.args)
        whole = np.broadcast_shapes(*[part.shape for part in inside])
        return call(tree.func.id, _NUMPY_NAMES.get(tree.func.id, tree.func.id), "", inside, whole)
    if isinstance(tree, ast.BinOp):
        a, b = _filled(tree.left, parts, shape), _filled(tree.right, parts, shape)
        sign = _OPERATORS[type(tree.op)]
        if sign == "@":
            return matmul(a, b, shape)
        return {"+": add, "-": minus, "*": multiply, "/": divide, "**": power}[sign](a, b)
    raise ValueError(f"a printed form with {ast.dump(tree)}")
