"""Initial values by name, drawn from a `numpy.random.Generator` so that a seed fixes a model.

`fan_in` and `fan_out` count the inputs of one output and the outputs of one input: for the weight (in, out) of a
dense layer these are its two lengths, for the filters (out, in, ...) of a convolution the rest multiplies both.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import OperandError

__all__ = ["INITIALIZERS", "generator", "initial"]

Generator = np.random.Generator


def generator(seed: Any) -> Generator:
    """A random generator from a generator (itself), a seed, or None (the operating system's entropy).

    Raises:
        OperandError: a seed that is none.

    >>> generator(0).integers(10) == generator(0).integers(10)
    np.True_
    """
    try:
        return seed if isinstance(seed, Generator) else np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise OperandError(
            f"generator: seed={seed!r:.60}; it must be a numpy.random.Generator, a whole number that is not negative, "
            f"or None"
        ) from error


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    if len(shape) == 2:
        return shape
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _orthogonal(rng: Generator, shape: tuple[int, ...]) -> Any:
    """Q of the QR decomposition of a normal matrix, its signs made unique (Saxe, McClelland and Ganguli, 2014)."""
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))
    return (q if rows >= columns else q.T).reshape(shape)


#: name -> function of a generator, a shape and the scale
INITIALIZERS: dict[str, Any] = {
    "zeros": lambda _, shape, __: np.zeros(shape),
    "ones": lambda _, shape, __: np.ones(shape),
    "normal": lambda rng, shape, scale: scale * rng.standard_normal(shape),
    "uniform": lambda rng, shape, scale: rng.uniform(-scale, scale, shape),
    "he_normal": lambda rng, shape, scale: scale * math.sqrt(2 / _fans(shape)[0]) * rng.standard_normal(shape),
    "he_uniform": lambda rng, shape, scale: rng.uniform(-1, 1, shape) * scale * math.sqrt(6 / _fans(shape)[0]),
    "glorot_normal": lambda rng, shape, scale: scale * math.sqrt(2 / sum(_fans(shape))) * rng.standard_normal(shape),
    "glorot_uniform": lambda rng, shape, scale: rng.uniform(-1, 1, shape) * scale * math.sqrt(6 / sum(_fans(shape))),
    "orthogonal": lambda rng, shape, scale: scale * _orthogonal(rng, shape),
}


def initial(name: Any, shape: Any, rng: Any = None, dtype: Any = float, scale: float = 1.0) -> Any:
    """An array of initial values.

    Args:
        name: a key of `INITIALIZERS`, or a function `(generator, shape)` of your own that returns an array. He
            is from He et al. (2015), "Delving Deep into Rectifiers"; Glorot from Glorot and Bengio (2010).
        shape: of the result, a tuple or a length.
        rng: a `numpy.random.Generator`, a seed, or None.
        dtype: of the result.
        scale: the standard deviation ("normal"), the bound ("uniform"), or a factor (the others); a finite number, not
            negative.

    Raises:
        OperandError: an unknown name, a scale out of its range, a function that returned another shape or complex
            numbers for real ones.

    >>> initial("he_normal", (2, 3), rng=0).shape
    (2, 3)
    >>> initial("zeros", (2,))
    array([0., 0.])
    """
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    try:
        fits = bool(0 <= scale < math.inf)
    except (TypeError, ValueError):  # no number
        fits = False
    if not fits:
        raise OperandError(f"initial: scale={scale!r:.60}; it must be a finite number, not negative")
    if callable(name):
        values = plain_array("initial", name(generator(rng), shape))
        if values.shape != shape:
            raise OperandError(f"initial: {name} returned shape {values.shape} where {shape} is needed")
        if values.dtype.kind == "c" and np.dtype(dtype).kind != "c":
            raise OperandError(f"initial: {name} returned {values.dtype} where {np.dtype(dtype)} is needed; take .real")
    elif isinstance(name, str) and name in INITIALIZERS:
        if 0 in shape:
            raise OperandError(f"initial: {name!r} has no values for the shape {shape}; every length must be positive")
        if name == "orthogonal" and len(shape) < 2:
            raise OperandError(f"initial: 'orthogonal' has no values for the shape {shape}; give at least two axes")
        values = INITIALIZERS[name](generator(rng), shape, scale)
    else:
        raise OperandError(f"initial: {name!r} is not known; use one of {', '.join(INITIALIZERS)}, or a function")
    return values.astype(dtype)
