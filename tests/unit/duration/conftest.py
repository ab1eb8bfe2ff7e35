"""Made sets that tests of the duration model share."""

import pytest

from support.fits import PERCENTILES, fit
from support.sets import made_set


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """Four videos: below ten groups."""
    folder = tmp_path_factory.mktemp("few")
    made = made_set(folder, 4)
    return made.build(thresholds=PERCENTILES), fit(made.build(thresholds=PERCENTILES), folder)
