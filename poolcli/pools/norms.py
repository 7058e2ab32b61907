"""Norms and generalised means of magnitudes a = |r|, or max(r, 0): l2 and lp, (1/n) (sum a^p)^(1/p), and GeM.

Where powers could overflow or vanish they are taken of a / m, m the largest of the window: m (sum (a / m)^p)^(1/p).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.arithmetic import alike, power
from poolcli.engine.compile import bind, inlined, scalar
from poolcli.engine.folds import Fold, Largest, bounds, lifted, relative
from poolcli.engine.gradients import Gradient, Steep, Total
from poolcli.engine.operation import Task, constants
from poolcli.engine.regions import Part

raised: Any = None  # bound to a^p
rooted: Any = None  # bound to the root of order p
finish: Any = None  # bound to what is made of a sum of powers

DIVIDE_ROOT, DIVIDE_SUM, DIVIDE_NOTHING = range(3)
_DIVISIONS = {"size": DIVIDE_ROOT, "mean": DIVIDE_SUM, "sum": DIVIDE_NOTHING}
_FEW = 32  # taps; a sum of more powers in float32 may err by more than 1e-6


@scalar
def magnitude(r, number, constants):
    """Return |r|, or max(r, 0) where negative values are clipped; a NaN as it is."""
    value = number(r)
    return number(0) if constants.clip_negative and value < 0 else abs(value)


@scalar
def first_power(a, constants):
    """Return a."""
    return a


@scalar
def second_power(a, constants):
    """Return a^2."""
    return a * a


@scalar
def third_power(a, constants):
    """Return a^3."""
    return a * a * a


@scalar
def fourth_power(a, constants):
    """Return a^4."""
    return (a * a) * (a * a)


@scalar
def any_power(a, constants):
    """Return a^p."""
    return power(a, alike(constants.p, a))


_POWERS: dict[float, Any] = {1: first_power, 2: second_power, 3: third_power, 4: fourth_power}


@scalar
def power_of(r, number, constants):
    """Return a^p."""
    return raised(magnitude(r, number, constants), constants)


@inlined
def _scale(m):
    """Return what values are divided by: a maximum of 0 or infinity leaves them as they are."""
    return m if 0 < m < np.inf else alike(1, m)


@scalar
def share(a, m, constants):
    """Return (a / m)^p."""
    return raised(a / _scale(m), constants)


@scalar
def relative_power_of(r, m, number, constants):
    """Return (a / m)^p of a value."""
    return raised(magnitude(r, number, constants) / _scale(m), constants)


@scalar
def square_root(total, constants):
    """Return the square root."""
    return np.sqrt(total)


@scalar
def any_root(total, constants):
    """Return the root of order p."""
    return power(total, alike(1.0 / constants.p, total))


_ROOTS: dict[float, Any] = {1: first_power, 2: square_root}


@scalar
def root(total, n, constants):
    """Return (sum / n)^(1/p), sum^(1/p) / n or sum^(1/p)."""
    n, one = alike(n, total), alike(1, total)
    inside = n if constants.division == DIVIDE_SUM else one
    outside = n if constants.division == DIVIDE_ROOT else one
    return rooted(total / inside, constants) / outside


@scalar
def relative_root(state, n, constants):
    """Return m times the root; an infinity or a NaN is its window's norm: inf / inf is not."""
    m, total = state
    return _scale(m) * finish(total, n, constants) if m < np.inf else m


@scalar
def own_magnitude(r, number, constants):
    """Return the magnitude of a number of 64 bits in its own dtype; of the least integer, the largest."""
    if r >= 0 or r != r:
        return r
    if constants.clip_negative:
        return number(0)
    return number(-r if -r >= 0 else ~r)


@scalar
def own_magnitude_of_float(r, number, constants):
    """Return the magnitude of a float."""
    return number(0) if constants.clip_negative and r < 0 else abs(r)


def l2(task: Task) -> Fold:
    """Return the pool of l2: (1/n) sqrt(sum(r^2))."""
    return _norm(task, 2.0, task.parameters["norm"])


def lp(task: Task) -> Fold:
    """Return the pool of lp: (1/n) (sum(|r|^p))^(1/p)."""
    return _norm(task, task.parameters["p"], task.parameters["norm"])


def gem(task: Task) -> Fold:
    """Return the pool of gem: (sum(max(r, 0)^p) / n)^(1/p)."""
    return _norm(task, task.parameters["p"], "mean", clip_negative=True)


@scalar
def no_power(a, constants):
    """Return a^0."""
    return alike(1, a)


@scalar
def any_power_less_1(a, constants):
    """Return a^(p - 1)."""
    return power(a, alike(constants.p - 1, a))


_POWERS_LESS_1: dict[float, Any] = {1: no_power, 2: first_power, 3: second_power, 4: third_power}


@scalar
def steepness(state, n, constants):
    """Return what all slopes have in common, 0 where the result is 0, and what values are divided by."""
    m, total = state
    n, one = alike(n, total), alike(1, total)
    inside = n if constants.division == DIVIDE_SUM else one
    over = one if constants.division == DIVIDE_NOTHING else n
    common = power(total / inside, alike(1 / constants.p - 1, total)) / over
    return common if total > 0 else total, _scale(m), one


@scalar
def norm_slope(r, m, unused, constants):
    """Return (a / m)^(p - 1) with the sign of r; 0 where a is."""
    steep = raised(abs(r) / m, constants)
    below = alike(0, r) if constants.clip_negative else -steep
    return alike(0, r) if r == 0 else (below if r < 0 else steep)


def l2_gradient(task: Task) -> Gradient:
    """Return the gradient of l2: d/dr = r / (n sqrt(sum(r^2)))."""
    return _norm_gradient(task, 2.0, task.parameters["norm"])


def lp_gradient(task: Task) -> Gradient:
    """Return the gradient of lp: d/dr = sign(r) |r|^(p - 1) (sum(|r|^p))^(1/p - 1) / n."""
    return _norm_gradient(task, task.parameters["p"], task.parameters["norm"])


def gem_gradient(task: Task) -> Gradient:
    """Return the gradient of gem: d/dr = (max(r, 0) / out)^(p - 1) / n."""
    return _norm_gradient(task, task.parameters["p"], "mean", clip_negative=True)


def _norm_gradient(task: Task, p: float, division: str, clip_negative: bool = False) -> Gradient:
    slope = bind(norm_slope, raised=_POWERS_LESS_1.get(p, any_power_less_1))
    return _steep(task, p, division, clip_negative, steepness, slope)


def _steep(task: Task, p: float, division: str, clip_negative: bool, derive: Any, slope: Any) -> Steep:
    named = constants(p=p, division=_DIVISIONS[division], clip_negative=clip_negative)
    return Steep(task, _relative_powers(task, p, named), derive, slope, named)


@scalar
def growth(state, n, constants):
    """Return what all values have in common of d out / dp, what they are divided by, and the root of their sum."""
    m, total = state
    n, one = alike(n, total), alike(1, total)
    inside = n if constants.division == DIVIDE_SUM else one
    over = n if constants.division == DIVIDE_ROOT else one
    mean = power(total / inside, alike(1 / constants.p, total))
    common = _scale(m) * mean / (alike(constants.p, total) * total * over)
    return common if total > 0 else total, _scale(m), mean


@scalar
def growth_of(r, m, mean, constants):
    """Return (a / m)^p log(a / (m mean)), 0 where a is."""
    share = abs(r) / m
    none = r == 0 or (constants.clip_negative and r < 0)
    return alike(0, r) if none else raised(share, constants) * np.log(share / mean)


def lp_gradient_of_p(task: Task) -> Gradient:
    """Return the gradient of lp in p: (out / p) sum(w log(|r| / R)), w = |r|^p / sum(|r|^p), R = sum(|r|^p)^(1/p).

    Where the norm is a mean, R is that of the mean.
    """
    return _norm_gradient_of_p(task, task.parameters["norm"])


def gem_gradient_of_p(task: Task) -> Gradient:
    """Return the gradient of gem in p: (out / p) sum(w log(r / out)), w = r^p / sum(r^p), over r > 0."""
    return _norm_gradient_of_p(task, "mean", clip_negative=True)


def _norm_gradient_of_p(task: Task, division: str, clip_negative: bool = False) -> Gradient:
    p = task.parameters["p"]
    slope = bind(growth_of, raised=_POWERS.get(p, any_power))
    return Total(_steep(task, p, division, clip_negative, growth, slope))


def _number(task: Task, p: float) -> type:
    """Return the float that powers are added up in."""
    return np.float64 if task.taps > _FEW or p < 1 else task.blend_dtype


def _relative_powers(task: Task, p: float, named: Any) -> Part:
    """Return the largest magnitude m of windows, and sums of (a / m)^p."""
    raised = _POWERS.get(p, any_power)
    lift, shared = bind(relative_power_of, raised=raised), bind(share, raised=raised)
    return relative(task, lift, shared, _number(task, p), Largest(magnitude), constants=named)


def _norm(task: Task, p: float, division: str, clip_negative: bool = False) -> Fold:
    number = _number(task, p)
    # Powers that neither overflow nor vanish are taken as they are: those of integers are exact, and ties stay ties.
    small = task.source.kind in "iu" and task.source.itemsize <= 2
    plain = p in _POWERS and (small or (number == np.float64 and task.source != np.float64))
    named = constants(p=p, division=_DIVISIONS[division], clip_negative=clip_negative)
    raised, finish = _POWERS.get(p, any_power), bind(root, rooted=_ROOTS.get(p, any_root))
    # Rounding could put a mean of 64 bits elsewhere than between the magnitudes of its window.
    limited = task.stays_within and division == "mean" and not task.parameters.get("count_include_pad")
    own = own_magnitude_of_float if task.source.kind == "f" else own_magnitude
    limits = bounds(task, own, named) if limited else None
    if plain:
        part = lifted(task, bind(power_of, raised=raised), number, constants=named)
        return Fold(task, (part,), finish, named, limits)
    part = _relative_powers(task, p, named)
    return Fold(task, (part,), bind(relative_root, finish=finish), named, limits)
