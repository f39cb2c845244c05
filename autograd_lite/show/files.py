"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from autograd_lite.show.errors import SavingError

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write `content` to `path`; whoever reads it meanwhile sees the old file or the new one, never half of one.

    Raises:
        SavingError: the folder is missing or may not be written to.
    """
    target = Path(path)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        # mkstemp makes files for their owner alone; a picture gets the rights of any new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise SavingError(
            f"save: cannot write {os.fspath(target)!r} ({reason}); give a path in a folder that exists and that "
            f"you may write to"
        ) from error
    return target
