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


def test_a_weight_of_a_class_is_as_many_copies_of_its_samples():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 2))
    y = np.where(X[:, 0] + rng.standard_normal(30) > 0, "high", "low")
    settings = {"hidden": (4,), "epochs": 30, "batch_size": 100, "random_state": 0}
    weighted = Classifier(**settings, class_weight={"high": 3}).fit(X, y)
    times = np.where(y == "high", 3, 1)
    copies = Classifier(**settings).fit(X.repeat(times, 0), y.repeat(times))
    plain = Classifier(**settings).fit(X, y)
    # Adam's steps hardly depend on the scale of the loss, which is a mean over 30 samples or over all copies
    np.testing.assert_allclose(weighted.predict_proba(X), copies.predict_proba(X), atol=1e-5)
    assert np.abs(weighted.predict_proba(X) - plain.predict_proba(X)).max() > 0.05


def test_weights_of_classes_hold_in_batches_of_one_sample_too():
    X = np.zeros((40, 1))
    y = np.arange(40) % 2
    made = Classifier(hidden=(), batch_size=1, epochs=100, lr=3e-3, random_state=0, class_weight={0: 3}).fit(X, y)
    np.testing.assert_allclose(made.predict_proba(X[:1])[0], [0.75, 0.25], atol=0.05)


def test_balanced_classes_weigh_the_same_however_many_samples_they_have():
    X = np.zeros((40, 1))
    y = np.array([5] * 36 + [7] * 4)
    settings = {"hidden": (), "batch_size": 40, "epochs": 150, "lr": 0.05, "random_state": 0}
    np.testing.assert_allclose(Classifier(**settings).fit(X, y).predict_proba(X[:1])[0], [0.9, 0.1], atol=0.01)
    balanced = Classifier(**settings, class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(balanced.predict_proba(X[:1])[0], [0.5, 0.5], atol=0.01)
    assert balanced.get_params()["class_weight"] == "balanced"
    with pytest.raises(ValueError, match="class_weight"):
        Classifier(**settings, class_weight="even").fit(X, y)


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


def test_logarithms_of_probabilities_are_finite_where_these_underflow():
    X = np.array([[-1.0], [1.0]])
    made = Classifier(epochs=2, random_state=0).fit(X, [0, 1])
    np.testing.assert_allclose(made.predict_log_proba(X), np.log(made.predict_proba(X)))
    far = 1e5 * X
    assert (made.predict_proba(far) == 0).any() and np.isfinite(made.predict_log_proba(far)).all()
