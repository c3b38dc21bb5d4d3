"""Wrong answers to the exercises of chapter 6: each check must say "Not yet" to all of them."""

import numpy as np


# 06-1 constant
def mean_of_bins(errors, yaw):
    return 2.12


# 06-1 no-op
def mean_of_bins(errors, yaw):
    return errors.mean()


# 06-1 hard-coded
def mean_of_bins(errors, yaw):
    return (1.82 + 2.01 + 2.54) / 3


# 06-1 sign of yaw
def mean_of_bins(errors, yaw):
    parts = yaw <= 30, (yaw > 30) & (yaw <= 60), yaw > 60
    return np.mean([errors[part].mean() for part in parts if part.any()])


# 06-1 edges in the wrong bins
def mean_of_bins(errors, yaw):
    turned = np.abs(yaw)
    parts = turned < 30, (turned >= 30) & (turned < 60), turned >= 60
    return np.mean([errors[part].mean() for part in parts])


# 06-1 median of bins
def mean_of_bins(errors, yaw):
    turned = np.abs(yaw)
    parts = turned <= 30, (turned > 30) & (turned <= 60), turned > 60
    return np.median([errors[part].mean() for part in parts])


# 06-1 one after another
def mean_of_bins(errors, yaw):
    return np.mean([part.mean() for part in np.array_split(errors[np.argsort(np.abs(yaw))], 3)])


# 06-2 constant
def interval_of_difference(a, b, rng):
    return 0.06, 0.11


# 06-2 no-op
def interval_of_difference(a, b, rng):
    return (a - b).min(), (a - b).max()


# 06-2 hard-coded
def interval_of_difference(a, b, rng):
    mean = (a - b).mean()
    return mean - 0.025, mean + 0.025


# 06-2 spread of the differences
def interval_of_difference(a, b, rng):
    return np.quantile(a - b, [0.025, 0.975])


# 06-2 other photos on each side
def interval_of_difference(a, b, rng):
    first, second = (rng.integers(len(a), size=(2000, len(a))) for _ in range(2))
    return np.quantile(a[first].mean(1) - b[second].mean(1), [0.025, 0.975])


# 06-2 half of the draws
def interval_of_difference(a, b, rng):
    rows = rng.integers(len(a), size=(2000, len(a)))
    return np.quantile((a - b)[rows].mean(1), [0.25, 0.75])


# 06-2 without replacement
def interval_of_difference(a, b, rng):
    return np.quantile([rng.permutation(a - b).mean() for _ in range(2000)], [0.025, 0.975])


# 06-2 few photos in each draw
def interval_of_difference(a, b, rng):
    rows = rng.integers(len(a), size=(2000, 20))
    return np.quantile((a - b)[rows].mean(1), [0.025, 0.975])


# 06-3 constant
def share_within(errors, limit):
    return 95.0


# 06-3 no-op
def share_within(errors, limit):
    return 100.0


# 06-3 hard-coded
def share_within(errors, limit):
    return 100 * (errors <= 3).mean()


# 06-3 lost faces left out
def share_within(errors, limit):
    return 100 * (errors[np.isfinite(errors)] <= limit).mean()


# 06-3 lost faces are perfect
def share_within(errors, limit):
    return 100 * (np.nan_to_num(errors) <= limit).mean()


# 06-3 not in percent
def share_within(errors, limit):
    return (errors <= limit).mean()


# 06-3 failures
def share_within(errors, limit):
    return 100 * (errors > limit).mean()


# 06-3 the limit itself not counted
def share_within(errors, limit):
    return 100 * (errors < limit).mean()


# 06-4 constant
def nme_of_file(predicted, pt3d_68):
    return 0.0


# 06-4 no-op
def nme_of_file(predicted, pt3d_68):
    return landmark_nme(predicted, pt3d_68.T)


# 06-4 hard-coded
def nme_of_file(predicted, pt3d_68):
    return landmark_nme(predicted, pt3d_68.T) - 0.7


# 06-4 the wrong way
def nme_of_file(predicted, pt3d_68):
    return landmark_nme(predicted, pt3d_68.T + [1, 1, 0])


# 06-4 in space
def nme_of_file(predicted, pt3d_68):
    return landmark_nme(predicted, pt3d_68.T - 1, depth="mean")


# 06-4 x alone
def nme_of_file(predicted, pt3d_68):
    return landmark_nme(predicted, pt3d_68.T - [1, 0, 0])


# 06-4 reshaped
def nme_of_file(predicted, pt3d_68):
    return landmark_nme(predicted, pt3d_68.reshape(68, 3) - [1, 1, 0])
