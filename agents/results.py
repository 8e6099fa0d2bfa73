"""What a training leaves besides its checkpoints: an evaluation and a film of its final step."""

from typing import NamedTuple

from omegaconf import DictConfig

from agents.evaluation import read_record
from agents.run_folder import RunFolder

NO_EVALUATION = "no evaluation"
"""How the line begins that says why a finished run has none."""


class Results(NamedTuple):
    """What is to be made of a run whose steps are all done.

    Attributes:
        episodes: Episodes of each kind to evaluate; 0 for no evaluation.
        film: Whether to film it.
    """

    episodes: int
    film: bool

    def __bool__(self) -> bool:
        """Whether there is anything to make."""
        return bool(self.episodes or self.film)

    def __str__(self) -> str:
        """Name them in words."""
        return " and ".join(["the evaluation"] * bool(self.episodes) + ["the film"] * self.film)


def asked_results(config: DictConfig) -> Results:
    """Return what a run's configuration asks for."""
    return Results(config.get("evaluation_episodes", 0), config.film)  # older runs have no episodes


def missing_results(folder: RunFolder, config: DictConfig) -> Results:
    """Return what a finished run's configuration asks for and its folder does not hold."""
    asked, film = asked_results(config), False
    if asked.film:
        name = f"step_{folder.steps_done():09}.mp4"
        film = not (folder.path / "videos" / name).is_file()
    return Results(0 if is_evaluated(folder) else asked.episodes, film)


def is_evaluated(folder: RunFolder) -> bool:
    """Return whether a run's evaluation is there, and of its newest checkpoint."""
    record = read_record(folder.path)
    return record is not None and record.get("env_steps") == folder.steps_done()
