"""The file of a checkpoint: arrays and JSON, read and replaced as a whole.

It is written beside its place, synced, and renamed into it, so that there is always one whole
checkpoint and a reader never meets half of one. It holds no code: loading is safe. Each one
has a token of its own, by which a fit sees whether the file is the one it knows.
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
except ImportError:  # Windows, where a file that is open cannot be deleted anyway
    fcntl = None  # type: ignore[assignment]

FILE_NAME = "checkpoint.npz"
FORMAT = 3


def checkpoint_path(directory: str | os.PathLike) -> Path:
    path = Path(directory)
    is_blocked = any(one.exists() and not one.is_dir() for one in (path, *path.parents))
    if is_blocked or not os.fspath(directory):
        raise ValueError(
            "'checkpoint_dir' must name a directory, which need not exist yet; got "
            f"{os.fspath(directory)!r}; use '.' for the current one."
        )
    return path / FILE_NAME


def prepare(path: Path) -> None:
    """Make the directory, and see that files can be written there."""
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
    """Delete what a killed fit was writing, unless a living one still does."""
    with suppress(OSError):
        if fcntl is None:
            part.unlink()
            return
        with open(part, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def read_file(path: Path) -> tuple[str, dict[str, Any], dict[str, np.ndarray]] | None:
    """Token, facts and arrays of the checkpoint that is there; None where there is none."""
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
            "resume it there, or choose another directory."
        )
    with undamaged(path):
        return str(arrays.pop("token")), facts, arrays


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Tell whatever fails in the block as what it is: a file that no fit has written."""
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
    """Put a whole checkpoint in the place of the one whose token is known, or of none.

    Returns whether it did: it does not where another fit's checkpoint is.
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
                with suppress(OSError):  # some file systems know no locks
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
    """The token of the checkpoint that is there; None if there is none."""
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
