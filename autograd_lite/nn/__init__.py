"""Layers, activations, losses and initialisers: all of them compositions of Tensor operations."""

from typing import TYPE_CHECKING, Any

from autograd_lite.nn.activation_layers import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from autograd_lite.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from autograd_lite.nn.attention import MultiheadAttention, TransformerBlock, scaled_dot_product_attention
from autograd_lite.nn.convolution import Conv1d, Conv2d, conv1d, conv2d
from autograd_lite.nn.initializers import INITIALIZERS, initial
from autograd_lite.nn.layers import Dense, Dropout, Embedding, Flatten
from autograd_lite.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cosine_similarity,
    cross_entropy,
    gaussian_nll_loss,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mae_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    triplet_margin_loss,
)
from autograd_lite.nn.module import Module, Sequential
from autograd_lite.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from autograd_lite.nn.pooling import (
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from autograd_lite.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from autograd_lite.nn.summary import summary

__all__ = [
    "ELU",
    "GELU",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "MultiheadAttention",
    "TransformerBlock",
    "scaled_dot_product_attention",
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "MaxPool1d",
    "MaxPool2d",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "max_pool1d",
    "max_pool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "LayerNorm",
    "GRU",
    "GRUCell",
    "LSTM",
    "LSTMCell",
    "RNN",
    "RNNCell",
    "INITIALIZERS",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Module",
    "Sequential",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "elu",
    "gaussian_nll_loss",
    "gelu",
    "hinge_loss",
    "huber_loss",
    "initial",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "mae_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "relu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "summary",
    "tanh",
    "triplet_margin_loss",
]


if not TYPE_CHECKING:  # a type checker is to know which names there are

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from autograd_lite.pytorch_names import missing

        raise missing(__name__, name)
