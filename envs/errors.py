"""The errors that environments raise for users to read; each message is one line."""


class UnknownEnvironment(ValueError):  # noqa: N818 - reads as what happened
    """No environment has this name."""


class PhysicsError(RuntimeError):
    """The simulation of some row left the finite numbers."""


class RenderingError(RuntimeError):
    """This machine cannot draw; the message names the package or variable that mends it."""


class UnsavableError(RuntimeError):
    """An environment holds state that cannot be written down, so its runs cannot be resumed."""
