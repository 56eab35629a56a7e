"""What can be typed after `hpsearch sweep`; what it does is `command.sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .run_flags import Json

sweep = typer.Typer(
    help="Studies on a schedule, compared with their own history.", no_args_is_help=True, rich_markup_mode=None
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="a sweep's YAML file")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="sweeps' YAML files")]


@sweep.command(epilog="Example: hpsearch sweep check nightly.yaml")
def check(file: File, as_json: Json = False) -> None:
    """Print the plan of a sweep: cells, cost, what is done."""
    from .sweep import check_sweep

    check_sweep(file, as_json=as_json)


@sweep.command(epilog="Example: hpsearch sweep run nightly.yaml --only 'cola-*'")
def run(
    file: File,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="cells to run, such as cola-*; repeatable", metavar="CELL")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option("--max-minutes", help="start no further cell or trial after so many", metavar="M")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="begin a run now, whatever is due")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="show the trials of each cell")] = False,
    as_json: Json = False,
) -> int:
    """Run what is due, cell by cell: exit code 0 all right, 1 a cell failed, 4 a cell is worse than its history."""
    from .sweep import run_file

    return run_file(file, only=only or [], max_minutes=max_minutes, at_once=now, verbose=verbose, as_json=as_json)


@sweep.command(epilog="Example: hpsearch sweep serve nightly.yaml weekly.yaml")
def serve(files: Files) -> None:
    """Run sweeps whenever they are due, until stopped."""
    from .sweep import serve_files

    serve_files(files)


@sweep.command(epilog="Example: hpsearch sweep status nightly.yaml")
def status(files: Files, as_json: Json = False) -> None:
    """Show the last run of sweeps, and when they are due next."""
    from .sweep import sweep_status

    sweep_status(files, as_json=as_json)


@sweep.command(epilog="Example: hpsearch sweep report nightly.yaml -o nightly.html")
def report(
    file: File,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file to write [default: the sweep's name]", metavar="FILE")
    ] = None,
    format: Annotated[  # noqa: A002 - the flag's name
        str | None, typer.Option("--format", help="html, md, json or badge [default: the file's ending]")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
) -> None:
    """Write one page on a sweep: tasks against models, each cell over time, what changed."""
    from .sweep import report_sweep

    report_sweep(file, output=output, kind=format, open_it=open_)


@sweep.command(epilog="Example: hpsearch sweep install nightly.yaml --print")
def install(
    file: File,
    print_: Annotated[
        bool, typer.Option("--print", help="print lines for cron, systemd and GitHub Actions; install nothing")
    ] = False,
) -> None:
    """Let cron run a sweep: add it to your crontab."""
    from .sweep import install_sweep

    install_sweep(file, only_print=print_)
