"""Evaluating a worksheet: a tree walk over a closed set of operations, on arrays or on Tensors.

Arrays are never changed in place: a statement such as ``dz[z <= 0] = 0`` works on a copy and rebinds the
name, so that ``name = other`` behaves as a copy and values can be shared between environments.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .errors import SheetError, like, no_module
from .functions import (
    ATTRIBUTES,
    FUNCTIONS,
    MAX_ELEMENTS,
    MAX_TOTAL,
    check_size,
    check_work,
    checked_integer,
    power,
    shape,
    size,
)
from .program import Attribute, Binary, Call, Compare, Constant, Index, Name, Node, Sequence, Slice, Statement, Unary

Environment = dict[str, Any]
Memo = dict[Node, Any]

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "@": operator.matmul,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": power,
    "&": operator.and_,
    "|": operator.or_,
}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_DTYPES: dict[str, type] = {"float": float, "int": int, "bool": bool}


class Allowance:
    """What one run of a sheet may use: processor time, and numbers held in all its variables together.

    Args:
        seconds: processor time from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.end = time.process_time() + seconds
        self.seconds = seconds
        self.held = 0

    def spend(self, value: Any) -> None:
        """Count a new value; raise if the sheet takes too long or holds too much."""
        self.held += size(value) if hasattr(value, "shape") else 1
        if self.held > MAX_TOTAL:
            raise SheetError("unsupported", f"The sheet's variables hold more than {MAX_TOTAL:,} numbers.")
        self.check()

    def check(self) -> None:
        """Raise if the sheet takes too long."""
        if time.process_time() > self.end:
            raise SheetError("unsupported", f"The sheet takes longer than {self.seconds:g} s to evaluate.")

    def again(self) -> None:
        """Start another run: values are counted from zero, time goes on."""
        self.held = 0


class Unavailable:
    """Stands for the value of a name whose statement could not be evaluated."""

    __slots__ = ()


UNAVAILABLE = Unavailable()


def evaluate(node: Node, env: Environment, memo: Memo | None = None) -> Any:
    """Return the value of an expression.

    Args:
        node: the expression.
        env: the value of every name; arrays, Tensors, numbers or tuples.
        memo: values of sub-expressions that are already known in this environment; filled on the way.

    Raises:
        SheetError: for an undefined name, shapes that do not fit, and values beyond the limits.
    """
    if memo is not None:
        try:
            return memo[node]
        except KeyError:
            pass
    value = _EVALUATE[type(node)](node, env, memo)
    if memo is not None:
        memo[node] = value
    return value


def _constant(node: Any, _env: Environment, _memo: Memo | None) -> Any:
    value = node.value
    return _DTYPES[value] if isinstance(value, str) and value in _DTYPES else value


def _name(node: Any, env: Environment, _memo: Memo | None) -> Any:
    try:
        value = env[node.id]
    except KeyError:
        raise SheetError(
            "undefined-name",
            f"{node.id} is read before anything defines it; "
            + (no_module(node.id) or f"{like(node.id, env)}use an input, a forward variable or an earlier line."),
            name=node.id,
        ) from None
    if value is UNAVAILABLE:
        raise SheetError("unavailable", f"{node.id} could not be evaluated.", name=node.id)
    return value


def _unary(node: Any, env: Environment, memo: Memo | None) -> Any:
    operand = evaluate(node.operand, env, memo)
    if node.op == "-":
        return -operand if not isinstance(operand, np.ndarray) or operand.dtype != bool else -operand.astype(float)
    return ~plain(operand) if node.op == "~" else +operand


def apply_binary(op: str, left: Any, right: Any) -> Any:
    """Return ``left op right`` within the limits of a worksheet."""
    if isinstance(left, str | tuple | list) or isinstance(right, str | tuple | list):
        raise SheetError("unsupported", f"{op} takes numbers and arrays; use np.array(...) for a list.")
    if op == "@":
        check_work(left, right, "@")
    elif size(left) * size(right) > MAX_ELEMENTS:
        check_size(_broadcast_size(left, right), f"the result of {op}")
    if op == "-" and (_is_mask(left) and _is_mask(right)):
        left = np.asarray(left, dtype=float)
    try:
        value = _BINARY[op](left, right)
    except SheetError:
        raise
    except ValueError:
        raise SheetError(
            "shape-error", f"{op} takes shapes {shape(left)} and {shape(right)}, which do not fit."
        ) from None
    return checked_integer(value) if type(value) is int else value


def _broadcast_size(*values: Any) -> float:
    arrays = [value for value in values if not isinstance(value, tuple | list)]
    return float(np.prod(np.broadcast_shapes(*(shape(value) for value in arrays)), dtype=float))


def _binary(node: Any, env: Environment, memo: Memo | None) -> Any:
    return apply_binary(node.op, evaluate(node.left, env, memo), evaluate(node.right, env, memo))


def _compare(node: Any, env: Environment, memo: Memo | None) -> Any:
    left, right = plain(evaluate(node.left, env, memo)), plain(evaluate(node.right, env, memo))
    if size(left) * size(right) > MAX_ELEMENTS:
        check_size(_broadcast_size(left, right), f"the result of {node.op}")
    return _COMPARE[node.op](left, right)


def _sequence(node: Any, env: Environment, memo: Memo | None) -> Any:
    items = [evaluate(item, env, memo) for item in node.items]
    return tuple(items) if node.kind == "tuple" else items


def _slice(node: Any, env: Environment, memo: Memo | None) -> Any:
    return slice(*(None if part is None else evaluate(part, env, memo) for part in (node.lower, node.upper, node.step)))


def _index(node: Any, env: Environment, memo: Memo | None) -> Any:
    value, index = evaluate(node.value, env, memo), evaluate(node.index, env, memo)
    _check_index(value, index)
    return value[index]


def _check_index(value: Any, index: Any) -> None:
    if isinstance(value, str):
        raise SheetError("unsupported", "Text cannot be indexed.")
    parts = index if isinstance(index, tuple) else (index,)
    picked = max((size(part) for part in parts if isinstance(part, np.ndarray | list)), default=1)
    if picked * size(value) > 50 * MAX_ELEMENTS:
        check_size(picked * size(value), "the indexed array")


def _attribute(node: Any, env: Environment, memo: Memo | None) -> Any:
    value = evaluate(node.value, env, memo)
    if isinstance(value, tuple | list | str):
        raise SheetError("unsupported", f".{node.name} belongs to an array; use np.array(...) for a list.")
    return ATTRIBUTES[node.name](value)


def _call(node: Any, env: Environment, memo: Memo | None) -> Any:
    function = FUNCTIONS[node.function]
    arguments = [evaluate(argument, env, memo) for argument in node.args]
    keywords = {name: evaluate(value, env, memo) for name, value in node.keywords}
    if function.constant:
        arguments = [plain(argument) for argument in arguments]
    elif node.function == "where":
        arguments[0] = plain(arguments[0])
    two = function.most > 1 and node.function not in _OWN_CHECK and len(arguments) > 1
    if two and size(arguments[0]) * size(arguments[1]) > MAX_ELEMENTS:
        check_size(_broadcast_size(*arguments), f"np.{node.function}")
    return function.call(*arguments, **keywords)


_OWN_CHECK = frozenset({"dot", "matmul", "einsum", "outer", "stack", "concatenate", "inner", "kron", "convolve"}) | {
    "correlate",
    "tile",
    "linalg.solve",
}

_EVALUATE: dict[type, Callable[[Any, Environment, Memo | None], Any]] = {
    Constant: _constant,
    Name: _name,
    Unary: _unary,
    Binary: _binary,
    Compare: _compare,
    Sequence: _sequence,
    Slice: _slice,
    Index: _index,
    Attribute: _attribute,
    Call: _call,
}


def _is_mask(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.dtype == bool)


def plain(value: Any) -> Any:
    """Return a Tensor's array, and anything else as it is."""
    return value.data if hasattr(value, "requires_grad") else value


def execute(statement: Statement, env: Environment, memo: Memo | None = None) -> None:
    """Run one statement in an environment.

    Args:
        statement: the statement.
        env: changed by binding the statement's target; on an error the target becomes unavailable.
        memo: known values of the statement's right-hand side, see :func:`evaluate`.

    Raises:
        SheetError: with the statement's line; every error of NumPy is turned into one.
    """
    try:
        env[statement.target] = _result(statement, env, memo)
    except BaseException:
        env[statement.target] = UNAVAILABLE
        raise


def _result(statement: Statement, env: Environment, memo: Memo | None) -> Any:
    try:
        value = evaluate(statement.value, env, memo)
        if statement.kind == "assign":
            return value
        current = _name(Name(statement.target), env, None)
        if statement.kind == "augment" and not isinstance(current, np.ndarray):
            return apply_binary(statement.op, current, value)
        changed = np.array(current)
        if statement.kind == "augment":
            return _augmented(changed, statement.op, value)
        assert statement.index is not None  # noqa: S101 - the reader gives every other kind its index
        index = evaluate(statement.index, env, memo)
        _check_index(changed, index)
        if statement.kind == "add_at":
            np.add.at(changed, index, value)
        elif statement.kind == "store":
            changed[index] = value
        else:
            changed[index] = apply_binary(statement.op, changed[index], value)
        return changed
    except SheetError as error:
        raise error.at(statement.line, statement.target) from None
    except RecursionError:
        raise SheetError("unsupported", "The expression is nested too deeply.", statement.line) from None
    except (ZeroDivisionError, OverflowError) as error:
        raise SheetError("not-finite", f"{statement}: {error}.", statement.line, statement.target) from None
    except np.linalg.LinAlgError as error:
        kind = "shape-error" if "square" in str(error) or "dimensional" in str(error) else "not-finite"
        raise SheetError(kind, f"{statement}: {error}.", statement.line, statement.target) from None
    except MemoryError:
        raise SheetError("unsupported", "The line needs too much memory.", statement.line) from None
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise SheetError(
            "shape-error", f"{statement.target} cannot be evaluated: {error}", statement.line, statement.target
        ) from None


def _augmented(current: Any, op: str, value: Any) -> Any:
    """Return ``current op= value`` as NumPy does it in place: the shape may not grow."""
    result = apply_binary(op, current, value)
    if np.shape(result) != np.shape(current):
        raise ValueError(f"{op}= would change the shape {np.shape(current)} to {np.shape(result)}")
    return result


def run(statements: Iterable[Statement], env: Environment) -> Environment:
    """Run statements in order and return the environment; the first error is raised."""
    with np.errstate(all="ignore"):
        for statement in statements:
            execute(statement, env)
    return env


def magnitude(statements: Iterable[Statement], env: Environment) -> float:
    """Return the largest finite number met while statements are evaluated: the scale of their rounding."""
    largest = 0.0
    env = dict(env)
    with np.errstate(all="ignore"):
        for statement in statements:
            memo: Memo = {}
            try:
                execute(statement, env, memo)
            except SheetError:
                continue
            for value in (*memo.values(), env[statement.target]):
                if isinstance(value, np.ndarray | np.generic | float) and size(value):
                    array = np.abs(np.asarray(value, dtype=float))
                    largest = max(largest, float(np.max(array, where=np.isfinite(array), initial=0.0)))
    return largest
