"""Probability distributions of Tensors, under the names and with the parameters of scipy.stats.

`norm`, `t`, `beta`, `gamma` and `chi2` have pdf, logpdf, cdf, logcdf, sf and logsf; `poisson` has pmf and logpmf for
densities; `multivariate_normal` and `dirichlet` have pdf and logpdf. They are made of NumPy's functions and of those in
`autograd_lite.special`, so they are differentiable in all their parameters, except where only an integral is known:
cdf and sf by the shape parameters of t, beta, gamma and chi2.

The formulas are those of Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, 2nd edition.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite import special
from autograd_lite.arrays import plain_array
from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import numbers_of

__all__ = ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]

_DOUBLE = np.dtype(float)
_LOG_2PI = math.log(2 * math.pi)


def _array(x: Any) -> Any:
    given = as_operand(x)
    return given if hasattr(x, "dtype") or given.dtype.kind in "fc" else given.astype(float)


class _Family:
    """What the distributions share: none is made with fixed parameters, as SciPy's `norm(0, 1)` is."""

    name = ""

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise OperandError(
            f"{self.name}: a distribution with fixed parameters is not made here; give them to its methods, after x"
        )


class _Continuous(_Family):
    """A family of densities on an interval, moved by `loc` and stretched by `scale`."""

    shapes: tuple[str, ...] = ()
    support = (-math.inf, math.inf)
    inside = 0.5  # a point at which everything is finite

    def _logpdf(self, z: Any, *shapes: Any) -> Any:
        raise AttributeError(self.name)

    def _cdf(self, z: Any, *shapes: Any) -> Any:
        raise AttributeError(self.name)

    def _sf(self, z: Any, *shapes: Any) -> Any:
        raise AttributeError(self.name)

    def _logcdf(self, z: Any, *shapes: Any) -> Any:
        return np.log(self._cdf(z, *shapes))

    def _logsf(self, z: Any, *shapes: Any) -> Any:
        return np.log(self._sf(z, *shapes))

    def pdf(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """The density at `x`; parameters by position or name: the shapes, then loc=0, scale=1."""
        return np.exp(self.logpdf(x, *parameters, **named))

    def logpdf(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """The logarithm of the density at `x`; -inf outside the support and at infinity."""
        z, shapes, scale, dtype = self._standard(x, parameters, named)
        within, z = self._within(z, finite=True)
        result = self._logpdf(z, *shapes) - np.log(scale)
        return _in(dtype, result if within is None else np.where(within, result, -math.inf))

    def cdf(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """The probability of a value up to `x`."""
        return self._probability(self._cdf, (0.0, 1.0), x, parameters, named)

    def sf(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """The probability of a value above `x`, exact where it is small."""
        return self._probability(self._sf, (1.0, 0.0), x, parameters, named)

    def logcdf(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """The logarithm of the probability of a value up to `x`."""
        return self._probability(self._logcdf, (-math.inf, 0.0), x, parameters, named)

    def logsf(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """The logarithm of the probability of a value above `x`."""
        return self._probability(self._logsf, (0.0, -math.inf), x, parameters, named)

    def _probability(self, f: Any, ends: tuple[float, float], x: Any, parameters: Any, named: dict[str, Any]) -> Any:
        z, shapes, _, dtype = self._standard(x, parameters, named)
        numbers = numbers_of(z)
        within, z = self._within(z)
        result = f(z, *shapes)
        if within is None:
            return _in(dtype, result)
        return _in(dtype, np.where(within, result, np.where(numbers < self.support[0], ends[0], ends[1])))

    def _within(self, z: Any, *, finite: bool = False) -> tuple[Any, Any]:
        """Where `z` lies in the support (None: everywhere), and `z` with a harmless value in place of the others.

        NaN counts as within, so that it stays NaN; infinity does not where only `finite` values do.
        """
        numbers = numbers_of(z)
        outside = (numbers < self.support[0]) | (numbers > self.support[1])
        if finite:
            outside = outside | np.isinf(numbers)
        if not np.any(outside):
            return None, z
        within = np.logical_not(outside)
        return within, np.where(within, z, self.inside)

    def _standard(self, x: Any, parameters: Any, named: dict[str, Any]) -> tuple[Any, list[Any], Any, np.dtype[Any]]:
        """`(x - loc) / scale`, the shape parameters and the scale in double precision, and the dtype of the result."""
        names = (*self.shapes, "loc", "scale")
        given = dict(zip(names, parameters, strict=False))
        if len(parameters) > len(names) or given.keys() & named.keys() or named.keys() - set(names):
            raise OperandError(
                f"{self.name}: {len(parameters)} parameters and {sorted(named)} do not fit; "
                f"the parameters are {', '.join(names)}, each once"
            )
        given.update(named)
        if missing := [name for name in self.shapes if name not in given]:
            raise OperandError(f"{self.name}: the parameter {', '.join(missing)} is missing")
        values = [_array(x), given.get("loc", 0.0), given.get("scale", 1.0), *[given[name] for name in self.shapes]]
        (x, loc, scale, *shapes), dtype = _double(values)
        for parameter in (scale, *shapes):  # as in SciPy, a parameter that is not positive makes the result NaN
            positive = np.greater(numbers_of(parameter), 0)
            if not np.all(positive):
                scale = np.where(positive, scale, math.nan)
        return (x - loc) / scale, shapes, scale, dtype


class _Normal(_Continuous):
    """The normal distribution with mean `loc` and standard deviation `scale`.

    >>> from autograd_lite import Tensor
    >>> norm.logpdf(Tensor(0.0), loc=0.0, scale=1.0)
    tensor(-0.91893853)
    """

    name = "norm"

    def _logpdf(self, z: Any) -> Any:
        return -0.5 * (z * z) - 0.5 * _LOG_2PI

    def _cdf(self, z: Any) -> Any:
        return special.ndtr(z)

    def _sf(self, z: Any) -> Any:
        return special.ndtr(-z)

    def _logcdf(self, z: Any) -> Any:
        return special.log_ndtr(z)

    def _logsf(self, z: Any) -> Any:
        return special.log_ndtr(-z)


class _Student(_Continuous):
    """Student's t distribution with `df` degrees of freedom.

    >>> from autograd_lite import Tensor
    >>> t.pdf(Tensor(0.0), df=1.0)
    tensor(0.31830989)
    """

    name = "t"
    shapes = ("df",)

    def _logpdf(self, z: Any, df: Any) -> Any:
        scale = -special.betaln(0.5, 0.5 * df) - 0.5 * np.log(df)
        return scale - 0.5 * (df + 1.0) * np.log1p(z * z / df)

    def _cdf(self, z: Any, df: Any) -> Any:
        return special.stdtr(df, z)

    def _sf(self, z: Any, df: Any) -> Any:
        return special.stdtr(df, -z)


class _Beta(_Continuous):
    """The beta distribution on [0, 1] with the shapes `a` and `b`.

    >>> from autograd_lite import Tensor
    >>> beta.pdf(Tensor(0.5), 2.0, 2.0)
    tensor(1.5)
    """

    name = "beta"
    shapes = ("a", "b")
    support = (0.0, 1.0)

    def _logpdf(self, z: Any, a: Any, b: Any) -> Any:
        return special.xlog1py(b - 1.0, -z) + special.xlogy(a - 1.0, z) - special.betaln(a, b)

    def _cdf(self, z: Any, a: Any, b: Any) -> Any:
        return special.betainc(a, b, z)

    def _sf(self, z: Any, a: Any, b: Any) -> Any:
        return special.betainc(b, a, 1.0 - z)


class _Gamma(_Continuous):
    """The gamma distribution on the positive numbers with the shape `a`.

    >>> from autograd_lite import Tensor
    >>> gamma.logpdf(Tensor(2.0), 1.0)
    tensor(-2.)
    """

    name = "gamma"
    shapes = ("a",)
    support = (0.0, math.inf)

    def _logpdf(self, z: Any, a: Any) -> Any:
        return special.xlogy(a - 1.0, z) - z - special.gammaln(a)

    def _cdf(self, z: Any, a: Any) -> Any:
        return special.gammainc(a, z)

    def _sf(self, z: Any, a: Any) -> Any:
        return special.gammaincc(a, z)


class _ChiSquared(_Continuous):
    """The chi-squared distribution with `df` degrees of freedom: a gamma distribution of shape df / 2, scale 2.

    >>> from autograd_lite import Tensor
    >>> chi2.pdf(Tensor(0.0), 2.0)
    tensor(0.5)
    """

    name = "chi2"
    shapes = ("df",)
    support = (0.0, math.inf)

    def _logpdf(self, z: Any, df: Any) -> Any:
        return gamma._logpdf(0.5 * z, 0.5 * df) - math.log(2.0)

    def _cdf(self, z: Any, df: Any) -> Any:
        return gamma._cdf(0.5 * z, 0.5 * df)

    def _sf(self, z: Any, df: Any) -> Any:
        return gamma._sf(0.5 * z, 0.5 * df)


def _double(values: list[Any]) -> tuple[list[Any], np.dtype[Any]]:
    """`values` in double precision, which differences of large logarithms need, and the dtype that they promote to."""
    values = [value if type(value) in (int, float) else as_operand(value) for value in values]
    dtype = np.result_type(*[getattr(value, "dtype", value) for value in values])
    wide = [v if getattr(v, "dtype", _DOUBLE).char in "dgDG" else v.astype(_DOUBLE) for v in values]
    return wide, dtype if dtype.kind in "fc" else _DOUBLE


def _in(dtype: np.dtype[Any], result: Any) -> Any:
    return result if result.dtype == dtype else result.astype(dtype)


class _Poisson(_Family):
    """The Poisson distribution with mean `mu`, moved by `loc`: differentiable in `mu`, not in the counts `k`.

    >>> from autograd_lite import Tensor
    >>> poisson.pmf(0, Tensor(2.0))
    tensor(0.13533528)
    """

    name = "poisson"

    def pmf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The probability of the count `k`."""
        return np.exp(self.logpmf(k, mu, loc))

    def logpmf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of the count `k`; -inf for what is no count."""
        count, mu = self._counts("logpmf", k, mu, loc)
        possible = (count >= 0) & (count == np.floor(count))
        count = np.where(possible, count, 0)
        (count, mu), dtype = _double([count, mu])
        result = special.xlogy(count, mu) - special.gammaln(count + 1) - mu
        return _in(dtype, result if np.all(possible) else np.where(possible, result, -math.inf))

    def cdf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The probability of a count up to `k`."""
        count, mu = self._counts("cdf", k, mu, loc)
        result = special.gammaincc(np.floor(np.maximum(count, 0)) + 1, mu)
        return result if np.all(count >= 0) else np.where(count >= 0, result, 0.0)

    def sf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The probability of a count above `k`."""
        count, mu = self._counts("sf", k, mu, loc)
        result = special.gammainc(np.floor(np.maximum(count, 0)) + 1, mu)
        return result if np.all(count >= 0) else np.where(count >= 0, result, 1.0)

    def logcdf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of a count up to `k`."""
        count, mu = self._counts("logcdf", k, mu, loc)
        result = np.log(self.cdf(np.maximum(count, 0), mu))
        return result if np.all(count >= 0) else np.where(count >= 0, result, -math.inf)

    def logsf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of a count above `k`."""
        return np.log(self.sf(k, mu, loc))

    @staticmethod
    def _counts(what: str, k: Any, mu: Any, loc: Any) -> tuple[Any, Any]:
        for name, value in (("k", k), ("loc", loc)):
            if getattr(value, "requires_grad", False):
                raise NotDifferentiableError(
                    f"poisson.{what}: no derivative with respect to {name}, of shape {value.shape}: it counts; "
                    f"pass {name}.detach()"
                )
        mu = _array(mu)
        if np.any(numbers_of(mu) < 0):
            mu = np.where(np.less(numbers_of(mu), 0), math.nan, mu)
        count = plain_array("poisson", numbers_of(k)) - plain_array("poisson", numbers_of(loc))
        return count.astype(mu.dtype if mu.dtype.kind == "f" else float), mu


class _MultivariateNormal(_Family):
    """The normal distribution of vectors.

    >>> from autograd_lite import Tensor
    >>> multivariate_normal.logpdf(Tensor([0.0, 0.0]), mean=[0.0, 0.0])
    tensor(-1.83787707)
    """

    name = "multivariate_normal"

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The density at the vectors along the last axis of `x`."""
        return np.exp(self.logpdf(x, mean, cov, allow_singular))

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The logarithm of the density.

        Args:
            x: vectors of d numbers along the last axis, shape (..., d); where d is 1, one or several numbers.
            mean: shape (d,); 0 if left out. The first of mean and cov that is no number gives d, otherwise it is 1.
            cov: covariance, positive definite: shape (d, d), (d,) for its diagonal, or a number.
            allow_singular: accepted for SciPy's sake; the derivative needs a covariance that is not singular.

        Raises:
            OperandError: the shapes do not fit, or `cov` is not positive definite.
        """
        x, cov = _array(x), _array(cov)
        if x.dtype.kind != "f":
            x = x.astype(float)
        mean = None if mean is None else _array(mean)
        d = mean.size if mean is not None else cov.shape[0] if cov.ndim else 1
        if d == 1 and x.ndim < 2:
            x = x[..., None]
        if cov.ndim < 2:
            cov = cov[..., None] * np.eye(d, dtype=x.dtype)
        if cov.shape != (d, d) or not x.ndim or x.shape[-1] != d:
            raise OperandError(
                f"multivariate_normal: x of shape {x.shape}, a mean of {d} numbers and cov of shape {cov.shape} do not "
                f"fit; x needs {d} numbers along its last axis, cov the shape {(d, d)}"
            )
        sign, logdet = np.linalg.slogdet(cov)
        if not np.all(np.linalg.eigvalsh(numbers_of(cov)) > 0) or numbers_of(sign) <= 0:
            raise OperandError(
                f"multivariate_normal: cov of shape {cov.shape} is not positive definite; add a small multiple of the "
                f"identity matrix"
            )
        away = x if mean is None else x - np.reshape(mean, (d,))
        solved = np.linalg.solve(cov, away[..., None])[..., 0]
        return -0.5 * (np.sum(away * solved, axis=-1) + logdet + d * _LOG_2PI)


class _Dirichlet(_Family):
    """The Dirichlet distribution with concentrations `alpha`.

    >>> from autograd_lite import Tensor
    >>> dirichlet.pdf(Tensor([0.25, 0.75]), [1.0, 1.0])
    tensor(1.)
    """

    name = "dirichlet"

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density at `x`."""
        return np.exp(self.logpdf(x, alpha))

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density.

        Args:
            x: K probabilities, or K - 1 of which the last is what remains, along the first axis.
            alpha: K positive concentrations.

        The derivative by `x` takes all given probabilities as independent.

        Raises:
            OperandError: the shapes do not fit, or a value is negative.
        """
        x, alpha = _array(x), _array(alpha)
        if alpha.ndim != 1 or not x.ndim or x.shape[0] not in (alpha.size, alpha.size - 1):
            raise OperandError(
                f"dirichlet: x of shape {x.shape} does not fit alpha of shape {alpha.shape}; x needs {alpha.shape} or "
                f"one probability less along its first axis"
            )
        if x.shape[0] == alpha.size - 1:
            x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)])
        if np.any(numbers_of(x) < 0) or np.any(numbers_of(alpha) <= 0):
            raise OperandError(
                f"dirichlet: x of shape {x.shape} must not be negative, and alpha of shape {alpha.shape} "
                f"must be positive"
            )
        (x, alpha), dtype = _double([x, alpha])
        normaliser = np.sum(special.gammaln(alpha)) - special.gammaln(np.sum(alpha))
        powers = special.xlogy(np.reshape(alpha - 1.0, (-1,) + (1,) * (x.ndim - 1)), x)
        return _in(dtype, np.sum(powers, axis=0) - normaliser)


norm = _Normal()
t = _Student()
beta = _Beta()
gamma = _Gamma()
chi2 = _ChiSquared()
poisson = _Poisson()
multivariate_normal = _MultivariateNormal()
dirichlet = _Dirichlet()
