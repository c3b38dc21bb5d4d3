"""Wrong answers to the exercises of chapter 8: each check must say "Not yet" to all of them."""

import numpy as np


# 08-1 constant
def next_box(before, last):
    return np.array([6.0, -2.0, 18.0, 8.0])


# 08-1 no-op
def next_box(before, last):
    return last


# 08-1 hard-coded
def next_box(before, last):
    return last + np.array([3, -1, 4, -1])


# 08-1 half way
def next_box(before, last):
    return (before + last) / 2


# 08-1 motion reversed
def next_box(before, last):
    return 2 * before - last


# 08-1 corner alone
def next_box(before, last):
    return last + np.tile((last - before)[:2], 2)


# 08-1 the motion alone
def next_box(before, last):
    return last - before


# 08-1 twice the motion
def next_box(before, last):
    return last + 2 * (last - before)


# 08-2 constant
def share_at(share, fps, new_fps):
    return 0.2


# 08-2 no-op
def share_at(share, fps, new_fps):
    return share


# 08-2 hard-coded
def share_at(share, fps, new_fps):
    return 0.36 if new_fps == 15 else share


# 08-2 in proportion
def share_at(share, fps, new_fps):
    return share * fps / new_fps


# 08-2 in proportion, at most 1
def share_at(share, fps, new_fps):
    return min(share * fps / new_fps, 1.0)


# 08-2 the other way round
def share_at(share, fps, new_fps):
    return 1 - (1 - share) ** (new_fps / fps)


# 08-2 power of the new share
def share_at(share, fps, new_fps):
    return share ** (new_fps / fps)


# 08-2 what is left
def share_at(share, fps, new_fps):
    return (1 - share) ** (fps / new_fps)


# 08-3 constant
def frames_late(measured, true, most=8):
    return 0


# 08-3 no-op
def frames_late(measured, true, most=8):
    return measured - true


# 08-3 hard-coded
def frames_late(measured, true, most=8):
    return 3


# 08-3 least difference
def frames_late(measured, true, most=8):
    misses = [np.abs(measured[k:] - true[: len(true) - k]).mean() for k in range(most + 1)]
    return int(np.argmin(misses))


# 08-3 truth shifted instead
def frames_late(measured, true, most=8):
    scores = [np.corrcoef(true[k:], measured[: len(true) - k])[0, 1] for k in range(most + 1)]
    return int(np.argmax(scores))


# 08-3 last shift forgotten
def frames_late(measured, true, most=8):
    scores = [np.corrcoef(measured[k:], true[: len(true) - k])[0, 1] for k in range(most)]
    return int(np.argmax(scores))


# 08-3 most forgotten
def frames_late(measured, true, most=8):
    scores = [np.corrcoef(measured[k:], true[: len(true) - k])[0, 1] for k in range(9)]
    return int(np.argmax(scores))


# 08-3 best score instead of its shift
def frames_late(measured, true, most=8):
    return max(np.corrcoef(measured[k:], true[: len(true) - k])[0, 1] for k in range(most + 1))


# 08-3 product without the means
def frames_late(measured, true, most=8):
    return int(np.argmax([(measured[k:] * true[: len(true) - k]).sum() for k in range(most + 1)]))


# 08-4 constant
def count_blinks(weights, low=0.15, high=0.3):
    return 1


# 08-4 no-op
def count_blinks(weights, low=0.15, high=0.3):
    return len(weights)


# 08-4 hard-coded
def count_blinks(weights, low=0.15, high=0.3):
    return 2


# 08-4 frames
def count_blinks(weights, low=0.15, high=0.3):
    return int((weights > high).sum())


# 08-4 one threshold
def count_blinks(weights, low=0.15, high=0.3):
    shut = np.asarray(weights) > high
    return int((shut[1:] & ~shut[:-1]).sum())


# 08-4 low threshold alone
def count_blinks(weights, low=0.15, high=0.3):
    shut = np.asarray(weights) > low
    return int((shut[1:] & ~shut[:-1]).sum())


# 08-4 thresholds swapped
def count_blinks(weights, low=0.15, high=0.3):
    blinks, shut = 0, False
    for weight in weights:
        if not shut and weight > low:
            blinks, shut = blinks + 1, True
        elif shut and weight < high:
            shut = False
    return blinks


# 08-4 only blinks that end
def count_blinks(weights, low=0.15, high=0.3):
    blinks, shut = 0, False
    for weight in weights:
        if weight > high:
            shut = True
        elif shut and weight < low:
            blinks, shut = blinks + 1, False
    return blinks


# 08-4 thresholds fixed
def count_blinks(weights, low=0.15, high=0.3):
    blinks, shut = 0, False
    for weight in weights:
        if not shut and weight > 0.3:
            blinks, shut = blinks + 1, True
        elif shut and weight < 0.15:
            shut = False
    return blinks


# 08-4 neighbours compared
def count_blinks(weights, low=0.15, high=0.3):
    shut, blinks, before = False, 0, weights[0]
    for now in weights[1:]:
        if not shut and before <= high < now:
            shut, blinks = True, blinks + 1
        shut = shut and now >= low
        before = now
    return blinks
