"""Files of arrays: `save` and `load` in the formats .npz and .safetensors, written atomically, read without trust.

Neither format runs code when it is read (no pickle). What is saved is a nested structure of dicts, lists and tuples
that holds arrays, numbers, strings, booleans and None: the `state_dict` of a model, of an optimiser, or both with
whatever else a run needs. A plain dict of arrays becomes a plain file of arrays that other programs read too.
"""

from __future__ import annotations

import errno
import json
import math
import os
import struct
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.arrays import unmasked
from autograd_lite.errors import AutogradError, OperandError
from autograd_lite.tensor import Tensor

__all__ = ["FileError", "load", "replace_file", "save"]

_STRUCTURE = "__structure__"
_DEPTH = 50


class FileError(AutogradError, ValueError):
    """A file is truncated, damaged, too large, or holds what is not read here."""


def save(path: str | os.PathLike[str], state: Any) -> None:
    """Write a structure of arrays; the file appears whole or not at all.

    Args:
        path: ends in .npz or .safetensors (which needs the package of that name).
        state: nested dicts, lists and tuples of arrays, Tensors, numbers, strings, booleans and None.

    Raises:
        OperandError: no path or another suffix, or a value of another kind; it says where.

    >>> import tempfile
    >>> from autograd_lite.nn import Dense
    >>> model, other = Dense(3, 2, seed=0), Dense(3, 2, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model.npz", model.state_dict())
    ...     other.load_state_dict(load(f"{folder}/model.npz"))
    >>> bool((other.weight.numpy() == model.weight.numpy()).all())
    True
    """
    suffix = _suffix("save", path)
    arrays: dict[str, Any] = {}
    structure = _pack(state, "", arrays, 0)
    plain = isinstance(state, Mapping) and list(state) == list(arrays)
    text = None if plain else json.dumps(structure)
    if suffix == ".npz":
        if text is not None:
            arrays[_STRUCTURE] = np.frombuffer(text.encode(), np.uint8)
        replace_file(path, lambda file: _write_npz(file, arrays))
    else:
        from safetensors.numpy import save as serialize

        for name, array in arrays.items():
            if array.dtype.kind == "c" or array.dtype.itemsize > 8:
                raise OperandError(f"save: {name} has dtype {array.dtype}, which .safetensors does not know; use .npz")
        data = serialize(arrays, None if text is None else {_STRUCTURE: text})
        replace_file(path, lambda file: file.write(data))


def load(path: str | os.PathLike[str], max_bytes: int = 4 << 30) -> Any:
    """Read what `save` wrote, or any other file of that format as a dict of arrays.

    Args:
        path: ends in .npz or .safetensors.
        max_bytes: refuse a file whose arrays would take more memory.

    Raises:
        FileError: truncated, damaged, too large, or holding objects.
        OperandError: another suffix.
        FileNotFoundError: there is no such file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/run.npz", {"epoch": 3, "weights": [np.ones(2)]})
    ...     load(f"{folder}/run.npz")
    {'epoch': 3, 'weights': [array([1., 1.])]}
    """
    suffix = _suffix("load", path)
    arrays, text = (_read_npz if suffix == ".npz" else _read_safetensors)(Path(path), max_bytes)
    if text is None:
        return arrays
    try:
        return _unpack(json.loads(text), arrays, 0)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise FileError(f"load: the structure in {os.fspath(path)} is damaged: {error}; save the file again") from error


def replace_file(path: str | os.PathLike[str], write: Callable[[Any], object]) -> None:
    """Let `write(file)` fill a new binary file, and put it in the place of `path` when that has succeeded.

    Raises:
        FileNotFoundError: there is no such folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace_file(f"{folder}/note", lambda file: file.write(b"whole"))
    ...     Path(f"{folder}/note").read_bytes()
    b'whole'
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "There is no such folder; make it first", os.fspath(path.parent))
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")  # no part of the name, which may be as long as is allowed
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_npz(file: Any, arrays: dict[str, Any]) -> None:
    """What np.savez does, for names that are its parameters too."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _suffix(what: str, path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        form = "save(path, state)" if what == "save" else "load(path)"
        raise OperandError(f"{what}: the path is a {type(path).__name__}; it is what comes first, {form}")
    suffix = Path(path).suffix
    if suffix not in (".npz", ".safetensors"):
        raise OperandError(f"{what}: {os.fspath(path)} ends in {suffix!r}; name the format, .npz or .safetensors")
    return suffix


# --- structures: JSON with names in the places of the arrays -----------------------------------------------------


def _pack(value: Any, name: str, arrays: dict[str, Any], depth: int) -> Any:
    if depth > _DEPTH:
        raise OperandError(f"save: {name} is nested more than {_DEPTH} deep; flatten it")
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufc":
            raise OperandError(f"save: {name or 'the array'} has dtype {value.dtype}; only numbers are saved")
        if "\0" in name or name.encode(errors="replace").decode() != name:
            raise OperandError(f"save: {name!r} cannot be the name of an array in a file; rename it")
        if name in arrays or name == _STRUCTURE:
            raise OperandError(f"save: two arrays would both be called {name!r}; rename one")
        arrays[name] = np.array(unmasked("save", value), order="C")
        return {"array": name}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    prefix = f"{name}/" if name else ""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, (str, int)):
                raise OperandError(f"save: the key {key!r} in {name or 'the dict'} is neither a string nor an integer")
        return {"dict": [[key, _pack(part, f"{prefix}{key}", arrays, depth + 1)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(part, f"{prefix}{i}", arrays, depth + 1) for i, part in enumerate(value)]}
    state = "its state_dict()" if hasattr(value, "state_dict") else "arrays, numbers and strings"
    raise OperandError(f"save: {name or 'the state'} is a {type(value).__name__}; save {state}")


def _unpack(packed: Any, arrays: dict[str, Any], depth: int) -> Any:
    if depth > _DEPTH + 1:
        raise ValueError("it is nested too deep")
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {key: _unpack(part, arrays, depth + 1) for key, part in content}
    parts = [_unpack(part, arrays, depth + 1) for part in content]
    if kind == "list":
        return parts
    if kind == "tuple":
        return tuple(parts)
    raise ValueError(f"{kind!r} is no kind of value")


# --- reading -----------------------------------------------------------------------------------------------------


def _too_large(path: Path, size: int, max_bytes: int) -> FileError:
    return FileError(f"load: {path} needs {size:,} bytes; raise max_bytes={max_bytes:,} if you trust it")


def _read_npz(path: Path, max_bytes: int) -> tuple[dict[str, Any], str | None]:
    """Every member by hand: its header is checked against its size before memory is taken."""
    arrays: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > max_bytes:
                raise _too_large(path, total, max_bytes)
            for member in members:
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{member.filename} is compressed by a method that NumPy does not use")
                with archive.open(member) as file:
                    arrays[member.filename.removesuffix(".npy")] = _read_array(file, member.file_size)
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, OSError, RuntimeError) as error:
        if isinstance(error, (FileError, FileNotFoundError, IsADirectoryError, PermissionError)):
            raise
        raise FileError(f"load: {path} is damaged or no .npz file: {error}; save it again") from error
    text = arrays.pop(_STRUCTURE, None)
    if text is None:
        return arrays, None
    if text.dtype != np.uint8 or text.ndim != 1:
        raise FileError(f"load: the structure in {path} is damaged; save it again")
    try:
        return arrays, text.tobytes().decode()
    except UnicodeDecodeError as error:
        raise FileError(f"load: the structure in {path} is damaged: {error}; save it again") from error


def _read_array(file: Any, size: int) -> Any:
    layout = np.lib.format
    version = layout.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the array format")
    read_header = layout.read_array_header_1_0 if version == (1, 0) else layout.read_array_header_2_0
    try:
        shape, fortran, dtype = read_header(file)
    except (SyntaxError, tokenize.TokenError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"the header of an array cannot be read: {error}") from error
    if dtype.kind not in "biufc":
        raise ValueError(f"it holds dtype {dtype}, not numbers")
    if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"an array of shape {shape} does not fill its {size} bytes")
    data = file.read(math.prod(shape) * dtype.itemsize)
    array = np.frombuffer(data, dtype)
    return array.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="))


def _read_safetensors(path: Path, max_bytes: int) -> tuple[dict[str, Any], str | None]:
    from safetensors import SafetensorError, safe_open

    size = path.stat().st_size  # the format stores arrays as they are, so this bounds the memory
    if size > max_bytes:
        raise _too_large(path, size, max_bytes)
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_STRUCTURE)
            return {name: np.array(file.get_tensor(name)) for name in file.keys()}, text  # noqa: SIM118  # no mapping
    except (SafetensorError, ValueError, TypeError, AttributeError, OSError) as error:
        raise FileError(f"load: {path} is damaged or no .safetensors file: {error}; save it again") from error
