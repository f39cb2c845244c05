"""Rows of functions whose result is boolean or integer: masks and bits, through which no gradient flows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.rules.table import call, composed, elementwise, plain, real, rule

_function: Any
for _function, _prints in (
    (np.greater, "{} > {}"),
    (np.greater_equal, "{} >= {}"),
    (np.less, "{} < {}"),
    (np.less_equal, "{} <= {}"),
    (np.equal, "{} == {}"),
    (np.not_equal, "{} != {}"),
    (np.logical_and, "{} and {}"),
    (np.logical_or, "{} or {}"),
    (np.logical_xor, "{} xor {}"),
):
    rule(_function, None, None, prints=_prints, sample=elementwise("real", "real"))

for _function, _prints in (
    (np.bitwise_and, "{} & {}"),
    (np.bitwise_or, "{} | {}"),
    (np.bitwise_xor, "{} ^ {}"),
    (np.left_shift, "{} << {}"),
    (np.right_shift, "{} >> {}"),
    (np.gcd, "gcd({}, {})"),
    (np.lcm, "lcm({}, {})"),
):
    rule(_function, None, None, prints=_prints, sample=[call(np.array([6, 4, 3]), np.array([2, 3, 1]))])

rule(np.logical_not, None, prints="not {}", sample=elementwise("real"))
for _function in (np.isfinite, np.isinf, np.isnan, np.signbit):
    rule(_function, None, prints=_function.__name__ + "({})", sample=elementwise("real"))
for _function in (np.isreal, np.iscomplex):
    rule(_function, None, prints=_function.__name__ + "({})", sample=elementwise("complex"))
for _function in (np.invert, np.bitwise_count):
    rule(_function, None, prints=_function.__name__ + "({})", sample=[call(np.array([1, 6, 12]))])


@composed(np.isposinf, sample=[call(real(3))])
def _isposinf(x: Any, out: Any = None) -> Any:
    return np.equal(x, math.inf, out=out)


@composed(np.isneginf, sample=[call(real(3))])
def _isneginf(x: Any, out: Any = None) -> Any:
    return np.equal(x, -math.inf, out=out)


plain(np.isclose, np.allclose, np.array_equal, np.array_equiv, np.isnat)
