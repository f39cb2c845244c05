"""Rules of np.einsum, in every form that NumPy reads.

The gradient of an operand is another einsum: of the incoming gradient with the other operands, whose result has
the labels of that operand. Two things need a word more. A label that stands nowhere else was summed alone, so the
gradient is the same all along it. A label that stands twice in the operand picks out a diagonal, on which alone
the gradient is not zero: an identity matrix joins the product.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.products import refuse_out
from autograd_lite.rules.table import Input, call, composed, conj, plain, real, rule, spread, sum_to_size

__all__: list[str] = []

# The module `string` has them, and takes longer to import than this.
ascii_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

# From this many multiplications on, looking for a good order and calling BLAS pays.
_LARGE = 20_000


@lru_cache(maxsize=512)
def _labels(subscripts: str, ndims: tuple[int, ...]) -> tuple[list[str], str]:
    """One label per axis of every operand, and those of the result, with letters in the place of ellipses."""
    terms, arrow, out = subscripts.replace(" ", "").partition("->")
    named = [term.replace("...", "") for term in terms.split(",")]
    unused = "".join(letter for letter in ascii_letters if letter not in subscripts)
    hidden = max([ndim - len(names) for ndim, names in zip(ndims, named, strict=True)])
    ellipsis = unused[:hidden]
    operands = [
        term.replace("...", ellipsis[hidden - (ndim - len(names)) :])
        for term, ndim, names in zip(terms.split(","), ndims, named, strict=True)
    ]
    if not arrow:
        once = sorted(letter for letter in set("".join(named)) if "".join(named).count(letter) == 1)
        out = "..." + "".join(once)
    return operands, out.replace("...", ellipsis)


def _gradient(g: Any, position: int, shapes: list[tuple[int, ...]], others: list[Any], subscripts: str) -> Any:
    """The gradient of the operand at `position`, which is not read itself; `others` are all the others."""
    terms, out = _labels(subscripts, tuple(map(len, shapes)))
    if g.dtype.kind == "c":
        others = [conj(x) for x in others]
    else:  # what is complex all the same was made real by dtype=
        others = [x.real if getattr(x, "dtype", g.dtype).kind == "c" else x for x in others]
    given = [out] + [term for i, term in enumerate(terms) if i != position]
    shape = shapes[position]

    own = ""
    unused = (letter for letter in ascii_letters if letter not in "".join(terms))
    for label, size in zip(terms[position], shape, strict=True):
        if label in own:
            again = next(unused)
            others.append(np.eye(size, dtype=g.dtype))
            given.append(label + again)
            label = again
        own += label

    known = "".join(given)
    r = _contracted(",".join(given) + "->" + "".join([x for x in own if x in known]), g, *others)
    lengths = iter(r.shape)
    # A length of 1 against another is broadcasting: here of this operand's axis, there (max) of another's.
    wide = [next(lengths) if label in known else 1 for label in own]
    full = tuple([n if w == 1 else w for n, w in zip(shape, wide, strict=True)])
    return sum_to_size(r if r.shape == full else spread(r.reshape(wide), full), shape)


def _contracted(subscripts: str, *operands: Any) -> Any:
    sizes: dict[str, int] = {}
    for term, x in zip(subscripts.partition("->")[0].split(","), operands, strict=True):
        if term:
            sizes.update(zip(term, x.shape, strict=True))
    large = len(operands) > 1 and math.prod(sizes.values()) > _LARGE
    return np.einsum(subscripts, *operands, optimize=large)


def _einsum(*operands: Any, subscripts: str, **how: Any) -> Any:
    return np.einsum(subscripts, *operands, **how)


def _einsum_rule(g: Any, y: Any, position: int, *operands: Any, subscripts: str, **how: Any) -> Any:
    shapes = [getattr(x, "shape", ()) for x in operands]
    others = [x for i, x in enumerate(operands) if i != position]
    return _gradient(g, position, shapes, others, subscripts)


_several: Primitive = rule(
    _einsum,
    _einsum_rule,
    name="einsum",
    variadic=True,
    sample=[
        call(real(2, 3), real(3, 4), subscripts="ij,jk->ik"),
        call(real(2, 3), real(3), real(2), subscripts="ij,j,i->"),
    ],
)


def _einsum_one(x: Any, subscripts: str, **how: Any) -> Any:
    return np.einsum(subscripts, x, **how)


# An operand alone is a row of its own, because then the rule needs the shape of the operand and not its values.
_alone: Primitive = rule(
    _einsum_one,
    lambda g, y, x, subscripts="", **how: _gradient(g, 0, [x.shape], [], subscripts),
    name="einsum",
    sample=[call(real(3, 3), subscripts="ii->i"), call(real(2, 3), subscripts="ij->j")],
    view=True,  # if nothing is added up: np.einsum("ii->i", a)[:] = 0 changes the array `a`
)


def _as_string(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Subscripts and operands, whichever of NumPy's two forms they were given in."""
    if isinstance(args[0], str):
        return args[0], args[1:]
    letters = sorted(ascii_letters)

    def term(labels: Any) -> str:
        try:
            return "".join(["..." if label is Ellipsis else letters[label] for label in labels])
        except (TypeError, IndexError) as error:
            raise OperandError(
                f"einsum: {labels!r} is no list of labels; labels are whole numbers below 52 and Ellipsis"
            ) from error

    pairs = len(args) // 2
    subscripts = ",".join([term(args[2 * i + 1]) for i in range(pairs)])
    if len(args) % 2:
        subscripts += "->" + term(args[-1])
    return subscripts, args[0 : 2 * pairs : 2]


@composed(
    np.einsum,
    sample=[
        call("ij,jk->ik", real(2, 3), real(3, 4)),
        call("ij,jk", real(2, 3), real(3, 4)),
        call("ba", real(2, 3)),
        call("ii", real(3, 3)),
        call("ii->i", real(3, 3)),
        call("iij->ji", real(3, 3, 2)),
        call("iii->i", real(2, 2, 2)),
        call("iji,jk->k", real(2, 3, 2), real(3, 2)),
        call("ii,ii->i", real(3, 3), real(3, 3)),
        call("ij->", real(2, 3)),
        call("ij->j", real(2, 3)),
        call("ij,kl->il", real(2, 3), real(2, 4)),
        call("i,j->ij", real(2), real(3)),
        call("i,i", real(3), real(3)),
        call(",ij->ji", real(), real(2, 3)),
        call("...ij,...jk->...ik", real(4, 2, 3), real(3, 2)),
        call("...ij,...jk->...ik", real(2, 1, 2, 3), real(4, 3, 2)),
        call("...i->...", real(2, 4, 3)),
        call("i...->...i", real(2, 4, 3)),
        call("...ii->...", real(2, 3, 3)),
        call("...,...", real(2, 3), real(3)),
        call("ij...,jk...->ik...", real(2, 3, 4), real(3, 2, 4)),
        call("ij,jk->ik", real(2, 3), real(1, 4)),
        call("ij,jk->ik", real(2, 1), real(3, 1)),
        call("ij,ij->ij", real(2, 1), real(2, 3)),
        call("ij,ij->j", real(1, 3), real(2, 3)),
        call(" i j , j k -> i k ", real(2, 3), real(3, 2)),
        call("bij,bjk,kl->bil", real(2, 2, 3), real(2, 3, 2), real(2, 4), optimize=True),
        call("ij,jk,kl->il", real(2, 3), real(3, 2), real(2, 2), optimize="optimal"),
        call("ij,jk,kl->il", real(2, 3), real(3, 2), real(2, 2), optimize=["einsum_path", (0, 1), (0, 1)]),
        call(real(2, 3), [0, 1], real(3, 4), [1, 2], [0, 2]),
        call(real(2, 3), [1, 0], real(3), [0]),
        call(real(4, 2, 3), [Ellipsis, 0, 1], real(3), [1], [0, Ellipsis]),
        call("ij,jk->ik", real(0, 3), real(3, 2)),
        call("ij,jk->ik", real(2, 0), real(0, 2)),
        call("ij,jk->ik", Input((2, 3), "complex"), Input((3, 2), "complex")),
        call("ii,i->i", Input((3, 3), "complex"), real(3)),
        call("ij,j->i", real(2, 3), real(3), dtype="f8", casting="unsafe", order="F"),
    ],
)
def _composed_einsum(
    *operands: Any,
    out: Any = None,
    dtype: Any = None,
    order: Any = "K",
    casting: Any = "safe",
    optimize: Any = False,
) -> Any:
    refuse_out("einsum", out)
    given = {"dtype": dtype, "order": order, "casting": casting, "optimize": optimize}
    usual = {"dtype": None, "order": "K", "casting": "safe", "optimize": False}
    how = {key: value for key, value in given.items() if value != usual[key]}
    subscripts, arrays = _as_string(operands)
    return (_alone if len(arrays) == 1 else _several)(*arrays, subscripts=subscripts, **how)


plain(np.einsum_path)
