"""Scores that are printed, each as a share."""

import pytest


@pytest.fixture
def score(capsys):
    """Prints a share, and gives it."""

    def report(title, counts):
        share = counts["right"] / max(counts["all"], 1)
        with capsys.disabled():
            print(f"\n  {title}: {share:.1%} ({counts['right']} of {counts['all']})", end="")  # noqa: T201
        return share

    return report


def count(counts, right):
    counts["all"] += 1
    counts["right"] += bool(right)
