"""Counts in bins: linear in the weights, piecewise constant in the data.

The edges that NumPy takes from the smallest and the largest element move with those.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.reductions import unmoved
from autograd_lite.rules.statistics import operand
from autograd_lite.rules.table import Input, call, composed, numbers_of, real, rule

_PLACES = np.array([1, 0, 1, 3])


def _tallied(x: Any, places: Any, length: int) -> Any:
    if x.dtype.kind == "c":
        return np.bincount(places, x.real, length) + 1j * np.bincount(places, x.imag, length)
    return np.bincount(places, x, length)


#: the sums of those elements of a vector that have the same place
tallied: Primitive = rule(
    _tallied,
    lambda g, y, x, places=None, length=0: g[places],
    name="tallied",
    sample=[call(real(4), places=_PLACES, length=4), call(real(4), places=_PLACES, length=6)],
)


@composed(
    np.bincount,
    sample=[call(_PLACES, real(4)), call(_PLACES, weights=real(4), minlength=6)],
)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number occurs, or the sum of its `weights`."""
    places = plain_array("bincount", numbers_of(x))
    if weights is None:
        return np.bincount(places, None, minlength)
    length = len(np.bincount(places, None, minlength))
    weights = operand(weights)
    if weights.shape != np.shape(places):
        raise OperandError(
            f"bincount: weights of shape {weights.shape} do not fit numbers of shape {np.shape(places)}; "
            f"give one for each"
        )
    return tallied(weights, places=places, length=length)


def _edges(a: Any, bins: Any, limits: Any, edges: Any) -> Any:
    """The edges that NumPy found, as Tensors where they depend on one."""
    if hasattr(bins, "_node") and np.ndim(bins):
        return bins
    if hasattr(a, "_node") and a.dtype.kind == "c":
        raise OperandError(
            f"histogram: data of shape {a.shape} and dtype {a.dtype} has no order; take .real or abs of it"
        )
    if np.ndim(bins) or limits is not None or not hasattr(a, "_node") or a.dtype.kind != "f" or not a.size:
        return edges
    share = np.linspace(0.0, 1.0, len(edges)).astype(edges.dtype)
    moving = np.min(a) * (1 - share) + np.max(a) * share
    return moving + (edges - numbers_of(moving))


@composed(
    np.histogram_bin_edges,
    sample=[
        call(Input((5,), "distinct")),
        call(Input((2, 3), "distinct"), bins=3),
        call(Input((9,), "distinct"), "sturges"),
        call(Input((5,), "distinct"), 3, (-9.0, 9.0)),
    ],
)
def _bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins alone, which move with the smallest and the largest element."""
    plain_edges = np.histogram_bin_edges(numbers_of(a), numbers_of(bins), range, numbers_of(weights))
    return _edges(operand(a), bins, range, plain_edges)


def _places(numbers: Any, edges: Any) -> tuple[Any, Any]:
    """Which numbers lie within the edges, and the bin of each; the last bin includes its right edge."""
    places = np.searchsorted(edges, numbers, side="right") - 1
    places[numbers == edges[-1]] = len(edges) - 2
    return (numbers >= edges[0]) & (numbers <= edges[-1]), places


@composed(
    np.histogram,
    sample=[
        call([0.1, 0.5, 0.9, 0.2], weights=real(4)),
        call([0.1, 0.5, 0.9, 0.2], bins=[0.0, 0.3, 1.0], weights=real(4)),
    ],
)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts, or sums of `weights`, and the edges of the bins."""
    numbers = np.ravel(numbers_of(a))
    counts, plain_edges = np.histogram(numbers, numbers_of(bins), range, None, _flat(numbers_of(weights)))
    edges = _edges(operand(a), bins, range, plain_edges)
    y: Any = counts
    if weights is not None:
        inside, places = _places(numbers, plain_edges)
        y = tallied(_flat(weights)[inside], places=places[inside], length=len(counts))
        y = y if y.dtype == counts.dtype else y.astype(counts.dtype)
    if density:
        y = y / np.diff(edges).astype(float) / np.sum(y)
    return _fixed(y, [a]), edges


def _flat(weights: Any) -> Any:
    return None if weights is None else operand(weights).reshape((-1,))


def _fixed(y: Any, data: Any) -> Any:
    """Counts, which do not change when the data moves a little."""
    for a in data:
        if hasattr(a, "_node") and y.dtype.kind in "fc":
            y = unmoved(y, a)
    return y


@composed(
    np.histogramdd,
    sample=[call(np.array([[0.1, 0.2], [0.7, 0.9], [0.5, 0.1], [0.3, 0.3]]), bins=(2, 3), weights=real(4))],
)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts, or sums of `weights`, in boxes, and the edges along each dimension."""
    if hasattr(sample, "shape"):
        columns = [sample[:, one] for one in np.arange(sample.shape[1])]
    else:
        columns = [operand(column) for column in sample]
    numbers = np.stack([numbers_of(column) for column in columns], axis=-1)
    each = list(bins) if _several(bins) else [bins] * len(columns)
    limits = [None] * len(columns) if range is None else list(range)
    counts, found = np.histogramdd(numbers, [numbers_of(one) for one in each], range, None, _flat(numbers_of(weights)))
    edges = [_edges(*of) for of in zip(columns, each, limits, found, strict=True)]
    y: Any = counts
    if weights is not None:
        boxes = [_places(one, along) for one, along in zip(numbers.T, found, strict=True)]
        inside = np.logical_and.reduce([within for within, _ in boxes])
        places = np.ravel_multi_index(tuple([place[inside] for _, place in boxes]), counts.shape)
        y = tallied(_flat(weights)[inside], places=places, length=counts.size).reshape(counts.shape)
        y = y if y.dtype == counts.dtype else y.astype(counts.dtype)
    if density:
        total = np.sum(y)
        for one, along in enumerate(edges):
            y = y / np.diff(along).reshape([-1 if other == one else 1 for other in np.arange(y.ndim)])
        y = y / total
    return _fixed(y, columns), edges


def _several(bins: Any) -> bool:
    """Whether `bins` has members; np.ndim would make an array of them."""
    return isinstance(bins, (list, tuple)) or bool(np.ndim(bins))


@composed(np.histogram2d, sample=[call([0.1, 0.7, 0.5], [0.2, 0.9, 0.1], bins=3, weights=real(3))])
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts, or sums of `weights`, in rectangles, and the edges along both dimensions."""
    if len(x) != len(y):
        raise OperandError(f"histogram2d: {len(x)} and {len(y)} coordinates do not pair up; give as many of each")
    if _several(bins) and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]
