"""einsum, in forms that Hypothesis makes up and in those that are easily got wrong."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import OperandError, Tensor
from autograd_lite.record import Node
from tests.rules.differences import gradient, numeric

rng = np.random.default_rng(7)


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def is_right(subscripts, *arrays, **how):
    """The loss is linear in each operand: its gradient, along any step, is the loss at that step."""
    w = rng.normal(size=np.shape(np.einsum(subscripts, *arrays, **how)))
    gradients = gradient(lambda *xs: np.sum(w * np.einsum(subscripts, *xs, **how)), *arrays)
    for i, g in enumerate(gradients if len(arrays) > 1 else [gradients]):
        assert g.shape == arrays[i].shape
        step = rng.normal(size=arrays[i].shape)
        moved = [*arrays[:i], step, *arrays[i + 1 :]]
        close(np.sum(g * step), np.sum(w * np.einsum(subscripts, *moved, **how)))


@st.composite
def calls(draw):
    """Subscripts with repeated labels, lone labels, ellipses and broadcasting, and arrays that fit them."""
    sizes = {label: draw(st.integers(0, 3)) for label in "ijkl"}
    hidden = draw(st.lists(st.integers(1, 3), max_size=2))
    terms, arrays = [], []
    for _ in range(draw(st.integers(1, 3))):
        labels = draw(st.text(alphabet="ijkl", max_size=4))
        # NumPy wants equal lengths within one operand; between two a length of 1 is broadcast.
        narrow = draw(st.sets(st.sampled_from("ijkl"), max_size=1))
        shape = [1 if label in narrow else sizes[label] for label in labels]
        if draw(st.booleans()):
            cut = draw(st.integers(0, len(labels)))
            tail = hidden[draw(st.integers(0, len(hidden))) :]
            labels = labels[:cut] + "..." + labels[cut:]
            shape[cut:cut] = tail
        terms.append(labels)
        arrays.append(rng.normal(size=shape))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        used = sorted({label for term in terms for label in term if label != "."})
        out = "".join(draw(st.permutations(used)))[: draw(st.integers(0, len(used)))]
        cut = draw(st.integers(0, len(out)))
        subscripts += "->" + out[:cut] + "..." * ("..." in subscripts) + out[cut:]
    return subscripts, arrays


@given(call=calls(), optimize=st.booleans())
def test_any_subscripts(call, optimize):
    subscripts, arrays = call
    try:
        np.einsum(subscripts, *arrays, optimize=optimize)
    except ValueError:
        with pytest.raises(OperandError, match="einsum"):
            np.einsum(subscripts, *[Tensor(x, requires_grad=True) for x in arrays], optimize=optimize)
        return
    is_right(subscripts, *arrays, optimize=optimize)


def test_a_product_large_enough_for_another_order_of_multiplication():
    is_right("bij,bjk,kl->bil", *(rng.normal(size=shape) for shape in ((4, 9, 8), (4, 8, 9), (9, 10))))


def test_the_other_form_with_lists_of_labels():
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    w = rng.normal(size=(4, 2))
    by_string = gradient(lambda a, b: np.sum(w * np.einsum("ij,jk->ki", a, b)), a, b)
    by_lists = gradient(lambda a, b: np.sum(w * np.einsum(a, [7, 30], b, [30, 51], [51, 7])), a, b)
    for one, other in zip(by_string, by_lists, strict=True):
        close(one, other)


def test_lists_of_labels_order_the_result_as_numpy_does():
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    for labels in ([[1, 0], [0, 2]], [[30, 2], [2, 25]], [[Ellipsis, 5], [5, 0]]):
        want = np.einsum(a, labels[0], b, labels[1])
        found = np.einsum(Tensor(a, requires_grad=True), labels[0], b, labels[1])
        close(found.numpy(), want)


def test_labels_that_are_no_labels_are_refused():
    with pytest.raises(OperandError, match="below 52"):
        np.einsum(Tensor(np.ones((2, 2)), requires_grad=True), [0, 99])


def test_a_number_as_an_operand_and_float32():
    x = rng.normal(size=(2, 3)).astype("f")
    for f in (lambda x: np.sum(np.einsum(",ij->ij", 2.5, x) ** 2), lambda x: np.sum(np.einsum("ij,->j", x, 3) ** 2)):
        found = gradient(f, x)
        assert found.dtype == np.float32
        close(found, gradient(f, x.astype(float)), 1e-4)


def test_one_operand_keeps_nothing_but_its_shape():
    y = np.einsum("iij->j", Tensor(rng.normal(size=(3, 3, 2)), requires_grad=True))
    assert isinstance(y._node, Node) and not any(isinstance(part, np.ndarray) for part in y._node.saved)


def test_every_letter_may_be_used():
    labels = string.ascii_letters
    is_right(f"{labels[:20]},{labels[19]}->{labels[0]}", rng.normal(size=(1,) * 18 + (2, 3)), rng.normal(size=3))


def test_complex_numbers():
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    b = rng.normal(size=3) + 1j * rng.normal(size=3)

    def f(a, b=b):
        return np.sum(np.abs(np.einsum("ii,j,ij->i", a, b, a)) ** 2)

    close(gradient(f, a), numeric(f, a), 1e-6)
    close(gradient(lambda b: f(a, b), b), numeric(lambda b: f(a, b), b), 1e-6)


def test_einsum_path_answers_with_a_plan():
    a = Tensor(np.ones((2, 3)), requires_grad=True)
    assert np.einsum_path("ij,kj->ik", a, a)[0] == np.einsum_path("ij,kj->ik", np.ones((2, 3)), np.ones((2, 3)))[0]
