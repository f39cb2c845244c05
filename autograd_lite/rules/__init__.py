"""The table of derivative rules, one module per family."""

from autograd_lite.rules import (  # noqa: F401
    comparisons,
    complex_parts,
    cumulative,
    diagonals,
    einsum,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    piecewise,
    products,
    reductions,
    shape,
    decompositions,
    eigenvalues,
    fft,
    norms,
    transcendental,
)
