"""The classes that published trend maps use: sign of the trend by how sure it is.

``northwest_china`` cuts at P = 0.01 and 0.05. ``horqin`` and ``ningxia`` cut at |Z| = 1.96, written here as the two-sided
P of that deviate, so that an adjusted or exact P classes by the same rule; ``ningxia`` keeps no sign where the trend is
not significant.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy import special

from carbondrivers.attribution.inference import Floats

ClassView = Literal["northwest_china", "horqin", "ningxia"]
CLASS_VIEWS: tuple[ClassView, ...] = get_args(ClassView)
NO_TREND = "No trend (S = 0)"
# Names from the surest increase to the surest decrease; then that of S = 0, where it stands alone.
LEVELS: dict[ClassView, tuple[str, ...]] = {
    "northwest_china": (
        "Extremely significant increase", "Significant increase", "Non-significant increase",
        "Non-significant decrease", "Significant decrease", "Extremely significant decrease", NO_TREND,
    ),
    "horqin": (
        "Significant increase", "Non-significant increase", "Non-significant decrease", "Significant decrease", NO_TREND,
    ),
    "ningxia": ("Significant increase", "No significant change", "Significant decrease"),
}  # fmt: skip
P_OF_196 = float(2.0 * special.ndtr(-1.96))
LIMITS: dict[ClassView, tuple[float, ...]] = {
    "northwest_china": (0.01, 0.05), "horqin": (P_OF_196,), "ningxia": (P_OF_196,),
}  # fmt: skip
RULES: dict[ClassView, str] = {
    "northwest_china": "extremely significant: P < 0.01, significant: P < 0.05",
    "horqin": "significant: |Z| > 1.96, that is P < 0.05",
    "ningxia": "significant: |Z| > 1.96, that is P < 0.05",
}


def class_codes(p: Floats, s: Floats, view: ClassView) -> Floats:
    """Return the class of cells by P and the sign of S, as positions in ``LEVELS[view]``; NaN where P is.

    Examples
    --------
    >>> class_codes(np.array([0.03, 0.5, np.nan]), np.array([9.0, -3.0, 1.0]), "ningxia").tolist()
    [0.0, 1.0, nan]
    """
    limits = LIMITS[view]
    level = sum((p >= limit).astype(np.float64) for limit in limits)
    if view == "ningxia":
        codes = np.where(level > 0, 1.0, np.where(s > 0, 0.0, np.where(s < 0, 2.0, 1.0)))
    else:
        last = 2.0 * len(limits) + 1.0
        codes = np.where(s > 0, level, np.where(s < 0, last - level, last + 1.0))
    return np.where(np.isfinite(p), codes, np.nan)


def significant(levels: tuple[str, ...] | list[str], direction: Literal["increase", "decrease"]) -> list[str]:
    """Return the classes of a significant trend in one direction.

    Examples
    --------
    >>> significant(LEVELS["horqin"], "decrease")
    ['Significant decrease']
    """
    return [level for level in levels if level.endswith(f"ignificant {direction}") and not level.startswith("Non-")]
