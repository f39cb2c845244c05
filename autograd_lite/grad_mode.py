"""Whether and how operations are recorded here and now: not at all, with their lines of code, watched for NaN.

It belongs to this thread and async task only, and is set for a `with` block or a decorated function.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autograd_lite.errors import OperandError

if TYPE_CHECKING:
    from autograd_lite.record import Node

__all__ = ["debug", "enable_grad", "is_grad_enabled", "no_grad", "note_line", "recording", "watch_nans"]

# How operations are recorded here and now, as a sum of: recorded at all, with the line of user code that asked for
# each, watched for the first NaN. Lines without recording stand for a `no_grad` block inside a `debug` block.
OFF, ON, LINES, NANS = 0, 1, 2, 4
_recording: ContextVar[int] = ContextVar("autograd_lite_recording", default=ON)
recording = _recording.get


class _Recording:
    """Turns some of the ways of recording on or off, inside a `with` block or in a decorated function."""

    def __init__(self, on: int = 0, off: int = 0) -> None:
        self._on = on
        self._off = off
        self._tokens: list[Any] = []

    def __enter__(self) -> None:
        how = recording()
        try:
            self._tokens.append(_recording.set((how | self._on) & ~self._off))
        except BaseException:  # Ctrl-C; a block that was not entered is not left
            _recording.set(how)
            raise

    def __exit__(self, *_: object) -> None:
        token = self._tokens[-1]
        try:
            _recording.reset(token)  # before anything is called after which Ctrl-C may come
        except (ValueError, RuntimeError):  # that of another thread or task, which has entered this block since
            token = self._own_token()
        self._tokens.remove(token)

    def _own_token(self) -> Any:
        """The last token of this thread and task, which has been used by now."""
        for token in self._tokens[::-1]:
            with contextlib.suppress(ValueError, RuntimeError):
                _recording.reset(token)
                return token
        raise RuntimeError("a block is left that was not entered")

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import inspect  # here, because it makes the import of the package longer

        if inspect.isclass(function) or not callable(function):
            raise OperandError(
                f"no_grad, enable_grad, debug: {function!r:.60} cannot be decorated; give a function or a method, or "
                f"write a block, `with ag.no_grad():`"
            )

        on, off = self._on, self._off
        made: Callable[..., Any]
        if inspect.iscoroutinefunction(function):

            async def made(*args: Any, **kwargs: Any) -> Any:
                with _Recording(on, off):
                    return await function(*args, **kwargs)

        elif inspect.isgeneratorfunction(function):

            def made(*args: Any, **kwargs: Any) -> Any:
                steps = function(*args, **kwargs)
                resume = functools.partial(next, steps)
                while True:  # between the steps its caller records as before
                    with _Recording(on, off):
                        try:
                            value = resume()
                        except StopIteration as end:
                            return end.value
                    try:
                        resume = functools.partial(steps.send, (yield value))
                    except GeneratorExit:
                        with _Recording(on, off):
                            steps.close()
                        raise
                    except BaseException as error:  # noqa: BLE001  # whatever was thrown in is the generator's
                        resume = functools.partial(steps.throw, error)

        elif inspect.isasyncgenfunction(function):

            async def made(*args: Any, **kwargs: Any) -> Any:
                steps = function(*args, **kwargs)
                resume = functools.partial(anext, steps)
                while True:
                    with _Recording(on, off):
                        try:
                            value = await resume()
                        except StopAsyncIteration:
                            return
                    try:
                        resume = functools.partial(steps.asend, (yield value))
                    except GeneratorExit:
                        with _Recording(on, off):
                            await steps.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001  # whatever was thrown in is the generator's
                        resume = functools.partial(steps.athrow, error)

        else:

            def made(*args: Any, **kwargs: Any) -> Any:
                with _Recording(on, off):
                    return function(*args, **kwargs)

        return functools.wraps(function)(made)


def is_grad_enabled() -> bool:
    """Whether operations are recorded here and now.

    >>> is_grad_enabled()
    True
    """
    return bool(recording() & ON)


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record nothing inside this block (or decorated function), in this thread and async task only.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor([1.0], requires_grad=True)
    >>> with ag.no_grad():
    ...     (2 * x).requires_grad
    False
    """
    block = _Recording(off=ON)
    return block if function is None else block(function)


def enable_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record inside this block (or decorated function) again, within a surrounding `no_grad`.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor([1.0], requires_grad=True)
    >>> with ag.no_grad(), ag.enable_grad():
    ...     (2 * x).requires_grad
    True
    """
    block = _Recording(on=ON)
    return block if function is None else block(function)


def debug() -> Any:
    """Note the line of user code with every operation recorded inside this block; errors then name it.

    >>> import autograd_lite as ag
    >>> with ag.debug():
    ...     y = 2 * ag.Tensor([1.0], requires_grad=True)
    >>> "line" in y._node.details
    True
    """
    return _Recording(on=ON | LINES)


def watch_nans() -> Any:
    """Raise at the first operation that makes a NaN; see `nans.trace_nan`."""
    return _Recording(on=ON | LINES | NANS)


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def note_line(node: Node) -> None:
    """Attach the line of the innermost caller outside this package, as `file:line: source`."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(file, line).strip()
    node.note("line", f"{os.path.basename(file)}:{line}" + (f": {source}" if source else ""))
