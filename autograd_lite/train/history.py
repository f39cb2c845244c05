"""`History`: what a training run noted down, epoch by epoch."""

from __future__ import annotations

import csv
import io
import os
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.saving import replace_file

__all__ = ["History"]


class History:
    """The records of a run: name -> one number per epoch.

    Names are "loss", those of the metrics, both again after "validation ", "lr", and for every parameter
    "gradient <name>" and "weight <name>", the mean absolute values at the end of the epoch.

    Attributes:
        records: all of them.
        best_epoch: the epoch of the smallest validation loss (or loss), counted from 0; -1 before the first.
        best_state: the model's state then.
        interrupted: whether Ctrl-C ended the run.

    >>> history = History()
    >>> history.add({"loss": 2.0})
    >>> history.add({"loss": 1.0})
    >>> history["loss"]
    [2.0, 1.0]
    >>> print(history.to_csv().strip())
    epoch,loss
    0,2.0
    1,1.0
    """

    def __init__(self) -> None:
        self.records: dict[str, list[float]] = {}
        self.best_epoch = -1
        self.best_state: dict[str, Any] = {}
        self.interrupted = False

    def __len__(self) -> int:
        return max(map(len, self.records.values()), default=0)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.records:
            raise OperandError(f"History: there is no record {name!r}; there are {', '.join(self.records) or 'none'}")
        return self.records[name]

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def __repr__(self) -> str:
        last = ", ".join(
            f"{k} {v[-1]:.6g}" for k, v in self.records.items() if not k.startswith(("gradient", "weight"))
        )
        return f"History({len(self)} epochs" + (f"; last: {last})" if last else ")")

    def add(self, record: dict[str, float]) -> None:
        """Append the numbers of one epoch."""
        values = {name: float(value) for name, value in record.items()}
        lengths = {name: len(column) for name, column in self.records.items()}
        try:
            for name, value in values.items():
                self.records.setdefault(name, []).append(value)
        except BaseException:  # Ctrl-C; an epoch is there whole or not at all
            for name in list(self.records):
                if name in lengths:
                    del self.records[name][lengths[name] :]
                else:
                    del self.records[name]
            raise

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The records as comma-separated values, one line per epoch; written to `path` if one is given.

        Raises:
            OperandError: a record has not one number for each epoch, because it was not added to in each.
        """
        short = [name for name, values in self.records.items() if len(values) != len(self)]
        if short:
            raise OperandError(
                f"History.to_csv: {', '.join(short)} has not one number for each of {len(self)} epochs; add nan where "
                f"there is none"
            )
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", *self.records])
        columns = [[repr(value) for value in values] for values in self.records.values()]
        writer.writerows([epoch, *row] for epoch, row in enumerate(zip(*columns, strict=True)))
        if path is not None:
            replace_file(path, lambda file: file.write(text.getvalue().encode()))
        return text.getvalue()

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Loss and metrics, gradient and weight magnitudes over the epochs, as a matplotlib figure.

        Args:
            path: where to write it too; the suffix decides the format.

        Raises:
            OperandError: nothing was recorded yet.
            ModuleNotFoundError: matplotlib is not installed.
            OSError: the file cannot be written.
        """
        if not self.records:
            raise OperandError("History.plot: there is nothing to plot; train for an epoch first")
        from matplotlib.figure import Figure

        groups: dict[str, dict[str, list[float]]] = {"loss": {}, "metrics": {}, "gradient": {}, "weight": {}}
        for name, values in self.records.items():
            kind = name.partition(" ")[0]
            key = kind if kind in ("gradient", "weight") else "loss" if name.endswith("loss") else "metrics"
            if name != "lr":
                groups[key][name.removeprefix(f"{key} ") if key == kind else name] = values
        shown = {title: lines for title, lines in groups.items() if lines}
        figure = Figure(figsize=(7, 2.4 * len(shown)), layout="constrained")
        rows = np.atleast_1d(figure.subplots(len(shown), sharex=True))
        for axes, (title, lines) in zip(rows, shown.items(), strict=True):
            for label, values in lines.items():
                axes.plot(values, label=label)
            if title != "metrics" and all(value > 0 for values in lines.values() for value in values):
                axes.set_yscale("log")
            axes.set_ylabel(f"mean |{title}|" if title in ("gradient", "weight") else title)
            if len(lines) <= 12:  # more names than that would leave no room for the lines
                axes.legend(fontsize="small")
        rows[-1].set_xlabel("epoch")
        if path is not None:
            suffix = os.path.splitext(os.fspath(path))[1].lstrip(".") or "png"
            replace_file(path, lambda file: figure.savefig(file, format=suffix))
        return figure

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        records = {name: np.array(values) for name, values in self.records.items()}
        return {"records": records, "best_epoch": self.best_epoch, "best_state": self.best_state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        records = {name: np.asarray(values, float) for name, values in state["records"].items()}
        best_epoch, best_state = state["best_epoch"], dict(state["best_state"])
        if not isinstance(best_epoch, int) or any(values.ndim != 1 for values in records.values()):
            raise OperandError("History.load_state_dict: records must be lists of numbers; pass what state_dict() gave")
        self.records = {name: values.tolist() for name, values in records.items()}
        self.best_epoch, self.best_state = best_epoch, best_state
