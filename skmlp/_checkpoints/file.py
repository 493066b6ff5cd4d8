"""The file of a checkpoint: arrays and JSON, read and replaced as a whole.

It is written to a part file in the same directory, synced, and renamed, so that a reader always
finds one whole checkpoint. It holds no code, so loading is safe. Each checkpoint has its own
token, by which a fit recognises the file that it read or wrote last.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be deleted anyway
    fcntl = None  # type: ignore[assignment]

FILE_NAME = "checkpoint.npz"
FORMAT = 4


def checkpoint_path(directory: str | os.PathLike) -> Path:
    path = Path(directory)
    is_blocked = any(one.exists() and not one.is_dir() for one in (path, *path.parents))
    if is_blocked or not os.fspath(directory):
        raise ValueError(
            "'checkpoint_dir' must name a directory, which need not exist yet; got "
            f"{os.fspath(directory)!r}; use '.' for the current one."
        )
    return path / FILE_NAME


def make_directory(path: Path) -> None:
    """Make the directory, check that it is writable, and delete leftovers of killed fits."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ValueError(
            "'checkpoint_dir' must name a directory in which files can be written; got "
            f"{str(path.parent)!r} ({error}); choose another one."
        ) from error
    for part in path.parent.glob(f"{path.stem}*.part"):
        _remove_leftover(part)


def _remove_leftover(part: Path) -> None:
    """Delete the part file of a killed fit; a running fit holds a lock on its own."""
    with suppress(OSError):
        if fcntl is None:
            part.unlink()
            return
        with open(part, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def read_file(path: Path) -> tuple[str, dict[str, Any], dict[str, np.ndarray]] | None:
    """Token, facts and arrays of the checkpoint; None if there is none."""
    try:
        contents = path.read_bytes()
    except FileNotFoundError:
        return None
    with undamaged(path):
        with zipfile.ZipFile(io.BytesIO(contents)) as file:
            arrays = {
                name.removesuffix(".npy"): _array(file.read(name)) for name in file.namelist()
            }
        facts = json.loads(str(arrays.pop("facts")))
        written = facts["format"]
    if written != FORMAT:
        raise ValueError(
            f"'checkpoint_dir' must hold a checkpoint of this version of skmlp; "
            f"{str(path)!r} was written by another one (format {written!r}, not {FORMAT}); "
            "resume it with that version, or choose another directory."
        )
    with undamaged(path):
        return str(arrays.pop("token")), facts, arrays


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Report any error in the block as a damaged checkpoint."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"'checkpoint_dir' must hold a whole checkpoint; {str(path)!r} is damaged; delete "
            "it and fit anew, or choose another directory."
        ) from error


def write_file(
    path: Path,
    token: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    known: str | None,
) -> bool:
    """Write a checkpoint, where there is none or in place of the one with the `known` token.

    Returns False, and changes nothing, if another fit's checkpoint is there.
    """
    buffer = io.BytesIO()
    text = json.dumps({"format": FORMAT, **facts}, default=float)
    contents: dict[str, Any] = {**arrays, "facts": text, "token": token}
    np.savez(buffer, **contents)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{token}.part")
    try:
        with open(part, "xb") as file:
            if fcntl is not None:
                with suppress(OSError):  # some file systems have no locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        is_ours = _token(path) in (None, known)
        if is_ours:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return is_ours


def _token(path: Path) -> str | None:
    """The token of the existing checkpoint; None if there is none."""
    try:
        with zipfile.ZipFile(path) as file:
            return str(_array(file.read("token.npy")))
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception:
        return ""  # of another format, or damaged


def _array(contents: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(contents), allow_pickle=False)
