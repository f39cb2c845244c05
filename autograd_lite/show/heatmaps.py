"""Arrays as the page holds them: entry by entry, as means of blocks, or as their extremes, in few bytes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

__all__ = ["LEVELS", "HeatMaps", "six_digits"]

#: entries of one heat map, of all together, and of one whose numbers are written in its cells
_CELLS, _ALL_CELLS, _WRITTEN = 256, 60_000, 64
#: one character for each of 64 levels, none of which JSON has to escape
LEVELS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


class HeatMaps:
    """The arrays of one page.

    Attributes:
        found: for each key what the page shows of the array, or the key of another array that is shown alike.
        left_out: how many arrays were over the budget, so that only their extremes are there.
    """

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any] | str] = {}
        self.left_out = 0
        self._cells = 0
        self._first: dict[str, str] = {}

    def add(self, key: str, array: Any) -> None:
        """Keep an array under a key; what is there already is not kept twice."""
        if key in self.found:
            return
        made = _described(np.asarray(array))
        cells = sum(map(len, made["rows"]))
        shown = json.dumps(_packed(made))
        if shown in self._first:
            self.found[key] = self._first[shown]
            return
        if self._cells + cells > _ALL_CELLS:
            self.left_out += 1
            del made["rows"]
            made.pop("blocks", None)
        else:
            self._cells += cells
            self._first[shown] = key
        self.found[key] = _packed(made)


def _described(array: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"shape": list(array.shape), "size": int(array.size)}
    if array.dtype.kind == "c":
        array, made["of"] = np.abs(array), "magnitudes"
    numbers = np.asarray(array, float).reshape(-1, array.shape[-1] if array.ndim and array.size else 1)
    finite = numbers[np.isfinite(numbers)]
    if finite.size:
        with np.errstate(all="ignore"):
            extremes = (finite.min(), finite.mean(), finite.max())
        made |= dict(zip(("min", "mean", "max"), map(six_digits, extremes), strict=True))
    made["nan"] = int(np.isnan(numbers).sum())
    made["inf"] = int(np.isinf(numbers).sum())
    if numbers.size > _CELLS:
        numbers = _block_means(numbers)
        made["blocks"] = list(numbers.shape)
    made["rows"] = [[six_digits(x) for x in row] for row in numbers.tolist()]
    return made


def _packed(made: dict[str, Any]) -> dict[str, Any]:
    """Of many rows only the colours are seen: two characters for each number, to 1/2047 of the largest."""
    rows = made.get("rows")
    if rows is None or sum(map(len, rows)) <= _WRITTEN:
        return made
    flat = [x for row in rows for x in row]
    most = max((abs(x) for x in flat if not isinstance(x, str)), default=0.0) or 1.0
    codes = [2048 if isinstance(x, str) else 2048 + round(x / most * 2047) for x in flat]
    packed = {key: value for key, value in made.items() if key != "rows"}
    packed |= {"wide": len(rows[0]), "most": most, "corner": rows[0][-1]}
    packed["codes"] = "".join(LEVELS[k >> 6] + LEVELS[k & 63] for k in codes)
    odd = {str(i): x for i, x in enumerate(flat) if isinstance(x, str)}
    return packed | ({"odd": odd} if odd else {})


def six_digits(x: float) -> Any:
    """Six significant digits; what JSON has no number for, as a word."""
    return float(f"{x:.6g}") if np.isfinite(x) else str(float(x))


def _block_means(numbers: Any, most: int = 16) -> Any:
    """At most 16 x 16 means, of the blocks that a larger matrix is cut into."""
    with np.errstate(all="ignore"):
        for axis in (0, 1):
            n = numbers.shape[axis]
            edges = np.unique(np.linspace(0, n, min(n, most) + 1).astype(int))
            sums = np.add.reduceat(numbers, edges[:-1], axis=axis)
            widths = np.diff(edges)
            numbers = sums / (widths[:, None] if axis == 0 else widths)
    return numbers
