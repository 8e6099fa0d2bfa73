"""Films and telemetry of the brains that runs trained."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf

from agents.challenge_choice import Choice, described, under_challenge
from agents.challenge_choice import title as challenge_title
from agents.episodes import seeded_exploration
from agents.errors import UsageError
from agents.evaluation import load_agent, locate, make_evaluation_env
from analysis.film import Film, film, film_together
from analysis.playing import befalls, play
from analysis.runs import brain_name
from analysis.shooting import MOST_SIDE_BY_SIDE, Cast
from analysis.telemetry import recording

SECONDS = 20.0
"""How much of the body's time a film shows unless told otherwise."""

SECONDS_AFTER_ONSET = 8.0
"""How much of it a film shows at least after the last challenge has come."""


class Trained(NamedTuple):
    """A trained brain in a body of its own.

    Attributes:
        run: The run's folder.
        checkpoint: Name of the checkpoint.
        model: The agent.
        env: Its body, one row.
        brain: The brain's name.
        seed: Of its training.
        steps: Control steps that it was trained for.
        body: The body's name, and what befalls it.
        about: What telemetry tells of it.
    """

    run: Path
    checkpoint: str
    model: Any
    env: Any
    brain: str
    seed: int
    steps: int
    body: str
    about: dict[str, Any]

    @property
    def told(self) -> str:
        """The brain and how long it was trained, in words."""
        return f"{self.brain}, trained for {self.steps:,} steps"

    @property
    def telemetry(self) -> Path:
        """Where its telemetry goes."""
        return self.run / "telemetry" / f"{self.checkpoint}.npz"


@contextmanager
def trained(
    source: str | Path, *, seed: int, device: str = "cpu", challenge: Choice = None
) -> Iterator[Trained]:
    """Rebuild the brain that a run trained and give it a body.

    Args:
        source: A run's folder, for its newest checkpoint; or one of its checkpoints.
        seed: Of the body.
        device: Where the agent's tensors live.
        challenge: What befalls the body; None for what it was trained under.

    Raises:
        UsageError: There is no run here.
        CheckpointError: There is no undamaged checkpoint.
    """
    run, checkpoint = locate(Path(source))
    config = under_challenge(run.read_config(), challenge)
    model, _ = load_agent(checkpoint, device=device)
    env = make_evaluation_env(config, num_envs=1, seed=seed)
    try:
        yield Trained(
            run.path,
            checkpoint.name,
            model,
            env,
            brain_name(_plain(config)),
            config.seed,
            int(checkpoint.name.rpartition("_")[2]),
            "   ".join(filter(None, (config.env.id, challenge_title(described(config))))),
            _about(config, checkpoint, seed),
        )
    finally:
        env.close()


def film_run(
    source: str | Path,
    *,
    seed: int,
    device: str = "cpu",
    episodes: int | None = None,
    seconds: float | None = None,
    challenge: Choice = None,
    **options: Any,
) -> Film:
    """Film the brain that a run trained, into videos/ of its folder, and keep the telemetry.

    Args:
        source: A run's folder, for its newest checkpoint; or one of its checkpoints.
        seed: Of the body.
        device: Where the agent's tensors live.
        episodes: Episodes to film; None for as many as begin in `seconds`.
        seconds: Ends the film, in the body's time, s; None for whole episodes or, without these
            either, for long enough to see a challenge come.
        challenge: What befalls the body; None for what it was trained under.
        **options: Further arguments of `analysis.film.film`.

    Raises:
        RenderingError: Nothing can be drawn or encoded here; the message tells what mends it.
        UsageError: There is no run here.
        CheckpointError: There is no undamaged checkpoint.
    """
    with trained(source, seed=seed, device=device, challenge=challenge) as one:
        told = {"title": f"{one.body}   {one.told}", "seed": seed, **options}
        about = {**one.about, "deterministic": told.get("deterministic", True)}
        with recording(one.telemetry, one.env.control_period, about) as record:
            path = one.run / "videos" / f"{one.checkpoint}.mp4"
            if episodes is None and seconds is None:
                seconds = seconds_to_see(one.env, seed)
            return film(
                one.model, one.env, path, record=record, episodes=episodes, seconds=seconds, **told
            )


def film_runs(
    sources: Sequence[str | Path],
    path: Path,
    *,
    seed: int,
    device: str = "cpu",
    seconds: float | None = None,
    challenge: Choice = None,
    **options: Any,
) -> Film:
    """Film brains of several runs side by side: one body, one seed, one challenge.

    Args:
        sources: Up to four runs or checkpoints.
        path: The mp4 file to write.
        seed: Of bodies and exploration.
        device: Where the agents' tensors live.
        seconds: Ends the film, in the body's time, s; None for long enough to see a challenge come.
        challenge: What befalls the bodies; None for what all of them were trained under.
        **options: Further arguments of `analysis.film.film_together`.

    Raises:
        RenderingError: Nothing can be drawn or encoded here; the message tells what mends it.
        UsageError: A run is not there, or body or challenge are not the same for all.
        CheckpointError: There is no undamaged checkpoint.
    """
    with together(sources, seed=seed, device=device, challenge=challenge) as (casts, title):
        seconds = seconds or seconds_to_see(casts[0].env, seed)
        return film_together(
            casts, path, title=title, episodes=None, seconds=seconds, seed=seed, **options
        )


def seconds_to_see(env: Any, seed: int) -> float:
    """Return how long to film, s: long enough to see what befalls the first episode."""
    env.seed(seed)
    env.reset()
    onsets = [one.onset * env.control_period for one in befalls(env)]
    return max([SECONDS, *(onset + SECONDS_AFTER_ONSET for onset in onsets)])


@contextmanager
def together(
    sources: Sequence[str | Path], *, seed: int, device: str = "cpu", challenge: Choice = None
) -> Iterator[tuple[list[Cast], str]]:
    """Open brains of runs for one stage, and yield them with a title for all.

    Raises:
        UsageError: There are too many, or body or challenge are not the same for all.
    """
    if len(sources) > MOST_SIDE_BY_SIDE:
        raise UsageError(f"at most {MOST_SIDE_BY_SIDE} runs are shown side by side: name fewer")
    require_same_world(sources, challenge)
    with ExitStack() as stack:
        actors = [
            stack.enter_context(trained(one, seed=seed, device=device, challenge=challenge))
            for one in sources
        ]
        named = zip(actors, captions(actors), strict=True)
        casts = [Cast(one.model, one.env, caption) for one, caption in named]
        if len(actors) == 1:
            casts = [casts[0]._replace(title=f"{actors[0].body}   {actors[0].told}")]
        ages = sorted(one.steps for one in actors)
        ages = " to ".join(dict.fromkeys(f"{one:,}" for one in (ages[0], ages[-1])))
        yield casts, f"{actors[0].body}   test seed {seed}   trained for {ages} steps"


def captions(actors: Sequence[Trained]) -> list[str]:
    """Return brain and seed of each, and where these are the same what tells them apart.

    That is the name of the run's folder, else how long it was trained, else where the folder lies.
    """
    told = [f"{one.brain}, seed {one.seed}" for one in actors]
    for details in (
        [one.run.resolve().name for one in actors],
        [f"{one.steps:,} steps" for one in actors],
        [one.run.resolve().parent.name for one in actors],
    ):
        told = _told_apart(told, details)
    return told


def _told_apart(captions: Sequence[str], details: Sequence[str]) -> list[str]:
    """Add its detail to each caption whose namesakes have other details."""
    pairs = list(zip(captions, details, strict=True))
    of_namesakes = [{other for name, other in pairs if name == caption} for caption in captions]
    return [
        f"{caption}, {detail}" if len(others) > 1 else caption
        for (caption, detail), others in zip(pairs, of_namesakes, strict=True)
    ]


def require_same_world(sources: Sequence[str | Path], challenge: Choice) -> None:
    """Raise a UsageError unless runs have the same body and are tested under the same challenge."""
    configs = [
        under_challenge(locate(Path(source))[0].read_config(), challenge) for source in sources
    ]
    bodies = {str(_plain(config.env)) for config in configs}
    if len(bodies) > 1:
        names = ", ".join(sorted({config.env.id for config in configs}))
        raise UsageError(f"only runs of one body are shown side by side, got {names}")
    if len({str(described(config)) for config in configs}) > 1:
        raise UsageError(
            "these runs were trained under different challenges: "
            "choose one for all with challenge=..., or challenge=none"
        )


def record_run(
    source: str | Path,
    *,
    seed: int,
    device: str = "cpu",
    episodes: int = 1,
    challenge: Choice = None,
    deterministic: bool = True,
) -> Path:
    """Let the brain of a run live whole episodes and keep their telemetry, without drawing.

    Returns:
        The file; see `analysis.telemetry.read`.
    """
    with trained(source, seed=seed, device=device, challenge=challenge) as one:
        about = {**one.about, "deterministic": deterministic}
        with (
            recording(one.telemetry, one.env.control_period, about) as record,
            seeded_exploration(one.model, seed),
        ):
            moments = play(
                one.model,
                one.env,
                episodes=episodes,
                seed=seed,
                deterministic=deterministic,
                returns=[],
                record=record,
            )
            for _ in moments:
                pass
        return one.telemetry


def _about(config: DictConfig, checkpoint: Path, seed: int) -> dict[str, Any]:
    return {
        "env": config.env.id,
        "brain": brain_name(_plain(config)),
        "checkpoint": checkpoint.name,
        "seed": seed,
        "challenge": described(config),
    }


def _plain(config: Any) -> Any:
    return cast(Any, OmegaConf.to_container(config))
