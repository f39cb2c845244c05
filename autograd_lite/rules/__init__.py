"""The table of derivative rules, one module per family."""
from autograd_lite.rules import cumulative, elementwise, linear_algebra, products, reductions, indexing, shape  # noqa: F401
