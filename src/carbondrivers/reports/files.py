"""Write a file whole or not at all: a temporary name in the same folder, synced, then renamed over the old file."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from carbondrivers.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST}


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one, never a part.

    Parameters
    ----------
    path
        The file; its folder must exist.
    data
        The whole content.

    Raises
    ------
    OutputError
        If the disk is full, the folder is missing or may not be written; the old file is then untouched and no
        temporary file is left behind.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "numbers.csv", b"a,b\\n")
    >>> (folder / "numbers.csv").read_bytes()
    b'a,b\\n'
    """
    path = Path(path)
    # Short and random: a long file name with a suffix could pass the limit of the file system.
    temporary = path.parent / f".{uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def output_error(path: Path, error: OSError) -> OutputError:
    """Return the one-line OutputError that says why `path` cannot be written and what to do."""
    if error.errno in _FULL:
        why = "disk is full; free space and run again, finished steps are kept"
    elif error.errno in _FORBIDDEN:
        why = "permission denied; change the rights of the folder or choose another one"
    elif error.errno in _IN_THE_WAY:
        why = f"{error.filename or path} is a file where a folder is needed; rename it or choose another folder"
    elif error.errno == errno.ENOENT:
        why = f"the folder {str(path.parent)!r} does not exist; create it or choose another one"
    elif error.errno == errno.EISDIR:
        why = "a folder of that name is in the way; rename it or choose another name"
    elif error.errno == errno.ENAMETOOLONG:
        why = "the name is too long; choose a shorter one"
    else:
        why = f"{error.strerror or error}; mend that and run again"
    return OutputError(f"cannot write {path}: {why}")


def passing_name(what: str) -> str:
    """Return the name of a folder that exists only while this process works, for ``sweep`` to know."""
    return f".{what}-{os.getpid()}-{uuid4().hex[:12]}.tmp"


def sweep(folder: Path) -> None:
    """Take away what processes that were killed have left behind; what a living one works on stays."""
    for place in folder.glob(".*-*-*.tmp"):
        owner = place.name.split("-")[1]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(place, ignore_errors=True)


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
