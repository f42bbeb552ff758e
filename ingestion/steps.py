"""Named instants of a run, so that a test can stop the process at exactly one of them.

Nothing in production listens. Killing at each step is how the promise "readers see the last good snapshot
whatever happens" is tested (tests/ingestion/test_pipeline_kill.py).
"""

from collections.abc import Callable

listeners: list[Callable[[str], None]] = []


def reached(step: str) -> None:
    """Tell whoever listens that the run has come to `step`."""
    for listener in listeners:
        listener(step)
