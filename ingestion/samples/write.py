"""Write the samples: the exports every company has, and those that only some have, one file per feed."""

from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.care import interaction_frame
from ingestion.samples.catalogue import products
from ingestion.samples.complaints import complaint_frame
from ingestion.samples.contacts import call_frame, chat_frame, mention_frame
from ingestion.samples.crew import draw_staff, staff_frame
from ingestion.samples.customers import customer_frame, link_frame, tier_history_frame
from ingestion.samples.draw import subject_rng
from ingestion.samples.events import event_blocks
from ingestion.samples.files import Out
from ingestion.samples.handbook import article_frame
from ingestion.samples.orders import asset_frame, order_frames
from ingestion.samples.parts import alert_frame, parts_frame, replacement_frame
from ingestion.samples.places import outlets
from ingestion.samples.points import points_frame
from ingestion.samples.programme import workbook
from ingestion.samples.reviews import assessment_frame, draw_lessons, qa_frame, training_frame
from ingestion.samples.rhythm import span_ending
from ingestion.samples.roster import roster_frame
from ingestion.samples.stories import draw_stories
from ingestion.samples.surveys import survey_frames
from ingestion.samples.tickets import BY_ALERT
from ingestion.samples.visits import repaired_free, visit_frame
from ingestion.samples.world import World, draw_world

SOURCE: Final = "sample"
DEFAULT_TICKETS: Final = 60_000
DEFAULT_SEED: Final = 20_240_601

Frames = dict[str, pl.DataFrame]


def write_samples(
    directory: Path,
    *,
    tickets: int = DEFAULT_TICKETS,
    seed: int = DEFAULT_SEED,
    until: date,
    optional: bool = True,
) -> None:
    """Write two years of sample exports into DIRECTORY/sample, one file `<feed>-<until>.<ext>` per feed.

    Equal arguments give equal files, and the core exports do not depend on `optional`. About a third as many
    customers as tickets, and three quarters as many orders.

    Args:
        directory: the exports directory; made if absent. Files of the same name are replaced.
        tickets: how many tickets to write.
        seed: of every random draw.
        until: last local day of the export; nothing in it happened later.
        optional: also write the exports that the contract calls optional (calls, roster, parts and so on).
    """
    folder = directory / SOURCE
    folder.mkdir(parents=True, exist_ok=True)
    world = draw_world(tickets, seed, span_ending(until))
    out = Out(folder, until)
    core = {**_write_masters(out, seed, world), **_write_sales(out, seed, world), **_write_service(out, seed, world)}
    if optional:
        _write_contacts(out, seed, world)
        _write_staff(out, seed, world)
        _write_care(out, seed, world, core)
        _write_field(out, seed, world, core)
        out.xlsx("programme", workbook(until, draw_stories(seed, until)))


def _write_masters(out: Out, seed: int, world: World) -> Frames:
    rng = subject_rng(seed, "masters")
    customers = customer_frame(rng, world.span, world.people)
    out.csv("customers", customers)
    out.csv("customer_tier_history", tier_history_frame(world.people))
    out.csv("customer_links", link_frame(rng, world.people))
    out.csv("products", products())
    out.csv("outlets", outlets())
    alerting = world.tickets.asset[world.tickets.opened_by == BY_ALERT]
    assets = asset_frame(rng, world.span, world.assets, alerting)
    out.csv("assets", assets)
    return {"customers": customers, "assets": assets}


def _write_sales(out: Out, seed: int, world: World) -> Frames:
    rng = subject_rng(seed, "sales")
    free = repaired_free(rng, world.tickets, world.visits)
    orders, items = order_frames(rng, world.span, world.people, world.orders, free)
    out.csv("orders", orders)
    out.csv_gz("order_items", items)
    return {"orders": orders}


def _write_service(out: Out, seed: int, world: World) -> Frames:
    out.csv("tickets", out.parquet_beside("ticket_events", event_blocks(seed, world)))
    visits = visit_frame(subject_rng(seed, "diagnoses"), world.span, world.visits, world.crew)
    out.csv("visits", visits, encoding="gb18030")
    rng = subject_rng(seed, "complaint texts")
    out.xlsx("complaints", {"投诉": complaint_frame(rng, world.span, world.tickets, world.complaints, world.crew)})
    surveys, answers = survey_frames(
        subject_rng(seed, "surveys"),
        subject_rng(seed, "replies to comments"),
        world.span,
        world.people,
        world.tickets,
        world.life,
        world.visits,
    )
    out.ndjson("surveys", surveys)
    out.csv("survey_answers", answers)
    return {"surveys": surveys}


def _write_contacts(out: Out, seed: int, world: World) -> None:
    span, people, tickets, life = world.span, world.people, world.tickets, world.life
    out.csv("calls", call_frame(subject_rng(seed, "calls"), span, people, tickets, life, world.crew))
    out.ndjson("chat_sessions", chat_frame(subject_rng(seed, "chats"), span, people, tickets, life))
    out.csv("social_mentions", mention_frame(subject_rng(seed, "mentions"), span, len(tickets)))


def _write_staff(out: Out, seed: int, world: World) -> None:
    span, tickets, life, crew = world.span, world.tickets, world.life, world.crew
    rng = subject_rng(seed, "staff")
    staff = draw_staff(rng, span, crew, np.unique(world.visits.engineer))
    out.csv("staff", staff_frame(rng, span, staff))
    lessons = draw_lessons(subject_rng(seed, "training"), span, staff)
    out.csv("training", training_frame(staff, lessons))
    assessments = assessment_frame(subject_rng(seed, "assessments"), span, staff, lessons)
    out.csv("staff_assessments", assessments, encoding="gb18030")
    out.xlsx("roster", {"排班": roster_frame(subject_rng(seed, "roster"), span, tickets, life, crew)})
    out.xlsx("qa_reviews", {"质检": qa_frame(subject_rng(seed, "qa"), span, tickets, life, crew)})
    out.csv("knowledge_articles", article_frame(subject_rng(seed, "articles"), span, world.handbook))


def _write_care(out: Out, seed: int, world: World, core: Frames) -> None:
    span, people, customers = world.span, world.people, core["customers"]
    interactions = interaction_frame(
        subject_rng(seed, "care"), span, people, customers, world.tickets, world.visits, world.crew
    )
    out.csv("interactions", interactions)
    points = points_frame(subject_rng(seed, "points"), span, people, customers, core["orders"], core["surveys"])
    out.csv_gz("points_ledger", points)


def _write_field(out: Out, seed: int, world: World, core: Frames) -> None:
    span, tickets, visits = world.span, world.tickets, world.visits
    out.csv("parts_usage", parts_frame(subject_rng(seed, "parts"), span, tickets, visits), encoding="gb18030")
    out.csv(
        "replacements",
        replacement_frame(subject_rng(seed, "replacements"), span, tickets, visits, core["orders"]),
    )
    connected = core["assets"].filter("is_connected")["asset_id"]
    out.ndjson("iot_alerts", alert_frame(subject_rng(seed, "alerts"), span, tickets, world.assets, connected))
