import numpy as np
import pytest
from networks import Layer, chain, layers, xor

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.show.errors import NoGraphError
from autograd_lite.show.graph import walk


def by_name(graph):
    return {entry.name: entry for entry in graph if entry.name}


def test_inputs_come_before_users_and_the_result_last():
    loss, _ = xor()
    graph = walk(loss)
    seen = set()
    for entry in graph:
        assert all(edge.source in seen for edge in entry.inputs)
        seen.add(entry.id)
    assert graph.result.name == "loss"
    assert [entry.id for entry in graph] == [f"n{i}" for i in range(len(graph))]


def test_kinds_are_told_apart():
    loss, _ = xor()
    kinds = {name: entry.kind for name, entry in by_name(walk(loss)).items()}
    assert kinds == {
        **dict.fromkeys(["W1", "b1", "W2", "b2"], "parameter"),
        **dict.fromkeys(["x", "y"], "data"),
        **dict.fromkeys(["v1", "loss"], "operation"),
    }
    assert [entry.value for entry in walk(loss) if entry.kind == "constant"] == [1, 1, 1, 1, 2]


def test_a_square_written_as_a_product_has_two_edges():
    x = Tensor(3.0, requires_grad=True)
    assert [(edge.index, edge.source) for edge in walk(x * x).result.inputs] == [(0, "n0"), (1, "n0")]


def test_broadcasting_is_noted_on_the_edge():
    a, b = Tensor(np.ones((4, 2)), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    assert [edge.broadcast for edge in walk(a + b).result.inputs] == [None, (4, 2)]
    assert [edge.broadcast for edge in walk(a @ b).result.inputs] == [None, None]
    stack = Tensor(np.ones((5, 2, 3)))
    assert [edge.broadcast for edge in walk(a @ stack).result.inputs] == [(5, 4, 2), None]


def test_values_before_backward_are_those_of_the_forward_pass():
    loss, p = xor()
    graph = walk(loss, values=True)
    named = by_name(graph)
    v1 = 1 / (1 + np.exp(-(p["W1"].numpy() @ [[0.0], [1.0]] + p["b1"].numpy())))
    np.testing.assert_allclose(named["v1"].value, v1, rtol=1e-14)
    assert graph.result.value == pytest.approx(0.05084754666230897, rel=1e-14)
    assert all(entry.value is not None for entry in graph)
    assert graph.remarks == []


@pytest.mark.parametrize("after", [False, True])
def test_gradients_are_those_of_backward_before_and_after_it(after):
    loss, parameters = xor()
    if after:
        loss.backward()
    graph = walk(loss, gradients=True)
    if not after:
        assert all(p.grad is None for p in parameters.values())
        loss.backward()
    for name, p in parameters.items():
        np.testing.assert_allclose(by_name(graph)[name].gradient, p.grad, rtol=1e-13)
    assert bool(graph.remarks) == after


def test_reading_leaves_the_graph_as_it_was():
    loss, parameters = xor()
    calls = []
    parameters["W1"].register_hook(calls.append)
    graph = walk(loss, values=True, gradients=True)
    assert calls == [] and graph.hooked and "Hooks" in graph.remarks[0]
    loss.backward()
    assert len(calls) == 1


def test_what_is_sent_along_the_edges_adds_up_to_the_gradient():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = (np.tanh(x) * x + x).sum()
    graph = walk(loss, gradients=True)
    sent = [edge.sent for entry in graph for edge in entry.inputs if edge.source == "n0"]
    assert len(sent) == 3
    np.testing.assert_allclose(sum(sent), by_name(graph)["x"].gradient)


def test_a_leaf_changed_since_gives_no_wrong_values():
    loss, parameters = xor()
    before = {entry.id: entry.value for entry in walk(loss, values=True)}
    parameters["b2"].data += 1.0
    graph = walk(loss, values=True)
    assert graph.changed and "changed" in graph.remarks[0]
    shown = [entry for entry in graph if entry.kind == "operation" and entry.value is not None]
    assert shown
    for entry in shown:
        np.testing.assert_allclose(entry.value, before[entry.id], rtol=1e-13)
    loss.backward()
    graph = walk(loss, values=True, gradients=True)
    named = by_name(graph)
    assert named["v1"].value is None and named["v1"].gradient is None
    np.testing.assert_array_equal(named["W1"].gradient, parameters["W1"].grad)


def test_an_array_operand_has_the_value_that_was_kept_of_it():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    graph = walk((x * np.array([3.0, 4.0])).sum(), values=True)
    (data,) = [entry for entry in graph if entry.kind == "data"]
    np.testing.assert_array_equal(data.value, [3.0, 4.0])


def test_a_passive_comparison_is_part_of_the_graph():
    x = Tensor([-1.0, 2.0], requires_grad=True, name="x")
    graph = walk((x * (x > 0)).sum(), values=True, gradients=True)
    (mask,) = [entry for entry in graph if entry.operation == "greater"]
    assert mask.value.tolist() == [False, True] and mask.gradient is None
    assert by_name(graph)["x"].gradient.tolist() == [0.0, 1.0]


def test_a_graph_of_the_gradient_can_be_read():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    (np.tanh(x) ** 2).sum().backward(create_graph=True)
    graph = walk(x.grad.sum(), values=True, gradients=True)
    t = np.tanh([1.0, 2.0])
    np.testing.assert_allclose(graph.result.value, (2 * t * (1 - t * t)).sum())
    np.testing.assert_allclose(by_name(graph)["x"].gradient, (1 - t * t) * (2 - 6 * t * t), rtol=1e-12)


def groups(result):
    """The group of each operation, in order."""
    return [entry.group for entry in walk(result) if entry.kind == "operation"]


def test_modules_nest_and_are_called_after_their_attributes():
    loss, tower = layers(2)
    graph = walk(loss)
    named = by_name(graph)
    assert named["W0"].group == ("Tower", "layer0: Layer") and named["W1"].group == ("Tower", "layer1: Layer")
    assert graph.result.group == () and named["x"].group == ()
    assert groups(loss) == [("Tower", "layer0: Layer")] * 3 + [("Tower", "layer1: Layer")] * 3 + [(), ()]
    del tower  # then nothing knows any more what its attributes were called
    assert groups(loss) == [("Tower", "Layer")] * 3 + [("Tower", "Layer (2)")] * 3 + [(), ()]


def test_parameters_are_called_after_attributes_and_keep_names_that_they_have():
    net = nn.Sequential(nn.Dense(3, 4), np.tanh, nn.Sequential(nn.Dense(4, 1)))
    net[0].bias.name = "b"
    net[2][0].bias.requires_grad = False
    names = [entry.name for entry in walk(net(np.ones((2, 3))).sum()) if entry.name]
    assert names == ["0.weight", "b", "2.0.weight", "2.0.bias"]
    assert net[0].weight.name is None


@pytest.mark.parametrize("given", [np.ones((2, 3)), Tensor(np.ones((2, 3))), Tensor(np.ones((2, 3)), name="x")])
def test_what_a_module_is_given_stands_outside(given):
    net = nn.Sequential(nn.Dense(3, 4), nn.Dropout(0.5, seed=0))
    data = [entry for entry in walk(net(given)) if entry.kind == "data"]
    assert [entry.group for entry in data] == [(), ("Sequential", "1: Dropout")]


def test_a_module_called_twice_is_two_groups_around_which_its_parameters_stand():
    x, layer = Tensor(np.ones((1, 3))), Layer(0, 3)
    result = layer(layer(x))
    assert groups(result) == [("Layer",)] * 3 + [("Layer (2)",)] * 3
    assert by_name(walk(result))["W0"].group == ()
    net = nn.Sequential(layer, layer)
    result = net(x)
    assert groups(result) == [("Sequential", "0: Layer")] * 3 + [("Sequential", "0: Layer (2)")] * 3
    assert by_name(walk(result))["W0"].group == ("Sequential",)


class Recurrent(nn.Module):
    """Keeps its state in an attribute, and returns it twice."""

    def __init__(self):
        self.cell = nn.GRUCell(2, 3, seed=0)
        self.state = None

    def forward(self, x):
        self.state = self.cell(x) if self.state is None else self.cell(x, self.state)
        return self.state, {"again": [self.state * 1.0]}


def test_a_state_that_a_module_keeps_does_not_put_one_call_into_the_next():
    net = Recurrent()
    for _ in range(3):
        first, second = net(Tensor(np.ones((1, 2))))
    outer = [group[0] for group in groups(first.sum()) if group]
    assert sorted(set(outer)) == ["Recurrent", "Recurrent (2)", "Recurrent (3)"]
    assert outer.count("Recurrent (2)") == outer.count("Recurrent (3)")
    assert groups(second["again"][0])[-1] == ("Recurrent (3)",)


def test_a_call_with_several_results_is_one_group():
    class Fork(nn.Module):
        def forward(self, x, state):
            return x * 2, (x + state[0], [x - state[1]])

    x, states = Tensor(1.0, requires_grad=True), (Tensor(2.0), Tensor(3.0) * 1.0)
    double, (plus, (minus,)) = Fork()(x, states)
    assert groups(double * plus * minus) == [("Fork",), ("Fork",), (), ("Fork",), ()]


class Same(nn.Module):
    def forward(self, x):
        return x


class Numbers(nn.Module):
    """Gives what is no Tensor."""

    def forward(self, x):
        return x.shape, 1.0, None


def test_modules_that_compute_nothing_leave_no_group():
    x = Tensor(1.0, requires_grad=True)
    assert groups(np.tanh(Same()(Same()(np.exp(Same()(x)))))) == [(), ()]
    assert Same()(2.0) == 2.0 and Numbers()(x) == ((), 1.0, None)
    assert groups(nn.Sequential(np.exp, Same())(x)) == [("Sequential",)]
    with ag.no_grad():
        assert nn.Dense(2, 2)(np.ones(2))._node is None


def test_a_call_keeps_neither_the_module_nor_what_it_was_given_alive():
    import gc
    import weakref

    class Cutting(nn.Module):
        """Notes down its result, which is cut off from what came in."""

        def forward(self, x):
            self.last = np.tanh(x.detach() * Tensor(1.0, requires_grad=True))
            return self.last

    gc.collect()
    gc.disable()
    try:
        net, inner = Cutting(), np.exp(Tensor(np.ones(3), requires_grad=True))
        before, saved = np.tanh(inner), weakref.ref(inner._node.saved[0])
        del inner
        result, alive = net(before), weakref.ref(net)
        assert saved() is not None and groups(result) == [("Cutting",)] * 2
        del before
        assert saved() is None  # the graph of what was cut off is gone
        del net
        assert alive() is None and groups(result) == [("Cutting",)] * 2
        last = weakref.ref(result)
        del result
        assert last() is None
    finally:
        gc.enable()


def test_calls_leave_copies_and_pickles_of_a_model_as_they_were():
    import copy
    import pickle

    net = nn.Sequential(nn.Dense(2, 2, seed=0))
    before = pickle.dumps(net)
    net(np.ones(2)).sum().backward()
    net.zero_grad()
    assert pickle.dumps(net) == before
    assert groups(copy.deepcopy(net)(np.ones((1, 2)))) == [("Sequential", "0: Dense")] * 2


def test_the_groups_of_the_forward_pass_show_in_a_graph_of_the_gradient():
    net = nn.Sequential(nn.Dense(2, 3, seed=0), np.tanh, nn.Dense(3, 1, seed=1))
    (net(Tensor(np.ones((4, 2)))) ** 2).mean().backward(create_graph=True)
    found = groups((net[0].weight.grad ** 2).sum())
    assert ("Sequential", "0: Dense") in found and ("Sequential",) in found
    assert found[-2:] == [(), ()]


def test_a_long_chain_is_read_without_recursion():
    loss, w = chain(20_000)
    graph = walk(loss, values=True, gradients=True)
    loss.backward()
    np.testing.assert_allclose(by_name(graph)["w"].gradient, w.grad)


@pytest.mark.parametrize(
    "tensor", [Tensor([1.0], requires_grad=True), Tensor(1.0), 3.0, np.ones(2)], ids=["leaf", "data", "float", "array"]
)
def test_what_has_no_graph_is_refused(tensor):
    with pytest.raises(NoGraphError, match="pass the"):
        walk(tensor)


def test_a_result_made_without_recording_is_refused():
    x = Tensor(1.0, requires_grad=True)
    with ag.no_grad():
        y = x * 2
    with pytest.raises(NoGraphError, match="no_grad"):
        walk(y)


def test_gradients_of_what_is_not_a_real_scalar_are_refused():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ag.BackwardError, match="sum"):
        walk(2 * x, gradients=True)
    with pytest.raises(ag.BackwardError, match="requires_grad"):
        walk((x > 0), gradients=True)


def loss_and_accuracy():
    net = nn.Sequential(nn.Dense(3, 2, seed=0))
    logits = net(Tensor(np.eye(3), name="x"))
    labels = np.array([0, 1, 1])
    return nn.cross_entropy(logits, labels), (np.argmax(logits, axis=1) == labels).mean(), net


@pytest.mark.parametrize("container", [tuple, list, lambda pair: dict(zip(("loss", "accuracy"), pair, strict=True))])
def test_several_results_are_read_as_one_graph(container):
    loss, accuracy, _net = loss_and_accuracy()
    assert isinstance(accuracy, np.float64)
    graph = walk(container((loss, accuracy)), values=True, gradients=True, several=True)
    assert [entry.value.item() for entry in graph.results] == [loss.item(), accuracy.item()]
    assert [entry.operation for entry in graph].count("matmul") == 1  # what both were computed from, once
    assert graph.target is graph.results[0] and graph.result is graph.results[0]
    alone = {entry.name: entry.gradient for entry in walk(loss, gradients=True) if entry.kind == "parameter"}
    for entry in graph:
        if entry.kind == "parameter":
            np.testing.assert_array_equal(entry.gradient, alone[entry.name])
    names = [entry.name for entry in graph.results]
    assert names == (["loss", "accuracy"] if container not in (tuple, list) else [None, None])


def test_results_without_a_graph_and_in_containers_stand_among_the_others():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    with ag.no_grad():
        plain = x * 3
    graph = walk({"states": [x * 2, plain], "x": x, "again": x}, values=True, several=True)
    assert [(entry.name, entry.kind) for entry in graph.results] == [
        ("states.0", "operation"),
        ("states.1", "data"),
        ("x", "parameter"),
    ]
    np.testing.assert_array_equal(graph.results[1].value, [3.0, 6.0])
    assert plain._node is None


def test_of_several_results_one_must_have_a_graph_and_one_the_gradients():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(NoGraphError, match="of these 2 Tensors none was made"):
        walk([x, Tensor(1.0)], several=True)
    with pytest.raises(NoGraphError, match="result b, of type str, is no Tensor"):
        walk({"a": x * 2, "b": "text"}, several=True)
    with pytest.raises(NoGraphError, match="of these 0 Tensors"):
        walk([], several=True)
    with pytest.raises(NoGraphError, match="tuple is no Tensor"):
        walk((x * 2,))
    for results in ([x.sum(), x.mean()], [x * 2, x * 3]):
        with pytest.raises(ag.BackwardError, match="not clear whose gradient"):
            walk(results, gradients=True, several=True)


def test_a_named_module_names_its_parameters_and_is_shown_as_a_group():
    import copy
    import pickle

    from autograd_lite.show.table import name

    net = nn.Sequential(nn.Dense(3, 4), np.tanh, nn.Dense(4, 1))
    name(net=net)
    name(net=net)  # a second time changes nothing
    x = Tensor(np.ones((2, 3)), name="x")
    for model in (net, pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        graph = walk((model(x) ** 2).mean())
        named = by_name(graph)
        assert named["net.0.weight"].group == ("net: Sequential", "net.0: Dense")
        assert named["net.2.bias"].group == ("net: Sequential", "net.2: Dense")
        assert [entry.group for entry in graph if entry.operation == "tanh"] == [("net: Sequential",)]
        assert graph.result.group == () == named["x"].group


@pytest.mark.parametrize(
    "function",
    [lambda h, y: h - y, lambda h, y: y - h, lambda h, y: h + y, lambda h, y: y + h],
    ids=["h - y", "y - h", "h + y", "y + h"],
)
@pytest.mark.parametrize("shape", [(2, 3), (3,), (1, 3), (2, 1), ()], ids=str)
def test_an_array_that_no_rule_reads_is_solved_for(function, shape):
    """The recording keeps only what the rules read; the targets in a loss are not among that."""
    y = np.round(np.random.RandomState(0).randn(*shape), 3) + 1000.0
    w = Tensor(np.random.RandomState(1).randn(2, 3), requires_grad=True, name="w")
    loss = (function(np.tanh(w), y) ** 2).mean()
    graph = walk(loss, values=True, gradients=True)
    (data,) = [entry for entry in graph if entry.kind in ("data", "constant") and not isinstance(entry.value, int)]
    np.testing.assert_allclose(data.value, y, rtol=1e-12)
    assert data.value.shape == shape and not graph.changed
