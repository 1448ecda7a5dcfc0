"""What a data product, a land-cover legend or a derivation is: their part of ``carbondrivers explain KEY``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from carbondrivers.datasets.derive import Derivation, derivations
from carbondrivers.datasets.legends import legends
from carbondrivers.datasets.products import products

Block = Callable[[str, str, dict[str, str]], str]


def data_texts(word: str, block: Block) -> Iterator[str]:
    """Iterate over what is said of a word: the product, the legend and the derivation of that name.

    Parameters
    ----------
    word
        Name of a product (or an alias, or ``PRODUCT/VARIABLE``), of a legend or of a derivation, in any case.
    block
        Makes a text of a head, a meaning and facts.

    Examples
    --------
    >>> [text.split()[:2] for text in data_texts("slope", lambda head, meaning, facts: head)]
    [['derivation', 'slope']]
    """
    name, _, own = word.partition("/")
    for product in products().values():
        if name.lower() in (known.lower() for known in (product.name, *product.aliases)):
            facts = product.facts()
            if own:
                held = product.variable(own).name
                facts = {key: fact for key, fact in facts.items() if key not in product.variables or key == held}
            yield block(f"product {product.name}", product.title, facts)
    for legend in legends().values():
        if word.lower() == legend.name.lower():
            yield block(f"legend {legend.name}", legend.title, _codes(legend.names))
    if word.lower() in derivations():
        entry = derivations()[word.lower()]
        yield block(f"derivation {entry.name}", entry.title, {"write": _written(entry)} | entry.facts())


def data_names() -> list[str]:
    """Return every name that ``data_texts`` knows."""
    found = [word for product in products().values() for word in (product.name, *product.aliases)]
    return [*found, *(legend.name for legend in legends().values()), *derivations()]


def _codes(names: Mapping[int, str]) -> dict[str, str]:
    return {str(code): name for code, name in names.items()}


def _written(entry: Derivation) -> str:
    """Return the line of a study file that makes a driver so, with what must be given."""
    roles = ", ".join(f'"{role.name.upper()}"' for role in entry.inputs if role.required)
    source = f"[{roles}]" if "," in roles else roles
    needed = ", ".join(f"{name} = ..." for name, default in entry.options.items() if default is ...)
    options = f", options = {{ {needed} }}" if needed else ""
    return f'NAME = {{ derive = "{entry.name}", from = {source}{options} }}'
