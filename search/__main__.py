"""Searches a brain's numbers: python -m search search=ppo_rates brain=spiking env=Hopper-v5."""

import sys

from agents import cli
from agents.errors import StopTraining, UsageError


def search() -> None:
    """Run what is left of the study that the command line asks for, and tell what was found."""
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError("a search needs optuna: pip install -e '.[search]'") from error
    from search.plan import read_plan
    from search.result import tell_result
    from search.study import Study
    from search.workers import helpers, work

    plan = read_plan(sys.argv[1:])
    study = Study(plan)
    print(f"searching in {plan.folder}: {plan.settings['trials']} trials of {len(plan.space)} keys")
    outside = [key for key in plan.space if key not in plan.usual()]
    if plan.settings["begin_with_usual"] and outside:
        print(f"drawn in the first trial too, its usual value being outside: {', '.join(outside)}")
    sys.stdout.flush()
    try:
        with helpers(plan):
            work(study)
    except (StopTraining, KeyboardInterrupt, OSError):
        print("go on with: the same command", flush=True)
        raise
    tell_result(study)


if __name__ == "__main__":
    cli.answer(search, config_name="train")
