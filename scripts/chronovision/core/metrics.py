"""The metrics of change from frame to frame, and what they are called."""

#: Metric -> (name in prose, axis label with its unit).
METRICS = {
    "correlation": ("1 − Pearson r", "1 − r (no unit)"),
    "euclidean": ("Euclidean distance", "Euclidean distance (activation units)"),
    "cosine": ("1 − cosine similarity", "1 − cosine (no unit)"),
}


def kind_label(kind: str) -> str:
    """``metric.threshold`` in words, e.g. ``1 − Pearson r, static threshold``."""
    metric, threshold = kind.split(".")
    return f"{METRICS[metric][0]}, {threshold} threshold"
