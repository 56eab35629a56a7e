"""What can be typed: each command with its arguments, which calls one function. How it is run is `cli`.

What they do and print is in the other files of this folder; nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Interrupted
from ..interrupts import was_interrupted
from ..options import DEFAULT_STORE, STORE_ENV, STORE_HELP, RunOptions
from .app_sweep import sweep
from .completion import study_names
from .run_flags import Json, takes_own_code, takes_run_options


class Commands(typer.core.TyperGroup):
    """The commands, with an end of ours where typer's would be silent or an error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed. Raises `Interrupted` for Ctrl-C."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise Interrupted from None
        except ImportError:
            if was_interrupted():
                raise Interrupted from None
            raise
        except BrokenPipeError:  # a reader such as `head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return result


app = typer.Typer(
    name="hpsearch",
    cls=Commands,
    help="Hyperparameter search for Hugging Face fine-tuning that can be believed, resumed and retrained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
database = typer.Typer(help="The store's schema.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(database, name="db")
app.add_typer(sweep, name="sweep")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"hpsearch {version('hpsearch')}\n")
        raise typer.Exit


@app.callback()
def hpsearch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Hyperparameter search for Hugging Face fine-tuning that can be believed, resumed and retrained."""


Store = Annotated[str, typer.Option("--store", help=STORE_HELP, envvar=STORE_ENV, metavar="URL")]
Private = Annotated[bool, typer.Option("--private", help="nobody else can read it on the hub")]
ELSEWHERE = "where it is here, if it is elsewhere than where the study was started"
Name = Annotated[str, typer.Argument(metavar="STUDY", help="name of a study", autocompletion=study_names)]
Names = Annotated[list[str], typer.Argument(metavar="STUDY...", help="names of studies", autocompletion=study_names)]


@app.command(epilog="Example: hpsearch run --task cola --data-dir glue_data --trials 20")
@takes_run_options
def run(options: RunOptions, as_json: bool) -> None:
    """Search on a subset, keep every trial in the store, retrain with the best."""
    from .run import run_search

    run_search(options, as_json=as_json)


@app.command(epilog="Example: hpsearch worker cola-tiny --store postgresql+psycopg://team@db/hpsearch --jobs 2")
@takes_own_code
def worker(
    study: Name,
    store: Store = DEFAULT_STORE,
    jobs: Annotated[str, typer.Option("--jobs", help="worker processes: a number, or auto", metavar="N|auto")] = "1",
    processes_per_trial: Annotated[
        int, typer.Option("--processes-per-trial", help="processes that train one trial together", metavar="N")
    ] = 1,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="seconds after which no further trial starts", metavar="S")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="show nothing but errors")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="show the libraries' log as well")] = False,
    data_dir: Annotated[str | None, typer.Option("--data-dir", help=ELSEWHERE, metavar="DIR")] = None,
    train_file: Annotated[str | None, typer.Option("--train-file", help=ELSEWHERE, metavar="FILE")] = None,
    validation_file: Annotated[str | None, typer.Option("--validation-file", help=ELSEWHERE, metavar="FILE")] = None,
    model: Annotated[str | None, typer.Option("--model", help=ELSEWHERE, metavar="DIR")] = None,
    code: Any = None,
) -> None:
    """Work on a study that somebody started, from any machine that reaches its store."""
    from .run import join_study

    given = {"data_dir": data_dir, "train_file": train_file, "validation_file": validation_file, "model": model}
    places = {name: place for name, place in given.items() if place is not None}
    join_study(
        store,
        study,
        jobs=jobs,
        processes=processes_per_trial,
        timeout=timeout,
        quiet=quiet,
        verbose=verbose,
        places=places,
        code=code,
    )


@app.command(epilog="Example: hpsearch check --train-file tweets.csv --text-columns text --label-column target")
@takes_run_options
def check(options: RunOptions, as_json: bool) -> None:
    """Check data, space, model and objective without training a trial."""
    from .run import check_search

    check_search(options, as_json=as_json)


@app.command(epilog="Example: hpsearch studies --json")
def studies(store: Store = DEFAULT_STORE, as_json: Json = False) -> None:
    """List the studies of a store."""
    from .studies import list_studies

    list_studies(store, as_json=as_json)


@app.command(epilog="Example: hpsearch show demo-tiny")
def show(study: Name, store: Store = DEFAULT_STORE, as_json: Json = False) -> None:
    """Show what a study searches and where it stands."""
    from .studies import show_study

    show_study(store, study, as_json=as_json)


@app.command(epilog="Example: hpsearch trials demo-tiny --watch")
def trials(
    study: Name,
    watch: Annotated[bool, typer.Option("--watch", help="follow a running study first, until it is over")] = False,
    store: Store = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """List a study's trials."""
    from .studies import list_trials

    list_trials(store, study, as_json=as_json, watch=watch)


@app.command(epilog="Example: hpsearch best demo-tiny --json")
def best(study: Name, store: Store = DEFAULT_STORE, as_json: Json = False) -> None:
    """Show a study's best trial and, of one with several objectives, the Pareto front."""
    from .studies import show_best

    show_best(store, study, as_json=as_json)


@app.command(epilog="Example: hpsearch compare cola-tiny cola-small")
def compare(
    studies: Names,
    store: Store = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Show what differs between studies: the problem, the winners, the scores with intervals, the cost."""
    from .report import compare_studies

    compare_studies(store, studies, as_json=as_json)


@app.command(epilog="Example: hpsearch report demo-tiny -o demo.html --open")
def report(
    studies: Names,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file to write [default: STUDY-UID.html]", metavar="FILE")
    ] = None,
    format: Annotated[  # noqa: A002 - the flag's name
        str | None, typer.Option("--format", help="html or md [default: the file's ending; md goes to stdout]")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
    store: Store = DEFAULT_STORE,
) -> None:
    """Write one self-contained page on what came out of a study, or Markdown for a pull request."""
    from .report import report_studies

    report_studies(store, studies, output=output, kind=format, open_it=open_)


@app.command(epilog="Example: hpsearch export demo-tiny -o trials.csv")
def export(
    study: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="file to write", metavar="FILE")],
    format: Annotated[  # noqa: A002 - the flag's name
        str | None, typer.Option("--format", help="json, csv or parquet [default: the file's ending]")
    ] = None,
    store: Store = DEFAULT_STORE,
) -> None:
    """Write a study's trials to a file."""
    from .studies import export_study

    export_study(store, study, output, format)


@app.command("import", epilog="Example: hpsearch import demo.json --study demo-again")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON or Parquet, written by `hpsearch export`")],
    study: Annotated[
        str | None, typer.Option("--study", help="name of the study here [default: its own]", metavar="NAME")
    ] = None,
    store: Store = DEFAULT_STORE,
) -> None:
    """Add an exported study to a store, where it can be continued."""
    from .studies import import_file

    import_file(store, file, study)


@app.command(epilog="Example: hpsearch delete demo-tiny --yes")
def delete(
    study: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
    store: Store = DEFAULT_STORE,
) -> None:
    """Delete a study: its rows, Optuna's rows, and its folder."""
    from .studies import delete_study

    delete_study(store, study, sure=yes)


@app.command(epilog="Example: hpsearch retrain demo-tiny --trial 7")
@takes_own_code
def retrain(
    study: Name,
    trial: Annotated[int | None, typer.Option("--trial", help="trial number [default: the best]")] = None,
    output_dir: Annotated[Path | None, typer.Option("--output-dir", help="folder of the model", metavar="DIR")] = None,
    push_to_hub: Annotated[
        str | None, typer.Option("--push-to-hub", help="publish the model under this name", metavar="NAME")
    ] = None,
    private: Private = False,
    store: Store = DEFAULT_STORE,
    quiet: Annotated[bool, typer.Option("--quiet", help="show the result alone")] = False,
    as_json: Json = False,
    code: Any = None,
) -> None:
    """Train with a trial's configuration on all the training data."""
    from .run import retrain_trial

    retrain_trial(
        store,
        study,
        number=trial,
        folder=output_dir,
        hub_name=push_to_hub,
        private=private,
        code=code,
        quiet=quiet,
        as_json=as_json,
    )


@app.command(epilog="Example: hpsearch push hpsearch-output/demo-tiny-1a2b3c4d/models/trial-13 me/demo --private")
def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="a model folder")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the model on the hub, as USER/MODEL")],
    private: Private = False,
) -> None:
    """Publish a retrained model on the Hugging Face hub, with its card."""
    from .push import push_folder

    push_folder(folder, name, private=private)


@app.command(epilog="Example: hpsearch replay demo-tiny --trial 7")
@takes_own_code
def replay(
    study: Name,
    trial: Annotated[int, typer.Option("--trial", help="trial number")],
    store: Store = DEFAULT_STORE,
    quiet: Annotated[bool, typer.Option("--quiet", help="show the result alone")] = False,
    as_json: Json = False,
    code: Any = None,
) -> int:
    """Run a trial again from its row and prove that it is the same: exit code 0 if so, else 1."""
    from .run import replay_trial

    return replay_trial(store, study, number=trial, quiet=quiet, as_json=as_json, code=code)


@app.command(epilog="Example: hpsearch predict demo-tiny --file texts.csv --output predicted.csv")
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_DIR|STUDY", help="a model folder, or a study with one", autocompletion=study_names
        ),
    ],
    file: Annotated[Path, typer.Option("--file", help="examples; scored if they have labels", metavar="FILE")],
    output: Annotated[Path, typer.Option("--output", help="file to write", metavar="FILE")],
    store: Store = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Predict labels for a file, and score a file that has them; a GLUE test file gives a GLUE submission."""
    from .predicting import predict_file

    predict_file(store, model, file, output, as_json=as_json)


@app.command(epilog="Example: hpsearch dashboard --port 8080 --open")
def dashboard(
    store: Store = DEFAULT_STORE,
    host: Annotated[
        str, typer.Option("--host", help="address to listen at; others can look on any but this", metavar="HOST")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("--port", help="port to listen at [default: 8080, or a free one]", metavar="N")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
) -> None:
    """Show the studies of a store in optuna-dashboard, also while they are searched; nothing can be changed there."""
    from .dashboard import serve_dashboard

    serve_dashboard(store, host=host, port=port, open_it=open_)


@app.command(epilog="Example: hpsearch tasks")
def tasks(as_json: Json = False) -> None:
    """List the built-in tasks."""
    from .studies import list_tasks

    list_tasks(as_json=as_json)


@app.command(epilog="Example: hpsearch spaces")
def spaces(as_json: Json = False) -> None:
    """List the built-in spaces."""
    from .studies import list_spaces

    list_spaces(as_json=as_json)


@database.command(epilog="Example: hpsearch db status --store sqlite:///hpsearch.db")
def status(store: Store = DEFAULT_STORE, as_json: Json = False) -> None:
    """Show which schema a store has."""
    from .studies import database_status

    database_status(store, as_json=as_json)


@database.command(epilog="Example: hpsearch db upgrade --store sqlite:///hpsearch.db")
def upgrade(store: Store = DEFAULT_STORE) -> None:
    """Bring a store's schema up to date, or make a new store."""
    from .studies import database_upgrade

    database_upgrade(store)
