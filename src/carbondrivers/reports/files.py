"""Write a file whole or not at all: a temporary name in the same folder, synced, then renamed over the old file."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from carbondrivers.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_MISSING = {errno.ENOENT, errno.ENOTDIR}


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
    elif error.errno in _MISSING:
        why = f"the folder {str(path.parent)!r} does not exist; create it or choose another one"
    elif error.errno == errno.EISDIR:
        why = "a folder of that name is in the way; rename it or choose another name"
    elif error.errno == errno.ENAMETOOLONG:
        why = "the name is too long; choose a shorter one"
    else:
        why = f"{error.strerror or error}; mend that and run again"
    return OutputError(f"cannot write {path}: {why}")
