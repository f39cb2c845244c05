"""What the variables of a formula are called: leaves, the result, and the steps in between."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from autograd_lite.show.digits import shape_text
from autograd_lite.show.graph import DATA, PARAMETER, Entry, Graph

__all__ = ["free_names", "meanings", "names_of", "short_names"]


def names_of(graph: Graph) -> dict[str, str]:
    """Names of the leaves, of what has a name, and of the result; no two are the same."""
    given = {entry.name for entry in graph if entry.name}
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    taken: set[str] = set()
    for entry in graph:
        base = entry.name or ("L" if entry is graph.result else {PARAMETER: "p", DATA: "c"}.get(entry.kind))
        if base is None:
            continue
        name = base
        bare = entry.name is None and base != "L"  # p and c alone are not given away
        while name in taken or (name in given and name != entry.name) or (bare and name == base):
            counts[base] += 1
            name = f"{base}_{counts[base]}" if base in given or base == "L" else f"{base}{counts[base]}"
        names[entry.id] = name
        taken.add(name)
    return names


def free_names(taken: set[str]) -> Iterator[str]:
    """t1, t2, ... without those that are taken."""
    return (f"t{i}" for i in itertools.count(1) if f"t{i}" not in taken)


def short_names(graph: Graph, names: dict[str, str]) -> dict[str, str]:
    """A letter for each leaf that is called by its place in a module: W1 for net.0.weight, b1 for net.0.bias.

    A matrix of weights is W, a vector of them, as of a normalization, gamma with beta beside it. Several layers
    are told apart by their own names, W_query, or where those are numbers, by numbers in the order of use.
    """
    dotted = [e for e in graph if e.operation is None and _is_place(e, names.get(e.id, ""))]
    vectors = {_place(names[e.id])[0] for e in dotted if _place(names[e.id])[1] == "weight" and len(e.shape) < 2}
    letters = {e.id: _letter(names[e.id], vectors) for e in dotted}
    owners: dict[str, list[str]] = {}
    for entry in dotted:
        owners.setdefault(letters[entry.id][0], []).append(_place(names[entry.id])[0])
    numbers = {owner: i + 1 for i, owner in enumerate(dict.fromkeys(_place(names[e.id])[0] for e in dotted))}
    taken = {name for identifier, name in names.items() if identifier not in letters}
    found: dict[str, str] = {}
    for entry in dotted:
        letter = letters[entry.id][0]
        owner = _place(names[entry.id])[0]
        lasts = [each.rpartition(".")[2] for each in owners[letter]]
        last = owner.rpartition(".")[2]
        plain = all(re.fullmatch(r"[^\W\d_][^\W_]*", each) for each in lasts) and len(set(lasts)) == len(lasts)
        for name in (
            *([letter] if len(lasts) == 1 else []),
            *([f"{letter}_{last}"] if plain else []),
            f"{letter}{numbers[owner]}",
        ):
            if name not in taken:
                found[entry.id] = name
                taken.add(name)
                break
    return found


def _is_place(entry: Entry, name: str) -> bool:
    """Whether a leaf is called by its place in a module; in a layer that stands alone, by its attribute."""
    if re.fullmatch(r"\w+(\.\w+)+", name):
        return True
    return entry.name in ("weight", "bias") and getattr(entry.node, "name", None) is None


def _place(name: str) -> tuple[str, str]:
    """The module and the attribute; of two modules with the same name the second has a number, as in weight_1."""
    owner, _, last = name.rpartition(".")
    again = re.fullmatch(r"(weight|bias)(_\d+)", last)
    return (owner + again[2], again[1]) if again else (owner, last)


def _letter(name: str, vectors: set[str]) -> tuple[str, ...]:
    owner, last = _place(name)
    if last == "weight":
        return ("gamma" if owner in vectors else "W",)
    if last == "bias":
        return ("beta" if owner in vectors else "b",)
    return (last if re.fullmatch(r"[^\W\d_]+", last) else "p",)


def meanings(graph: Graph, symbols: dict[str, str]) -> list[tuple[str, str]]:
    """What the reader cannot know: which leaf a symbol stands for that was given to it here."""
    told = []
    for entry in graph:
        if entry.operation is not None or entry.id not in symbols:
            continue
        symbol = symbols[entry.id]
        if symbol != entry.name:
            what = entry.name or _unnamed(entry)
            told.append((symbol, f"{what} {shape_text(entry.shape)}"))
    return told


def _unnamed(entry: Entry) -> str:
    return "an unnamed parameter" if entry.kind == PARAMETER else "unnamed data"
