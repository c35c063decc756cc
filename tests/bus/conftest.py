"""Fixtures that tests of the bus share."""

import pytest

from chatapp import clock


@pytest.fixture
def later(monkeypatch):
    """Let time pass: `later(2)`."""
    moved = [0.0]
    real = clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: real() + moved[0])

    def pass_by(seconds):
        moved[0] += seconds

    return pass_by
