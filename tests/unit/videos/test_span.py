"""The part of a video that is used."""

import pytest

from chronovision.videos.span import Span


@pytest.mark.parametrize(
    ("span", "first_s", "last_s", "duration_s"),
    [
        (Span(), 0.0, 60.0, 60.0),
        (Span(10.0), 10.0, 60.0, 50.0),
        (Span(end_s=15.0), 0.0, 15.0, 15.0),
        (Span(10.0, 90.0), 10.0, 60.0, 50.0),
        (Span(70.0, 80.0), 70.0, 60.0, 0.0),
    ],
)
def test_a_span_of_a_video_of_a_minute(span, first_s, last_s, duration_s):
    assert (span.first_s, span.last_s(60.0), span.duration_s(60.0)) == (first_s, last_s, duration_s)
