"""Reading the graph of what someone has asked for, with errors that name the function that was called."""

from __future__ import annotations

from typing import Any

from autograd_lite.errors import BackwardError
from autograd_lite.show.errors import NoGraphError
from autograd_lite.show.graph import Graph, walk
from autograd_lite.tensor import Tensor

__all__ = ["graph_for", "walk_for"]


def walk_for(function: str, tensor: Any, **options: bool) -> Graph:
    """`walk(tensor, **options)`, whose errors about `tensor` name the function that was called."""
    try:
        return walk(tensor, **options)
    except NoGraphError as error:
        raise NoGraphError(f"{function}: {str(error).partition(': ')[2]}") from None


def graph_for(function: str, tensor: Any, *, gradients: bool = False) -> Graph:
    """The graph of `tensor`, with the value of every entry, and its gradient if asked for.

    Raises:
        NoGraphError: it is no Tensor, or no recorded operation made it.
        BackwardError: gradients of a result that is not a real scalar, or that depends on no parameter.
    """
    graph = walk_for(function, tensor, values=True)
    if not gradients:
        return graph
    result = graph.result
    if result.node is None or not result.node.requires_grad:
        raise BackwardError(
            f"{function}: the result of {result.operation!r} depends on no Tensor that requires grad, so it has no "
            f"gradients; make a parameter with requires_grad=True and compute it again"
        )
    if isinstance(tensor, Tensor) and (tensor.size != 1 or tensor.dtype.kind == "c"):
        raise BackwardError(
            f"{function}: a {tensor.dtype} result of shape {tensor.shape} is not a real scalar, so its gradient is not "
            f"unique; pass a real number made of it, such as its .sum() or .mean()"
            + (" of np.abs" if tensor.dtype.kind == "c" else "")
        )
    return walk(tensor, values=True, gradients=True)
