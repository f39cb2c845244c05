"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from autograd_lite.saving import replace_file
from autograd_lite.show.errors import SavingError

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write `content` to `path`; whoever reads it meanwhile sees the old file or the new one, never half of one.

    Raises:
        SavingError: the folder is missing or may not be written to.
    """
    try:
        replace_file(path, lambda file: file.write(content))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SavingError(
            f"save: cannot write {os.fspath(path)!r} ({reason}); give a path in a folder that exists and that "
            f"you may write to"
        ) from error
    return Path(path)
