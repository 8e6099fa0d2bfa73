"""Which bodies feel a change of gravity or friction: none is challenged in vain."""

import functools

import mujoco
import numpy as np
import pytest

import envs
from envs.challenges import named_challenge, physics
from envs.challenges.felt import feels_friction, feels_gravity
from envs.registration import build_task, native_names, native_spec

FEELS = {"gravity": feels_gravity, "friction": feels_friction}
ROUNDING = 1e-9


def differences(name, quantity, steps, rows=16):
    """Yield how far motion is from that without the change, after each step of random actions.

    Actions are held for ten steps, so that a body gets somewhere.
    """
    challenge = named_challenge(quantity, severity="hard", onset="start")
    plain, changed = (
        envs.make_vec_env(name, rows, seed=0, num_threads=1, challenge=described)
        for described in (None, challenge)
    )
    space, generator = plain.action_space, np.random.default_rng(0)
    plain.reset(), changed.reset()
    for step in range(steps):
        if step % 10 == 0:
            actions = generator.uniform(space.low, space.high, (rows, *space.shape))
        plain.step(actions.astype(np.float32))
        changed.step(actions.astype(np.float32))
        yield np.abs(plain.engine.task.motion - changed.engine.task.motion).max()


@functools.cache
def bodies_that_feel(quantity):
    models = {
        name: build_task(native_spec(name).kwargs["task"], name, {}).model
        for name in native_names()
    }
    return [name for name, model in models.items() if FEELS[quantity](model)]


@pytest.mark.parametrize("quantity", FEELS)
@pytest.mark.parametrize("name", native_names())
def test_a_body_moves_otherwise_if_it_can_have_it_and_only_then(name, quantity, monkeypatch):
    monkeypatch.setattr(physics, f"feels_{quantity}", lambda _: True)
    if name in bodies_that_feel(quantity):
        assert any(difference > 1e-4 for difference in differences(name, quantity, 150))
    else:
        assert max(differences(name, quantity, 60)) < ROUNDING


@pytest.mark.parametrize(
    ("quantity", "names"),
    [
        (
            "gravity",
            ["Gaze-v0", "Pusher-v5", "Reach-v0", "Reacher-v5", "Reversal-v0", "Swimmer-v5"],
        ),
        ("friction", ["InvertedPendulum-v5", "Pusher-v5", "Reach-v0", "Reacher-v5", "Swimmer-v5"]),
    ],
)
def test_a_body_that_cannot_have_it_is_refused_in_one_line_with_all_that_can(quantity, names):
    able = ", ".join(bodies_that_feel(quantity))
    for name in names:
        with pytest.raises(ValueError, match=f"^challenge '{quantity}' needs a body") as error:
            envs.make_vec_env(name, 2, challenge=quantity)
        assert "\n" not in str(error.value)
        assert str(error.value).endswith(f"; those that can have it: {able}")


def arm(axis="0 1 0", *, body="", rest="", option=""):
    """Return a pendulum whose joint turns about an axis."""
    return mujoco.MjModel.from_xml_string(f"""
        <mujoco>
          <option>{option}</option>
          <worldbody>
            <body {body}>
              <joint axis="{axis}"/>
              <geom type="capsule" fromto="0 0 0 .3 0 0" size=".02" contype="0" conaffinity="0"/>
              <site name="wrist" pos=".3 0 0"/>
            </body>
          </worldbody>
          {rest}
        </mujoco>""")


def test_gravity_is_felt_where_it_pulls_along_a_joint_or_shows_in_a_sensor():
    assert feels_gravity(arm())
    assert feels_gravity(arm("0 0.001 1"))
    assert not feels_gravity(arm("0 0 1"))
    sensor = '<sensor><accelerometer site="wrist"/></sensor>'
    assert feels_gravity(arm("0 0 1", rest=sensor))
    speed = '<sensor><velocimeter site="wrist"/></sensor>'
    assert not feels_gravity(arm("0 0 1", rest=speed))
    assert not feels_gravity(arm(option='<flag gravity="disable"/>'))
    assert not feels_gravity(arm(body='gravcomp="1"'))
    assert feels_gravity(arm(body='gravcomp="0.5"'))


def test_the_model_that_is_asked_stays_as_it_was():
    model = arm()
    before = model.opt.gravity.copy(), model.opt.disableflags
    feels_gravity(model), feels_friction(model)
    np.testing.assert_array_equal(model.opt.gravity, before[0])
    assert model.opt.disableflags == before[1]


ONE = '<joint type="slide" axis="1 0 0"/>'
BALL = '<geom name="{}" size=".1" {}/>'


def meeting(first="", second="", *, joints=(ONE, ONE), nested=False, rest="", option=""):
    """Return a model of two balls that overlap, the second beside the first or its child."""
    ball, other = BALL.format("a", first), BALL.format("b", second)
    inner = f'<body name="b" pos=".15 0 0">{joints[1]}{other}</body>'
    outer = f'<body name="a">{joints[0]}{ball}{inner if nested else ""}</body>'
    return mujoco.MjModel.from_xml_string(f"""
        <mujoco>
          <option>{option}</option>
          <worldbody>{outer}{"" if nested else inner}</worldbody>
          {rest}
        </mujoco>""")


OFF = 'contype="0" conaffinity="0"'
SMOOTH = 'condim="1"'


@pytest.mark.parametrize(
    ("rubs", "described"),
    [
        (True, {}),
        (True, {"joints": (ONE, "")}),  # the second is a part of the world
        (False, {"joints": ("", "")}),
        (False, {"nested": True}),  # a child
        (False, {"nested": True, "joints": (ONE, "")}),  # welded to it
        (True, {"nested": True, "option": '<flag filterparent="disable"/>'}),
        (False, {"rest": '<contact><exclude body1="a" body2="b"/></contact>'}),
        (False, {"option": '<flag contact="disable"/>'}),
        (False, {"first": OFF}),
        (False, {"first": 'contype="0"', "second": 'contype="0"'}),
        (True, {"first": 'contype="0"', "second": 'conaffinity="0"'}),
        (True, {"first": SMOOTH}),
        (False, {"first": SMOOTH, "second": SMOOTH}),
        (False, {"first": f'{SMOOTH} priority="1"'}),
        (True, {"first": 'friction="0"'}),
        (False, {"first": 'friction="0"', "second": 'friction="0"'}),
        (True, {"first": OFF, "rest": '<contact><pair geom1="a" geom2="b"/></contact>'}),
        (False, {"first": OFF, "rest": f'<contact><pair geom1="a" geom2="b" {SMOOTH}/></contact>'}),
    ],
)
def test_surfaces_rub_where_mujoco_makes_a_contact_with_friction(rubs, described):
    model = meeting(**described)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    made = data.contact.efc_address >= 0
    grips = (data.contact.dim > 1) & (data.contact.friction[:, 0] > mujoco.mjMINMU)
    assert (made & grips).any() == rubs
    assert feels_friction(model) == rubs
