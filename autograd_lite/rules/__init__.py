"""The table of derivative rules, one module per family.

Not all are imported here, since that takes longer than the rest of the package: those in `LATER` are when one of their
functions is first called, those of the SciPy rooms by the rooms.
"""

from importlib import import_module

from autograd_lite.rules import (  # noqa: F401
    assignment,
    comparisons,
    complex_parts,
    contractions,
    cumulative,
    elementwise,
    indexing,
    joining,
    logistic,
    piecewise,
    products,
    reductions,
    selection,
    shape,
    softmax,
    statistics,
    table,
    transcendental,
    ufunc_forms,
    ufunc_methods,
)

#: families that are imported when a function that the others do not know is first called on a Tensor
LATER = [
    "construct",
    "convolutions",
    "decompositions",
    "diagonals",
    "differences",
    "eigenvalues",
    "einsum",
    "fft",
    "histograms",
    "linear_algebra",
    "nan_reductions",
    "norms",
    "padding",
    "polynomials",
    "quantiles",
    "sorting",
    "windows",
]


def import_later() -> None:
    """Import the families that are not yet: their rows join the table, all or none."""
    with table.all_or_none():
        for family in tuple(LATER):
            import_module(f"autograd_lite.rules.{family}")
    LATER.clear()  # by now, and not before: another thread may have come here too
