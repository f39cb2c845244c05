"""Forgotten paths: does the student's value equal the truth with one way from the variable to the loss cut?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .bench import FAILURES, Bench
from .derive import Derivation, Underivable
from .errors import SheetError
from .interpret import evaluate
from .mark import close, numeric
from .pool import terms
from .program import Binary, Call, Name, Node, Statement, names, source, walk


@dataclass(frozen=True)
class Forgotten:
    """A path that a line leaves out."""

    tag: str
    statement: Statement
    node: Node
    missing: Node | None
    """An expression for what is missing, to be added to the line."""


class CutDerivation(Derivation):
    """The chain rule with some sub-expressions of the forward part treated as constants."""

    cut: frozenset[Node] = frozenset()

    def back(self, node: Node, g: Node, variable: str, out: str | None = None) -> Iterator[Node]:
        """Yield nothing for a sub-expression that is cut."""
        if node not in self.cut:
            yield from super().back(node, g, variable, out)


def forgotten_paths(bench: Bench, position: int, variables: frozenset[str]) -> Iterator[Forgotten]:
    """Yield the paths whose omission gives exactly the student's value, simplest first.

    Args:
        bench: the wrong gradient.
        position: the statement before which gradients are available.
        variables: variables that have a gradient.
    """
    student = bench.student()
    if not numeric(student) or np.shape(student) != np.shape(bench.truth()):
        return
    env = bench.env(position)
    available = frozenset(n for n in env if n.startswith("d") and n[1:] in variables and n != bench.group.name)
    read = available & bench.group.reads
    seen: set[frozenset[str]] = set()
    for frontier in (available, read):
        if frontier in seen:
            continue
        seen.add(frontier)
        yield from _direct(bench, position, variables, frontier, student)
        yield from _cuts(bench, position, variables, frontier, student)


def _direct(
    bench: Bench, position: int, variables: frozenset[str], frontier: frozenset[str], student: object
) -> Iterator[Forgotten]:
    """Leave out some of the variable's own uses."""
    derivation = Derivation(bench.sheet.forward, bench.env(position), variables, frontier)
    try:
        parts = derivation.contributions(bench.group.variable)
        values = [np.asarray(derivation.value(part.expression)) for part in parts]
    except (Underivable, *FAILURES):
        return
    truth = bench.truth()
    if len(parts) < 2 or len(parts) > 8:
        return
    for count in range(1, len(parts)):
        for chosen in combinations(range(len(parts)), count):
            rest = truth - sum(np.broadcast_to(values[k], truth.shape) for k in chosen)
            if close(student, rest) and not close(truth, rest):
                missing: Node = parts[chosen[0]].expression
                for k in chosen[1:]:
                    missing = Binary("+", missing, parts[k].expression)
                statement = parts[chosen[0]].statement
                tag = path_tag(bench, statement, statement.value, bench.group.variable)
                yield Forgotten(tag, statement, statement.value, missing)


def _cuts(
    bench: Bench, position: int, variables: frozenset[str], frontier: frozenset[str], student: object
) -> Iterator[Forgotten]:
    """Treat one sub-expression of the forward part as a constant."""
    downstream = _downstream(bench, frontier)
    for statement in bench.sheet.forward:
        if statement.target in downstream or statement.target == bench.group.variable:
            continue
        for _, node in walk(statement.value):
            if isinstance(node, Name) or not names(node) & variables:
                continue
            derivation = CutDerivation(bench.sheet.forward, bench.env(position), variables, frontier)
            derivation.cut = frozenset({node})
            try:
                value = evaluate(derivation.total(bench.group.variable), bench.env(position))
            except (Underivable, *FAILURES):
                continue
            if close(student, value) and not close(bench.truth(), value) and np.any(np.asarray(value) != 0):
                yield Forgotten(path_tag(bench, statement, node, bench.group.variable), statement, node, None)


def _downstream(bench: Bench, frontier: frozenset[str]) -> set[str]:
    """Return the lines that come after the frontier: their gradient is given, so cutting there changes nothing."""
    uses: dict[str, set[str]] = {}
    for statement in bench.sheet.forward:
        for name in names(statement.value):
            uses.setdefault(name, set()).add(statement.target)
    reached: set[str] = set()
    pending = [bench.group.variable]
    while pending:
        for target in uses.get(pending.pop(), ()):
            if target not in reached:
                reached.add(target)
                if "d" + target not in frontier:
                    pending.append(target)
    return {statement.target for statement in bench.sheet.forward} - reached


def path_tag(bench: Bench, statement: Statement, node: Node, variable: str) -> str:
    """Name a forgotten path: through a mean, a variance, a softmax's sum, a penalty, or just another use."""
    if _is_penalty(bench, statement, variable):
        return "regulariser_missing"
    if _is_softmax_sum(bench, node, variable):
        return "softmax_offdiagonal_missing"
    mean, square = _walked(bench, statement, node)
    if mean and square:
        return "norm_var_term_missing"
    return "norm_mean_term_missing" if mean else "not_accumulated"


def _is_penalty(bench: Bench, statement: Statement, variable: str) -> bool:
    """Return whether a line depends on one variable and scalars alone and joins the loss as a term of its own."""
    loss = bench.sheet.forward[-1]
    values = bench.samples[0].values
    settings = {n for n, entry in bench.sheet.inputs.items() if entry.shape == ()}
    settings |= {n for n, value in values.items() if isinstance(value, int)}
    alone = {variable}
    for other in bench.sheet.forward[:-1]:
        read = names(other.value)
        if read & alone and read <= alone | settings:
            alone.add(other.target)
    if statement.target not in alone and statement is not loss:
        return False
    parts = [part for part, _ in terms(loss.value)]
    own = [part for part in parts if names(part) & alone and names(part) <= alone | settings]
    return bool(own) and len(own) < len([part for part in parts if names(part)])


def _is_softmax_sum(bench: Bench, node: Node, variable: str) -> bool:
    """Return whether the cut goes through the sum that normalises exponentials of the variable."""
    exponentials = set()
    scores: set[str] = {variable}
    for other in bench.sheet.forward:
        if names(other.value) & scores:
            if any(isinstance(part, Call) and part.function == "exp" for _, part in walk(other.value)):
                exponentials.add(other.target)
            else:
                scores.add(other.target)
    if any(isinstance(part, Call) and part.function == "softmax" for _, part in walk(node)):
        return True
    for _, part in walk(node):
        if isinstance(part, Call) and part.function == "sum":
            inside = part.args[0]
            if isinstance(inside, Name) and inside.id in exponentials:
                return True
            if isinstance(inside, Call) and inside.function == "exp" and names(inside) & scores:
                return True
    return False


def _walked(bench: Bench, statement: Statement, node: Node) -> tuple[bool, bool]:
    """Follow a value through the lines that only it feeds; say whether it is averaged, and squared."""
    forward = bench.sheet.forward
    mean = square = False
    root, current = node, statement.target
    for _ in range(4):
        for _, part in walk(root):
            if isinstance(part, Call):
                mean |= part.function in ("mean", "var", "std")
                square |= part.function in ("square", "var", "std")
            if isinstance(part, Binary):
                square |= part.op == "**" or (part.op == "*" and source(part.left) == source(part.right))
                mean |= part.op == "/" and _is_sum_over_count(bench, part)
        users = [s for s in forward if current in names(s.value)]
        if mean or len(users) != 1 or current == forward[-1].target or users[0] is forward[-1]:
            break
        root, current = users[0].value, users[0].target
    return mean and _spreads(bench, current), square


def _spreads(bench: Bench, name: str) -> bool:
    """Return whether a reduced value is combined with a larger array again, as a normalisation does."""
    values = bench.samples[0].values
    if np.size(values.get(name, 0)) >= np.size(values[bench.group.variable]):
        return True
    reached = {name}
    for other in bench.sheet.forward:
        if names(other.value) & reached:
            if np.size(values[other.target]) > np.size(values[name]):
                return True
            reached.add(other.target)
    return False


def _is_sum_over_count(bench: Bench, node: Binary) -> bool:
    if not (isinstance(node.left, Call) and node.left.function == "sum"):
        return False
    try:
        value = evaluate(node.right, bench.samples[0].values)
    except SheetError:
        return False
    return isinstance(value, int)
