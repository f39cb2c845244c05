"""The coverage page in docs/ is made from the table of rules.

`python tests/rules/test_coverage_page.py` writes it again.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.rules import import_later
from autograd_lite.rules.table import COMPOSED, PLAIN, SAMPLES, TABLE, Call, Elementwise, Reduction

import_later()  # as the first call of one of their functions does

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
OF_SCIPY = ("special", "stats", "linalg", "signal", "integrate", "optimize")
ROOMS = ((np.linalg, "np.linalg."), (np.fft, "np.fft."), (np, "np."))


def name_of(function: Any) -> str | None:
    """How the function is called in NumPy; None for what is internal or reached in another way."""
    if isinstance(function, tuple):  # a call with keywords is a form of the function that has a line of its own
        return None if function[1] == "__call__" else f"np.{function[0].__name__}.{function[1]}"
    if isinstance(function, str):
        return {"__call__": "ufunc(..., where=, dtype=, out=)"}.get(function, f"ufunc.{function}")
    name = getattr(function, "__name__", "")
    for room, prefix in ROOMS:
        if getattr(room, name, None) is function:
            return prefix + name
    return {
        "getitem": "x[index]",
        "setitem": "x[index] = v",
        "sliding_window_view": "np.lib.stride_tricks." + name,
    }.get(name)


def forms(sample: Any) -> str:
    """What the row is tested on, in a few words."""
    parts = sample if isinstance(sample, list) else [sample]
    found = []
    for part in parts:
        if isinstance(part, Elementwise):
            found.append("elementwise: broadcasting, 0-d, empty")
        elif isinstance(part, Reduction):
            found.append("axis: none, each, negative" + (", tuple" if part.tuples else "") + "; keepdims")
    calls = sum(isinstance(part, Call) for part in parts)
    if calls:
        found.append(f"{calls} call form{'s' if calls > 1 else ''}")
    return "; ".join(dict.fromkeys(found))


def table() -> dict[str, str]:
    """Function name -> its line of the page."""
    rows = {}
    for function in [*TABLE, *COMPOSED]:
        name = name_of(function)
        if name is not None:
            kind = "comparison" if function in TABLE and not TABLE[function].differentiable else "differentiable"
            rows[name] = f"| `{name}` | {kind} | {forms(SAMPLES[function])} |"
    return rows


def names_in(room: str) -> str:
    module = import_module(f"autograd_lite.{room}")
    names = set(module.__all__) | (set(dir(module)) & set(getattr(module, "_OF_SCIPY", ())))
    return ", ".join(f"`{name}`" for name in sorted(names))


def page() -> str:
    rows = table()
    plain = sorted(filter(None, map(name_of, PLAIN)))
    return "\n".join(
        [
            "# What can be differentiated",
            "",
            f"{len(rows)} functions of NumPy take Tensors, called as plain `np.…(tensor)`, as operators or as methods.",
            "",
            "Each differentiable row is tested on the forms that its line names: its value against NumPy; first and",
            "second derivative against finite differences, in reverse mode; the first in forward mode; float32 and",
            "float64; non-contiguous memory. Comparisons are recorded, and no gradient passes them.",
            "",
            "| function | kind | tested on |",
            "| --- | --- | --- |",
            *[rows[name] for name in sorted(rows, key=str.lower)],
            "",
            "Given a Tensor, these return plain arrays or values, because their results are indices, truths or texts:",
            ", ".join(f"`{name}`" for name in plain) + ".",
            "",
            "NumPy lets no class intercept `np.array([t, t])`, `np.asarray(t)` and `np.full(shape, t)`: for a Tensor",
            "that requires grad they raise an error that names `np.stack`, `.detach()` and `.numpy()`. Any other",
            "function raises `NotDifferentiableError`.",
            "",
            "Where SciPy is installed there are also, under its names and with rules of our own:",
            "",
            *[f"- `autograd_lite.{room}`: {names_in(room)}" for room in OF_SCIPY],
            "",
            "The page is made from the table of rules by `tests/rules/test_coverage_page.py`.",
            "",
        ]
    )


def test_the_page_shows_the_table_as_it_is():
    shown = {line.split("`")[1]: line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"}
    here = table()
    here.pop("np.trapz", None)  # which left NumPy with 2.4
    # Another NumPy may lack a function that the page has; it must not have one that the page lacks.
    assert {name: line for name, line in shown.items() if name in here} == here, f"run: python {Path(__file__).name}"
    for name in shown.keys() - here.keys():
        assert not hasattr(np, name.split(".")[-1]), f"{name} is on the page and has no row"


def test_the_page_names_what_goes_by_scipys_names():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for room in OF_SCIPY:
        assert f"- `autograd_lite.{room}`: {names_in(room)}" in lines, f"run: python {Path(__file__).name}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
