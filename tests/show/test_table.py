import numpy as np
import pytest
from networks import chain, xor

from autograd_lite import Tensor
from autograd_lite.show.errors import NoGraphError, ShowError
from autograd_lite.show.table import name, table


def test_the_xor_network_in_lines():
    assert str(table(xor()[0])) == XOR


XOR = """\
    name operation inputs  shape  value           gradient
n0  y    data              (1, 1) 1
n1  W2   parameter         (1, 2) [0.0581, 0.866] [-0.0592, -0.0536]
n2  W1   parameter         (2, 2) 0.375 .. 0.951  -0.0148 .. 0
n3  x    data              (2, 1) [0, 1]
n4       matmul    W1, x   (2, 1) [0.951, 0.599]  [-0.000854, -0.0148]
n5  b1   parameter         (2, 1) [0.156, 0.156]  [-0.000854, -0.0148]
n6       add       n4, b1  (2, 1) [1.11, 0.755]   [-0.000854, -0.0148]
n7       negative  n6      (2, 1) [-1.11, -0.755] [0.000854, 0.0148]
n8       exp       n7      (2, 1) [0.331, 0.47]   [0.00258, 0.0316]
n10      add       1, n8   (2, 1) [1.33, 1.47]    [0.00258, 0.0316]
n12 v1   divide    1, n10  (2, 1) [0.752, 0.68]   [-0.00457, -0.0682]
n13      matmul    W2, v1  (1, 1) 0.6328          -0.07876
n14 b2   parameter         (1, 1) 0.6011          -0.07876
n15      add       n13, b2 (1, 1) 1.234           -0.07876
n16      negative  n15     (1, 1) -1.234          0.07876
n17      exp       n16     (1, 1) 0.2911          0.2705
n19      add       1, n17  (1, 1) 1.291           0.2705
n21      divide    1, n19  (1, 1) 0.7745          -0.451
n22      subtract  y, n21  (1, 1) 0.2255          0.451
n24      power     n22, 2  (1, 1) 0.05085         1
n25 loss mean      n24     ()     0.05085         1"""


def test_no_line_is_wider_than_asked_for():
    x = Tensor(np.linspace(-1e-9, 1e9, 7), requires_grad=True, name="a name that is far too long to be printed")
    text = table((np.tanh(x[1:3]) * 1234567.125).sum())
    assert max(map(len, text.splitlines())) <= 80
    assert "…" in text and "getitem" in text


def test_a_long_graph_is_cut_in_the_middle():
    text = table(chain(500)[0], maxrows=10)
    lines = text.splitlines()
    assert len(lines) == 1 + 10 + 1
    assert lines[6] == "… 993 more"
    assert lines[1].startswith("n0") and "sum" in lines[-1]


def test_nan_and_infinity_are_flagged():
    x = Tensor([-1.0, 0.0, 4.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        text = table(np.sqrt(x).sum())
    sqrt = next(line for line in text.splitlines() if "sqrt" in line)
    assert "! 1 NaN of 3" in sqrt
    (leaf,) = [line for line in text.splitlines() if "parameter" in line]
    assert "! 1 NaN, 1 inf of 3" in leaf


def test_a_name_that_two_nodes_have_does_not_stand_for_either():
    a, b = Tensor(1.0, requires_grad=True, name="w"), Tensor(2.0, requires_grad=True, name="w")
    assert "n0, n1" in table(a * b)


def test_without_a_scalar_there_are_values_only():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    text = table(x * x)
    assert "No gradients" in text and "[1, 4]" in text


def test_after_backward_it_says_that_values_were_freed():
    loss, _ = xor()
    before = table(loss).splitlines()
    loss.backward()
    after = table(loss).splitlines()
    assert after[: len(before)] == before and "freed" in after[len(before)]
    assert max(map(len, after)) <= 80


def test_it_shows_itself_at_the_prompt():
    x = Tensor(1.0, requires_grad=True)
    assert repr(table(x * x)) == str(table(x * x))


def test_names_are_given_in_one_call():
    W, b = Tensor(1.0, requires_grad=True), Tensor(0.0)
    alias = W
    name(W=W, b=b, alias=alias, array=np.ones(2), text="no Tensor")
    assert (W.name, b.name) == ("W", "b")


def test_several_results_stand_in_one_table():
    x = Tensor([3.0], requires_grad=True, name="x")
    text = table({"loss": (x * x).sum(), "positive": x > 0})
    assert str(text) == SEVERAL
    assert "more than one result is a real scalar" in table([x.sum(), x.mean()])


SEVERAL = """\
   name     operation inputs shape     value gradient
n0 x        parameter        (1,)      3     6
n1          multiply  x, x   (1,)      9     1
n2 loss     sum       n1     ()        9     1
n4 positive greater   x, 0   (1,) bool True"""


def test_what_makes_no_sense_is_refused():
    x = Tensor(1.0, requires_grad=True)
    with pytest.raises(NoGraphError):
        table(x)
    for wrong in ({"maxrows": 1}, {"width": 20}):
        with pytest.raises(ShowError, match="at least 2 rows and 60 columns"):
            table(x * x, **wrong)


def test_what_backward_freed_and_nothing_brings_back_is_said_with_the_cure():
    """Plain arrays are not kept beside a graph, so that nothing can be computed again from them."""
    X, W = np.linspace(-1, 1, 12).reshape(4, 3), Tensor(np.ones((3, 2)), requires_grad=True, name="W")
    h = np.tanh(X @ W)
    loss = (h * h).sum()
    held = table(loss)
    loss.backward()
    text = table(loss)
    assert "not known" in text
    assert "computed again" not in text
    assert "retain_graph=True" in text and "before backward()" in text
    W.grad = None
    loss = (np.tanh(X @ W) ** 2).sum()
    loss.backward(retain_graph=True)
    assert "not known" not in table(loss) and "retain_graph" not in table(loss)
    assert "retain_graph" not in held
