"""scikit-learn estimators around a model: `Regressor` and `Classifier`, for pipelines and grid searches.

This module needs scikit-learn; nothing else in the package imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from autograd_lite import nn
from autograd_lite.arrays import unmasked
from autograd_lite.errors import OperandError
from autograd_lite.grad_mode import no_grad
from autograd_lite.optim import Adam
from autograd_lite.train import History, fit

__all__ = ["Classifier", "Regressor"]

Build = Callable[[int, int, np.random.Generator], nn.Module]


def _unmasked(estimator: BaseEstimator, *arrays: Any) -> tuple[Any, ...]:
    """The arrays, before scikit-learn's checks, which drop a mask."""
    return tuple([unmasked(type(estimator).__name__, array) for array in arrays])


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What both share: the parameters, building and training the model."""

    model_: nn.Module
    history_: History

    def __init__(
        self,
        build: Build | None = None,
        hidden: tuple[int, ...] = (32,),
        epochs: int = 200,
        lr: float = 1e-2,
        batch_size: int = 32,
        weight_decay: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.build = build
        self.hidden = hidden
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.random_state = random_state

    def _train(self, X: Any, y: Any, outputs: int, loss: Any) -> None:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        rng = np.random.default_rng(seed)
        if self.build is not None:
            self.model_ = self.build(X.shape[1], outputs, rng)
            if not isinstance(self.model_, nn.Module):
                raise OperandError(
                    f"{type(self).__name__}: build returned a {type(self.model_).__name__}; return an nn.Module"
                )
        elif not isinstance(self.hidden, Iterable):
            raise OperandError(f"{type(self).__name__}: hidden={self.hidden!r}; it must be a tuple of widths, (32,)")
        else:
            widths = [X.shape[1], *self.hidden]
            layers: list[Any] = []
            for before, width in pairwise(widths):
                layers += [nn.Dense(before, width, seed=rng), nn.relu]
            last = nn.Dense(widths[-1], outputs, init="glorot_uniform", seed=rng)
            self.model_ = nn.Sequential(*layers, last)
        optimizer = Adam(self.model_.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        self.history_ = fit(
            self.model_, (X, y), loss, optimizer, self.epochs, self.batch_size, seed=seed, progress=False
        )

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, *_unmasked(self, X), reset=False, dtype=float)
        with no_grad():
            return self.model_(X).numpy()


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A model trained with Adam on the mean squared error, one number or several for each sample.

    Args:
        build: a function `(features, outputs, generator)` that returns the model; default: dense layers with relu.
        hidden: widths of the hidden layers of the default model.
        epochs: passes over the data.
        lr: the learning rate.
        batch_size: samples in a batch.
        weight_decay: see `optim.Adam`.
        random_state: a seed, a `numpy.random.RandomState`, or None.

    >>> X = np.linspace(-1, 1, 40).reshape(40, 1)
    >>> Regressor(epochs=100, random_state=0).fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.9
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train on X (samples, features) and y (samples,) or (samples, outputs)."""
        X, y = validate_data(self, *_unmasked(self, X, y), dtype=float, multi_output=True, y_numeric=True)
        y = np.asarray(y, float)
        self._one = y.ndim == 1
        columns = y.reshape(len(y), -1)
        # the model learns standardised targets, so that lr means the same whatever their unit
        self.mean_ = columns.mean(axis=0)
        # in units of the largest deviation, whose square is no number where that is 1e-200 or 1e200
        largest = np.abs(columns - self.mean_).max(axis=0)
        largest = np.where(largest > 0, largest, 1.0)
        deviation = largest * ((columns - self.mean_) / largest).std(axis=0)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        self._train(X, (columns - self.mean_) / self.deviation_, columns.shape[1], nn.mse_loss)
        return self

    def predict(self, X: Any) -> Any:
        """Predictions in the shape of the targets."""
        y = self._outputs(X) * self.deviation_ + self.mean_
        return y[:, 0] if self._one else y


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A model trained with Adam on the cross-entropy; labels may be numbers or strings.

    The arguments are those of `Regressor` and `class_weight`. The model that `build` makes has one output per class,
    its logit.

    Args:
        class_weight: what the loss of each sample is multiplied by: a dict by label, 1 for one that is not in it;
            "balanced", samples / (classes * samples of the class); or None.

    >>> X = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> Classifier(epochs=50, random_state=0).fit(X, ["low", "low", "high", "high"]).predict(X).tolist()
    ['low', 'low', 'high', 'high']
    """

    def __init__(
        self,
        build: Build | None = None,
        hidden: tuple[int, ...] = (32,),
        epochs: int = 200,
        lr: float = 1e-2,
        batch_size: int = 32,
        weight_decay: float = 0.0,
        random_state: Any = None,
        class_weight: Any = None,
    ) -> None:
        super().__init__(build, hidden, epochs, lr, batch_size, weight_decay, random_state)
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train on X (samples, features) and labels y (samples,)."""
        X, y = validate_data(self, *_unmasked(self, X, y), dtype=float)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._train(X, labels, len(self.classes_), self._loss(y))
        return self

    def _loss(self, y: Any) -> Any:
        """The cross-entropy, of weighted samples where the classes have weights."""
        if self.class_weight is None:
            return nn.cross_entropy
        weight = compute_class_weight(self.class_weight, classes=self.classes_, y=y)

        def weighted(outputs: Any, labels: Any) -> Any:
            # over the samples, not over their weights: those would cancel in a batch of one class
            return nn.cross_entropy(outputs, labels, weight=weight, reduction="none").mean()

        return weighted

    def predict_proba(self, X: Any) -> Any:
        """Probabilities (samples, classes), in the order of `classes_`."""
        return nn.softmax(self._outputs(X))

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of `predict_proba`, finite where a probability underflows."""
        return nn.log_softmax(self._outputs(X))

    def predict(self, X: Any) -> Any:
        """The most probable label of each sample."""
        outputs = self._outputs(X)
        return self.classes_[np.argmax(outputs, axis=1)]
