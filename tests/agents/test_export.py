"""What leaves as NIR acts as the brain did."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from agents.build import build_agent, make_env
from agents.evaluation import load_agent
from agents.export import main
from agents.run_folder import RunFolder
from brains.lif import LIFState
from brains.nir_export import ExportError, spiking_graph
from tests.agents.small_runs import AGENTS, config_of

nir = pytest.importorskip("nir")

SPIKING = {
    "_target_": "brains.spiking.SpikingController",
    "hidden_size": 24,
    "substeps": 1,
    "surrogate_slope": 2.0,
    "membrane_decays": [0.3, 0.95],
    "readout_decays": [0.3, 0.9],
    "adaptation_decays": [0.5, 0.97],
    "adaptation_strength": 0.0,
    "recurrent_gain": 0.5,
    "normalise_current": False,
    "recurrent_rate_scale": 1.0,
}


def trained(path, **changes):
    """A run of a few updates, so that no weight is what it was at the start."""
    described = {**AGENTS["ppo"][1], "controller": {**SPIKING, **changes}}
    config = config_of("ppo", path, brain=described)
    model = build_agent(config, make_env(config))
    model.learn(256, None)
    run = RunFolder(path)
    run.begin(config)
    run.save_checkpoint(model.training_state(), env_steps=256, wall_seconds=1.0)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("spiking"))


def execution_order(graph):
    """Every node after those that feed it; edges that close a cycle are left out of account."""
    order, open_nodes = [], set()

    def visit(name):
        open_nodes.add(name)
        for source, target in graph.edges:
            if source == name and target not in open_nodes:
                visit(target)
        order.append(name)

    visit("input")
    return order[::-1]


def execute(graph, senses):
    """Run a graph over steps by the equations of NIR alone; what closes a cycle comes a step late.

    Returns what every node gave in every step, [T, n] by name.
    """
    dt = float(graph.metadata["dt"])
    order = execution_order(graph)
    said = {name: [] for name in order}
    now = {name: 0.0 for name in order}
    for sensed in senses:
        for name in order:
            node = graph.nodes[name]
            arriving = sum(now[source] for source, target in graph.edges if target == name)
            if isinstance(node, nir.Input):
                now[name] = sensed
            elif isinstance(node, nir.Affine):
                now[name] = node.weight @ arriving + node.bias
            elif isinstance(node, nir.Linear):
                now[name] = node.weight @ arriving
            elif isinstance(node, nir.LI):
                now[name] += dt / node.tau * (node.v_leak - now[name] + node.r * arriving)
            elif isinstance(node, nir.Threshold):
                now[name] = (arriving > node.threshold).astype(float)
            else:
                now[name] = arriving
            said[name].append(now[name] + np.zeros(1))
    return {name: np.stack(values) for name, values in said.items()}


def test_the_file_of_a_trained_run_gives_the_same_spikes_and_actions(run, tmp_path, capsys):
    path = tmp_path / "controller.nir"
    assert main([f"run={run.path}", f"out={path}"]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    graph = nir.read(path)
    assert float(graph.metadata["dt"]) == pytest.approx(0.008)  # Hopper's
    brain = load_agent(run.path)[0].brain.double()  # decays were rounded to single precision
    senses = torch.randn(200, brain.senses.output_size, dtype=torch.float64)
    wanted, actions = [], []
    with torch.no_grad():
        state = LIFState(*(leaf.double() for leaf in brain.controller.initial_state(1)))
        for sensed in senses:
            features, state = brain.controller(sensed.unsqueeze(0), state)
            wanted.append(state.spikes[0])
            actions.append((brain.action_head(features) + brain.reflex(sensed))[0])
    found = execute(graph, senses.numpy())
    spikes = torch.stack(wanted).numpy()
    assert 0.02 < spikes.mean() < 0.98
    assert (found["spikes"] == spikes).all()
    np.testing.assert_allclose(found["output"], torch.stack(actions).numpy(), atol=1e-6)


def test_what_lies_around_the_graph_travels_with_it(run, tmp_path):
    path = tmp_path / "controller.nir"
    assert main([f"run={run.path}", f"out={path}"]) == 0
    metadata = nir.read(path).metadata
    brain = load_agent(run.path)[0].brain
    np.testing.assert_allclose(metadata["senses_mean"], brain.senses.mean.numpy())
    deviation = (brain.senses.variance + brain.senses.epsilon).sqrt()
    np.testing.assert_allclose(metadata["senses_deviation"], deviation.numpy())
    assert float(metadata["senses_clip"]) == brain.senses.clip


@pytest.mark.parametrize("alive", [1.0, 0.0])
def test_what_lies_around_the_graph_makes_its_input_of_what_is_sensed(alive, tmp_path):
    senses = {**AGENTS["ppo"][1]["senses"], "private": ["reward"]}
    described = {**AGENTS["ppo"][1], "controller": SPIKING, "senses": senses}
    config = config_of("ppo", tmp_path, brain=described, feedback=["reward", "alive"])
    model = build_agent(config, make_env(config))
    model.learn(256, None)
    observation = model._last_obs
    observation["alive"] = np.full_like(observation["alive"], alive)
    graph = spiking_graph(model.brain, dt=0.01)
    around = graph.metadata
    assert around["senses"] == "alive:11 senses:11"  # reward is not for the controller's ears
    sensed = np.concatenate([observation["alive"], observation["senses"]], axis=1)
    given = (sensed - around["senses_mean"]) / around["senses_deviation"]
    given = given.clip(-around["senses_clip"], around["senses_clip"])
    assert graph.nodes["input"].input_type["input"] == given.shape[1]
    with torch.no_grad():
        whole = {name: torch.as_tensor(values) for name, values in observation.items()}
        heard = model.brain.senses.layout.hear(model.brain.senses(whole))
    np.testing.assert_allclose(given, heard.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "way_out"),
    [
        ({"normalise_current": True}, "layer norm: .*normalise_current=false"),
        ({"adaptation_strength": 0.2}, "adaptive thresholds: .*adaptation_strength=0"),
        ({"substeps": 2}, "spiking steps per input: .*substeps=1"),
    ],
)
def test_what_nir_cannot_say_is_refused_by_name_with_the_setting_that_helps(
    change, way_out, tmp_path
):
    described = {**AGENTS["ppo"][1], "controller": {**SPIKING, **change}}
    config = config_of("ppo", tmp_path, brain=described)
    with pytest.raises(ExportError, match=way_out):
        spiking_graph(build_agent(config, make_env(config)).brain, dt=0.01)


def test_a_gated_brain_is_refused_with_the_controller_that_leaves(tmp_path):
    config = config_of("ppo", tmp_path)
    told = r"this brain's controller, a GRUController: .*brain/controller=spiking"
    with pytest.raises(ExportError, match=told):
        spiking_graph(build_agent(config, make_env(config)).brain, dt=0.01)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((), "run=<folder> out=<file>"),
        (("runs=x", "out=y"), "did you mean run="),
        (("run=nowhere", "out=y"), "nowhere"),
    ],
)
def test_a_mistake_on_the_command_line_is_answered_in_one_line(
    arguments, answer, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    complaint = capsys.readouterr().err
    assert answer in complaint
    assert complaint.count("\n") == 1


def test_without_the_library_one_line_tells_how_to_get_it(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nir", None)
    assert main([f"run={run.path}", f"out={tmp_path / 'x.nir'}"]) == 2
    complaint = capsys.readouterr().err
    assert "pip install nir" in complaint
    assert complaint.count("\n") == 1


def test_the_command_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "agents.export"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
