"""Layers, activations, a loss and a whole network against gradients derived by hand.

Each formula is written out in NumPy, as on paper; the engine differentiates the composition. Shapes and values come
from Hypothesis. Derivations: Goodfellow, Bengio and Courville, "Deep Learning", section 6.5.
"""

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import Tensor, nn

sizes = st.integers(1, 4)
numbers = st.floats(-3, 3).map(lambda x: round(x, 6))


def arrays(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(float, shape, elements=numbers)


@st.composite
def of_sizes(draw: st.DrawFn, *shapes: str) -> list[np.ndarray]:
    """Arrays with shapes such as "hd": the same letter is the same size, a 1 is one."""
    lengths = {letter: draw(sizes) for letter in "".join(shapes) if letter != "1"} | {"1": 1}
    return [draw(arrays(*[lengths[letter] for letter in shape])) for shape in shapes]


def parameters(*values: np.ndarray) -> list[Tensor]:
    return [Tensor(value, requires_grad=True) for value in values]


def same(tensors: Any, *expected: np.ndarray) -> None:
    for tensor, gradient in zip(tensors, expected, strict=True):
        assert tensor.grad.shape == gradient.shape
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-10, atol=1e-13)


# --- dense layer --------------------------------------------------------------------------------------------------


@given(of_sizes("hd", "h1", "dn", "hn"))
def test_dense_layer_with_samples_as_columns(values: list[np.ndarray]) -> None:
    """Z = W X + b: dW = dZ X^T, db = sum of dZ over the samples, dX = W^T dZ."""
    w, b, x, dz = values
    tensors = parameters(w, b, x)
    (tensors[0] @ tensors[2] + tensors[1]).backward(dz)
    same(tensors, dz @ x.T, dz.sum(axis=1, keepdims=True), w.T @ dz)


@given(of_sizes("dh", "h", "nd", "nh"))
def test_dense_layer_with_samples_as_rows(values: list[np.ndarray]) -> None:
    """Z = X W + b: dW = X^T dZ, db = sum of dZ over the samples, dX = dZ W^T."""
    w, b, x, dz = values
    tensors = parameters(w, b, x)
    (tensors[2] @ tensors[0] + tensors[1]).backward(dz)
    same(tensors, x.T @ dz, dz.sum(axis=0), dz @ w.T)


@given(of_sizes("dh", "h", "nd", "nh"))
def test_the_dense_layer_of_nn(values: list[np.ndarray]) -> None:
    w, b, x, dz = values
    layer = nn.Dense(*w.shape)
    layer.weight, layer.bias = parameters(w, b)
    (inputs,) = parameters(x)
    layer(inputs).backward(dz)
    same([layer.weight, layer.bias, inputs], x.T @ dz, dz.sum(axis=0), dz @ w.T)


@given(of_sizes("dh", "nd", "nh"))
def test_the_dense_layer_of_nn_without_bias(values: list[np.ndarray]) -> None:
    w, x, dz = values
    layer = nn.Dense(*w.shape, bias=False)
    (layer.weight,) = parameters(w)
    layer(Tensor(x)).backward(dz)
    same([layer.weight], x.T @ dz)


# --- activations --------------------------------------------------------------------------------------------------


def logistic(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def rectified(z: Any) -> Any:
    return np.where(z > 0, z, 0.0)


either_sigmoid = pytest.mark.parametrize("sigmoid", [logistic, nn.sigmoid], ids=["composed", "nn"])
either_relu = pytest.mark.parametrize("relu", [rectified, nn.relu], ids=["composed", "nn"])


@either_sigmoid
@given(values=of_sizes("nm", "nm"))
def test_sigmoid(sigmoid: Any, values: list[np.ndarray]) -> None:
    """s'(z) = s(z) (1 - s(z))."""
    z, ds = values
    (tensor,) = parameters(z)
    sigmoid(tensor).backward(ds)
    s = 1 / (1 + np.exp(-z))
    same([tensor], ds * s * (1 - s))


@given(hnp.arrays(float, 5, elements=st.floats(-1e4, 1e4)))
def test_the_sigmoid_of_nn_saturates_without_overflow(z: np.ndarray) -> None:
    (tensor,) = parameters(z)
    nn.sigmoid(tensor).sum().backward()
    e = np.exp(-np.abs(z))
    np.testing.assert_allclose(tensor.grad, e / (1 + e) ** 2, rtol=1e-9, atol=1e-15)


@either_relu
@given(values=of_sizes("nm", "nm"))
def test_relu(relu: Any, values: list[np.ndarray]) -> None:
    """The derivative is 1 where z > 0 and 0 elsewhere, at 0 too."""
    z, da = values
    z.flat[0] = 0.0
    (tensor,) = parameters(z)
    relu(tensor).backward(da)
    same([tensor], da * (z > 0))


# --- mean squared error -------------------------------------------------------------------------------------------


def mean_squared_error(y_hat: Any, y: Any) -> Any:
    return ((y_hat - y) ** 2).mean()


@pytest.mark.parametrize("mse_loss", [mean_squared_error, nn.mse_loss], ids=["composed", "nn"])
@given(values=of_sizes("on", "on"))
def test_mean_squared_error(mse_loss: Any, values: list[np.ndarray]) -> None:
    """dL/dy_hat = 2 (y_hat - y) / n, with n the number of elements; dL/dy is its negative."""
    y_hat, y = values
    tensors = parameters(y_hat, y)
    loss = mse_loss(*tensors)
    np.testing.assert_allclose(loss.item(), np.sum((y_hat - y) ** 2) / y.size, rtol=1e-12)
    loss.backward()
    gradient = 2 * (y_hat - y) / y.size
    same(tensors, gradient, -gradient)


# --- the two-layer network ------------------------------------------------------------------------------------------


def network(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any, sigmoid: Any = logistic) -> Any:
    v1 = sigmoid(w1 @ x + b1)
    y_hat = sigmoid(w2 @ v1 + b2)
    return ((y - y_hat) ** 2).mean()


def network_by_hand(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> tuple[float, list[np.ndarray]]:
    """The loss and its gradients by W1, b1, W2, b2 and x, from the loss back to the input."""
    z1 = w1 @ x + b1
    v1 = 1 / (1 + np.exp(-z1))
    z2 = w2 @ v1 + b2
    y_hat = 1 / (1 + np.exp(-z2))
    loss = np.mean((y - y_hat) ** 2)

    dy_hat = 2 * (y_hat - y) / y.size
    dz2 = dy_hat * y_hat * (1 - y_hat)
    dw2 = dz2 @ v1.T
    db2 = dz2.sum(axis=1, keepdims=True)
    dv1 = w2.T @ dz2
    dz1 = dv1 * v1 * (1 - v1)
    dw1 = dz1 @ x.T
    db1 = dz1.sum(axis=1, keepdims=True)
    dx = w1.T @ dz1
    return loss, [dw1, db1, dw2, db2, dx]


@either_sigmoid
@given(values=of_sizes("hd", "h1", "oh", "o1", "dn", "on"))
def test_two_layer_network_with_samples_as_columns(sigmoid: Any, values: list[np.ndarray]) -> None:
    *inputs, y = values
    tensors = parameters(*inputs)
    loss = network(*tensors, y, sigmoid=sigmoid)
    loss.backward()
    expected, gradients = network_by_hand(*values)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)
    same(tensors, *gradients)


@given(of_sizes("dh", "h", "ho", "o", "nd", "no"))
def test_two_layer_network_of_nn_with_samples_as_rows(values: list[np.ndarray]) -> None:
    """The same network transposed: each gradient is the transpose of that with samples as columns."""
    w1, b1, w2, b2, x, y = values
    hidden, output = nn.Dense(*w1.shape), nn.Dense(*w2.shape)
    hidden.weight, hidden.bias, output.weight, output.bias = tensors = parameters(w1, b1, w2, b2)
    nn.mse_loss(nn.sigmoid(output(nn.sigmoid(hidden(Tensor(x))))), Tensor(y)).backward()
    _, (dw1, db1, dw2, db2, _) = network_by_hand(w1.T, b1[:, None], w2.T, b2[:, None], x.T, y.T)
    same(tensors, dw1.T, db1[:, 0], dw2.T, db2[:, 0])


def test_the_network_that_learns_xor_has_the_published_loss_and_the_gradients_by_hand() -> None:
    random = np.random.RandomState(42)
    weights = [random.rand(2, 2), random.rand(2, 1), random.rand(1, 2), random.rand(1, 1)]
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0]])
    tensors = parameters(*weights)
    loss = network(*tensors, x, y)
    loss.backward()
    np.testing.assert_allclose(loss.item(), 0.05084754666230897, rtol=1e-12)
    same(tensors, *network_by_hand(*weights, x, y)[1][:4])
