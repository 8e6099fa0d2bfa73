"""Trains a brain in a body: python train.py env=Hopper-v5 brain=gru agent=ppo seed=1."""

import sys
from typing import TYPE_CHECKING

try:
    from agents import cli
except ModuleNotFoundError as error:
    sys.exit(f"{error}: run `make setup`, then .venv/bin/python train.py")
except KeyboardInterrupt:
    sys.exit(130)

if TYPE_CHECKING:
    from omegaconf import DictConfig


def train(config: "DictConfig") -> None:
    """Train as configured, in a run folder that can be resumed at any time."""
    import torch

    from agents.after_training import announce, evaluate_and_film, how_to_go_on, make_missing
    from agents.build import build_agent, make_env
    from agents.callbacks import RunCallback
    from agents.errors import StopTraining
    from agents.progress import ProgressLine
    from agents.stop_signals import StopSignals
    from agents.trackers import build_trackers
    from agents.training_run import begin, open_run

    with open_run(config, cli.overrides(), cli.default_name(config)) as run:
        if run.finished:
            make_missing(run)
            announce(run, already=True)
            return
        torch.set_num_threads(run.config.num_threads)
        env = make_env(run.config)
        agent = build_agent(run.config, env)
        trackers = build_trackers(run.config.tracker)
        if run.state is not None:
            agent.load_training_state(run.state)
        agent.require_trainable()
        begin(run)
        stop = StopSignals(
            "stopping after this update to save a checkpoint (again: stop at once)",
            "stopped at once; the last checkpoint is intact",
        )
        callback = RunCallback(
            folder=run.folder,
            trackers=trackers,
            line=ProgressLine(run.config.total_steps),
            stop=stop,
            checkpoint_every=run.config.checkpoint_every,
            keep_checkpoints=run.config.keep_checkpoints,
            wall_seconds=run.wall_seconds,
        )
        trackers.start(run.folder.path, run.config, run.env_steps)
        try:
            left = run.config.total_steps - run.env_steps
            with stop:
                agent.learn(left, callback, reset_num_timesteps=run.state is None)
                evaluate_and_film(run, trackers, stop)
        except StopTraining:
            how_to_go_on(run)
            raise
        finally:
            trackers.finish(failed=sys.exc_info()[0] is not None)
            env.close()
    announce(run)


if __name__ == "__main__":
    cli.run(train, config_name="train")
