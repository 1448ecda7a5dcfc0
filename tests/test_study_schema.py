"""The schema of the study file, and what explain says of it."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import BaseModel, ValidationError

from carbondrivers.errors import OptionError
from carbondrivers.study.explain import explain, list_keys
from carbondrivers.study.problems import hint, key_lines, line_of
from carbondrivers.study.registry import steps
from carbondrivers.study.schema import StudySpec, inner_model, keys_of, model_at


def spec(text: str) -> StudySpec:
    return StudySpec.model_validate(tomllib.loads(text))


MINIMAL = '[study]\ntitle = "T"\n[table]\nfile = "t.csv"\n[response]\nname = "nep"\n'


def test_defaults_and_what_the_catalogue_knows() -> None:
    found = spec(
        MINIMAL
        + "[drivers]\nmat_c = {}\n"
        + 'land_cover = { label = "Cover" }\nfoo = {}\nrain = { category = "human", kind = "categorical" }'
    )
    assert found.version == 1 and found.study.seed == 20260118 and found.kind == "table"
    assert found.report.figures == ("png", "pdf", "svg") and found.nep.model == "given" and found.nep.rh.form == "sum"
    drivers = found.drivers
    assert (drivers["mat_c"].category, drivers["mat_c"].kind) == ("climate", "continuous")
    assert (drivers["land_cover"].category, drivers["land_cover"].kind) == ("human", "categorical")
    assert drivers["foo"].category == "other"
    assert (drivers["rain"].category, drivers["rain"].kind) == ("human", "categorical")
    label = drivers["land_cover"].label
    assert label is not None and label.text("zh") == "Cover"


def test_half_a_name_never_turns_numbers_into_classes() -> None:
    assert spec(MINIMAL + "[drivers]\necosystem_age = {}").drivers["ecosystem_age"].kind == "continuous"


def test_table_columns_and_layers() -> None:
    found = spec(
        MINIMAL.replace('"t.csv"', '"t.csv"\ncoordinates = ["lon", "lat"]\ntime = "year"')
        + 'column = "nep_median"\n[drivers.rain]\ncolumn = "map_mm"\n'
        + '[groups.sink]\ncolumn = "nep"\nabove = 0\n[groups.a]\ncolumn = "county"\nis = "A"'
    )
    expected = {"nep": "nep_median", "rain": "map_mm"} | {c: c for c in ("county", "lon", "lat", "year")}
    assert found.table_columns() == expected
    assert found.groups["a"].is_ == ("A",)
    rasters = spec(
        '[study]\ntitle = "T"\n[layers.npp]\nsource = "npp.tif"\n'
        '[response]\nname = "nep"\nsource = "nep.tif"\nnodata = -1\n'
        "[drivers.npp]\n[drivers.none]"
    )
    layers = [rasters.layer(name) for name in ("nep", "npp", "none")]
    assert [layer and layer.source for layer in layers] == ["nep.tif", "npp.tif", None]
    assert layers[0] is not None and layers[0].nodata == -1


def test_a_study_does_not_change_and_dumps_its_options() -> None:
    found = spec(MINIMAL + "[drivers.rain]")
    with pytest.raises(ValidationError):
        found.study.seed = 2  # type: ignore[misc]
    step = steps()["geodetector"]
    full = found.model_copy(update={"analyses": {"geodetector": step.options()}})
    assert full.model_dump(mode="json")["analyses"]["geodetector"]["classes"] == 6


def test_bounds_and_masks_are_finite() -> None:
    group = '[groups.a]\ncolumn = "nep"\n'
    for bound in ("above = nan", "below = inf", "is = nan"):
        with pytest.raises(ValidationError, match="finite"):
            spec(MINIMAL + group + bound)
    with pytest.raises(ValidationError, match="finite"):
        spec(MINIMAL + "mask_below = nan")


@pytest.mark.parametrize("value", ["30", '"30"', '"actual"'])
def test_days_may_be_written_as_a_number(value: str) -> None:
    assert spec(MINIMAL + f"[nep]\nrh = {{ days = {value} }}").nep.rh.days == value.strip('"')


def models(model: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [inner_model(info.annotation)[0] for info in keys_of(model).values()]
    return [model, *(m for found in inner if found for m in models(found))]


def test_every_field_says_what_it_means() -> None:
    every = [*models(StudySpec), *(step.options for step in steps().values())]
    silent = [f"{model.__name__}.{key}" for model in every for key, info in keys_of(model).items() if not info.description]
    assert silent == []


def test_models_are_found_by_key() -> None:
    options = {"geodetector": steps()["geodetector"].options}
    assert model_at(("drivers", "rain", "label"), {}) is not None
    assert model_at(("analyses", "geodetector"), options) is options["geodetector"]
    assert model_at(("analyses", "none"), options) is None and model_at(("drivers",), {}) is None


def test_every_key_can_be_explained() -> None:
    keys = list_keys()
    assert {"study.years", "drivers.*.category", "groups.*.is", "nep.rh.b", "analyses.geodetector.classes"} <= set(keys)
    for key in keys:
        assert explain(key).startswith(key), key


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("analyses.geodetector.classes", ("whole number or list of 2", "2 to 50", "default  6")),
        ("drivers.precipitation.category", ("'topography'", "'other'")),
        ("drivers.category", ("drivers.*.category",)),
        ("drivers.precipitation", ("keys", "column, source, category")),
        ("category", ("drivers.*.category",)),
        ("[study]", ("title, seed, years",)),
        ("study.title", ("it must be given",)),
        ("nep.rh.b", ("0.0913, 0.0912",)),
        ("trend", ("[analyses.trend]", "a stack of grids", "method trend")),
        ("analyses.trend", ("keys", "min_valid")),
        ("precipitation", ("降水", "0 to 12000 mm a-1", "rainfall")),
        ("MOD17A3HGF", ("product MOD17A3HGF", "Npp_500m   stored x 0.0001", "lpdaac.usgs.gov", "verified")),
        ("mod17a3hgf/Npp_500m", ("32766 water",)),
        ("CLCD", ("product CLCD", "legend CLCD", "3  Shrub")),
        ("slope", ("variable slope", 'derive = "slope", from = "ELEVATION"', "elevation [m]")),
        ("season", ('from = "VALUES", options = { months = ... }',)),
        ("aridity", ('["PRECIPITATION", "PET"]', "by = 'period'")),
    ],
)
def test_explain_says(key: str, words: tuple[str, ...]) -> None:
    text = explain(key)
    assert all(word in text for word in words), text


def test_explain_refuses_with_the_nearest_word() -> None:
    with pytest.raises(OptionError, match=r"'drivers\.\*\.categroy' to explain. Did you mean 'drivers\.\*\.category'"):
        explain("drivers.*.categroy")


def test_lines_of_keys() -> None:
    text = """# [comment]
a.b = 1 # c = 2
[t] # x
"quoted key" = '''
not = "a key"
'''
list = [
  1, # one
  { inner = 2 },
  "]",
]
inline = { one = 1, two = { three = [1, 2] }, "f.g" = "}" }
[[array]]
x = 1979-05-27 07:32:00
[t.u."v w"]
y = \"\"\"a\\\"\"\"\"
z = 'it\\'
last = -1.5e3
"""
    tomllib.loads(text)
    lines = key_lines(text)
    expected = {
        ("a",): 2, ("a", "b"): 2, ("t",): 3, ("t", "quoted key"): 4, ("t", "list"): 7, ("t", "list", "inner"): 9,
        ("t", "inline"): 12, ("t", "inline", "one"): 12, ("t", "inline", "two"): 12,
        ("t", "inline", "two", "three"): 12, ("t", "inline", "f.g"): 12, ("array",): 13, ("array", "x"): 14,
        ("t", "u"): 15, ("t", "u", "v w"): 15, ("t", "u", "v w", "y"): 16, ("t", "u", "v w", "z"): 17,
        ("t", "u", "v w", "last"): 18,
    }  # fmt: skip
    assert lines == expected
    assert line_of(lines, ("t", "inline", 0, "absent")) == 12 and line_of(lines, ("none",)) is None


@pytest.mark.parametrize(
    ("word", "known", "name"),
    [
        ("jenks", ["quantile", "equal", "natural"], "natural"),
        ("Natural Breaks", ["natural"], "natural"),
        ("fisher", ["natural"], "natural"),
        ("quantiles", ["quantile"], "quantile"),
        ("equal_interval", ["equal"], "equal"),
        ("sen", ["theil_sen"], "theil_sen"),
        ("sens_slope", ["theil_sen"], "theil_sen"),
        ("mk", ["mann_kendall"], "mann_kendall"),
        ("lm", ["ols"], "ols"),
        ("linear", ["ols"], "ols"),
        ("dem", ["climate", "topography"], "topography"),
        ("terrain", ["topography"], "topography"),
        ("meteorology", ["climate"], "climate"),
        ("weather", ["climate"], "climate"),
        ("anthropogenic", ["human"], "human"),
        ("pearsonr", ["pearson"], "pearson"),
        ("numeric", ["continuous"], "continuous"),
        ("factor", ["categorical"], "categorical"),
        ("class", ["categorical"], "categorical"),
        ("lon_lat", ["coordinates"], "coordinates"),
    ],
)
def test_trade_words_are_translated(word: str, known: list[str], name: str) -> None:
    assert hint(word, known) == f"; {word!r} is called {name!r} here"


def test_spellings_are_corrected_and_strangers_left_alone() -> None:
    assert hint("theil-sen", ["theil_sen"]) == "; did you mean 'theil_sen'?"
    assert hint("Mann-Kendall", ["mann_kendall"]) == "; did you mean 'mann_kendall'?"
    assert hint("zzz", ["natural"]) == ""


def test_one_variable_of_a_product_is_explained_alone() -> None:
    assert "Gpp_500m  " not in explain("MOD17A3HGF/Npp_500m")
    with pytest.raises(OptionError, match="product MOD17A3HGF has no variable 'Fpar'"):
        explain("MOD17A3HGF/Fpar")


def test_every_product_legend_and_derivation_can_be_explained() -> None:
    from carbondrivers.study.explain_data import data_names

    assert {"TerraClimate", "CNLUCC", "northness"} <= set(data_names())
    for name in data_names():
        assert explain(name), name
