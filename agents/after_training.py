"""What follows a training: a table, a film, and the words that say where everything is."""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from agents.cli import ROOT
from agents.evaluation import RECORD, read_record
from agents.progress import duration, read_progress, tell
from agents.trackers import Trackers
from agents.training_run import TrainingRun

SECONDS_AT_MOST = 1200.0


def evaluate_and_film(run: TrainingRun, trackers: Trackers) -> None:
    """Evaluate and film what was trained, and show both to the trackers.

    It happens in a process of its own, so that a broken driver harms nothing.

    Args:
        run: A run whose last checkpoint is written.
        trackers: Shown the table and the film.
    """
    episodes = run.config.get("evaluation_episodes", 0)  # older runs have none
    if not (episodes or run.config.film):
        return
    tasks = ["evaluating"] * bool(episodes) + ["filming"] * bool(run.config.film)
    print(f"{' and '.join(tasks)} the result ...", flush=True)
    started = time.time()
    reason = _evaluate(run, episodes)
    if episodes and _is_new(run.folder.path / RECORD, started):
        trackers.log_evaluation(read_record(run.folder.path) or {}, run.config.total_steps)
    elif episodes:
        tell(f"no evaluation, but the training is complete: {reason}")
        return
    films = [path for path in _films(run) if _is_new(path, started)]
    if run.config.film and not films:
        doctor = "" if "make doctor" in reason else "; `make doctor` tells more"
        tell(f"no film, but the training is complete: {reason.removeprefix('no film: ')}{doctor}")
    for path in films:
        trackers.log_video(path, run.config.total_steps)


def _evaluate(run: TrainingRun, episodes: int) -> str:
    """Call evaluate.py, and return the last line of what went wrong."""
    options = [
        f"runs={quoted(run.folder.path)}",
        *(f"episodes={episodes}", f"num_envs={max(1, episodes)}"),
        *(f"num_threads={run.config.num_threads}", f"video={str(run.config.film).lower()}"),
    ]
    try:
        finished = subprocess.run(
            [sys.executable, str(ROOT / "evaluate.py"), *options],
            capture_output=True,
            text=True,
            timeout=SECONDS_AT_MOST,
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {SECONDS_AT_MOST:.0f} s"
    return (finished.stderr.strip().splitlines() or [f"exit code {finished.returncode}"])[-1]


def _is_new(path: Path, since: float) -> bool:
    return path.exists() and path.stat().st_mtime >= since


def announce(run: TrainingRun, *, already: bool = False) -> None:
    """Print where everything is, and what to do next."""
    folder = run.folder
    rows = read_progress(folder.progress.path)
    if rows:
        last = rows[-1]
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
    python, more = this_python(), 2 * run.config.total_steps
    steps = [
        ("returns and film", f"{python} evaluate.py runs={quoted(folder.path)} video=true"),
        ("train longer", f"{python} train.py resume={quoted(folder.path)} total_steps={more}"),
        ("another body", f"{python} train.py env=Hopper-v5"),
        ("another brain", f"{python} train.py brain=gru"),
    ]
    if (folder.path / "tensorboard").is_dir():
        shown = shlex.quote(str(folder.path.parent))
        steps.insert(1, ("curves", f"{python} -m tensorboard.main --logdir {shown}"))
    print("Next:")
    for name, command in steps:
        print(f"  {name:<18} {command}")
    sys.stdout.flush()


def how_to_go_on(run: TrainingRun) -> None:
    """Print how to resume a run that was stopped."""
    saved = run.folder.checkpoint_folders()
    if saved:
        print(f"saved {saved[-1]}")
    again = f"{this_python()} train.py resume={quoted(run.folder.path)}"
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
