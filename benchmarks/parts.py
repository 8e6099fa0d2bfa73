"""What each part of the brain is good for: one experiment per part, with its ablation.

    python benchmarks/parts.py --list                     # questions, cells and estimated minutes
    python benchmarks/parts.py --jobs 2                   # train and evaluate what is not finished
    python benchmarks/parts.py --only reversal leg_lost   # these experiments alone
    python benchmarks/parts.py --tabulate                 # raw CSVs, tables and figures

Every cell is `train.py` and then `evaluate.py`, as in benchmarks/returns.py, and is skipped or
resumed as there; seed by seed, so that `--tabulate` shows every brain early. Experiments share the
runs that they have in common. `--tabulate` works at any time, and again from the CSVs it wrote
where the runs are gone; a README.md that is there is left as it is, for its conclusion is a
person's.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.composition import CONFIGS
from agents.run_folder import write_whole
from analysis import tables
from analysis.ablation import deltas
from analysis.compare import as_text, compare_runs, write_comparison
from analysis.experiment_figure import draw_experiment
from analysis.groups import Group
from analysis.normalisation import read_anchors
from analysis.recorded import collect_folders, read_results
from analysis.report import write_report
from analysis.tables import Cell as TableCell
from analysis.tables import Table, estimate_cell, steps_text, word
from benchmarks.cells import ROOT, Cell, Evaluation, run_grid
from benchmarks.experiments import EXPERIMENTS, VARIANTS, WORLDS, Experiment, speed_of

RESULTS = ROOT / "benchmarks" / "results" / "parts"
EVALUATION_SECONDS = {"full": 18, "other": 11}  # two times twenty episodes of a thousand steps
SHORT_EVALUATION_SECONDS = 6  # of episodes of fifty
START_SECONDS = 6  # of a training


def wanted_of(names: Sequence[str], variants: Sequence[str]) -> dict[str, Experiment]:
    """Return experiments by name, with those of their variants that are wanted."""
    return {
        name: experiment._replace(variants=tuple(v for v in experiment.variants if v in variants))
        for name, experiment in EXPERIMENTS.items()
        if name in names
    }


def cells_of(experiment: Experiment, seeds: int, runs: Path, steps: int | None) -> list[Cell]:
    """Return the cells of an experiment, seed by seed."""
    return [
        _cell(experiment, world, variant, seed, runs, steps or experiment.steps)
        for seed in range(seeds)
        for world in experiment.worlds
        for variant in experiment.variants
    ]


def _cell(
    experiment: Experiment, world: str, variant: str, seed: int, runs: Path, steps: int
) -> Cell:
    place, name = f"{world}_{steps_text(steps)}", f"{variant}_seed{seed}"
    views = {None: None, **{test: runs / f"{place}.{test}" / name for test in experiment.tests}}
    evaluations = [Evaluation()]
    evaluations += [Evaluation(told, views[test]) for test, told in experiment.tests.items()]
    under = experiment.tests.get(experiment.lesioned_in or "", ())
    evaluations += [
        Evaluation((*under, f"lesion={lesion}"), views[experiment.lesioned_in])
        for lesion in experiment.lesions.get(variant, ())
    ]
    return Cell(
        name=f"{world} {variant} seed {seed}",
        folder=runs / place / name,
        steps=steps,
        training=(*_body(world), *VARIANTS[variant], *_rest(world), f"seed={seed}"),
        evaluations=tuple(evaluations),
    )


def _body(world: str) -> tuple[str, ...]:
    return tuple(told for told in WORLDS[world] if told.startswith("env="))


def _rest(world: str) -> tuple[str, ...]:
    return tuple(told for told in WORLDS[world] if not told.startswith("env="))


def together(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells so that no two train the same run, which then has the evaluations of both."""
    merged: dict[Path, Cell] = {}
    for cell in cells:
        known = merged.get(cell.folder, cell)
        wanted = dict.fromkeys((*known.evaluations, *cell.evaluations))
        merged[cell.folder] = known._replace(evaluations=tuple(wanted))
    return list(merged.values())


def folders_of(cells: Sequence[Cell]) -> Iterator[Path]:
    """Yield the folders that hold what the cells found so far: of the runs, and of their views."""
    for cell in cells:
        views = (evaluation.view for evaluation in cell.evaluations if evaluation.view)
        for folder in dict.fromkeys((cell.folder, *views)):
            if (folder / "config.yaml").is_file():
                yield folder


def minutes_of(cells: Sequence[Cell]) -> float:
    """Return about how many minutes of one quiet core cells take from their beginning."""
    seconds = 0.0
    for cell in cells:
        short = "env=Reacher-v5" in cell.training
        variant = cell.folder.name.rpartition("_seed")[0]
        whole = "full" if "brain=full" in " ".join(cell.training) else "other"
        each = SHORT_EVALUATION_SECONDS if short else EVALUATION_SECONDS[whole]
        seconds += START_SECONDS + cell.steps / speed_of(variant) + each * len(cell.evaluations)
    return seconds / 60


def tabulate(name: str, cells: Sequence[Cell], results: Path) -> None:
    """Write raw CSVs, tables and a figure of an experiment, and print the table."""
    experiment, folders = EXPERIMENTS[name], list(folders_of(cells))
    notes = collect_folders(folders, results) if folders else []
    runs = read_results(results)
    if not runs:
        print(f"{name}: nothing was trained or recorded yet")
        return
    there = any(run.brain == experiment.reference for run in runs)
    comparison = compare_runs(
        runs,
        [_without_places(note, folders) for note in notes],
        anchors=read_anchors(CONFIGS / "env"),
        reference=experiment.reference if there else None,
    )
    write_comparison(comparison, results)
    write_report(comparison, results, embed_bytes=0)
    table = _differences(comparison.reference, comparison.groups)
    write_whole(results / "differences.md", tables.as_markdown(table) + "\n")
    figure = results / f"{name}.png"
    asks = experiment.asks_for_energy
    draw_experiment(comparison, figure, title=experiment.question, with_energy=asks)
    if not (results / "README.md").exists():
        write_whole(results / "README.md", _readme(name, experiment))
    print(f"\n{experiment.question}\n\n{as_text(comparison)}\n\n{tables.as_text(table)}")
    print(f"\nwritten to {results}")


def _without_places(note: str, folders: Sequence[Path]) -> str:
    for folder in folders:
        note = note.replace(str(folder.parents[1]) + "/", "")
    return note


def _differences(reference: str | None, groups: Sequence[Group]) -> Table:
    """Return each brain against the reference: difference, share, probability of improvement."""
    found = deltas(groups, reference) if reference else []
    lines = [
        (
            word(delta.env),
            word(delta.label),
            TableCell(f"{delta.runs[0]} and {delta.runs[1]}", delta.runs[0]),
            estimate_cell(delta.difference),
            estimate_cell(delta.relative, digits=2),
            estimate_cell(delta.improvement, digits=2),
        )
        for delta in found
    ]
    head = ("environment", "brain", "runs", "difference", "as a share", "P(improvement)")
    return Table(f"Differences to {reference}", head, lines)


def _readme(name: str, experiment: Experiment) -> str:
    worlds = "\n".join(
        f"| `{world}` | `{' '.join(WORLDS[world])}` |" for world in experiment.worlds
    )
    brains = "\n".join(
        f"| `{brain}` | `{' '.join(VARIANTS[brain])}` |" for brain in experiment.variants
    )
    tests = "; ".join(f"{test}: `{' '.join(told)}`" for test, told in experiment.tests.items())
    lesions = "; ".join(f"{brain}: {', '.join(cut)}" for brain, cut in experiment.lesions.items())
    return "\n".join(
        [
            f"# {experiment.question}",
            "",
            f"Commands: `python benchmarks/parts.py --only {name}`, then the same with "
            f"`--tabulate`. {steps_text(experiment.steps)} control steps per run, three seeds, "
            "20 evaluation episodes of each kind.",
            "Machine: two virtual AMD EPYC cores, one thread per run, other work beside it: "
            "returns stand, speeds do not.",
            *(["", f"Also tested: {tests}."] if tests else []),
            *(["", f"Lesions of the same checkpoints: {lesions}."] if lesions else []),
            "",
            f"| world | options |\n|---|---|\n{worlds}",
            "",
            f"| brain | options |\n|---|---|\n{brains}",
            "",
            f"![{experiment.question}]({name}.png)",
            "",
            "Tables: `comparison.md`, and differences to the reference with the probability of "
            "improvement, `differences.md`. Raw numbers: the CSV files beside them.",
            "",
            "## What it says",
            "",
            "Not concluded yet.",
            "",
        ]
    )


def main() -> int:
    """Do what the command line asks for; the exit status says whether a cell failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", action="store_true", help="questions and estimates, run nothing")
    parser.add_argument("--tabulate", action="store_true", help="CSVs, tables and figures")
    parser.add_argument("--only", nargs="+", default=list(EXPERIMENTS), choices=list(EXPERIMENTS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="instead of each experiment's own budget")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time, one thread each")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "parts")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    runs = arguments.runs.absolute()
    cells = {
        name: cells_of(wanted, arguments.seeds, runs, arguments.steps)
        for name, wanted in wanted_of(arguments.only, arguments.variants).items()
    }
    every = together([cell for each in cells.values() for cell in each])
    if arguments.list:
        for name, each in cells.items():
            print(f"{name:<20}{len(each):>4} cells {minutes_of(together(each)):>6.0f} min of a core"
                  f"   {EXPERIMENTS[name].question}")  # fmt: skip
        print(f"{'all':<20}{len(every):>4} cells {minutes_of(every):>6.0f} min of a core")
        return 0
    if arguments.tabulate:
        for name, each in cells.items():
            tabulate(name, each, arguments.results / name)
        return 0
    return run_grid(every, jobs=arguments.jobs, episodes=arguments.episodes)


if __name__ == "__main__":
    sys.exit(main())
