"""np.fft: transforms are linear, so their gradients are tested exactly, and the complex convention by differences."""

import subprocess
import sys

import numpy as np
import pytest

from autograd_lite import InPlaceError, OperandError, Tensor
from tests.rules.differences import gradient, numeric

rng = np.random.default_rng(11)

FORWARD = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
REAL_INPUT = {"rfft", "ihfft", "rfft2", "rfftn"}


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def signal(name, shape):
    x = rng.normal(size=shape)
    return x if name in REAL_INPUT else x + 1j * rng.normal(size=shape)


def is_right(name, x, *args, **kwargs):
    """The gradient of a linear loss, along any step, is the loss at that step."""
    transform = getattr(np.fft, name)
    y = transform(x, *args, **kwargs)
    w = rng.normal(size=y.shape) + (1j * rng.normal(size=y.shape) if y.dtype.kind == "c" else 0)

    def loss(x):
        return np.sum(np.real(w * transform(x, *args, **kwargs)))

    g = gradient(loss, x)
    assert g.shape == x.shape and g.dtype == x.dtype
    step = signal(name, x.shape)
    close(np.sum((np.conj(g) * step).real), loss(step))


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("name", FORWARD)
def test_every_length_and_scale(name, n, norm):
    for length in (2, 5, 6):
        is_right(name, signal(name, (3, length)), n, norm=norm)
        is_right(name, signal(name, (length, 3)), n=n, axis=0, norm=norm)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"])
def test_several_axes(name):
    x = signal(name, (4, 3, 5))
    is_right(name, x)
    for axes in ((0, 1), (2, 0), (-1, -2), (1, 1)):
        is_right(name, x, axes=axes)
        is_right(name, x, (3, 6), axes, "ortho")
        is_right(name, x, s=(-1, 4), axes=axes)
    if name.endswith("n"):
        is_right(name, x, axes=(1,))
        is_right(name, x, axes=[2, 0, 1])


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "hfft", "ihfft", "fft2", "irfftn"])
def test_values_are_those_of_numpy_to_the_last_bit_and_in_its_precision(name):
    for dtype in ("f", "d"):
        x = signal(name, (4, 6))
        x = x.astype(dtype if x.dtype.kind == "f" else dtype.upper())
        y = getattr(np.fft, name)(Tensor(x, requires_grad=True))
        want = getattr(np.fft, name)(x)
        assert y.dtype == want.dtype and np.array_equal(y.numpy(), want)


def test_the_convention_for_complex_numbers():
    x = rng.normal(size=5) + 1j * rng.normal(size=5)

    def f(x):
        return np.sum(np.abs(np.fft.fft(x, 7)) ** 4) + np.sum(np.real(np.fft.ifft(x) ** 3))

    close(gradient(f, x), numeric(f, x), 1e-7)


def test_a_real_signal_has_a_real_gradient():
    x = rng.normal(size=6)

    def f(x):
        return np.sum(np.abs(np.fft.fft(x)) ** 2)

    close(gradient(f, x), 12 * x)  # Parseval's theorem: the loss is 6 times the sum of squares
    close(
        gradient(lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 4), x),
        numeric(lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 4), x),
        1e-7,
    )


def test_the_imaginary_part_of_the_first_and_last_entry_of_a_half_spectrum_does_not_matter():
    y = signal("irfft", (4,))
    g = gradient(lambda y: np.sum(np.fft.irfft(y) ** 2), y)
    assert g[0].imag == 0 and g[-1].imag == 0 and abs(g[1].imag) > 0


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 1), [1]])
@pytest.mark.parametrize("shape", [(5, 4), (3, 3)])
def test_shifts_undo_each_other(shape, axes):
    x, w = rng.normal(size=(2, *shape))
    close(np.fft.fftshift(Tensor(x, requires_grad=True), axes).numpy(), np.fft.fftshift(x, axes))
    close(np.fft.ifftshift(Tensor(x, requires_grad=True), axes).numpy(), np.fft.ifftshift(x, axes))
    close(gradient(lambda x: np.sum(w * np.fft.fftshift(x, axes)), x), np.fft.ifftshift(w, axes))


def test_a_result_written_into_an_array_is_refused():
    x, out = Tensor(np.ones(4), requires_grad=True), np.empty(4, complex)
    for call in (
        lambda: np.fft.fft(x, out=out),
        lambda: np.fft.fft(x, None, -1, None, out),
        lambda: np.fft.ihfft(x, out=out),
        lambda: np.fft.fftn(x, out=out),
    ):
        with pytest.raises(InPlaceError, match="out="):
            call()


def test_over_no_axes_nothing_is_transformed():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.fft.fftn(x, axes=())
    assert y.dtype == np.fft.fftn(x.numpy(), axes=()).dtype and y.tolist() == [1.0, 2.0] and y is not x
    with pytest.raises(OperandError, match="at least one"):
        np.fft.rfftn(x, axes=())


def test_axes_that_do_not_fit_are_named():
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    with pytest.raises(OperandError, match=r"s=\(2,\).*axes"):
        np.fft.fftn(x, s=(2,), axes=(0, 1))
    with pytest.raises(OperandError, match="fft"):
        np.fft.fft(x, norm="none")
    with pytest.raises(OperandError, match="norm"):
        np.fft.hfft(x, norm="none")


@pytest.mark.parametrize(("call", "family"), [("np.abs(np.fft.fft(x))", "fft"), ("np.linalg.norm(x, ord=1)", "norms")])
def test_rules_of_few_programs_are_imported_by_the_first_call_of_a_tensor(call: str, family: str):
    code = (
        "import sys, numpy as np, autograd_lite as ag\n"
        f"assert 'autograd_lite.rules.{family}' not in sys.modules\n"
        "x = ag.Tensor([1.0, 2.0], requires_grad=True)\n"
        f"{call}.sum().backward()\n"
        f"assert 'autograd_lite.rules.{family}' in sys.modules\n"
        "print(x.grad.sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0"]
