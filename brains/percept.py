"""What arrives at a control step: the senses, and what other parts of the brain sent before.

Signals that run against the flow (dopamine, the controller's own last output, predictions) arrive
like senses do: as numbers, without a gradient. A replay of experience reads them from the record of
what was lived, so every part can run over a whole segment at once and the replay of a fresh rollout
gives the very numbers that were lived.
"""

from typing import NamedTuple

from torch import Tensor


class Prediction(NamedTuple):
    """The world model's word on the senses before they arrived; without one, all sizes are 0.

    Attributes:
        mean: Predicted senses, in units of the normalised senses, [..., P].
        deviation: Predicted standard deviation, in the same units, [..., P].
        context: The model's hidden state after the senses had corrected it, [..., H].
    """

    mean: Tensor
    deviation: Tensor
    context: Tensor


class Percept(NamedTuple):
    """All that a brain receives in one control step; data, whatever made it.

    Attributes:
        senses: Normalised senses, all modalities side by side, [..., S].
        reward: Reward of the step before, in units of the critic; 0 where it is not sensed, [...].
        prediction: What the world model had expected.
        modulators: Levels of the neuromodulators at the end of the step before, [..., C].
        memory: The controller's output of the step before, for synapses that learn from it; of
            size 0 where none do, [..., F].
    """

    senses: Tensor
    reward: Tensor
    prediction: Prediction
    modulators: Tensor
    memory: Tensor
