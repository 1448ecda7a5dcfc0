"""What all tables of a study file are made of: the base of a section, and the types of single values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, Strict

Int: TypeAlias = Annotated[int, Strict()]
Number: TypeAlias = Annotated[float, Strict()]
Finite: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Scalar: TypeAlias = Annotated[str, Strict()] | Annotated[bool, Strict()] | Int | Finite
Text: TypeAlias = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """Base of all tables of the study file: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=True, populate_by_name=True)
