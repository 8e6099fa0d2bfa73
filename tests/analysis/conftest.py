import envs  # noqa: F401  # before any test imports mujoco: envs chooses how it draws
