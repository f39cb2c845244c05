"""Normalisation, recurrent layers and attention: formulas, finite differences, and PyTorch where it is installed."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.check import gradcheck, gradgradcheck
from autograd_lite.errors import InPlaceError, OperandError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 5, 4))


def all_right(module, x, forward=None):
    """The gradients of the input and of every parameter agree with finite differences."""
    tensors = module.parameters()
    own = (lambda x: module(x)) if forward is None else forward

    def of(x, *values):
        saved = [tensor._array for tensor in tensors]
        places = {id(t): v for t, v in zip(tensors, values, strict=True)}
        for _, part in module.named_modules():
            for name, value in list(vars(part).items()):
                if id(value) in places:
                    object.__setattr__(part, name, places[id(value)])
        try:
            return own(x)
        finally:
            for _, part in module.named_modules():
                for name, value in list(vars(part).items()):
                    for tensor, given in zip(tensors, values, strict=True):
                        if value is given:
                            object.__setattr__(part, name, tensor)
            assert all(t._array is s for t, s in zip(tensors, saved, strict=True))

    return gradcheck(of, (x, *[t.numpy() for t in tensors]), max_entries=15)


def randomised(module):
    for p in module.parameters():
        p.data[...] = RNG.standard_normal(p.shape)
    return module


MODULES = {
    "layer norm": (lambda: nn.LayerNorm(4), X, None),
    "batch norm": (lambda: nn.BatchNorm1d(5), X, None),
    "batch norm of images": (lambda: nn.BatchNorm2d(5), X[..., None], None),
    "batch norm in evaluation": (lambda: nn.BatchNorm1d(5).eval(), X, None),
    "rnn": (lambda: nn.RNN(4, 3, seed=0), X, 0),
    "gru": (lambda: nn.GRU(4, 3, seed=0), X, 0),
    "lstm": (lambda: nn.LSTM(4, 3, seed=0), X, 0),
    "attention": (lambda: nn.MultiheadAttention(4, 2, seed=0), X, None),
    "transformer": (lambda: nn.TransformerBlock(4, 2, 6, causal=True, seed=0), X, None),
}


@pytest.mark.parametrize(("make", "x", "part"), MODULES.values(), ids=MODULES)
def test_gradients_of_input_and_parameters_are_those_of_finite_differences(make, x, part):
    module = randomised(make())
    forward = None if part is None else lambda x: module(x)[part]
    report = all_right(module, x, forward)
    assert report, report
    assert len(report.inputs) == 1 + len(module.parameters())


def test_norms_give_mean_0_and_variance_1():
    for y, axis in ((nn.LayerNorm(4, eps=0)(X), -1), (nn.BatchNorm1d(5, eps=0)(X), (0, 2))):
        y = y.numpy()
        np.testing.assert_allclose(y.mean(axis=axis), 0, atol=1e-14)
        np.testing.assert_allclose(y.var(axis=axis), 1, rtol=1e-12)
    constant = Tensor(np.ones((2, 3)), requires_grad=True)
    y = nn.LayerNorm(3)(constant)
    y.sum().backward()
    assert not y.numpy().any() and np.isfinite(constant.grad).all()


def test_batch_norm_keeps_running_statistics_and_uses_them_in_evaluation():
    layer = nn.BatchNorm1d(4, momentum=0.5)
    x = X[0]
    layer(x)
    np.testing.assert_allclose(layer.running_mean, 0.5 * x.mean(axis=0))
    np.testing.assert_allclose(layer.running_var, 0.5 + 0.5 * x.var(axis=0, ddof=1))
    other = nn.BatchNorm1d(4)
    other.load_state_dict(layer.state_dict())
    before = other.state_dict()
    expected = (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-5)
    np.testing.assert_allclose(other.eval()(x).numpy(), expected)
    assert all((before[name] == value).all() for name, value in other.state_dict().items())
    with pytest.raises(OperandError, match="no variance"):
        layer(x[:1])


def test_batch_norm_inside_a_checkpoint_counts_each_batch_once():
    def gradients(layer, run):
        seen = [layer.running_mean.copy()]
        for x in X:
            t = Tensor(x, requires_grad=True)
            layer.zero_grad()
            (run(t) ** 3).sum().backward()
            seen += [layer.running_mean.copy(), layer.running_var.copy(), t.grad, layer.weight.grad]
        return seen

    plain, inside = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    nested = nn.BatchNorm1d(4)
    expected = gradients(plain, lambda t: np.sin(plain(t)))
    assert not np.allclose(expected[1], expected[5])
    for layer, run in (
        (inside, ag.checkpoint(lambda t: np.sin(inside(t)))),
        (nested, ag.checkpoint(lambda t: np.sin(ag.checkpoint(nested)(t)))),
    ):
        for a, b in zip(gradients(layer, run), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    # also where the gradient is differentiated again, and after a second run that failed
    again, once = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    ag.hvp(lambda t: (ag.checkpoint(again)(t) ** 3).sum(), X[0], X[1])
    once(X[0])
    np.testing.assert_allclose(again.running_mean, once.running_mean)
    rng = np.random.default_rng(0)
    y = ag.checkpoint(lambda t: once(t) * rng.normal())(Tensor(X[0], requires_grad=True))
    with pytest.raises(InPlaceError, match="the second run"):
        y.sum().backward()
    before = once.running_mean.copy()
    once(X[1])
    assert (once.running_mean != before).all()


def test_what_does_not_fit_is_refused():
    for call, message in [
        (lambda: nn.LayerNorm(3)(X), "does not end in 3 features"),
        (lambda: nn.BatchNorm2d(5)(X), "4 axes and 5 channels"),
        (lambda: nn.RNNCell(3, 2)(X[0]), r"must be \(samples, 3\)"),
        (lambda: nn.GRUCell(4, 2)(X[0], np.zeros((5, 3))), "a state of shape"),
        (lambda: nn.LSTM(4, 2)(X[0]), r"samples, steps, 4\).*x\[None\]"),
        (lambda: nn.LSTM(4, 2)(X[..., :3]), r"LSTM: an input of shape .*; it must be \(samples, steps, 4\)"),
        (lambda: nn.RNN(4, 2)(X[:, :0]), "at least one step"),
        (lambda: nn.MultiheadAttention(4, 3), "4 features do not divide into 3 heads"),
        (lambda: nn.MultiheadAttention(4, 2)(X, None, np.zeros((5, 5), bool)), "true at least once"),
        (lambda: nn.MultiheadAttention(4, 2)(X, None, np.ones((5, 5), int)), "it must be boolean"),
        (lambda: nn.MultiheadAttention(4, 2)(X, X, X), "only the query x and one source are given"),
    ]:
        with pytest.raises(OperandError, match=message):
            call()


def test_a_causal_block_sees_nothing_that_comes_later():
    block = nn.TransformerBlock(4, 2, causal=True, seed=0)
    changed = X.copy()
    changed[:, 3:] += 1
    np.testing.assert_array_equal(block(X).numpy()[:, :3], block(changed).numpy()[:, :3])
    x = Tensor(X, requires_grad=True)
    block(x)[:, 1].sum().backward()
    assert x.grad[:, :2].any() and not x.grad[:, 2:].any()


def test_recurrent_layers_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    for name in ("RNN", "GRU", "LSTM"):
        ours = getattr(nn, name)(4, 3, seed=0)
        theirs = getattr(torch.nn, name)(4, 3, batch_first=True, dtype=torch.float64)
        cell = ours.cell
        pairs = [
            (cell.weight_ih, theirs.weight_ih_l0),
            (cell.weight_hh, theirs.weight_hh_l0),
            (cell.bias_ih, theirs.bias_ih_l0),
            (cell.bias_hh, theirs.bias_hh_l0),
        ]
        for own, their in pairs:
            their.data = torch.tensor(own.numpy().T.copy())
        y, state = ours(X)
        z, their_state = theirs(torch.tensor(X))
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-11, atol=1e-14)
        last, their_last = (state[1], their_state[1]) if name == "LSTM" else (state, their_state)
        np.testing.assert_allclose(last.numpy(), their_last[0].detach().numpy(), rtol=1e-11)
        (y**2).sum().backward()
        (z**2).sum().backward()
        for own, their in pairs:
            np.testing.assert_allclose(own.grad, their.grad.numpy().T, rtol=1e-9, atol=1e-13)


def test_attention_and_norms_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    ours = nn.MultiheadAttention(4, 2, seed=0)
    theirs = torch.nn.MultiheadAttention(4, 2, batch_first=True, dtype=torch.float64)
    projections = [ours.query, ours.key, ours.value]
    theirs.in_proj_weight.data = torch.tensor(np.concatenate([p.weight.numpy().T for p in projections]))
    theirs.out_proj.weight.data = torch.tensor(ours.output.weight.numpy().T.copy())
    mask = np.tri(5, dtype=bool)
    y = ours(X, None, mask)
    x = torch.tensor(X)
    z, _ = theirs(x, x, x, attn_mask=torch.tensor(~mask))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-11, atol=1e-14)
    (y**2).sum().backward()
    (z**2).sum().backward()
    grads = np.concatenate([p.weight.grad.T for p in projections])
    np.testing.assert_allclose(grads, theirs.in_proj_weight.grad.numpy(), rtol=1e-9, atol=1e-13)
    for own, their, x in (
        (nn.LayerNorm(4), torch.nn.LayerNorm(4, dtype=torch.float64), X),
        (nn.BatchNorm1d(5), torch.nn.BatchNorm1d(5, dtype=torch.float64), X),
        (nn.BatchNorm2d(5), torch.nn.BatchNorm2d(5, dtype=torch.float64), X[..., None]),
    ):
        np.testing.assert_allclose(own(x).numpy(), their(torch.tensor(x)).detach().numpy(), rtol=1e-11)
        if isinstance(own, nn.LayerNorm):
            continue
        np.testing.assert_allclose(own.running_var, their.running_var.numpy(), rtol=1e-12)


def test_dropout_of_whole_numbers_scales_them():
    y = nn.Dropout(0.3, seed=0)(np.ones(50, int))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7])


def test_attention_says_what_does_not_fit():
    attend = nn.scaled_dot_product_attention
    for query, key, value in [((2,), (2,), (2,)), ((2, 2), (3, 4), (3, 2)), ((2, 2), (3, 2), (4, 2))]:
        with pytest.raises(OperandError, match="query, key and value of shapes"):
            attend(np.ones(query), np.ones(key), np.ones(value))
    with pytest.raises(OperandError, match="no sources"):
        attend(np.ones((2, 2)), np.ones((0, 2)), np.ones((0, 2)))
    assert attend(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)), np.True_).tolist() == [[1, 1], [1, 1]]


def test_attention_takes_no_positions_a_source_of_more_axes_and_the_mask_by_name():
    layer = nn.MultiheadAttention(4, 2, seed=0)
    assert layer(np.ones((2, 0, 4))).shape == (2, 0, 4)
    x, source = np.random.default_rng(0).standard_normal((2, 3, 4))
    mask = np.tri(3, dtype=bool)
    several = layer(x, np.stack([source, x])).numpy()
    np.testing.assert_allclose(several, [layer(x, source).numpy(), layer(x, x).numpy()])
    np.testing.assert_array_equal(layer(x, mask=mask).numpy(), layer(x, None, mask).numpy())


def test_a_cell_says_what_is_wrong_with_input_and_state():
    with pytest.raises(OperandError, match=r"an input of shape \(\)"):
        nn.RNNCell(3, 4)(5.0)
    for state in (np.zeros((3, 2, 4)), 5):
        with pytest.raises(OperandError, match=r"it must be \(h, c\)"):
            nn.LSTM(3, 4)(np.ones((2, 5, 3)), state)


def test_a_mask_that_may_be_for_samples_or_for_heads_is_refused_and_each_has_a_form():
    layer = nn.MultiheadAttention(8, 2, seed=0)
    x = np.random.default_rng(0).standard_normal((2, 3, 8))
    mask = np.array([np.tri(3), np.tri(3).T]).astype(bool)
    with pytest.raises(OperandError, match=r"2 samples and 2 heads; give mask\[:, None\]"):
        layer(x, mask=mask)
    with pytest.raises(OperandError, match=r"3 samples and 2 heads; give mask\[:, None\]"):
        layer(np.ones((3, 3, 8)), mask=np.ones((3, 3, 3), bool))
    each = [layer(x[i], mask=mask[i]).numpy() for i in range(2)]
    np.testing.assert_allclose(layer(x, mask=mask[:, None]).numpy(), each, atol=1e-12)
    np.testing.assert_allclose(layer(x, mask=mask[None]).numpy()[0], layer(x[:1], mask=mask).numpy()[0], atol=1e-12)


def test_a_mask_of_more_samples_than_there_are_is_refused():
    layer = nn.MultiheadAttention(8, 2, seed=0)
    for x, mask in (((3, 3, 8), (5, 3, 3)), ((1, 3, 8), (5, 1, 3, 3)), ((3, 8), (5, 2, 3, 3)), ((1, 3, 8), (4, 3))):
        with pytest.raises(OperandError, match="a mask of shape"):
            layer(np.ones(x), mask=np.ones(mask, bool))


def test_scores_of_half_floats_are_scaled_before_they_are_infinite():
    query, key = (np.resize([60.0, 59.0], (3, 64)).astype(np.float16) for _ in range(2))
    value = np.arange(6.0).reshape(3, 2)
    found = nn.scaled_dot_product_attention(query, key, value.astype(np.float16))
    expected = nn.scaled_dot_product_attention(query.astype(float), key.astype(float), value)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


QUERY, KEY, VALUE = (RNG.standard_normal((2, n, 4)) for n in (3, 5, 5))
BIAS = RNG.standard_normal((3, 5))
HIDING = np.where(np.tri(3, 5, 1), BIAS, -np.inf)


def attended_by_loops(query, key, value, bias):
    """One position after the other, each with the weights exp(score) over their sum."""
    y = np.zeros((*query.shape[:2], value.shape[2]))
    bias = np.broadcast_to(bias, (*query.shape[:2], key.shape[1]))
    for n, i in np.ndindex(y.shape[:2]):
        weights = [np.exp(query[n, i] @ k / 2 + b) for k, b in zip(key[n], bias[n, i], strict=True)]
        y[n, i] = sum(w * v for w, v in zip(weights, value[n], strict=True)) / sum(weights)
    return y


@pytest.mark.parametrize("bias", [BIAS, HIDING, BIAS[:1], BIAS[:, :1], np.array(0.5), BIAS * np.ones((2, 1, 1))])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_floating_mask_is_added_to_the_scores(bias, dtype, rtol):
    arrays = [a.astype(dtype) for a in (QUERY, KEY, VALUE)]
    found = nn.scaled_dot_product_attention(*arrays, bias)  # in float64, which must not widen the result
    assert found.dtype == dtype
    np.testing.assert_allclose(found, attended_by_loops(QUERY, KEY, VALUE, bias), rtol=rtol, atol=rtol)


def test_a_mask_of_minus_infinity_is_the_boolean_one():
    mask = np.tri(3, 5, 1, dtype=bool)
    for dtype, hidden in ((float, -np.inf), (np.float16, -1e9)):
        arrays = [a.astype(dtype) for a in (QUERY, KEY, VALUE)]
        floating = nn.scaled_dot_product_attention(*arrays, np.where(mask, 0.0, hidden))
        np.testing.assert_array_equal(floating, nn.scaled_dot_product_attention(*arrays, mask))


def test_a_floating_mask_has_derivatives_to_second_order():
    def attend(*inputs):
        return np.tanh(nn.scaled_dot_product_attention(*inputs))

    for bias in (BIAS, BIAS[:1]):
        assert gradcheck(attend, (QUERY, KEY, VALUE, bias), max_entries=15)
        assert gradgradcheck(attend, (QUERY, KEY, VALUE, bias), max_entries=6)
    assert gradcheck(lambda *inputs: attend(*inputs, HIDING), (QUERY, KEY, VALUE), max_entries=15)
    assert gradgradcheck(lambda *inputs: attend(*inputs, HIDING), (QUERY, KEY, VALUE), max_entries=6)
    hiding = Tensor(HIDING, requires_grad=True)
    attend(QUERY, KEY, VALUE, hiding).sum().backward()
    assert not hiding.grad[np.isinf(HIDING)].any() and hiding.grad[np.isfinite(HIDING)].all()


def test_a_floating_mask_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    for bias in (BIAS, HIDING):
        ours = [Tensor(a, requires_grad=True) for a in (QUERY, KEY, VALUE, bias)]
        theirs = [torch.tensor(a, requires_grad=True) for a in (QUERY, KEY, VALUE, bias)]
        y = nn.scaled_dot_product_attention(*ours)
        z = torch.nn.functional.scaled_dot_product_attention(*theirs[:3], attn_mask=theirs[3])
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-11)
        (y**2).sum().backward()
        (z**2).sum().backward()
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_heads_take_a_floating_mask_and_learn_it():
    layer = nn.MultiheadAttention(4, 2, seed=0)
    mask = np.tri(5, dtype=bool)
    boolean = layer(X, mask=mask).numpy()
    np.testing.assert_array_equal(layer(X, mask=np.where(mask, 0.0, -np.inf)).numpy(), boolean)
    bias = Tensor(np.zeros((2, 5, 5)), requires_grad=True)  # one for each head
    with pytest.raises(OperandError, match=r"give mask\[:, None\] if it is one for each sample"):
        layer(X, mask=bias)
    layer(X, mask=bias[None])[:, 0].sum().backward()
    assert bias.grad[:, 0].all() and not bias.grad[:, 1:].any()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((3, 5), int), "a mask of dtype int64 .*it must be boolean, .* or floating"),
        (np.ones((3, 5), complex), "a mask of dtype complex128"),
        (np.zeros((3, 4)), r"a mask of shape \(3, 4\) for scores of shape \(2, 3, 5\)"),
        (np.zeros((1, 2, 3, 5)), r"a mask of shape \(1, 2, 3, 5\) for scores"),
        (np.full((3, 5), -np.inf), "nothing to look at; it must be larger than -inf at least once in every row"),
        (np.where(np.tri(3, 5, -1), 0.0, -np.inf), "nothing to look at"),
        (np.where(np.tri(3, 5), 0.0, np.nan), "with NaN or infinity"),
        (np.where(np.tri(3, 5), 0.0, np.inf), "with NaN or infinity"),
        (np.tri(3, 5), r"floating mask of zeros and ones, .*; give mask\.astype\(bool\) .* or else mask - 1"),
        (np.ma.masked_array(BIAS, BIAS > 0), "masked array"),
    ],
)
def test_a_mask_that_is_neither_boolean_nor_something_to_add_is_refused(mask, message):
    with pytest.raises(OperandError, match=f"scaled_dot_product_attention: .*{message}"):
        nn.scaled_dot_product_attention(QUERY, KEY, VALUE, mask)


def test_zeros_and_ones_are_added_where_that_is_said():
    ones = np.tri(3, 5)
    expected = attended_by_loops(QUERY, KEY, VALUE, ones)
    for mask in (ones - 1, Tensor(ones, requires_grad=True)):
        found = nn.scaled_dot_product_attention(QUERY, KEY, VALUE, mask)
        np.testing.assert_allclose(np.asarray(getattr(found, "_array", found)), expected, rtol=1e-12)
