"""All that happened, drawn once in the order in which things depend on each other."""

from dataclasses import dataclass
from typing import Final

from ingestion.samples.complaints import Complaints, draw_complaints
from ingestion.samples.crew import Crew, draw_crew
from ingestion.samples.customers import TICKETS_PER_CUSTOMER, Customers, draw_customers
from ingestion.samples.draw import subject_rng
from ingestion.samples.handbook import Handbook, draw_handbook
from ingestion.samples.handling import Handling, first_answers, handle
from ingestion.samples.orders import Assets, Orders, draw_orders, own_assets
from ingestion.samples.rhythm import Span, office_hours, service_hours
from ingestion.samples.stories import draw_stories
from ingestion.samples.tickets import Tickets, draw_tickets
from ingestion.samples.visits import Visits, draw_visits

MIN_CUSTOMERS: Final = 60


@dataclass
class World:
    """What happened, before any of it is exported."""

    span: Span
    people: Customers
    orders: Orders
    assets: Assets
    tickets: Tickets
    visits: Visits
    complaints: Complaints
    life: Handling
    crew: Crew
    handbook: Handbook


def draw_world(tickets: int, seed: int, span: Span) -> World:
    """So many tickets, and about a third as many customers."""
    stories = draw_stories(seed, span.last)
    customers = max(MIN_CUSTOMERS, tickets // TICKETS_PER_CUSTOMER)
    people = draw_customers(subject_rng(seed, "customers"), span, customers, stories)
    orders = draw_orders(subject_rng(seed, "orders"), span, people)
    assets = own_assets(subject_rng(seed, "assets"), orders, len(people))
    asked_for = draw_tickets(subject_rng(seed, "tickets"), span, people, assets, tickets, stories)
    office, service = office_hours(span), service_hours(span)
    beginning = first_answers(subject_rng(seed, "answers"), span, office, service, asked_for)
    visits = draw_visits(subject_rng(seed, "visits"), service, asked_for, beginning.answered, stories)
    complaints = draw_complaints(subject_rng(seed, "complaints"), service, asked_for, beginning.answered)
    life = handle(subject_rng(seed, "handling"), office, asked_for, beginning, visits, complaints)
    crew = draw_crew(subject_rng(seed, "crew"), span)
    handbook = draw_handbook(subject_rng(seed, "handbook"), span, people, asked_for, life)
    return World(span, people, orders, assets, asked_for, visits, complaints, life, crew, handbook)
