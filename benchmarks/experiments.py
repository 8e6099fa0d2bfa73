"""What is asked of each part of the brain: worlds, variants and experiments, as data.

An experiment trains variants in worlds, the same cell only once however many experiments want it,
and evaluates each run as it was trained, in the experiment's tests, and with its lesions.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

FEEDBACK = "feedback=[action,reward,alive]"

WORLDS = {
    "cheetah": ("env=HalfCheetah-v5",),
    "cheetah_without_velocities": (
        "env=HalfCheetah-v5", "challenge=velocity_masking", "challenge.severity=hard",
        "challenge/onset=start",
    ),
    "cheetah_dropout": (
        "env=HalfCheetah-v5", "challenge=dropout", "challenge.severity=medium",
        "challenge/onset=start",
    ),
    "cheetah_distracted": ("env=HalfCheetah-v5", "distractors=hard"),
    "cheetah_less_distracted": ("env=HalfCheetah-v5", "distractors=medium"),
    "reacher_remapped": ("env=Reacher-v5", "challenge=motor_remap", "challenge.severity=easy"),
    "reacher_remapped_from_start": (
        "env=Reacher-v5", "challenge=motor_remap", "challenge.severity=easy",
        "challenge/onset=start",
    ),
    "cheetah_remapped": (
        "env=HalfCheetah-v5", "challenge=motor_remap", "challenge.severity=medium",
    ),
    "reversal": ("env=Reversal", "agent.segment_length=32"),
    "reach_remapped": ("env=Reach", "challenge=motor_remap", "challenge.severity=easy"),
    "reach_3_remapped": (
        "env=Reach", "+env.kwargs.joints=3", "challenge=motor_remap", "challenge.severity=medium",
        "agent.segment_length=32",
    ),
    "reach_3_remapped_long": (
        "env=Reach", "+env.kwargs.joints=3", "challenge=motor_remap", "challenge.severity=medium",
        "agent.n_steps=128", "agent.segment_length=128",
    ),
    "walker": ("env=Walker2d-v5",),
    "quadruped_losing_a_leg": (
        "env=Quadruped", "challenge=leg_loss", "challenge.severity=hard",
    ),
}  # fmt: skip
"""Options of train.py by the name of a world. Without `challenge/onset` a change comes in the
middle third of an episode; it draws from the variants that are not held out."""

CONSTANT = ("agent/learning_rate=constant", "agent.learning_rate.initial=3.0e-4")
"""About where the KL-adaptive rate of a full brain stands in the middle of a training."""

VARIANTS = {
    "full": ("brain=full",),
    "full_without_world_model": ("brain=full_without_world_model",),
    "full_without_sparse_code": ("brain=full_without_sparse_code",),
    "full_with_dense_code": ("brain=full", "brain/perception=dense"),
    "full_without_plasticity": ("brain=full_without_plasticity",),
    "full_without_neuromodulator": ("brain=full_without_neuromodulator",),
    "kl_rate_alone": ("brain=full", "brain.neuromodulator.rate_exponent=0"),
    "dopamine_rate_alone": ("brain=full", *CONSTANT),
    "constant_rate": ("brain=full", *CONSTANT, "brain.neuromodulator.rate_exponent=0"),
    "full_read_loudly": ("brain=full", "brain.plasticity.read_gain=1"),
    "full_small": ("brain=full", "brain.size=small"),
    "full_with_gates": ("brain=full", "brain/controller=gru", "brain.plasticity.read_gain=1"),
    "full_read_loudly_without_sparse_code": (
        "brain=full_without_sparse_code", "brain.plasticity.read_gain=1",
    ),
    "spiking": ("brain=spiking",),
    "spiking_with_fast_weights": (
        "brain=spiking", FEEDBACK, "brain/plasticity=associative", "brain.plasticity.read_gain=1",
    ),
    "spiking_small": ("brain=spiking", "brain.size=small"),
    "spiking_without_recurrence": (
        "brain=spiking", "brain.controller.recurrent_gain=0",
        "brain.controller.recurrent_rate_scale=0",
    ),
    "rate": ("brain=rate",),
    "gru": ("brain=gru",),
    "gru_small": ("brain=gru", "brain.size=small"),
    "gru_told_what_is_missing": ("brain=gru", FEEDBACK),
    "gru_matched": ("brain=gru", FEEDBACK, "brain.controller.hidden_size=455"),
    "gru_alone": ("brain=gru", FEEDBACK, "brain/reflex=none"),
    "gru_with_fast_weights": (
        "brain=gru", FEEDBACK, "brain/reflex=none", "brain/plasticity=associative",
        "brain.plasticity.read_gain=1",
    ),
    "mlp": ("brain=mlp",),
}  # fmt: skip
"""Options of train.py by the name of a brain. `gru_matched` has as many parameters as `full`, but
for a fiftieth, and senses the previous action and reward as `full` does. `gru_alone` and
`gru_with_fast_weights` differ in nothing else, and have no reflex, which nothing can remap.
`full_with_gates` has a GRU in place of its spiking population; it reads fast weights loudly."""

SPEEDS = {
    "full": 2400, "full_small": 3500, "spiking": 5300, "rate": 5300, "gru": 5300,
    "gru_matched": 4000, "mlp": 10_000, "kl": 2400, "dopamine": 2400, "constant": 2400,
}  # fmt: skip
"""Training steps per second of one quiet core, by how a variant's name begins: for estimates."""

FAST_WEIGHTS = ("fast_weights_zeroed", "fast_weights_shuffled")
AT_ONSET = (*FAST_WEIGHTS, "fast_weights_frozen")
MODULATOR = ("modulator_clamped",)
HELD_OUT = MappingProxyType({"held_out": ("challenge.split=test",)})
REMAPPED = (
    "full", "full_read_loudly", "full_without_plasticity", "gru_matched",
    "gru_alone", "gru_with_fast_weights",
)  # fmt: skip
REMAPPED_LESIONS = MappingProxyType(
    {
        "full": (*AT_ONSET, *MODULATOR),
        "full_read_loudly": (*AT_ONSET, *MODULATOR),
        "gru_with_fast_weights": AT_ONSET,
    }
)


class Experiment(NamedTuple):
    """A question about a part, and the runs that answer it.

    Attributes:
        question: What is asked; a heading.
        worlds: Where brains are trained; names of `WORLDS`.
        variants: Brains; names of `VARIANTS`.
        steps: Budget of each run, control steps.
        reference: The variant that the others are held against.
        tests: Further evaluations of every run, by name: options of evaluate.py.
        lesions: Parts that are out of action in further evaluations, by variant, one at a time.
        lesioned_in: The test in which they are made; None for what the run was trained under.
        asks_for_energy: Whether the figure shows returns against what an action costs.
    """

    question: str
    worlds: tuple[str, ...]
    variants: tuple[str, ...]
    steps: int
    reference: str
    tests: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    lesions: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    lesioned_in: str | None = None
    asks_for_energy: bool = False


EXPERIMENTS = {
    "velocities_masked": Experiment(
        "What is recurrence worth where velocities cannot be sensed?",
        worlds=("cheetah_without_velocities",),
        variants=("mlp", "gru", "rate", "spiking", "spiking_without_recurrence"),
        steps=250_000,
        reference="mlp",
    ),
    "motor_remap_2": Experiment(
        "Do fast weights and dopamine help an arm whose two motors are secretly remapped, "
        "also in ways never trained on?",
        worlds=("reacher_remapped",),
        variants=("full", "full_without_plasticity", "gru_matched"),
        steps=500_000,
        reference="full",
        tests=HELD_OUT,
        lesions={"full": (*AT_ONSET, *MODULATOR)},
        lesioned_in="held_out",
    ),
    "motor_remap_2_from_start": Experiment(
        "Do fast weights and dopamine help an arm that must find out in each episode "
        "how its two motors are mapped?",
        worlds=("reacher_remapped_from_start",),
        variants=("full", "full_read_loudly", "full_without_plasticity", "gru_matched"),
        steps=300_000,
        reference="full",
        tests=HELD_OUT,
        lesions={"full": (*FAST_WEIGHTS, *MODULATOR), "full_read_loudly": FAST_WEIGHTS},
        lesioned_in="held_out",
    ),
    "reversal": Experiment(
        "Do fast weights and dopamine help where only what was paid tells which target pays?",
        worlds=("reversal",),
        variants=("full", "full_without_plasticity", "full_without_neuromodulator", "gru_matched"),
        steps=400_000,
        reference="full",
        lesions={"full": (*FAST_WEIGHTS, *MODULATOR)},
    ),
    "leg_lost": Experiment(
        "Do fast weights help a quadruped that loses a leg in mid-episode, "
        "also one that it never lost?",
        worlds=("quadruped_losing_a_leg",),
        variants=("full", "full_without_plasticity", "gru_matched"),
        steps=1_000_000,  # after 200,000 nobody walks
        reference="full",
        tests=HELD_OUT,
        lesions={"full": (*AT_ONSET, *MODULATOR)},
        lesioned_in="held_out",
    ),
    "nothing_hidden": Experiment(
        "What does each part cost a walker that has all its senses and nothing to adapt to?",
        worlds=("walker",),
        variants=(
            "full",
            "full_without_world_model",
            "full_without_sparse_code",
            "full_without_plasticity",
            "full_without_neuromodulator",
        ),
        steps=1_000_000,
        reference="full",
    ),
    "sensor_dropout": Experiment(
        "Does a world model that fills in what is missing help where senses drop out?",
        worlds=("cheetah_dropout",),
        variants=("full", "full_without_world_model", "gru_told_what_is_missing"),
        steps=200_000,
        reference="full",
        tests={"harder": ("challenge.severity=hard",)},
        lesions={"full": ("fill_in_off",)},
    ),
    "irrelevant_inputs": Experiment(
        "Does a sparse code help where nine tenths of what is sensed is irrelevant?",
        worlds=("cheetah_distracted",),
        variants=("full", "full_with_dense_code", "full_without_sparse_code"),
        steps=600_000,
        reference="full",
    ),
    "irrelevant_inputs_fewer": Experiment(
        "Does a sparse code help where three quarters of what is sensed is irrelevant?",
        worlds=("cheetah_less_distracted",),
        variants=("full", "full_with_dense_code", "full_without_sparse_code"),
        steps=200_000,
        reference="full",
    ),
    "learning_rate": Experiment(
        "Does dopamine set the learning rate as well as the divergence of the policy does?",
        worlds=("cheetah",),
        variants=("full", "kl_rate_alone", "dopamine_rate_alone", "constant_rate"),
        steps=200_000,
        reference="kl_rate_alone",
    ),
    "energy": Experiment(
        "What do spikes cost and earn, beside rates and gates of two sizes?",
        worlds=("cheetah",),
        variants=("full", "full_small", "spiking", "spiking_small", "rate", "gru", "gru_small"),
        steps=200_000,
        reference="gru",
        asks_for_energy=True,
    ),
    "motor_remap_3": Experiment(
        "Do fast weights help a runner of which three of six motors are secretly remapped, "
        "also in ways never trained on?",
        worlds=("cheetah_remapped",),
        variants=("full", "full_without_plasticity", "gru_matched"),
        steps=400_000,
        reference="full",
        tests=HELD_OUT,
        lesions={"full": (*AT_ONSET, *MODULATOR)},
        lesioned_in="held_out",
    ),
    "reach_remap_2": Experiment(
        "Do fast weights and dopamine help an arm whose two motors are secretly remapped "
        "while it follows a target, also in a way never trained on?",
        worlds=("reach_remapped",),
        variants=REMAPPED,
        steps=2_000_000,  # at a million GRUs with and without fast weights still get better
        reference="full",
        tests=HELD_OUT,
        lesions=REMAPPED_LESIONS,
        lesioned_in="held_out",
    ),
    "reach_remap_3": Experiment(
        "Do fast weights and dopamine help an arm whose three motors are secretly remapped "
        "while it follows a target, also in ways never trained on?",
        worlds=("reach_3_remapped",),
        variants=REMAPPED,
        steps=3_000_000,  # at a million GRUs with and without fast weights still get better
        reference="full",
        tests=HELD_OUT,
        lesions=REMAPPED_LESIONS,
        lesioned_in="held_out",
    ),
    "reach_remap_3_long": Experiment(
        "What are fast weights worth to such an arm if gradients flow through 128 steps, "
        "from before a change to long after it?",
        worlds=("reach_3_remapped_long",),
        variants=(
            "gru_alone",
            "gru_with_fast_weights",
            "spiking_with_fast_weights",
            "full_with_gates",
            "full_read_loudly_without_sparse_code",
            "full_read_loudly",
            "full_without_plasticity",
        ),
        steps=3_000_000,
        reference="gru_alone",
        tests=HELD_OUT,
        lesions={
            name: ("fast_weights_frozen",)
            for name in (
                "gru_with_fast_weights",
                "spiking_with_fast_weights",
                "full_with_gates",
                "full_read_loudly_without_sparse_code",
                "full_read_loudly",
            )
        },
        lesioned_in="held_out",
    ),
}
"""The cheapest and most asked first."""


def speed_of(variant: str) -> int:
    """Return about how many steps a second a variant trains at, on one quiet core."""
    prefixes = sorted((name for name in SPEEDS if variant.startswith(name)), key=len)
    return SPEEDS[prefixes[-1]]
