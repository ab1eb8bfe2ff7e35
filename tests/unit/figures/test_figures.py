"""Every figure is drawn, and shows what its data say."""

import io
import re

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chronovision.core.tables import read_table
from chronovision.core.variants import Variant
from chronovision.duration.estimators import ESTIMATORS
from chronovision.figures import matrices, timeline
from chronovision.figures import set as set_figures
from chronovision.figures import video as video_figures
from chronovision.figures.matrices import (
    binned_z_scores,
    correlation_from_sketch,
    evenly_timed,
    sort_channels,
)
from chronovision.figures.set import plot_set
from chronovision.figures.style import styled
from chronovision.figures.timeline import draw_timeline
from chronovision.figures.video import VideoResults, draw_changes, draw_counts, plot_video
from support.results import VARIANTS, MadeResults
from support.tiers import moderate_after, slow_after

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.filterwarnings("ignore:.*float_precision.*"),
]


@pytest.fixture
def captured(monkeypatch) -> dict:
    """Figures by the name of the file to which they would have been written."""
    figures = {}
    for module in (video_figures, matrices, set_figures, timeline):
        monkeypatch.setattr(module, "save", lambda figure, path: figures.update({path: figure}))
    return figures


def results_of(made: MadeResults, video: str) -> VideoResults:
    files = {
        "features": made.results.features(video=video),
        "thumbnails": made.results.thumbnails(video=video),
        "changes": [made.results.changes(metric=metric, video=video) for metric in made.metrics],
        "accumulators": [
            made.results.accumulators(variant=variant, video=video) for variant in made.variants
        ],
        "segments": [
            made.results.segments(variant=variant, video=video) for variant in made.variants
        ],
    }
    return VideoResults.from_files(video, files)


def draw_all(made: MadeResults, video: str) -> dict:
    names = [f"timeline.{variant}" for variant in made.variants]
    names += [f"{what}.{metric}" for what in ("counts", "changes") for metric in made.metrics]
    names += ["heatmaps", "similarity"]
    figures = {name: made.path("figures", video, f"{name}.png") for name in names}
    plot_video(results=results_of(made, video), figures=figures)
    return figures


@pytest.mark.parametrize(
    ("layers", "n", "shape"),
    slow_after(
        1,
        [
            (["pool1", "features.3"], 120, "busy"),
            (["pool5"], 2, "busy"),
            (["pool5"], 30, "still"),
            (["a$b_c"], 40, "gaps"),
            ([f"pool{i}" for i in range(8)], 50, "busy"),
        ],
    ),
)
def test_every_figure_of_a_video_is_drawn(tmp_path, layers, n, shape):
    made = MadeResults(tmp_path, layers=layers, variants=VARIANTS[: 1 + (n > 50)])
    made.add_video("v", n, shape=shape)
    for path in draw_all(made, "v").values():
        with Image.open(path) as image:
            assert image.width == 1100
            assert len(image.convert("L").getcolors(256)) > 5


@pytest.mark.moderate
def test_figures_repeat_byte_for_byte(tmp_path):
    made = MadeResults(tmp_path, layers=["pool1"], variants=VARIANTS[:1])
    made.add_video("v", 40)
    first = {name: path.read_bytes() for name, path in draw_all(made, "v").items()}
    assert first == {name: path.read_bytes() for name, path in draw_all(made, "v").items()}


def test_an_unknown_figure_is_refused(tmp_path):
    made = MadeResults(tmp_path, layers=["pool1"], variants=VARIANTS[:1])
    made.add_video("v", 10)
    with pytest.raises(ValueError, match="sparkles"):
        plot_video(results=results_of(made, "v"), figures={"sparkles": tmp_path / "x.png"})


@pytest.mark.parametrize("videos", moderate_after(1, [1, 3, 10]))
def test_every_figure_of_a_set_is_drawn(tmp_path, videos):
    made = MadeResults(tmp_path, layers=["pool1", "pool5"])
    made.videos = {f"v{i}": {"n": 50, "fps": 25.0} for i in range(videos)}
    made.add_set()
    names = ["static_vs_dynamic", "metric_vs_metric"]
    names += [f"{what}.{VARIANTS[0]}" for what in ("counts_vs_duration", "predicted_vs_real")]
    figures = {name: tmp_path / f"{name}.png" for name in names}
    plot_set(
        summary=made.results.summary(),
        clips={VARIANTS[0]: made.results.clips(variant=VARIANTS[0])},
        predictions={VARIANTS[0]: made.results.predictions(variant=VARIANTS[0])},
        figures=figures,
    )
    assert all(path.stat().st_size > 5000 for path in figures.values())


def test_a_figure_of_a_table_without_rows_says_why(tmp_path, captured):
    made = MadeResults(tmp_path, layers=["pool1"])
    made.videos = {f"v{i}": {"n": 50, "fps": 25.0} for i in range(3)}
    made.add_set()
    why = {"reason": "a_b$ and " + "x" * 120 + " are $one$ file; " * 40, "remedy": "one group"}
    made.empty(made.results.clips(variant=VARIANTS[0]), **why)
    made.empty(made.results.predictions(variant=VARIANTS[0]), **why)
    names = [f"{what}.{VARIANTS[0]}" for what in ("counts_vs_duration", "predicted_vs_real")]
    plot_set(
        summary=made.results.summary(),
        clips={VARIANTS[0]: made.results.clips(variant=VARIANTS[0])},
        predictions={VARIANTS[0]: made.results.predictions(variant=VARIANTS[0])},
        figures={name: name for name in names},
    )
    for name in names:
        figure = captured[name]
        (text,) = [text for text in figure.texts if text.get_text().startswith("Nothing")]
        said = f"Nothing to show: {why['reason']}."
        assert re.sub(r"\s", "", text.get_text()) == re.sub(r"\s", "", said)
        shown = text.get_window_extent(figure.canvas.get_renderer())
        assert shown.x0 >= 0 and shown.x1 <= figure.bbox.width
        assert shown.y0 >= 0 and shown.y1 <= figure.bbox.height


class Uneven:
    """Tables of a made video whose clock starts late and slows down."""

    def __init__(self, root, variant: Variant) -> None:
        made = MadeResults(root, layers=["pool1", "pool5"], variants=VARIANTS)
        made.add_video("v", 200)
        self.variant, self.layers = variant, made.layers
        self.changes = read_table(made.results.changes(metric=variant.metric, video="v"))
        self.accumulators = read_table(made.results.accumulators(variant=variant, video="v"))
        self.segments = read_table(made.results.segments(variant=variant, video="v"))
        self.features = made.results.features(video="v")
        self.thumbnails = made.results.thumbnails(video="v")
        self.time = 1.5 + self.changes["time_s"].to_numpy() ** 1.3
        self.span = (1.5, self.time[-1] + np.median(np.diff(self.time)))
        for table in (self.changes, self.accumulators):
            table["time_s"] = self.time
        first = self.segments["start_frame"].to_numpy()
        self.segments["start_s"] = self.time[first]
        self.segments["duration_s"] = np.diff([*self.time[first], self.span[1]])
        for path, step in ((self.thumbnails, "frame"), (self.features, "source_frame")):
            with h5py.File(path, "r+") as file:
                file["time_s"][:] = self.time[file[step][:]]

    def draw_timeline(self, path="timeline") -> None:
        tables = (self.changes, self.accumulators, self.segments)
        with styled():
            draw_timeline(path, self.variant, "v", *tables, self.thumbnails)


def xy(line) -> np.ndarray:
    return np.asarray(line.get_xydata(), dtype=float)


@pytest.mark.parametrize("variant", moderate_after(1, VARIANTS))
def test_a_timeline_shows_series_thresholds_marks_and_boundaries(tmp_path, captured, variant):
    given = Uneven(tmp_path, variant)
    given.draw_timeline()
    starts = given.segments["start_s"].to_numpy()[1:]
    assert len(starts) > 1
    for axis, layer in zip(captured["timeline"].axes[2:], given.layers, strict=True):
        assert axis.get_ylabel() == layer
        assert axis.get_xlim() == given.span
        *boundaries, series, threshold, marks = axis.get_lines()
        assert [line.get_xdata()[0] for line in boundaries] == starts.tolist()
        assert all(np.ptp(line.get_xdata()) == 0 for line in boundaries)
        change = given.changes[layer].to_numpy()
        change_xy = np.c_[given.time, np.maximum(change, axis.get_ylim()[0])]
        salient = given.accumulators[f"{layer}_salient"].to_numpy() == 1
        assert salient.sum() > 1
        np.testing.assert_array_equal(xy(series), change_xy[1:])
        np.testing.assert_array_equal(xy(marks), np.c_[given.time, change][salient])
        expected = np.c_[given.time, given.accumulators[f"{layer}_threshold"]]
        np.testing.assert_array_equal(xy(threshold), expected)
        assert f"{salient.sum()} salient" in [text.get_text() for text in axis.texts]


def test_segments_and_thumbnails_lie_on_the_time_axis_of_the_series(tmp_path, captured):
    given = Uneven(tmp_path, VARIANTS[0])
    given.draw_timeline()
    strip, rail = captured["timeline"].axes[:2]
    assert strip.get_xlim() == rail.get_xlim() == given.span
    blocks = [np.ptp(path.vertices, axis=0)[0] for path in rail.collections[0].get_paths()]
    starts = [path.vertices[:, 0].min() for path in rail.collections[0].get_paths()]
    np.testing.assert_allclose(starts, given.segments["start_s"])
    np.testing.assert_allclose(blocks, given.segments["duration_s"])
    with h5py.File(given.thumbnails, "r") as file:
        time, jpegs = file["time_s"][:], file["jpeg"][:]
    edges = np.linspace(*given.span, len(strip.images) + 1)
    assert len(edges) > 5
    for start, end, image in zip(edges[:-1], edges[1:], strip.images, strict=True):
        left, right = image.get_extent()[:2]
        assert start < left < right < end
        assert (left + right) / 2 == pytest.approx((start + end) / 2)
        nearest = np.argmin(np.abs(time - (start + end) / 2))
        picture = np.asarray(Image.open(io.BytesIO(bytes(jpegs[nearest]))))
        np.testing.assert_array_equal(image.get_array(), picture)


def test_salient_changes_of_zero_lie_at_the_lower_edge_of_a_log_axis(tmp_path, captured):
    made = MadeResults(tmp_path, layers=["pool1"], variants=VARIANTS[:1])
    made.add_video("v", 600)
    time = np.arange(600) / 25
    change = np.random.default_rng(4).lognormal(-7, 0.3, 600)
    change[[82, 482]] = 0.9  # cuts at 3.3 and 19.3 s
    still = (time >= 5) & (time < 17)
    change[still], change[0] = 0.0, np.nan
    threshold = np.full(600, 0.2)
    threshold[[200, 300]] = 0.0, -0.01
    salient = change >= threshold
    changes = pd.DataFrame({"frame": 0, "source_frame": 0, "time_s": time, "a": change, "b": 0.0})
    counts = pd.DataFrame({"time_s": time})
    for layer, found in (("a", salient), ("b", np.zeros(600, dtype=bool))):
        counts[f"{layer}_threshold"] = threshold
        counts[f"{layer}_salient"], counts[f"{layer}_count"] = found, found.cumsum()
    segments = pd.DataFrame({"start_s": [0, 3.28, 19.28], "duration_s": [3.28, 16.0, 4.72]})
    thumbnails = made.results.thumbnails(video="v")
    with styled():
        tables = (changes, counts, segments)
        draw_timeline("timeline", Variant("correlation", "dynamic"), "v", *tables, thumbnails)
    *_, logarithmic, linear = captured["timeline"].axes
    assert (logarithmic.get_yscale(), linear.get_yscale()) == ("log", "linear")
    assert ["linear scale" in axis.texts[0].get_text() for axis in (logarithmic, linear)] == [0, 1]
    low = logarithmic.get_ylim()[0]
    series, bar, marks = logarithmic.get_lines()[-3:]
    assert salient.sum() == 4
    np.testing.assert_array_equal(xy(marks), np.c_[time, np.maximum(change, low)][salient])
    assert xy(marks)[:, 1].tolist() == [0.9, low, low, 0.9]
    assert np.all(xy(series)[still[1:], 1] == low)
    assert np.all(xy(bar)[[200, 300], 1] == low)
    sizes = [
        axis.get_position().height * captured["timeline"].get_figheight()
        for axis in captured["timeline"].axes
    ]
    assert min(sizes[2:]) > 0.6 and sizes[0] > 0.6


def test_a_histogram_without_positive_changes_is_told_apart_from_log_ones(captured):
    peaked = np.r_[np.nan, np.full(50, 0.01), 0.0, 0.9]
    changes = pd.DataFrame({"frame": 0, "source_frame": 0, "time_s": 0.0, "a": peaked, "b": 0.0})
    with styled():
        draw_changes("changes", "correlation", "v", changes)
    peaked_axis, zero_axis, matrix = captured["changes"].axes[:3]
    assert (peaked_axis.get_xscale(), zero_axis.get_xscale()) == ("log", "linear")
    assert peaked_axis.texts[0].get_text() == "n = 52\n1 zeros not shown"
    assert zero_axis.texts[0].get_text() == "n = 53\nlinear scale"
    assert [bar.get_height() for bar in zero_axis.patches][:2] == [53, 0]
    assert sum(bar.get_height() for bar in peaked_axis.patches) == 51
    [last] = [bar for bar in peaked_axis.patches[1:] if bar.get_height() == 1]
    assert last.get_x() < 0.9 < last.get_x() + last.get_width()
    np.testing.assert_array_equal(matrix.images[0].get_array().mask, [[False, True], [True, True]])


def test_curves_of_counts_end_at_the_count(tmp_path, captured):
    tables = {}
    for variant in VARIANTS[:2]:
        given = Uneven(tmp_path / str(variant), variant)
        tables[variant.threshold] = given.accumulators
    with styled():
        draw_counts("counts", "correlation", "v", tables)
    for axis, layer in zip(captured["counts"].axes, given.layers, strict=False):
        assert axis.get_title() == layer
        assert axis.get_xlim() == given.span
        for line, threshold in zip(axis.get_lines(), ("static", "dynamic"), strict=True):
            count = tables[threshold][f"{layer}_count"].to_numpy()
            assert line.get_label() == f"{threshold}: {count[-1]}"
            assert line.get_drawstyle() == "steps-post"
            expected = np.c_[[*given.time, given.span[1]], [*count, count[-1]]]
            np.testing.assert_array_equal(xy(line), expected)


def test_matrices_of_features_span_the_time(tmp_path, captured):
    given = Uneven(tmp_path, VARIANTS[0])
    with h5py.File(given.features, "r") as features, styled():
        matrices.draw_heatmaps("heatmaps", "v", features)
        matrices.draw_similarity("similarity", "v", features)
        channels = [features["layers"][layer]["channels"][:] for layer in given.layers]
        sketches = [features["layers"][layer]["sketch"][:] for layer in given.layers]
    chosen = evenly_timed(given.time, 300)
    for index in range(len(given.layers)):
        heatmap = captured["heatmaps"].axes[index].images[0]
        assert heatmap.get_extent() == [*given.span, 64, 0]
        z = sort_channels(binned_z_scores(channels[index], given.time))
        drawn = heatmap.get_array()
        np.testing.assert_array_equal(drawn, np.repeat(z, drawn.shape[1] // z.shape[1], axis=1))
        similarity = captured["similarity"].axes[index].images[0]
        assert similarity.get_extent() == [*given.span, *given.span[::-1]]
        expected = correlation_from_sketch(sketches[index][chosen])
        np.testing.assert_array_equal(similarity.get_array(), expected)


def test_points_of_a_set_have_their_own_axes(tmp_path, captured):
    made = MadeResults(tmp_path, layers=["pool1", "pool5"])
    made.videos = {f"v{i}": {"n": 50, "fps": 25.0} for i in range(3)}
    made.add_set()
    predictions = made.results.predictions(variant=VARIANTS[0])
    clips = made.results.clips(variant=VARIANTS[0])
    names = ("predicted_vs_real", "counts_vs_duration", "static_vs_dynamic")
    summary = made.results.summary()
    plot_set(
        summary=summary,
        clips={VARIANTS[0]: clips},
        predictions={VARIANTS[0]: predictions},
        figures={name if name == names[2] else f"{name}.{VARIANTS[0]}": name for name in names},
    )
    table = read_table(predictions)
    for axis, estimator in zip(captured[names[0]].axes, ("svr", "ridge"), strict=True):
        rows = table[table["estimator"] == estimator]
        assert axis.get_title().startswith(f"{ESTIMATORS[estimator].label}, {len(rows)}")
        points = axis.collections[0].get_offsets()
        np.testing.assert_array_equal(points, rows[["duration_s", "predicted_s"]])
        identity = xy(axis.get_lines()[0])
        assert identity[0].tolist() == [0, 0]
        assert identity[1, 0] == identity[1, 1] > rows["duration_s"].max()
    assert captured[names[0]].get_supxlabel().startswith("true duration")
    assert captured[names[0]].get_supylabel().startswith("predicted duration")
    table = read_table(clips)
    for axis, layer in zip(captured[names[1]].axes, made.layers, strict=False):
        points = axis.collections[0].get_offsets()
        np.testing.assert_array_equal(points, table[["duration_s", f"{layer}_count"]])
    table = read_table(summary).set_index(["metric", "threshold"])
    axis = captured[names[2]].axes[0]
    for points, layer in zip(axis.collections, made.layers, strict=True):
        counts = [table.loc[("correlation", t), f"{layer}_count"] for t in ("static", "dynamic")]
        np.testing.assert_array_equal(points.get_offsets(), np.transpose(counts))
    assert (axis.get_xlabel()[:6], axis.get_ylabel()[:7]) == ("static", "dynamic")
