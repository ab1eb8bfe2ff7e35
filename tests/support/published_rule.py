"""The dynamic threshold in plain loops, as oracles: from the equations, not from the code."""

import math

from scipy.integrate import quad


def by_frames(changes, noise, tmax, tmin, tau):
    """Roseboom et al. (2019): D = |now − frame of the last reset|.

    Thresholds before resets, and the frames that fired.
    """
    threshold, last_reset, seen, fired = tmax, 0, [], []
    for now, (change, draw) in enumerate(zip(changes, noise, strict=True)):
        distance = abs(now - last_reset)
        threshold = threshold - (tmax - tmin) / tau * math.exp(-distance / tau) + draw
        seen.append(threshold)
        if change >= threshold:
            threshold, last_reset = tmax, now
            fired.append(now)
    return seen, fired


def by_seconds(changes, noise, time_s, tmax, tmin, tau, bounded=False):
    """The decay R/τ·exp(−t/τ), t from the last reset, integrated over each step by quadrature.

    `time_s` are the times of the frames: one more than there are changes.
    """
    threshold, reset_s, seen, fired = tmax, time_s[0], [], []
    for step, (change, draw) in enumerate(zip(changes, noise, strict=True)):
        start, end = (time_s[step + after] - reset_s for after in (0, 1))
        fall, _ = quad(lambda t: (tmax - tmin) / tau * math.exp(-t / tau), start, end)
        threshold = threshold - fall + draw
        if bounded:
            threshold = min(max(threshold, tmin), tmax)
        seen.append(threshold)
        if change >= threshold:
            threshold, reset_s = tmax, time_s[step + 1]
            fired.append(step)
    return seen, fired
