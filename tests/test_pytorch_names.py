"""Names that PyTorch has and this package has not: the error says what is written here."""

import copy
import operator
import pickle
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, methods, nn, optim, train
from autograd_lite.errors import OperandError
from autograd_lite.nn import module
from autograd_lite.pytorch_names import CURES, OTHERS

ROOMS = {
    "Tensor": Tensor([1.0]),
    "Module": nn.Sequential(nn.Dense(2, 1)),
    "autograd_lite": ag,
    "autograd_lite.nn": nn,
    "autograd_lite.optim": optim,
    "autograd_lite.train": train,
}
WHO = {"Tensor": "'Tensor' object", "Module": "'Sequential' object"}
ALL = [(room, name) for room, names in CURES.items() for name in names]
#: what the names in a cure stand for
ROOTS = {"ag": ag, "np": np, "nn": nn, "optim": optim, "train": train, "x": ROOMS["Tensor"], "y": ROOMS["Tensor"]}
PAGE = Path(__file__).parents[1] / "docs" / "pytorch.md"


@pytest.mark.parametrize(("room", "name"), ALL)
def test_a_name_of_pytorchs_is_refused_with_its_cure(room, name):
    owner = ROOMS[room]
    assert not hasattr(owner, name)
    who = WHO.get(room) or f"module {room!r}"
    with pytest.raises(AttributeError) as found:
        getattr(owner, name)
    assert str(found.value) == f"{who} has no attribute {name!r}; PyTorch's {name} is {CURES[room][name]} here"
    assert name not in dir(owner)


@pytest.mark.parametrize(("room", "name"), ALL)
def test_a_cure_names_what_exists(room, name):
    cure = CURES[room][name]
    roots = ROOTS | {"x": ROOMS["Module"]} if room == "Module" else ROOTS
    paths = re.findall(r"\b(ag|np|nn|optim|train|x|y)((?:\.\w+)+)", cure.replace("x.name =", ""))
    for root, path in paths:
        owner = roots[root]
        for part in path[1:].split("."):
            owner = getattr(owner, part)
    assert paths or cure == "nothing at all" or re.search(r"\bx\b", cure) or "weight" in cure or "x.name = " in cure


@pytest.mark.parametrize("room", ROOMS)
def test_any_other_name_has_the_ordinary_message(room):
    for name in ("no_such_name", "_view", "__torch_function__"):
        who = WHO.get(room) or f"module {room!r}"
        with pytest.raises(AttributeError, match=f"^{who} has no attribute {name!r}$"):
            getattr(ROOMS[room], name)
        assert getattr(ROOMS[room], name, 7) == 7


def test_tensor_refuses_exactly_the_names_that_have_a_cure():
    assert sorted(methods._ELSEWHERE) == sorted(CURES["Tensor"])
    assert "__getattr__" not in dir(Tensor)  # it would slow down every attribute that exists
    assert not hasattr(Tensor, "view")


def test_module_refuses_exactly_the_names_that_have_a_cure():
    assert sorted(module._ELSEWHERE) == sorted(CURES["Module"])


def test_a_module_may_have_an_attribute_of_such_a_name():
    class Net(nn.Module):
        def __init__(self):
            self.to = nn.Dense(2, 1)

        def apply(self):
            return "applied"

    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["to.weight", "to.bias"]
    assert net.apply() == "applied"
    assert {"to", "apply"} <= set(dir(net)) and "cuda" not in dir(net)
    assert copy.deepcopy(net).to(np.ones((3, 2))).shape == (3, 1)


def test_every_cure_is_for_a_name_of_pytorchs():
    torch = pytest.importorskip("torch")
    data = pytest.importorskip("torch.utils.data")
    owners = {
        "Tensor": [torch.Tensor],
        "Module": [torch.nn.Module],
        "autograd_lite": [torch, torch.Tensor],
        "autograd_lite.nn": [torch.nn, torch.nn.functional],
        "autograd_lite.optim": [torch.optim, torch.optim.lr_scheduler],
        "autograd_lite.train": [data],
    }
    unknown = [(room, name) for room, name in ALL if not any(hasattr(owner, name) for owner in owners[room])]
    assert unknown == []


def test_a_subclass_may_have_the_name():
    class Viewed(Tensor):
        def view(self):
            return "seen"

    class Plain(Tensor):
        pass

    assert Viewed([1.0]).view() == "seen"
    assert "view" in dir(Viewed([1.0])) and "cpu" not in dir(Viewed([1.0]))
    made = Plain([1.0])
    made.cpu = 3
    assert made.cpu == 3 and "cpu" in dir(made)
    with pytest.raises(AttributeError, match="'Plain' object has no attribute 'view'"):
        _ = made.view


def test_copies_and_numpys_protocols_do_not_mind():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert copy.deepcopy(x).tolist() == pickle.loads(pickle.dumps(x)).tolist() == [1.0, 2.0]
    assert np.asarray(x.detach()).tolist() == [1.0, 2.0]


def test_the_names_are_imported_only_when_one_is_missing():
    code = (
        "import sys, numpy as np, autograd_lite as ag\n"
        "from autograd_lite import nn, optim, train\n"
        "x = ag.Tensor([1.0], requires_grad=True); np.exp(x).sum().backward(); dir(nn)\n"
        "hasattr(x, '__cuda_array_interface__'), hasattr(nn, '__wrapped__'), hasattr(optim, '_x')\n"
        "hasattr(train, '_x'), hasattr(ag, '__x__')\n"
        "assert 'autograd_lite.pytorch_names' not in sys.modules\n"
        "hasattr(nn, 'Linear')\n"
        "assert 'autograd_lite.pytorch_names' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PAGE.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_name_of_the_page_has_a_cure():
    table = PAGE.read_text().split("## What is called otherwise")[1].split("\n## ")[0]
    owners = {"torch": "autograd_lite", "nn": "autograd_lite.nn", "F": "autograd_lite.nn", "x": "Tensor"}
    owners["optim"] = "autograd_lite.optim"
    seen = 0
    for row in table.splitlines():
        if not row.startswith("| `"):
            continue
        for code in re.findall(r"`([^`]+)`", row.split("|")[1]):
            names = [(owners[root], name) for root, name in re.findall(r"\b(torch|nn|F|optim|x)\.(\w+)", code)]
            names += [("autograd_lite.train", name) for name in re.findall(r"\b(DataLoader|TensorDataset)\b", code)]
            for room, name in names:
                seen += 1
                assert name in CURES[room] or hasattr(ROOMS[room], name), (row, room, name)
    assert seen > 30


@pytest.mark.parametrize("name", ["sum", "mean", "max", "cumsum", "any", "argmax", "squeeze", "std", "repeat"])
def test_dim_and_keepdim_are_refused_with_their_names_here(name):
    x = Tensor([[1.0, 2.0]])
    arguments = (2,) if name == "repeat" else ()
    with pytest.raises(OperandError, match=rf"^{name}: dim=0 is called axis=0 here$"):
        getattr(x, name)(*arguments, dim=0)


def test_keepdim_is_refused_with_its_name_here():
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    with pytest.raises(OperandError, match=r"^sum: keepdim=True is called keepdims=True here$"):
        x.sum(axis=1, keepdim=True)
    with pytest.raises(OperandError, match=r"^mean: dim=1 is called axis=1 and keepdim=True is called keepdims=True"):
        x.mean(dim=1, keepdim=True)
    with pytest.raises(TypeError, match="axes"):
        x.sum(axes=1)


def test_the_module_of_the_tensor_says_what_pytorchs_function_of_that_name_is() -> None:
    with pytest.raises(OperandError, match=r"PyTorch's tensor\(data\) is ag\.Tensor\(data\) here"):
        ag.tensor([1.0])
    assert ag.tensor.Tensor is Tensor


@pytest.mark.parametrize("owner", ["model", "optimizer"])
def test_zero_grad_sets_to_none_or_to_zeros(owner: str) -> None:
    model = nn.Dense(2, 1, seed=0)
    made = {"model": model, "optimizer": optim.SGD(model.parameters(), lr=0.1)}[owner]
    model(np.ones((1, 2))).sum().backward()
    model.bias.grad = None
    made.zero_grad(set_to_none=False)
    assert model.weight.grad.tolist() == [[0.0], [0.0]]
    assert model.bias.grad is None
    made.zero_grad()
    assert model.weight.grad is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.softmax(np.ones((2, 3)), dim=-1), r"softmax: dim=-1 is called axis=-1 here"),
        (lambda: nn.log_softmax(np.ones((2, 3)), dim=1), r"log_softmax: dim=1 is called axis=1 here"),
        (lambda: nn.Softmax(dim=1), r"Softmax: dim=1 is called axis=1 here"),
        (lambda: nn.LogSoftmax(dim=1), r"LogSoftmax: dim=1 is called axis=1 here"),
        (
            lambda: nn.logsumexp(np.ones(3), dim=0, keepdim=True),
            r"logsumexp: dim=0 is called axis=0 and keepdim=True is called keepdims=True here",
        ),
        (
            lambda: nn.cosine_similarity(np.ones(3), np.ones(3), dim=0),
            r"cosine_similarity: dim=0 is called axis=0 here",
        ),
        (lambda: ag.special.softmax(np.ones(3), dim=0), r"softmax: dim=0 is called axis=0 here"),
        (
            lambda: nn.MaxPool2d(2, dilation=2),
            r"MaxPool2d: dilation=2 is for convolutions; windows that are pooled have no gaps",
        ),
        (
            lambda: nn.Conv2d(3, 8, 3, padding_mode="circular"),
            r"Conv2d: padding_mode='circular' is np\.pad\(x, widths, mode\) before the layer here",
        ),
        (lambda: nn.LSTM(3, 4, batch_first=True), r"LSTM: batch_first=True is not known; the first axis .*"),
        (lambda: nn.GRU(3, 4, num_layers=2), r"GRU: num_layers=2 is one layer after the other here, .*"),
        (lambda: Tensor([1.0]).std(unbiased=False), r"std: unbiased=False is ddof=0, the default, or ddof=1 here"),
    ],
)
def test_a_keyword_of_pytorchs_is_refused_with_what_to_write(call, message):
    with pytest.raises(OperandError, match=f"^{message}$"):
        call()


def test_any_other_keyword_has_pythons_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'axes'"):
        nn.softmax(np.ones(3), axes=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'kernel'"):
        nn.Conv1d(1, 1, 3, kernel=2)


@pytest.mark.parametrize(
    ("room", "name", "message"),
    [
        (ag, "array", r"; array of NumPy is np\.array\(data\), or ag\.Tensor\(data\) here"),
        (ag, "jacrev", r"; jacrev of JAX is ag\.jacobian\(f\) here"),
        (ag, "elementwise_grad", r"; elementwise_grad of HIPS autograd is ag\.grad\(lambda x: f\(x\)\.sum\(\)\) here"),
        (ag, "interp", r"; write np\.interp, since NumPy itself takes Tensors"),
        (ag.linalg, "inv", r"; write np\.linalg\.inv, since NumPy itself takes Tensors"),
        (ag.linalg, "exmp", ""),
    ],
)
def test_a_name_of_numpys_or_jaxs_is_refused_with_its_cure(room, name, message):
    with pytest.raises(AttributeError, match=rf"^module '{room.__name__}' has no attribute '{name}'{message}$"):
        getattr(room, name)


def test_a_cure_for_another_librarys_name_names_what_exists():
    for name, (_, text) in OTHERS.items():
        assert not hasattr(ag, name) and name not in CURES["autograd_lite"]
        for root, member in re.findall(r"\b(ag|np)\.(\w+)", text):
            assert hasattr(ROOTS[root], member)


@pytest.mark.parametrize("order", [0, 1])
def test_flatten_from_an_axis_on_is_told_of(order):
    with pytest.raises(OperandError, match=rf"^flatten: order={order}; PyTorch's flatten\({order}\) is x\.reshape"):
        Tensor(np.ones((2, 3))).flatten(order)
    assert Tensor(np.ones((2, 3))).flatten("F").shape == (6,)


class TestATensorOfAnotherLibrary:
    class Tensor:
        """A class of the same name, as PyTorch's."""

    @pytest.mark.parametrize("operate", [operator.mul, operator.add, operator.sub, operator.truediv, operator.mod])
    def test_is_refused_by_the_operators_with_its_library_and_the_cure(self, operate):
        x = Tensor([1.0, 2.0], requires_grad=True)
        for operands in ((x, self.Tensor()), (self.Tensor(), x)):
            with pytest.raises(OperandError, match=r"a \w+\.Tensor beside a Tensor of this package, .*ag\.Tensor\("):
                operate(*operands)

    def test_is_refused_where_pytorch_is_installed(self):
        torch = pytest.importorskip("torch")
        x, other = Tensor([1.0, 2.0], requires_grad=True), torch.ones(2, requires_grad=True)
        for operate in (lambda: x * other, lambda: other * x):
            with pytest.raises(OperandError, match=r"^multiply: a torch\.Tensor beside"):
                operate()

    def test_is_asked_if_it_has_another_name(self):
        class Other:
            def __rmul__(self, x):
                return "asked"

        assert Tensor([1.0]) * Other() == "asked"


@pytest.mark.parametrize("kind", [Tensor, nn.Dense])
def test_help_says_of_such_a_name_that_it_is_not_here(kind):
    text = pydoc.render_doc(kind, renderer=pydoc.plaintext)
    for name in ("cuda", "to"):
        assert re.search(rf"\|  {name}\n \|      A name of PyTorch's that is not here: asked for, it says", text)


def test_a_keyword_that_is_taken_is_not_blamed_for_another_mistake():
    with pytest.raises(TypeError, match="data type 'floats'") as caught:
        nn.Conv2d(3, 8, 3, dilation=2, dtype="floats")
    assert "pooled" not in str(caught.value)
    with pytest.raises(TypeError, match="integer"):
        Tensor([1.0, 2.0]).std(axis="rows", correction=1)
