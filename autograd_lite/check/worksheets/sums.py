"""Typed single edits of sums: a term that is missing, or one too many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .bench import Edit
from .build import times
from .edits import Place, at
from .mark import numeric
from .pool import terms, total
from .program import (
    Binary,
    Call,
    Constant,
    Name,
    Node,
    names,
    walk,
)


def missing_terms(place: Place, extra: list[Node]) -> Iterator[Edit]:
    """A term of a sum left out or too many."""
    candidates = [*extra, *_inner_products(place)]
    for path, node in place.nodes():
        parent = at(place.root, path[:-1]) if path else None
        if (isinstance(parent, Binary) and parent.op in "+-") or place.ndim(node) < 0 or isinstance(node, Constant):
            continue
        inside = bool(path) and isinstance(parent, Binary | Call)
        if inside and not isinstance(node, Name) and not (isinstance(node, Binary) and node.op in "+-"):
            # Inside a product a term can only be missing from a factor: a bracket or a single name.
            continue
        for term in candidates:
            for op in "+-":
                tag = "not_accumulated" if any(term is known for known in extra) else _term_tag(place, term)
                yield place.edit(path, Binary(op, node, term), tag, 1.45 + 0.1 * bool(path))
    for path, node in place.sums():
        parts = terms(node)
        for k in range(len(parts)):
            rest = total([*parts[:k], *parts[k + 1 :]])
            yield place.edit(path, rest, "wrong_local_derivative", 1.35)


def _term_tag(place: Place, term: Node) -> str:
    """Name a missing mean or inner product by what the forward part does with the variable."""
    functions = {
        node.function
        for statement in place.bench.sheet.forward
        for _, node in walk(statement.value)
        if isinstance(node, Call)
    }
    if functions & {"exp", "softmax"} and not functions & {"sqrt", "std", "var"}:
        return "softmax_offdiagonal_missing"
    mean = isinstance(term, Call) and isinstance(term.args[0], Name)
    return "norm_mean_term_missing" if mean else "norm_var_term_missing"


def _inner_products(place: Place) -> Iterator[Node]:
    """Yield means, sums and inner products of what the line reads: the terms that normalisations subtract."""
    bench = place.bench
    shape = np.shape(bench.truth())
    env = bench.env(place.position)
    near = [n for n in env if numeric(env[n]) and np.shape(env[n]) == shape and not isinstance(env[n], int)]
    read = names(place.root) | {n for k in bench.group.relevant for n in names(bench.sheet.gradient[k].value)}
    upstream = [n for n in near if n.startswith("d") and n[1:] in bench.sheet.variables and n in read]
    values = [n for n in near if n not in upstream and not n.startswith("d")]
    for d in upstream:
        for axis in range(len(shape)):
            for function in ("mean", "sum"):
                for kept in (True,) if axis or len(shape) == 1 else (True, False):
                    keywords = (("axis", Constant(axis)), *((("keepdims", Constant(True)),) if kept else ()))
                    yield Call(function, (Name(d),), keywords)
                    for v in values:
                        inner = Call(function, (times(Name(d), Name(v)),), keywords)
                        yield inner
                        yield times(Name(v), inner)
    rows = [n for n in env if n.startswith("d") and n[1:] in bench.sheet.variables and n in env]
    for d in rows:
        if numeric(env[d]) and np.shape(env[d]) != shape:
            for v in values:
                yield times(Name(v), Name(d))
