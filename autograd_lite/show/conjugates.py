"""Complex conjugates as a person would write them: of what is left when the sign has gone as deep as it gets simpler.

The rule of a holomorphic function is run between two conjugates, so that it makes conj(conj(g) * f'(x)) of a gradient.
"""

from __future__ import annotations

from collections.abc import Container

from autograd_lite.show.expression import ONE, Expression, call, divide, multiply, negative, number

__all__ = ["conjugated"]

#: what is linear in each of its parts, so that the conjugate of the whole is that of the parts
_LINEAR = frozenset(["sum", "matmul", "transpose", "spread", "index"])
_LINEAR_CALLS = frozenset([
    "astype", "concatenate", "cross", "cumsum", "dot", "einsum", "flip", "inner", "kron", "matvec", "mean", "moveaxis",
    "outer", "reshape", "roll", "scatter", "squeeze", "stack", "sum", "swapaxes", "tensordot", "trace", "transpose",
])  # fmt: skip
_REAL_CALLS = frozenset(["real", "imag", "absolute", "angle"])


def conjugated(a: Expression, real: Container[Expression]) -> Expression:
    """The conjugate of `a`; `real` are expressions that are known to be real.

    >>> from autograd_lite.show.expression import named
    >>> g, z = named("g", ()), named("z", ())
    >>> conjugated(multiply(conjugated(g, ()), z), ()) == multiply(g, conjugated(z, ()))
    True
    """
    return _simpler(a, real) or call("conj", "conjugate", "", (a,), a.shape)


def _simpler(a: Expression, real: Container[Expression]) -> Expression | None:
    """The conjugate of `a`, if it is more than `a` inside conj(...)."""
    if _is_real(a, real):
        return a
    if a.kind == "call" and a.value[1] == "conjugate":
        return a.parts[0]
    if a.kind == "number":
        return number(a.value.conjugate()) if a.value.real else negative(a)
    if a.kind == "sum" and len(a.parts) == 1:
        inner = _simpler(a.parts[0], real)
        return inner and negative(inner)
    if a.kind == "product":
        return _of_product(a, real)
    if _is_linear(a):
        found = [_simpler(part, real) for part in a.parts]
        if any(inner is not None and not _is_real(part, real) for part, inner in zip(a.parts, found, strict=True)):
            parts = tuple([inner or conjugated(part, real) for part, inner in zip(a.parts, found, strict=True)])
            return Expression(a.kind, parts, a.value, a.shape)
    return None


def _of_product(a: Expression, real: Container[Expression]) -> Expression | None:
    """The factors that get simpler each for itself, the rest inside one conj(...)."""
    over, under, count = a.value
    made, above, below = number(over), ONE, ONE
    for position, factor in enumerate(a.parts):
        inner = _simpler(factor, real)
        if inner is not None:
            made = (multiply if position < count else divide)(made, inner)
        elif position < count:
            above = multiply(above, factor)
        else:
            below = multiply(below, factor)
    if divide(above, below) == a:
        return None
    if above == ONE:
        made = divide(made, conjugated(below, real))
    else:
        made = multiply(made, conjugated(divide(above, below), real))
    return divide(made, number(under)) if under != 1 else made


def _is_real(a: Expression, real: Container[Expression]) -> bool:
    if a.kind == "number":
        return not isinstance(a.value, complex)
    if a in real or a.kind in ("constant", "magnitude", "norm"):
        return True
    if a.kind == "call" and a.value[1] in _REAL_CALLS:
        return True
    return (a.kind in ("product", "infix") or _is_linear(a)) and all(_is_real(part, real) for part in a.parts)


def _is_linear(a: Expression) -> bool:
    return a.kind in _LINEAR or (a.kind == "call" and a.value[1] in _LINEAR_CALLS)
