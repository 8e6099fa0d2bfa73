import importlib.util
from argparse import Namespace
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "throughput.py"
SPEC = importlib.util.spec_from_file_location("throughput", FILE)
throughput = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(throughput)


def test_ratios_are_of_turns_in_the_same_round_and_the_first_round_does_not_count(monkeypatch):
    speeds = {"mlp": 400, "sb3_ppo": 100, "sb3_recurrent_ppo": 10}
    machine = [0.01, 1.0, 0.5, 3.0]  # how fast the machine is in each round

    class StandIn:
        def __init__(self, name, *_):
            self.name, self.rates = name, []

        def turn(self, _):
            warming = 7 if self.name == "mlp" and not self.rates else 1
            self.rates.append(warming * speeds[self.name] * machine[len(self.rates)])

        def close(self): ...

    monkeypatch.setattr(throughput, "Contestant", StandIn)
    records = throughput.compare(
        Namespace(brains=["mlp"], env="Hopper-v5", threads=2, rounds=3, seconds=1.0)
    )
    assert records[0] == {
        "what": "training mlp",
        "env": "Hopper-v5",
        "steps_per_second": 400,
        "ratio": 4.0,
        "against": "SB3 PPO",
    }
    assert [(record["what"], record["ratio"]) for record in records[1:]] == [
        ("training mlp", 40.0),
        ("training SB3 PPO", 10.0),
        ("training sb3-contrib RecurrentPPO", 0.1),
    ]
