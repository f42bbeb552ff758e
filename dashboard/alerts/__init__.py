"""Alerts: what a night came to, sent to the people who asked for it. Called by the command line, after the run.

rules (HOME/alerts.toml) → noticing (verdict, signals of KPIs, overdue data) → composing (words) → outbox (kept
before it is sent) → sending.
"""
