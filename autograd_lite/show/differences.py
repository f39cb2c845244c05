"""Finite differences of a recorded graph: the independent witness for its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.show.graph import PARAMETER, Graph, replayed

__all__ = ["difference_quotients"]

#: entries of one parameter, and parameters, that are checked
_ENTRIES, _PARAMETERS = 4, 30


def difference_quotients(graph: Graph) -> dict[str, list[tuple[tuple[int, ...], float]]]:
    """Central difference quotients of the result by those entries of each parameter that have the largest gradient.

    The recorded operations are carried out again, in double precision, on the parameter moved by a step to either
    side; the step is 1e-5 times the size of the entry. Gives for each parameter's id indices and quotients.
    """
    nodes: list[Any] = [entry.node for entry in graph if entry.node is not None]
    given = [entry for entry in graph if entry.node is not None and entry.operation is None]
    leaves: dict[Any, Any] = {entry.node: _double(entry.value) for entry in given}
    found: dict[str, list[tuple[tuple[int, ...], float]]] = {}
    parameters = [entry for entry in graph if entry.kind == PARAMETER and entry.gradient is not None]
    for entry in parameters[:_PARAMETERS]:
        if entry.dtype.kind != "f":
            continue
        largest = np.argsort(-np.abs(np.ravel(entry.gradient)), kind="stable")[:_ENTRIES]
        for flat in sorted(largest.tolist()):
            index = tuple(int(i) for i in np.unravel_index(flat, entry.shape))
            step = 1e-5 * max(1.0, abs(float(entry.value[index])))
            ends = []
            for side in (step, -step):
                moved = np.array(leaves[entry.node])
                moved[index] += side
                elsewhere: dict[Any, Any] = {**leaves, entry.node: moved}
                ends.append(float(np.asarray(replayed(nodes, elsewhere, {})[nodes[-1]]).item()))
            found.setdefault(entry.id, []).append((index, (ends[0] - ends[1]) / (2 * step)))
    return found


def _double(value: Any) -> Any:
    return value.astype(float) if value.dtype.kind == "f" else value
