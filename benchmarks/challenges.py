"""What one trained brain earns when its body breaks: challenges x severities, never retrained.

    python benchmarks/challenges.py runs/mine                # all that the body can have
    python benchmarks/challenges.py runs/mine --challenges leg_loss noise --onset removed
    python benchmarks/challenges.py runs/mine --tabulate     # tables and figure from what is there

Every cell is some deterministic episodes under one challenge of one severity, beside the body that
nothing befalls. A finished cell is a file in <output>/cells, so that an interrupted benchmark goes
on where it stopped; cells of another checkpoint, or under other conditions, are measured again.
"""

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from agents.challenge_choice import under_challenge
from agents.checkpoint import load_tree
from agents.composition import CONFIGS
from agents.episodes import live
from agents.errors import UsageError
from agents.evaluation import Conditions, describe, locate, make_evaluation_env, restore
from agents.reward_traces import tell_challenges, time_limit_of, trace_of
from agents.run_folder import versions, write_whole
from analysis.adaptation import adaptation
from analysis.severity_bars import draw_severities
from envs import challenge_names

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "challenges"
SEVERITIES = ("easy", "medium", "hard")
MEASURES = ("before", "drop", "loss", "steps_to_plateau", "area_lost", "after_effect")
NOTHING = "none"


class Cell(NamedTuple):
    """One challenge of one severity; `none` has none."""

    challenge: str
    severity: str

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.challenge}_{self.severity}" if self.severity else self.challenge


class Bench:
    """One policy and the conditions it is tested under.

    Args:
        source: A run's folder, or one of its checkpoints.
        output: Folder of the results; None for one named after the body.
        onset: Schedule of every change.
        split: Variants.
        conditions: Episodes, seed and rows.
        num_threads: Threads that step the bodies.
    """

    def __init__(
        self,
        source: Path,
        output: Path | None,
        *,
        onset: str,
        split: str,
        conditions: Conditions,
        num_threads: int,
    ) -> None:
        run, self._checkpoint = locate(source)
        self._config = run.read_config()
        self.body = str(self._config.env.id)
        self.output = output or RESULTS / self.body.replace("/", "-")
        self._onset, self._split = onset, split
        self._conditions, self._num_threads = conditions, num_threads
        self._model: Any = None

    def measure(self, cell: Cell) -> dict[str, Any]:
        """Return the record of a cell, measuring it if it is not there yet.

        Raises:
            UsageError: The body cannot have this challenge.
        """
        config = under_challenge(self._config, self._choice(cell))
        record = describe(config, self._checkpoint, self._conditions)
        path = self.output / "cells" / f"{cell.name}.json"
        earlier = _read(path)
        if earlier is not None and {key: earlier.get(key) for key in record} == record:
            return earlier
        env = make_evaluation_env(
            config,
            num_envs=self._conditions.num_envs,
            seed=self._conditions.seed,
            num_threads=self._num_threads,
        )
        try:
            episodes = live(
                self._policy(),
                env,
                self._conditions.episodes,
                deterministic=True,
                seed=self._conditions.seed,
            )
        finally:
            env.close()
        record["returns"] = [episode.total for episode in episodes]
        record["lengths"] = [len(episode.rewards) for episode in episodes]
        record.update(tell_challenges(episodes))
        if cell.challenge != NOTHING:
            limit = time_limit_of(config.env.id)
            measured = adaptation([trace_of(each, limit) for each in episodes])._asdict()
            record["adaptation"] = {
                key: None if math.isnan(value) else value for key, value in measured.items()
            }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(record, indent=1) + "\n")
        return record

    def _policy(self) -> Any:
        if self._model is None:
            self._model = restore(self._config, load_tree(self._checkpoint)[0], None, "cpu")
        return self._model

    def _choice(self, cell: Cell) -> Mapping[str, Any]:
        """Return the `challenge` section that evaluate.py would have."""
        chosen = [f"challenge={cell.challenge}", f"challenge/onset={self._onset}"]
        values = [f"challenge.split={self._split}"]
        values += [f"challenge.severity={cell.severity}"] if cell.severity else []
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config = compose("evaluate", ["runs=none", *chosen, *values])
        assert isinstance(config, DictConfig)
        section: Any = OmegaConf.to_container(config.challenge, resolve=True)
        return section


def cells_of(challenges: Sequence[str], severities: Sequence[str]) -> list[Cell]:
    """Return all cells, the body that nothing befalls first."""
    broken = [Cell(challenge, severity) for challenge in challenges for severity in severities]
    return [Cell(NOTHING, ""), *broken]


def run(bench: Bench, cells: Iterable[Cell]) -> list[str]:
    """Measure cells; return a line about each challenge that the body cannot have.

    Raises:
        UsageError: Not even the whole body can be had here.
    """
    notes: list[str] = []
    for cell in cells:
        try:
            returns = bench.measure(cell)["returns"]
        except UsageError as error:
            if cell.challenge == NOTHING:
                raise
            notes.append(f"{cell.challenge} is left out: {error}")
            continue
        print(f"{bench.body}  {cell.name:<24} {np.mean(returns):>10,.1f}", flush=True)
    return list(dict.fromkeys(notes))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def tabulate(output: Path, cells: Sequence[Cell], notes: Sequence[str]) -> list[Path]:
    """Write episodes.csv, challenges.csv, challenges.md and challenges.png from finished cells."""
    found = [(cell, _read(output / "cells" / f"{cell.name}.json")) for cell in cells]
    records = {cell: record for cell, record in found if record is not None}
    if Cell(NOTHING, "") not in records:
        raise UsageError(f"{output} has no finished cell of the body that nothing befalls")
    whole = float(np.mean(records[Cell(NOTHING, "")]["returns"]))
    paths = [output / name for name in ("episodes.csv", "challenges.csv", "challenges.md")]
    _write_csv(paths[0], _episode_rows(records))
    rows = [_row(cell, record, whole) for cell, record in records.items()]
    _write_csv(paths[1], rows)
    write_whole(paths[2], _markdown(rows, records, notes))
    figure = output / "challenges.png"
    returns = {tuple(cell): record["returns"] for cell, record in records.items() if cell.severity}
    unbroken = records[Cell(NOTHING, "")]
    draw_severities(returns, unbroken["returns"], title=unbroken["env"], path=figure)
    write_whole(output / "versions.json", json.dumps(versions(), indent=2) + "\n")
    return [*paths, figure]


def _episode_rows(records: Mapping[Cell, Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for cell, record in records.items():
        told = record.get("challenges", {}).get(cell.challenge, {})
        for index, (earned, length) in enumerate(
            zip(record["returns"], record["lengths"], strict=True)
        ):
            when = {key: told[key][index] if told else "" for key in ("onset", "end", "variant")}
            rows.append(
                {
                    "challenge": cell.challenge, "severity": cell.severity, "episode": index,
                    "return": round(earned, 3), "length": length, **when,
                }
            )  # fmt: skip
    return rows


def _row(cell: Cell, record: Mapping[str, Any], whole: float) -> dict[str, Any]:
    returns = np.array(record["returns"])
    measured = record.get("adaptation", {})
    return {
        "challenge": cell.challenge,
        "severity": cell.severity,
        "episodes": returns.size,
        "return_mean": returns.mean(),
        "return_deviation": returns.std(),
        "share_of_whole": returns.mean() / whole if whole > 0 else math.nan,
        "length_mean": float(np.mean(record["lengths"])),
        **{key: measured.get(key) for key in MEASURES},
    }


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _markdown(
    rows: Sequence[Mapping[str, Any]],
    records: Mapping[Cell, Mapping[str, Any]],
    notes: Sequence[str],
) -> str:
    one = next(iter(records.values()))
    heads = (
        "challenge",
        "severity",
        "return",
        "of whole",
        "length",
        "drop",
        "loss",
        "steps to 90 %",
    )
    lines = [
        f"{one['env']}, checkpoint {one['checkpoint']}, {one['episodes']} deterministic episodes "
        "per cell; mean ± standard deviation over episodes; drop and loss are reward per step.",
        "",
        f"| {' | '.join(heads)} |",
        "|---|---|" + "---:|" * (len(heads) - 2),
    ]
    for row in rows:
        cells = (
            row["challenge"], row["severity"],
            f"{row['return_mean']:,.0f} ± {row['return_deviation']:,.0f}",
            "" if math.isnan(row["share_of_whole"]) else f"{row['share_of_whole']:.0%}",
            f"{row['length_mean']:,.0f}", _told(row["drop"]), _told(row["loss"]),
            _told(row["steps_to_plateau"]),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *([""] if notes else []), *(f"- {note}" for note in notes)]) + "\n"


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="a run's folder, or one of its checkpoints")
    parser.add_argument("--challenges", nargs="+", default=challenge_names())
    parser.add_argument("--severities", nargs="+", default=SEVERITIES, choices=SEVERITIES)
    parser.add_argument("--onset", default="middle")
    parser.add_argument("--split", default="all", choices=("all", "train", "test"))
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="instead of results/challenges/<body>")
    parser.add_argument("--tabulate", action="store_true", help="from finished cells alone")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        conditions = Conditions(arguments.episodes, arguments.seed, num_envs=arguments.episodes)
        bench = Bench(
            arguments.run,
            arguments.output,
            onset=arguments.onset,
            split=arguments.split,
            conditions=conditions,
            num_threads=arguments.threads,
        )
        cells = cells_of(arguments.challenges, arguments.severities)
        notes = [] if arguments.tabulate else run(bench, cells)
        for path in tabulate(bench.output, cells, notes):
            print(path)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the same command goes on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
