"""One process of a trial that several train together: it joins the study and takes its part, see `ranks`.

`launch` starts it; it never outlives the process that did.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from tqdm import tqdm

from ...studies.objective import Objective
from ...studies.optuna_storage import optuna_storage
from ...studies.patience import PATIENCE_S, Patience
from ...studies.records import Trial
from ...studies.store import StudyStore
from ..allocator import keep_freed_memory
from ..paths import StudyPaths
from ..quiet import write_to_log
from ..study_run import StudyRun
from ..trial.again import trained_again
from ..workers.devices import VISIBLE
from ..workers.joining import join
from ..workers.orders import Orders
from ..workers.processes import end_with_parent
from .follower import Following, follow
from .line import Ending, Line, LinePulse, LineView, Over, Trained, complaint_of, fault_of
from .ranks import Ranks

#: Exit code of a rank whose part ended with an error, which it has told.
FAILED = 1


@dataclass(frozen=True, kw_only=True)
class RankOrders:
    """What each rank of a trial is told."""

    orders: Orders  #: of a worker; its share is that of one rank
    trial: Trial
    environment: Mapping[str, str]  #: where the ranks meet, and how they are to compute
    again: bool = False  #: the trial has ended, and is run again for a comparison


def work(orders: RankOrders, number: int, wire: Connection) -> None:
    """Take part in a trial as its rank `number`; `wire` gets what there is to tell."""
    settle_in(orders, number)
    line = Line(wire, number)
    try:
        with StudyStore.open(orders.orders.store_url) as store:
            take_part(joined(orders, number, store, line), orders, line)
    except Exception as error:  # noqa: BLE001 - the controller raises it
        line.send(Ending(cause=type(error).__name__, complaint=complaint_of(error)))
        sys.exit(FAILED)


def settle_in(orders: RankOrders, number: int) -> None:
    """Take this rank's place on the machine. Ctrl-C is the controller's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent(signal.SIGKILL)  # at once, for it may be stuck in an exchange with the others
    share = orders.orders.share
    os.environ.update(orders.environment)
    os.environ.update({"RANK": str(number), "LOCAL_RANK": str(number), "OMP_NUM_THREADS": str(share.threads)})
    if share.gpu is not None:
        os.environ[VISIBLE] = share.gpu
    keep_freed_memory()
    torch.set_num_threads(share.threads)
    tqdm.set_lock(threading.RLock())  # its own is known to all processes, and complained of when this one is killed
    if not orders.orders.verbose:
        write_to_log(StudyPaths(Path(orders.orders.folder)).log)


def joined(orders: RankOrders, number: int, store: StudyStore, line: Line) -> StudyRun:
    """Join the study; here the processes of the trial meet, when they make their Trainers."""
    told = orders.orders
    return join(
        store,
        store.study(told.study_name),
        folder=told.folder,
        view=LineView(line),
        verbose=told.verbose,
        places=told.places,
        code=told.code,
        ranks=Ranks(number=number, count=told.processes, blame=line.blame),
    )


def take_part(run: StudyRun, orders: RankOrders, line: Line) -> None:
    """Run the trial on rank 0, and follow it on every other rank."""
    with run.quietly():
        if line.rank == 0:
            (lead_again if orders.again else lead)(run, orders.trial, line)
            return
        try:
            follow(run.problem.making, following(run, again=orders.again))
        except Exception as error:  # noqa: BLE001 - the controller finds out whose fault it is
            line.send(fault_of(error, line.rank))
            sys.exit(FAILED)
        line.send(Over())


def lead(run: StudyRun, trial: Trial, line: Line) -> None:
    """Run the trial as one process would, in its controller's name, and tell how it was left."""
    run.store.patience = Patience(seconds=PATIENCE_S, say=run.view.say)
    ending = Ending()
    try:
        run.loop(optuna_storage(run.store.url)).train(trial, LinePulse())
    except BaseException as error:  # noqa: BLE001 - the controller raises it
        ending = Ending(cause=type(error).__name__, complaint=complaint_of(error))
    line.send(ending)


def lead_again(run: StudyRun, trial: Trial, line: Line) -> None:
    """Run a trial again that has ended, and tell what came of it."""
    try:
        training = trained_again(run, trial)
    except Exception as error:  # noqa: BLE001 - the controller raises it
        line.blame(error)
        return
    line.send(Ending(found=Trained(training.evaluations, training.environment.found)))


def following(run: StudyRun, *, again: bool) -> Following:
    """Return what a follower of a trial of this study knows of it; one that is run `again` keeps nothing."""
    loop = run.loop(None)
    if again:
        loop = dataclasses.replace(loop, source=run.problem.source)
    return Following(
        folder=loop.paths.folder,
        objective=Objective.of(run.study),
        score_from=run.problem.plan.score_from,
        splits=loop.splits,
        scores_predictions=loop.scores_predictions,
        unsmoothed=loop.unsmoothed,
        ranks=run.ranks,
    )
