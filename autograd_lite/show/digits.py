"""Arrays in a few characters: what labels, tables and pages print."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["argument", "brief", "count", "number", "shape_text", "static_text", "told", "warning"]


def number(value: Any, digits: int = 4) -> str:
    """One number with `digits` significant digits.

    >>> number(0.123456), number(-0.0), number(1e-9), number(12), number(1 + 2j)
    ('0.1235', '0', '1e-09', '12', '1+2j')
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, (bool, int)):
        return str(value)
    if isinstance(value, complex):
        return f"{number(value.real, digits)}{'' if value.imag < 0 else '+'}{number(value.imag, digits)}j"
    text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def brief(value: Any, *, entries: int = 6, digits: int = 3) -> str:
    """An array in one line: its entries if they are few, otherwise its least, mean and greatest.

    >>> brief(np.array([[1.0, 2.5]]))
    '[[1, 2.5]]'
    >>> brief(np.arange(100.0))
    '0 .. 99, mean 49.5'
    """
    array = np.asarray(value)
    if array.size <= entries:
        return _listed(array.tolist(), digits)
    if array.dtype.kind == "b":
        return f"{int(array.sum()):,} of {array.size:,} true"
    if array.dtype.kind == "c":
        return f"magnitude {brief(np.abs(array), entries=0, digits=digits)}"
    finite = array[np.isfinite(array)]
    if not finite.size:
        return warning(array)
    with np.errstate(all="ignore"):
        text = f"{number(finite.min(), digits)} .. {number(finite.max(), digits)}, mean {number(finite.mean(), digits)}"
    return text + (f", {warning(array)}" if finite.size < array.size else "")


def _listed(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_listed(part, digits) for part in value) + "]"
    return number(value, digits)


def warning(value: Any) -> str:
    """How many entries are not a number or infinite; empty if none is.

    >>> warning(np.array([1.0, np.nan, np.inf, np.nan]))
    '2 NaN, 1 inf'
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fc":
        return ""
    nans, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    return ", ".join([f"{n:,} {what}" for n, what in ((nans, "NaN"), (infinite, "inf")) if n])


def shape_text(shape: tuple[int, ...], dtype: Any = None) -> str:
    """A shape, with the dtype where that is not float64.

    >>> shape_text((2, 3), np.dtype("float32")), shape_text((), np.dtype("float64"))
    ('(2, 3) float32', '()')
    """
    plain = dtype is None or dtype == np.float64
    return str(tuple(shape)) if plain else f"{tuple(shape)} {dtype}"


def static_text(static: dict[str, Any], width: int = 40) -> str:
    """The static arguments of a call as they would be written, cut to `width`.

    >>> static_text({"axis": 0, "keepdims": True})
    'axis=0, keepdims=True'
    """
    text = ", ".join(f"{key}={argument(value)}" for key, value in told(static).items())
    return text if len(text) <= width else text[: width - 1] + "…"


def told(static: dict[str, Any]) -> dict[str, Any]:
    """Those static arguments of a call that are worth telling: the usual memory order and the engine's own are not.

    >>> told({"shape": (2,), "order": "C"})
    {'shape': (2,)}
    """
    usual = {"order": ("C",), "copy": (None,), "axes": (None,), "keepdims": (False,)}
    return {
        key: value
        for key, value in static.items()
        if key not in ("spec", "edges")
        and not (key in usual and isinstance(value, (str, bool, type(None))) and value in usual[key])
    }


def argument(value: Any) -> str:
    """One static argument as it would be written."""
    if isinstance(value, (tuple, range)):
        return "(" + ", ".join(argument(part) for part in value) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, slice):
        ends = [("" if end is None else str(end)) for end in (value.start, value.stop)]
        return ":".join(ends + ([str(value.step)] if value.step is not None else []))
    if isinstance(value, np.ndarray):
        return brief(value) if value.size <= 6 else f"{value.dtype}{list(value.shape)}"
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return repr(np.dtype(value).name)
    return "..." if value is Ellipsis else getattr(value, "__name__", None) or str(value)


def count(n: int, what: str) -> str:
    """A number of things.

    >>> count(1, "operation"), count(2500, "operation")
    ('1 operation', '2,500 operations')
    """
    return f"{n:,} {what}" + ("" if n == 1 else "s")
