# Copyright The Lantern Authors.
# SPDX-License-Identifier: MIT
"""Reads a log of voltages and says how long a battery pack will last."""

import csv
import sys

EMPTY = 9.0  # volts below which the relays open


def read(path):
    """Pairs of seconds and volts, in the order of the log."""
    with open(path, newline="", encoding="utf-8") as log:
        return [(float(row["seconds"]), float(row["volts"])) for row in csv.DictReader(log)]


def slope(points):
    """Volts per second, by least squares over all points."""
    count = len(points)
    mean_time = sum(time for time, _ in points) / count
    mean_volts = sum(volts for _, volts in points) / count
    above = sum((time - mean_time) * (volts - mean_volts) for time, volts in points)
    below = sum((time - mean_time) ** 2 for time, _ in points)
    return above / below if below else 0.0


def seconds_left(points):
    """Seconds until the pack is empty, or None while it does not sink."""
    falling = slope(points[-30:])
    if falling >= 0:
        return None
    return max(0.0, (EMPTY - points[-1][1]) / falling)


if __name__ == "__main__":
    left = seconds_left(read(sys.argv[1]))
    print("not sinking" if left is None else f"{left / 60:.0f} minutes")
