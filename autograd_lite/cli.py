"""The command line: `autograd-lite tour`, and the commands for worksheets."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite
from autograd_lite.errors import AutogradError
from autograd_lite.tensor import Tensor

__all__ = ["main"]

#: rooms that bring commands of their own, by an `add_commands(subparsers)`
_ROOMS = ("autograd_lite.check.worksheets.command",)
#: for running the forward part of one worksheet
_SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 all well, 1 something is wrong, 2 it was called wrongly.

    >>> main(["--version"])
    autograd-lite 0.1.0
    0
    """
    try:
        status = _run(_parser(), arguments)
        sys.stdout.flush()
        return status
    except AutogradError as error:
        print(f"autograd-lite: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, `head` for instance, has seen enough; Python would complain when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nautograd-lite: interrupted", file=sys.stderr)
        return 130


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    try:
        options = parser.parse_args(arguments)
    except SystemExit as done:
        return int(done.code or 0)
    if options.version:
        print(f"autograd-lite {autograd_lite.__version__}")
        return 0
    if "run" not in options:
        parser.print_help()
        return 2
    return int(options.run(options) or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograd-lite", description="Automatic differentiation on NumPy that shows its work."
    )
    parser.add_argument("--version", action="store_true", help="say which version this is")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    tour = commands.add_parser(
        "tour",
        help="train a small network, draw it, and check its gradients by hand",
        description="Train a small network on XOR, draw its graph, and hold hand-derived gradients against it.",
    )
    tour.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where to write xor.svg (default: the current folder)"
    )
    tour.set_defaults(run=_tour)
    explain = commands.add_parser(
        "explain",
        help="make a page that steps through a worksheet's forward part and its gradients",
        description="Run the forward part of a worksheet and write a page that steps through it and back.",
    )
    explain.add_argument("sheet", metavar="SHEET")
    explain.add_argument("-o", "--output", default="page.html", metavar="FILE", help="default: page.html")
    explain.add_argument("--seed", type=int, default=0, help="of the numbers")
    explain.set_defaults(run=_explain)
    for room in _ROOMS:
        try:
            module = importlib.import_module(room)
        except ModuleNotFoundError as missing:
            if missing.name is None or not room.startswith(missing.name):
                raise
            continue  # a room that this version does not have
        module.add_commands(commands)
    return parser


def _explain(options: argparse.Namespace) -> int:
    from autograd_lite.check.worksheets.errors import SheetError
    from autograd_lite.show.explain import explain

    try:
        page = explain(_loss_of_sheet(options.sheet, options.seed))
    except SheetError as error:
        print(f"{options.sheet}: {error.kind}: {error.message}", file=sys.stderr)
        return 2
    print(page.save(options.output))
    return 0


def _loss_of_sheet(path: str, seed: int) -> Any:
    """The loss of a worksheet, computed on Tensors that have the sheet's names, at one of its sample points."""
    from autograd_lite.check.worksheets.grade import load
    from autograd_lite.check.worksheets.interpret import Allowance, execute
    from autograd_lite.check.worksheets.read import read
    from autograd_lite.check.worksheets.sample import samples

    sheet = read(load(path))
    values = samples(sheet, seed, 1, Allowance(_SECONDS))[0].values
    wanted = {name.removeprefix("d") for name in sheet.wanted} & set(sheet.inputs) or set(sheet.inputs)
    variables: dict[str, Any] = {}
    for name in sheet.inputs:
        value = np.asarray(values[name])
        variables[name] = Tensor(value, requires_grad=name in wanted and value.dtype.kind == "f", name=name)
    with np.errstate(all="ignore"):
        for statement in sheet.forward:
            execute(statement, variables)
            made = variables[statement.target]
            if isinstance(made, Tensor) and made.name is None:
                made.name = statement.target
    return variables[sheet.loss]


def _tour(options: argparse.Namespace) -> int:
    from autograd_lite.tour import tour

    return tour(options.out)
