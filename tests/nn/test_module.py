"""Modules: what they find in themselves, modes, hooks, state, and the plainest layers."""

import copy
import gc
import weakref

import numpy as np
import pytest

from autograd_lite import Tensor, nn, no_grad
from autograd_lite.errors import OperandError


class Net(nn.Module):
    def __init__(self):
        self.first = nn.Dense(3, 4, seed=0)
        self.rest = [nn.Dense(4, 4, seed=1), {"last": nn.Dense(4, 2, seed=2)}]
        self.scale = Tensor([2.0], requires_grad=True)
        self.mean = np.zeros(2)
        self.seen = None

    def forward(self, x):
        hidden = np.tanh(self.first(x))
        self.seen = hidden
        return self.rest[1]["last"](np.tanh(self.rest[0](hidden))) * self.scale


NAMES = [
    "first.weight",
    "first.bias",
    "rest.0.weight",
    "rest.0.bias",
    "rest.1.last.weight",
    "rest.1.last.bias",
    "scale",
]


def test_parameters_are_found_by_attribute_and_results_are_not():
    net = Net()
    net(np.ones((1, 3)))
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert sorted(net.state_dict()) == sorted([*NAMES, "mean"])
    assert [name for name, _ in net.named_modules()] == ["", "first", "rest.0", "rest.1.last"]


def test_a_frozen_parameter_stays_one():
    net = Net()
    net.first.weight.requires_grad = False
    net.requires_grad_(False)
    assert [name for name, _ in net.named_parameters()] == NAMES
    net(np.ones((1, 3)))  # a result that nothing recorded is no parameter either
    assert sorted(net.state_dict()) == sorted([*NAMES, "mean"])
    assert [name for name, _ in copy.deepcopy(net).named_parameters()] == NAMES


def test_a_shared_parameter_counts_once_and_is_saved_under_both_names():
    net = nn.Sequential(nn.Dense(2, 2, seed=0), nn.Dense(2, 2, seed=1))
    net[1].weight = net[0].weight
    assert len(net.parameters()) == 3
    assert len(net.state_dict()) == 4


def test_modules_that_hold_each_other_are_gone_through_once():
    a, b = nn.Sequential(), Net()
    b.owner = a
    a.child = b
    a = nn.Sequential(b)
    b.owner = a
    assert len(a.parameters()) == 7


def test_modules_that_hold_each_other_have_a_repr_and_a_summary_that_end():
    parent = nn.Module()
    parent.weight = Tensor(np.zeros(2), requires_grad=True)
    parent.child = nn.Dense(3, 1)
    parent.child.parent = parent
    assert repr(parent) == "Module(\n  child: Dense(\n    3, 1\n    parent: ...\n  )\n)"
    assert [line.split()[-1] for line in parent.summary().splitlines()[2:4]] == ["2", "4"]


def test_a_leaf_that_every_forward_sets_anew_is_not_kept():
    module, gone = nn.Module(), []
    module.frozen = Tensor([1.0], requires_grad=True)
    module.frozen.requires_grad = False
    for _ in range(3):
        module.noted = Tensor(np.zeros(2), requires_grad=True)
        module.several = [Tensor(np.zeros(2), requires_grad=True)]
        gone += [weakref.ref(module.noted), weakref.ref(module.several[0])]
    gc.collect()
    assert [ref() is None for ref in gone] == [True] * 4 + [False] * 2
    module.again, module.frozen = module.frozen, None
    assert [name for name, _ in module.named_parameters()] == ["noted", "several.0", "again"]


def test_a_copy_that_gets_another_weight_leaves_the_frozen_one_of_the_first_a_parameter():
    first = nn.Dense(2, 1).requires_grad_(False)
    second = copy.copy(first)
    second.weight = Tensor(np.ones((2, 1)), requires_grad=True)
    assert list(first.state_dict()) == ["weight", "bias"] == list(second.state_dict())


@pytest.mark.parametrize("keys", [{1: 0, "1": 0}, {"a": {"b": 0}, "a.b": 0}])
def test_two_parameters_of_one_name_are_not_saved_as_one(keys):
    def filled(places):
        return {
            key: filled(v) if isinstance(v, dict) else Tensor([1.0], requires_grad=True) for key, v in places.items()
        }

    module = nn.Module()
    module.of = filled(keys)
    for call in (module.state_dict, lambda: module.load_state_dict({})):
        with pytest.raises(OperandError, match=r"two parameters or arrays have the name of\."):
            call()


def test_modes_reach_every_part():
    net = nn.Sequential(nn.Dropout(0.5, seed=0), nn.Sequential(nn.Dropout(0.5, seed=1)))
    net.eval()
    assert not net[1][0].training
    assert (net(np.ones(100)) == 1).all()
    net.train()
    y = net(np.ones(1000))
    assert set(np.unique(y)) == {0.0, 4.0}
    assert 0.15 < (y > 0).mean() < 0.35


def test_dropout_scales_the_gradient_of_what_it_kept():
    x = Tensor(np.ones(50, np.float32), requires_grad=True)
    y = nn.Dropout(0.25, seed=3)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())
    assert y.dtype == np.float32


def test_hooks_see_and_may_replace_the_output():
    layer, seen = nn.Dense(2, 1, seed=0), []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append((module, inputs[0].shape)))
    layer(np.ones((3, 2)))
    assert seen == [(layer, (3, 2))]
    handle.remove()
    layer.register_forward_hook(lambda module, inputs, output: 0 * output)
    assert (layer(np.ones((3, 2))).numpy() == 0).all()
    assert len(seen) == 1


def test_state_goes_round_and_copies_are_independent():
    net, other = Net(), Net()
    other.mean += 1
    other.scale.data[...] = 5
    net.load_state_dict(other.state_dict())
    assert net.mean.tolist() == [1, 1] and net.scale.item() == 5
    twin = copy.deepcopy(net)
    twin.first.weight.data[...] = 0
    assert net.first.weight.numpy().any()
    state = net.state_dict()
    state["scale"][...] = 0
    assert net.scale.item() == 5


def test_a_state_that_does_not_fit_changes_nothing():
    net = Net()
    before = net.state_dict()
    good = {name: value + 1 for name, value in before.items()}
    for bad, message in [
        ({k: v for k, v in good.items() if k != "scale"}, "missing scale"),
        ({**good, "extra": 1}, "not known extra"),
        ({**good, "rest.1.last.bias": np.zeros(3)}, r"rest\.1\.last\.bias has shape \(2,\) and is given \(3,\)"),
        ({**good, "scale": np.array(["a"])}, "scale has dtype float64 and is given <U1"),
        ({**good, "scale": np.array([1j])}, "is given complex128"),
    ]:
        with pytest.raises(OperandError, match=message):
            net.load_state_dict(bad)
        assert all((before[name] == value).all() for name, value in net.state_dict().items())
    net.load_state_dict({"scale": [7.0], "extra": 1}, strict=False)
    assert net.scale.item() == 7


def test_layers_that_do_not_fit_are_both_named():
    net = nn.Sequential(nn.Dense(3, 5), nn.relu, nn.Dense(4, 2))
    with pytest.raises(
        OperandError, match=r"layer 2, Dense\(4, 2\), cannot take the shape \(7, 5\) that layer 1, relu"
    ):
        net(np.ones((7, 3)))
    with pytest.raises(OperandError, match=r"layer 1, Dense\(4, 2\), .* that layer 0, Dense\(3, 5\), gave"):
        nn.Sequential(nn.Dense(3, 5), nn.Dense(4, 2))(np.ones((7, 3)))
    with pytest.raises(OperandError, match=r"layer 0, Dense\(3, 5\), cannot take the shape \(7, 2\) that was given"):
        net(np.ones((7, 2)))
    with pytest.raises(OperandError, match="layer 1 is a float, which cannot be called"):
        nn.Sequential(np.tanh, 1.0)


def test_dense_is_a_matrix_product_with_the_gradients_derived_by_hand():
    rng = np.random.default_rng(0)
    layer, x, g = nn.Dense(3, 2, seed=0), rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    t = Tensor(x, requires_grad=True)
    layer(t).backward(g)
    np.testing.assert_allclose(layer.weight.grad, x.T @ g)
    np.testing.assert_allclose(layer.bias.grad, g.sum(axis=0))
    np.testing.assert_allclose(t.grad, g @ layer.weight.numpy().T)
    assert nn.Dense(3, 2, bias=False).bias is None
    assert layer(np.ones((2, 4, 3))).shape == (2, 4, 2)


def test_embedding_adds_the_gradients_of_rows_that_repeat():
    table = nn.Embedding(4, 2, seed=0)
    y = table(np.array([[1, 3, 1]]))
    assert y.shape == (1, 3, 2)
    y.sum().backward()
    assert table.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]
    with pytest.raises(OperandError, match="indices from -1 to 4; there are rows 0 to 3"):
        table(np.array([-1, 4]))
    with pytest.raises(OperandError, match="they must be integers"):
        table(np.array([1.0]))


def test_bad_arguments_are_refused():
    for call in (
        lambda: nn.Dense(0, 2),
        lambda: nn.Dense(2.5, 2),
        lambda: nn.Embedding(-1, 2),
        lambda: nn.Dropout(1.0),
        lambda: nn.Flatten(3)(np.ones(2)),
        lambda: nn.initial("xavier", (2, 3)),
        lambda: nn.initial(lambda rng, shape: np.ones(1), (2, 3)),
        lambda: nn.initial("he_normal", (0, 3)),
        lambda: nn.initial("orthogonal", 3),
        lambda: nn.initial(["he_normal"], (2, 3)),
        lambda: nn.initial("uniform", (2, 3), scale=-1),
        lambda: nn.initial("normal", (2, 3), scale=np.nan),
        lambda: nn.initial("normal", (2, 3), scale="1"),
        lambda: nn.initial(lambda rng, shape: np.ones(shape) * 1j, (2, 3)),
        lambda: nn.Dense(2, 3, seed="a"),
        lambda: nn.Dense(2, 3, seed=-1),
        lambda: nn.Module().register_forward_hook(None),
        lambda: nn.BatchNorm1d(3, momentum=None),
        lambda: nn.BatchNorm1d(3, momentum=2.0),
        lambda: nn.BatchNorm2d(3, eps=-1.0),
        lambda: nn.LayerNorm(3, eps=np.nan),
        lambda: nn.Module()(1),
    ):
        with pytest.raises(OperandError):
            call()


def test_the_summary_counts_and_leaves_the_mode_alone():
    net = nn.Sequential(nn.Dense(3, 4), nn.Dropout(0.5), nn.relu, nn.Sequential(nn.Dense(4, 2)))
    table = net.summary(np.ones((7, 3)))
    assert "(7, 4)" in table and "(7, 2)" in table and table.splitlines()[-1].strip() == "26"
    assert net[1].training
    assert "Tensor itself" not in table
    own = Net().summary(np.ones((1, 3)))
    assert "Net itself" in own and own.splitlines()[-1].strip() == str(3 * 4 + 4 + 4 * 4 + 4 + 4 * 2 + 2 + 1)
    assert repr(net).splitlines()[1:3] == ["  0: Dense(3, 4)", "  1: Dropout(p=0.5)"]


def test_the_summary_is_a_tree_whose_counts_add_up_within_80_columns():
    block = nn.TransformerBlock(8, 2, seed=0)
    shared = nn.Dense(8, 8)
    net = nn.Sequential(block, shared, nn.Sequential(shared, nn.Dropout(0.5)))
    lines = net.summary(np.ones((2, 5, 8))).splitlines()
    assert any(line.startswith("│  │  └─ output") and line.endswith("72") for line in lines)
    assert any(line.startswith("├─ 1") and line.endswith("72") for line in lines)
    assert any(line.startswith("   ├─ 0") and line.endswith("shared") for line in lines)
    assert lines[-5].startswith("└─ 2") and lines[-3].startswith("   └─ 1")
    counts = [int(last) for last in (line.split()[-1] for line in lines[2:-2]) if last.isdigit()]
    assert sum(counts) == int(lines[-1].replace(",", "")) == sum(p.size for p in net.parameters())
    deep = type("A" * 100, (nn.Sequential,), {})(nn.Dense(3, 3), np.tanh)
    for _ in range(20):
        deep = nn.Sequential(deep)
    narrow = deep.summary(np.ones((1, 3))).splitlines()
    assert max(map(len, narrow)) == 80 and "…" in narrow[-3] and any(line.endswith("12") for line in narrow)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "normal", "uniform"])
def test_initialisers_have_their_variance_and_obey_the_seed(name):
    values = nn.initial(name, (200, 100), rng=0)
    expected = {"he": 2 / 200, "glorot": 2 / 300, "normal": 1.0, "uniform": 1 / 3}[name.split("_")[0]]
    assert values.var() == pytest.approx(expected, rel=0.05)
    np.testing.assert_array_equal(values, nn.initial(name, (200, 100), rng=np.random.default_rng(0)))
    assert nn.initial(name, (4, 3), dtype=np.float32).dtype == np.float32


def test_fans_of_filters_and_orthogonal_rows():
    assert nn.initial("he_normal", (64, 32, 3, 3), rng=0).var() == pytest.approx(2 / (32 * 9), rel=0.05)
    q = nn.initial("orthogonal", (3, 5), rng=0, scale=2.0)
    np.testing.assert_allclose(q @ q.T, 4 * np.eye(3), atol=1e-12)
    assert not nn.initial("zeros", (2, 2)).any() and nn.initial("ones", (2, 2)).all()


def test_a_parameter_in_a_list_stays_one_when_it_is_frozen_at_once():
    class Weights(nn.Module):
        def __init__(self):
            self.weights = [Tensor([1.0], requires_grad=True), {"b": Tensor([2.0], requires_grad=True)}]

    part = Weights()
    part.weights[0].requires_grad = False
    part.weights[1]["b"].requires_grad = False
    assert list(part.state_dict()) == ["weights.0", "weights.1.b"]


def test_a_subclass_of_sequential_may_have_parameters_besides_its_layers():
    class Scaled(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Dense(2, 1, seed=0), np.tanh)
            self.scale = Tensor([2.0], requires_grad=True)
            self.head = nn.Dense(1, 1, seed=1)

        def forward(self, x):
            return self.head(super().forward(x)) * self.scale

    net = Scaled()
    names = ["0.weight", "0.bias", "scale", "head.weight", "head.bias"]
    assert [name for name, _ in net.named_parameters()] == names == list(net.state_dict())
    assert "scale" not in repr(net) and "head: Dense(1, 1)" in repr(net)
    assert net.summary(np.ones((3, 2))).splitlines()[-1].split() == ["6"]


@pytest.mark.parametrize("state", ["model.npz", None, [1, 2], {"weight": [[1], [2, 3]], "bias": [1.0]}])
def test_what_is_no_state_is_refused_and_changes_nothing(state):
    layer = nn.Dense(1, 1, seed=0)
    before = layer.state_dict()
    with pytest.raises(OperandError, match="load_state_dict"):
        layer.load_state_dict(state)
    assert layer.weight.item() == before["weight"].item()


def test_a_state_that_cannot_be_written_to_is_refused_before_anything_changes():
    part = nn.Module()
    part.first, part.fixed = Tensor([1.0], requires_grad=True), np.broadcast_to(0.0, 3)
    with pytest.raises(OperandError, match="fixed is read-only"):
        part.load_state_dict({"first": [5.0], "fixed": [1.0, 2.0, 3.0]})
    assert part.first.item() == 1


def test_a_tuple_between_layers_is_named_with_its_cure():
    net = nn.Sequential(nn.LSTM(3, 4, seed=0), nn.Dense(4, 1, seed=1))
    x = np.ones((2, 5, 3))
    for frozen in (False, True):
        with pytest.raises(OperandError, match=r"the tuple of 2 that LSTM gave; .*lambda pair: pair\[0\]"):
            net.requires_grad_(not frozen)(x)
    assert nn.Sequential(net[0], lambda pair: pair[0], net[1])(x).shape == (2, 5, 1)


def test_a_layer_that_returns_nothing_and_a_class_among_the_layers_are_named():
    with pytest.raises(
        OperandError, match=r"layer 1, Dense\(2, 2\), cannot take the None that layer 0, <lambda>, gave"
    ):
        nn.Sequential(lambda x: None, nn.Dense(2, 2))(np.ones((1, 2)))
    with pytest.raises(OperandError, match=r"layer 1 is the class ReLU; give a layer of it, ReLU\(\.\.\.\)"):
        nn.Sequential(nn.Dense(2, 2), nn.ReLU)


@pytest.mark.parametrize("layer", [nn.LayerNorm, nn.BatchNorm1d])
def test_deviations_whose_squares_overflow_in_half_floats_are_normalised(layer):
    x = np.random.default_rng(0).normal(scale=300, size=(6, 8)).astype(np.float16)
    y, gradients = {}, {}
    for dtype in (np.float16, np.float64):
        given = Tensor(x.astype(dtype), requires_grad=True)
        y[dtype] = layer(8, dtype=dtype)(given)
        (y[dtype] ** 3).sum().backward()
        gradients[dtype] = given.grad
    assert y[np.float16].dtype == gradients[np.float16].dtype == np.float16
    np.testing.assert_allclose(y[np.float16].numpy(), y[np.float64].numpy(), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(gradients[np.float16], gradients[np.float64], rtol=0.02, atol=2e-4)


def test_plain_numbers_do_not_take_the_place_of_a_parameter_unseen():
    model = nn.Dense(2, 1, seed=0)
    with no_grad():
        rebound = model.weight - 0.1 * np.ones((2, 1))
    for values in (np.ones((2, 1)), 3.0, np.float64(1.0), Tensor(np.ones((2, 1))), rebound):
        with pytest.raises(OperandError, match=r"Dense: weight is a parameter of shape \(2, 1\).*weight\.data"):
            model.weight = values
    assert [name for name, _ in model.named_parameters()] == ["weight", "bias"]
    model.weight.data = np.ones((2, 1))
    model.bias = None
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    model.weight = Tensor(np.zeros((2, 1)), requires_grad=True)
    assert model(np.ones((1, 2))).item() == 0.0
    model.weight.requires_grad = False
    model.weight = Tensor(np.ones((2, 1)))  # frozen it was already


def test_layers_in_a_list_are_told_of():
    with pytest.raises(OperandError, match=r"layer 0 is a list, which cannot be called; Sequential\(\*layers\)"):
        nn.Sequential([nn.Dense(2, 2)])


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Dense(2, 1), None),
        (nn.Dropout(0.5), "abc"),
        (nn.LayerNorm(2), None),
        (nn.LSTM(2, 3), None),
        (nn.Flatten(), None),
        (nn.Sequential(nn.Flatten()), None),
    ],
)
def test_a_layer_that_is_given_no_numbers_says_so_in_its_own_name(layer, x):
    with pytest.raises(OperandError, match=f"^{type(layer).__name__}: .* is no array of numbers"):
        layer(x)


def test_the_error_of_a_layer_with_parts_stays_one_sentence():
    with pytest.raises(OperandError, match=r"^Sequential: layer 1, LSTM, cannot take the shape \(1, 2\) .*") as caught:
        nn.Sequential(nn.Dense(2, 2), nn.LSTM(2, 3))(np.ones((1, 2)))
    assert "\n" not in str(caught.value)
