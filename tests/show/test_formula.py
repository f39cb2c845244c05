import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import chain, xor

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.show.errors import NoGraphError, ShowError
from autograd_lite.show.formula import derivation, formula
from autograd_lite.show.numpy_lines import numpy_printer


def named(name, tensor):
    tensor.name = name
    return tensor


def parameter(name, *shape, seed=0):
    return Tensor(np.random.RandomState(seed).uniform(0.3, 1.5, shape), requires_grad=True, name=name)


def data(name, *shape, seed=1):
    return Tensor(np.random.RandomState(seed).uniform(0.3, 1.5, shape), name=name)


def textbook_xor():
    """The XOR network with every step named, as in the textbook."""
    _, p = xor()
    x, y = data("x", 2, 5), data("y", 1, 5)
    z1 = named("z1", p["W1"] @ x + p["b1"])
    v1 = named("v1", 1 / (1 + np.exp(-z1)))
    z2 = named("z2", p["W2"] @ v1 + p["b2"])
    y_hat = named("y_hat", 1 / (1 + np.exp(-z2)))
    return named("L", ((y - y_hat) ** 2).mean())


def test_the_derivation_of_the_xor_network_reads_as_in_the_textbook():
    assert str(derivation(textbook_xor())) == (
        "z₁ = W₁ x + b₁    (b1 is repeated, (2, 1) to (2, 5))\n"
        "v₁ = 1 / (1 + exp(−z₁))\n"
        "z₂ = W₂ v₁ + b₂    (b2 is repeated, (1, 1) to (1, 5))\n"
        " ŷ = 1 / (1 + exp(−z₂))\n"
        " L = mean((y − ŷ)²)\n"
        "\n"
        " dŷ = 2 · (ŷ − y) / 5\n"
        "dz₂ = dŷ ⊙ ŷ ⊙ (1 − ŷ)\n"
        "db₂ = sum(dz₂, axis=1, keepdims=True)    (summed over axis 1, along which b2 was repeated)\n"
        "dv₁ = W₂ᵀ dz₂\n"
        "dz₁ = dv₁ ⊙ v₁ ⊙ (1 − v₁)\n"
        "db₁ = sum(dz₁, axis=1, keepdims=True)    (summed over axis 1, along which b1 was repeated)\n"
        "dW₁ = dz₁ xᵀ\n"
        "dW₂ = dz₂ v₁ᵀ"
    )


def test_the_latex_of_the_xor_network():
    latex = derivation(textbook_xor()).latex
    dz1, dv1 = r"\frac{\partial L}{\partial z_{1}}", r"\frac{\partial L}{\partial v_{1}}"
    assert rf"{dz1} &= {dv1} \odot v_{{1}} \odot \left(1 - v_{{1}}\right)" in latex
    assert r"\hat{y} &= \frac{1}{1 + e^{-z_{2}}}" in latex
    assert r"\frac{\partial L}{\partial W_{1}} &= \frac{\partial L}{\partial z_{1}}\,x^\top" in latex
    assert latex.startswith("\\begin{aligned}\n") and latex.endswith("\n\\end{aligned}")
    assert latex.count("{") == latex.count("}") and latex.count(r"\left") == latex.count(r"\right")


def test_the_mathml_is_well_formed_and_has_a_row_for_every_line():
    equations = derivation(textbook_xor())
    root = ET.fromstring(equations.mathml)
    rows = root.findall(".//{*}mtr")
    assert len(rows) == len(equations.forward) + len(equations.backward) == 13
    assert "".join(rows[12].itertext()).replace(" ", "") == "∂L∂W2=∂L∂z2v1⊤"


def run(tensor, leaves):
    """What the printed lines compute, and the gradients of the engine."""
    equations = derivation(tensor)
    names = {"np": np, **{name: leaf.numpy() for name, leaf in leaves.items()}}
    exec(equations.numpy, names)
    tensor.backward()
    return names


def check(tensor, leaves):
    names = run(tensor, leaves)
    np.testing.assert_allclose(names[tensor.name or "L"], tensor.item(), rtol=1e-12)
    for name, leaf in leaves.items():
        if leaf.requires_grad and leaf.grad is not None:
            assert np.broadcast_shapes(np.shape(names[f"d{name}"]), leaf.shape) == leaf.shape
            np.testing.assert_allclose(np.broadcast_to(names[f"d{name}"], leaf.shape), leaf.grad, rtol=1e-9, atol=1e-12)


def test_the_printed_lines_run_and_give_the_engines_gradients():
    loss = textbook_xor()
    from autograd_lite.show.graph import walk

    leaves = {}
    for entry in walk(loss, values=True):
        if entry.kind in ("parameter", "data"):
            leaves[entry.name] = Tensor(entry.value, requires_grad=False)
    names = {"np": np, **{name: leaf.numpy() for name, leaf in leaves.items()}}
    exec(derivation(loss).numpy, names)
    graph = {entry.name: entry for entry in walk(loss, gradients=True) if entry.name}
    for name in ("W1", "b1", "W2", "b2", "z1", "v1", "z2", "y_hat"):
        np.testing.assert_allclose(names[f"d{name}"], graph[name].gradient, rtol=1e-12)


COMPOSITIONS = {
    "softmax cross-entropy": lambda W, x, b: -(np.log(_softmax(x @ W + b)) * (x @ W)).sum(),
    "relu layer": lambda W, x, b: (np.maximum(x @ W - 1.5, 0) ** 2).mean(),
    "tanh layer": lambda W, x, b: np.tanh(x @ W + b).sum(),
    "a ratio": lambda W, x, b: (b / (1 + b * b)).sum() / W.sum(),
    "a root": lambda W, x, b: np.sqrt((x @ W).sum(axis=0) + b).sum(),
    "powers": lambda W, x, b: (W**3 + 2**b - b**b).mean(),
    "a fan-out": lambda W, x, b: (b * b + b * np.sin(b) - b / 3 - b).sum(),
    "reductions": lambda W, x, b: (W.mean(axis=0) * b + W.sum(axis=1).max() - b).sum(),
    "a transpose": lambda W, x, b: (W.T @ W * np.exp(-b)).sum(),
    "signs": lambda W, x, b: (-(W * -1) - (1 - b) * -2.0 + np.abs(b)).sum(),
    "a column": lambda W, x, b: (W.T * b.reshape((2, 1))).mean(),
    "numbers": lambda W, x, b: (0.5 * W * 1e-3 / 4 + 1e9 * b * 1.0 - 0 * b).sum(),
    "a matrix of matrices": lambda W, x, b: ((x @ W) @ (W.T @ W)).mean(),
    "where": lambda W, x, b: np.where(b > 0.8, b * b, -b).sum(),
    "logarithms": lambda W, x, b: np.log1p(b).sum() + np.log(W).mean() - np.expm1(b).sum(),
}


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_printed_lines_of_compositions_give_the_engines_gradients(name):
    leaves = {"W": parameter("W", 3, 2), "x": data("x", 4, 3), "b": parameter("b", 2)}
    check(COMPOSITIONS[name](**leaves), leaves)


STEPS = ["+", "-", "*", "/", "**", "tanh", "exp", "neg", "sum", "col", "sq"]
STEPS += ["softmax", "max", "where", "matmul", "index"]


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=9), st.integers(0, 99))
def test_any_expression_prints_lines_that_give_the_engines_gradients(steps, seed):
    leaves = {"a": parameter("a", 2, 3, seed=seed), "b": parameter("b", 3, seed=seed + 1)}
    a, b = leaves.values()
    h = a
    for i, step in enumerate(steps):
        other = (b, a, h, 2.0)[(seed + i) % 4]
        if step == "+":
            h = h + other
        elif step == "-":
            h = other - h
        elif step == "*":
            h = h * other
        elif step == "/":
            h = h / (other * other + 1)
        elif step == "**":
            h = (h * h + 0.5) ** 1.5
        elif step == "tanh":
            h = np.tanh(h)
        elif step == "exp":
            h = 1 / (1 + np.exp(-h))
        elif step == "neg":
            h = -h
        elif step == "sum":
            h = h - h.sum(axis=1, keepdims=True)
        elif step == "softmax":
            e = np.exp(np.tanh(h) - np.tanh(h).max(axis=-1, keepdims=True))
            h = e / e.sum(axis=-1, keepdims=True)
        elif step == "max":
            h = np.maximum(np.tanh(h), other) - np.minimum(h, 0.5)
        elif step == "where":
            h = np.where(h > 0.5, np.tanh(h), other)
        elif step == "matmul":
            h = np.tanh(h) @ (a.T @ a) / 3
        elif step == "index":
            h = h[::-1] * h[[1, 1]] if h.ndim == 2 else h
        elif step == "col":
            h = np.tanh(h) * h.mean()
        else:
            h = np.tanh(h) ** 2
    loss = (h * b + 0 * a).sum()
    check(loss, leaves)


def test_what_numpy_has_no_function_for_has_no_numpy_form():
    A = parameter("A", 3, 3)
    equations = derivation(np.linalg.det(A) * 2)
    assert "dA = 2 · cofactors(A)" in str(equations)
    assert "where cofactors(A) is det(A) times the transposed inverse of A" in str(equations)
    with pytest.raises(ShowError, match="'cofactors' is no function of NumPy"):
        equations.numpy


def test_what_is_added_at_an_index_takes_lines_of_its_own():
    W = parameter("W", 3, 2)
    equations = derivation((W[1:] ** 2).sum() + W[np.array([0, 0])].sum())
    assert "scatter(2 · W[1:], index=1:, shape=(3, 2))" in str(equations)
    lines = equations.numpy.splitlines()
    assert "scattered1[1:] += 2 * W[1:]" in lines or "scattered2[1:] += 2 * W[1:]" in lines
    assert any(line.startswith("np.add.at(scattered") for line in lines)
    check((W[1:] ** 2).sum() + W[np.array([0, 0])].sum(), {"W": W})


def test_a_mask_is_printed_as_a_condition():
    W, x = parameter("W", 2, 2), data("x", 2, 3)
    h = named("h", np.maximum(named("z", W @ x), 0))
    assert "dz = dh ⊙ (z > 0)" in str(derivation(h.sum() * 2))


def test_only_what_was_asked_for_is_derived():
    loss = textbook_xor()
    text = str(derivation(loss, wrt="b2"))
    assert "db₂" in text and "dW" not in text and "dv₁" not in text
    W, x = parameter("W", 2, 2), parameter("V", 2, 2)
    text = str(derivation((W * x).sum(), wrt=[W]))
    assert "dW = V" in text and "dV" not in text


def test_unnamed_tensors_get_names_that_nobody_has():
    p1 = parameter("p1", 2)
    other, array = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    assert str(formula((p1 * other * array).sum())) == (
        "L = sum(p₁ ⊙ p₂ ⊙ c₁)\n\nwhere p₂ is an unnamed parameter (2,)\n  and c₁ is unnamed data (2,)"
    )
    twice = Tensor([1.0], requires_grad=True, name="p1")
    text = str(formula((p1 * twice).sum()))
    assert text == "L = sum(p₁ · p1_1)\n\nwhere p1_1 is p1 (1,)"


def test_greek_letters_accents_and_odd_names():
    a, b, c = parameter("alpha", 2), parameter("layer-1", 2), parameter("h_in", 2)
    equations = formula((a * b * c).sum())
    assert str(equations) == "L = sum(α ⊙ layer-1 ⊙ hᵢₙ)"
    assert r"\alpha \odot \text{layer-1} \odot h_{\mathrm{in}}" in equations.latex
    assert "alpha * layer_1 * h_in" in equations.numpy
    hostile = parameter(r"<b>\input{x} & $", 2)
    equations = formula((hostile * 2).sum())
    ET.fromstring(equations.mathml)
    assert r"\input" not in equations.latex and "<b>" not in equations.mathml


def test_a_scalar_loss_starts_with_one():
    w = parameter("w", 2)
    assert str(derivation(w.sum())) == "L = sum(w)\n\ndw = ones(2)"


def test_an_accent_that_no_letter_has_still_takes_no_column():
    x_hat, word = parameter("x_hat", 2), parameter("word_hat", 2)
    assert str(derivation((x_hat * word).sum(), wrt="x_hat")) == ("L = sum(x\u0302 ⊙ word_hat)\n\ndx\u0302 = word_hat")


def test_it_shows_itself_in_a_notebook():
    w = parameter("w", 2)
    assert formula((w * w).sum())._repr_latex_().startswith("$\\displaystyle \\begin{aligned}")


def test_after_backward_the_equations_are_the_same():
    loss = textbook_xor()
    before = str(derivation(loss))
    loss.backward()
    assert str(derivation(loss)) == before


def test_what_makes_no_sense_is_refused():
    w = parameter("w", 2)
    with pytest.raises(NoGraphError):
        formula(w)
    with pytest.raises(ag.BackwardError, match="sum"):
        derivation(w * w)
    with pytest.raises(ShowError, match="'nobody' is no part of this graph"):
        derivation((w * w).sum(), wrt="nobody")
    with pytest.raises(ShowError, match="a ndarray of shape"):
        derivation((w * w).sum(), wrt=[np.ones(2)])
    with pytest.raises(ShowError, match="take the formula of a part"):
        formula(chain(10_000)[0])


@pytest.mark.parametrize("name", ["textbook", "softmax cross-entropy", "relu layer", "a ratio", "powers", "signs"])
def test_the_checker_of_worksheets_accepts_a_printed_one(name):
    from autograd_lite.check.worksheets.checker import check as checked

    if name == "textbook":
        loss = textbook_xor()
    else:
        loss = COMPOSITIONS[name](W=parameter("W", 3, 2), x=data("x", 4, 3), b=parameter("b", 2))
    sheet = derivation(loss).worksheet(f'The "{name}"')
    report = checked(sheet)
    assert report.error is None, f"{report.error}\n{sheet}"
    assert report.lines and {line.verdict for line in report.lines} == {"right"}, f"{report.render(3)}\n{sheet}"
    assert set(report.wanted.values()) == {"right"}


def test_the_numpy_form_says_what_its_made_up_names_stand_for():
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    lines = derivation(((w * np.array([3.0, 4.0]) - np.array([0.5, 7.0])) ** 2).sum()).numpy.splitlines()
    made_up = [line.split()[1] for line in lines if "is unnamed data (2,)" in line]
    assert len(made_up) == 2
    values = {"np": np, "w": w.numpy(), made_up[0]: np.array([3.0, 4.0]), made_up[1]: np.array([0.5, 7.0])}
    exec("\n".join(lines), values)
    assert np.allclose(values["dw"], 2 * (values["w"] * [3.0, 4.0] - [0.5, 7.0]) * [3.0, 4.0])


@pytest.mark.parametrize(("start", "marker"), [(np.zeros, ""), (np.ones, " positive")])
def test_a_parameter_that_begins_as_zeros_or_ones_is_not_drawn_from_these_alone(start, marker):
    w, x = Tensor(start(3), requires_grad=True, name="w"), Tensor([0.0, 1.0, 1.0], name="x")
    sheet = derivation(((w - x) ** 2).sum() + (w**2).sum()).worksheet()
    assert f"# inputs: w (3,){marker}\n" in sheet and "# inputs: x (3,) binary\n" in sheet
    (solution,) = [line for line in sheet.splitlines() if line.startswith("dw = ")]
    report = ag.check.worksheet(sheet.replace(solution, "dw = 2 * (w - x) + 2 * w ** 2"))
    assert report.lines[-1].verdict == "wrong"


def test_a_worksheet_calls_its_result_L():
    loss, _ = xor()
    sheet = derivation(loss).worksheet()
    assert "# inputs: W1 (2, 2) in (0, 1)" in sheet and "# inputs: x (2, 1) binary" in sheet
    assert "\nL = np.mean((y - a2) ** 2)\n# --- gradients ---\n" in sheet
    assert "# wanted: dW2, dW1, db1, db2" in sheet
    with pytest.raises(ShowError, match="take the worksheet of a derivation"):
        formula(loss).worksheet()
    with pytest.raises(ShowError, match="rename that one"):
        derivation(named("loss", (parameter("L", 2) ** 2).sum())).worksheet()


def test_repetitions_and_common_factors_are_written_once():
    z = parameter("z", 5)
    assert "dz = 0.5 · (0.5 − 0.5 · tanh(0.5 · z)²)" in str(derivation((0.5 * np.tanh(0.5 * z) + 0.5).sum()))
    y = parameter("y", 5)
    text = str(derivation((np.tanh(3 * z) * y).sum(), wrt=z))
    assert "dz = 3 · y ⊙ (1 − tanh(3 · z)²)" in text


def test_equal_terms_are_added_up():
    z = parameter("z", 3)
    h = named("h", np.tanh(z))
    assert "dh = 3 · h²" in str(derivation((h * h * h).sum()))


def test_a_stack_of_matrices_is_transposed_matrix_by_matrix():
    a, b = parameter("a", 4, 2, 3), parameter("b", 4, 3, 2)
    equations = derivation((a @ b).sum(axis=0).mean())
    leaves = {"a": a, "b": b}
    assert "bᵀ" in str(equations) and "swapaxes(b, -1, -2)" in equations.numpy
    check((a @ b).mean(), leaves)
    whole = formula((np.transpose(a) * 2).sum())
    assert str(whole) == "L = sum(2 · transpose(a))"


def test_an_axis_put_in_at_the_end_is_not_lost():
    """(3,) to (3, 1) to (3, 3) is another repetition than (3,) to (3, 3)."""
    a = parameter("a", 3, 3)
    check((np.abs(a).sum(axis=1) ** 2).sum(), {"a": a})
    assert "da = 2 · sum(|a|, axis=1, keepdims=True) ⊙ sign(a)" in str(derivation((np.abs(a).sum(axis=1) ** 2).sum()))


def test_of_two_reshapes_the_last_decides():
    a, b = parameter("a", 6), parameter("b", 3, 2)
    loss = (a.reshape((2, 3)).reshape((3, 2)) * b).sum()
    assert str(formula(loss)) == "L = sum(reshape(a, shape=(3, 2)) ⊙ b)"
    check(loss, {"a": a, "b": b})


def test_variables_of_numpy_lines_are_told_apart_whatever_they_are_called():
    names = ["for", "np", "a b", "a_b", "dx", "x", "c", "1st"]
    leaves = [parameter(name, 2, seed=i) for i, name in enumerate(names)]
    loss = sum(((i + 2) * np.sin(leaf) for i, leaf in enumerate(leaves[1:])), np.sin(leaves[0])).sum()
    equations = derivation(loss)
    printer = numpy_printer(leaf.name for leaf in leaves)
    places = {"np": np} | {printer.variable(leaf.name): leaf.numpy() for leaf in leaves}
    assert len(places) == len(names) + 1
    exec(equations.numpy, places)
    loss.backward()
    for leaf in leaves:
        np.testing.assert_allclose(places[f"d{printer.variable(leaf.name)}"], leaf.grad, rtol=1e-12)
    assert "sin(c)" in str(equations)


def test_numbers_are_written_as_in_print():
    x = parameter("x", 2)
    small, infinite = formula((x * 2.5e-8 + 1e-5).sum()), formula((x * np.inf).sum())
    assert str(small) == "L = sum(2.5·10⁻⁸ · x + 10⁻⁵)"
    assert r"2.5 \times 10^{-8} \cdot x + 10^{-5}" in small.latex
    assert "<msup><mn>10</mn>" in small.mathml and "2.5e-8 * x + 1e-5" in small.numpy
    assert str(infinite) == "L = sum(∞ · x)" and r"\infty" in infinite.latex and "np.inf * x" in infinite.numpy


@pytest.mark.parametrize("function", [formula, derivation, ag.explain], ids=lambda f: f.__name__)
def test_errors_name_the_function_that_was_called(function):
    x, z = parameter("x", 2), Tensor([1 + 2j], requires_grad=True)
    for nothing in (x, 3.0, None, np.ones(2), (x * x,), (x * x).detach()):
        with pytest.raises(NoGraphError, match=f"^{function.__name__}: .*pass the"):
            function(nothing)
    if function is not formula:
        for unfit, way_out in ((x * x, r"\.sum\(\)"), ((z * z).sum(), "np.abs"), (x > 1, "requires_grad=True")):
            with pytest.raises(ag.BackwardError, match=f"^{function.__name__}: .*{way_out}"):
                function(unfit)


@pytest.mark.parametrize("wrt", [[], np.ones(2), {"x": 1}, 3, b"x", Tensor([1.0])], ids=repr)
def test_what_cannot_be_differentiated_by_is_refused(wrt):
    x = parameter("x", 2)
    with pytest.raises(ShowError, match=r"^derivation: .*(is no part of this graph|wrt is empty)"):
        derivation((x * x).sum(), wrt=wrt)


def test_the_result_is_not_differentiated_by_itself():
    loss = (parameter("x", 2) ** 2).sum()
    with pytest.raises(ShowError, match="by itself"):
        derivation(loss, wrt=loss)


def test_conditions_count_in_numpy_lines():
    """To NumPy true + true is true, and -true an error; gradients that are conditions have to be numbers."""
    x, y = parameter("x", 3, 3), parameter("y", 3, 3, seed=4)
    leaves = {"x": x, "y": y}
    check((np.maximum(x, y) + np.maximum(x, 0.1)).sum() - np.maximum(y, 0.1).sum(), leaves)
    leaves = {"x": parameter("x", 3, 3), "y": parameter("y", 3, 3, seed=4)}
    check((np.maximum(leaves["x"], 0.1) @ np.maximum(leaves["y"], 0.1)).sum(), leaves)


def test_brackets_stand_where_an_index_or_a_sign_needs_them():
    A, b = parameter("A", 3, 3), parameter("b", 3)
    leaves = {"A": A, "b": b}
    loss = ((A**2)[0] * b).sum()
    assert str(formula(loss)) == "L = sum((A²)[0] ⊙ b)"
    check(loss, leaves)
    c, d = parameter("c", 3), parameter("d", 3)
    assert str(formula((c - (d + b)).sum())) == "L = sum(c − d − b)"
    assert str(formula((c - (-d - b)).sum())) == "L = sum(c + d + b)"


def test_two_masks_are_two_words():
    """Both were `mask`, so that one less the other read as 0 and one times the other as a square."""
    x = Tensor([1.0, 2.0, 0.0], requires_grad=True, name="x")
    first, second = np.array([True, False, True]), np.array([False, True, True])
    text = str(derivation(2 * (np.sum(x, where=first) - np.sum(x, where=second))))
    assert "dx = dt₁ · mask2 − dt₁ · mask\n" in text
    assert text.count("1 where the operation has let the entry through") == 2
    assert "mask2" not in str(derivation(2 * (np.sum(x, where=first) - np.sum(x**2, where=first))))
    assert "dt₁ ⊙ weights ⊙ weights2" in str(derivation((np.clip(x, 0, 2) ** 2).sum()))


@pytest.mark.parametrize(
    "loss",
    [
        lambda X: (X.max(axis=1) ** 2).sum(),
        lambda X: (X.min(axis=0, keepdims=True) ** 2).sum(),
        lambda X: X.max() ** 2,
        lambda X: np.exp(X.min(axis=-1)).sum(),
    ],
)
def test_those_that_share_an_extreme_are_counted(loss):
    """The count of this run was printed as a number, which is right for no other run."""
    X = Tensor([[1.0, 1, 0], [2, 0, 0], [3, 3, 3]], requires_grad=True, name="X")
    check(loss(X), {"X": X})
    report = ag.check.worksheet(derivation(loss(X)).worksheet())
    assert {line.verdict for line in report.lines} == {"right"}


def test_a_line_that_holds_for_this_run_alone_makes_no_worksheet():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = 2 * np.maximum(x, Tensor([1.0, 2.0], name="y")).sum()
    with pytest.raises(ShowError, match="the line of dx holds for the values of this run alone"):
        derivation(loss).worksheet()
