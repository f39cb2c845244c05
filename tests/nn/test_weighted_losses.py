"""Losses with weights, ignored labels, smoothing and margins, held against formulas written place by place."""

from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Tensor, nn, optim, train
from autograd_lite.errors import OperandError

RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((2, 5, 3))
P = RNG.uniform(0.05, 0.95, (5, 3))
SHARES = P / P.sum(axis=1, keepdims=True)
LABELS = np.array([0, 2, -100, 1, 2])
WEIGHT = np.array([0.5, 2.0, 1.25])
EACH = RNG.uniform(0.1, 3, (5, 3))
REDUCTIONS = ("none", "mean", "sum")
VALUES = {"weight": WEIGHT, "ignore_index": 1, "label_smoothing": 0.3}


def options(*names):
    return {name: VALUES[name] for name in names}


OPTIONS = [options(*names) for count in range(4) for names in combinations(VALUES, count)]


def log_softmax(row):
    return row - row.max() - np.log(np.exp(row - row.max()).sum())


def by_hand(x, target, reduction="mean", weight=None, ignore_index=-100, label_smoothing=0.0, logits=True):
    """Cross-entropy of labels or of probabilities, one place after the other."""
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else np.asarray(weight, float)
    rows = np.moveaxis(x, 1, -1).reshape(-1, classes)
    of_labels = np.asarray(target).dtype.kind in "iu"
    targets = target.reshape(-1) if of_labels else np.moveaxis(target, 1, -1).reshape(-1, classes)
    losses, counts = [], []
    for row, wanted in zip(rows, targets, strict=True):
        if of_labels and wanted == ignore_index:
            losses.append(0.0)
            counts.append(0.0)
            continue
        shares = np.eye(classes)[wanted] if of_labels else wanted
        shares = (1 - label_smoothing) * shares + label_smoothing / classes
        logs = log_softmax(row) if logits else row
        losses.append(-sum(w * share * log for w, share, log in zip(weight, shares, logs, strict=True)))
        counts.append(weight[wanted] if of_labels else 1.0)
    if reduction == "mean":
        return sum(losses) / sum(counts)
    return sum(losses) if reduction == "sum" else np.reshape(losses, x.shape[:1] + x.shape[2:])


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


#: name -> (loss, the same by hand without a reduction, what the mean divides by, an input)
FORMULAS = {
    "bce": (
        lambda x, **k: nn.binary_cross_entropy(x, SHARES, weight=EACH, **k),
        lambda x: -EACH * (SHARES * np.log(x) + (1 - SHARES) * np.log(1 - x)),
        15,
        P,
    ),
    "bce, weight of classes": (
        lambda x, **k: nn.binary_cross_entropy(x, SHARES, weight=WEIGHT, **k),
        lambda x: -WEIGHT * (SHARES * np.log(x) + (1 - SHARES) * np.log(1 - x)),
        15,
        P,
    ),
    "bce with logits": (
        lambda x, **k: nn.binary_cross_entropy_with_logits(x, SHARES, weight=EACH[:, :1], **k),
        lambda x: EACH[:, :1] * (SHARES * softplus(-x) + (1 - SHARES) * softplus(x)),
        15,
        X,
    ),
    "bce with logits, pos_weight": (
        lambda x, **k: nn.binary_cross_entropy_with_logits(x, SHARES, pos_weight=WEIGHT, **k),
        lambda x: WEIGHT * SHARES * softplus(-x) + (1 - SHARES) * softplus(x),
        15,
        X,
    ),
    "bce with logits, both": (
        lambda x, **k: nn.binary_cross_entropy_with_logits(x, SHARES, weight=EACH, pos_weight=WEIGHT, **k),
        lambda x: EACH * (WEIGHT * SHARES * softplus(-x) + (1 - SHARES) * softplus(x)),
        15,
        X,
    ),
    "mse": (
        lambda x, **k: nn.mse_loss(x, Y, weight=EACH, **k),
        lambda x: EACH * (x - Y) ** 2,
        EACH.sum(),
        X,
    ),
    "l1": (
        lambda x, **k: nn.l1_loss(x, Y, weight=EACH, **k),
        lambda x: EACH * np.abs(x - Y),
        EACH.sum(),
        X,
    ),
    "huber": (
        lambda x, **k: nn.huber_loss(x, Y, delta=0.7, weight=EACH, **k),
        lambda x: EACH * np.where(np.abs(x - Y) < 0.7, (x - Y) ** 2 / 2, 0.7 * (np.abs(x - Y) - 0.35)),
        15,
        X,
    ),
    "hinge": (
        lambda x, **k: nn.hinge_loss(x, np.sign(Y), margin=0.3, **k),
        lambda x: np.maximum(0, 0.3 - np.sign(Y) * x),
        15,
        X,
    ),
}


@pytest.mark.parametrize("keywords", OPTIONS, ids=", ".join)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_is_the_formula(keywords, reduction):
    labels = np.where(LABELS == -100, keywords.get("ignore_index", -100), LABELS)
    loss = partial(nn.cross_entropy, target=labels, reduction=reduction, **keywords)
    expected = by_hand(X, labels, reduction, **keywords)
    np.testing.assert_allclose(loss(X), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(loss(Tensor(X, requires_grad=True)).numpy(), expected, rtol=1e-14, atol=1e-15)
    assert ag.gradcheck(loss, X)
    assert ag.gradgradcheck(loss, X)


@pytest.mark.parametrize(
    "keywords", [options("weight"), options("label_smoothing"), options("weight", "label_smoothing")]
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_probabilities_is_the_formula(keywords, reduction):
    loss = partial(nn.cross_entropy, target=SHARES, reduction=reduction, **keywords)
    np.testing.assert_allclose(loss(X), by_hand(X, SHARES, reduction, **keywords), rtol=1e-14)
    assert ag.gradcheck(loss, X)
    assert ag.gradgradcheck(loss, X)
    assert ag.gradcheck(lambda shares: nn.cross_entropy(X, shares, reduction, **keywords), SHARES)


@pytest.mark.parametrize(
    "keywords", [{}, options("weight"), options("ignore_index"), options("weight", "ignore_index")]
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss_is_the_formula(keywords, reduction):
    labels = np.where(LABELS == -100, keywords.get("ignore_index", -100), LABELS)
    loss = partial(nn.nll_loss, target=labels, reduction=reduction, **keywords)
    logs = nn.log_softmax(X)
    np.testing.assert_allclose(loss(logs), by_hand(logs, labels, reduction, logits=False, **keywords), rtol=1e-14)
    assert ag.gradcheck(loss, logs)
    assert ag.gradgradcheck(lambda x: loss(nn.log_softmax(x)), X)


@pytest.mark.parametrize(("loss", "each", "count", "x"), FORMULAS.values(), ids=FORMULAS)
def test_weights_of_elements_and_margins_are_the_formula(loss, each, count, x):
    np.testing.assert_allclose(loss(x, reduction="none"), each(x), rtol=1e-13)
    np.testing.assert_allclose(loss(x, reduction="sum"), each(x).sum(), rtol=1e-13)
    np.testing.assert_allclose(loss(x), each(x).sum() / count, rtol=1e-13)
    assert ag.gradcheck(loss, x)
    assert ag.gradgradcheck(loss, x)


@given(data=st.data())
def test_every_combination_is_the_formula(data):
    classes = data.draw(st.integers(1, 4))
    shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    x = rng.standard_normal((shape[0], classes, *shape[1:])) * 3
    ignored = data.draw(st.sampled_from([-100, -1, 0, classes, 255]))
    keywords = {"weight": data.draw(st.sampled_from([None, rng.uniform(0.1, 2, classes)])), "ignore_index": ignored}
    keywords["label_smoothing"] = data.draw(st.sampled_from([0.0, 0.25, 1.0]))
    reduction = data.draw(st.sampled_from(REDUCTIONS))
    labels = np.where(rng.random(shape) < 0.3, ignored, rng.integers(0, classes, shape))
    if (labels == ignored).all() and reduction == "mean":
        with pytest.raises(OperandError, match="every label"):
            nn.cross_entropy(x, labels, reduction, **keywords)
        return
    expected = by_hand(x, labels, reduction, **keywords)
    np.testing.assert_allclose(nn.cross_entropy(x, labels, reduction, **keywords), expected, rtol=1e-12, atol=1e-14)
    shares = nn.softmax(rng.standard_normal(x.shape), axis=1)
    del keywords["ignore_index"]
    expected = by_hand(x, shares, reduction, **keywords)
    np.testing.assert_allclose(nn.cross_entropy(x, shares, reduction, **keywords), expected, rtol=1e-12, atol=1e-14)


def test_one_sample_without_a_batch_axis():
    for keywords in (options("weight"), options("label_smoothing"), options("weight", "label_smoothing")):
        for target, row in ((np.array(2), np.array([2])), (SHARES[0], SHARES[:1])):
            for reduction in REDUCTIONS:
                y = nn.cross_entropy(X[0], target, reduction, **keywords)
                assert y.shape == ()
                np.testing.assert_allclose(y, np.sum(by_hand(X[:1], row, reduction, **keywords)), rtol=1e-14)
    assert nn.cross_entropy(X[0], -100, reduction="none") == nn.cross_entropy(X[0], -100, reduction="sum") == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_an_ignored_row_has_neither_loss_nor_gradient_whatever_its_logits_are(bad, reduction):
    logits = X.copy()
    logits[2] = [bad, 1.0, bad]
    rest = np.delete(np.arange(5), 2)
    for keywords in ({}, options("weight"), options("label_smoothing"), options("weight", "label_smoothing")):
        for loss in (partial(nn.cross_entropy, **keywords), partial(nn.nll_loss, weight=keywords.get("weight"))):
            total = lambda x, labels, loss=loss: loss(x, labels, reduction=reduction).sum()
            with np.errstate(all="raise", under="ignore"):
                value, gradient = ag.value_and_grad(total)(logits, LABELS)
            np.testing.assert_allclose(value, total(X[rest], LABELS[rest]), rtol=1e-14)
            assert (gradient[2] == 0).all()
            np.testing.assert_allclose(gradient[rest], ag.grad(total)(X[rest], LABELS[rest]), rtol=1e-13)
    assert nn.cross_entropy(logits, LABELS, reduction="none")[2] == 0


def test_labels_of_any_integer_dtype_can_be_ignored():
    small = np.where(LABELS == -100, 255, LABELS).astype(np.uint8)
    assert nn.cross_entropy(X, small, ignore_index=255) == nn.cross_entropy(X, LABELS)
    # as a signed number this one is -100
    huge = np.array([0, 2, 2**64 - 100, 1, 2], np.uint64)
    with pytest.raises(OperandError, match="labels from 0 to 18446744073709551516 with 3 classes"):
        nn.cross_entropy(X, huge)


def test_where_every_label_is_ignored_only_the_mean_is_refused():
    ignored = np.full(5, -100)
    for loss in (nn.cross_entropy, nn.nll_loss, partial(nn.cross_entropy, weight=WEIGHT, label_smoothing=0.1)):
        with pytest.raises(OperandError, match=r"every label of shape \(5,\) is ignored.*use reduction='sum'"):
            loss(X, ignored)
        x = Tensor(X, requires_grad=True)
        y = loss(x, ignored, reduction="sum")
        y.backward()
        assert y.item() == 0
        np.testing.assert_array_equal(x.grad, np.zeros_like(X))
        np.testing.assert_array_equal(loss(X, ignored, reduction="none"), np.zeros(5))
        with pytest.raises(OperandError, match="reduction='men' is not known"):
            loss(X, LABELS, reduction="men")


def test_gradients_by_the_weights_are_right():
    by_classes = [
        lambda w: nn.cross_entropy(X, LABELS, weight=w),
        lambda w: nn.cross_entropy(X, LABELS, weight=w, label_smoothing=0.3),
        lambda w: nn.cross_entropy(X, SHARES, weight=w, label_smoothing=0.3),
        lambda w: nn.nll_loss(nn.log_softmax(X), LABELS, weight=w),
        lambda w: nn.binary_cross_entropy(P, SHARES, weight=w),
        lambda w: nn.binary_cross_entropy_with_logits(X, SHARES, weight=w, pos_weight=w),
    ]
    for loss in by_classes:
        assert ag.gradcheck(loss, WEIGHT)
        assert ag.gradgradcheck(loss, WEIGHT)
        tangent = np.array([1.0, -0.5, 2.0])
        np.testing.assert_allclose(ag.jvp(loss, (WEIGHT,), (tangent,))[1], ag.grad(loss)(WEIGHT) @ tangent, rtol=1e-12)
        assert np.abs(ag.grad(loss)(WEIGHT)).max() > 1e-3
        assert ag.grad(loss)(WEIGHT.astype(np.float32)).dtype == np.float32
    for loss in (nn.mse_loss, nn.l1_loss, nn.huber_loss):
        assert ag.gradcheck(lambda w, loss=loss: loss(X, Y, weight=w), EACH)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_give_finite_losses_and_gradients_in_the_dtype_of_the_input(dtype):
    far = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]], dtype)
    labels, zeros = np.array([1, 0]), np.zeros_like(far)
    with np.errstate(all="raise", under="ignore"):
        for loss in (
            lambda x: nn.cross_entropy(x, labels, weight=WEIGHT),
            lambda x: nn.cross_entropy(x, labels, weight=[1, 2, 3], label_smoothing=0.1),
            lambda x: nn.cross_entropy(x, np.array([1, -100]), label_smoothing=np.float64(0.1)),
            lambda x: nn.cross_entropy(x, np.full_like(far, 1 / 3), weight=WEIGHT, label_smoothing=0.1),
            lambda x: nn.nll_loss(x, np.array([1, -100]), weight=WEIGHT),
            lambda x: nn.binary_cross_entropy_with_logits(x, zeros, weight=WEIGHT, pos_weight=WEIGHT),
            lambda x: nn.binary_cross_entropy_with_logits(x, zeros + 1, pos_weight=3),
            lambda x: nn.binary_cross_entropy_with_logits(x, zeros == 0, pos_weight=3),
            lambda x: nn.binary_cross_entropy_with_logits(x, zeros.astype(int), pos_weight=3),
            lambda x: nn.binary_cross_entropy(nn.sigmoid(x), zeros, weight=WEIGHT),
            lambda x: nn.mse_loss(x, zeros, weight=np.ones((2, 3))),
            lambda x: nn.l1_loss(x, zeros, weight=np.ones((2, 3))),
            lambda x: nn.huber_loss(x, zeros, weight=np.ones((2, 3))),
            lambda x: nn.hinge_loss(x, zeros + 1, margin=2),
        ):
            x = Tensor(far, requires_grad=True)
            y = loss(x)
            y.backward()
            assert np.isfinite(y.item()) and np.isfinite(x.grad).all() and np.abs(x.grad).max() > 0
            assert y.dtype == x.grad.dtype == loss(far).dtype == dtype


def test_pos_weight_keeps_the_digits_of_both_tails():
    x = np.array([30.0, -30.0])
    y = nn.binary_cross_entropy_with_logits(x, np.array([1.0, 0.0]), reduction="none", pos_weight=2.0)
    np.testing.assert_allclose(y, np.log1p(np.exp(-30.0)) * np.array([2, 1]), rtol=1e-14)


def test_many_weights_in_float16_do_not_overflow():
    y = nn.cross_entropy(np.zeros((70_000, 2), np.float16), np.zeros(70_000, int), weight=[2.0, 1.0])
    assert y.dtype == np.float16 and y == np.float16(np.log(2))


def test_a_class_of_weight_0_costs_nothing_even_where_it_is_masked_out():
    logits = np.array([[0.0, -np.inf, 1.0], [2.0, -np.inf, 1.0]])
    weight = np.array([1.0, 0.0, 3.0])
    for target in (np.array([2, 1]), np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])):
        for smoothing in (0.0, 0.3):
            loss = partial(nn.cross_entropy, target=target, weight=weight, label_smoothing=smoothing)
            assert np.isfinite(loss(logits)) and np.isfinite(ag.grad(loss)(logits)).all()
    assert nn.cross_entropy(logits, np.array([2, 1]), weight=weight) == pytest.approx(
        -log_softmax(np.array([0.0, 1.0]))[1]
    )


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll_loss])
def test_bad_arguments_of_losses_of_labels_are_refused(loss):
    labels = np.array([0, 2, 1, 1, 2])
    for weight, message in (
        (WEIGHT[:2], r"a weight of shape \(2,\) with 3 classes; give one for each class, shape \(3,\)"),
        (EACH, r"a weight of shape \(5, 3\) with 3 classes"),
        (2.0, r"a weight of shape \(\) with 3 classes"),
        ([1.0, -2.0, 1.0], "a weight of -2.0, in float64; each must be finite and at least 0"),
        (Tensor([1.0, np.nan, 1.0], requires_grad=True), "a weight of nan"),
        ([1.0, np.inf, 1.0], "a weight of inf"),
        ([1.0, 1j, 1.0], "a weight of dtype complex128"),
        (["a", "b", "c"], r"weight: \['a', 'b', 'c'\] is no array of numbers"),
        (np.ma.masked_array(WEIGHT, [0, 1, 0]), "weight: a masked array of shape"),
    ):
        with pytest.raises(OperandError, match=rf"^{loss.__name__}: {message}"):
            loss(X, labels, weight=weight)
    with pytest.raises(OperandError, match="5 weights that are all 0 leave nothing"):
        loss(X, np.ones(5, int), weight=[1.0, 0.0, 1.0])
    for index in (None, 1.0, True, "none"):
        with pytest.raises(
            OperandError, match=rf"{loss.__name__}: ignore_index={index!r}; it must be the whole number"
        ):
            loss(X, labels, ignore_index=index)
    for label in (-1, 3, -100):
        with pytest.raises(OperandError, match=rf"{min(label, 0)} to .* with 3 classes.*those that are -7 are ignored"):
            loss(X, np.array([0, label, 2, -7, 1]), ignore_index=-7)


def test_a_weight_that_is_too_large_for_the_dtype_of_the_input_is_refused():
    with pytest.raises(OperandError, match="a weight of inf, in float16"):
        nn.cross_entropy(X.astype(np.float16), LABELS, weight=[1.0, 1e6, 1.0])


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, np.nan, "0.1", np.array([0.1]), Tensor(0.1, requires_grad=True)])
def test_smoothing_outside_of_0_to_1_is_refused(smoothing):
    for target in (LABELS, SHARES):
        with pytest.raises(OperandError, match=r"cross_entropy: label_smoothing=.*; it must be a number from 0 to 1"):
            nn.cross_entropy(X, target, label_smoothing=smoothing)


def test_probabilities_have_no_label_to_ignore():
    with pytest.raises(OperandError, match="ignore_index=2 with a target of probabilities; give integer labels"):
        nn.cross_entropy(X, SHARES, ignore_index=2)
    with pytest.raises(OperandError, match="ignore_index=None; it must be"):
        nn.cross_entropy(X, SHARES, ignore_index=None)
    assert nn.cross_entropy(X, SHARES, ignore_index=-1) == nn.cross_entropy(X, SHARES)
    with pytest.raises(OperandError, match=r"shape \(\) has no classes"):
        nn.cross_entropy(1.0, 1.0, label_smoothing=0.1)


def test_bad_weights_of_elements_are_refused():
    logits = nn.binary_cross_entropy_with_logits
    for loss in (nn.binary_cross_entropy, logits, partial(logits, weight=1.0)):
        argument = "pos_weight" if isinstance(loss, partial) else "weight"
        for shape in [(5,), (1, 5, 3), (2, 1)]:
            with pytest.raises(OperandError, match=rf"a {argument} of shape .* for an input of shape \(5, 3\)"):
                loss(P, SHARES, **{argument: np.ones(shape)})
        for bad in (-1.0, np.nan, np.inf):
            with pytest.raises(OperandError, match=f"a {argument} of {bad}, in float64; each must be finite"):
                loss(P, SHARES, **{argument: bad})
        with pytest.raises(OperandError, match=f"{argument}: a masked array"):
            loss(P, SHARES, **{argument: np.ma.masked_array(EACH, EACH > 1)})
    for loss in (nn.mse_loss, nn.l1_loss, nn.huber_loss):
        with pytest.raises(OperandError, match=rf"{loss.__name__}: a weight of shape \(3,\) for an input of shape"):
            loss(X, Y, weight=WEIGHT)
        with pytest.raises(OperandError, match=f"{loss.__name__}: a weight of -"):
            loss(X, Y, weight=-EACH)
        with pytest.raises(OperandError, match=f"{loss.__name__}: weight: a masked array"):
            loss(X, Y, weight=np.ma.masked_array(EACH, EACH > 1))
    for loss in (nn.mse_loss, nn.l1_loss):
        with pytest.raises(OperandError, match="15 weights that are all 0"):
            loss(X, Y, weight=0 * EACH)
    for margin in (-0.1, np.nan):
        with pytest.raises(OperandError, match=f"hinge_loss: margin={margin} must not be negative"):
            nn.hinge_loss(X, np.sign(Y), margin=margin)


@pytest.mark.parametrize("keywords", OPTIONS, ids=", ".join)
def test_every_transform_has_the_same_derivatives(keywords):
    labels = np.where(LABELS == -100, keywords.get("ignore_index", -100), LABELS)
    each = partial(nn.cross_entropy, target=labels, reduction="none", **keywords)
    mean = partial(nn.cross_entropy, target=labels, **keywords)
    tangent = RNG.standard_normal(X.shape)
    along = ag.jvp(each, (X,), (tangent,))[1]
    np.testing.assert_allclose(np.tensordot(ag.jacobian(each)(X), tangent, 2), along, rtol=1e-12, atol=1e-15)
    matrix = ag.hessian(mean)(X)
    np.testing.assert_allclose(np.tensordot(matrix, tangent, 2), ag.hvp(mean, X, tangent), rtol=1e-12, atol=1e-15)
    assert (matrix[2] == 0).all() and np.abs(matrix[0]).max() > 1e-3


def test_labels_and_weights_may_change_after_the_loss():
    for keywords in (options("weight"), options("weight", "label_smoothing")):
        x, labels, weight = Tensor(X, requires_grad=True), LABELS.copy(), WEIGHT.copy()
        expected = ag.grad(nn.cross_entropy)(X, LABELS, **keywords)
        y = nn.cross_entropy(x, labels, **{**keywords, "weight": weight})
        labels[:] = 1
        weight[:] = 7
        y.backward()
        np.testing.assert_allclose(x.grad, expected, rtol=1e-14)


def test_fit_takes_a_loss_with_its_arguments_bound():
    rng = np.random.default_rng(0)
    labels = (rng.random(200) < 0.1).astype(int)
    inputs = rng.standard_normal((200, 1)) + labels[:, None]
    found = []
    for weight in (None, [1.0, 9.0]):
        model = nn.Dense(1, 2, seed=0)
        loss = partial(nn.cross_entropy, weight=weight, label_smoothing=0.05)
        train.fit(model, (inputs, labels), loss, optim.Adam(model.parameters(), lr=0.1), epochs=20, seed=0)
        found.append((np.argmax(model(inputs).numpy(), axis=1) == 1).sum())
    assert found[0] < 10 < 40 < found[1]


def test_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    F, T = torch.nn.functional, torch.tensor
    scores = RNG.standard_normal((4, 3, 2))
    labels = np.array([[0, 1], [2, 1], [-100, 2], [0, -100]])
    pairs = {
        "mse": (F.mse_loss, nn.mse_loss, X, Y, {"weight": EACH}),
        "l1": (F.l1_loss, nn.l1_loss, X, Y, {"weight": EACH}),
        "huber": (F.huber_loss, nn.huber_loss, X, Y, {"weight": EACH, "delta": 0.7}),
        "bce": (F.binary_cross_entropy, nn.binary_cross_entropy, P, SHARES, {"weight": EACH}),
        "bce, classes": (F.binary_cross_entropy, nn.binary_cross_entropy, P, SHARES, {"weight": WEIGHT}),
    }
    for keywords in ({"weight": EACH}, {"pos_weight": WEIGHT}, {"weight": WEIGHT, "pos_weight": EACH}):
        logits = (F.binary_cross_entropy_with_logits, nn.binary_cross_entropy_with_logits)
        pairs[f"bce with logits, {list(keywords)}"] = (*logits, X, SHARES, keywords)
    for keywords in OPTIONS:
        for x, y in ((X, LABELS), (scores, labels)):
            y = np.where(y == -100, keywords.get("ignore_index", -100), y)
            pairs[f"cross entropy, {list(keywords)}, {x.shape}"] = (F.cross_entropy, nn.cross_entropy, x, y, keywords)
            if "label_smoothing" not in keywords:
                pairs[f"nll, {list(keywords)}, {x.shape}"] = (F.nll_loss, nn.nll_loss, x, y, keywords)
        if "ignore_index" not in keywords:
            for x, y in ((X, SHARES), (scores, nn.softmax(scores, axis=1)), (X[0], SHARES[0])):
                pairs[f"of shares, {list(keywords)}, {x.shape}"] = (F.cross_entropy, nn.cross_entropy, x, y, keywords)
    for name, (theirs, ours, x, y, keywords) in pairs.items():
        their_keywords = {key: T(value) if isinstance(value, np.ndarray) else value for key, value in keywords.items()}
        for reduction in REDUCTIONS:
            a, b = Tensor(x, requires_grad=True), T(x, requires_grad=True)
            u = ours(a, y, reduction=reduction, **keywords)
            v = theirs(b, T(y), reduction=reduction, **their_keywords)
            assert u.shape == tuple(v.shape), name
            np.testing.assert_allclose(u.numpy(), v.detach().numpy(), rtol=1e-12, atol=1e-15, err_msg=name)
            (u * u).sum().backward()
            (v * v).sum().backward()
            np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-11, atol=1e-14, err_msg=name)
