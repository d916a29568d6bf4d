"""Stories, told once to their beginning for every test."""

import pytest

from tests.core.story import Story


@pytest.fixture
def story() -> Story:
    """A target `web` of app.py and views.py, running, in an image made of requirements.txt."""
    told = Story().connected()
    told.settle()
    told.passed(60)
    return told
