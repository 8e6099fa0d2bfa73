"""Hands a trained controller to neuromorphic tools.

python -m agents.export run=runs/mine out=controller.nir
"""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.errors import CheckpointError, UsageError

OPTIONS = ("run", "out")


def export_run(run: Path, out: Path) -> Path:
    """Write the spiking controller of a run's newest checkpoint as NIR.

    Args:
        run: The run's folder, or one of its checkpoints.
        out: The file to write.

    Returns:
        The file.

    Raises:
        UsageError: There is no run, or it has no brain of ours.
        CheckpointError: It has no undamaged checkpoint.
        ExportError: NIR cannot express the brain, or is not installed.
    """
    from agents.evaluation import load_agent
    from brains.nir_export import spiking_graph, write_graph

    agent, env = load_agent(run)
    brain: Any = getattr(agent, "brain", None)
    if brain is None:
        raise UsageError(f"{run} holds no brain of ours: train with agent=ppo brain=spiking")
    write_graph(spiking_graph(brain, dt=_control_period(env)), out)
    return out


def _control_period(env: Any) -> float:
    """Return the length of a control step, s; 1 where bodies do not tell: then time is in steps."""
    return float(getattr(env, "control_period", 1.0))


def read_options(arguments: Sequence[str]) -> dict[str, Path]:
    """Return the options of the command line by name.

    Raises:
        UsageError: If one is missing, unknown or not of the form name=value.
    """
    options: dict[str, Path] = {}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in OPTIONS or not value:
            nearest = difflib.get_close_matches(name, OPTIONS, n=1)
            hint = f"; did you mean {nearest[0]}=...?" if nearest else ""
            raise UsageError(f"{argument!r} is none of run=<folder> and out=<file>{hint}")
        options[name] = Path(value)
    if len(options) < len(OPTIONS):
        raise UsageError("say what to export and where to: run=<folder> out=<file>")
    return options


def main(arguments: Sequence[str]) -> int:
    """Export as the command line asks; return the exit code."""
    from brains.nir_export import ExportError

    try:
        print(export_run(**read_options(arguments)))
    except (UsageError, CheckpointError, ExportError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
