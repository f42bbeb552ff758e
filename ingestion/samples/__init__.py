"""Realistic, seeded exports of a household-appliance maker's after-sales service, for `aftercare demo` and tests.

Everything is invented: people, firms, numbers, products. What a reader should find in the data is in `stories`.
"""

from ingestion.samples.write import write_samples

__all__ = ["write_samples"]
