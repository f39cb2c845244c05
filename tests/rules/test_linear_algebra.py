"""Products, determinants, inverses and norms: what the generic tests of rows cannot say."""

import itertools
import re

import numpy as np
import pytest

from autograd_lite import InPlaceError, LinAlgError, NotDifferentiableError, OperandError, Tensor
from autograd_lite.record import VALUE
from autograd_lite.rules.table import TABLE
from tests.rules.agreement import assert_agrees
from tests.rules.differences import gradient, numeric, numeric_second, second

rng = np.random.default_rng(3)


def close(a, b, tolerance=1e-8):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# --- products -----------------------------------------------------------------------------------------------


def test_a_rule_of_matmul_reads_the_values_of_the_other_operand_only():
    reads_y_a_b = [[part == VALUE for part in keeps] for keeps in TABLE[np.matmul].keeps]
    assert reads_y_a_b == [[False, False, True], [False, True, False]]


@pytest.mark.parametrize("b_shape", [(3,), (3, 4), (2, 3, 4), (5, 1, 3, 4)])
@pytest.mark.parametrize("a_shape", [(3,), (2, 3), (2, 6, 3), (5, 2, 2, 3)])
def test_matmul_of_vectors_matrices_and_stacks(a_shape, b_shape):
    a, b = rng.normal(size=a_shape), rng.normal(size=b_shape)
    w = rng.normal(size=np.shape(a @ b))
    by_a, by_b = gradient(lambda a, b: np.sum(w * (a @ b)), a, b)
    assert by_a.shape == a_shape and by_b.shape == b_shape
    step = rng.normal(size=a_shape)  # the loss is linear in each operand
    close(np.sum(by_a * step), np.sum(w * (step @ b)))
    step = rng.normal(size=b_shape)
    close(np.sum(by_b * step), np.sum(w * (a @ step)))


PRODUCTS = [np.dot, np.inner, np.outer, np.kron, lambda a, b: np.tensordot(a, b, 0)]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("number", [2, 2.5, np.float32(2.5), np.float64(-1)])
def test_a_number_as_the_other_operand(product, number):
    x = rng.normal(size=(3, 2))
    for f in (lambda x: np.sum(product(x, number) ** 2), lambda x: np.sum(product(number, x) ** 2)):
        close(gradient(f, x), numeric(f, x))
        assert gradient(f, x.astype("f")).dtype == np.float32


def test_a_list_as_the_other_operand():
    x = rng.normal(size=(2, 3))
    for f in (
        lambda x: np.sum(np.dot(x, [1.0, 2.0, 3.0]) ** 2),
        lambda x: np.sum(np.linalg.solve([[1.0, 2.0], [3.0, 5.0]], x) ** 2),
        lambda x: np.sum(np.cross([1, 2, 3], x) ** 2),
        lambda x: np.sum(np.tensordot([[1.0, 2.0]], x, 1) ** 2),
    ):
        close(gradient(f, x), numeric(f, x))


def test_lists_of_axes_may_be_changed_after_the_call():
    x = Tensor(rng.normal(size=(2, 3)), requires_grad=True)
    w = rng.normal(size=(3, 2, 4))
    axes = [[0, 1], [1, 0]]
    y = np.tensordot(x, w, axes)
    axes[0][:] = [1, 0]
    y.sum().backward()
    close(x.grad, w.sum(axis=2).T)


def test_cross_takes_vectors_of_two_components_as_numpy_did():
    a, b = rng.normal(size=(2, 4, 3)), rng.normal(size=(4, 2))

    def f(a, b):
        return np.sum(np.cross(a[0], b) ** 2)

    def as_numpy_did(a, b):
        return np.sum(np.cross(a[0], np.pad(b, ((0, 0), (0, 1)))) ** 2)

    by_a, by_b = gradient(f, a, b)
    close(by_a, numeric(lambda a: as_numpy_did(a, b), a))
    close(by_b, numeric(lambda b: as_numpy_did(a, b), b))
    flat = np.cross(Tensor([1.0, 2.0], requires_grad=True), [3.0, 5.0])
    assert flat.shape == () and flat.item() == -1


@pytest.mark.parametrize(
    "call",
    [
        lambda x, out: np.matmul(x, x, out=out),
        lambda x, out: np.vecdot(x, x, out=out[0]),
        lambda x, out: np.dot(x, x, out),
        lambda x, out: np.outer(x[0], x[1], out),
        lambda x, out: np.einsum("ij,jk", x, x, out=out),
        lambda x, out: np.linalg.multi_dot([x, x], out=out),
    ],
)
def test_writing_into_an_array_behind_the_graph_is_refused(call):
    with pytest.raises(InPlaceError, match="out="):
        call(Tensor(np.eye(2), requires_grad=True), np.empty((2, 2)))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(OperandError, match=r"matmul.*\(2, 3\).*\(2, 3\)"):
        Tensor(np.ones((2, 3)), requires_grad=True) @ np.ones((2, 3))


def test_multi_dot_multiplies_in_the_cheaper_order():
    a, b, c = (Tensor(np.ones(shape), requires_grad=True) for shape in ((2, 50), (50, 50), (50, 1)))
    last = np.linalg.multi_dot([a, b, c])._node
    assert last.inputs[0] is a._node  # a @ (b @ c): 2,600 multiplications, (a @ b) @ c: 5,100


def test_a_system_of_no_equations_has_no_unknowns():
    a, b = Tensor(np.zeros((0, 0)), requires_grad=True), np.zeros(0)
    x = np.linalg.tensorsolve(a, b)
    assert x.shape == np.linalg.tensorsolve(a.numpy(), b).shape == (0,)
    x.sum().backward()
    assert a.grad.shape == (0, 0)


# --- determinants -------------------------------------------------------------------------------------------


def cofactor_matrix(a):
    n = len(a)
    found = np.zeros_like(a)
    for i, j in itertools.product(range(n), repeat=2):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        found[i, j] = (-1) ** (i + j) * (np.linalg.det(minor) if n > 1 else 1)
    return found


def of_rank(rank, n):
    return rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))


@pytest.mark.parametrize("rank", [4, 3, 2, 1, 0])
def test_det_has_the_cofactors_as_its_gradient_whatever_the_rank(rank):
    a = of_rank(rank, 4)
    close(gradient(np.linalg.det, a), cofactor_matrix(a))


@pytest.mark.parametrize("rank", [4, 3, 2, 1, 0])
def test_det_is_right_to_second_order_whatever_the_rank(rank):
    a, along = of_rank(rank, 4), rng.normal(size=(4, 4))
    close(second(np.linalg.det, a, along), numeric_second(np.linalg.det, a, along), 1e-7)


def test_det_of_a_complex_singular_matrix():
    a = of_rank(2, 3) + 0j
    a[1] *= 1j

    def f(a):
        return np.real(np.linalg.det(a) * (1 + 2j)) + np.abs(np.linalg.det(a + np.eye(3))) ** 2

    close(gradient(f, a), numeric(f, a), 1e-6)


def test_det_of_a_stack_with_singular_matrices_in_it():
    a = np.stack([of_rank(3, 3), of_rank(2, 3), np.zeros((3, 3))])
    found = gradient(lambda a: np.sum(np.linalg.det(a)), a)
    close(found, np.stack([cofactor_matrix(part) for part in a]))


def test_slogdet_gives_a_named_pair_and_the_gradient_of_the_logarithm():
    a = Tensor(-np.eye(3) + 0.1 * rng.normal(size=(3, 3)), requires_grad=True)
    result = np.linalg.slogdet(a)
    assert result.sign.item() == -1 and result._fields == ("sign", "logabsdet")
    result.logabsdet.backward()
    close(a.grad, np.linalg.inv(a.numpy()).T)


def test_slogdet_of_complex_matrices_differentiates_the_phase_too():
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))

    def f(a):
        sign, log = np.linalg.slogdet(a)
        return np.real(sign * (1 - 2j)) + log**2

    close(gradient(f, a), numeric(f, a))


def test_the_logarithm_of_a_zero_determinant_has_no_gradient_and_says_so():
    a = Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(LinAlgError, match=r"slogdet: a singular matrix of shape \(2, 2\)") as raised:
        np.linalg.slogdet(a).logabsdet.backward()
    assert "slogdet" in raised.value.__notes__[0]


@pytest.mark.parametrize("p", [1, -1, np.inf, -np.inf, "fro"])
def test_the_condition_of_a_singular_matrix_is_infinite_and_disturbs_no_other(p):
    a = np.stack([np.ones((2, 2)), [[1.0, 0.2], [0.3, 2.0]]])
    np.testing.assert_array_equal(np.linalg.cond(Tensor(a), p).numpy(), np.linalg.cond(a, p))
    got = gradient(lambda x: np.linalg.cond(x, p)[1], a)
    np.testing.assert_array_equal(got[0], 0.0)
    close(got[1], gradient(lambda x: np.linalg.cond(x, p), a[1]))
    assert np.linalg.cond(Tensor(a[0].astype(np.float32)), p).numpy() == np.inf


@pytest.mark.parametrize("order", [1, 2, np.inf, "nuc", "fro"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_norms_of_nothing_are_0(order, shape):
    x = Tensor(np.zeros(shape), requires_grad=True)
    y = np.linalg.norm(x, order)
    assert y.item() == 0
    y.backward()
    assert x.grad.shape == shape
    assert np.linalg.norm(Tensor(np.zeros(0)), np.inf).item() == 0


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *itertools.product(["matrix_power", "eig", "eigh", "inv", "det", "slogdet", "eigvals"], [(), (3,), (2, 3)]),
        *itertools.product(["svd", "qr"], [(), (3,)]),
    ],
)
def test_what_is_no_matrix_is_refused(name, shape):
    x, more = Tensor(np.ones(shape), requires_grad=True), (2,) if name == "matrix_power" else ()
    with pytest.raises(LinAlgError, match=rf"{name}: .*shape {re.escape(str(shape))}"):
        getattr(np.linalg, name)(x, *more)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_nan_in_one_matrix_of_a_stack_leaves_the_determinants_of_the_others_their_gradients():
    a = rng.normal(size=(3, 2, 2))
    spoiled = a.copy()
    spoiled[1, 0, 1] = np.nan

    def f(a):
        return np.sum(np.linalg.det(a) ** 2)

    got = gradient(f, spoiled)
    close(got[[0, 2]], gradient(f, a)[[0, 2]])
    assert np.isnan(got[1]).all()


# --- matrices of which one triangle is read -----------------------------------------------------------------


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("kind", [float, complex])
def test_cholesky_has_its_gradient_in_the_triangle_it_reads(kind, upper):
    root = rng.normal(size=(3, 3)).astype(kind)
    if kind is complex:
        root = root + 1j * rng.normal(size=(3, 3))
    a = root @ root.conj().T + np.eye(3)
    w = rng.normal(size=(3, 3)) + (1j * rng.normal(size=(3, 3)) if kind is complex else 0)

    def f(a):
        factor = np.linalg.cholesky(a, upper=upper)
        return np.sum(np.real(w * factor)) + np.sum(np.abs(factor) ** 4)

    found = gradient(f, a)
    close(found, np.triu(found) if upper else np.tril(found))
    close(found, numeric(f, a))


def test_cholesky_reads_the_triangle_that_numpy_reads():
    a = np.array([[4.0, 99.0], [2.0, 3.0]])
    lower = np.linalg.cholesky(Tensor(a, requires_grad=True))
    close(lower.numpy(), np.linalg.cholesky(a))
    close(
        np.linalg.cholesky(Tensor(a.T, requires_grad=True), upper=True).numpy(),
        np.linalg.cholesky(a).T,
    )


# --- inverses -----------------------------------------------------------------------------------------------


def test_pinv_of_a_matrix_without_full_rank_is_right_along_matrices_of_that_rank():
    left, right = rng.normal(size=(4, 2)), rng.normal(size=(2, 3))
    w = rng.normal(size=(3, 4))

    def f(left):
        return np.sum(w * np.linalg.pinv(left @ right, rcond=1e-8))

    close(gradient(f, left), numeric(f, left), 1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.pinv(a, rcond=0.5),
        lambda a: np.linalg.pinv(a, np.array([0.3, 0.6])),
        lambda a: np.linalg.pinv(a, rtol=0.5),
        lambda a: np.linalg.pinv(a @ a.mT, rtol=0.3, hermitian=True),
        lambda a: np.linalg.lstsq(a[0], a[1], rcond=0.5)[0],
    ],
)
@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 4, 3), (2, 3, 4)])
def test_the_singular_values_that_a_cutoff_drops_still_mix_with_those_it_keeps(f, shape):
    a = np.random.default_rng(8).normal(size=shape)
    assert np.linalg.matrix_rank(f(a)).min() < 3  # else nothing was dropped
    assert_agrees(f, a)


def test_the_pseudo_inverse_of_a_complex_matrix_below_its_cutoff():
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    assert_agrees(lambda a: np.linalg.pinv(a, rcond=0.6), a)


def test_lstsq_gives_what_numpy_gives_and_gradients_of_three_of_it():
    a, b = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    want = np.linalg.lstsq(a, b)
    found = np.linalg.lstsq(Tensor(a, requires_grad=True), b)
    for part, numbers in zip(found, want, strict=True):
        close(part.numpy() if isinstance(part, Tensor) else part, numbers)

    def f(a):
        x, residuals, rank, s = np.linalg.lstsq(a, b)
        assert rank == 2
        return np.sum(x**2) + np.sum(residuals) + np.sum(s**3)

    close(gradient(f, a), numeric(f, a))


@pytest.mark.parametrize(
    "dtypes", [(np.float32, np.int8), (bool, np.float32), (np.float32, float), (np.complex64, int)]
)
def test_lstsq_computes_in_the_precision_that_numpy_computes_in(dtypes):
    a, b = np.array([[1, 0], [1, 1], [0, 1]]).astype(dtypes[0]), np.array([1, 0, 1]).astype(dtypes[1])
    wanted = np.linalg.lstsq(a, b)
    found = np.linalg.lstsq(*[Tensor(x, requires_grad=True) if x.dtype.kind in "fc" else x for x in (a, b)])
    for left, right in zip(found, wanted, strict=True):
        left = left.numpy() if isinstance(left, Tensor) else np.asarray(left)
        assert left.dtype == np.asarray(right).dtype
        close(left, right, 1e-6 if left.dtype == np.float32 else 1e-12)


def test_lstsq_has_no_residuals_where_numpy_has_none():
    a, b = rng.normal(size=(2, 4)), rng.normal(size=2)
    assert np.linalg.lstsq(Tensor(a, requires_grad=True), b)[1].shape == (0,)


def test_the_first_power_is_a_new_matrix():
    a = Tensor(np.eye(2), requires_grad=True)
    power = np.linalg.matrix_power(a, 1)
    assert power is not a and power.requires_grad


def test_the_zeroth_power_is_constant():
    close(gradient(lambda a: np.sum(np.linalg.matrix_power(a, 0)), rng.normal(size=(2, 2))), np.zeros((2, 2)))


@pytest.mark.parametrize("power", [-3, -1, 2, 7])
def test_powers_of_matrices(power):
    a = np.eye(3) + 0.2 * rng.normal(size=(3, 3))
    w = rng.normal(size=(3, 3))

    def f(a):
        return np.sum(w * np.linalg.matrix_power(a, power))

    close(gradient(f, a), numeric(f, a))


# --- norms --------------------------------------------------------------------------------------------------

ORDERS_OF_VECTORS = [None, 1, 2, 3, 2.5, 0, np.inf]
ORDERS_OF_MATRICES = [None, "fro", "nuc", 1, 2, -2, -1, np.inf, -np.inf]


@pytest.mark.parametrize("order", ORDERS_OF_VECTORS)
def test_the_gradient_of_a_norm_at_0_is_0(order):
    close(gradient(lambda x: np.linalg.norm(x, order), np.zeros(3)), np.zeros(3))


@pytest.mark.parametrize("order", ORDERS_OF_MATRICES)
def test_the_gradient_of_a_norm_at_the_zero_matrix_is_0(order):
    close(gradient(lambda x: np.linalg.norm(x, order), np.zeros((3, 2))), np.zeros((3, 2)))


@pytest.mark.parametrize("order", [None, "fro", "nuc"])
def test_the_second_derivative_of_a_norm_at_0_is_0_not_nan(order):
    x, along = np.zeros((2, 2)), rng.normal(size=(2, 2))
    close(second(lambda x: np.linalg.norm(x, order), x, along), np.zeros((2, 2)))


def test_a_row_of_zeros_leaves_the_other_norms_alone():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    close(gradient(lambda x: np.sum(np.linalg.norm(x, axis=1)), x), [[0.6, 0.8], [0, 0]])
    along = np.ones((2, 2))
    found = second(lambda x: np.sum(np.linalg.norm(x, axis=1)), x, along)
    close(found, [[4 / 125, -3 / 125], [0, 0]])


def test_a_single_zero_in_a_norm_of_order_3_or_one_half():
    x = np.array([0.0, 2.0, -1.0])

    def cubic(x):
        return np.linalg.norm(x, 3)

    close(gradient(cubic, x), numeric(cubic, x), 1e-6)
    assert gradient(lambda x: np.linalg.norm(x, 0.5), x)[0] == 0


def test_the_largest_entries_share_equally():
    x = np.array([2.0, -2.0, 1.0])
    close(gradient(lambda x: np.linalg.norm(x, np.inf), x), [0.5, -0.5, 0])
    close(gradient(lambda x: np.linalg.norm(x, -np.inf), np.array([1.0, 3.0, -1.0])), [0.5, 0, -0.5])


def test_the_largest_singular_values_share_equally():
    close(gradient(lambda x: np.linalg.norm(x, 2), np.eye(2)), np.eye(2) / 2)


@pytest.mark.parametrize("shape", [(3, 3), (3, 2), (2, 4)])
def test_the_nuclear_norm_is_right_to_second_order_where_singular_values_coincide(shape):
    x, along = 2 * np.eye(*shape), rng.normal(size=shape)

    def f(x):
        return np.linalg.norm(x, "nuc")

    close(gradient(f, x), np.eye(*shape))
    close(second(f, x, along), numeric_second(f, x, along), 1e-7)


def test_norms_of_complex_numbers():
    x = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    for order, axis in [(None, None), (3, 0), (1, 1), (np.inf, 0), ("nuc", None), (2, None), (-2, (0, 1))]:

        def f(x, order=order, axis=axis):
            return np.sum(np.linalg.norm(x, order, axis) ** 2)

        close(gradient(f, x), numeric(f, x), 1e-6)


@pytest.mark.parametrize(
    ("order", "axis"), [("fro", 0), (3, None), ("nuc", 1), ("spectral", None), (2, (0, 1, 2)), (1, None)]
)
def test_a_norm_that_does_not_exist_is_refused_as_by_numpy(order, axis):
    x = np.ones((2, 2, 2))
    with pytest.raises(ValueError, match=r"norm|axis"):
        np.linalg.norm(x, order, axis)
    with pytest.raises(OperandError, match="norm"):
        np.linalg.norm(Tensor(x, requires_grad=True), order, axis)


@pytest.mark.parametrize("p", [None, 2, -2, 1, np.inf, "fro", "nuc"])
def test_cond_of_a_float32_matrix_stays_float32(p):
    a = Tensor(np.diag([1.0, 2.0, 4.0]), dtype="f", requires_grad=True)
    y = np.linalg.cond(a, p)
    y.backward()
    assert y.dtype == a.grad.dtype == np.float32


def test_functions_of_no_derivative_give_plain_numbers():
    assert np.linalg.matrix_rank(Tensor(np.eye(3), requires_grad=True)) == 3


def test_what_qr_cannot_differentiate_is_refused_with_the_cure():
    a = Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    for mode in ("complete", "raw"):
        with pytest.raises(NotDifferentiableError, match="reduced"):
            np.linalg.qr(a, mode)
