"""``python -m tests.benchmarks [names ...]``: measure the engines and print the table."""

import sys

from .engines import one_thread


def main() -> int:
    one_thread()
    # Not before: this loads NumPy, and its BLAS reads the number of threads once.
    from .command import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
