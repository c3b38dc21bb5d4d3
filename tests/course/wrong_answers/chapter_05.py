"""Wrong answers to the exercises of chapter 5: each check must say "Not yet" to all of them."""

import numpy as np


# 05-1 constant
def wing(x, w=10.0, epsilon=2.0):
    return np.zeros_like(x)


# 05-1 no-op
def wing(x, w=10.0, epsilon=2.0):
    return np.abs(x)


# 05-1 hard-coded
def wing(x, w=10.0, epsilon=2.0):
    x = np.abs(x)
    return np.where(x < 10, 10 * np.log(1 + x / 2), x - (10 - 10 * np.log(6)))


# 05-1 pieces that do not meet
def wing(x, w=10.0, epsilon=2.0):
    x = np.abs(x)
    return np.where(x < w, w * np.log(1 + x / epsilon), x - w)


# 05-1 constant added
def wing(x, w=10.0, epsilon=2.0):
    x = np.abs(x)
    return np.where(x < w, w * np.log(1 + x / epsilon), x + w - w * np.log(1 + w / epsilon))


# 05-1 logarithm everywhere
def wing(x, w=10.0, epsilon=2.0):
    return w * np.log(1 + np.abs(x) / epsilon)


# 05-1 sign forgotten
def wing(x, w=10.0, epsilon=2.0):
    constant = w - w * np.log(1 + w / epsilon)
    return np.where(x < w, w * np.log(1 + x / epsilon), x - constant)


# 05-1 logarithm of base ten
def wing(x, w=10.0, epsilon=2.0):
    x = np.abs(x)
    constant = w - w * np.log10(1 + w / epsilon)
    return np.where(x < w, w * np.log10(1 + x / epsilon), x - constant)


# 05-2 constant
def halving(sample, every, first=1e-4):
    return 1e-4


# 05-2 no-op
def halving(sample, every, first=1e-4):
    return first


# 05-2 hard-coded
def halving(sample, every, first=1e-4):
    return 1e-4 * 0.5 ** (sample // 612_250)


# 05-2 smoothly
def halving(sample, every, first=1e-4):
    return first * 0.5 ** (sample / every)


# 05-2 once only
def halving(sample, every, first=1e-4):
    return first if sample < every else first / 2


# 05-2 one sample late
def halving(sample, every, first=1e-4):
    return first * 0.5 ** (max(sample - 1, 0) // every)


# 05-2 divided by the count
def halving(sample, every, first=1e-4):
    return first / (1 + sample // every)


# 05-2 first rate fixed
def halving(sample, every, first=1e-4):
    return 1e-4 * 0.5 ** (sample // every)


# 05-3 constant
def updated(a, w, step, m=0.998):
    return 1.0


# 05-3 no-op
def updated(a, w, step, m=0.998):
    return m * a + (1 - m) * w


# 05-3 hard-coded
def updated(a, w, step, m=0.998):
    return w if step <= 30 else m * a + (1 - m) * w


# 05-3 the weights alone
def updated(a, w, step, m=0.998):
    return w


# 05-3 without the limit
def updated(a, w, step, m=0.998):
    m = (1 + step) / (10 + step)
    return m * a + (1 - m) * w


# 05-3 shares swapped
def updated(a, w, step, m=0.998):
    m = min(m, (1 + step) / (10 + step))
    return (1 - m) * a + m * w


# 05-3 larger of the two
def updated(a, w, step, m=0.998):
    m = max(m, (1 + step) / (10 + step))
    return m * a + (1 - m) * w


# 05-3 plain mean
def updated(a, w, step, m=0.998):
    m = min(m, step / (1 + step))
    return m * a + (1 - m) * w


# 05-3 limit fixed
def updated(a, w, step, m=0.998):
    m = min(0.998, (1 + step) / (10 + step))
    return m * a + (1 - m) * w


# 05-4 constant
def corrected(machine, human, machine_sd, human_sd):
    return 100.0


# 05-4 no-op
def corrected(machine, human, machine_sd, human_sd):
    return machine


# 05-4 hard-coded
def corrected(machine, human, machine_sd, human_sd):
    return machine + 16 / 17 * (human - machine) if human == human else machine


# 05-4 the person alone
def corrected(machine, human, machine_sd, human_sd):
    return machine if np.isnan(human) else human


# 05-4 the mean
def corrected(machine, human, machine_sd, human_sd):
    return machine if np.isnan(human) else (machine + human) / 2


# 05-4 deviations instead of variances
def corrected(machine, human, machine_sd, human_sd):
    if np.isnan(human):
        return machine
    return machine + machine_sd / (machine_sd + human_sd) * (human - machine)


# 05-4 the less exact one counts more
def corrected(machine, human, machine_sd, human_sd):
    if np.isnan(human):
        return machine
    return machine + human_sd**2 / (machine_sd**2 + human_sd**2) * (human - machine)


# 05-4 missing points forgotten
def corrected(machine, human, machine_sd, human_sd):
    return machine + machine_sd**2 / (machine_sd**2 + human_sd**2) * (human - machine)


# 05-4 the correction alone
def corrected(machine, human, machine_sd, human_sd):
    if np.isnan(human):
        return machine
    return machine_sd**2 / (machine_sd**2 + human_sd**2) * (human - machine)
