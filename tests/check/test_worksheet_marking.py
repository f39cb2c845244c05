"""Marking: right lines are never called wrong, and each kind of verdict is given where it belongs."""

import warnings

import numpy as np
import pytest
from derivations import SHEETS, replaced

from autograd_lite.check.worksheets import worksheet
from autograd_lite.check.worksheets.derive import Derivation, Underivable
from autograd_lite.check.worksheets.interpret import evaluate
from autograd_lite.check.worksheets.read import read
from autograd_lite.check.worksheets.sample import differentiable, samples, size_choices, symbols
from autograd_lite.check.worksheets.truth import _by_the_engine


def verdicts(text, **options):
    return {line.name: line.verdict for line in worksheet(text, **options).lines}


@pytest.mark.parametrize("name", SHEETS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_right_derivation_is_right_throughout(name, seed):
    report = worksheet(SHEETS[name], seed=seed)
    assert report.error is None
    assert {line.verdict for line in report.lines} == {"right"}
    assert report.score == report.max_score == len(report.wanted) > 0
    assert report.status == 0


@pytest.mark.parametrize("name", SHEETS)
def test_the_chain_rule_on_expressions_gives_the_engines_gradient(name):
    sheet = read(SHEETS[name])
    sample = samples(sheet, draws=1)[0]
    variables = frozenset(differentiable(sheet, sample.values))
    env = {**sample.values, **{"d" + v: sample.truth[v] for v in variables}}
    found = 0
    for available in (frozenset(), frozenset("d" + v for v in variables)):
        derivation = Derivation(sheet.forward, env, variables, available)
        for variable in variables - {sheet.loss}:
            try:
                expression = derivation.total(variable)
            except Underivable:
                continue
            distance = np.abs(evaluate(expression, env) - sample.truth[variable])
            kinks = 4 * sample.spread[variable]
            assert np.all(distance <= 1e-6 * np.max(np.abs(sample.truth[variable])) + 1e-12 + kinks), str(expression)
            found += 1
    assert found >= len(variables)


@pytest.mark.parametrize("name", SHEETS)
def test_the_engine_alone_gives_the_gradient(name):
    sheet = read(SHEETS[name])
    sample = samples(sheet, draws=1)[0]
    found = _by_the_engine(sheet, sample.values, list(sample.truth), None)
    for variable, truth in sample.truth.items():
        np.testing.assert_allclose(found[variable], truth, rtol=1e-9, atol=1e-12)


def test_every_symbol_has_a_size_of_its_own():
    sheet = read(SHEETS["groupnorm"])
    for choice in size_choices(sheet):
        for sizes in choice:
            assert set(sizes) == set(symbols(sheet))
            assert len({*sizes.values(), 3}) == len(sizes) + 1
            assert min(sizes.values()) >= 3


XOR = """\"\"\"XOR network, one sample\"\"\"
# inputs: W1 (h, d), b1 (h, 1), W2 (o, h), b2 (o, 1), x (d, 1), y (o, 1)
# wanted: dW1, db1, dW2, db2
z1 = W1 @ x + b1
v1 = 1 / (1 + np.exp(-z1))
z2 = W2 @ v1 + b2
p = 1 / (1 + np.exp(-z2))
L = np.mean((y - p) ** 2)
# --- gradients ---
dp = 2 * (p - y) / y.size
dz2 = dp * p * (1 - p)
dW2 = dz2 @ v1.T
db2 = dz2
dv1 = W2.T @ dz2
dz1 = dv1 * v1 * (1 - v1)
dW1 = dz1 @ x.T
db1 = dz1
"""


def test_what_follows_an_error_is_credited():
    report = worksheet(XOR.replace("dp = 2 * (p - y)", "dp = (p - y)"))
    found = {line.name: line.verdict for line in report.lines}
    assert found.pop("dp") == "wrong"
    assert set(found.values()) == {"follow-through"}
    assert report.score == 4.0
    assert report.status == 1


def test_a_second_error_is_found_behind_the_first():
    text = XOR.replace("dp = 2 * (p - y)", "dp = (p - y)").replace("dW1 = dz1 @ x.T", "dW1 = dz1 @ v1.T")
    found = verdicts(text)
    assert [name for name in found if found[name] == "wrong"] == ["dp", "dW1"]


def test_compensating_errors_are_right_with_a_remark():
    text = XOR.replace("dp = 2 * (p - y)", "dp = (p - y)").replace("dz2 = dp", "dz2 = 2 * dp")
    lines = {line.name: line for line in worksheet(text).lines}
    assert lines["dp"].verdict == "wrong"
    assert lines["dz2"].verdict == "right"
    assert lines["dz2"].remark.startswith("compensates")
    assert lines["dW1"].verdict == "right"


def test_a_line_in_which_an_error_cancels_is_right():
    text = replaced("instancenorm", "dxh = 2 * (xh - y) / y.size", "dxh = (xh - y) / y.size\nds = np.sum(dxh) * 0.0")
    text = text.replace("# wanted: dx", "# inputs: s ()\n# wanted: dx")
    lines = {line.name: line for line in worksheet(text).lines}
    assert lines["dxh"].verdict == "wrong"
    assert lines["ds"].verdict == "right"
    assert lines["ds"].remark.startswith("insensitive")


def test_a_dropped_leading_axis_is_right_with_a_remark():
    text = """# inputs: X (n, d), b (1, d), W (d, 1)
# wanted: db, dW
A = X + b
L = np.mean(np.tanh(A) @ W)
# --- gradients ---
dA = (1 - np.tanh(A) ** 2) @ np.diag(W[:, 0]) / len(X)
db = dA.sum(axis=0)
dW = np.tanh(A).mean(axis=0)
"""
    lines = {line.name: line for line in worksheet(text).lines}
    assert lines["db"].verdict == "right"
    assert lines["db"].remark.startswith("dropped-axis")
    assert (lines["dW"].verdict, lines["dW"].mistake) == ("wrong", "keepdims_missing")


@pytest.mark.parametrize(
    ("declared", "mask"),
    [("", "np.tril(np.ones((Q.shape[0], Q.shape[0])))"), (", M (s, s) binary", "M + np.eye(len(Q))")],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mask_of_zeros_and_ones_is_no_kink_that_excuses_a_slip(declared, mask, seed):
    text = f"""# inputs: Q (s, d), K (s, d), V (s, v){declared}
# wanted: dQ, dK
mask = {mask}
Z = Q @ K.T / np.sqrt(Q.shape[1])
P = softmax(np.where(mask > 0, Z, -1e9))
L = np.sum((P @ V) ** 2)
# --- gradients ---
dP = 2 * P @ V @ V.T
dZ = P * (dP - np.sum(P * dP, axis=1, keepdims=True))
dQ = dZ @ K / np.sqrt(Q.shape[1])
dK = dZ.T @ Q / np.sqrt(Q.shape[0])
"""
    found = verdicts(text, seed=seed)
    assert found.pop("dK") == "wrong"
    assert set(found.values()) == {"right"}


KINK = """# inputs: X (n, d) integers, w (d,) integers, b (n,) binary
# wanted: dw
z = X @ w
m = z * b
a = np.maximum(0, m)
r = np.abs(a - 1)
L = np.sum(r)
# --- gradients ---
dr = np.ones_like(r)
da = dr * {sign}
dm = da * {mask}
dz = dm * b
dw = X.T @ dz
"""


@pytest.mark.parametrize("mask", ["(m > 0)", "(m >= 0)", "np.heaviside(m, 0.5)", "(a > 0)", "np.heaviside(m, 0.25)"])
@pytest.mark.parametrize("sign", ["np.sign(a - 1)", "np.where(a >= 1, 1, -1)", "np.where(a > 1, 1, -1)"])
def test_no_convention_at_a_kink_is_wrong(mask, sign):
    assert set(verdicts(KINK.format(mask=mask, sign=sign)).values()) == {"right"}


@pytest.mark.parametrize(("mask", "sign"), [("(m < 0)", "np.sign(a - 1)"), ("(z > 0)", "np.sign(1 - a)")])
def test_a_mistake_on_integer_data_is_still_found(mask, sign):
    assert "wrong" in verdicts(KINK.format(mask=mask, sign=sign)).values()


SATURATED = """# inputs: X (n, d) large, w (d,), y (n,) binary
# wanted: dw
z = X @ w
l = np.logaddexp(0, z) - y * z
L = np.mean(l)
# --- gradients ---
dz = ({sigmoid} - y) / len(y)
dw = X.T @ dz
"""


@pytest.mark.parametrize(
    "sigmoid",
    ["sigmoid(z)", "1 / (1 + np.exp(-z))", "0.5 * (1 + np.tanh(z / 2))", "np.exp(-np.logaddexp(0, -z))",
     "np.where(z > 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))"],
)  # fmt: skip
def test_saturated_activations_are_no_mistake(sigmoid):
    assert set(verdicts(SATURATED.format(sigmoid=sigmoid)).values()) == {"right"}


SATURATED_TANH = """# inputs: x (n,) large, y (n,)
# wanted: dx
h = np.tanh(x)
L = np.sum(h * y)
# --- gradients ---
dx = y / np.cosh(x) ** {power}
"""


@pytest.mark.parametrize(("power", "verdict"), [(2, "right"), (4, "wrong")])
@pytest.mark.parametrize("seed", range(6))
def test_a_mistake_that_saturation_hides_is_found(power, verdict, seed):
    assert verdicts(SATURATED_TANH.format(power=power), seed=seed) == {"dx": verdict}


ZERO = """# inputs: Z (n, k), t (n,) integer labels in [0, k)
# wanted: dZ, dm
m = Z.max(axis=1, keepdims=True)
E = np.exp(Z - m)
S = E.sum(axis=1, keepdims=True)
P = E / S
L = -np.mean(np.log(P[np.arange(len(t)), t]))
# --- gradients ---
dZ = (P - np.eye(Z.shape[1])[t]) / len(t)
dm = {zero}
"""


@pytest.mark.parametrize(
    "zero",
    [
        "np.zeros_like(m)",
        "-dZ.sum(axis=1, keepdims=True)",
        "0 * m",
        "np.sum(P / 3 - P * (1 / 3), axis=1, keepdims=True)",
    ],
)
def test_a_gradient_that_is_exactly_zero_may_carry_rounding(zero):
    assert verdicts(ZERO.format(zero=zero)) == {"dZ": "right", "dm": "right"}


def test_a_small_wrong_value_is_not_rounding():
    assert verdicts(ZERO.format(zero="1e-6 * m"))["dm"] == "wrong"


def test_a_mistake_that_only_some_draws_show_is_found():
    text = replaced("lstm_gate", "dN = dO * np.where(N > 0, 1, slope)", "dN = dO * np.where(N > -2, 1, slope)")
    assert verdicts(text)["dN"] == "wrong"


TRAP = """# inputs: x (n,), y (n,) integers
# wanted: dx, dy
r = np.where(x > 0, np.sqrt(np.abs(x) * (x > 0)), 0 * x)
q = np.sqrt(y @ y)
L = np.sum(r) + q
# --- gradients ---
dx = np.zeros_like(x)
dx[x > 0] = 0.5 / np.sqrt(x[x > 0])
dy = y / q
"""


def test_an_infinite_derivative_behind_a_mask_is_no_mistake():
    assert verdicts(TRAP) == {"dx": "right", "dy": "right"}


def test_a_derivative_that_is_infinite_everywhere_is_an_error():
    text = "# inputs: x (n,)\n# wanted: dx\nz = 0 * x\nr = np.sqrt(z)\nL = np.sum(r)\n# --- gradients ---\ndx = 0 * x\n"
    assert worksheet(text).error.kind == "not-finite"


def test_warnings_of_numpy_are_not_the_readers_affair():
    text = "# inputs: x (n,)\n# wanted: dx\nL = np.sum(x)\n# --- gradients ---\ndx = x[len(x):].mean() + 0 * x\n"
    with warnings.catch_warnings(action="error"):
        assert worksheet(text).error.kind == "not-finite"


SMALL = """# inputs: f (n,) positive, y (n,)
# wanted: df
E = {unit} * f
L = 1e-8 * np.mean((E - {unit} * y) ** 2)
# --- gradients ---
dE = {factor}e-8 * (E - {unit} * y) / f.shape[0]
df = {unit} * dE
"""


@pytest.mark.parametrize("unit", ["1.0", "1e-6", "1e-9", "6.626e-34"])
@pytest.mark.parametrize(("factor", "expected"), [(2, ["right", "right"]), (1, ["wrong", "follow-through"])])
def test_small_units_hide_no_mistake(unit, factor, expected):
    """Rounding was allowed for on the scale of the largest number of the line, whatever a small constant made of it."""
    assert list(verdicts(SMALL.format(unit=unit, factor=factor)).values()) == expected


def test_what_a_line_subtracts_is_what_its_rounding_is_measured_by():
    text = """# inputs: x (n,)
# wanted: dx
L = 1e-9 * np.sum(x ** 2)
# --- gradients ---
dx = {line}
"""
    assert verdicts(text.format(line="(1e3 + 2e-9 * x) - 1e3")) == {"dx": "right"}
    assert verdicts(text.format(line="1e-12 * np.tanh(1e3 * x) * x + 2e-9 * x")) == {"dx": "wrong"}
