import numpy as np
import pytest

from agents.episodes import Episode
from agents.reward_traces import NAME, read_rewards, time_limit_of, write_rewards
from analysis.adaptation import adaptation
from analysis.compare import as_csv, as_text, compare
from analysis.measures import costs, is_energy
from tests.analysis.run_folders import ONSET

ROWS = [
    {"env_steps": str(step), "synaptic_ops_per_action": str(step), "energy/45_nm": "", "kl": "1"}
    for step in range(1, 21)
]


def test_a_cost_of_training_is_the_mean_of_its_last_tenth():
    assert costs(ROWS, {}) == {"synaptic operations/action": 19.5}


def test_what_an_evaluation_counted_comes_before_what_the_training_did():
    record = {"deterministic": {"synaptic_ops_per_action": 7}, "macs_per_action": 3.0}
    found = costs(ROWS, {**record, "energy": {"45_nm": 2.5, "77_fJ": 0.1}})
    assert found == {
        "synaptic operations/action": 7.0,
        "MACs/action": 3.0,
        "nJ/action (45 nm)": 2.5,
        "nJ/action (77 fJ)": 0.1,
    }
    assert sum(map(is_energy, found)) == 2


def test_energy_in_columns_of_the_progress_file_is_found_too():
    rows = [{**row, "energy/45_nm": "4.0"} for row in ROWS]
    assert costs(rows, {})["nJ/action (45 nm)"] == 4.0


def test_a_run_that_counts_nothing_has_no_costs():
    assert costs([], {}) == {}
    assert costs([{"env_steps": "1", "synaptic_ops_per_action": ""}], {"deterministic": []}) == {}


def test_costs_and_adaptation_have_columns_as_soon_as_a_run_tells_them(make_run):
    plain = as_text(compare([make_run("a")]))
    assert "Costs" not in plain
    assert "Adaptation" not in plain
    run = make_run("b", brain="gru", costs={"energy": {"45_nm": 12.5}}, onset=ONSET)
    comparison = compare([run])
    text = as_text(comparison)
    assert "nJ/action (45 nm)" in text
    assert "12.5" in text
    measured = adaptation(read_rewards(run / NAME, "deterministic"))
    assert comparison.rows[0].measures["drop at once"].value == pytest.approx(measured.drop)
    assert "nj_per_action_45_nm_low" in as_csv(comparison.rows)
    assert "drop_at_once_iqm" in as_csv(comparison.rows)


def test_runs_that_all_fall_are_measured_to_the_time_limit_of_their_body(make_run):
    run = make_run("a", onset=ONSET)
    told = {"leg_loss": {"onset": 40, "end": None, "variant": "front"}}
    fallen = [Episode(50.0, np.ones(50), terminated=True, challenge=told)]
    write_rewards(run / NAME, {"deterministic": fallen, "exploring": fallen})
    measures, limit = compare([run]).rows[0].measures, time_limit_of("Hopper-v5")
    assert limit and measures["area lost"].value == limit - 50
    assert measures["loss in the end"].value == 1


def test_a_broken_file_of_rewards_is_said_and_spoils_nothing_else(make_run):
    run = make_run("a", onset=ONSET)
    (run / NAME).write_bytes(b"PK\x03\x04 broken")
    comparison = compare([run])
    assert any(f"{NAME} cannot be read" in note for note in comparison.notes)
    assert comparison.rows[0].returns["deterministic"].value == 100.0


def test_energy_is_read_as_an_evaluation_reports_it():
    energy = {
        "operations_per_action": {"macs": 7.0, "synaptic_ops": 5.0, "dense_macs": 99.0},
        "nanojoules_per_action": {"45nm": {"brain": 3.0, "dense": 11.0}},
    }
    assert costs([], {"energy": energy}) == {
        "MACs/action": 7.0,
        "synaptic operations/action": 5.0,
        "nJ/action (45nm)": 3.0,
    }
