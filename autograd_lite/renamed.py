"""Keywords of PyTorch's that a call here does not take: the error says what to write in their place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from autograd_lite.errors import OperandError

__all__ = ["refuse_renamed", "told_of_renamed"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

#: PyTorch's keyword -> what follows it and its value in the error
_KEYWORDS = {
    "dim": "is called axis={} here",
    "keepdim": "is called keepdims={} here",
    "unbiased": "is ddof=0, the default, or ddof=1 here",
    "batch_first": "is not known; the first axis is always that of the samples",
    "num_layers": "is one layer after the other here, each of which has its own state",
    "bidirectional": "is two layers here, one of which is given x[:, ::-1]",
    "dilation": "is for convolutions; windows that are pooled have no gaps",
    "padding_mode": "is np.pad(x, widths, mode) before the layer here",
}


def refuse_renamed(name: str, keywords: dict[str, Any]) -> None:
    """Say what the keywords of a call of `name` that has just failed are here, if any of them is PyTorch's.

    >>> refuse_renamed("sum", {"dim": 0})
    Traceback (most recent call last):
        ...
    autograd_lite.errors.OperandError: sum: dim=0 is called axis=0 here
    """
    found = [(f"{value!r:.60}", key) for key, value in keywords.items() if key in _KEYWORDS]
    if found:
        told = [f"{key}={value} {_KEYWORDS[key].format(value)}" for value, key in found]
        raise OperandError(f"{name}: {' and '.join(told)}".replace(" here and ", " and ")) from None


def told_of_renamed(
    function: Callable[_Arguments, _Result],
) -> Callable[_Arguments, _Result]:
    """`function`, or the method `__init__`, whose refusal of a keyword of PyTorch's says what to write."""

    @functools.wraps(function)
    def called(*args: _Arguments.args, **keywords: _Arguments.kwargs) -> _Result:
        try:
            return function(*args, **keywords)
        except TypeError:
            import inspect  # here, because it makes the import of the package longer

            name = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
            taken = inspect.signature(function).parameters  # what is wrong is not one of these
            refuse_renamed(name, {key: value for key, value in keywords.items() if key not in taken})
            raise

    return called
