"""Captions of the figures: title, alternative text and explanation."""

from typing import NamedTuple

from chronovision.core.labels import variant_label
from chronovision.core.metrics import METRICS
from chronovision.core.variants import Variant


class Caption(NamedTuple):
    """Texts of a figure: heading, description for those who cannot see it, and explanation."""

    title: str
    alt: str
    text: str


_CAPTIONS = {
    "timeline": Caption(
        "Timeline",
        "change of each layer over time in seconds, with threshold, salient frames and segments",
        "Change into each frame, layer by layer, with the threshold it was compared with. Dots "
        "are salient frames, dashed lines (unless there are very many) and the bar at the top are "
        "segments; thumbnails show the frame at the middle of the time that they cover. On a log "
        "scale zeros and negative thresholds lie at the lower edge.",
    ),
    "counts": Caption(
        "Cumulative counts",
        "number of salient changes so far over time in seconds, per layer, for each threshold",
        "Salient changes so far. Steady steps of the dynamic threshold on calm footage are a "
        "pacemaker: the threshold sinks below every change after about the same time.",
    ),
    "changes": Caption(
        "Distribution of changes",
        "histogram of changes of each layer, and correlation matrix of the layers' changes",
        "Histograms of change per layer and Pearson correlation of change series between "
        "layers. A few far values (cuts) set Fmax and with it the static threshold; they also "
        "drive the correlations.",
    ),
    "heatmaps": Caption(
        "Channels over time",
        "heatmaps of channel means over time in seconds, z-scored per channel, for each layer",
        "Spatial mean of each channel, z-scored over time; constant channels are 0. Channels "
        "are sorted by their weight on the first principal component. For looking only: changes "
        "are computed on raw activations.",
    ),
    "similarity": Caption(
        "Similarity of frames",
        "matrix of approximate correlations between all pairs of frames, for each layer",
        "Approximate Pearson r between frames, estimated from a random projection of the "
        "activations (error about 0.04). Scales differ between layers. Bright blocks are shots; "
        "bright stripes off the diagonal are returns to something seen before.",
    ),
    "predicted_vs_real": Caption(
        "Predicted and true durations",
        "out-of-fold predicted against true duration of clips in seconds, with identity line",
        "Predictions for clips whose group the model has not seen. Points of one group share "
        "their content and are not independent. Predicting clock time is nearly trivial: see "
        "the controls in the table.",
    ),
    "counts_vs_duration": Caption(
        "Counts and durations",
        "salient changes per clip against duration in seconds, per layer",
        "Counts of salient changes in clips, with the line of a constant rate. What a count "
        "tells beyond duration is the scatter around that line.",
    ),
    "static_vs_dynamic": Caption(
        "Static and dynamic threshold",
        "counts under the dynamic against counts under the static threshold, per video and layer",
        "Points far above the line: the dynamic threshold counts changes that lie below the "
        "static one, as its decay alone lets it do.",
    ),
    "metric_vs_metric": Caption(
        "Metrics of change",
        "counts under one metric of change against counts under another, per video and layer",
        "Points near the line: the choice of metric hardly matters for the counts.",
    ),
}


def caption(name: str) -> Caption:
    """Return the caption of the figure `name`, such as ``timeline.correlation.static``."""
    what, _, of = name.partition(".")
    found = _CAPTIONS[what]
    if not of:
        return found
    words = variant_label(Variant.parse(of)) if "." in of else METRICS[of].label
    return found._replace(title=f"{found.title}: {words}", alt=f"{found.alt}; {words}")
