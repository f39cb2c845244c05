"""The small language of worksheets: immutable expression nodes, statements, and how they are printed.

A worksheet never becomes Python code objects: :mod:`.read` turns its text into these nodes, and
:mod:`.interpret` walks them. Every node compares by identity, so that the value of a sub-expression can be
remembered while the tree around it is edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import ClassVar


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An expression of a worksheet."""

    PARTS: ClassVar[tuple[str, ...]] = ()

    def children(self) -> Iterator[tuple[str, Node]]:
        """Yield ``(field, child)`` for every sub-expression, in source order."""
        for part in self.PARTS:
            value = getattr(self, part)
            if value is not None:
                yield part, value

    def with_child(self, key: str, child: Node) -> Node:
        """Return a copy in which the sub-expression ``key`` is ``child``."""
        return replace(self, **{key: child})

    def __str__(self) -> str:
        return source(self)


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Node):
    """A number, ``True``/``False``/``None``, ``...``, a dtype, or the subscripts of an einsum."""

    value: int | float | bool | str | EllipsisType | None


@dataclass(frozen=True, slots=True, eq=False)
class Name(Node):
    """A variable of the worksheet."""

    id: str


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Node):
    """``-x``, ``+x`` or ``~mask``."""

    PARTS: ClassVar[tuple[str, ...]] = ("operand",)
    op: str
    operand: Node


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Node):
    """``left op right`` for arithmetic and for ``&``, ``|`` on masks."""

    PARTS: ClassVar[tuple[str, ...]] = ("left", "right")
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Compare(Node):
    """``left op right`` with one comparison."""

    PARTS: ClassVar[tuple[str, ...]] = ("left", "right")
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Node):
    """``lower:upper:step`` inside brackets; a missing part is None."""

    PARTS: ClassVar[tuple[str, ...]] = ("lower", "upper", "step")
    lower: Node | None
    upper: Node | None
    step: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    """A tuple or a list of expressions."""

    items: tuple[Node, ...]
    kind: str

    def children(self) -> Iterator[tuple[str, Node]]:
        """Yield the items."""
        for position, item in enumerate(self.items):
            yield f"items.{position}", item

    def with_child(self, key: str, child: Node) -> Node:
        """Return a copy with another item."""
        position = int(key.split(".")[1])
        return Sequence((*self.items[:position], child, *self.items[position + 1 :]), self.kind)


@dataclass(frozen=True, slots=True, eq=False)
class Index(Node):
    """``value[index]``."""

    PARTS: ClassVar[tuple[str, ...]] = ("value", "index")
    value: Node
    index: Node


@dataclass(frozen=True, slots=True, eq=False)
class Attribute(Node):
    """``value.T``, ``.shape``, ``.size`` or ``.ndim``."""

    PARTS: ClassVar[tuple[str, ...]] = ("value",)
    value: Node
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """A call of a listed function; ``form`` keeps how it was written: ``np``, ``method`` or ``plain``."""

    function: str
    args: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...] = ()
    form: str = "np"

    def children(self) -> Iterator[tuple[str, Node]]:
        """Yield the arguments, then the values of the keywords."""
        for position, argument in enumerate(self.args):
            yield f"args.{position}", argument
        for name, value in self.keywords:
            yield f"keyword.{name}", value

    def with_child(self, key: str, child: Node) -> Node:
        """Return a copy with another argument or keyword value."""
        group, _, which = key.partition(".")
        if group == "args":
            position = int(which)
            return replace(self, args=(*self.args[:position], child, *self.args[position + 1 :]))
        return replace(self, keywords=tuple((name, child if name == which else value) for name, value in self.keywords))

    def keyword(self, name: str) -> Node | None:
        """Return the expression given for keyword ``name``, or None."""
        return next((value for key, value in self.keywords if key == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement: ``kind`` is assign, augment, store, store_augment or add_at."""

    kind: str
    target: str
    value: Node
    line: int
    column: int = 0
    op: str = ""
    index: Node | None = None

    def expressions(self) -> Iterator[tuple[str, Node]]:
        """Yield ``("value" | "index", expression)``."""
        if self.index is not None:
            yield "index", self.index
        yield "value", self.value

    def reads(self) -> frozenset[str]:
        """Return the names that the statement reads (its own target where it builds on it)."""
        names = {node.id for _, root in self.expressions() for _, node in walk(root) if isinstance(node, Name)}
        return frozenset(names | ({self.target} if self.kind != "assign" else set()))

    def __str__(self) -> str:
        if self.kind == "add_at":
            return f"np.add.at({self.target}, {_index_source(self.index)}, {self.value})"
        place = self.target if self.index is None else f"{self.target}[{_index_source(self.index, True)}]"
        return f"{place} {self.op}= {self.value}"


Path = tuple[str, ...]


def walk(root: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Yield ``(path, node)`` for every node of a tree, the root first."""
    yield path, root
    for key, child in root.children():
        yield from walk(child, (*path, key))


def edited(root: Node, path: Path, new: Node) -> Node:
    """Return the tree with the node at ``path`` replaced by ``new``; everything else is shared."""
    if not path:
        return new
    child = dict(root.children())[path[0]]
    return root.with_child(path[0], edited(child, path[1:], new))


def names(root: Node) -> frozenset[str]:
    """Return every variable that an expression reads."""
    return frozenset(node.id for _, node in walk(root) if isinstance(node, Name))


_PRECEDENCE = {"|": 2, "&": 3, "+": 4, "-": 4, "*": 5, "/": 5, "@": 5, "//": 5, "%": 5, "**": 7}
_UNARY, _POSTFIX = 6, 8


def source(node: Node, parent: int = 0) -> str:
    """Return the expression as worksheet text, with only the brackets that it needs."""
    text, own = _source(node)
    return f"({text})" if own < parent else text


def _source(node: Node) -> tuple[str, int]:
    match node:
        case Constant(value):
            if value is Ellipsis:
                return "...", 9
            negative = isinstance(value, int | float) and not isinstance(value, bool) and value < 0
            return repr(value) if not isinstance(value, str) or value not in DTYPES else value, (
                _UNARY if negative else 9
            )
        case Name(id):
            return id, 9
        case Unary(op, operand):
            return f"{op}{source(operand, _UNARY)}", _UNARY
        case Binary("**", left, right):
            return f"{source(left, _POSTFIX)} ** {source(right, _UNARY)}", 7
        case Binary(op, left, right):
            own = _PRECEDENCE[op]
            return f"{source(left, own)} {op} {source(right, own + 1)}", own
        case Compare(op, left, right):
            return f"{source(left, 2)} {op} {source(right, 2)}", 1
        case Sequence(items, "list"):
            return f"[{', '.join(source(item) for item in items)}]", 9
        case Sequence(items, _):
            return f"({', '.join(source(item) for item in items)}{',' if len(items) == 1 else ''})", 9
        case Index(value, index):
            return f"{source(value, _POSTFIX)}[{_index_source(index, True)}]", 9
        case Slice(lower, upper, step):
            text = f"{source(lower) if lower else ''}:{source(upper) if upper else ''}"
            return text + (f":{source(step)}" if step else ""), 0
        case Attribute(value, name):
            return f"{source(value, 9)}.{name}", 9
        case Call(function, args, keywords, form):
            given = [source(argument) for argument in (args[1:] if form == "method" else args)]
            given += [f"{name}={source(value)}" for name, value in keywords]
            head = {"np": f"np.{function}", "plain": function}.get(form) or f"{source(args[0], 9)}.{function}"
            return f"{head}({', '.join(given)})", 9
    raise TypeError(f"source: {type(node).__name__} is not an expression; pass a Node.")


DTYPES = frozenset({"float", "int", "bool"})


def _index_source(index: Node | None, brackets: bool = False) -> str:
    if index is None:
        return ""
    if isinstance(index, Sequence) and index.kind == "tuple" and len(index.items) > 1 and brackets:
        return ", ".join(source(item) for item in index.items)
    return source(index)
