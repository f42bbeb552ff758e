"""Landing: one file becomes typed rows, held back records, and counts that add up."""

from ingestion.landing.accounting import Landed, Verdict
from ingestion.landing.land import land_file
from ingestion.landing.references import judge_references

__all__ = ["Landed", "Verdict", "judge_references", "land_file"]
