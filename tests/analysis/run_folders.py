"""Run folders as trainings and evaluations leave them, with numbers that can be told apart."""

import json

import numpy as np
from omegaconf import OmegaConf

from agents.episodes import Episode
from agents.reward_traces import NAME as REWARDS
from agents.reward_traces import write_rewards
from analysis.encoding import writing

BRAINS = {
    "spiking": {"controller": {"_target_": "brains.spiking.SpikingController", "hidden_size": 256}},
    "gru": {"controller": {"_target_": "brains.gated.GRUController", "hidden_size": 128}},
    "full": {"controller": {"_target_": "brains.spiking.SpikingController", "hidden_size": 512}},
    "none": {},
}
ONSET = 60


def write_run(
    folder,
    *,
    env="Hopper-v5",
    brain="spiking",
    seed=0,
    score=100.0,
    steps=1000,
    agent="ppo",
    kwargs=None,
    changes=None,
    parts=None,
    blank_until=0,
    evaluated=True,
    evaluated_at=None,
    tested=(2, 1000),
    costs=None,
    film_frames=0,
    onset=None,
    challenge=None,
    distractors=None,
    under="its own",
):
    """Write a run folder.

    Args:
        folder: Where to.
        env, brain, seed, agent, kwargs, parts: What was chosen.
        score: Mean deterministic return at the end.
        steps: How far the training got, of 1000.
        changes: To the brain's settings.
        blank_until: Step until which no episode had ended.
        evaluated, evaluated_at, tested: Whether, at which step, in how many episodes from which
            seed.
        costs: Keys of evaluation.json about what an action costs.
        film_frames: Length of its film; 0 for none.
        onset: First step of a challenge in its evaluated episodes; None for none.
        challenge, distractors: Sections of its configuration; None for an older run's.
        under: Parts of the challenge it was tested under.
    """
    folder.mkdir(parents=True)
    config = {
        "env": {"id": env, "kwargs": kwargs or {}},
        "brain": {**BRAINS[brain], **(changes or {})},
        "agent": {"_target_": f"agents.{agent}"},
        "choices": {"env": env, "brain": brain, "agent": agent, **(parts or {})},
        "seed": seed,
        "total_steps": 1000,
        "run_dir": str(folder),
        **({"challenge": challenge} if challenge else {}),
        **({"distractors": distractors} if distractors else {}),
    }
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    rows = ["env_steps,wall_seconds,steps_per_second,episode_return_mean"]
    rows += [
        f"{step},{step / 50},50.0,{score * step / 1000 if step > blank_until else ''}"
        for step in range(100, steps + 1, 100)
    ]
    (folder / "progress.csv").write_text("\n".join(rows) + "\n")
    if evaluated:
        episodes = {"returns": [score - 1, score + 1], "lengths": [10, 12]}
        record = {
            "format": 1,
            "env_steps": evaluated_at or steps,
            "episodes": tested[0],
            "seed": tested[1],
            "challenge": ((challenge or {}).get("parts") or None) if under == "its own" else under,
            "deterministic": episodes,
            "exploring": {"returns": [score / 2], "lengths": [11]},
            **(costs or {}),
        }
        (folder / "evaluation.json").write_text(json.dumps(record))
    if onset is not None:
        lived = [_broken_episode(score, onset, seed) for _ in range(2)]
        write_rewards(folder / REWARDS, {"deterministic": lived, "exploring": lived})
    if film_frames:
        _write_film(folder / "videos" / "step_000001000.mp4", film_frames)
    return folder


def lesion_run(folder, lesion, score, onset=None):
    """Write an evaluation of a run with a part of its brain out of action."""
    record = json.loads((folder / "evaluation.json").read_text())
    record["lesions"] = [lesion]
    record["deterministic"]["returns"] = [score - 1, score + 1]
    (folder / f"evaluation.{lesion}.json").write_text(json.dumps(record))
    if onset is not None:
        lived = [_broken_episode(score, onset, 0) for _ in range(2)]
        path = folder / f"evaluation_rewards.{lesion}.npz"
        write_rewards(path, {"deterministic": lived, "exploring": lived})
    return folder


def _broken_episode(score, onset, seed):
    """Return an episode whose reward halves at the onset and comes back to nine tenths."""
    time = np.arange(160.0)
    lost = np.where(time < onset, 0.0, 0.1 + 0.4 * np.exp(-(time - onset) / 20))
    noise = np.random.default_rng(seed).normal(scale=0.02, size=time.size)
    rewards = score / 100 * (1 - lost + noise)
    challenge = {"leg_loss": {"onset": onset, "end": None, "variant": "front"}}
    return Episode(float(rewards.sum()), rewards, False, challenge)


def _write_film(path, frames):
    with writing(path, 25.0) as append:
        for number in range(frames):
            append(np.full((64, 64, 3), 7 * number % 256, np.uint8))
