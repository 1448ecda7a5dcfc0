"""Where a result comes from: content hashes, history lines and the versions that a manifest names."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import carbondrivers

PACKAGES = ("numpy", "pandas", "scipy", "xarray", "dask", "rasterio", "pyproj", "matplotlib")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read by parts; of a folder (a Zarr store) that of its files' names and bytes."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return hash_text("".join(f"{file.relative_to(path).as_posix()} {hash_file(file)}\n" for file in files))
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_size(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder (a Zarr store)."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text.

    Examples
    --------
    >>> hash_text("carbon")[:8]
    '28d79d50'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def content_key(declared: Mapping[str, Any]) -> str:
    """Return a key that changes when, and only when, what is declared changes (order of keys apart)."""
    return hash_text(json.dumps(declared, sort_keys=True, ensure_ascii=False, default=str))[:20]


@cache
def code_hash(*rooms: str) -> str:
    """Return a hash of the source of some rooms or files of the package: kept results end with the code that made them."""
    root = Path(carbondrivers.__file__).parent
    found = [path for room in rooms for path in ((root / room).rglob("*") if (root / room).is_dir() else [root / room])]
    sources = sorted(path for path in found if path.suffix in (".py", ".toml"))
    return hash_text("".join(f"{path.relative_to(root).as_posix()} {hash_file(path)}\n" for path in sources))


def history_line(action: str, /, **parameters: object) -> str:
    """Return one history line: the action, its parameters and the version that did it (no time, so runs repeat)."""
    listed = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    return f"carbondrivers {carbondrivers.__version__}: {action}({listed})"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result."""
    found = {"carbondrivers": carbondrivers.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
