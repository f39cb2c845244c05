"""Compositions can be differentiated twice; each is held against finite differences of its gradient."""

import numpy as np
import pytest

from autograd_lite import nn
from autograd_lite.check import gradgradcheck

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))
IMAGES = RNG.standard_normal((2, 2, 4, 4))
LABELS = np.array([0, 3, 1])

FUNCTIONS = {
    "sigmoid": (nn.sigmoid, X),
    "softplus": (nn.softplus, X),
    "silu": (nn.silu, X),
    "gelu": (nn.gelu, X),
    "gelu tanh": (lambda x: nn.gelu(x, approximate="tanh"), X),
    "elu": (nn.elu, X),
    "softmax": (nn.softmax, X),
    "logsumexp": (nn.logsumexp, X),
    "cross entropy": (lambda x: nn.cross_entropy(x, LABELS), X),
    "binary cross-entropy with logits": (lambda x: nn.binary_cross_entropy_with_logits(x, np.abs(np.sin(X))), X),
    "cosine similarity": (lambda x: nn.cosine_similarity(x, np.cos(X)), X),
    "convolution": (lambda x: np.tanh(nn.conv2d(x, IMAGES[:, :, :3, :3], padding=1)), IMAGES),
    "pooling": (lambda x: np.tanh(nn.max_pool2d(x, 2)), IMAGES),
    "layer norm": (nn.LayerNorm(4), X),
    "batch norm": (nn.BatchNorm1d(4), X),
    "lstm": (lambda x: nn.LSTM(4, 2, seed=0)(x[:, None])[0], X),
    "transformer": (nn.TransformerBlock(4, 2, 3, causal=True, seed=0), X),
}


@pytest.mark.parametrize(("f", "x"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_second_derivative_is_that_of_finite_differences(f, x):
    report = gradgradcheck(f, x, max_entries=8)
    assert report, report
