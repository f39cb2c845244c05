"""What is recorded: nodes, the primitives they apply, and the one order in which they are read.

A `Node` is one operation that has been carried out. It knows its primitive, its input nodes, the arrays that
the derivative rules will read (and no others), and the `Spec` of its result. Structure outlives the arrays:
after `backward` the saved arrays are gone, and the graph can still be drawn.
"""

from __future__ import annotations

import dis
import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "Leaf",
    "Node",
    "Passive",
    "Primitive",
    "Spec",
    "gradient_of",
    "spec_of",
    "topological",
]

Rule = Callable[..., Any]


class Spec:
    """Shape and dtype of an array, without its values.

    Specs are interned by `spec_of`: two arrays of the same shape and dtype share one, so that `is` is enough
    to see that a gradient needs neither un-broadcasting nor a cast.
    """

    __slots__ = ("dtype", "is_complex", "ndim", "shape", "size")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)
        self.size = math.prod(shape)
        self.is_complex = dtype.kind == "c"

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def __reduce__(self) -> Any:
        return _intern, (self.shape, self.dtype)


_specs: dict[tuple[tuple[int, ...], np.dtype[Any]], Spec] = {}


def _intern(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Spec:
    if len(_specs) > 10_000:  # a Spec that is forgotten only costs its holders the slower comparison
        _specs.clear()
    return _specs.setdefault((shape, dtype), Spec(shape, dtype))


def spec_of(array: Any) -> Spec:
    """The interned `Spec` of an array."""
    return _specs.get((array.shape, array.dtype)) or _intern(array.shape, array.dtype)


class Node:
    """One recorded operation through which a gradient flows.

    Attributes:
        op: the `Primitive` that was applied.
        inputs: one entry per array input: a node, or the plain number that stood there.
        saved: what the rules read, in the order of their arguments `(y, *inputs)`; an input whose shape is
            enough is represented by its `Spec`, one that no rule reads by None. None altogether once freed.
        spec: shape and dtype of the result.
        details: what few nodes have, or None: "kwargs", "name", "hooks", "grad" (retained), "line".

    An operation of one or two inputs has them in the slots `a` and `b`, and what is saved of the result and of them in
    `y`, `x` and `z`: a tuple of each weighs as much as the node, and the garbage collector walks through it. Any other
    has the tuples, in `a` and `y`.
    """

    __slots__ = ("a", "b", "details", "op", "spec", "x", "y", "z")

    op: Primitive
    spec: Spec
    details: dict[str, Any] | None
    a: Any
    b: Any
    y: Any
    x: Any
    z: Any
    requires_grad = True

    @property
    def inputs(self) -> tuple[Any, ...]:  # noqa: D102  # as the next one, an attribute told of above
        arity = self.op.arity
        return (self.a, self.b) if arity == 2 else (self.a,) if arity == 1 else self.a

    @property
    def saved(self) -> tuple[Any, ...] | None:  # noqa: D102
        return None if self.y is FREED else self.contents()[1]

    def contents(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Inputs and what is saved, which must not have been freed; in loops faster than to ask for one by one."""
        arity = self.op.arity
        if arity == 2:
            return (self.a, self.b), (self.y, self.x, self.z)
        return ((self.a,), (self.y, self.x)) if arity == 1 else (self.a, self.y)

    def free(self) -> None:
        """Let go of what is saved."""
        self.y = FREED
        self.x = self.z = None

    @property
    def kwargs(self) -> dict[str, Any]:
        """The static arguments of the call: axis, keepdims, an index."""
        return (self.details or {}).get("kwargs") or {}

    @property
    def name(self) -> str | None:
        """What the user calls the result, if anything."""
        return (self.details or {}).get("name")

    def note(self, key: str, value: Any) -> None:
        """Attach one of the rare details to this node."""
        if self.details is None:
            self.details = {}
        self.details[key] = value

    def __repr__(self) -> str:
        name = f"{self.name}: " if self.name else ""
        return f"<{type(self).__name__} {name}{'leaf' if isinstance(self, Leaf) else self.op.name} {self.spec!r}>"


#: what stands in the place of saved values that are no longer there, or never were
FREED: Any = object()


class Passive(Node):
    """A recorded operation through which no gradient flows: a comparison, and what is made of it."""

    __slots__ = ()
    requires_grad = False


class Leaf(Node):
    """Where a graph begins: a parameter or data. It holds the current array and the accumulated gradient."""

    __slots__ = ("grad", "requires_grad", "value")

    inputs = ()
    saved = None

    def __init__(self, value: Any, spec: Spec, requires_grad: bool = False) -> None:
        self.op = None  # type: ignore[assignment]  # the one kind of node that nothing made
        self.spec = spec
        self.details = None
        self.value = value
        self.requires_grad = requires_grad
        self.grad: Any = None


def make_node(
    kind: type[Node],
    op: Primitive,
    inputs: tuple[Any, ...],
    saved: tuple[Any, ...] | None,
    spec: Spec,
    details: dict[str, Any] | None = None,
) -> Node:
    """A node of one of the kinds above. It is no `__init__`, without which the inner loop makes nodes faster."""
    node = kind()
    node.op = op
    node.spec = spec
    node.details = details
    if op.arity:
        node.a = inputs[0]
        node.b = inputs[-1]
        node.y, node.x, node.z = (FREED, None, None) if saved is None else (saved[0], saved[1], saved[-1])
    else:
        node.a = inputs
        node.y = FREED if saved is None else saved
    return node


# What a rule needs to know of one of its arguments.
NOTHING, SPEC, VALUE = range(3)
_SPEC_FIELDS = frozenset(Spec.__slots__)


def _reads(rule: Rule) -> dict[str, int]:
    """How `rule` uses each of its parameters, read off its bytecode: not, only its shape or dtype, or its values.

    In doubt the answer is VALUE, which costs memory and never a wrong result.
    """
    code = rule.__code__
    reads = dict.fromkeys(code.co_varnames[: code.co_argcount], NOTHING)
    reads.update(dict.fromkeys(set(code.co_cellvars) & reads.keys(), VALUE))
    steps = list(dis.get_instructions(code))
    for step, following in itertools.pairwise(steps):
        if "LOAD_FAST" not in step.opname:
            continue
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        for name in names:
            if name in reads:
                of_spec = following.opname == "LOAD_ATTR" and following.argval in _SPEC_FIELDS and name == names[-1]
                reads[name] = max(reads[name], SPEC if of_spec else VALUE)
    return reads


class _EveryPosition:
    """The rules of a variadic primitive: the one rule it has, told the position of its input."""

    def __init__(self, rule: Rule | None) -> None:
        self.rule = rule

    def __getitem__(self, position: int) -> Rule | None:
        rule = self.rule
        if rule is None:
            return None
        return lambda g, y, *inputs, **static: rule(g, y, position, *inputs, **static)


class Primitive:
    """One row of the table: a NumPy function, one derivative rule per array input, how it prints, a sample.

    Args:
        fn: what computes the value from plain arrays.
        rules: per array input a function `(g, y, *inputs, **static)` that turns the gradient `g` of the output
            `y` into that input's gradient (before un-broadcasting); None where nothing flows.
        name: what drawings and errors call it.
        prints: a format of the printed inputs, `"{} + {}"`.
        variadic: any number of inputs; then there is one rule `(g, y, position, *inputs, **static)`.
        reads: what a variadic rule reads of every input: NOTHING, SPEC or VALUE.
        view: whether NumPy gives a view of its input.
        holomorphic: whether it has a complex derivative, of which the rules speak as they do of the real one; the
            gradient by a complex input takes its conjugate, which `rule_for` sees to.
        add: `(total, g, **static)` adds the gradient of the one input to an array of its shape in place, and returns
            whether it could; for a rule whose gradient, a new array each time, is zero but for a part.

    Its `keeps` tells per rule what the rule reads of `(y, *inputs)`: NOTHING, SPEC or VALUE.
    """

    __slots__ = (
        "_wanted",
        "add",
        "arity",
        "fn",
        "holomorphic",
        "keeps",
        "name",
        "prints",
        "rules",
        "static",
        "variadic",
        "view",
        "width",
    )

    keeps: tuple[tuple[int, ...], ...]

    def __init__(
        self,
        fn: Callable[..., Any],
        rules: tuple[Rule | None, ...],
        *,
        name: str,
        prints: str = "",
        variadic: bool = False,
        reads: int = VALUE,
        view: bool = False,
        holomorphic: bool = False,
        add: Callable[..., bool] | None = None,
    ) -> None:
        self.fn = fn
        self.add = add
        self.rules: Any = _EveryPosition(rules[0]) if variadic else rules
        self.name = name
        self.prints = prints
        self.variadic = variadic
        self.view = view
        self.holomorphic = holomorphic
        #: how many inputs it has, if that is one or two; otherwise, or if that varies, 0
        self.arity = 0 if variadic or len(rules) > 2 else len(rules)
        #: the same, if a gradient flows to each of them
        self.width = 0 if None in rules else self.arity
        self._wanted: dict[int, tuple[int, ...] | None] = {}
        if variadic:
            self.keeps = ((_reads(rules[0])["y"], reads),)  # type: ignore[arg-type]
        first = next((rule for rule in rules if rule is not None), None)
        arrays = 3 if variadic else 2 + len(rules)
        #: names of the arguments behind the arrays, so that positional ones can be recorded by name
        self.static = first.__code__.co_varnames[arrays : first.__code__.co_argcount] if first else ()

    @property
    def differentiable(self) -> bool:
        """Whether a gradient flows to any input."""
        return self.variadic or any(rule is not None for rule in self.rules)

    def __getattr__(self, name: str) -> Any:
        # Only `keeps` is ever missing, until it is asked for: reading bytecode at import would cost milliseconds.
        if name != "keeps":
            raise AttributeError(name)
        width = 1 + len(self.rules)
        self.keeps = tuple(
            (NOTHING,) * width if rule is None else tuple(_reads(rule).values())[1 : 1 + width] for rule in self.rules
        )
        return self.keeps

    def wanted(self, flowing: int, width: int) -> Sequence[int] | None:
        """What is read of `(y, *inputs)`, `width` in all, when a gradient flows to the inputs whose bits are set."""
        if self.variadic:
            return [self.keeps[0][0]] + [self.keeps[0][1]] * (width - 1)
        if flowing not in self._wanted:
            read = [
                keeps
                for i, (rule, keeps) in enumerate(zip(self.rules, self.keeps, strict=True))
                if rule is not None and flowing >> i & 1
            ]
            self._wanted[flowing] = tuple(max(column) for column in zip(*read, strict=True)) if read else None
        return self._wanted[flowing]

    def rule_for(self, position: int, spec: Spec) -> Rule | None:
        """The rule of one input, for a result of that dtype."""
        rule: Rule | None = self.rules[position]
        if rule is None or not (self.holomorphic and spec.is_complex):
            return rule
        return lambda g, *saved, **static: np.conjugate(rule(np.conjugate(g), *saved, **static))

    def keep_all(self) -> None:
        """Save every input and the output for the rules, whatever their bytecode says."""
        width = 1 + len(self.rules)
        self.keeps = ((VALUE,) * width,) * (width - 1)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply it: to arrays at NumPy's speed, to Tensors recording. Static arguments of a variadic one go by name."""
        for arg in args:
            if hasattr(arg, "_node"):
                return arg._apply(self, args, kwargs)
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Primitive {self.name}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"{self.name}: a recorded graph cannot be pickled; detach() the Tensor first")


def gradient_of(node: Node | None, *, asked: bool = False) -> Any:
    """The gradient that was left with a node, if any; if the user `asked`, with a warning where none ever will be."""
    if node is None or isinstance(node, Leaf):
        return node.grad if node is not None else None
    details = node.details or {}
    if asked and node.requires_grad and "retain" not in details and "grad" not in details:
        warnings.warn(
            f"grad of {describe(node)}, a result: backward leaves gradients in leaves only; call .retain_grad() on it "
            f"before backward, or look at the leaf that it was made from",
            stacklevel=3,
        )
    return details.get("grad")


def describe(node: Node) -> str:
    """A node as errors name it: operation, shape, name, and the line that made it where that was noted."""
    what = "a leaf" if isinstance(node, Leaf) else f"{node.op.name!r}"
    name = f" ({node.name})" if node.name else ""
    line = (node.details or {}).get("line")
    return f"{what} of shape {node.spec.shape}{name}" + (f" at {line}" if line else "")


def topological(roots: Iterable[Any], *, everything: bool = False) -> list[Any]:
    """The nodes that `roots` depend on, inputs before users, without recursion.

    By default only the operations through which a gradient flows; with `everything` also leaves and passive
    nodes, which is what a drawing shows. The order is deterministic: first inputs first.
    """
    follow = (Node, Leaf, Passive) if everything else (Node,)
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[Any] = list(roots)[::-1]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below depends on is in order
            order.append(stack.pop())
            continue
        while node not in seen:  # down the first inputs; the others wait
            seen.add(node)
            stack += (node, None)
            op = node.op
            if op is None:  # a leaf
                break
            arity = op.arity
            if arity == 2:
                other = node.b
                node = node.a
                if node.__class__ not in follow:
                    node = other
                    if node.__class__ not in follow:
                        break
                elif other.__class__ in follow:
                    stack.append(other)
            elif arity:
                node = node.a
                if node.__class__ not in follow:
                    break
            else:
                stack += [source for source in node.a[::-1] if source.__class__ in follow]
                break
    return order
