"""Losses: values, gradients, reductions, extreme inputs, and what they refuse."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.errors import OperandError

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((2, 4, 3))
P = RNG.uniform(0.05, 0.95, (4, 3))
SIGNS = np.sign(Y)
LABELS = np.array([0, 2, 1, 1])
SHARES = P / P.sum(axis=1, keepdims=True)
VARIANCES = RNG.uniform(0.5, 2, (4, 3))
COUNTS = np.array([[0, 1, 4], [7, 0, 2], [1, 3, 12], [0, 0, 5]])
Z = np.random.default_rng(1).standard_normal((4, 3))

#: name -> (loss of its input, an input)
LOSSES = {
    "mse": (lambda x, **k: nn.mse_loss(x, Y, **k), X),
    "l1": (lambda x, **k: nn.l1_loss(x, Y, **k), X),
    "huber": (lambda x, **k: nn.huber_loss(x, Y, delta=0.7, **k), X),
    "bce": (lambda x, **k: nn.binary_cross_entropy(x, SHARES, **k), P),
    "bce with logits": (lambda x, **k: nn.binary_cross_entropy_with_logits(x, SHARES, **k), X),
    "cross entropy": (lambda x, **k: nn.cross_entropy(x, LABELS, **k), X),
    "cross entropy of shares": (lambda x, **k: nn.cross_entropy(x, SHARES, **k), X),
    "nll": (lambda x, **k: nn.nll_loss(x, LABELS, **k), X),
    "hinge": (lambda x, **k: nn.hinge_loss(x, SIGNS, **k), X),
    "kl": (lambda x, **k: nn.kl_div(x, SHARES, **k), X),
    "kl of logarithms": (lambda x, **k: nn.kl_div(x, np.log(SHARES), log_target=True, **k), X),
    "gaussian nll": (lambda x, **k: nn.gaussian_nll_loss(x, Y, VARIANCES, **k), X),
    "gaussian nll by variance": (lambda x, **k: nn.gaussian_nll_loss(X, Y, x, full=True, **k), VARIANCES),
    "cosine": (lambda x, **k: nn.cosine_embedding_loss(x, Y, np.array([1, -1, 1, -1]), **k), X),
    "smooth l1": (lambda x, **k: nn.smooth_l1_loss(x, Y, beta=0.7, **k), X),
    "smooth l1 of 0": (lambda x, **k: nn.smooth_l1_loss(x, Y, beta=0, **k), X),
    "poisson": (lambda x, **k: nn.poisson_nll_loss(x, COUNTS, **k), X),
    "poisson of counts": (lambda x, **k: nn.poisson_nll_loss(x, COUNTS, False, True, **k), VARIANCES),
    "ranking": (lambda x, **k: nn.margin_ranking_loss(x, Y, SIGNS, margin=0.3, **k), X),
    "ranking by the second": (lambda x, **k: nn.margin_ranking_loss(X, x, SIGNS, margin=0.3, **k), Y),
    "triplet": (lambda x, **k: nn.triplet_margin_loss(x, Y, Z, **k), X),
    "triplet by the negative": (lambda x, **k: nn.triplet_margin_loss(X, Y, x, 2.0, swap=True, **k), Z),
    "triplet in another norm": (lambda x, **k: nn.triplet_margin_loss(X, x, Z, 2.0, p=3.0, **k), Y),
}


def numerical(f, x, step=1e-6):
    out = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        out[index] = (float(f(up)) - float(f(down))) / (2 * step)
    return out


@pytest.mark.parametrize(("loss", "x"), LOSSES.values(), ids=LOSSES)
def test_gradients_and_reductions(loss, x):
    each = loss(x, reduction="none")
    assert isinstance(each, np.ndarray)
    assert loss(x) == pytest.approx(each.mean(), rel=1e-14)
    assert loss(x, reduction="sum") == pytest.approx(each.sum(), rel=1e-14)
    np.testing.assert_allclose(ag.grad(loss)(x), numerical(loss, x), atol=1e-8)
    assert ag.grad(loss)(x.astype(np.float32)).dtype == np.float32
    with pytest.raises(OperandError, match="reduction='men' is not known"):
        loss(x, reduction="men")


def test_cross_entropy_is_the_hand_derived_one():
    exps = np.exp(X)
    probabilities = exps / exps.sum(axis=1, keepdims=True)
    assert nn.cross_entropy(X, LABELS) == pytest.approx(-np.log(probabilities[np.arange(4), LABELS]).mean())
    by_hand = (probabilities - np.eye(3)[LABELS]) / 4
    np.testing.assert_allclose(ag.grad(nn.cross_entropy)(X, LABELS), by_hand, rtol=1e-13)
    np.testing.assert_allclose(nn.nll_loss(nn.log_softmax(X), LABELS), nn.cross_entropy(X, LABELS))
    np.testing.assert_allclose(nn.cross_entropy(X, np.eye(3)[LABELS]), nn.cross_entropy(X, LABELS))
    assert nn.cross_entropy(X[0], 1) == pytest.approx(nn.cross_entropy(X[:1], [1]))


def test_cross_entropy_takes_more_axes_with_the_classes_second():
    scores = RNG.standard_normal((2, 3, 4))
    labels = RNG.integers(0, 3, (2, 4))
    each = nn.cross_entropy(scores, labels, reduction="none")
    flat = nn.cross_entropy(np.moveaxis(scores, 1, 2).reshape(8, 3), labels.reshape(8), reduction="none")
    np.testing.assert_allclose(each, flat.reshape(2, 4))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_give_finite_losses_and_gradients(dtype):
    far = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]], dtype)
    zeros = np.zeros_like(far)
    with np.errstate(all="raise", under="ignore"):
        for loss in (
            lambda x: nn.cross_entropy(x, np.array([1, 0])),
            lambda x: nn.cross_entropy(x, np.full_like(far, 1 / 3)),
            lambda x: nn.binary_cross_entropy_with_logits(x, zeros),
            lambda x: nn.binary_cross_entropy(nn.sigmoid(x), zeros),
            lambda x: nn.mse_loss(x, zeros),
            lambda x: nn.huber_loss(x, zeros),
            lambda x: nn.smooth_l1_loss(x, zeros),
            lambda x: nn.smooth_l1_loss(x, zeros, beta=0),
            lambda x: nn.hinge_loss(x, zeros + 1),
            lambda x: nn.margin_ranking_loss(x, zeros, zeros + 1),
            lambda x: nn.triplet_margin_loss(x, zeros, x),
            lambda x: nn.poisson_nll_loss(abs(x), zeros + 3, log_input=False, full=True),
            lambda x: nn.gaussian_nll_loss(x, zeros, zeros),
            lambda x: nn.cosine_embedding_loss(0 * x, zeros, np.array([1, -1])),
        ):
            t = Tensor(far, requires_grad=True)
            value = loss(t)
            value.backward()
            assert np.isfinite(value.item()) and np.isfinite(t.grad).all()
            assert value.dtype == dtype


def test_a_class_that_is_masked_out_costs_nothing():
    logits = np.array([[0.0, -np.inf, 1.0]])
    gradient = ag.grad(nn.cross_entropy)(logits, np.array([0]))
    assert np.isfinite(gradient).all() and gradient[0, 1] == 0
    shares = np.array([[0.5, 0.0, 0.5]])
    assert np.isfinite(nn.cross_entropy(logits, shares))
    assert np.isfinite(ag.grad(nn.cross_entropy)(logits, shares)).all()


@pytest.mark.parametrize("label", [-1, 3, np.iinfo(np.int64).max])
def test_labels_out_of_range_are_refused(label):
    for loss in (nn.cross_entropy, nn.nll_loss):
        with pytest.raises(OperandError, match="with 3 classes; labels count from 0 to 2"):
            loss(X, np.array([0, label, 1, 1]))


OF_ANY_TARGET = (
    nn.mse_loss,
    nn.l1_loss,
    nn.huber_loss,
    nn.smooth_l1_loss,
    nn.hinge_loss,
    nn.poisson_nll_loss,
    nn.binary_cross_entropy_with_logits,
)


def test_shapes_that_would_broadcast_are_refused():
    for loss in OF_ANY_TARGET:
        with pytest.raises(OperandError, match=r"input of shape \(4, 1\) and a target of shape \(4,\)"):
            loss(np.ones((4, 1)), np.ones(4))
    with pytest.raises(OperandError, match=r"labels of shape \(3,\); give one integer label .*, shape \(4,\)"):
        nn.cross_entropy(X, LABELS[:3])
    whole, column = np.ones(4), np.ones((4, 1))
    for loss in (nn.margin_ranking_loss, nn.triplet_margin_loss):
        for three in ((column, whole, whole), (whole, column, whole), (whole, whole, column)):
            with pytest.raises(OperandError, match=rf"{loss.__name__}: an input of shape"):
                loss(*three)


def test_an_empty_batch_has_no_mean():
    empty = np.zeros((0, 3))
    for call in (lambda: nn.mse_loss(empty, empty), lambda: nn.cross_entropy(empty, np.zeros(0, int))):
        with pytest.raises(OperandError, match="an empty batch"):
            call()
    assert nn.mse_loss(empty, empty, reduction="sum") == 0


def test_values_that_are_none_of_theirs_are_refused():
    with pytest.raises(OperandError, match="not probabilities; apply sigmoid"):
        nn.binary_cross_entropy(np.array([1.5]), np.array([1.0]))
    with pytest.raises(OperandError, match="-1 or 1; for labels 0 and 1"):
        nn.hinge_loss(np.array([1.5]), np.array([0.0]))
    with pytest.raises(OperandError, match=r"a variance of -1\.0 is negative"):
        nn.gaussian_nll_loss(np.ones(1), np.ones(1), -np.ones(1))
    with pytest.raises(OperandError, match="delta=0"):
        nn.huber_loss(np.ones(1), np.ones(1), delta=0)
    with pytest.raises(OperandError, match=r"smooth_l1_loss: beta=-1 must not be negative"):
        nn.smooth_l1_loss(X, Y, beta=-1)
    with pytest.raises(OperandError, match=r"a target of -1\.0 is negative; targets are counts"):
        nn.poisson_nll_loss(np.ones(1), -np.ones(1))
    with pytest.raises(OperandError, match=r"an expected count of -1\.0 is negative; pass its logarithm"):
        nn.poisson_nll_loss(-np.ones(1), np.ones(1), log_input=False)
    with pytest.raises(OperandError, match="-1 or 1; for labels 0 and 1"):
        nn.margin_ranking_loss(X, Y, LABELS[:, None] + 0 * X)
    for wrong in ({"margin": 0.0}, {"p": 0}):
        with pytest.raises(OperandError, match="both must be positive"):
            nn.triplet_margin_loss(X, Y, Z, **wrong)
    with pytest.raises(OperandError, match="are no vectors"):
        nn.triplet_margin_loss(1.0, 2.0, 3.0)
    with pytest.raises(OperandError, match="dtype float64; they must be integers"):
        nn.nll_loss(X, np.zeros(4))
    with pytest.raises(OperandError, match="log_target=True"):
        nn.kl_div(X, -SHARES)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("dtype", [float, bool])
def test_labels_of_the_wrong_dtype_are_not_taken_for_probabilities_of_another_shape(shape, dtype):
    labels = np.zeros(shape[: len(shape) > 1] + shape[2:], dtype)
    with pytest.raises(OperandError, match=f"labels of dtype {labels.dtype}; labels must be integers, .*astype"):
        nn.cross_entropy(np.zeros(shape), labels)


def test_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    F, T = torch.nn.functional, torch.tensor
    theirs = {
        "mse": lambda x, **k: F.mse_loss(x, T(Y), **k),
        "l1": lambda x, **k: F.l1_loss(x, T(Y), **k),
        "huber": lambda x, **k: F.huber_loss(x, T(Y), delta=0.7, **k),
        "bce": lambda x, **k: F.binary_cross_entropy(x, T(SHARES), **k),
        "bce with logits": lambda x, **k: F.binary_cross_entropy_with_logits(x, T(SHARES), **k),
        "cross entropy": lambda x, **k: F.cross_entropy(x, T(LABELS), **k),
        "cross entropy of shares": lambda x, **k: F.cross_entropy(x, T(SHARES), **k),
        "nll": lambda x, **k: F.nll_loss(x, T(LABELS), **k),
        "kl": lambda x, **k: F.kl_div(x, T(SHARES), **k),
        "kl of logarithms": lambda x, **k: F.kl_div(x, T(np.log(SHARES)), log_target=True, **k),
        "gaussian nll": lambda x, **k: F.gaussian_nll_loss(x, T(Y), T(VARIANCES), **k),
        "gaussian nll by variance": lambda x, **k: F.gaussian_nll_loss(T(X), T(Y), x, full=True, **k),
        "cosine": lambda x, **k: F.cosine_embedding_loss(x, T(Y), T([1, -1, 1, -1]), **k),
        "smooth l1": lambda x, **k: F.smooth_l1_loss(x, T(Y), beta=0.7, **k),
        "smooth l1 of 0": lambda x, **k: F.smooth_l1_loss(x, T(Y), beta=0.0, **k),
        "poisson": lambda x, **k: F.poisson_nll_loss(x, T(COUNTS), **k),
        "poisson of counts": lambda x, **k: F.poisson_nll_loss(x, T(COUNTS * 1.0), False, True, **k),
        "ranking": lambda x, **k: F.margin_ranking_loss(x, T(Y), T(SIGNS), margin=0.3, **k),
        "ranking by the second": lambda x, **k: F.margin_ranking_loss(T(X), x, T(SIGNS), margin=0.3, **k),
        "triplet": lambda x, **k: F.triplet_margin_loss(x, T(Y), T(Z), **k),
        "triplet by the negative": lambda x, **k: F.triplet_margin_loss(T(X), T(Y), x, 2.0, swap=True, **k),
        "triplet in another norm": lambda x, **k: F.triplet_margin_loss(T(X), x, T(Z), 2.0, p=3.0, **k),
    }
    for name, their_loss in theirs.items():
        loss, x = LOSSES[name]
        for reduction in ("none", "mean", "sum"):
            if name.startswith("kl") and reduction == "mean":
                reduction = "batchmean"
            a, b = Tensor(x, requires_grad=True), T(x, requires_grad=True)
            y, z = loss(a, reduction=reduction), their_loss(b, reduction=reduction)
            rtol = 1e-10 if name == "cosine" else 1e-12  # theirs adds 1e-12 to squared lengths
            np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=rtol, err_msg=name)
            (y * y).sum().backward()
            (z * z).sum().backward()
            np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=10 * rtol, atol=1e-12, err_msg=name)


def test_a_variance_that_would_enlarge_the_loss_is_refused():
    for shape in [(3, 1), (2, 3), (2,)]:
        with pytest.raises(OperandError, match="variances of shape"):
            nn.gaussian_nll_loss(np.zeros(3), np.zeros(3), np.ones(shape))
    assert nn.gaussian_nll_loss(X, Y, np.ones((4, 1)), reduction="none").shape == X.shape


def test_a_target_of_the_cosine_loss_is_one_or_minus_one():
    with pytest.raises(OperandError, match="-1 or 1"):
        nn.cosine_embedding_loss(np.eye(2), np.eye(2), np.array([1, 0]))


def test_losses_of_whole_numbers_do_not_wrap_round():
    small, large = np.array([1, 2], np.uint8), np.array([2, 5], np.uint8)
    for loss in (nn.mse_loss, nn.l1_loss, nn.huber_loss, nn.smooth_l1_loss, nn.poisson_nll_loss):
        assert loss(small, large) == loss(small.astype(float), large.astype(float)) == loss(Tensor(small), large).item()
    assert nn.cross_entropy(small[None], np.array([0])) == nn.cross_entropy(small[None] * 1.0, np.array([0]))
    triplet = nn.triplet_margin_loss(small, large, small, 9.0, swap=True)
    assert triplet == nn.triplet_margin_loss(small * 1.0, large * 1.0, small * 1.0, 9.0, swap=True) > 9
    ranking = nn.margin_ranking_loss(small, large, np.ones(2, np.uint8))
    assert ranking == nn.margin_ranking_loss(small * 1.0, large * 1.0, np.ones(2)) == 2
    assert nn.l1_loss(np.array([True]), np.array([False])) == 1


def test_the_cosine_of_a_vector_of_zeros_is_0_in_every_dtype():
    for dtype in (np.float16, np.float32, np.float64):
        x = Tensor(np.zeros((1, 3), dtype), requires_grad=True)
        cosine = nn.cosine_similarity(x, np.ones((1, 3), dtype))
        cosine.sum().backward()
        assert cosine.dtype == dtype and cosine.item() == 0 and np.isfinite(x.grad).all()


@pytest.mark.parametrize(
    "loss",
    [
        nn.mse_loss,
        nn.l1_loss,
        nn.huber_loss,
        nn.cross_entropy,
        nn.hinge_loss,
        nn.kl_div,
        nn.smooth_l1_loss,
        nn.poisson_nll_loss,
    ],
)
def test_a_masked_array_is_refused_instead_of_losing_its_mask(loss):
    masked, whole = np.ma.masked_array([1.0, 1.0], [False, True]), np.ones(2)
    for pair in ((masked, whole), (whole, masked), (Tensor(whole), masked)):
        with pytest.raises(OperandError, match=rf"{loss.__name__}: a masked array of shape \(2,\) would lose its mask"):
            loss(*pair)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_count_where_none_was_expected_costs_much_but_not_all(dtype):
    expected = Tensor(np.zeros(2, dtype), requires_grad=True)
    loss = nn.poisson_nll_loss(expected, np.array([1, 0], dtype), log_input=False)
    loss.backward()
    assert loss.dtype == dtype and 4 < loss.item() < 20
    assert np.isfinite(expected.grad).all() and expected.grad[0] < -1e3 and expected.grad[1] == 0.5


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.bool_])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_whole_numbers_beside_narrow_floats_leave_them_narrow(dtype, kind):
    x, ones = np.full((2, 2), 0.5, dtype), np.ones((2, 2), kind)
    for loss in (
        *OF_ANY_TARGET,
        nn.kl_div,
        nn.binary_cross_entropy,
        lambda x, y: nn.margin_ranking_loss(x, 2 * x, y),
        lambda x, y: nn.gaussian_nll_loss(x, x, y),
        lambda x, y: nn.gaussian_nll_loss(x, y, 0.5),
    ):
        assert loss(x, ones).dtype == dtype
        assert loss(Tensor(x, requires_grad=True), ones).dtype == dtype
        np.testing.assert_allclose(loss(x, ones), loss(x.astype(float), ones), rtol=2e-3)


def test_variances_that_may_be_of_rows_or_of_columns_are_refused():
    """PyTorch takes (n,) beside (n, d) for one of each row, where broadcasting means one of each column."""
    x, y, var = np.zeros((2, 2)), np.ones((2, 2)), np.array([1.0, 4.0])
    with pytest.raises(OperandError, match=r"^gaussian_nll_loss: variances of shape \(2,\) .* give var\[None\] or"):
        nn.gaussian_nll_loss(x, y, var)
    of_rows = nn.gaussian_nll_loss(x, y, var[:, None], reduction="none")
    np.testing.assert_allclose(nn.gaussian_nll_loss(x, y, var[None], reduction="none"), of_rows.T)
    np.testing.assert_allclose(of_rows[1], 0.5 * (np.log(4.0) + 0.25))
    assert nn.gaussian_nll_loss(x[:, :1], y[:, :1], var[:1]) == nn.gaussian_nll_loss(x[:1, 0], y[:1, 0], var[:1])


@pytest.mark.parametrize("where", [Tensor, np.asarray])
def test_weights_in_the_third_place_are_named(where):
    """PyTorch's third argument of losses is the weight; an array was compared with a name, element by element."""
    x, labels, weight = where(np.zeros((2, 3))), np.array([0, 1]), np.array([1.0, 2.0, 3.0])
    for call in (
        lambda: nn.cross_entropy(x, labels, weight),
        lambda: nn.cross_entropy(x, labels, weight, ignore_index=1),
        lambda: nn.cross_entropy(x, np.ones((2, 3)), weight),
        lambda: nn.nll_loss(x, labels, weight),
        lambda: nn.binary_cross_entropy_with_logits(x, np.ones((2, 3)), weight),
        lambda: nn.kl_div(x, np.ones((2, 3)), weight),
        lambda: nn.mse_loss(x, np.ones((2, 3)), None),
    ):
        with pytest.raises(OperandError, match=r"reduction=.* is no name; .* give weights as weight="):
            call()


@pytest.mark.parametrize("size", [1.0, 300.0, 3000.0])
def test_distances_of_half_floats_are_not_infinite(size):
    """The squares of 256 are, which made cosines 0 and the triplet loss NaN."""
    x, y, z = (np.random.default_rng(0).standard_normal((3, 4, 8)) * size).astype(np.float16)
    for loss in (nn.cosine_similarity, lambda x, y: nn.triplet_margin_loss(x, y, z.astype(x.dtype), reduction="none")):
        narrow, exact = Tensor(x, requires_grad=True), Tensor(x.astype(float), requires_grad=True)
        found, expected = loss(narrow, y), loss(exact, y.astype(float))
        assert found.dtype == loss(x, y).dtype == np.float16
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=3e-3, atol=1e-3)
        found.sum().backward()
        expected.sum().backward()
        assert narrow.grad.dtype == np.float16
        np.testing.assert_allclose(narrow.grad, exact.grad, rtol=3e-3, atol=1e-3)


@pytest.mark.parametrize("loss", [nn.binary_cross_entropy, nn.binary_cross_entropy_with_logits])
def test_labels_that_are_no_shares_of_two_classes_are_refused(loss):
    x = np.array([0.2, 0.7])
    for labels, ends in [([-1, 1], "-1.0 to 1.0"), ([1, 2], "1.0 to 2.0"), ([np.nan, 1.0], "nan to nan")]:
        with pytest.raises(
            OperandError, match=rf"targets from {ends}; they must be in \[0, 1\], .*\(target \+ 1\) / 2"
        ):
            loss(x, np.array(labels))
    assert loss(x, np.array([0.0, 1.0 + 1e-7])) > 0  # rounding is no mistake


def test_scores_and_labels_in_the_wrong_order_are_told_of():
    with pytest.raises(
        OperandError, match=r"input of shape \(3,\) and a target of shape \(3, 2\); the scores come first"
    ):
        nn.cross_entropy(np.array([0, 1, 1]), np.ones((3, 2)))
    with pytest.raises(OperandError, match=r"scores of shape \(\) have no classes"):
        nn.cross_entropy(np.array(1.0), np.array(0))
