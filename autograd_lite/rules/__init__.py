"""The table of derivative rules, one module per family."""
from autograd_lite.rules import comparisons, complex_parts, cumulative, einsum, elementwise, indexing, linear_algebra, piecewise, products, reductions, shape, transcendental  # noqa: F401
