"""What a report says of the data before any analysis: where they come from, what was left out, how NEP was estimated."""

from __future__ import annotations

from carbondrivers.study.nep_text import nep_paragraphs
from carbondrivers.study.schema import StudySpec


def data_paragraphs(spec: StudySpec, seed: int) -> tuple[str, ...]:
    """Return the paragraphs about data and NEP, with every parameter of the model and its source.

    Examples
    --------
    >>> spec = StudySpec.model_validate({"study": {"title": "t", "region": "demo"}, "response": {"name": "nep"}})
    >>> data_paragraphs(spec, 1)[0][:38]
    "The data are the virtual region 'demo'"
    """
    found = [_origin(spec, seed)]
    found += nep_paragraphs(spec)
    if spec.kind != "table":
        span = f" over {spec.study.years[0]} to {spec.study.years[1]}" if spec.study.years else " over all years"
        found.append(f"The sample explains the mean of each cell{span}; drivers with several years enter as their mean.")
    if spec.study.region:
        found.append("Land cover enters as the class of the last year.")
    return tuple(found)


def _origin(spec: StudySpec, seed: int) -> str:
    region = spec.study.region
    if region:
        how = (
            "with a planted truth"
            if region == "demo" or spec.study.mode == "planted"
            else "so as to meet the means that a study of that place printed"
        )
        return (
            f"The data are the virtual region {region!r} (seed {seed}), made by carbondrivers {how}; "
            "they are not real data of any place."
        )
    if spec.table:
        column = spec.response.column or spec.response.name
        return f"The response {spec.response.name!r} and its drivers are columns of {spec.table.file} (column {column!r})."
    masked = [
        f"cells of {name!r} whose mean over time is below {grid.mask_below:g} were left out"
        for name, grid in {spec.response.name: spec.response, **spec.layers, **spec.drivers}.items()
        if grid.mask_below is not None
    ]
    source = spec.response.source or ", ".join(layer.source for layer in spec.layers.values())
    return f"The response {spec.response.name!r} was read from {source}" + "".join(f"; {words}" for words in masked) + "."
