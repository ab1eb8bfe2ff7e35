"""The decaying threshold of Roseboom et al. (2019), on a clock of frames or of seconds.

The steps of a run, which are the changes of a video or clip, are j = 0, 1, 2 …. Step 0 is the
change into the run's second frame. R = Tmax − Tmin. On either clock a change of at least T is
salient and resets T to Tmax.
"""

from collections.abc import Mapping

import numpy as np

from chronovision.core.time_constant import TimeConstant


def dynamic_accumulator_frames(
    changes: np.ndarray,
    noise: np.ndarray,
    tmax: np.ndarray | float,
    tmin: np.ndarray | float,
    tau_frames: float,
    bounded: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Find salient changes by the published rule, whose clock counts frames.

    From T = Tmax and q = 0, step j does the following in this order::

        D ← j − q
        T ← T − R/τ · exp(−D/τ) + noise
        if change ≥ T:  salient, T ← Tmax, q ← j

    So D is 0 at step 0, and 1 at step 1 and at the step after a reset. The published
    offline loop, which also steps through its first frame, is this function with a change of 0 put
    in front as step 0.

    Parameters
    ----------
    changes : (steps, ...) float64 array
        Change at each step; NaN is never salient. Trailing axes (clips, layers) run side by side.
    noise : (steps, ...) float64 array
        Noise added to T at each step, in units of the change; published as N(0, R/50).
    tmax, tmin : float or array
        Tmax and Tmin, broadcast against one step, in units of the change.
    tau_frames : float
        Time constant τ in frames.
    bounded : bool, default False
        Keep T within [tmin, tmax]. The published noise is an unbounded random walk.

    Returns
    -------
    thresholds : (steps, ...) float64 array
        Value that each change was compared with, before any reset.
    salient : (steps, ...) bool array
        Whether the change is salient.

    References
    ----------
    Roseboom et al. (2019), Nat. Commun. 10:267, https://doi.org/10.1038/s41467-018-08194-7

    Examples
    --------
    >>> changes = np.array([0.3, 0.6, 0.1])
    >>> thresholds, salient = dynamic_accumulator_frames(changes, np.zeros(3), 1.0, 0.0, 2.0)
    >>> thresholds.round(4)
    array([0.5   , 0.1967, 0.6967])
    >>> salient
    array([False,  True, False])
    """
    return FrameDecay(tmax, tmin, tau_frames, bounded).run(changes, noise)


def dynamic_accumulator_seconds(
    changes: np.ndarray,
    noise: np.ndarray,
    dt_s: np.ndarray,
    tmax: np.ndarray | float,
    tmin: np.ndarray | float,
    tau_s: float,
    bounded: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Find salient changes by the same decay in real time, for steps of any length.

    From T = Tmax, each step does the following in this order::

        T ← T − R · exp(−a/τ) · (1 − exp(−Δt/τ)) + noise
        if change ≥ T:  salient, T ← Tmax

    Here a is the time from the run's first frame, or from the frame of the last reset, to the start
    of the step. The decay is the integral of the published one over the step. Without noise T =
    Tmin + R·exp(−t/τ) at time t after a reset, which stays above Tmin however long the steps are.

    Parameters
    ----------
    changes : (steps, ...) float64 array
        Change at each step; NaN is never salient. Trailing axes (clips, layers) run side by side.
    noise : (steps, ...) float64 array
        Noise added to T at each step, in units of the change. It usually grows with √Δt, see
        `chronovision.salience.accumulators.noise_sd`.
    dt_s : (steps,) or (steps, ...) float64 array
        Time from frame to frame, in seconds.
    tmax, tmin : float or array
        Tmax and Tmin, broadcast against one step, in units of the change.
    tau_s : float
        Time constant τ in seconds.
    bounded : bool, default False
        Keep T within [tmin, tmax].

    Returns
    -------
    thresholds : (steps, ...) float64 array
        Value that each change was compared with, before any reset.
    salient : (steps, ...) bool array
        Whether the change is salient.

    Examples
    --------
    >>> changes, noise, dt_s = np.array([0.3, 0.6, 0.1]), np.zeros(3), np.full(3, 0.5)
    >>> thresholds, salient = dynamic_accumulator_seconds(changes, noise, dt_s, 1.0, 0.0, 0.5)
    >>> thresholds.round(4)
    array([0.3679, 0.1353, 0.3679])
    >>> salient
    array([False,  True, False])
    """
    return SecondsDecay(tmax, tmin, tau_s, bounded).run(changes, noise, dt_s)


class FrameDecay:
    """The recursion of `dynamic_accumulator_frames`; each run continues where the last ended."""

    def __init__(
        self, tmax: np.ndarray | float, tmin: np.ndarray | float, tau_frames: float, bounded: bool
    ) -> None:
        """See `dynamic_accumulator_frames` for the parameters."""
        self.tmax, self.tmin, self.tau, self.bounded = np.float64(tmax), tmin, tau_frames, bounded
        #: D of the next step (in `run`, `elapsed` is D), and T before it.
        self.elapsed: np.ndarray | float = 0.0
        self.threshold: np.ndarray | float = self.tmax

    def run(
        self, changes: np.ndarray, noise: np.ndarray, _dt_s: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return thresholds and salient changes of the next steps, however long these are."""
        changes, noise, thresholds, salient = _arrays(changes, noise)
        elapsed, threshold = (
            _filled(one, changes.shape[1:]) for one in (self.elapsed, self.threshold)
        )
        decay, step_size = np.empty_like(threshold), (self.tmax - self.tmin) / self.tau
        # In place: thousands of clips side by side are more than fits into a cache.
        for step, change in enumerate(changes):
            np.divide(elapsed, -self.tau, out=decay)
            np.exp(decay, out=decay)
            decay *= step_size
            threshold -= decay
            threshold += noise[step]
            if self.bounded:
                np.clip(threshold, self.tmin, self.tmax, out=threshold)
            thresholds[step] = threshold
            is_salient = np.greater_equal(change, threshold, out=salient[step, ...])
            np.copyto(threshold, self.tmax, where=is_salient)
            np.copyto(elapsed, 0.0, where=is_salient)
            elapsed += 1
        self.elapsed, self.threshold = elapsed, threshold
        return thresholds, salient


class SecondsDecay:
    """The recursion of `dynamic_accumulator_seconds`; each run continues where the last ended.

    T is kept as two parts: its value without noise, Tmin + R·exp(−t/τ), and the sum of the noise
    since the reset. If T were summed step by step, rounding would take it below Tmin.
    """

    def __init__(
        self, tmax: np.ndarray | float, tmin: np.ndarray | float, tau_s: float, bounded: bool
    ) -> None:
        """See `dynamic_accumulator_seconds` for the parameters."""
        self.tmax, self.tmin, self.tau, self.bounded = np.float64(tmax), tmin, tau_s, bounded
        #: T without noise lies above Tmin, even where the exponential is too small to be added.
        self.floor = np.minimum(np.nextafter(np.float64(tmin), np.inf), self.tmax)
        #: Seconds since the reset, and the sum of the noise since then.
        self.elapsed: np.ndarray | float = 0.0
        self.noise_sum: np.ndarray | float = 0.0

    def run(
        self, changes: np.ndarray, noise: np.ndarray, dt_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return thresholds and salient changes of the next steps, each of `dt_s` seconds."""
        changes, noise, thresholds, salient = _arrays(changes, noise)
        dt_s = np.asarray(dt_s, dtype=np.float64)
        elapsed, noise_sum = (
            _filled(one, changes.shape[1:]) for one in (self.elapsed, self.noise_sum)
        )
        noiseless, amplitude = np.empty_like(elapsed), self.tmax - self.tmin
        for step, change in enumerate(changes):
            elapsed += dt_s[step]
            np.divide(elapsed, -self.tau, out=noiseless)
            np.exp(noiseless, out=noiseless)
            noiseless *= amplitude
            noiseless += self.tmin
            np.clip(noiseless, self.floor, self.tmax, out=noiseless)
            noise_sum += noise[step]
            threshold = np.add(noiseless, noise_sum, out=thresholds[step, ...])
            if self.bounded:
                np.clip(threshold, self.tmin, self.tmax, out=threshold)
                np.subtract(threshold, noiseless, out=noise_sum)
            is_salient = np.greater_equal(change, threshold, out=salient[step, ...])
            np.copyto(elapsed, 0.0, where=is_salient)
            np.copyto(noise_sum, 0.0, where=is_salient)
        self.elapsed, self.noise_sum = elapsed, noise_sum
        return thresholds, salient


def start_decay(
    tmax: np.ndarray | float, tmin: np.ndarray | float, dynamic: Mapping
) -> FrameDecay | SecondsDecay:
    """Return a new run on the clock that the config's ``thresholds.dynamic`` names."""
    tau = TimeConstant.of(dynamic)
    decay = FrameDecay if tau.in_frames else SecondsDecay
    return decay(tmax, tmin, tau.value, dynamic["bounded"])


def _arrays(changes: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return changes and noise as float64 of one shape, and empty arrays for the results."""
    changes, noise = np.broadcast_arrays(
        np.asarray(changes, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    )
    return changes, noise, np.empty(changes.shape), np.empty(changes.shape, dtype=bool)


def _filled(value: np.ndarray | float, shape: tuple[int, ...]) -> np.ndarray:
    """Return a new array of this shape, to be changed in place."""
    return np.array(np.broadcast_to(value, shape))
