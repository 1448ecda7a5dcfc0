"""From a finished run to its output folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from carbondrivers.provenance import versions
from carbondrivers.reports import Document, Section, journal, pictures, publish, tables, texts
from carbondrivers.study.provenance_text import data_paragraphs
from carbondrivers.study.registry import steps
from carbondrivers.study.run import RunResult, last_run
from carbondrivers.study.schema import Study

NOTICE = "Virtual data with a planted truth, made by carbondrivers: not real data of any place."
PROCESS_NOTICE = "Virtual data made by carbondrivers to meet printed means: not real data of any place."


def publish_run(run: RunResult, folder: Path) -> list[str]:
    """Write report, tables, figures, methods text and manifest of a run.

    Returns
    -------
    list of str
        What the figure lint found.
    """
    report = run.study.spec.report
    profile = journal(report.journal)
    document = Document(
        title=run.study.spec.study.title,
        notice=_notice(run.study.spec.study),
        data=data_paragraphs(run.study.spec, run.seed),
        sections=_sections(run, profile),
        sources=pd.DataFrame([(s.file, s.bytes, s.sha256) for s in run.sources], columns=["file", "bytes", "sha256"]),
        study=run.study.text,
        facts={"seed": str(run.seed)} | versions(),
    )
    return publish(document, folder, journal=profile, formats=report.figures, facts=_facts(run))


def publish_again(folder: Path) -> list[str]:
    """Write the output folder of the last run again, from what it has kept.

    Raises
    ------
    StudyError
        If the folder holds no run.
    """
    return publish_run(last_run(folder), folder)


def _notice(study: Study) -> str:
    if study.region is None:
        return ""
    return NOTICE if study.region == "demo" or study.mode == "planted" else PROCESS_NOTICE


def _sections(run: RunResult, profile: Any) -> tuple[Section, ...]:
    """Return a section a step; what two steps call alike gets the name of the later step before its own."""
    taken: set[str] = set()
    found = []
    for name in run.kept:
        made = _section(name, run, profile)
        pictures = tuple(replace(one, name=f"{name}_{one.name}") if one.name in taken else one for one in made.pictures)
        tables = tuple(replace(one, name=f"{name}_{one.name}") if one.name in taken else one for one in made.tables)
        found.append(replace(made, pictures=pictures, tables=tables))
        taken |= {one.name for one in pictures} | {one.name for one in tables}
    return tuple(found)


def _section(name: str, run: RunResult, profile: Any) -> Section:
    kept = run.kept[name]
    return Section(
        name=name,
        title=steps()[name].title,
        result=kept.result,
        pictures=tuple(pictures(kept.result, profile)),
        tables=tuple(tables(kept.result)),
        texts=tuple(texts(kept.result)),
        warnings=kept.warnings,
    )


def _facts(run: RunResult) -> dict[str, Any]:
    spec = run.study.spec
    kept = {
        name: {
            "key": k.key, "n": k.result.n, "parameters": dict(k.result.parameters), "history": k.result.provenance,
            "notes": list(k.result.notes), "warnings": list(k.warnings),
        }
        for name, k in run.kept.items()
    }  # fmt: skip
    described = run.kept.get("describe")
    dropped = described.result.tables["dropped"].to_dict("records") if described else []
    return {
        "study": spec.study.title,
        "study_file": run.study.path.name,
        "seed": run.seed,
        "parameters": spec.model_dump(mode="json", by_alias=True),
        "inputs": [{"file": s.file, "bytes": s.bytes, "sha256": s.sha256} for s in run.sources],
        "rows_dropped": dropped,
        "steps": kept,
    }
