"""What evaluations left in a run's folder, as far as it can be used; notes tell what cannot."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import KINDS
from agents.reward_traces import Trace, read_rewards


def episodes_of(
    folder: Path, record: Mapping[str, Any] | None, env_steps: int, notes: list[str]
) -> dict[str, NDArray[np.float64]]:
    """Return the returns of evaluated episodes by kind, and note which are old or cannot count.

    Args:
        folder: Of the run.
        record: Its evaluation.json, or that of a lesioned brain; None if there is none.
        env_steps: Steps that the run took.
        notes: Gets a line about everything that is not as it should be.
    """
    if record is None:
        return {}
    lesions = " and ".join(record.get("lesions", ()))
    told = f"{folder} was evaluated{f' with {lesions}' if lesions else ''}"
    if record["env_steps"] < env_steps:
        notes.append(f"{told} at step {record['env_steps']:,}, not at its end")
    episodes: dict[str, NDArray[np.float64]] = {}
    for kind in KINDS:
        returns = np.array(record[kind]["returns"] if kind in record else [], float)
        if not returns.size:
            notes.append(f"{told} in no {kind} episodes: it does not count in {kind} returns")
        elif not np.isfinite(returns).all():
            notes.append(f"{told}, but its {kind} returns are not all finite: they are left out")
        else:
            episodes[kind] = returns
    return episodes


def traces_of(path: Path, notes: list[str], *, time_limit: int | None) -> dict[str, list[Trace]]:
    """Return the rewards around a challenge's onset by kind, and note what is broken.

    Args:
        path: Of evaluation_rewards.npz; without it there are none.
        notes: Gets a line about everything that is not as it should be.
        time_limit: Of the body, control steps; None where nobody knows.
    """
    try:
        traces = {kind: read_rewards(path, kind, time_limit) for kind in KINDS}
    except FileNotFoundError:
        return {}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        notes.append(f"{path} cannot be read: {' '.join(str(error).split())[:100]}")
        return {}
    for kind, told in [*traces.items()]:
        if not all(np.isfinite(trace.rewards).all() for trace in told):
            notes.append(f"{path}: {kind} rewards are not all finite: they are left out")
            del traces[kind]
    return traces


def tested_of(record: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the number of evaluated episodes and the seed of their bodies; None if unknown."""
    known = "episodes" in record and "seed" in record
    return (int(record["episodes"]), int(record["seed"])) if known else None
