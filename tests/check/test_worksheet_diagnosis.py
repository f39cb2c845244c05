"""Diagnosis: the mistake of a line is named, and the suggested line makes the value right."""

import re

import pytest
from derivations import replaced

from autograd_lite.check.worksheets import worksheet
from autograd_lite.check.worksheets.diagnose import FAMILY
from autograd_lite.check.worksheets.report import MEANING

TIED = "dW = X.T @ dA + dR.T @ H"
NET = "dw = X.T @ de + l1 * np.sign(w) + l2 * w"
PINBALL = "dr = dl * np.where(r > 0, tau, tau - 1)"
GRU = "dh0 = dh1 * (1 - z) + ds * r + dar @ Ur.T + daz @ Uz.T"
LEAK = "dN = dO * np.where(N > 0, 1, slope)"
MISTAKES = [
    ("softplus", "dr = r / r.size", "dr = 2 * r / r.size", "wrong_constant"),
    ("elastic_net", "de = 2 * e / len(y)", "de = e / len(y)", "missing_factor_2"),
    ("elastic_net", "de = 2 * e / len(y)", "de = 2 * e", "missing_1_over_n"),
    ("elastic_net", "db = np.sum(de)", "db = np.mean(de)", "mean_for_sum"),
    ("elastic_net", "db = np.sum(de)", "db = np.sum(de) / len(y)", "extra_1_over_n"),
    ("elastic_net", NET, "dw = X.T @ de + l1 * np.sign(w)", "regulariser_missing"),
    ("elastic_net", NET, "dw = X.T @ de + l1 * np.sign(w) - l2 * w", "sign_flipped"),
    ("cross_attention", "dO = 2 * (O - Y) / Y.size", "dO = 2 * (O - Y) / Y.shape[0]", "wrong_count"),
    ("cross_attention", "dq = dS @ k / np.sqrt(Wk.shape[1])", "dq = dS @ k", "scale_missing"),
    ("cross_attention", "dk = dS.T @ q / np.sqrt(Wk.shape[1])", "dk = dS @ q / np.sqrt(Wk.shape[1])", "transposed"),
    (
        "cross_attention",
        "dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))",
        "dS = A * (1 - A) * dA",
        "softmax_offdiagonal_missing",
    ),
    ("bilinear", "dP = ds[:, None] * V", "dP = V", "upstream_missing"),
    ("weight_tying", "dA = dH * (1 - H ** 2)", "dA = dH", "activation_derivative_missing"),
    ("weight_tying", "dA = dH * (1 - H ** 2)", "dA = dH * (1 - H)", "wrong_local_derivative"),
    ("weight_tying", "dA = dH * (1 - H ** 2)", "dA = dH * (1 - A ** 2)", "derivative_at_preactivation"),
    ("weight_tying", "dA = dH * (1 - H ** 2)", "dA = dH * (1 - np.tanh(H) ** 2)", "activation_derivative_twice"),
    ("weight_tying", TIED, "dW = X.T @ dA", "not_accumulated"),
    ("weight_tying", "db = dA.sum(axis=0)", "db = dA", "not_summed"),
    ("weight_tying", "db = dA.sum(axis=0)", "db = dA.sum(axis=1)", "wrong_axis"),
    ("weight_tying", "dH = dR @ W", "dH = dR * W", "elementwise_for_matmul"),
    ("two_layer_columns", "dZ = (P - Y) / n", "dZ = (P - Y) * P / n", "activation_derivative_extra"),
    (
        "two_layer_columns",
        "db1 = d1.sum(axis=1, keepdims=True)",
        "db1 = d1.sum(axis=1)",
        "keepdims_missing",
    ),
    ("groupnorm", "ds = -np.sum(dxh * xc, axis=2, keepdims=True) / s ** 2",
     "ds = -np.sum(dxh * xc, axis=2, keepdims=True) / s", "power_rule"),
    ("groupnorm", "dx = dxc + dm / 3", "dx = dxc", "norm_mean_term_missing"),
    ("groupnorm", "dxc = dxh / s + 2 * xc * dv / 3", "dxc = dxh / s", "norm_var_term_missing"),
    ("poisson", "dw = X.T @ deta", "dw = X.T @ (deta * y)", "wrong_local_derivative"),
    ("gru", "dr = ds * h0", "dr = ds", "inner_derivative_missing"),
    ("gru", "dUz = h0.T @ daz", "dUz = h1.T @ daz", "wrong_variable"),
    ("triplet", "ddist = dh * (dist + margin > 0)", "ddist = dh * (dist + margin < 0)", "wrong_branch"),
    ("lstm_gate", LEAK, "dN = dO * np.where(dO > 0, 1, slope)", "relu_mask_wrong_tensor"),
    ("embedding_scatter", "np.add.at(dC, i, dr)", "dC[i] += dr", "duplicate_index_lost"),
    ("rmsnorm", "dZ[np.arange(n), t] -= 1", "dZ[:, t] -= 1", "wrong_slice"),
    ("vae_kl", "dsig = dz * eps", "dsig = dz", "inner_derivative_missing"),
    ("quantile", PINBALL, "dr = dl * np.where(r < 0, tau, tau - 1)", "wrong_branch"),
    ("two_layer_columns", "dZ = (P - Y) / n", "dZ = 3 * (P - Y) / n", "wrong_constant"),
    ("log_determinant", "dc = v + np.linalg.solve(S.T, dv)", "dc = v", "missing_factor_2"),
    ("log_determinant", "dP = 0.5 * D.T @ D / n", "dP = 0.5 * D @ D.T / n", "transposed"),
    ("norms", "dM = M / np.linalg.norm(M) * (1 + np.linalg.norm(w))", "dM = M * (1 + np.linalg.norm(w))",
     "inner_derivative_missing"),
    ("gru", GRU, "dh0 = dh1 * (1 - z) + ds * r + dar @ Ur + daz @ Uz", "transposed"),
    ("gru", "dar = dr * r * (1 - r)", "dar = dr * (1 - r ** 2)", "wrong_local_derivative"),
    ("gru", "dac = dc * (1 - c ** 2)", "dac = dc * c * (1 - c)", "wrong_local_derivative"),
    ("attention_rows", "dS = P * (dP - np.sum(dP * P, 1, keepdims=True))",
     "dS = P * (dP - np.sum(dP * P, 0, keepdims=True))", "wrong_axis"),
    ("attention_rows", "dK = 5 * dS.T @ Q", "dK = dS.T @ Q", "scale_missing"),
    ("neuron", "dw = dz * x", "dw = dz * w", "wrong_variable"),
    ("neuron", "dz = da * a * (1 - a)", "dz = da * sigmoid(a) * (1 - sigmoid(a))", "activation_derivative_twice"),
    ("embedding_scatter", "np.add.at(dC, i, dr)", "dC[i] -= -dr", "duplicate_index_lost"),
    ("norms", "dU = (dcos / nu)[:, None] * V / nv + (dnu / nu)[:, None] * U", "dU = dcos / nu * V / nv + dnu / nu * U",
     "keepdims_missing"),
    ("multi_head", "dV = A.transpose(0, 1, 3, 2) @ dO", "dV = A @ dO", "transposed"),
    ("attention_rows", "dV = P.T @ dO", "dV = dO.T @ P", "transposed"),
    ("attention_rows", "dT = A.T @ dM @ A", "dT = A @ A.T @ dM", "transposed"),
    ("powers", "dx = 3 * x ** 2 * w * dy", "dx = 3 * w * dy", "inner_derivative_missing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "right", "wrong", "mistake"), MISTAKES)
def test_a_mistake_is_named_and_repaired(name, right, wrong, mistake):
    text = replaced(name, right, wrong)
    faults = [line for line in worksheet(text).lines if line.verdict in ("wrong", "error")]
    [line] = faults
    assert line.mistake == mistake
    assert line.family == FAMILY[mistake]
    lines = text.splitlines()
    lines[line.line - 1] = line.fix
    again = {other.name: other.verdict for other in worksheet("\n".join(lines)).lines}
    assert again[line.name] == "right"


def test_several_slips_in_one_factor_are_all_named():
    text = replaced("vae_kl", "dxr = 2 * (xr - x) / x.shape[0]", "dxr = x - xr")
    line = next(line for line in worksheet(text).lines if line.name == "dxr")
    assert line.mistake == "sign_flipped"
    assert line.also == ["missing_factor_2", "missing_1_over_n"]


def test_the_counterexample_is_small_and_true():
    text = replaced("elastic_net", "de = 2 * e / len(y)", "de = e / len(y)")
    line = worksheet(text).lines[0]
    example = line.counterexample
    assert example["sizes"] == {"n": 1, "d": 1}
    inputs = example["inputs"]
    residual = inputs["X"][0][0] * inputs["w"][0] + inputs["b"] - inputs["y"][0]
    assert example["truth"] == [2 * residual]
    assert example["value"] == [residual]


def test_the_evidence_has_sizes_and_numbers():
    text = replaced("elastic_net", "de = 2 * e / len(y)", "de = e / len(y)")
    shown = worksheet(text).as_dict()["lines"][0]
    assert "n = " in shown["evidence"]
    assert "it should be" in shown["evidence"]
    assert shown["fix"] in ("de = 2 * (e / len(y))", "de = 2 * e / len(y)")


def test_hints_have_three_levels():
    text = replaced("elastic_net", "de = 2 * e / len(y)", "de = e / len(y)")
    where, kind, fix = (worksheet(text).as_dict(hints)["lines"][0] for hints in (1, 2, 3))
    assert where["verdict"] == "wrong"
    assert where["mistake"] is where["evidence"] is where["fix"] is None
    assert kind["mistake"] == "missing_factor_2"
    assert kind["fix"] is None
    assert "should be '" not in kind["evidence"]
    assert fix["fix"] is not None


def test_every_tag_has_a_family_and_a_meaning():
    assert set(FAMILY) == set(MEANING)


def test_a_line_that_no_slip_explains_still_gets_a_right_line():
    text = replaced("gru", "dc = dh1 * z", "dc = np.cos(x @ Wc) + dh1 ** 3")
    line = next(line for line in worksheet(text).lines if line.name == "dc")
    assert line.verdict == "wrong"
    assert line.fix == "dc = dh1 * z"


def test_a_name_that_is_not_yet_there_is_an_error():
    report = worksheet(replaced("gru", "dWr = x.T @ dar", "dWr = x.T @ daz"))
    assert [line.name for line in report.lines if line.verdict == "error"] == ["dWr"]
    assert (report.error.kind, report.error.name) == ("undefined-name", "daz")
    assert re.search(r"^daz is read before line \d+ defines it; move that line up", report.error.message)


NAMES = """# inputs: X (n, d), w (d,), y (n,)
# wanted: dw
z = X @ w
p = np.tanh(z)
L = np.mean((p - y) ** 2)
# --- gradients ---
dp = 2 * (p - y) / len(y)
dz = dp * (1 - p ** 2)
dw = X.T @ dz
"""


@pytest.mark.parametrize(
    ("right", "written", "mistake"),
    [
        ("X.T @ dz", "X.T @ dZ", None),
        ("X.T @ dz", "X.T @ -dZ", "sign_flipped"),
        ("X.T @ dz", "X.T @ delta", None),
        ("/ len(y)", "/ N", None),
    ],
)
def test_a_name_that_nothing_defines_is_no_wrong_derivative(right, written, mistake):
    report = worksheet(NAMES.replace(right, written))
    (line,) = [line for line in report.lines if line.verdict == "error"]
    assert line.mistake == mistake
    assert (line.fix == "dw = X.T @ dz") == (written == "X.T @ dZ")
    corrected = worksheet(NAMES.replace(right, written).replace(report.text.splitlines()[line.line - 1], line.fix))
    assert corrected.right


def test_a_repair_of_a_helper_breaks_no_line_that_shares_it():
    text = """# inputs: x (n,), c (n,), y (n,)
# wanted: di
i = sigmoid(x)
cn = c + i * x
h = i * np.tanh(cn)
L = 0.5 * np.sum((h - y) ** 2)
# --- gradients ---
dh = h - y
t = np.tanh(cn)
dcn = dh * i * (1 - t * t)
di = t + dcn * x
"""
    line = next(line for line in worksheet(text).lines if line.name == "di")
    assert (line.verdict, line.mistake, line.fix) == ("wrong", "upstream_missing", "di = t * dh + dcn * x")


OWN_SPELLING = """# inputs: W (k, d), x (d,), y (k,)
# wanted: dW
z = W @ x
a = sigmoid(z)
L = 0.5 * np.sum((a - y) ** 2)
# --- gradients ---
d_a = a - y
da_dz = a * (1 - a)
dL_dz = d_a
d_W = np.outer(dL_dz, x)
"""


def test_a_repair_keeps_the_sheets_spelling_and_can_be_put_in():
    report = worksheet(OWN_SPELLING)
    assert report.error is None
    assert [(line.name, line.verdict) for line in report.lines] == [
        ("da", "right"),
        ("dz", "wrong"),
        ("dW", "follow-through"),
    ]
    assert report.wanted == {"dW": "follow-through"}
    fault = report.lines[1]
    assert fault.fix.startswith("dL_dz = d_a * ")
    assert "dL_dz" in fault.evidence
    again = worksheet(OWN_SPELLING.replace("dL_dz = d_a\n", fault.fix + "\n"))
    assert again.right


def test_an_index_without_repetitions_is_no_lost_duplicate():
    text = replaced("rmsnorm", "dZ[np.arange(n), t] -= 1", "dZ[np.arange(n), t] += 1")
    line = next(line for line in worksheet(text).lines if line.verdict == "wrong")
    assert (line.mistake, line.fix) == ("sign_flipped", "dZ[np.arange(n), t] -= 1")


def test_a_line_that_rests_on_an_unreadable_one_has_no_mistake_of_its_own():
    text = replaced("elastic_net", "de = 2 * e / len(y)", "n, d = X\nde = 2 * e / n")
    line = worksheet(text).lines[0]
    assert (line.name, line.verdict, line.mistake, line.family) == ("de", "error", None, None)


RELU = """# inputs: X (n, d), W (d, h), w (h,), t (n,)
# wanted: dW
a = X @ W
h = np.maximum(a, 0)
L = np.mean((h @ w - t) ** 2)
# --- gradients ---
dh = np.outer(2 * (h @ w - t) / len(t), w)
da = dh * (a > 0)
dW = X.T @ da
"""
MASKS = [
    ("da = dh * (h > 1)", "da = dh * (h > 0)"),
    ("da = dh * (h > 0.5)", "da = dh * (h > 0)"),
    ("da = dh * (h > 0.1)", "da = dh * (h > 0)"),
    ("da = dh * (0.1 < a)", "da = dh * (0 < a)"),
    ("da = np.where(a > 2, dh, 0)", "da = np.where(a > 0, dh, 0)"),
    ("da = np.where(a < -0.01, 0, dh)", "da = np.where(a < 0, 0, dh)"),
    ("da = dh * np.heaviside(a - 1, 0)", "da = dh * np.heaviside(a, 0)"),
]


@pytest.mark.parametrize(("wrong", "fix"), MASKS)
def test_a_wrong_threshold_is_repaired_by_the_right_one_and_not_by_a_factor(wrong, fix):
    line = next(line for line in worksheet(RELU.replace("da = dh * (a > 0)", wrong)).lines if line.name == "da")
    assert (line.verdict, line.mistake, line.fix) == ("wrong", "wrong_branch", fix)


def test_a_wrong_threshold_of_the_forward_parts_own_is_repaired_by_that():
    text = """# inputs: x (n,), w (n,)
# wanted: dx
h = np.where(x > 0.75, x ** 2, x)
L = np.sum(h * w)
# --- gradients ---
dh = w
dx = dh * np.where(x > 0.5, 2 * x, 1)
"""
    line = next(line for line in worksheet(text).lines if line.name == "dx")
    assert (line.verdict, line.mistake, line.fix) == (
        "wrong", "wrong_branch", "dx = dh * np.where(x > 0.75, 2 * x, 1)",
    )  # fmt: skip


def test_no_size_and_no_factor_is_put_into_a_comparison():
    for mask in ("(h * len(t) > 0.3)", "(h / 3 > 0.01)", "(h - 0.02 > 0)", "(h ** 2 > 0.04)"):
        text = RELU.replace("da = dh * (a > 0)", f"da = dh * {mask}")
        line = next(line for line in worksheet(text).lines if line.name == "da")
        assert line.verdict == "wrong", mask
        kept = mask.strip("()").split(" > ")[0]
        assert line.fix in (f"da = dh * ({kept} > 0)", "da = dh * (h > 0)", "da = dh * (a > 0)"), (mask, line.fix)


def test_a_margin_that_lacks_a_factor_is_still_repaired_inside_its_comparison():
    text = """# inputs: s (n,), y (n,) signs
# wanted: ds
L = np.sum(np.maximum(0, 1 - y * s))
# --- gradients ---
ds = -y * (s < 1)
"""
    line = worksheet(text).lines[0]
    assert line.verdict == "wrong"
    assert line.fix in ("ds = -y * (s * y < 1)", "ds = -y * (y * s < 1)")


SIZES = """# inputs: X (n, d), w (d,), y (n,)
# wanted: dw
e = X @ w - y
L = np.mean(e ** 2)
# --- gradients ---
dw = 2 * X.T @ e / n
"""


def test_a_size_of_the_header_that_is_read_as_a_variable_is_named_with_what_to_write():
    report = worksheet(SIZES)
    line = report.lines[0]
    assert (line.verdict, line.mistake, line.fix) == ("error", None, "dw = 2 * X.T @ e / len(y)")
    assert report.error.message == "n is a size of the header, not a variable; write len(y) or X.shape[0]."
    assert report.error.message in line.remark
    assert line.evidence is None
    assert worksheet(SIZES.replace("/ n", "/ len(y)")).right


def test_a_line_with_a_size_and_a_slip_has_the_slip_named_too():
    line = worksheet(SIZES.replace("2 * X.T", "X.T")).lines[0]
    assert (line.verdict, line.mistake, line.fix) == ("error", "missing_factor_2", "dw = 2 * X.T @ e / len(y)")
    assert "0.5 times the truth" in line.evidence
    width = worksheet(SIZES.replace("np.mean(e ** 2)", "np.sum(e ** 2) / X.shape[1]").replace("/ n", "/ d")).lines[0]
    assert width.fix == "dw = 2 * X.T @ e / len(w)"


def test_a_size_of_the_header_in_the_forward_part_is_named_too():
    report = worksheet(SIZES.replace("np.mean(e ** 2)", "np.sum(e ** 2) / n"))
    assert report.error.message == "n is a size of the header, not a variable; write len(y) or X.shape[0]."
    assert report.error.line == 4


def test_a_missing_absolute_value_in_a_comparison_is_no_missing_power():
    text = """# inputs: e (n,)
L = np.sum(np.where(np.abs(e) <= 1, 0.5 * e ** 2, np.abs(e) - 0.5))
# --- gradients ---
de = np.where(e <= 1, e, np.sign(e))
"""
    assert worksheet(text).lines[0].fix == "de = np.where(np.abs(e) <= 1, e, np.sign(e))"
