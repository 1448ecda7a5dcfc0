"""The command line: ``carbondrivers demo | new | check | run | report | list | explain``.

Exit status: 0 done, 2 for what the user can mend, 130 when stopped by Ctrl-C. Heavy imports wait until a command needs
them.
"""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from carbondrivers import __version__
from carbondrivers.errors import CarbonDriversError, CarbonDriversWarning

app = typer.Typer(
    name="carbondrivers",
    help="Statistical driver attribution of carbon sinks: from grids and tables to a finished report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

STUDY = "study.toml"
# What typer raises for words that it does not know; its place differs between versions, its name does not.
WrongWords: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
Data = Annotated[Path | None, typer.Option("--data", help="Folder that data paths are relative to.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed in place of the study's own.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute anew what an earlier run has kept.")]


class What(StrEnum):
    """What ``list`` can list."""

    methods = "methods"
    steps = "steps"
    variables = "variables"
    products = "products"
    legends = "legends"
    derivations = "derivations"
    keys = "keys"
    parameters = "parameters"


class Region(StrEnum):
    """The virtual regions with a preset study."""

    demo = "demo"
    northwest_china = "northwest_china"
    horqin = "horqin"
    ningxia = "ningxia"
    taklimakan = "taklimakan"
    china = "china"


REGIONS = tuple(region.value for region in Region)


def main() -> None:
    """Run the command line and turn the user's mistakes into one line and exit status 2."""
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Abort:
        sys.exit(130)
    except WrongWords as error:
        _say_error(error.format_message())  # type: ignore[attr-defined]
        sys.exit(2)
    except CarbonDriversError as error:
        _say_error(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except MemoryError:
        _say_error("out of memory: use fewer years, a smaller region or a coarser grid")
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _say_error(f"{error.filename or 'output'}: {error.strerror or error}")
        sys.exit(2)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"carbondrivers {__version__}")
        raise typer.Exit


@app.command()
def demo(
    name: Annotated[Region, typer.Argument(metavar="REGION", help=f"Virtual region: {', '.join(REGIONS)}.")] = Region.demo,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Output folder; carbondrivers-REGION by default.")] = None,
    resolution: Annotated[
        float | None, typer.Option("--resolution", help="Side of the cells of a named region: metres, or degrees for china.")
    ] = None,
    seed: Seed = None,
    fresh: Fresh = False,
) -> None:
    """Analyse a virtual region, from raw grids to the report: one whose causes are known, or one after a study."""
    from tempfile import TemporaryDirectory

    from carbondrivers.study.preset import preset

    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name.value}.toml"
        path.write_text(preset(name.value, resolution), encoding="utf-8")
        _run(path, out or Path(f"carbondrivers-{name.value.replace('_', '-')}"), None, seed, None, fresh)


@app.command()
def new(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of rasters or a table; or one table.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Study file; DIR/study.toml by default.")] = None,
) -> None:
    """Write a study file from a folder of rasters or a table, to be looked over and run."""
    from carbondrivers.errors import OutputError
    from carbondrivers.reports.files import write_atomic
    from carbondrivers.study.scaffold import scaffold
    from carbondrivers.study.scaffold_grids import is_zarr

    target = out or ((place if place.is_dir() and not is_zarr(place) else place.parent) / STUDY)
    if target.exists():
        raise OutputError(f"{target} exists and is not overwritten: give another name with -o")
    text = scaffold(place)
    write_atomic(target, text.encode())
    typer.echo(f"{target} written. Look it over, then: carbondrivers check {target}")


@app.command()
def check(study: Annotated[Path, typer.Argument(help="Study file.")], data: Data = None) -> None:
    """Check a study file and the data it names, and print what the data hold; nothing is run."""
    from carbondrivers.errors import StudyError
    from carbondrivers.study.check import check_data, load_study
    from carbondrivers.study.inputs import Inputs
    from carbondrivers.study.run import planned
    from carbondrivers.study.survey import lines_of, survey_of

    loaded = load_study(study, data)
    problems = check_data(loaded)
    if problems:
        raise StudyError("\n".join(problem.text(str(study)) for problem in problems))
    inputs = Inputs(loaded, loaded.spec.study.seed)
    steps = planned(loaded, inputs)
    survey = survey_of(inputs)
    for line in lines_of(survey) if survey else ():
        typer.echo(line)
    if survey and not survey.is_fit:
        raise StudyError(f"{study}: the data are not fit for a run: mend what is called an error above")
    typer.echo(f"{study}: no problem found. Steps: {', '.join(steps)}")


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="Study file.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Output folder; results-STUDY by default.")] = None,
    data: Data = None,
    only: Annotated[str | None, typer.Option("--only", metavar="STEP", help="Run one step alone.")] = None,
    seed: Seed = None,
    fresh: Fresh = False,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS", help="Dask scheduler to compute on, such as tcp://host:8786.")
    ] = None,
) -> None:
    """Run a study: check it, run its steps (finished ones are not run again), write the report."""
    with _on_cluster(cluster):
        _run(study, out or Path(f"results-{study.stem}"), data, seed, only, fresh)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of an earlier run.")],
) -> None:
    """Write the report of an earlier run again, from what it has kept; nothing is computed."""
    from carbondrivers.study.publish import publish_again

    _say_written(folder, publish_again(folder))


@app.command(name="list")
def list_(what: Annotated[What, typer.Argument(help="What to list.")] = What.methods) -> None:
    """List methods, steps, variables, products, legends, derivations, study keys or tables of parameters."""
    from carbondrivers.study.explain import list_keys

    if what is What.keys:
        typer.echo("\n".join(list_keys()))
        return
    listed = list(_listing(what))
    width = max(28, *(len(name) for name, _ in listed))
    for name, title in listed:
        typer.echo(f"{name:<{width}} {title}")


@app.command()
def explain(
    key: Annotated[
        str, typer.Argument(help="A study key, step, method, variable, product, legend, derivation or nep_models.TABLE.")
    ],
) -> None:
    """Say what a key of the study file, a step, a method, a variable or a data product means, or print model parameters."""
    from carbondrivers.study.explain import explain as explained

    typer.echo(explained(key))


def _listing(what: What) -> Iterator[tuple[str, str]]:
    if what is What.methods:
        from carbondrivers.attribution.registry import methods

        yield from ((m.name, f"{m.title} (takes a {m.takes})") for m in methods().values())
    elif what is What.steps:
        from carbondrivers.study.registry import NEEDS, steps

        yield from ((s.name, f"{s.title} (needs {NEEDS[s.needs]})") for s in steps().values())
    elif what is What.parameters:
        from carbondrivers.study.explain_parameters import list_parameters

        yield from list_parameters()
    elif what is What.products:
        from carbondrivers.datasets.products import products

        yield from ((p.name, f"{p.title}: {', '.join(p.variables)} [{p.grid}; {p.step}]") for p in products().values())
    elif what is What.legends:
        from carbondrivers.datasets.legends import legends

        yield from ((entry.name, f"{entry.title} ({len(entry.names)} codes)") for entry in legends().values())
    elif what is What.derivations:
        from carbondrivers.datasets.derive import derivations

        yield from ((d.name, f"{d.title} (from {', '.join(i.name for i in d.inputs)})") for d in derivations().values())
    else:
        from carbondrivers.catalogue import variables

        yield from ((v.name, f"{v.label} [{v.unit or v.kind}], {v.category}") for v in variables().values())


def _run(study: Path, out: Path, data: Path | None, seed: int | None, only: str | None, fresh: bool) -> None:
    from carbondrivers.reports.folder import forget, require_writable
    from carbondrivers.study.check import load_study
    from carbondrivers.study.publish import publish_run
    from carbondrivers.study.run import run_steps

    loaded = load_study(study, data)
    made = require_writable(out)
    try:
        with _progress() as progress:
            result = run_steps(loaded, out, seed=seed, only=only, fresh=fresh, progress=progress)
            progress("Report", False)
            found = publish_run(result, out)
            progress("Report", True)
    except KeyboardInterrupt:
        _say_error(f"stopped; finished steps are kept in {out}, the same command goes on from there")
        raise typer.Exit(130) from None
    except CarbonDriversError:
        forget(made)
        raise
    for kept in result.kept.values():
        for message in kept.warnings:
            _say(f"[yellow]warning:[/] {_plain(message)}")
    _say_written(out, found)


@contextmanager
def _on_cluster(address: str | None) -> Iterator[None]:
    """Compute on a dask scheduler; on threads of this machine where no address is given."""
    if address is None:
        yield
        return
    from carbondrivers.errors import OptionError

    try:
        from distributed import Client
        from distributed.comm.addressing import resolve_address
    except ImportError:
        raise OptionError("--cluster needs dask's distributed scheduler: pip install 'carbondrivers[cluster]'") from None
    try:
        # A client whose address has no meaning would stay behind as the one that everything is computed on.
        resolve_address(address)
        client = Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise OptionError(f"--cluster {address!r}: no scheduler answers there ({error}): start one (dask scheduler)") from None
    with client:
        yield


def _say_written(out: Path, lint: list[str]) -> None:
    for message in lint:
        _say(f"[yellow]figure:[/] {_plain(message)}")
    typer.echo(f"report: {out / 'report.html'}")


@contextmanager
def _progress() -> Iterator[Callable[[str, bool], None]]:
    """Show a spinner for the step that runs, if a person is watching; a pipe stays quiet."""
    console = _console()
    if not console.is_terminal:
        yield lambda title, done: None
        return
    with console.status("Reading") as status:

        def progress(title: str, done: bool) -> None:
            if done:
                console.print(f"[green]done[/] {_plain(title)}")
            else:
                status.update(f"{_plain(title)} ...")

        yield progress


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _say(text: str) -> None:
    _console().print(text)


def _say_error(text: str) -> None:
    for line in text.splitlines():
        _say(f"[red]error:[/] {_plain(line)}")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    if issubclass(category, CarbonDriversWarning):
        _say(f"[yellow]warning:[/] {_plain(str(message))}")
    else:
        typer.echo(warnings.formatwarning(message, category, filename, lineno, line), err=True, nl=False)


if __name__ == "__main__":
    main()
