"""Frames whose activations do not vary over the units of a layer."""

import numpy as np

#: Relative spread up to which a frame's activations count as constant. Rounding of the float64
#: moments leaves about 1e-16.
CONSTANT = 1e-12


def constant_frames(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Tell which frames' activations do not vary over the layer's units, so that r is undefined.

    Parameters
    ----------
    mean, std : (n,) float64 array
        Mean and population standard deviation over the units.

    Returns
    -------
    (n,) bool array
        True where the standard deviation is 0 but for rounding.

    Examples
    --------
    >>> constant_frames(np.array([2.0, 2.0]), np.array([0.5, 0.0]))
    array([False,  True])
    """
    return std <= CONSTANT * np.abs(mean)
