"""Made results that tests of the report share."""

import pytest

from support.results import VARIANTS, MadeResults


@pytest.fixture
def made(tmp_path) -> MadeResults:
    made = MadeResults(tmp_path, layers=["pool1", "pool5"], variants=VARIANTS[:2])
    for video in ("bikes", "cars", "dog.2"):
        made.add_video(video, 60)
    return made
