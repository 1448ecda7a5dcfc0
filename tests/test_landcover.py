"""Land cover: codes to classes, what the NEP models make of them, unknown codes, kinds of input, the table itself."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.datasets.labels import flag_names
from carbondrivers.datasets.landcover import count_codes, reclassify
from carbondrivers.datasets.legends import crosswalk, get_legend, legends, read_crosswalks, schemes
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.autotrophic import rm_forest, rm_mod17
from carbondrivers.nep_models.classes import class_values

LEAVES = {"forest": "mixed_forest"}
MODEL_TABLES = {
    "casa": ["casa.eps_max_zhu", "casa.eps_max_improved", "casa.ndvi_max", "casa.clumping_reference"],
    "chen": ["soil_respiration.chen_r0", "soil_respiration.chen_psi"],
    "soil_carbon": ["soil_respiration.soil_carbon"],
    "mod17": ["autotrophic.mod17_sla", "autotrophic.mod17_leaf_rate"],
}


@pytest.mark.parametrize(
    ("legend", "scheme", "expected"),
    [
        ("CLCD", "ecosystem", "cropland forest shrubland grassland water snow_ice barren impervious wetland"),
        ("CLCD", "land_use", "cropland forest forest grassland water water unused impervious unused"),
        ("CLCD", "chen", "cropland forest other grassland - - barren other other"),
    ],
)
def test_codes_1_to_9_of_clcd(legend, scheme, expected):
    found = reclassify(np.arange(1, 10), legend=legend, scheme=scheme)
    assert found.tolist() == [word.replace("-", "") for word in expected.split()]


def test_leaf_types_of_igbp():
    found = reclassify(np.arange(1, 6), legend="MCD12Q1", scheme="autotrophic", assign={"woody_savanna": "other"})
    assert found.tolist() == ["evergreen", "evergreen", "deciduous", "deciduous", "mixed"]
    found = reclassify(np.arange(1, 6), legend="MCD12Q1", scheme="soil_carbon", assign={"woody_savanna": "shrub"})
    assert found.tolist() == ["coniferous", "broadleaf", "coniferous", "broadleaf", "mixed"]
    biomes = reclassify(np.arange(1, 13), legend="IGBP", scheme="mod17")
    assert biomes[5:10].tolist() == ["closed_shrubland", "open_shrubland", "woody_savanna", "savanna", "grassland"]


def test_subclasses_of_esa_cci_are_as_their_class():
    codes = {60: (61, 62), 70: (71, 72), 80: (81, 82), 120: (121, 122), 150: (151, 152, 153), 200: (201, 202), 10: (11, 12)}
    for scheme in ("ecosystem", "casa", "chen"):
        table = crosswalk("ESA-CCI-LC", scheme, LEAVES if scheme == "casa" else None)
        for one, others in codes.items():
            assert {table[code] for code in others} == {table[one]}


def test_level_1_of_cnlucc_is_the_first_digit():
    table = crosswalk("CNLUCC", "land_use")
    first = {1: "cropland", 2: "forest", 3: "grassland", 4: "water", 5: "impervious", 6: "unused"}
    for code, name in table.items():
        assert name == (first[code // 10] if 10 < code < 99 else first.get(code, "water")), code


@pytest.mark.parametrize("scheme", MODEL_TABLES)
def test_the_classes_of_a_scheme_are_those_of_the_model(scheme):
    for table in MODEL_TABLES[scheme]:
        assert set(schemes()[scheme].names) <= set(parameters(table)), table


def test_the_models_take_what_comes_out():
    codes = np.array([[1.0, 4.0, 5.0], [10.0, 17.0, np.nan]])
    casa = reclassify(codes, legend="MCD12Q1", scheme="casa", assign={"woody_savanna": "mixed_forest"})
    np.testing.assert_allclose(class_values("casa.eps_max_zhu", casa), [[0.389, 0.692, 0.475], [0.542, np.nan, np.nan]])
    woody = reclassify(codes, legend="MCD12Q1", scheme="autotrophic", assign={"woody_savanna": "mixed"})
    assert np.isfinite(rm_forest(2.0, 10.0, woody)).tolist() == [[True, True, True], [False, False, False]]
    biome = reclassify(codes, legend="MCD12Q1", scheme="mod17")
    assert np.isfinite(rm_mod17(2.0, 10.0, 3.0, biome)).tolist() == [[True, True, True], [True, False, False]]


def test_a_forest_without_leaf_type_must_be_assigned():
    message = r"no class for forest of legend CLCD \(2 Forest\): say what they are, as assign = \{ forest = 'mixed_forest' \}"
    with pytest.raises(OptionError, match=message):
        reclassify(np.array([4]), legend="CLCD", scheme="casa")
    found = reclassify(np.array([2, 4]), legend="CLCD", scheme="casa", assign={"forest": "deciduous_broadleaf"})
    assert found.tolist() == ["deciduous_broadleaf", "grassland"]


def test_assign_overrules_the_table():
    codes = np.array([150, 45])
    assert reclassify(codes[:1], legend="ESA-CCI", scheme="ecosystem", assign={"sparse": "grassland"})[0] == "grassland"
    assert reclassify(codes[1:], legend="CNLUCC", scheme="land_use")[0] == "water"
    assert reclassify(codes[1:], legend="CNLUCC", scheme="land_use", assign={"wetland": "grassland"})[0] == "grassland"
    assert reclassify(codes[1:], legend="CNLUCC", scheme="ecosystem", assign={"wetland": ""})[0] == ""


def test_unknown_codes_are_counted_and_refused():
    codes = np.array([1, 57, 57, 57, 99, 0])
    message = r"4 cells hold codes that legend CLCD does not have, code \(cells\): 57 \(3\), 99 \(1\): check the legend"
    with pytest.raises(DataError, match=message):
        reclassify(codes, legend="CLCD", scheme="ecosystem")
    with pytest.warns(DataWarning, match=r"57 \(3\), 99 \(1\); they became missing"):
        found = reclassify(codes, legend="CLCD", scheme="ecosystem", unknown="missing")
    assert found.tolist() == ["cropland", "", "", "", "", ""]


def test_more_than_eight_unknown_codes_are_cut_short():
    with pytest.raises(DataError, match="and 32 more codes"):
        reclassify(np.arange(60, 100), legend="CLCD", scheme="ecosystem")


def test_signed_bytes_are_recognised():
    codes = np.array([10, 130, 210], dtype=np.uint8).astype(np.int8)
    with pytest.raises(DataError, match="add 256 to the negative codes"):
        reclassify(codes, legend="ESA-CCI-LC", scheme="ecosystem")


def test_averaged_classes_and_names_are_refused():
    with pytest.raises(DataError, match=r"1 values that are no whole numbers \(2.5\): classes were averaged"):
        reclassify(np.array([1.0, 2.5]), legend="CLCD", scheme="ecosystem")
    with pytest.raises(DataError, match="must be numbers"):
        reclassify(np.array(["forest"]), legend="CLCD", scheme="ecosystem")


def grid(codes, **attrs):
    codes = np.asarray(codes)
    y, x = np.arange(codes.shape[0])[::-1] * 30.0, np.arange(codes.shape[1]) * 30.0
    return xr.DataArray(codes, coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:32650", **attrs})


def test_numbers_carry_their_names():
    found = reclassify(grid([[1.0, 2.0], [np.nan, 7.0]]), legend="CLCD", scheme="ecosystem", output="number")
    names = flag_names(found)
    assert [names[int(v)] for v in found.to_numpy()[[0, 0, 1], [0, 1, 1]]] == ["cropland", "forest", "barren"]
    assert np.isnan(found[1, 0]) and found.dtype == np.float32
    assert found.attrs["kind"] == "categorical" and found.attrs["crs"] == "EPSG:32650"
    assert found.attrs["history"].endswith("land_cover_class(legend='CLCD', scheme='ecosystem', assign={})")


def test_lazy_grids_stay_lazy_and_refuse_when_computed():
    codes = grid(np.tile(np.arange(1, 10), (4, 1)))
    eager = reclassify(codes, legend="CLCD", scheme="ecosystem")
    lazy = reclassify(codes.chunk({"x": 4, "y": 3}), legend="CLCD", scheme="ecosystem")
    assert lazy.chunks is not None and lazy.dtype == eager.dtype
    xr.testing.assert_equal(lazy.compute(), eager)
    spoilt = reclassify(codes.where(codes < 9, 77).chunk({"x": 4}), legend="CLCD", scheme="ecosystem")
    with pytest.raises(DataError, match=r"77 \(4\)"):
        spoilt.compute()


def test_counts_of_a_lazy_grid_are_those_of_the_grid():
    codes = grid([[1.0, 1.0, 77.0], [2.0, np.nan, 0.0]])
    eager, lazy = count_codes(codes, legend="CLCD"), count_codes(codes.chunk({"x": 1}), legend="CLCD")
    assert eager.equals(lazy)
    assert eager.to_dict("list") == {
        "code": [0, 1, 2, 77],
        "name": ["no data", "Cropland", "Forest", ""],
        "type": ["", "cropland", "forest", ""],
        "n": [1, 2, 1, 1],
    }


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_code_is_classed_alone_as_among_others(data):
    name = data.draw(st.sampled_from(["ESA-CCI-LC", "MCD12Q1", "CLCD", "CNLUCC"]))
    codes = np.array(data.draw(st.lists(st.sampled_from(sorted(get_legend(name).types)), min_size=1, max_size=20)))
    table = crosswalk(name, "ecosystem")
    assert reclassify(codes, legend=name, scheme="ecosystem").tolist() == [table[c] for c in codes]
    numbers = reclassify(grid(codes[None].astype(np.uint8)), legend=name, scheme="ecosystem", output="number")
    assert [flag_names(numbers)[int(v)] for v in numbers.to_numpy()[0]] == [table[c] for c in codes]


def test_unknown_words_get_a_suggestion():
    with pytest.raises(OptionError, match=r"legend must be one of ESA-CCI-LC.*Did you mean 'CLCD'"):
        reclassify(np.array([1]), legend="CLDC", scheme="ecosystem")
    with pytest.raises(OptionError, match=r"scheme must be one of .*Did you mean 'ecosystem'"):
        reclassify(np.array([1]), legend="CLCD", scheme="ecosytem")
    with pytest.raises(OptionError, match=r"assign: a type of legend CLCD must be one of .*'forest'"):
        reclassify(np.array([1]), legend="CLCD", scheme="casa", assign={"mangrove": "other"})
    with pytest.raises(OptionError, match=r"assign: the class of forest must be one of .*'mixed_forest'"):
        reclassify(np.array([1]), legend="CLCD", scheme="casa", assign={"forest": "jungle"})
    with pytest.raises(OptionError, match="unknown must be one of"):
        reclassify(np.array([1]), legend="CLCD", scheme="ecosystem", unknown="drop")


@pytest.mark.parametrize("entry", legends().values(), ids=lambda entry: entry.name)
def test_every_code_has_a_class_for_papers(entry):
    for scheme in ("ecosystem", "land_use", "chen"):
        table = crosswalk(entry.name, scheme)
        assert set(table) == set(entry.types) and not set(entry.nodata) & set(table)
        assert scheme == "chen" or all(table.values())
    assert entry.status in ("verified", "as_published", "unverified") and entry.source


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('grass = "g"\n', "", "scheme s: there is no type 'grass'"),
        ('type = "grass"', 'type = "gras"', "legend L, code 1: unknown 'gras'"),
        ('type = "grass"', 'type = "grass", colour = 3', "legend L, code 1: unknown 'colour'"),
    ],
)
def test_a_wrong_table_is_refused(old, new, message):
    text = (
        '[types]\ngrass = "g"\n[schemes.s]\ntitle = "t"\ngrass = "grassland"\n[legends.L]\ntitle = "t"\nnodata = [0]\n'
        'status = "verified"\nsource = "s"\n[legends.L.codes]\n1 = { name = "Grass", type = "grass" }\n'
    )
    assert read_crosswalks(text)[0]["L"].types == {1: "grass"}
    with pytest.raises(DataError, match=message):
        read_crosswalks(text.replace(old, new))
