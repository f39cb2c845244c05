"""The estimators under scikit-learn's own checks, in a pipeline and in a grid search."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from autograd_lite import nn
from autograd_lite.errors import OperandError
from autograd_lite.sklearn import Classifier, Regressor


@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_scikit_learns_own_checks_pass(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says which checks it skips
        results = check_estimator(kind(epochs=60, random_state=0))
    assert len(results) > 30
    assert not [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")]


def test_in_a_pipeline_and_a_grid_search():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Classifier(epochs=15, random_state=0)),
        {"classifier__lr": [1e-5, 1e-2], "classifier__hidden": [(8,)]},
        cv=3,
    ).fit(X, y)
    assert search.best_params_["classifier__lr"] == 1e-2
    assert search.best_score_ > 0.9
    np.testing.assert_allclose(search.predict_proba(X).sum(axis=1), 1)


def test_any_model_will_do_and_several_outputs_too():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    Y = 1000 + 100 * np.column_stack([X[:, 0], X[:, 0] - X[:, 1]])
    seen = []

    def build(features, outputs, rng):
        seen.append((features, outputs))
        return nn.Dense(features, outputs, seed=rng)

    regressor = Regressor(build=build, epochs=300, random_state=0).fit(X, Y)
    assert seen == [(2, 2)] and regressor.predict(X).shape == Y.shape
    assert regressor.score(X, Y) > 0.999
    assert regressor.fit(X, Y[:, 0]).predict(X).shape == (60,)
    again = Regressor(build=build, epochs=300, random_state=0).fit(X, Y[:, 0])
    np.testing.assert_array_equal(again.predict(X), regressor.predict(X))
    assert len(regressor.history_) == 300


def test_before_fit_it_says_so():
    with pytest.raises(NotFittedError):
        Classifier().predict(np.ones((2, 2)))


def test_widths_and_models_that_are_none_are_refused():
    with pytest.raises(OperandError, match="hidden=8; it must be a tuple of widths"):
        Regressor(hidden=8).fit(np.ones((4, 2)), np.arange(4.0))
    with pytest.raises(OperandError, match="build returned a NoneType"):
        Regressor(build=lambda features, outputs, rng: None).fit(np.ones((4, 2)), np.arange(4.0))


@pytest.mark.parametrize("unit", [1e-320, 1e-200, 1e200, 1e307])
def test_the_unit_of_the_targets_does_not_matter_however_small_or_large(unit):
    X = np.linspace(-1, 1, 20).reshape(20, 1)
    predicted = Regressor(hidden=(), epochs=60, lr=0.1, random_state=0).fit(X, X[:, 0] * unit).predict(X)
    np.testing.assert_allclose(predicted / unit, X[:, 0], atol=0.05)
