"""Labels of variants in prose, from the registries of metrics and of kinds of threshold."""

from chronovision.core.metrics import METRICS
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.core.variants import Variant


def variant_label(variant: Variant) -> str:
    """Return a variant in prose, e.g. ``1 − Pearson r, static threshold``."""
    return f"{METRICS[variant.metric].label}, {THRESHOLD_KINDS[variant.threshold].label}"
