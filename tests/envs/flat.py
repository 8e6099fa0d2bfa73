"""What rows sense as one array, whether it is told by modality or not."""

import numpy as np


def flat(observation):
    """Return [N, ...] as it is, and modalities side by side, [N, D]."""
    if isinstance(observation, dict):
        return np.concatenate([part.reshape(len(part), -1) for part in observation.values()], 1)
    return np.asarray(observation)
