"""How fast films are made: body, panels and encoding, each for itself.

    python benchmarks/film_speed.py runs/mine --json

Frames of a trained run are shot once as evaluate.py shoots them, and what each part of a frame
takes is measured. `ratio` is how many times faster than the body's own time a part alone goes on;
`milliseconds` is the median per frame. `panels` and `encoding` are what a film adds to a body that
is drawn anyway. `clock` says which clock was read: that of this thread alone is little disturbed by
other work, but knows nothing of the threads of the renderer and the process of the encoder, so
body and encoding are timed on the wall;
`processor_milliseconds` counts the work of all processors, which a busy machine stretches less.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from agents.errors import CheckpointError, UsageError
from agents.evaluation import locate
from analysis.encoding import writing
from analysis.film import MOST_FRAMES_PER_SECOND
from analysis.panels.ink import Pixels
from analysis.run_films import together
from analysis.sheet import Tile
from analysis.shooting import Look, shooting
from envs import RenderingError

Seconds = dict[str, list[float]]


class Watch:
    """Notes how long calls take, by name."""

    def __init__(self) -> None:
        self.seconds: Seconds = {}

    def over(
        self, name: str, function: Callable[..., object], clock: Callable[[], float]
    ) -> Callable[..., object]:
        """Return the function, timed."""

        def timed(*arguments: object) -> object:
            started = clock()
            try:
                return function(*arguments)
            finally:
                self.seconds.setdefault(name, []).append(clock() - started)

        return timed


def shoot(sources: list[str], frames: int, seed: int) -> tuple[Seconds, list[Pixels], float]:
    """Return what the parts of each frame took, the frames, and the time between them, s."""
    watch, kept = Watch(), list[Pixels]()
    with together(sources, seed=seed) as (casts, title):
        period = casts[0].env.control_period
        stride = max(1, -int(-1 // (period * MOST_FRAMES_PER_SECOND)))

        def listen(tiles: list[Tile]) -> None:
            for tile in tiles:
                tile._view.draw = watch.over(  # type: ignore[method-assign]
                    "body", tile._view.draw, time.perf_counter
                )  # type: ignore[method-assign]
                if tile.board is not None:
                    for part in ("push", "fit", "draw"):
                        timed = watch.over(
                            f"panels {part}", getattr(tile.board, part), time.thread_time
                        )
                        setattr(tile.board, part, timed)

        look = Look(title=title)
        with shooting(casts, look, seed=seed, stride=stride, tell=listen) as shots:
            for shot in _whole(shots):
                kept.append(shot.copy())
                if len(kept) == frames:
                    break
    return watch.seconds, kept, period * stride


def _whole(shots: Iterator[object]) -> Iterator[Pixels]:
    for shot in shots:
        if shot is not None:
            yield shot.frame  # type: ignore[attr-defined]


def encode(frames: list[Pixels], frame_period: float) -> tuple[float, float]:
    """Return what a frame takes to encode, s: on the wall, and of processors in all."""
    with tempfile.TemporaryDirectory() as folder:
        started, busy = time.perf_counter(), _busy()
        with writing(Path(folder) / "film.mp4", 1 / frame_period) as append:
            for frame in frames:
                append(frame)
        return (time.perf_counter() - started) / len(frames), (_busy() - busy) / len(frames)


def _busy() -> float:
    """Return the processors' time of this process and of those it has waited for, s."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def records(sources: list[str], frames: int, seed: int) -> list[dict[str, object]]:
    """Measure, and return a record for each part."""
    body = locate(Path(sources[0]))[0].read_config().env.id  # the same for all
    seconds, kept, frame_period = shoot(sources, frames, seed)
    encoding, encoding_busy = encode(kept, frame_period)
    per_frame = {
        "body": statistics.median(seconds["body"]) * len(sources),
        "panels": sum(sum(each) for name, each in seconds.items() if name != "body") / frames,
        "encoding": encoding,
    }
    per_frame["panels and encoding"] = per_frame["panels"] + per_frame["encoding"]
    clocks = {"body": "wall", "panels": "thread", "encoding": "wall"}
    busy = {**per_frame, "encoding": encoding_busy}
    busy["panels and encoding"] = busy["panels"] + encoding_busy
    return [
        {
            "what": f"film, {part}",
            "env": body,
            "runs": [Path(source).name for source in sources],
            "steps_per_second": round(1 / spent, 1),
            "ratio": round(frame_period / spent, 2),
            "against": "the body's own time",
            "milliseconds": round(1e3 * spent, 2),
            "processor_milliseconds": None if part == "body" else round(1e3 * busy[part], 2),
            "milliseconds_of_body": round(1e3 * frame_period, 2),
            "clock": clocks.get(part, "thread + wall"),
        }
        for part, spent in per_frame.items()
    ]


def main() -> None:
    """Measure the films of some runs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", help="one run, or up to four to be shown side by side")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.frames < 1:
        parser.error(f"--frames must be at least 1, got {arguments.frames}")
    torch.set_num_threads(1)
    try:
        found = records(arguments.runs, arguments.frames, arguments.seed)
    except (CheckpointError, UsageError, RenderingError) as error:
        sys.exit(str(error))
    for record in found:
        if arguments.json:
            print(json.dumps(record), flush=True)
        else:
            print(
                f"{record['what']:<28} {record['milliseconds']:>8} ms per frame"
                f"  {record['ratio']:>6} x real time"
                f"  (of processors: {record['processor_milliseconds'] or 'unknown'} ms)"
            )


if __name__ == "__main__":
    main()
