"""The search for the cheapest repair of a wrong line, in the order in which explanations help most.

An exact ratio to the truth first, then the plainest slips, a forgotten path, a single edit of the statement, an
edit together with a constant factor, and last the line that the chain rule gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from itertools import product as pairs
from typing import Any

import numpy as np

from . import edits, slices, substitutions, sums
from .bench import FAILURES, Bench, Edit
from .build import number
from .derive import Derivation, Underivable
from .edits import Place
from .evidence import proportion
from .mark import close
from .paths import Forgotten, forgotten_paths
from .pool import BENT, Pool, factors, product
from .program import Binary, Call, Constant, Node, Statement, Unary, names, source, walk


class Search:
    """The search for the cheapest repair of one gradient."""

    def __init__(self, bench: Bench, variables: frozenset[str]) -> None:
        self.bench = bench
        self.variables = variables
        self.cheapest: Edit | None = None
        self.places = [self._place(position) for position in self._positions()]

    def _positions(self) -> list[int]:
        group = self.bench.group
        return sorted(group.relevant, key=lambda k: (k not in group.own, -k))

    def _place(self, position: int) -> Place:
        derivation = self.derivation(position)
        return Place(self.bench, Pool(self.bench, position, derivation), position)

    def derivation(self, position: int, only_read: bool = False) -> Derivation:
        """Return the chain rule with the gradients that are available before a statement."""
        env = self.bench.env(position)
        available = {n for n in env if n.startswith("d") and n[1:] in self.variables and n != self.bench.group.name}
        if only_read:
            available &= self.bench.group.reads
        return Derivation(self.bench.sheet.forward, env, self.variables, frozenset(available))

    def best(self) -> Edit | None:
        """Return the best repair, or None."""
        for stage in (self.ratio, self.slip, self.path, self.simple, self.rich, self.combined, self.exchanged):
            found = stage()
            if found is not None:
                return found
        return None

    def _cheapest_of(self, candidates: Iterator[Edit], limit: float = 9.0) -> Edit | None:
        """Return the cheapest confirmed repair among candidates."""
        best: Edit | None = None
        for edit in candidates:
            if edit.position not in self.bench.group.own:
                edit = replace(edit, cost=edit.cost + 0.3)
            if edit.cost >= (best.cost if best is not None else limit):
                continue
            if self.bench.repairs(edit):
                best = self.cheapest = edit
        return best

    def ratio(self) -> Edit | None:
        """Explain a value that is the truth times -1, 2 or a count, the same over the whole array."""
        factor = self._ratio(self.bench.student())
        if factor is None or not len(self.places):
            return None
        place = self.places[0]
        scaled = self._scaled(place, place.statement.value, self.bench.student)
        if scaled is None and self.bench.truth().size == 1:
            return None
        simple = self._cheapest_of(
            chain.from_iterable(
                chain(
                    edits.operations(p),
                    edits.signs(p),
                    edits.branches(p),
                    edits.constants(p),
                    edits.counts(p),
                    edits.exponents(p),
                )
                for p in self.places
            )
        )
        scales = self._cheapest_of(
            chain.from_iterable(substitutions.missing_factors(p) for p in self.places),
            limit=simple.cost if simple is not None else 9.0,
        )
        if self.bench.truth().size == 1:
            # Any two numbers have a ratio: only a plain slip is believed here, and the others are asked later.
            return simple
        found = scales or simple
        if found is not None:
            return found
        return scaled if scaled is not None and self.bench.repairs(scaled) else None

    def _ratio(self, value: Any, i: int | None = None) -> float | None:
        """Return truth / value if it is one number over the whole array."""
        return proportion(value, self.bench.truth(i))

    def _scaled(self, place: Place, value: Node, student: Any) -> Edit | None:
        """Return the line times the factor that all samples ask for: a constant, a count, a scalar, or two."""
        order = self.bench.order[:6]
        wanted = []
        for i in order:
            factor = self._ratio(student(i), i)
            if factor is None:
                return None
            wanted.append(factor)
        if place.statement.kind not in ("assign", "store", "augment"):
            return None
        scalars = [e.node for e in place.pool.elements if e.role == "scale" and e.weight <= 4]
        options: list[tuple[tuple[Node, int] | None, np.ndarray[Any, Any]]] = [(None, np.ones(len(order)))]
        for node in (*place.pool.counts, *scalars):
            try:
                values = np.array([float(self.bench.value_of(node, place.position, i)) for i in order])
            except FAILURES:
                continue
            options += [((node, 1), values), ((node, -1), 1.0 / values)]
        for constant in (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 4.0, 0.25, -4.0, -0.25):
            for first, a in options:
                for second, b in options:
                    if second is not None and first is None:
                        continue
                    if np.allclose(constant * a * b, wanted, rtol=1e-7, atol=0.0):
                        return self._scaled_edit(place, value, constant, [x for x in (first, second) if x is not None])
        return None

    def _scaled_edit(self, place: Place, value: Node, constant: float, parts: list[tuple[Node, int]]) -> Edit:
        counted = any(place.pool.count(f) for f, _ in factors(value))
        tags = ["sign_flipped"] if constant < 0 else []
        if abs(constant) != 1:
            tags.append("missing_factor_2" if abs(constant) == 2 else "wrong_constant")
        for node, exponent in parts:
            if not place.pool.count(node):
                tags.append("scale_missing")
            elif counted:
                tags.append("wrong_count")
            else:
                tags.append("missing_1_over_n" if exponent < 0 else "extra_1_over_n")
        pieces = factors(value)
        if constant < 0:
            pieces = [(Constant(-1), 1), *pieces]
        size = abs(constant)
        if size != 1:
            pieces = [(Constant(int(size) if size == int(size) else size), 1), *pieces]
        new = replace(place.statement, value=product([*pieces, *parts]))
        unique = list(dict.fromkeys(tags)) or ["wrong_constant"]
        shown = " * ".join(str(f) for f in ([constant] if constant != 1 else [])) or ""
        shown += "".join((" * " if e > 0 else " / ") + source(n) for n, e in parts)
        what = f"The right value is the line's value times {shown.strip(' *')}".replace("times /", "divided by")
        return Edit(place.position, new, unique[0], 2.0, what, tuple(unique[1:]))

    def slip(self) -> Edit | None:
        """Explain by the plainest of edits, before a forgotten path is considered."""
        plain = (
            edits.operations,
            edits.signs,
            edits.branches,
            edits.constants,
            edits.exponents,
            edits.axes,
            edits.layout,
        )
        return self._cheapest_of(chain.from_iterable(kind(p) for p in self.places for kind in plain), limit=1.17)

    def path(self) -> Edit | None:
        """Explain a value that is the truth without one path."""
        last = self.bench.group.last
        for forgotten in forgotten_paths(self.bench, last, self.variables):
            found = self._with_path(forgotten)
            if found is not None:
                return found
        return None

    def _with_path(self, forgotten: Forgotten) -> Edit | None:
        place = self.places[0]
        what = (
            f"The value is the truth without the path through line {forgotten.statement.line} ('{forgotten.statement}')"
        )
        statement = place.statement
        candidates: list[Statement] = []
        if forgotten.missing is not None and statement.kind in ("assign", "augment") and statement.op in ("", "+"):
            missing = tidy(forgotten.missing)
            value = Binary("+", statement.value, missing)
            if isinstance(missing, Unary):
                value = Binary("-", statement.value, missing.operand)
            candidates.append(replace(statement, value=value))
        if statement.kind == "assign" and len(self.bench.group.own) > 1:
            candidates.insert(0, replace(statement, kind="augment", op="+"))
        added = next(
            (
                e
                for e in (Edit(place.position, new, forgotten.tag, 1.0, what) for new in candidates)
                if self.bench.repairs(e)
            ),
            None,
        )
        if added is not None and len(str(added.statement)) < len(str(statement)) + 60:
            return added
        inner = self._cheapest_of(sums.missing_terms(place, []))
        if inner is not None:
            return replace(inner, tag=forgotten.tag, what=what)
        if added is not None:
            return added
        generated = self.generated()
        return replace(generated, tag=forgotten.tag, what=what) if generated is not None else None

    def simple(self) -> Edit | None:
        """Explain by one edit among the usual slips; look further where the slip found is a far-fetched one."""
        found = self._usual()
        if found is None or found.cost < 1.3:
            return found
        larger = self._cheapest_of(chain.from_iterable(substitutions.replacements(p) for p in self.places), found.cost)
        return larger or found

    def _usual(self) -> Edit | None:
        return self._cheapest_of(
            chain.from_iterable(
                chain(
                    edits.operations(p),
                    edits.signs(p),
                    edits.branches(p),
                    edits.layout(p),
                    edits.axes(p),
                    edits.counts(p),
                    edits.constants(p),
                    edits.exponents(p),
                    substitutions.squares(p),
                    substitutions.softmax_jacobian(p),
                    substitutions.variables(p),
                    slices.slices(p),
                    substitutions.extra_factors(p),
                    substitutions.local_derivatives(p),
                    substitutions.missing_factors(p),
                )
                for p in self.places
            )
        )

    def rich(self) -> Edit | None:
        """Explain by one larger edit: a term, or a sub-expression replaced."""
        return self._cheapest_of(
            chain.from_iterable(
                chain(sums.missing_terms(p, self._contributions(p)), substitutions.replacements(p)) for p in self.places
            )
        )

    def _contributions(self, place: Place) -> list[Node]:
        try:
            parts = self.derivation(place.position).contributions(self.bench.group.variable)
        except (Underivable, *FAILURES):
            return []
        return [part.expression for part in parts]

    def combined(self) -> Edit | None:
        """Explain by one edit together with a constant factor, a sign or a count."""
        best: Edit | None = None
        for place in self.places:
            if place.position != self.bench.group.last:
                continue
            for edit in chain(
                edits.layout(place),
                edits.axes(place),
                edits.exponents(place),
                edits.branches(place),
                substitutions.variables(place),
                substitutions.extra_factors(place),
                substitutions.missing_factors(place),
                edits.signs(place),
                edits.constants(place),
            ):
                if best is not None and edit.cost >= best.cost - 0.5:
                    continue
                value = self.bench.result(edit.position, edit.statement)
                if self._ratio(value) is None:
                    continue
                scaled = self._scaled(
                    place,
                    edit.statement.value,
                    lambda i, edit=edit: self.bench.result(edit.position, edit.statement, i),
                )
                if scaled is None or not self.bench.repairs(scaled):
                    continue
                tags = _ordered((edit.tag, scaled.tag, *scaled.also))
                what = f"{edit.what}; {scaled.what[0].lower()}{scaled.what[1:]}"
                best = replace(scaled, tag=tags[0], also=tags[1:], what=what, cost=edit.cost + 0.5)
        return best

    def exchanged(self) -> Edit | None:
        """Explain by two indices that are wrong together, in two statements that build one gradient."""
        own = [place for place in reversed(self.places) if place.position in self.bench.group.own]
        for k, first in enumerate(own):
            for second in own[k + 1 :]:
                for a, b in pairs(_index_edits(first), _index_edits(second)):
                    value = self.bench.result(first.position, a.statement, None, {second.position: b.statement})
                    if not close(value, self.bench.truth()):
                        continue
                    if all(
                        close(
                            self.bench.result(first.position, a.statement, i, {second.position: b.statement}),
                            self.bench.truth(i),
                        )
                        for i in self.bench.order[:6]
                    ):
                        whole = self.generated()
                        return replace(whole, tag="wrong_slice", what=f"{a.what} and {b.what}") if whole else None
        return None

    def generated(self) -> Edit | None:
        """Return the line that the chain rule gives, whatever the mistake was."""
        last = self.bench.group.last
        for only_read in (False, True):
            try:
                value = tidy(self.derivation(last, only_read).total(self.bench.group.variable))
            except (Underivable, *FAILURES):
                continue
            old = self.bench.sheet.gradient[last]
            statement = Statement("assign", self.bench.group.name, value, old.line, old.column)
            edit = Edit(last, statement, self.guess(value), 5.0, f"The chain rule gives '{statement}'")
            if self.bench.repairs(edit):
                return edit
        return None

    def guess(self, right: Node) -> str:
        """Return a tag for a line that no single edit repairs, from what the right line reads and it does not."""
        if any(self.bench.sheet.gradient[p.position].op and edits.repeats(p, p.statement.index) for p in self.places):
            return "duplicate_index_lost"
        own: frozenset[str] = frozenset()
        for k in self.bench.group.relevant:
            own |= names(self.bench.sheet.gradient[k].value)
        variable, student = self.bench.group.variable, self.bench.student()
        needed = {n for n in names(right) if n.startswith("d") and n[1:] in self.variables}
        if needed and not needed & own:
            return "upstream_missing"
        if len(needed) > 1 and needed - own:
            return "not_accumulated"
        users = [s for s in self.bench.sheet.forward if variable in names(s.value)]
        env = self.bench.env(self.bench.group.last)
        if len(users) == 1 and close(student, env.get("d" + users[0].target)):
            bent = any(isinstance(n, Call) and n.function in BENT for _, n in walk(users[0].value))
            return "activation_derivative_missing" if bent else "inner_derivative_missing"
        return "wrong_local_derivative"


def _index_edits(place: Place) -> list[Edit]:
    """Return the edits of indices in one statement, the likeliest first."""
    return list(slices.slices(place))[:80]


def _ordered(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Put the tag that explains most first: structure, then sign, then constants and counts."""
    late = {"sign_flipped": 1, "missing_factor_2": 2, "wrong_constant": 3, "missing_1_over_n": 4, "scale_missing": 5}
    late |= {"extra_1_over_n": 4, "wrong_count": 4}
    return tuple(sorted(dict.fromkeys(tags), key=lambda tag: late.get(tag, 0)))


def tidy(node: Node) -> Node:
    """Return a generated expression with its numeric factors collected in front."""
    if (isinstance(node, Binary) and node.op in "*/") or isinstance(node, Unary):
        parts = [(tidy(f), e) for f, e in factors(node)] if factors(node)[0][0] is not node else [(node, 1)]
        value = 1.0
        rest = []
        for factor, exponent in parts:
            own = number(factor)
            if own is None or own == 0:
                rest.append((factor, exponent))
            else:
                value *= own**exponent
        sign: list[tuple[Node, int]] = [(Constant(-1), 1)] if value < 0 else []
        size = abs(value)
        front: list[tuple[Node, int]] = (
            [(Constant(int(size) if size == int(size) else size), 1)]
            if size != 1 or not any(e > 0 for _, e in rest)
            else []
        )
        return product([*sign, *front, *rest])
    for key, child in list(node.children()):
        new = tidy(child)
        if new is not child:
            node = node.with_child(key, new)
    return node
