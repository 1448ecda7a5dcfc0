"""Path models of tables that stream by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import PathModel, fit_moments, path_model, streamed_moments
from carbondrivers.errors import DataError, OptionError

from .path_cases import BLOCKS, CATEGORIES, OBSERVED, sample, table

COLUMNS = ["NEP", *CATEGORIES]


def _parts(rows: int = 77) -> Iterator[np.ndarray]:
    values = table()[COLUMNS].to_numpy()
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


def test_streamed_fit_is_that_of_the_whole_table() -> None:
    blocks = {c: [n for n, category in CATEGORIES.items() if category == c] for c in set(CATEGORIES.values())}
    for text in (OBSERVED, BLOCKS):
        streamed = fit_moments(PathModel.parse(text, blocks=blocks), streamed_moments(_parts(), COLUMNS), target="NEP")
        whole = path_model(sample(), model=text, replicates=0)
        for name in ("coefficients", "claims", "fit", "effects", "r2", "blocks", "sensitivity"):
            one, two = (r.tables[name].select_dtypes("number").to_numpy() for r in (streamed, whole))
            np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-12, err_msg=name)
        assert any("streamed by" in note for note in streamed.notes)


def test_far_origins_cost_no_digits() -> None:
    """A time in seconds since 1970 as a cause: centred before it is multiplied."""
    frame = table()[["NEP", "TEM"]].to_numpy()
    shifted = np.add(frame, [0.0, 1.7e9])
    one, two = (streamed_moments([values[:200], values[200:]], ["NEP", "TEM"]) for values in (frame, shifted))
    np.testing.assert_allclose(two.correlation, one.correlation, rtol=1e-5)
    assert two.sd[1] == pytest.approx(one.sd[1], rel=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: fit_moments("NEP ~ TEMP", m, target="NEP"), DataError, "'TEMP' is in the path model and has no moments"),
        (lambda m: fit_moments("NEP ~ TEM", m, target="TEM"), OptionError, "the target 'TEM' has no equation"),
        (lambda m: fit_moments("NEP ~ TEM", m, target="NEP", score="pca"), OptionError, "score must be one of"),
        (lambda m: fit_moments("NEP ~ TEM", m, target="NEP", confidence=95), OptionError, "confidence must be between"),
        (lambda _: streamed_moments([], ["a"]), DataError, "there is no row to sum"),
        (lambda _: streamed_moments([np.full((3, 1), np.nan)], ["a"]), DataError, "'a' holds a value that is missing"),
    ],
)
def test_wrong_input_is_named(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(streamed_moments(_parts(), COLUMNS))  # type: ignore[operator]


def test_variables_are_known_to_the_report() -> None:
    found = fit_moments("NEP ~ TEM", streamed_moments(_parts(), COLUMNS), target="NEP")
    assert found.label("TEM") == "TEM" and isinstance(found.effects, pd.DataFrame)
