"""How good a trained agent is, told by whole episodes.

A run's evaluation.json holds the return and the length of every episode, deterministic and
exploring, with what they depend on: checkpoint, seed, challenge, engine versions; and what the
brain spent per action (`brains/energy.py`). Under a challenge
it also tells when the change came in each episode, and the rewards of every step stand beside it in
evaluation_rewards.npz. A lesioned brain has files of its own, evaluation.<lesions>.json and
evaluation_rewards.<lesions>.npz, so that the intact one's stay.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from stable_baselines3.common.vec_env import VecEnv

from agents.build import build_agent, make_env
from agents.challenge_choice import Choice, described, under_challenge
from agents.checkpoint import DIGESTS, load_tree, read_metadata
from agents.config_check import nearest
from agents.energy_meter import EnergyMeter
from agents.episodes import Actor, Episode, live, summarise
from agents.errors import CheckpointError, UsageError
from agents.lesions import Lesions, actor_for, lesion, require_fit, suffix
from agents.reward_traces import NAME as REWARDS
from agents.reward_traces import tell_challenges, write_rewards
from agents.run_folder import RunFolder, versions, write_whole

RECORD = "evaluation.json"
KINDS = ("deterministic", "exploring")
FORMAT = 1


class Conditions(NamedTuple):
    """What an evaluation depends on besides the agent.

    Attributes:
        episodes: Episodes of each kind, deterministic and exploring.
        seed: Of the bodies and of exploration; row i starts from `seed + i`.
        num_envs: Bodies that run side by side.
    """

    episodes: int
    seed: int
    num_envs: int


def load_agent(
    source: str | Path, env: VecEnv | None = None, device: str = "cpu"
) -> tuple[Any, VecEnv]:
    """Rebuild a trained agent from its run folder, or from one of its checkpoints.

    The description in config.yaml only ever builds parts of this project; weights are data.

    Args:
        source: A run's folder, for its newest undamaged checkpoint; or a checkpoint's.
        env: Bodies to put it into; None makes those that it was trained in, never stepped.
        device: Where its tensors live.

    Returns:
        The agent, ready for `predict`, and its bodies.

    Raises:
        UsageError: There is no run here, or its description no longer fits the program.
        CheckpointError: There is no undamaged checkpoint.
    """
    run, checkpoint = locate(Path(source))
    config = run.read_config()
    with run.of_older_version():
        env = env or _unused_env(config)
        return restore(config, load_tree(checkpoint)[0], env, device), env


def restore(config: DictConfig, tree: Any, env: VecEnv | None, device: str) -> Any:
    """Build the agent that a configuration describes, with what it had learned.

    Args:
        config: Of the run.
        tree: Training state, from a checkpoint.
        env: Bodies to put it into; None for those that it was trained in.
        device: Where its tensors live.

    Raises:
        CheckpointError: The checkpoint does not fit the configuration.
    """
    config = OmegaConf.merge(config, {"device": device})  # type: ignore[assignment]
    model: Any = build_agent(config, env or _unused_env(config))
    try:
        model.load_learned_state(tree)
    except (KeyError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        message = f"the checkpoint does not fit the run's config.yaml ({reason})"
        raise CheckpointError(message) from error
    return model


def locate(source: Path) -> tuple[RunFolder, Path]:
    """Return the run that a folder belongs to, and the checkpoint that it stands for.

    Raises:
        UsageError: There is no run here.
        CheckpointError: It has no checkpoint yet.
    """
    source = source.absolute()
    if (source / "state.json").is_file():
        return RunFolder(source.parent.parent), source.resolve()
    run = RunFolder(source)
    run.read_config()  # says so where there is no run
    folders = run.checkpoint_folders()
    if not folders:
        raise CheckpointError(f"{source} has no checkpoint yet: train it first")
    return run, folders[-1]


def named_checkpoint(run: Path, name: str) -> Path:
    """Return the checkpoint of a run that has a name, such as `latest` or `step_000500000`.

    Raises:
        UsageError: The run has no such checkpoint; the message names the nearest one.
        CheckpointError: It has, but it is damaged.
    """
    checkpoint = run / "checkpoints" / name
    if name.strip() and checkpoint.is_dir():
        read_metadata(checkpoint)  # says what is wrong with it
        return checkpoint
    saved = [folder.name for folder in RunFolder(run).checkpoint_folders()]
    if not saved:
        raise UsageError(f"{run} has no checkpoint {name!r}, nor any other: train it first")
    steps = re.fullmatch(r"(?:step_)?(\d+)", name)
    by_steps = {int(each[5:]): each for each in saved if each[5:].isdecimal()}
    if steps is not None and by_steps:
        near = by_steps[min(by_steps, key=lambda taken: abs(taken - int(steps[1])))]
    else:
        near = nearest(name, saved)
    raise UsageError(f"{run} has no checkpoint {name!r}; the nearest is checkpoint={near}")


def make_evaluation_env(
    config: DictConfig, *, num_envs: int, seed: int, num_threads: int = 1
) -> VecEnv:
    """Make bodies like those of a training, whose episodes all begin at the beginning."""
    changes = {
        "num_envs": num_envs, "seed": seed, "num_threads": num_threads, "stagger": False
    }  # fmt: skip
    return make_env(OmegaConf.merge(config, changes))  # type: ignore[arg-type]


def evaluate_run(
    source: str | Path,
    conditions: Conditions,
    *,
    num_threads: int = 1,
    device: str = "cpu",
    reuse: bool = True,
    challenge: Choice = None,
    lesions: Lesions = (),
) -> dict[str, Any]:
    """Evaluate a run's checkpoint and write evaluation.json into its folder.

    Args:
        source: A run's folder, for its newest checkpoint; or one of its checkpoints.
        conditions: Episodes, seed and rows.
        num_threads: Threads that step the bodies; they change no result.
        device: Where the agent's tensors live.
        reuse: Return what is there if it was taken from the same checkpoint under the same
            conditions by the same engines.
        challenge: What the run is tested under; None for what it was trained under.
        lesions: Parts of the brain that are out of action; nothing is trained anew.

    Returns:
        What was written.

    Raises:
        UsageError: There is no run here, or it cannot have these lesions.
        CheckpointError: There is no undamaged checkpoint.
    """
    run, checkpoint = locate(Path(source))
    config = under_challenge(run.read_config(), challenge)
    record = describe(config, checkpoint, conditions, lesions)
    challenged = record["challenge"] is not None
    require_fit(lesions, num_envs=conditions.num_envs, challenged=challenged)
    files = files_of(run.path, lesions)
    earlier = read_record(run.path, lesions)
    whole = not challenged or files.rewards.is_file()
    if reuse and whole and earlier is not None and _without_episodes(earlier) == record:
        return earlier
    tree, metadata = load_tree(checkpoint)
    with run.of_older_version():
        model = restore(config, tree, None, device)
    lesion(model, lesions)
    meter = EnergyMeter(model)
    lived = live_both(meter, config, conditions, num_threads=num_threads, lesions=lesions)
    for kind, episodes in lived.items():
        record[kind] = {**summarise(episodes)._asdict(), **tell_challenges(episodes)}
    record["energy"] = meter.report()
    record["env_steps"] = metadata["env_steps"]
    if challenged:
        write_rewards(files.rewards, lived)
    else:
        files.rewards.unlink(missing_ok=True)
    write_whole(files.record, json.dumps(record, indent=1) + "\n")
    return record


def live_both(
    model: Actor,
    config: DictConfig,
    conditions: Conditions,
    *,
    num_threads: int,
    lesions: Lesions = (),
) -> dict[str, list[Episode]]:
    """Return the episodes of each kind, deterministic and exploring."""
    env = make_evaluation_env(
        config, num_envs=conditions.num_envs, seed=conditions.seed, num_threads=num_threads
    )
    actor = actor_for(model, env, lesions)
    try:
        return {
            kind: live(
                actor,
                env,
                conditions.episodes,
                deterministic=kind == "deterministic",
                seed=conditions.seed,
            )
            for kind in KINDS
        }
    finally:
        env.close()


def describe(
    config: DictConfig, checkpoint: Path, conditions: Conditions, lesions: Lesions = ()
) -> dict[str, Any]:
    """Return all that an evaluation depends on, as evaluation.json tells it.

    `lesions` is there only where there are some: an intact brain's record is as it always was.
    """
    engines = versions()
    engines.pop("commit", None)
    return {
        "format": FORMAT,
        "env": config.env.id,
        "env_kwargs": OmegaConf.to_container(config.env.kwargs),
        "challenge": described(config),
        **({"lesions": list(lesions)} if lesions else {}),
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": _digest(checkpoint / DIGESTS),
        **conditions._asdict(),
        "versions": engines,
    }


class Files(NamedTuple):
    """Where an evaluation is written: what it told, and the rewards of every step."""

    record: Path
    rewards: Path


def files_of(run: Path, lesions: Lesions = ()) -> Files:
    """Return where the evaluation of a run's brain is written, intact or with lesions."""
    names = (Path(RECORD), Path(REWARDS))
    return Files(*(run / f"{name.stem}{suffix(lesions)}{name.suffix}" for name in names))


def read_record(run: Path, lesions: Lesions = ()) -> dict[str, Any] | None:
    """Return what evaluation.json holds; None if it is not there or not readable as such."""
    return _read(files_of(run, lesions).record)


def lesioned_records(run: Path) -> dict[Lesions, dict[str, Any]]:
    """Return the evaluations of a run's brain with lesions, by these, in the order of names."""
    name = Path(RECORD)
    records = [_read(path) for path in sorted(run.glob(f"{name.stem}.*{name.suffix}"))]
    return {
        tuple(record["lesions"]): record for record in records if record and "lesions" in record
    }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("format") == FORMAT else None


def _digest(sums: Path) -> str:
    """Return the digest of a checkpoint's digests, which changes with its content."""
    try:
        return hashlib.sha256(sums.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{sums.parent} is not a whole checkpoint: use another") from error


def _without_episodes(record: dict[str, Any]) -> dict[str, Any]:
    results = ("deterministic", "exploring", "energy", "env_steps")
    return {key: value for key, value in record.items() if key not in results}


def _unused_env(config: DictConfig) -> VecEnv:
    return make_env(OmegaConf.merge(config, {"num_threads": 1}))  # type: ignore[arg-type]
