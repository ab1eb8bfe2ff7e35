"""Number of operations that a network computes."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from chronovision.features.networks import NetworkSpec, native_size


def count_gflop(spec: NetworkSpec) -> float:
    """Operations up to the deepest layer for a picture of 224 × 224, in 10⁹, counted without data.

    A multiplication and an addition count as two. They grow with the picture's area; of networks
    with another `native_size` they are counted at that, and brought to 224 by the area.
    """
    size, extractor = native_size(spec.model), spec.without_data()
    # With gradients, because PyTorch's shortcut for attention without them is not counted.
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        extractor(torch.empty((1, 3, size, size), device="meta"))
    return counter.get_total_flops() / 1e9 * (224 / size) ** 2
