"""The table of derivative rules, one module per family.

Not all are imported here: those in `LATER` are by the first call of a function of np.linalg or np.fft, those of the
SciPy rooms by the rooms.
"""

from autograd_lite.rules import (  # noqa: F401
    assignment,
    comparisons,
    complex_parts,
    construct,
    contractions,
    convolutions,
    cumulative,
    diagonals,
    differences,
    einsum,
    elementwise,
    histograms,
    indexing,
    joining,
    logistic,
    nan_reductions,
    padding,
    piecewise,
    polynomials,
    products,
    quantiles,
    reductions,
    selection,
    shape,
    softmax,
    sorting,
    statistics,
    transcendental,
    ufunc_forms,
    ufunc_methods,
    windows,
)

#: module of NumPy -> families that are imported when one of its functions is first called on a Tensor
LATER = {
    "numpy.fft": ("fft",),
    "numpy.linalg": ("linear_algebra", "decompositions", "eigenvalues", "norms"),
}
