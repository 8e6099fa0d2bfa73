"""What follows a training: a table, a film, and the words that say where everything is."""

import shlex
import shutil
import sys
import time
from pathlib import Path

from agents.child_process import run_program
from agents.composition import ROOT
from agents.errors import StopTraining
from agents.evaluation import RECORD, read_record
from agents.progress import duration, read_progress, tell
from agents.results import NO_EVALUATION, Results, asked_results, missing_results
from agents.stop_signals import StopSignals
from agents.trackers import Trackers, build_trackers
from agents.training_run import TrainingRun

SECONDS_AT_MOST = 1200.0


def evaluate_and_film(
    run: TrainingRun, trackers: Trackers, stop: StopSignals, wanted: Results | None = None
) -> None:
    """Evaluate and film what was trained, and show both to the trackers.

    It happens in a process of its own, so that a broken driver harms nothing.

    Args:
        run: A run whose last checkpoint is written.
        trackers: Shown the table and the film.
        stop: Signals to heed, from now on and before.
        wanted: What to make; None for all that the configuration asks for.

    Raises:
        StopTraining: A signal came before all was made.
    """
    wanted = asked_results(run.config) if wanted is None else wanted
    if not wanted:
        return
    stop.first = f"stopping without {wanted} (again: stop at once)"
    if stop.received is not None:
        raise StopTraining(stop.received)
    tasks = ["evaluating"] * bool(wanted.episodes) + ["filming"] * wanted.film
    print(f"{' and '.join(tasks)} the result ...", flush=True)
    started = time.time()
    reason = _evaluate(run, wanted, stop)
    evaluated = not wanted.episodes or _is_new(run.folder.path / RECORD, started)
    films = [path for path in _films(run) if _is_new(path, started)]
    if wanted.episodes and evaluated:
        trackers.log_evaluation(read_record(run.folder.path) or {}, run.config.total_steps)
    for path in films:
        trackers.log_video(path, run.config.total_steps)
    filmed = not wanted.film or bool(films)
    if stop.received is not None and not (evaluated and filmed):
        raise StopTraining(stop.received)
    if not evaluated:
        tell(f"{NO_EVALUATION}, but the training is complete: {reason}")
    elif not filmed:
        doctor = "" if "doctor" in reason else "; `make doctor` tells more"
        tell(f"no film, but the training is complete: {reason.removeprefix('no film: ')}{doctor}")


def make_missing(run: TrainingRun) -> None:
    """Evaluate and film a finished run as far as that was not done yet.

    Raises:
        StopTraining: A signal came before all was made; how to go on has been told.
    """
    missing = missing_results(run.folder, run.config)
    if not missing:
        return
    trackers = build_trackers(run.config.tracker)
    run.folder.write_config(run.config)  # what is asked for now is also what a later try makes
    trackers.start(run.folder.path, run.config, run.env_steps)
    try:
        with StopSignals("", "stopped at once; the checkpoints are intact") as stop:
            evaluate_and_film(run, trackers, stop, missing)
    except StopTraining:
        how_to_go_on(run)
        raise
    finally:
        trackers.finish(failed=sys.exc_info()[0] is not None)


def _evaluate(run: TrainingRun, wanted: Results, stop: StopSignals) -> str:
    """Call evaluate.py, and return the last line of what went wrong."""
    options = [
        f"runs={quoted(run.folder.path)}",
        *(f"episodes={wanted.episodes}", f"num_envs={max(1, wanted.episodes)}"),
        *(f"num_threads={run.config.num_threads}", f"video={str(wanted.film).lower()}"),
    ]
    command = [sys.executable, str(ROOT / "evaluate.py"), *options]
    return run_program(command, stop=stop, seconds=SECONDS_AT_MOST)


def _is_new(path: Path, since: float) -> bool:
    return path.exists() and path.stat().st_mtime >= since


def announce(run: TrainingRun, *, already: bool = False) -> None:
    """Print where everything is, and what to do next."""
    folder = run.folder
    rows = read_progress(folder.progress.path)
    more = 2 * run.config.total_steps
    if rows:
        last = rows[-1]
        more = max(more, 2 * int(last["env_steps"]))  # its last rollout may have gone beyond
        reached = f"return {float(last['episode_return_mean']):,.1f} " if _ended(last) else ""
        spent = duration(float(last["wall_seconds"]))
        state = "was already finished" if already else "finished"
        print(
            f"\n{folder.path} {state}: {reached}after {int(last['env_steps']):,} steps in {spent}"
        )
    places = [
        ("configuration", folder.path / "config.yaml"),
        ("record", folder.progress.path),
        ("checkpoint", folder.checkpoints / "latest"),
        *(("film", path) for path in _films(run)),
    ]
    for name, path in places:
        print(f"  {name:<14} {path}")
    python = this_python()
    longer = ("train longer", f"{python} train.py resume={quoted(folder.path)} total_steps={more}")
    steps = [
        ("returns and film", f"{python} evaluate.py runs={quoted(folder.path)} video=true"),
        *(() if folder.why_not_resumable() else (longer,)),
        (
            "another body",
            f"{python} train.py {_another(run, 'env', 'Hopper-v5', 'HalfCheetah-v5')}",
        ),
        ("another brain", f"{python} train.py {_another(run, 'brain', 'gru', 'spiking')}"),
    ]
    if (folder.path / "tensorboard").is_dir():
        shown = shlex.quote(str(folder.path.parent))
        steps.insert(1, ("curves", f"{python} -m tensorboard.main --logdir {shown}"))
    print("Next:")
    for name, command in steps:
        print(f"  {name:<18} {command}")
    sys.stdout.flush()


def _another(run: TrainingRun, group: str, *options: str) -> str:
    """Return the first of some options of a group that is not what was trained, to be chosen."""
    chosen = (run.config.get("choices") or {}).get(group)  # older runs tell none
    return f"{group}={next(option for option in options if option != chosen)}"


def how_to_go_on(run: TrainingRun) -> None:
    """Print how to go on with a run that was stopped: the rest, or what a complete one lacks."""
    again = f"{this_python()} train.py resume={quoted(run.folder.path)}"
    if run.folder.steps_done() >= run.config.total_steps:
        missing = missing_results(run.folder, run.config)
        print(f"the training is complete; {missing}, which it lacks: {again}", flush=True)
        return
    saved = run.folder.checkpoint_folders()
    if saved:
        print(f"saved {saved[-1]}")
    unsavable = run.folder.why_not_resumable()
    if unsavable:
        look = f"{this_python()} evaluate.py runs={quoted(run.folder.path)}"
        print(f"this run cannot be resumed: {unsavable}; evaluate it: {look}", flush=True)
        return
    print(f"go on with: {again}", flush=True)


def this_python() -> str:
    """Return how the interpreter of this process is called from here."""
    executable = Path(sys.executable)
    on_path = shutil.which("python")
    if on_path is not None and Path(on_path).parent == executable.parent:
        return "python"
    if executable.is_relative_to(Path.cwd()):
        executable = executable.relative_to(Path.cwd())
    return shlex.quote(str(executable))


def quoted(path: Path) -> str:
    """Return a path as the shell and Hydra both take it."""
    text = str(path)
    plain = text.replace("/", "").replace("-", "").replace("_", "").replace(".", "")
    if plain.replace("+", "").isalnum():
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return shlex.quote(f"'{escaped}'")


def _films(run: TrainingRun) -> list[Path]:
    return sorted((run.folder.path / "videos").glob("[!.]*.mp4"))


def _ended(row: dict[str, str]) -> bool:
    return bool(row.get("episode_return_mean"))
