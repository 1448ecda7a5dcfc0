"""The published P: the tables of three R packages, single-member strata, and the origin, on which no other P depends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import GeodetectorResult, detect
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import OptionError

from .conftest import REFERENCE

FACTORS = ["landcover", "group", "soil", "zone"]
TABLES = {
    "geodetector": ("variable", "q", "p"),
    "gd": ("variable", "qv", "sig"),
    "gdverse": ("variable", "Q-statistic", "P-value"),
}
FILES = {"geodetector": "ref_geodetector_factor.csv", "gd": "ref_GD_factor.csv", "gdverse": "ref_gdverse_factor.csv"}


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "geodetector" / name)


def _detect(frame: pd.DataFrame, factors: list[str], **options: object) -> GeodetectorResult:
    drivers = [Driver(f, kind="categorical") for f in factors]
    return detect(PixelSample.from_frame(frame, response="nep", drivers=drivers), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("variant", FILES)
def test_factor_tables_of_three_packages(pixels: pd.DataFrame, variant: str) -> None:
    # q to 1e-9; P to 1e-8 absolute: R's own noncentral tail carries that much error.
    found = _detect(pixels, FACTORS, p_method="wang2016", variant=variant).factors.set_index("driver")
    name, q, p = TABLES[variant]
    expected = _read(FILES[variant]).set_index(name)
    for factor in FACTORS:
        assert abs(found.loc[factor, "q"] - expected.loc[factor, q]) < 1e-9
        assert abs(found.loc[factor, "p"] - expected.loc[factor, p]) < 1e-8


@pytest.mark.parametrize(("variant", "name"), [("gd", "GD"), ("gdverse", "gdverse"), ("geodetector", "geodetector")])
def test_single_member_strata_by_the_rules_of_each_package(variant: str, name: str) -> None:
    frame = _read("pixels_singletons.csv")
    expected = _read("ref_singletons_all_packages.csv").set_index("variable")
    found = _detect(frame, ["landcover", "rare"], p_method="wang2016", variant=variant).factors.set_index("driver")
    for factor in ("landcover", "rare"):
        assert abs(found.loc[factor, "q"] - expected.loc[factor, f"q_{name}"]) < 1e-9
        assert abs(found.loc[factor, "p"] - expected.loc[factor, f"p_{name}"]) < 1e-8


@pytest.mark.parametrize(
    ("variant", "file", "columns"),
    [
        ("gdverse", "ref_gdverse_interaction.csv", ("variable1", "variable2", "Variable1 and Variable2 interact Q-statistics")),
        ("gd", "ref_GD_interaction.csv", ("var1", "var2", "qv12")),
    ],
)
def test_crossings_drop_single_members_as_the_packages_do(
    pixels: pd.DataFrame, variant: str, file: str, columns: tuple[str, str, str]
) -> None:
    found = _detect(pixels, FACTORS, p_method="wang2016", variant=variant).interactions.set_index(["driver", "driver_2"])
    for row in _read(file).to_dict("records"):
        pair = tuple(sorted((row[columns[0]], row[columns[1]])))
        assert abs(found.loc[pair, "q"] - row[columns[2]]) < 1e-9


def test_origin_moves_the_published_p_and_no_other(pixels: pd.DataFrame) -> None:
    expected = _read("ref_shift_dependence.csv")
    for shift, rows in expected.groupby("shift"):
        moved = pixels.assign(nep=pixels["nep"] + shift)
        for variant in ("gdverse", "geodetector"):
            found = _detect(moved, FACTORS, p_method="wang2016", variant=variant).factors.set_index("driver")["p"]
            for row in rows.itertuples():
                assert abs(found[row.variable] - getattr(row, f"p_{variant}")) < 1e-8
        central = _detect(moved, FACTORS).factors.set_index("driver")["p"]
        for row in rows.itertuples():
            assert central[row.variable] == pytest.approx(row.p_centralF, rel=1e-9)


def test_the_published_p_warns_of_the_origin(pixels: pd.DataFrame) -> None:
    said = _detect(pixels, FACTORS, p_method="wang2016", variant="gd").notes
    assert any("depends on the origin" in note and "gd" in note for note in said)
    assert not any("depends on the origin" in note for note in _detect(pixels, FACTORS).notes)


def test_only_unweighted_rows_have_a_published_p(pixels: pd.DataFrame) -> None:
    weighted = pixels.assign(area=np.cos(np.radians(pixels["lat"])))
    sample = PixelSample.from_frame(weighted, response="nep", drivers=[Driver("soil", kind="categorical")], weights="area")
    with pytest.raises(OptionError, match="'wang2016' knows no weights"):
        detect(sample, p_method="wang2016")
