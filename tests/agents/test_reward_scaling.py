import numpy as np
import pytest

from agents.errors import NonFiniteError
from agents.reward_scaling import RewardScaler


def test_scaled_rewards_make_discounted_returns_of_unit_spread():
    random = np.random.default_rng(0)
    scaler = RewardScaler(64, gamma=0.9)
    nobody = np.zeros(64, bool)
    returns = np.zeros(64)
    for _ in range(500):
        scaled = scaler(random.normal(size=64) * 30.0, nobody)
        returns = returns * 0.9 + scaled
    assert returns.std() == pytest.approx(1.0, abs=0.25)


def test_sign_and_zero_stay():
    scaler = RewardScaler(3, gamma=0.9)
    for _ in range(5):
        scaled = scaler(np.array([-2.0, 0.0, 2.0]), np.zeros(3, bool))
    assert scaled[0] < 0 == scaled[1] < scaled[2]


def test_the_discounted_sum_restarts_with_an_episode():
    scaler = RewardScaler(2, gamma=0.5)
    scaler(np.array([4.0, 4.0]), np.array([True, False]))
    scaler(np.array([1.0, 1.0]), np.zeros(2, bool))
    assert scaler.running.tolist() == [1.0, 3.0]


def test_it_goes_on_where_its_state_was_read():
    one, other = RewardScaler(4, gamma=0.9), RewardScaler(4, gamma=0.9)
    random, nobody = np.random.default_rng(0), np.zeros(4, bool)
    for _ in range(3):
        one(random.normal(size=4), nobody)
    other.load_training_state(one.training_state())
    reward = random.normal(size=4)
    np.testing.assert_array_equal(one(reward, nobody), other(reward, nobody))


def test_rewards_whose_spread_single_precision_cannot_hold_are_refused_with_their_row():
    nobody = np.zeros(2, bool)
    for bad, told in ((-1e40, r"-1e\+40"), (float("inf"), "inf"), (float("nan"), "nan")):
        with pytest.raises(NonFiniteError, match=f"row 1 became {told} with a reward of {told},"):
            RewardScaler(2, gamma=0.9)(np.array([1.0, bad]), nobody)
    adding_up = RewardScaler(2, gamma=0.9)
    with pytest.raises(NonFiniteError, match="row 0 became"):
        for _ in range(20):
            adding_up(np.array([2e37, 0.0]), nobody)


def test_the_largest_return_that_is_taken_has_a_unit_in_single_precision():
    scaler = RewardScaler(2, gamma=1.0)
    scaled = scaler(np.array([1e38, -1e38]), np.zeros(2, bool))
    assert np.isfinite(np.float32(scaler.deviation))
    assert np.isfinite(scaled).all()
