"""The study files of the virtual regions, as ``carbondrivers demo REGION`` runs them."""

from __future__ import annotations

from importlib.resources import files


def preset(name: str, resolution: float | None = None) -> str:
    """Return the study file of a virtual region.

    Parameters
    ----------
    name
        Of the region.
    resolution
        Side of its cells, in metres or for China in degrees; coarse by default, so that a run takes minutes.

    Examples
    --------
    >>> [line for line in preset("horqin", 2000.0).splitlines() if "resolution" in line]
    ['resolution = 2000.0']
    """
    text = files("carbondrivers.study").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
    return text if resolution is None else text.replace("[study]\n", f"[study]\nresolution = {float(resolution)!r}\n", 1)
