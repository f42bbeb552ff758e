"""What customers are told of a repair while it goes on: dispatched, arrived, done."""

from typing import Final

import numpy as np

from ingestion.samples.draw import HOUR, MINUTE, NEVER, Ints, between, chance, later, lognormal, only
from ingestion.samples.visits import MAX_VISITS, Visits

NOT_TOLD: Final = 0.07  # tickets whose customers are never told: no number, no app
MISSING: Final = 0.025  # of the steps of all others
LATE: Final = 0.04


def progress_notices(rng: np.random.Generator, visits: Visits, tickets: int) -> list[Ints]:
    """Instants of notices, one element per ticket: a list entry for each step of each visit."""
    count = len(visits.ticket)
    is_told = ~chance(rng, NOT_TOLD, tickets)[visits.ticket]
    notices = []
    for happened in (visits.dispatched, visits.arrived, visits.finished):
        delay = np.minimum(lognormal(rng, 4 * MINUTE, 0.7, count), 28 * MINUTE).astype(np.int64)
        delay = np.where(chance(rng, LATE, count), between(rng, 40 * MINUTE, 5 * HOUR, count), delay)
        told = only(later(happened, delay), is_told & ~chance(rng, MISSING, count))
        for number in range(1, MAX_VISITS + 1):
            of_round = np.full(tickets, NEVER, dtype=np.int64)
            rows = np.flatnonzero(visits.number == number)
            of_round[visits.ticket[rows]] = told[rows]
            notices.append(of_round)
    return notices
