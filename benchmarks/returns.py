"""What each brain earns: tasks x brains x seeds, trained, evaluated and told in one table.

    python benchmarks/returns.py --jobs 2          # train and evaluate what is not finished yet
    python benchmarks/returns.py --aggregate       # collect raw CSVs, table and figure
    python benchmarks/returns.py --aggregate --keep    # and add to what another machine measured
    python benchmarks/returns.py --tasks Gaze TMaze --results benchmarks/results/bodies
    python benchmarks/returns.py --tasks Gaze TMaze --results benchmarks/results/bodies --aggregate
    python benchmarks/returns.py --tabulate        # table and figure again, from the raw CSVs

Every cell is `train.py` and then `evaluate.py` in processes of their own, one thread each, with a
log beside its folder. The grid can be interrupted and started again: finished cells are skipped,
interrupted ones go on from their last checkpoint. `--aggregate` works at any time; it takes the
cells that `--tasks`, `--variants` and `--seeds` name, and no others below `--runs`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.composition import CONFIGS
from analysis.compare import as_text, compare_runs, write_comparison
from analysis.normalisation import read_anchors
from analysis.recorded import collect_folders, read_results
from analysis.report import write_report
from benchmarks.cells import ROOT, Cell, run_grid

RESULTS = ROOT / "benchmarks" / "results" / "returns"
TASKS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
MILLION = 1_000_000


class Variant(NamedTuple):
    """A brain or a baseline.

    Attributes:
        options: What train.py is told.
        steps: Budget, control steps.
    """

    options: tuple[str, ...]
    steps: int = MILLION


VARIANTS = {
    "mlp": Variant(("brain=mlp",)),
    "gru": Variant(("brain=gru",)),
    "mlp-no-reflex": Variant(("brain=mlp", "brain/reflex=none")),
    "gru-no-reflex": Variant(("brain=gru", "brain/reflex=none")),
    "spiking": Variant(("brain=spiking",)),
    "spiking-reflex": Variant(("brain=spiking", "brain/reflex=linear")),
    "full": Variant(("brain=full",)),
    "spiking-256": Variant(("brain=spiking", "brain.controller.hidden_size=256")),
    "sb3_ppo": Variant(("agent=sb3_ppo",)),
    # At about 400 steps per second a million would take longer than all the others together.
    "sb3_recurrent_ppo": Variant(("agent=sb3_recurrent_ppo",), steps=50_000),
}

MEMORY = {"TMaze": ("agent.segment_length=64",), "Reversal": ("agent.segment_length=32",)}
"""Tasks whose reward depends on what was sensed longer ago than a usual segment, and how long those
that see it are; the same for every brain."""


def cells_of(arguments: argparse.Namespace) -> list[Cell]:
    """Return the cells asked for; seed by seed, so that an early look shows every brain."""
    return [
        Cell(
            name=f"{task} {variant} seed {seed}",
            folder=arguments.runs / task / f"{variant}_seed{seed}",
            steps=arguments.steps or VARIANTS[variant].steps,
            training=(
                f"env={task}",
                *VARIANTS[variant].options,
                *MEMORY.get(task, ()),
                f"seed={seed}",
            ),
        )
        for seed in range(arguments.first_seed, arguments.seeds)
        for task in arguments.tasks
        for variant in arguments.variants
    ]


def aggregate(arguments: argparse.Namespace) -> int:
    """Collect the raw CSVs of the cells asked for, then tabulate; return the exit status."""
    runs, cells = arguments.runs, cells_of(arguments)
    folders = sorted(cell.folder for cell in cells if (cell.folder / "config.yaml").is_file())
    if not folders:  # what was recorded before had better stay
        told = f"none of the {len(cells)} cells asked for was trained in {runs}"
        print(f"{told}: train them, or name others", file=sys.stderr)
        return 1
    notes = collect_folders(folders, arguments.results, keep=arguments.keep)
    report([note.replace(f"{runs}/", "") for note in notes], arguments.results)
    return 0


def report(notes: Sequence[str], results: Path) -> None:
    """Write the table, the figure and the page from the raw CSVs, and print the table."""
    anchors = read_anchors(CONFIGS / "env")
    comparison = compare_runs(read_results(results), notes, anchors=anchors)
    write_comparison(comparison, results)
    write_report(comparison, results, embed_bytes=0)
    print(as_text(comparison))
    print(f"\nwritten to {results}")


def main() -> int:
    """Do what the command line asks for; the exit status says whether a cell failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--aggregate", action="store_true", help="collect raw CSVs, then tabulate")
    parser.add_argument("--tabulate", action="store_true", help="table and figure from raw CSVs")
    parser.add_argument("--keep", action="store_true", help="and keep what other cells earned")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="of the seeds below --seeds")
    parser.add_argument("--steps", type=int, help="instead of each variant's own budget")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time, one thread each")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "returns")
    arguments = parser.parse_args()
    if arguments.aggregate:
        return aggregate(arguments)
    if arguments.tabulate:
        report([], arguments.results)
        return 0
    return run_grid(cells_of(arguments), jobs=arguments.jobs, episodes=arguments.episodes)


if __name__ == "__main__":
    sys.exit(main())
