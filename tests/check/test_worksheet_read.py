"""Reading a worksheet: what is understood, and how everything else is refused."""

import re

import pytest

from autograd_lite.check.worksheets import worksheet
from autograd_lite.check.worksheets.errors import SheetError
from autograd_lite.check.worksheets.header import Input, header
from autograd_lite.check.worksheets.read import read, read_submission

SHEET = """\"\"\"linear layer\"\"\"
# inputs: X (n, d), w (d,), y (n,)
# wanted: dw
e = X @ w - y
L = np.mean(e ** 2)
# --- gradients ---
de = 2 * e / e.size
dw = X.T @ de
"""


def with_line(number, text):
    lines = SHEET.splitlines()
    lines[number - 1] = text
    return "\n".join(lines)


def error_of(text):
    with pytest.raises(SheetError) as caught:
        read(text)
    return caught.value


def test_the_parts_of_a_sheet():
    sheet = read(SHEET)
    assert sheet.title == "linear layer"
    assert sheet.wanted == ["dw"]
    assert [s.target for s in sheet.forward] == ["e", "L"]
    assert [str(s) for s in sheet.gradient] == ["de = 2 * e / e.size", "dw = X.T @ de"]
    assert sheet.loss == "L"


def test_every_marker_of_the_header():
    line = (
        "# inputs: a (n,) positive, b () in (0, 1), c (n, 3) large, d (n,) integers, e (n,) binary, f (n,) signs, "
        "g (n, k) probabilities, h (n, k) one-hot, t (n,) integer labels in [0, k), z (n, 1)"
    )
    inputs, _ = header([line])
    markers = ["positive", "in", "large", "integers", "binary", "signs", "probabilities", "onehot", "labels", ""]
    assert [entry.marker for entry in inputs.values()] == markers
    assert inputs["t"] == Input("t", ("n",), "labels", "k")
    assert inputs["c"].shape == ("n", 3)


@pytest.mark.parametrize(
    "line",
    ["# inputs:", "# inputs: X", "# inputs: X (n d)", "# inputs: X (n, d) purple", "# inputs: X (n), X (n)",
     "# inputs: X (99999999999, 3)", "# inputs: X (n, d), lambda ()", "# inputs: X (n, d) w (d,)", "# nothing"],
)  # fmt: skip
def test_an_unreadable_header_is_a_bad_header(line):
    assert error_of(with_line(2, line)).kind == "bad-header"


@pytest.mark.parametrize(
    ("number", "line", "kind"),
    [
        (5, "L = np.mean(e **", "syntax-error"),
        (6, "# nothing here", "no-separator"),
        (4, "e = X @ v - y", "undefined-name"),
        (4, "import os", "unsupported"),
        (4, "e = (X := w)", "unsupported"),
        (4, "e = open('a')", "unsupported"),
        (4, "e = X.__class__", "unsupported"),
        (4, "e = [x for x in X]", "unsupported"),
        (4, "e = lambda: 0", "unsupported"),
        (4, "e = np.load(X)", "unsupported"),
        (4, "e = 'text'", "unsupported"),
        (4, "X.T = w", "unsupported"),
        (4, "X = X @ w", "unsupported"),
        (4, "a, b = X", "unsupported"),
        (4, "a, b = w, a", "unsupported"),
        (4, "a, e.T = w, X", "unsupported"),
    ],
)
def test_a_malformed_forward_part_is_refused_with_its_line(number, line, kind):
    error = error_of(with_line(number, line))
    assert error.kind == kind
    if kind != "no-separator":
        assert error.line == number


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dw = X.T ^ de", r"the operator \^ .* write a power with \*\*"),
        ("dw = math.sqrt(2) * X.T @ de", r"math\.sqrt\(\.\.\.\) .* write np\.sqrt"),
        ("dw = X.T.matmul(de)", r"\.matmul\(\.\.\.\) .* write np\.matmul"),
        ("dw = X.T @ de if n else 0", r"a condition .* write np\.where"),
        ("import numpy as np", r"an import .* without an import"),
        ("print(de)", r"leave it out"),
        ("dw = X * np.inf", r"np\.inf .* 1e30"),
        ("dw = X.T @ 2(e - y)", r"a product with \*, such as 2 \* "),
        ("dw = X.T @ de (e - y)", r"write de \* \(\.\.\.\) if a product is meant"),
        ("dw = X.T @ de * (e - y).sum(dim=0)", r"the keyword dim of sum .* called axis here"),
        ("dw = X.T @ np.tanh(de, dim=0)", r"the keyword dim of tanh .* leave it out"),
    ],
)
def test_a_refusal_says_what_to_write_instead(line, message):
    [error] = read(with_line(8, line)).refused
    assert re.search(message, error.message), error.message
    assert error.line == 8


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dw = 2X.T @ de", "2 \\* x"),
        ("dw = X.T de", "every product"),
        ("dw = (X.T", "never closed"),
        ("dL/dw = X.T @ de", "^cannot assign to expression; a gradient has a name of its own, such as dw for dL/dw.$"),
        ("dw = X' @ de", "a transpose as .T"),
        ("dw = 2 * X.T @ e²", r"x \*\* 2"),
        ("dw = X.T @ de + 2 * lambda * w", "lambda is a word of Python's own; call it lambda_"),
    ],
)
def test_a_line_that_is_not_python_says_how_products_are_written(line, message):
    error = error_of(with_line(8, line))
    assert (error.kind, error.line) == ("syntax-error", 8)
    assert re.search(message, error.message), error.message


def test_a_text_alone_is_a_comment():
    assert read(with_line(8, "'the weights'; dw = X.T @ e")).refused == []


def test_a_refused_gradient_line_leaves_the_others():
    sheet = read(with_line(7, "for i in X: dw += i"))
    assert [(e.kind, e.line) for e in sheet.refused] == [("unsupported", 7)]
    assert sheet.tainted == {"dw", "i"}
    assert [s.target for s in sheet.gradient] == ["dw"]


@pytest.mark.parametrize("expression", ["-" * 5000 + "e", "(" * 300 + "e" + ")" * 300, "e" + " + e" * 500])
def test_deep_expressions_are_refused(expression):
    assert error_of(with_line(8, f"dw = {expression}")).kind in ("unsupported", "syntax-error")


@pytest.mark.parametrize(
    "line",
    [
        "dw = -(X.T @ de) ** 2 / (3 - w[None, :].sum(axis=0, keepdims=True))",
        "dw[np.arange(n), t] -= X[:, 1:-1] * (w <= 0)",
        "np.add.at(dw, ix, de[:, None] * X)",
        "dw = np.where(w > 0, np.einsum('nd,n->d', X, de), 0.0).reshape(-1, 1)",
        "dw = a - (b - c) - -d ** -0.5",
        "dw = (a + b).T @ c[0, ...] * [1, 2][0]",
        "dw = a / (b * c) / (d / e)",
    ],
)
def test_a_statement_prints_as_it_was_written(line):
    statement = read(with_line(8, line)).gradient[-1]
    assert str(statement) == line


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("n, d = X.shape", ["n = X.shape[0]", "d = X.shape[1]"]),
        ("_, d = X.shape", ["d = X.shape[1]"]),
        ("n, d = X.shape[:2]", ["n = X.shape[:2][0]", "d = X.shape[:2][1]"]),
        ("s, l = np.linalg.slogdet(M)", ["s = np.linalg.slogdet(M)[0]", "l = np.linalg.slogdet(M)[1]"]),
        ("a, b = X @ w, 2", ["a = X @ w", "b = 2"]),
        ("a = b = de", ["a = de", "b = de"]),
        ("np.subtract.at(dw, ix, de)", ["np.add.at(dw, ix, -de)"]),
    ],
)
def test_a_statement_with_several_names_is_one_for_each(line, parts):
    assert [str(s) for s in read(with_line(8, line)).gradient[-len(parts) :]] == parts


SPELLED = """# inputs: W (k, d), x (d,), k (k,)
# wanted: dW
z = W @ x + k
a = sigmoid(z)
L = np.sum(a ** 2)
# --- gradients ---
"""


@pytest.mark.parametrize(
    ("lines", "targets"),
    [
        ("d_a = 2 * a; d_z = d_a * a * (1 - a); dW = np.outer(d_z, x)", ["da", "dz", "dW"]),
        ("dL_da = 2 * a; da_dz = a * (1 - a); dLdW = np.outer(dL_da * da_dz, x)", ["da", "da_dz", "dW"]),
        ("da = 2 * a; d_a = 0 * a", ["da", "d_a"]),
        ("d_k = W.shape[0]; dk = 2 * a * a * (1 - a)", ["d_k", "dk"]),
        ("d_q = 2 * a", ["d_q"]),
    ],
)
def test_other_spellings_of_a_gradient_are_its_name(lines, targets):
    assert [s.target for s in read(SPELLED + lines).gradient] == targets


def test_a_submission_is_read_for_its_gradient_part_alone():
    other = "# --- gradients ---\nde = e\ndw = X.T @ de"
    sheet = read_submission(read(SHEET), other)
    assert [s.target for s in sheet.forward] == ["e", "L"]
    assert [s.line for s in sheet.gradient] == [2, 3]


def test_what_is_not_known_names_what_is_near_and_where_all_is_listed():
    sheet = "# inputs: x (n,)\nL = np.sum(np.tann(x))\n# --- gradients ---\ndx = x\n"
    message = worksheet(sheet).error.message
    assert "was np.tan or np.tanh meant?" in message
    assert "autograd-lite check --help" in message
    assert "docs/worksheets.md" in message
    assert "was np.linalg.norm meant?" in worksheet(sheet.replace("np.tann", "np.norm")).error.message
    assert "meant?" not in worksheet(sheet.replace("np.tann", "np.qqqqqq")).error.message
    message = worksheet(sheet.replace("x (n,)", "x (n,) postive")).error.message
    assert "was positive meant?" in message
    assert "probabilities" in message


WORKSHEET = """# inputs: X (n, d), w (d,), y (n,)
# wanted: dw
e = X @ w - y
L = np.mean(e ** 2)
# --- gradients ---
de = 2 * e / e.size
dw = X.T @ de
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("np.mean", "torch.mean", r"^torch is read .*; write np\. for torch\., whose functions are not known here\.$"),
        ("X.T @ de\n", "torch.sum(de)\n", r"^torch is read .*; write np\. for torch\."),
        ("X.T @ de\n", "X.T @ de\nreturn dw\n", "^a return is outside the .*; leave it out; every gradient"),
        ("wanted: dw", "wanted: dv", r"^dv is wanted but never assigned\. Nor is there a v in the sheet: .*# wanted:"),
        ("X.T @ de\n", "(q := X.T @ de)\n", "^the operator := is outside"),
    ],
)
def test_a_frequent_slip_is_told_what_to_write(tmp_path, old, new, message):
    path = tmp_path / "sheet.py"
    path.write_text(WORKSHEET.replace(old, new), encoding="utf-8")
    error = worksheet(path).error
    assert re.search(message, error.message), error.message
