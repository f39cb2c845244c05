"""The equations of well-known models, against the textbook, NumPy and the checker of worksheets."""

import re

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.rules.softmax import log_softmax as row
from autograd_lite.show.errors import NoNumpyFormError
from autograd_lite.show.formula import derivation, formula
from autograd_lite.show.graph import walk
from autograd_lite.show.numpy_lines import numpy_printer
from autograd_lite.show.variables import Variables


def parameter(name, *shape, seed=0):
    return Tensor(np.random.RandomState(seed).uniform(0.3, 1.5, shape), requires_grad=True, name=name)


def data(name, *shape, seed=1):
    return Tensor(np.random.RandomState(seed).uniform(0.3, 1.5, shape), name=name)


def dense(outputs=2):
    return data("x", 4, 3) @ parameter("W", 3, outputs) + parameter("b", outputs)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_cross_entropy():
    labels = Tensor(np.eye(2)[[0, 1, 0, 1]], name="y")
    return -(labels * np.log(softmax(dense()))).sum(axis=1).mean()


def sigmoid_cross_entropy():
    y, p = Tensor([[0.0], [1.0], [0.0], [1.0]], name="y"), 1 / (1 + np.exp(-dense(1)))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def perceptron(activation, last=None):
    model = nn.Sequential(nn.Dense(2, 2, seed=0), activation, nn.Dense(2, 1, seed=1), *([last] if last else []))
    ag.name(net=model)
    return nn.mse_loss(model(data("x", 4, 2)), data("y", 4, 1, seed=3))


def gradient_of_a_sigmoid():
    w = parameter("w", 3)
    (nn.sigmoid(w * data("x", 3)) ** 2).sum().backward(create_graph=True)
    return (w.grad**2).sum()


def logistic_regression():
    y, p = Tensor([[0.0], [1.0], [0.0], [1.0]], name="y"), nn.sigmoid(dense(1))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def in_module(module, *inputs):
    ag.name(m=module)
    return (module(*inputs) ** 2).sum()


def layer_norm():
    x, gamma, beta = parameter("x", 4, 3), parameter("gamma", 3), parameter("beta", 3)
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (((x - mean) / np.sqrt(variance + 1e-5) * gamma + beta) ** 2).sum()


def attention(softmax=softmax):
    x = data("x", 4, 3)
    q, k, v = (x @ parameter(name, 3, 2, seed=i) for i, name in enumerate("QKV"))
    return ((softmax(q @ k.T / np.sqrt(2)) @ v) ** 2).sum()


def tower(layers):
    h = data("x", 4, 3)
    for i in range(layers):
        h = np.tanh(h @ parameter(f"W{i + 1}", 3, 3, seed=i) + parameter(f"b{i + 1}", 3))
    return ((h - data("y", 4, 3)) ** 2).mean()


def second_order():
    w = parameter("w", 3)
    (np.tanh(w * data("x", 3)) ** 2).sum().backward(create_graph=True)
    return (w.grad**2).sum()


def where():
    x = parameter("x", 4)
    return np.where(x > 0.8, x**2, -x).sum()


def indexing():
    x = parameter("x", 4, 3)
    return (x[1:, 0] ** 2).sum() + x[np.array([0, 0, 2])].sum()


MODELS = {
    "dense layer, squared error": lambda: ((dense() - data("y", 4, 2)) ** 2).mean(),
    "softmax, cross-entropy": softmax_cross_entropy,
    "cross-entropy of nn": lambda: nn.cross_entropy(dense(), np.array([0, 1, 0, 1])),
    "softmax of nn": lambda: -(data("y", 4, 2) * np.log(nn.softmax(dense()))).sum(axis=1).mean(),
    "attention of nn": lambda: attention(nn.softmax),
    "softmax alone": lambda: (nn.softmax(np.abs(parameter("w", 3))) ** 2).sum(),
    "sigmoid, binary cross-entropy": sigmoid_cross_entropy,
    "logistic regression": logistic_regression,
    "sigmoid network": lambda: perceptron(nn.sigmoid, nn.sigmoid),
    "tanh network": lambda: perceptron(np.tanh, np.tanh),
    "relu network": lambda: perceptron(nn.relu),
    "silu network": lambda: perceptron(nn.silu),
    "log-sigmoid": lambda: nn.log_sigmoid(parameter("w", 3)).sum(),
    "softplus by hand": lambda: np.log(1 + np.exp(parameter("w", 3))).sum(),
    "sigmoid alone": lambda: (data("x", 3) * nn.sigmoid(parameter("w", 3))).sum(),
    "sigmoid, second order": gradient_of_a_sigmoid,
    "binary cross-entropy of nn": lambda: nn.binary_cross_entropy_with_logits(
        dense(1), Tensor([[0.0], [1.0], [0.0], [1.0]], name="y")
    ),
    "layer norm": layer_norm,
    "layer norm of nn": lambda: in_module(nn.LayerNorm(3), parameter("x", 4, 3)),
    "batch norm of nn": lambda: in_module(nn.BatchNorm1d(3), parameter("x", 4, 3)),
    "attention": attention,
    "transformer block": lambda: in_module(nn.TransformerBlock(4, 2, seed=0), data("x", 3, 4)),
    "convolution": lambda: in_module(nn.Conv2d(1, 2, 3, seed=0), data("x", 1, 1, 5, 5)),
    "norm": lambda: np.linalg.norm(parameter("x", 3)) * 2,
    "logsumexp": lambda: nn.logsumexp(parameter("x", 4, 3), axis=1).sum(),
    "trace of an inverse": lambda: np.trace(np.linalg.inv(parameter("A", 3, 3)) @ parameter("B", 3, 3, seed=5)),
    "solve": lambda: (np.linalg.solve(parameter("A", 3, 3), parameter("b", 3, 2)) ** 2).sum(),
    "cumsum": lambda: (np.cumsum(parameter("x", 4)) ** 2).sum(),
    "where": where,
    "maximum of magnitudes": lambda: np.abs(parameter("x", 4, 3)).max(axis=1).sum(),
    "indexing": indexing,
    "einsum": lambda: (np.einsum("ij,jk->ik", parameter("A", 2, 3), parameter("B", 3, 4)) ** 2).sum(),
    "weight decay": lambda: (dense() ** 2).mean() + 0.01 * (parameter("V", 3, 2) ** 2).sum(),
    "second order": second_order,
    "four layers": lambda: tower(4),
}

#: the gradients as textbooks have them
EXPECTED = {
    "dense layer, squared error": ["z = x W + b", "L = mean((z − y)²)", "dz = 2 · (z − y) / 8", "dW = xᵀ dz"],
    "softmax, cross-entropy": ["t₄ = t₂ / t₃", "L = −mean(sum(y ⊙ ln(t₄), axis=1))", "dt₄ = −y / (4 · t₄)"],
    "cross-entropy of nn": [
        "L = −mean(log_softmax(z, axis=1)[[0, 1, 2, 3], [0, 1, 0, 1]])",
        "dz = softmax(z, axis=1) / 4 − scatter(1 / 4, index=",
        "softmax(x, axis) is exp(x) / sum(exp(x), axis, keepdims=True)",
    ],
    "softmax of nn": [
        "z = x W + b    (b is repeated, (2,) to (4, 2))\na = softmax(z, axis=-1)",
        "da = −y / (4 · a)\ndz = a ⊙ (da − sum(da ⊙ a, axis=-1, keepdims=True))",
    ],
    "attention of nn": [
        "a₃ = softmax(z₃, axis=-1)",
        "z₅ = a₃ z₄",
        "dz₃ = a₃ ⊙ (da₃ − sum(da₃ ⊙ a₃, axis=-1, keepdims=True))",
    ],
    "softmax alone": [
        "t₁ = softmax(|w|, axis=-1)\n L = sum(t₁²)",
        "t₁ ⊙ (dt₁ − sum(dt₁ ⊙ t₁, axis=-1, keepdims=True))",
    ],
    "sigmoid, binary cross-entropy": ["a = 1 / (1 + exp(−z))", "dz = da ⊙ a ⊙ (1 − a)"],
    "logistic regression": ["a = σ(z)", "dz = da ⊙ a ⊙ (1 − a)", " and σ(x) is 1 / (1 + exp(−x))"],
    "sigmoid network": [
        "a₁ = σ(z₁)\nz₂ = a₁ W₂ + b₂",
        "a₂ = σ(z₂)\n L = mean((a₂ − y)²)",
        "da₂ = 2 · (a₂ − y) / 4\ndz₂ = da₂ ⊙ a₂ ⊙ (1 − a₂)",
        "dW₂ = a₁ᵀ dz₂\nda₁ = dz₂ W₂ᵀ\ndz₁ = da₁ ⊙ a₁ ⊙ (1 − a₁)",
        "and σ(x) is 1 / (1 + exp(−x))",
    ],
    "tanh network": ["dz₂ = da₂ ⊙ (1 − a₂²)", "dz₁ = da₁ ⊙ (1 − a₁²)"],
    "relu network": ["a₁ = relu(z₁)", "dz₁ = da₁ ⊙ (z₁ > 0)", "and relu(x) is max(x, 0)"],
    "silu network": ["a₁ = z₁ ⊙ σ(z₁)", "z₂ = a₁ W₂ + b₂", "dz₁ = da₁ ⊙ σ(z₁) ⊙ (1 + z₁ ⊙ (1 − σ(z₁)))"],
    "log-sigmoid": ["L = −sum(ln(1 + exp(−w)))", "dw = σ(−w)"],
    "softplus by hand": ["L = sum(ln(1 + exp(w)))", "dw = exp(w) / (1 + exp(w))"],
    "sigmoid alone": ["L = sum(x ⊙ σ(w))", "dw = x ⊙ σ(w) ⊙ (1 − σ(w))"],
    "sigmoid, second order": ["L = sum((2 · t₁² ⊙ (1 − t₁) ⊙ x)²)", "dw = dt₁ ⊙ t₁ ⊙ (1 − t₁) ⊙ x"],
    "binary cross-entropy of nn": ["L = mean(ln(1 + exp(z)) − z ⊙ y)", "dz = (σ(z) − y) / 4", "where σ(x) is"],
    "layer norm": [
        "t₁ = x − mean(x, axis=-1, keepdims=True)",
        "t₂ = sqrt(mean(t₁², axis=-1, keepdims=True) + 10⁻⁵)",
        "t₃ = t₁ / t₂",
        "L = sum((t₃ ⊙ γ + β)²)",
        "dγ = sum(2 · (t₃ ⊙ γ + β) ⊙ t₃, axis=0)",
        "dx = dt₁ − sum(dt₁, axis=1, keepdims=True) / 3",
    ],
    "batch norm of nn": ["dβ = sum(2 · (t₃ ⊙ γ + β), axis=0)", "where γ is m.weight (3,)"],
    "attention": ["z₃ = z₁ z₂ᵀ / 1.41421", "z₅ = t₄ z₄", "dV = xᵀ dz₄", "dt₄ = dz₅ z₄ᵀ", "dz₂ = dz₃ᵀ z₁ / 1.41421"],
    "transformer block": ["W_query + b_query", "and W_query is m.attention.query.weight (4, 4)"],
    "convolution": ["and b is m.bias (2,)"],
    "norm": ["dx = 2 · x / ‖x‖"],
    "trace of an inverse": ["L = tr(inv(A) B)", "dB = inv(A)ᵀ", "dA = −inv(A)ᵀ Bᵀ inv(A)ᵀ"],
    "solve": ["db = solve(Aᵀ, 2 · solve(A, b))"],
    "cumsum": ["dx = cumsum((2 · cumsum(x))[::-1], axis=0)[::-1]"],
    "where": ["L = sum(where(x > 0.8, x², −x))", "dx = 2 · where(x > 0.8, 1, 0) ⊙ x − where(x > 0.8, 0, 1)"],
    "maximum of magnitudes": ["dx = (|x| == max(|x|, axis=1, keepdims=True)) ⊙ sign(x)"],
    "einsum": ["L = sum(einsum('ij,jk->ik', A, B)²)"],
    "weight decay": ["0.01 · sum(V²)", "dV = 0.02 · V"],
    "second order": ["t₁ = tanh(w ⊙ x)", "dw = dt₁ ⊙ (1 − t₁²) ⊙ x"],
    "four layers": ["z₃ = a₂ W₃ + b₃", "a₃ = tanh(z₃)", "dz₃ = da₃ ⊙ (1 − a₃²)", "dW₃ = a₂ᵀ dz₃", "da₂ = dz₃ W₃ᵀ"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_model_reads_as_in_the_textbook(name):
    text = str(derivation(MODELS[name]()))
    for line in EXPECTED[name]:
        assert line in text, text


@pytest.mark.parametrize("name", MODELS)
def test_no_line_is_too_long_to_read_and_none_has_noise(name):
    equations = derivation(MODELS[name]())
    for equation in (*equations.forward, *equations.backward):
        line = re.sub(r"\s+\(.* (is repeated|summed over).*", "", str(type(equations)((equation,))))
        assert len(line) <= 125, line
        assert not re.search(r"None|<\w|object|order=|keepdims=False|axes=None", line), line


@pytest.mark.parametrize("name", [name for name in MODELS if name != "logsumexp"])
def test_the_printed_lines_give_the_engines_gradients(name):
    loss = MODELS[name]()
    graph = walk(loss, values=True, gradients=True)
    symbols = Variables(graph, gradients=True).names
    printer = numpy_printer(symbols.values())
    names = {"np": np}
    for entry in graph:
        if entry.operation is None and entry.id in symbols:
            names[printer.variable(symbols[entry.id])] = entry.value
    exec(derivation(loss).numpy, names)
    checked = [entry for entry in graph if entry.kind == "parameter" and entry.gradient is not None]
    assert checked
    for entry in checked:
        gradient = names[f"d{printer.variable(symbols[entry.id])}"]
        np.testing.assert_allclose(np.broadcast_to(gradient, entry.shape), entry.gradient, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_the_checker_accepts_the_worksheet(name):
    equations = derivation(MODELS[name]())
    sheet = equations.worksheet()
    report = ag.check.worksheet(sheet)
    assert report.error is None and report.lines
    assert {line.verdict for line in report.lines} == {"right"}, f"{report.render(3)}\n{sheet}"


CELLS = {
    "LSTM": (
        lambda: nn.LSTMCell(2, 2, seed=0),
        ["t₁ = σ(z[:, 6:8])", "t₄ = tanh(z[:, 4:6])", "t₅ = tanh(t₂ ⊙ c + t₃ ⊙ t₄)", "dt₅ = 2 · t₁² ⊙ t₅"],
    ),
    "GRU": (lambda: nn.GRUCell(2, 2, seed=0), ["t₁ = σ(z₁[:, 0:2] + z₂[:, 0:2])", "scatter(dt₁ ⊙ t₁ ⊙ (1 − t₁), "]),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_gates_of_a_cell_are_variables(name):
    make, lines = CELLS[name]
    cell, x, state = make(), data("x", 1, 2), data("h", 1, 2)
    ag.name(cell=cell)
    h = cell(x, (state, data("c", 1, 2)))[0] if name == "LSTM" else cell(x, state)
    equations = derivation((h**2).sum())
    for line in lines:
        assert line in str(equations), equations
    report = ag.check.worksheet(equations.worksheet())
    assert report.error is None and {line.verdict for line in report.lines} == {"right"}, equations


def test_sigma_in_the_other_notations():
    equations = derivation(MODELS["sigmoid network"]())
    assert r"a_{1} &= \sigma\left(z_{1}\right)" in equations.latex
    assert r"\sigma\left(x\right) &\;\text{is 1 / (1 + exp(−x))}" in equations.latex
    assert "<mi>σ</mi>" in equations.mathml and "operatorname{σ}" not in equations.latex
    assert "a1 = 1 / (1 + np.exp(-z1))" in equations.numpy
    assert "dz1 = da1 * a1 * (1 - a1)" in equations.numpy


def test_singular_values_are_written_like_sigma_but_are_no_logistic_function():
    equations = formula(np.linalg.svdvals(parameter("A", 3, 3)).sum())
    assert str(equations) == "L = sum(σ(A))"
    assert r"\sigma\left(A\right)" in equations.latex and "svdvals(A)" in equations.numpy


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda v: v - v**2, "L = sum(v ⊙ (1 − v))"),
        (lambda v: v - v * v, "L = sum(v ⊙ (1 − v))"),
        (lambda v: -(v - v * v), "L = −sum(v ⊙ (1 − v))"),
        (lambda v: 3 * (np.exp(v) - np.exp(v) ** 2), "L = sum(3 · t₁ ⊙ (1 − t₁))"),
        (lambda v: v**2 - v, "L = sum(v² − v)"),
        (lambda v: v - v**3, "L = sum(v − v³)"),
        (lambda v: v * data("w", 3) * v, "L = sum(v² ⊙ w)"),
        (lambda v: v * data("w", 3) * v**-1, "L = sum(v ⊙ w ⊙ v^(−1))"),
    ],
)
def test_products_and_differences_of_powers(make, text):
    v = parameter("v", 3)
    loss = make(v).sum()
    assert str(formula(loss)).endswith(text.removeprefix("L")), formula(loss)
    names = {"np": np, "v": v.numpy(), "w": data("w", 3).numpy()}
    exec(formula(loss).numpy, names)
    np.testing.assert_allclose(names["L"], loss.item(), rtol=1e-12)


def test_a_layer_that_stands_alone_has_the_letters_of_others():
    first, second = nn.Dense(2, 3, seed=0), nn.Dense(3, 1, seed=1)
    text = str(derivation((first(data("x", 4, 2)) ** 2).sum()))
    assert "z = x W + b" in text and "dW = xᵀ dz" in text
    assert "where W is weight (2, 3)\n  and b is bias (3,)" in text
    text = str(derivation((second(np.tanh(first(data("x", 4, 2)))) ** 2).sum()))
    assert "z₂ = a₁ W₂ + b₂" in text and "and W₂ is weight (3, 1)" in text
    norm = nn.LayerNorm(3)
    assert "γ is weight (3,)" in str(formula((norm(parameter("x", 4, 3)) ** 2).sum()))
    assert "x weight" in str(formula((data("x", 4, 2) @ parameter("weight", 2, 1)).sum()))


def test_the_names_of_steps_are_nobody_elses():
    z1, a = parameter("z1", 3, 3), parameter("a", 3, 3)
    h = np.tanh(np.tanh(data("x", 4, 3) @ z1) @ a)
    text = str(formula((h * h).sum()))
    assert text == "z₂ = x z₁\na₂ = tanh(z₂)\nz₃ = a₂ a\na₃ = tanh(z₃)\n L = sum(a₃²)"


def test_what_is_computed_twice_is_one_variable_and_its_gradients_add_up():
    x = parameter("x", 3)
    a, b = np.exp(x), np.exp(x)
    equations = derivation((a * np.sin(b)).sum())
    assert str(equations).startswith("t₁ = exp(x)\n L = sum(t₁ ⊙ sin(t₁))")
    names = {"np": np, "x": x.numpy()}
    exec(equations.numpy, names)
    e = np.exp(x.numpy())
    np.testing.assert_allclose(names["dx"], (np.sin(e) + e * np.cos(e)) * e)


def test_two_indexings_with_long_arrays_are_not_taken_for_one():
    """They print alike, and so must not share a variable."""
    x = parameter("x", 40)
    first, second = np.arange(20), np.arange(20, 40)
    loss = (x[first] * np.sin(x[second])).sum()
    text = str(derivation(loss))
    assert text.count("scatter(") == 3  # two terms, and what the word means
    with pytest.raises(NoNumpyFormError, match="too long for a line of NumPy"):
        formula(loss).numpy


def test_equal_terms_of_two_long_indices_are_not_added_up():
    x = parameter("x", 40)
    equations = derivation(x[np.arange(20)].sum() + x[np.arange(20, 40)].sum())
    assert str(equations).startswith("L = sum(x[int64[20]]) + sum(x[int64[20]])\n\ndx = scatter(1, index=int64[20]")
    again = derivation(x[np.arange(20)].sum() + x[np.arange(20)].sum())
    assert str(again).startswith("L = 2 · sum(x[int64[20]])\n\ndx = 2 · scatter(1, index=int64[20]")


@pytest.mark.parametrize(
    ("scattered", "picked", "text"),
    [
        ([0, 2], [0, 2], "L = sum(2 · t₁)"),
        ([0, 0], [0, 0], "L = sum(scatter(2 · t₁, index=[0, 0], shape=(3,))[[0, 0]])"),
        ([0, 2], [2, 0], "L = sum(scatter(2 · t₁, index=[0, 2], shape=(3,))[[2, 0]])"),
    ],
)
def test_what_was_scattered_comes_back_from_the_same_index_where_no_two_met(scattered, picked, text):
    x = parameter("x", 3)
    (x[np.array(scattered)] ** 2).sum().backward(create_graph=True)
    loss = x.grad[np.array(picked)].sum()
    equations = formula(loss)
    assert text in str(equations)
    names = {"np": np, "x": x.numpy()}
    exec(equations.numpy, names)
    np.testing.assert_allclose(names["L"], loss.item(), rtol=1e-12)


LOGITS = {
    "the sum": lambda z: nn.cross_entropy(z, LABELS, reduction="sum"),
    "each loss": lambda z: (nn.cross_entropy(z, LABELS, reduction="none") * data("w", 4)).sum(),
    "squares of each loss": lambda z: (nn.cross_entropy(z, LABELS, reduction="none") ** 2).sum(),
    "one sample": lambda z: nn.cross_entropy(z[0], np.array(1)),
    "with weight decay": lambda z: nn.cross_entropy(z, LABELS) + 0.01 * (z**2).sum(),
    "smoothed labels": lambda z: -(0.9 * row(z, axis=1)[ROWS, LABELS] + 0.1 * row(z, axis=1).mean(axis=1)).mean(),
    "labels of some": lambda z: row(z, axis=1)[ROWS[1:3], LABELS[1:3]].sum(),
    "labels twice": lambda z: row(z, axis=1)[[0, 0, 1], [1, 1, 0]].sum(),
    "labels in another order": lambda z: (row(z, axis=1)[ROWS[::-1], LABELS] * data("w", 4)).sum(),
    "along the first axis": lambda z: (row(z, axis=0) * data("y", 4, 3)).sum(),
    "along both axes": lambda z: (row(z, axis=(0, 1)) * data("y", 4, 3)).sum(),
    "along the last axis": lambda z: (row(2 * z) * data("y", 4, 3)).sum(),
    "read twice": lambda z: (row(z) * np.exp(row(z))).sum(),
    "softmax": lambda z: (nn.softmax(z, axis=0) * data("y", 4, 3)).sum(),
    "softmax and log_softmax of a number": lambda z: nn.softmax(z.sum()) * z.mean() + nn.log_softmax(z.mean()),
    "gradients of squares of softmax": lambda z: squared_gradient(z, (nn.softmax(z) ** 2).sum()),
    "its exponential": lambda z: (np.exp(row(z)) * data("y", 4, 3)).sum(),
    "gradients of the loss": lambda z: squared_gradient(z, nn.cross_entropy(z, LABELS)),
    "gradients of squares": lambda z: squared_gradient(z, (row(z) ** 2).sum()),
}
ROWS, LABELS = np.arange(4), np.array([0, 2, 1, 2])


def squared_gradient(z, loss):
    loss.backward(create_graph=True)
    gradient, z.grad = z.grad, None
    return (gradient**2).sum()


@pytest.mark.parametrize("name", LOGITS)
def test_every_derivation_with_log_softmax_is_a_worksheet_that_is_right(name):
    equations = derivation(LOGITS[name](parameter("z", 4, 3)))
    report = ag.check.worksheet(equations.worksheet())
    assert report.error is None and report.lines
    assert {line.verdict for line in report.lines} == {"right"}, equations


def test_a_repeated_number_is_one_number():
    text = str(derivation(LOGITS["smoothed labels"](parameter("z", 4, 3))))
    assert "= −0.1 / 12 − scatter(0.9 / 4, index=" in text


def test_long_labels_read_like_short_ones():
    z = parameter("z", 40, 3)
    text = str(derivation(nn.cross_entropy(z, np.arange(40) % 3)))
    assert "dz = softmax(z, axis=1) / 40 − scatter(1 / 40, index=(int64[40], int64[40]), shape=(40, 3))" in text


def test_a_function_of_the_users_is_not_taken_for_numpys_or_the_tables():
    w = parameter("w", 3)
    double = ag.custom(lambda x: np.exp(2 * x), lambda g, y, x: 2 * g * y, name="exp")
    equations = derivation(np.log(double(w)).sum())
    assert str(equations).startswith("L = sum(ln(exp(w)))")
    with pytest.raises(NoNumpyFormError, match="this 'exp' is no function of NumPy"):
        equations.numpy
    own = ag.custom(lambda x: x - 1, lambda g, y, x: g * np.exp(y), name="log_softmax")
    assert str(derivation(own(w).sum())) == "L = sum(log_softmax(w))\n\ndw = exp(log_softmax(w))"


def test_wrt_an_unnamed_intermediate_gives_it_a_line():
    x = parameter("x", 3)
    inner = np.sin(x)
    text = str(derivation((inner * 3).sum(), wrt=inner))
    assert text == "t₁ = sin(x)\n L = sum(3 · t₁)\n\ndt₁ = 3 · ones(3)"


def test_the_where_list_is_in_every_notation():
    model = nn.Sequential(nn.Dense(3, 2, seed=0), np.tanh, nn.Dense(2, 1, seed=1))
    ag.name(net=model)
    equations = formula(model(data("x", 4, 3)).sum())
    assert "where W₁ is net.0.weight (3, 2)" in equations.unicode
    assert r"W_{1} &\;\text{is net.0.weight (3, 2)}" in equations.latex
    assert "is net.0.weight (3, 2)</mtext>" in equations.mathml
    assert "# W1 is net.0.weight (3, 2)" in derivation(model(data("x", 4, 3)).sum()).worksheet()


def test_the_same_model_gives_the_same_equations():
    assert str(derivation(attention())) == str(derivation(attention()))
