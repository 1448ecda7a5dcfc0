"""Statistical driver attribution of carbon sinks.

Subpackages load on first use, so that ``import carbondrivers`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

__version__ = "0.1.0"
__all__ = ["__version__", "attribution", "datasets", "nep_models", "reports", "study"]


def __getattr__(name: str) -> _ModuleType:
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
