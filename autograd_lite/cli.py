"""The command line: `autograd-lite tour`, and the commands for worksheets."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import autograd_lite
from autograd_lite.errors import AutogradError

__all__ = ["main"]

#: rooms that bring commands of their own, by an `add_commands(subparsers)`
_ROOMS = ("autograd_lite.check.worksheet.command", "autograd_lite.show.command")


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
    commands = parser.add_subparsers(title="commands", metavar="")
    tour = commands.add_parser(
        "tour",
        help="train a small network, draw it, and check its gradients by hand",
        description="Train a small network on XOR, draw its graph, and hold hand-derived gradients against it.",
    )
    tour.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where to write xor.svg (default: the current folder)"
    )
    tour.set_defaults(run=_tour)
    for room in _ROOMS:
        try:
            module = importlib.import_module(room)
        except ModuleNotFoundError as missing:
            if missing.name is None or not room.startswith(missing.name):
                raise
            continue  # a room that this version does not have
        module.add_commands(commands)
    return parser


def _tour(options: argparse.Namespace) -> int:
    from autograd_lite.tour import tour

    return tour(options.out)
