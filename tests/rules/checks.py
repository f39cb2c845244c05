"""What every row of the table must pass: comparisons with NumPy and with finite differences.

The loss under test is, for the outputs `y` of a call, `sum(w * y + c * |y|**2 / 2)` with fixed random `w` and
`c`: its gradient by `y`, `w + c * y`, depends on `y`, so that at second order a derivative flows through the
incoming gradient of each rule as well as through the values that the rule reads.

Complex numbers: the gradient of a real loss by `a + ib` is `dloss/da + i dloss/db`, so that the change of the
loss along a step `u` is the real part of `sum(conj(gradient) * u)`.
"""

import copy
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, jacobians, transforms
from autograd_lite.backprop import sweep, unbroadcast
from autograd_lite.batched import Batched, members_of
from autograd_lite.record import Leaf, Node, spec_of, topological
from autograd_lite.rules.table import SAMPLES, TABLE, Call
from autograd_lite.stand_in import StandInError
from autograd_lite.tensor import wrap
from tests.rules.drawing import (
    SYMMETRIC,
    Drawn,
    calls,
    direction,
    draw,
    invoke,
    label,
    mirrored,
    outputs,
    precise,
    seed_of,
    tensors,
)

DOUBLE = {np.dtype(name) for name in "dDgG"}

# --- the loss, its value and its gradients -----------------------------------------------------------------


class Loss:
    """`sum(w * y + c * |y|**2 / 2)` of the floating outputs of a call, with weights fitted to them."""

    def __init__(self, drawn: Drawn, rng: np.random.Generator) -> None:
        self.drawn = drawn
        self.weights: list[Any] = []
        for y in self.outputs(drawn.arrays):
            if y.dtype.kind not in "fc":
                self.weights.append(None)
                continue
            w = np.asarray(rng.uniform(0.3, 1, y.shape) * np.where(rng.random(y.shape) < 0.5, -1, 1))
            if y.dtype.kind == "c":
                w = w + 1j * rng.uniform(-1, 1, y.shape)
            c = rng.uniform(0.2, 0.5, y.shape) / (1 + np.abs(np.where(np.isfinite(y), y, 0)))
            self.weights.append((w, np.asarray(c)))

    def outputs(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        args, kwargs = self.drawn.place(arrays)
        return [np.asarray(y) for y in outputs(invoke(self.drawn.function, args, kwargs))]

    def value(self, arrays: list[np.ndarray]) -> float:
        total = 0.0
        for y, weight in zip(self.outputs(arrays), self.weights, strict=True):
            if weight is not None:
                w, c = weight
                total += float(np.sum((np.conj(w) * y).real + c * np.abs(y) ** 2 / 2))
        return total

    def record(self, operands: list[Any]) -> list[Any]:
        args, kwargs = self.drawn.place(operands)
        return outputs(invoke(self.drawn.function, args, kwargs))

    def gradients(self, operands: list[Any], *, create_graph: bool = False) -> list[Any]:
        """The gradient of the loss by each differentiable input."""
        leaves = [operand for operand in operands if isinstance(operand, Tensor)]
        for leaf in leaves:
            leaf.grad = None
        recorded = [
            (y, weight)
            for y, weight in zip(self.record(operands), self.weights, strict=True)
            if weight is not None and isinstance(y, Tensor) and y.requires_grad
        ]
        for y, weight in recorded:
            w, c = weight
            if y.dtype not in DOUBLE:
                w, c = precise(w, "f"), precise(c, "f")
            g = y * c + w if create_graph else w + c * y.numpy()
            y.backward(g, retain_graph=True, create_graph=create_graph)
        return [zeros(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]

    def second(self, operands: list[Any], along: list[np.ndarray]) -> tuple[list[Any], list[np.ndarray]]:
        """The gradient, recorded, and the derivative of the gradient in the direction `along`."""
        leaves = [operand for operand in operands if isinstance(operand, Tensor)]
        first = self.gradients(operands, create_graph=True)
        for leaf in leaves:
            leaf.grad = None
        for g, u in zip(first, along, strict=True):
            if isinstance(g, Tensor) and g.requires_grad:
                g.backward(precise(u, "d" if g.dtype in DOUBLE else "f"), retain_graph=True)
        return first, [zeros(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


def zeros(leaf: Tensor) -> np.ndarray:
    return np.zeros(leaf.shape, leaf.dtype)


def numbers(x: Any) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def inner(g: list[np.ndarray], u: list[np.ndarray]) -> float:
    return sum(float(np.sum((np.conj(a) * b).real)) for a, b in zip(g, u, strict=True))


# --- finite differences ------------------------------------------------------------------------------------

STEP = 2e-3


class Rough(Exception):
    """The function has a kink or a jump within a step of this sample: another one must be drawn."""


def slope(f: Callable[[float], Any]) -> tuple[Any, float]:
    """`df/dt` at 0 by central differences with Richardson extrapolation, and an estimate of its error."""
    d1, d2, d4 = [(f(h) - f(-h)) / (2 * h) for h in (STEP, STEP / 2, STEP / 4)]
    r1, r2 = (4 * d2 - d1) / 3, (4 * d4 - d2) / 3
    return (16 * r2 - r1) / 15, float(np.max(np.abs(r2 - r1), initial=0.0))


def moved(arrays: list[np.ndarray], places: list[int], along: list[np.ndarray], t: float) -> list[np.ndarray]:
    result = list(arrays)
    for place, u in zip(places, along, strict=True):
        result[place] = arrays[place] + t * u
    return result


def directions(drawn: Drawn, rng: np.random.Generator) -> list[np.ndarray]:
    return [direction(drawn.inputs[i], drawn.arrays[i], rng) for i in drawn.differentiable()]


def smooth_slope(f: Callable[[float], Any], size: float) -> tuple[Any, float]:
    derivative, error = slope(f)
    if not error <= 1e-5 * size:
        raise Rough
    return derivative, error


def settle(function: Any, call: Call, seed: int, check: Callable[[Drawn, np.random.Generator], None]) -> None:
    """Run `check` on the first of a few drawings at which the function is smooth."""
    for attempt in range(8):
        drawn = draw(function, call, seed + attempt)
        try:
            check(drawn, np.random.default_rng(seed + attempt))
        except Rough:
            continue
        except AssertionError as error:
            error.add_note(f"in {drawn}")
            raise
        except Exception as error:
            error.add_note(f"raised in {drawn}")
            raise
        return
    pytest.fail(f"{label(function)}: no smooth point among the drawings of {draw(function, call, seed)}")


# --- the checks --------------------------------------------------------------------------------------------


def check_value(drawn: Drawn) -> None:
    expected = called(drawn, drawn.arrays)
    for operands in (tensors(drawn), [wrap(a) if a.dtype.kind in "fc" else a for a in drawn.arrays]):
        got = called(drawn, operands)
        assert len(got) == len(expected), f"{len(got)} outputs, NumPy gives {len(expected)}"
        for y, want in zip(got, map(np.asarray, expected), strict=True):
            same_kind(y, want)
            np.testing.assert_allclose(numbers(y), want, rtol=1e-11, atol=1e-12, err_msg="value differs from NumPy's")


def called(drawn: Drawn, operands: list[Any]) -> list[Any]:
    """The outputs of the call with these operands, none of which it changes."""
    args, kwargs = drawn.place(operands)
    before = repr((args, kwargs))
    found = outputs(invoke(drawn.function, args, kwargs))
    assert repr((args, kwargs)) == before, "an argument was changed"
    return found


def same_kind(y: Any, want: np.ndarray) -> None:
    y = numbers(y)
    assert y.shape == want.shape, f"value of shape {y.shape}, NumPy gives {want.shape}"
    if want.dtype.kind in "fc":
        assert y.dtype == want.dtype, f"value of dtype {y.dtype}, NumPy gives {want.dtype}"
    else:  # NumPy's own integers vary between functions and platforms
        assert y.dtype.kind == want.dtype.kind, f"value of dtype {y.dtype}, NumPy gives {want.dtype}"


def check_derivatives(drawn: Drawn, rng: np.random.Generator) -> None:
    """Value, first and second derivative against NumPy and finite differences of NumPy."""
    check_value(drawn)
    places, along = drawn.differentiable(), directions(drawn, rng)
    loss = Loss(drawn, rng)

    operands = tensors(drawn)
    gradient = [numbers(g) for g in loss.gradients(operands)]
    for g, place in zip(gradient, places, strict=True):
        want = drawn.arrays[place]
        assert g.shape == want.shape and g.dtype == want.dtype, f"input {place}: gradient {spec_of(g)!r}"
    size = 1e-2 + sum(float(np.sum(np.abs(g * u))) for g, u in zip(gradient, along, strict=True))
    noise = 1e-10 * abs(loss.value(drawn.arrays))
    want, error = smooth_slope(lambda t: loss.value(moved(drawn.arrays, places, along, t)), max(size, 1.0))
    got = inner(gradient, along)
    assert abs(got - want) <= 1e-7 * size + 10 * error + noise, (
        f"first derivative: rules give {got:.12g}, finite differences {want:.12g} along a random direction; "
        + by_input(loss, drawn, gradient, along)
    )

    first, second = loss.second(operands, along)
    for g, again in zip(gradient, first, strict=True):
        np.testing.assert_allclose(
            numbers(again),
            g,
            rtol=1e-9,
            atol=1e-10,
            err_msg="the rules give another gradient on Tensors than on arrays",
        )

    def gradient_at(t: float) -> np.ndarray:
        ends = moved(drawn.arrays, places, along, t)
        found = loss.gradients(tensors(Drawn(drawn.function, drawn.inputs, ends, drawn.template)))
        return np.concatenate(
            [flat(drawn, place, numbers(g)) for place, g in zip(places, found, strict=True)] or [np.zeros(0)]
        )

    want, error = slope(gradient_at)
    got = np.concatenate([flat(drawn, place, g) for place, g in zip(places, second, strict=True)] or [np.zeros(0)])
    size = 1e-2 + float(np.max(np.abs(want), initial=0.0))
    worst = float(np.max(np.abs(got - want), initial=0.0))
    assert worst <= 1e-6 * size + 10 * min(error, 1e-5 * size), (
        f"second derivative: rules give {got[:6]}, finite differences of the gradient {want[:6]} "
        f"(largest difference {worst:.3g})"
    )


def flat(drawn: Drawn, place: int, g: np.ndarray) -> np.ndarray:
    """A gradient as a vector; of a symmetric matrix only the part along symmetric matrices counts."""
    return np.ravel(mirrored(g) if drawn.inputs[place].kind in SYMMETRIC else g)


def by_input(loss: Loss, drawn: Drawn, gradient: list[np.ndarray], along: list[np.ndarray]) -> str:
    """For a failure: which input it is."""
    parts = []
    for place, g, u in zip(drawn.differentiable(), gradient, along, strict=True):
        want, _ = slope(lambda t, place=place, u=u: loss.value(moved(drawn.arrays, [place], [u], t)))
        parts.append(f"input {place}: {inner([g], [u]):.9g}, should be {want:.9g}")
    return "; ".join(parts)


def check_forward_mode(drawn: Drawn, rng: np.random.Generator) -> None:
    """`jvp` against finite differences of every output."""
    places, along = drawn.differentiable(), directions(drawn, rng)
    loss = Loss(drawn, rng)

    for number, weight in enumerate(loss.weights):
        if weight is None or not places:
            continue

        def f(*xs: Any, number: int = number) -> Any:
            operands = list(drawn.arrays)
            for place, x in zip(places, xs, strict=True):
                operands[place] = x
            return loss.record(operands)[number]

        want, error = slope(lambda t, number=number: loss.outputs(moved(drawn.arrays, places, along, t))[number])
        size = 1e-2 + float(np.max(np.abs(want), initial=0.0))
        if not error <= 1e-5 * max(size, 1.0):
            raise Rough
        if not isinstance(loss.record(tensors(drawn))[number], Tensor):
            np.testing.assert_allclose(want, 0, atol=1e-8, err_msg="an output that depends on the inputs is no Tensor")
            continue
        y, tangent = ag.jvp(f, tuple(drawn.arrays[place] for place in places), tuple(along))
        assert np.shape(tangent) == np.shape(y) and np.asarray(tangent).dtype == np.asarray(y).dtype
        worst = float(np.max(np.abs(tangent - want), initial=0.0))
        assert worst <= 1e-6 * size + 10 * error, (
            f"jvp: gives {np.ravel(tangent)[:6]}, finite differences {np.ravel(want)[:6]}"
        )


def check_stacked_gradients(drawn: Drawn, rng: np.random.Generator) -> None:
    """A stack of gradients, where the rules take one, gives what its members give one after the other."""
    recorded = tensors(drawn)
    leaves = [tensor._leaf() for tensor in recorded if isinstance(tensor, Tensor)]
    for y in Loss(drawn, rng).record(recorded):
        if not isinstance(y, Tensor) or not y.requires_grad:
            continue
        stack = rng.uniform(0.5, 1, (3, *y.shape)).astype(y.dtype)
        singly = [sweep({y._node: g}, retain_graph=True, create_graph=False, targets=leaves) for g in stack]
        try:
            found = sweep({y._node: Batched(stack)}, retain_graph=True, create_graph=False, targets=leaves)
        except StandInError:
            assert drawn.function not in PLAIN_RULES, "its rule no longer takes a stack of gradients"
            continue
        assert found.keys() == singly[0].keys()
        for leaf, g in found.items():
            want = np.array([one[leaf] for one in singly])
            assert g.dtype == want.dtype
            np.testing.assert_allclose(members_of(g, 3), want, rtol=1e-12, atol=1e-12)


def check_duals(drawn: Drawn, rng: np.random.Generator) -> None:
    """A product with the Hessian, forward over reverse, gives what the gradient of the gradient gives."""
    places, along = drawn.differentiable(), directions(drawn, rng)
    loss = Loss(drawn, rng)

    def total(xs: list[Any]) -> Any:
        operands = list(drawn.arrays)
        for place, x in zip(places, xs, strict=True):
            operands[place] = x
        weighted = zip(loss.record(operands), loss.weights, strict=True)
        parts = [(weight[0] * y + weight[1] * y * y / 2).sum() for y, weight in weighted if weight is not None]
        return sum(parts[1:], parts[0]) if parts else None

    at = [drawn.arrays[place] for place in places]
    value = total([Tensor(x, requires_grad=True) for x in at])
    if any(x.dtype.kind == "c" for x in at) or not isinstance(value, Tensor) or not value.requires_grad:
        return
    trace = transforms.Trace("hvp", total, (at,), 0, {})
    trace.outputs_of(trace.result)
    if trace.outputs[0].dtype.kind == "c":
        return
    found = jacobians._forward_over_reverse(trace, np.ones(()), along)
    if found is None:
        assert drawn.function not in PLAIN_RULES, "its rule no longer takes Duals"
        return
    gradients = trace.pull([np.ones(())], create_graph=True)
    seeds: dict[Any, Any] = {}
    for g, u in zip(gradients, along, strict=True):
        if isinstance(g, Tensor) and g.requires_grad:
            seeds[g._node] = seeds[g._node] + u if g._node in seeds else u
    want = sweep(seeds, retain_graph=True, create_graph=False, targets=trace.targets)
    for leaf, product in zip(trace.targets, found, strict=True):
        assert product.dtype == leaf.spec.dtype
        np.testing.assert_allclose(product, want.get(leaf, np.zeros(leaf.spec.shape)), rtol=1e-9, atol=1e-10)


#: functions whose rules are to take stacks and Duals: the second derivatives of a network are slow without them
PLAIN_RULES = {
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.tanh, np.exp, np.log, np.maximum, np.matmul),
    *(np.sum, np.mean, np.reshape, np.transpose, np.where, operator.getitem),
}


def check_single_precision(drawn: Drawn, rng: np.random.Generator) -> None:
    """float32 in: NumPy's dtype out, and no double precision on the way there and back, at both orders."""
    arrays = [precise(a, "f") if a.dtype.kind in "fc" else a for a in drawn.arrays]
    single = Drawn(drawn.function, drawn.inputs, arrays, drawn.template)
    args, kwargs = single.place(arrays)
    expected = [np.asarray(y) for y in outputs(invoke(drawn.function, args, kwargs))]
    operands = tensors(single, "f")
    loss = Loss(drawn, np.random.default_rng(0))
    recorded = loss.record(operands)
    for y, want in zip(recorded, expected, strict=True):
        same_kind(y, want)
    if any(want.dtype in DOUBLE for want in expected):
        return  # NumPy itself computes this in double precision
    for node in nodes(recorded):
        assert node.spec.dtype not in DOUBLE, f"{node!r} is in double precision"
    check_rules(recorded, "single")

    loss.weights = Loss(single, np.random.default_rng(0)).weights
    places, along = drawn.differentiable(), directions(drawn, rng)
    gradient = loss.gradients(operands)
    exactly = loss.gradients([Tensor(precise(x.numpy(), "d"), True) if isinstance(x, Tensor) else x for x in operands])
    for place, g, want in zip(places, gradient, exactly, strict=True):
        assert g.dtype == arrays[place].dtype, f"gradient of input {place} has dtype {g.dtype}"
        size = float(np.max(np.abs(want), initial=0.0)) + 1e-2
        assert np.max(np.abs(g - want), initial=0.0) <= 5e-3 * size, "the gradient in float32 is another"
    first, second = loss.second(operands, along)
    for node in nodes(first):
        assert node.spec.dtype not in DOUBLE, f"second order: {node!r} is in double precision"
    for g, place in zip(second, places, strict=True):
        assert g.dtype == arrays[place].dtype


def nodes(results: list[Any]) -> list[Node]:
    return topological([y._node for y in results if isinstance(y, Tensor) and y._node.__class__ is Node])


def check_rules(results: list[Any], precision: str = "double") -> None:
    """Each rule that was recorded, on arrays: shape and dtype of its result, and that it changes nothing."""
    for node in nodes(results):
        shape, dtype = node.spec.shape, node.spec.dtype
        g = np.ones(shape, dtype) * dtype.type(0.5)
        for position, source in enumerate(node.inputs):
            rule = node.op.rules[position]
            if rule is None or not isinstance(source, Node) or not source.requires_grad:
                continue
            before = copy.deepcopy((g, node.saved, node.kwargs))
            with np.errstate(all="ignore"):
                found = rule(g, *node.saved, **node.kwargs)
            what = f"rule {position} of {node.op.name}"
            assert isinstance(found, (np.ndarray, np.generic)), f"{what} returns {type(found)} on arrays"
            if found.shape != source.spec.shape:
                assert unbroadcast(found, source.spec.shape).shape == source.spec.shape
            if precision == "single":
                assert found.dtype not in DOUBLE, f"{what} returns {found.dtype} for {dtype}"
            assert unchanged((g, node.saved, node.kwargs), before), f"{what} changes what it is given"


def unchanged(now: Any, before: Any) -> bool:
    if isinstance(now, dict):
        return all(unchanged(now[key], before[key]) for key in before) and len(now) == len(before)
    if isinstance(now, (tuple, list)):
        return len(now) == len(before) and all(map(unchanged, now, before))
    if isinstance(now, (np.ndarray, np.generic)):
        return np.array_equal(now, before, equal_nan=now.dtype.kind in "fc")
    return type(now) is type(before)


def check_layouts(drawn: Drawn, rng: np.random.Generator) -> None:
    """Transposed and reversed memory, with an incoming gradient laid out alike, change nothing."""
    loss = Loss(drawn, rng)
    want = loss.gradients(tensors(drawn))
    _, want_second = loss.second(tensors(drawn), directions(drawn, np.random.default_rng(0)))
    for layout in (transposed, reversed_memory, strided):
        operands = [
            wrap(layout(a), Leaf(layout(a), spec_of(a), True)) if a.dtype.kind in "fc" else a for a in drawn.arrays
        ]
        loss.weights = [weight and (layout(weight[0]), layout(weight[1])) for weight in loss.weights]
        for g, expected in zip(loss.gradients(operands), want, strict=True):
            np.testing.assert_allclose(g, expected, rtol=1e-9, atol=1e-11, err_msg=f"memory layout: {layout.__name__}")
        _, second = loss.second(operands, directions(drawn, np.random.default_rng(0)))
        for g, expected in zip(second, want_second, strict=True):
            np.testing.assert_allclose(g, expected, rtol=1e-7, atol=1e-9, err_msg=f"second, {layout.__name__}")


def transposed(a: np.ndarray) -> np.ndarray:
    return np.array(a.T, order="C").T


def reversed_memory(a: np.ndarray) -> np.ndarray:
    flip = tuple([slice(None, None, -1)] * a.ndim)
    return a[flip].copy()[flip] if a.ndim else a


def strided(a: np.ndarray) -> np.ndarray:
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


def examples(function: Any) -> Iterator[tuple[Call, int]]:
    sample = SAMPLES[function]
    if sample is not None:
        for number, call in enumerate(calls(sample)):
            yield call, seed_of(function, number)


def needlessly_kept(function: Any) -> set[str]:
    """The arrays that nodes of this row keep although no rule's result depends on them."""
    kept: set[str] = set()
    needed: set[str] = set()
    for call, seed in examples(function):
        drawn = draw(function, call, seed)
        for node in nodes(Loss(drawn, np.random.default_rng(seed)).record(tensors(drawn))):
            if node.op is not TABLE[function]:
                continue
            g = np.random.default_rng(1).uniform(0.5, 1, node.spec.shape).astype(node.spec.dtype)
            for place, value in enumerate(node.saved):
                if isinstance(value, (np.ndarray, np.generic)) and value.size and value.dtype.kind in "fcb":
                    name = "y" if place == 0 else "its inputs" if node.op.variadic else f"input {place - 1}"
                    kept.add(name)
                    if name not in needed and matters(node, g, place):
                        needed.add(name)
    return kept - needed


def matters(node: Node, g: np.ndarray, place: int) -> bool:
    """Whether another value in this place of `saved` makes any rule give another result, or refuse."""
    value = np.asarray(node.saved[place])
    others = (
        [~value] if value.dtype.kind == "b" else [value[..., ::-1] if value.ndim else value, -value, value * 0.3 + 1]
    )
    for position, source in enumerate(node.inputs):
        rule = node.op.rules[position]
        if rule is None or not isinstance(source, Node) or not source.requires_grad:
            continue
        with np.errstate(all="ignore"):
            usual = rule(g, *node.saved, **node.kwargs)
            for other in others:
                saved = list(node.saved)
                saved[place] = other.astype(value.dtype)
                try:
                    found = rule(g, *saved, **node.kwargs)
                except (ValueError, IndexError, TypeError, ArithmeticError):
                    return True
                if not np.array_equal(found, usual):
                    return True
    return False
