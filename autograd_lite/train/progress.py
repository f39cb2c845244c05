"""A progress bar on a terminal or in a notebook, by rich; nothing elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from autograd_lite.errors import OperandError

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows epochs and the last records.

    Args:
        epochs: how many there will be.
        wanted: True, False, or None for "if somebody can see it".

    Raises:
        OperandError: True, and rich is not installed.
    """

    def __init__(self, epochs: int, wanted: bool | None) -> None:
        self._bar: Any = None
        if wanted is False:
            return
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        except ModuleNotFoundError:
            if wanted:
                raise OperandError("fit: progress=True needs rich; install autograd-lite[train]") from None
            return
        console = Console(stderr=True)
        if wanted or console.is_terminal or console.is_jupyter:
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console)
            self._task = self._bar.add_task("", total=epochs)

    def __enter__(self) -> ProgressBar:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, epoch: int, record: dict[str, float]) -> None:
        """Note the end of an epoch, counted from 0."""
        if self._bar is not None:
            shown = {k: v for k, v in record.items() if k != "lr" and not k.startswith(("gradient ", "weight "))}
            text = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
            self._bar.update(self._task, completed=epoch + 1, description=text)
