"""Processes that work at one study, each at a trial of its own, until there is none left."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from optuna.trial import TrialState

from agents import cli
from grids.run_cell import prepare_process
from search.plan import Plan
from search.study import OwnTrial, Study
from search.trial import Ending, run_trial


def work(study: Study) -> None:
    """Run trials until all that were asked for have begun, and none is left behind.

    Args:
        study: Other processes, also on other machines that see its folder, may work at it too.

    Raises:
        StopTraining: Ctrl-C or SIGTERM; the same command goes on with the trial.
        OSError: The disk is full; likewise.
    """
    while (own := study.next_trial()) is not None:
        try:
            _say(own, "started" if own.begun else "resumed", _as_options(own.texts))
            ending = run_trial(own, study.plan)
            if ending.note:
                own.trial.set_user_attr("note", ending.note)
            study.optuna.tell(own.number, ending.value, state=ending.state)
        finally:
            own.release()
        _say_ending(study, own, ending)


@contextmanager
def helpers(plan: Plan) -> Iterator[None]:
    """Let further processes work at a study meanwhile, and wait for them at the end."""
    context = get_context("spawn")
    processes = [
        context.Process(target=_help, args=(plan,)) for _ in range(plan.settings["workers"] - 1)
    ]
    for process in processes:
        process.start()
    try:
        yield
        for process in processes:
            process.join()
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()


def _help(plan: Plan) -> None:
    """Work at a study in a process that its parent alone stops."""
    os.setsid()  # Ctrl-C reaches it through its parent, once
    prepare_process()
    cli.answer(lambda: work(Study(plan)), config_name="train")


def _say_ending(study: Study, own: OwnTrial, ending: Ending) -> None:
    if ending.state == TrialState.COMPLETE:
        best = study.best()
        known = f"  (best {best.value:,.1f}, trial {best.number})" if best else ""
        _say(own, "finished", f"return {ending.value:,.1f}{known}")
    elif ending.state == TrialState.PRUNED:
        _say(own, "pruned", f"after {ending.note}")
    else:
        _say(own, "failed", ending.note)


def _say(own: OwnTrial, what: str, text: str) -> None:
    print(f"trial {own.number:<3} {what:<8}  {text}", flush=True)


def _as_options(texts: dict[str, str]) -> str:
    return " ".join(f"{key}={text}" for key, text in texts.items())
