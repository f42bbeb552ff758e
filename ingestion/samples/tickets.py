"""What customers ask for: who, when, through which channel, about which appliance, and who takes it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from ingestion.samples.catalogue import POPULARITY
from ingestion.samples.customers import VIP, Customers
from ingestion.samples.draw import DAY, HOUR, MINUTE, NEVER, Flags, Floats, Ints, between, chance, pick, pick_by_row
from ingestion.samples.orders import Assets
from ingestion.samples.places import REGION_NAMES
from ingestion.samples.rhythm import Span, arrivals, seconds_of
from ingestion.samples.stories import REPEAT_WEIGHT, SLOW_FACTOR, Stories

CHANNELS: Final = ("phone", "email", "chat", "web", "app", "wechat")
PHONE, EMAIL, CHAT, WEB, APP, WECHAT = range(6)
KINDS: Final = ("consult", "repair", "complaint", "return", "other")
CONSULT, REPAIR, COMPLAINT, RETURN, OTHER = range(5)
SCENES: Final = ("consult", "service", "complaint", "service", "followup")  # by kind
PRIORITIES: Final = ("low", "normal", "high", "urgent")
OPENERS: Final = ("customer", "agent", "alert")
BY_CUSTOMER, BY_AGENT, BY_ALERT = range(3)
TEAMS: Final = ("咨询一组", "咨询二组", "维修调度组", "投诉处理组", "退换货组", "回访组")
AGENTS_PER_TEAM: Final = 18
CATEGORIES: Final = (
    ("使用方法", "安装预约", "保修政策", "发票与账单", "物流查询", "活动优惠"),
    ("无法开机", "不制冷不制热", "漏水渗水", "噪音异常", "显示故障代码", "联网故障"),
    ("维修超时", "服务态度", "产品质量", "重复故障", "收费争议", "承诺未兑现"),
    ("七天无理由", "质量退货", "换货", "错发漏发", "退款进度", "安装前退货"),
    ("回访", "信息变更", "建议表扬", "保养提醒", "配件购买", "其他"),
)
CATEGORY_NAMES: Final = tuple(name for names in CATEGORIES for name in names)
PER_KIND: Final = 6

_CHANNEL_WEIGHTS: Final = (14, 9, 11, 15, 28, 23)
_KIND_WEIGHTS: Final = (46, 30, 5.2, 6.5, 12.3)
_CATEGORY_WEIGHTS: Final = (26, 22, 18, 14, 12, 8)
_PRIORITY_WEIGHTS: Final = ((22, 66, 10, 2), (8, 58, 26, 8), (2, 34, 46, 18), (12, 70, 15, 3), (40, 55, 4, 1))
_TEAM_WEIGHTS: Final = (
    (55, 45, 0, 0, 0, 0),
    (2, 2, 94, 2, 0, 0),
    (0, 0, 4, 96, 0, 0),
    (3, 2, 0, 0, 95, 0),
    (10, 8, 0, 0, 0, 82),
)
# Tickets that follow from an earlier one, as shares of all tickets.
RETURN_SHARE: Final = 0.022
REPEAT_CONSULT_SHARE: Final = 0.02
RECOMPLAINT_SHARE: Final = 0.0026
DUPLICATE_SHARE: Final = 0.01
SPAM_SHARE: Final = 0.005
DELETED_SHARE: Final = 0.002


@dataclass
class Tickets:
    """One element per ticket, in order of creation. Codes index the tuples above; -1 is none."""

    created: Ints
    customer: Ints
    tier: Ints
    region: Ints
    asset: Ints  # the order that brought the appliance
    product: Ints
    channel: Ints
    kind: Ints
    category: Ints
    priority: Ints
    team: Ints
    agent: Ints  # the post: who holds it, Crew knows
    opened_by: Ints
    merged_into: Ints
    is_spam: Flags
    is_deleted: Flags
    is_slow: Flags  # in the slow region's slow quarter

    def __len__(self) -> int:
        return len(self.created)

    def take(self, rows: Ints | Flags) -> "Tickets":
        """The tickets at these rows."""
        return Tickets(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @property
    def is_worked(self) -> Flags:
        """Real work: neither a duplicate, nor spam, nor deleted."""
        return (self.merged_into < 0) & ~self.is_spam & ~self.is_deleted

    @property
    def slowness(self) -> Floats:
        return np.where(self.is_slow, SLOW_FACTOR, 1.0)


_Follow: TypeAlias = "Callable[[np.random.Generator, Span, Tickets, int], tuple[Tickets, Ints]]"


def draw_tickets(
    rng: np.random.Generator, span: Span, people: Customers, assets: Assets, count: int, stories: Stories
) -> Tickets:
    """First the tickets that come by themselves, then those that follow from one of them."""
    shares = (RETURN_SHARE, REPEAT_CONSULT_SHARE, RECOMPLAINT_SHARE, DUPLICATE_SHARE)
    following = [round(count * share) for share in shares]
    base = _base(rng, span, people, assets, count - sum(following))
    parts, parents = [base], [np.full(len(base), -1, dtype=np.int64)]
    draws: tuple[_Follow, ...] = (partial(_returns, stories), _repeat_consults, _recomplaints, _duplicates)
    for draw, wanted in zip(draws, following, strict=True):
        part, parent = draw(rng, span, base, wanted)
        parts.append(part)
        parents.append(parent)
    names = [field.name for field in fields(Tickets)]
    joined = Tickets(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
    # Only duplicates are merged: their parent is an index into base until everything is sorted by time.
    joined.merged_into = np.concatenate([*(np.full(len(part), -1) for part in parts[:-1]), parents[-1]])
    order = np.lexsort((np.arange(len(joined)), joined.created))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    tickets = joined.take(order)
    tickets.merged_into = np.where(tickets.merged_into < 0, -1, place[np.maximum(tickets.merged_into, 0)])
    # From here on an appliance is known by the order that brought it.
    tickets.asset = np.where(tickets.asset < 0, -1, assets.order[np.maximum(tickets.asset, 0)])
    return _finish(rng, people, tickets, stories)


def _base(rng: np.random.Generator, span: Span, people: Customers, assets: Assets, count: int) -> Tickets:
    created = arrivals(rng, span, count)
    customer = _callers(rng, people, assets, created)
    asset = _own_asset(rng, assets, customer, created)
    kind = pick(rng, _KIND_WEIGHTS, count)
    product = np.where(asset >= 0, assets.product[np.maximum(asset, 0)], pick(rng, POPULARITY, count))
    is_service = (kind == REPAIR) | (kind == RETURN)
    asset = np.where(is_service | (kind == COMPLAINT) | chance(rng, 0.25, count), asset, -1)
    region = np.where(customer >= 0, people.region[np.maximum(customer, 0)], -1)
    blank, no = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    openers = np.where(kind == OTHER, 1, 0) + np.where(kind == REPAIR, 2, 0)
    opened_by = pick_by_row(rng, ((100, 0, 0), (65, 35, 0), (97, 0, 3)), openers)
    return Tickets(
        created=created, customer=customer, tier=blank, region=region, asset=asset, product=product,
        channel=pick(rng, _CHANNEL_WEIGHTS, count), kind=kind,
        category=kind * PER_KIND + pick(rng, _CATEGORY_WEIGHTS, count), priority=blank, team=blank, agent=blank,
        opened_by=opened_by, merged_into=blank, is_spam=no, is_deleted=no, is_slow=no,
    )  # fmt: skip


def _callers(rng: np.random.Generator, people: Customers, assets: Assets, created: Ints) -> Ints:
    """A customer for every ticket who has signed up and not yet left; the odd one stays unknown."""
    ready = assets.sold[assets.first_of]
    gone = np.where(people.churned == NEVER, np.iinfo(np.int64).max, people.churned)
    customer = np.full(len(created), -1, dtype=np.int64)
    for _ in range(12):
        open_rows = np.flatnonzero(customer < 0)
        candidate = pick(rng, people.activity, len(open_rows))
        fits = (ready[candidate] < created[open_rows]) & (gone[candidate] > created[open_rows])
        customer[open_rows[fits]] = candidate[fits]
    return customer


def _own_asset(rng: np.random.Generator, assets: Assets, customer: Ints, created: Ints) -> Ints:
    """One of the customer's appliances, sold before the ticket; else the first one."""
    known = np.maximum(customer, 0)
    asset = assets.first_of[known] + (rng.random(len(customer)) * assets.count_of[known]).astype(np.int64)
    asset = np.where(assets.sold[asset] < created, asset, assets.first_of[known])
    return np.where(customer >= 0, asset, -1)


def _follow(
    rng: np.random.Generator, base: Tickets, weights: Floats, wanted: int, delay: tuple[float, float], span: Span
) -> tuple[Tickets, Ints]:
    """Copies of some tickets, created a while after them, with the index of the ticket each one follows."""
    weights = np.where(base.created + delay[1] <= span.horizon, weights, 0.0)
    wanted = min(wanted, int(np.count_nonzero(weights)))
    # Without replacement and in one pass: the smallest of exponential draws divided by weight.
    with np.errstate(divide="ignore"):
        keys = rng.exponential(size=len(base)) / weights
    parent = np.sort(np.argsort(keys, kind="stable")[:wanted])
    part = base.take(parent)
    part.created = part.created + between(rng, *delay, len(part))
    return part, parent


def _returns(
    stories: Stories, rng: np.random.Generator, span: Span, base: Tickets, wanted: int
) -> tuple[Tickets, Ints]:
    """The same appliance with the same fault again, within 30 days of the first visit."""
    eligible = (base.kind == REPAIR) & (base.asset >= 0)
    weights = np.where(eligible, np.where(base.product == stories.repeat_product, REPEAT_WEIGHT, 1.0), 0.0)
    part, parent = _follow(rng, base, weights, wanted, (5 * DAY, 26 * DAY), span)
    part.created = _same_hour(rng, base.created[parent], part.created)
    part.opened_by = np.full(len(part), BY_CUSTOMER)
    return part, parent


def _repeat_consults(rng: np.random.Generator, span: Span, base: Tickets, wanted: int) -> tuple[Tickets, Ints]:
    """The same question again within a week."""
    weights = np.where((base.kind == CONSULT) & (base.customer >= 0), 1.0, 0.0)
    part, parent = _follow(rng, base, weights, wanted, (1 * DAY, 6.5 * DAY), span)
    part.created = _same_hour(rng, base.created[parent], part.created)
    return part, parent


def _recomplaints(rng: np.random.Generator, span: Span, base: Tickets, wanted: int) -> tuple[Tickets, Ints]:
    """The same matter complained of again within 30 days."""
    weights = np.where((base.kind == COMPLAINT) & (base.customer >= 0), 1.0, 0.0)
    part, parent = _follow(rng, base, weights, wanted, (6 * DAY, 27 * DAY), span)
    part.created = _same_hour(rng, base.created[parent], part.created)
    return part, parent


def _duplicates(rng: np.random.Generator, span: Span, base: Tickets, wanted: int) -> tuple[Tickets, Ints]:
    """The same matter sent once more through another channel, soon merged into the first ticket."""
    weights = np.where((base.customer >= 0) & (base.opened_by == BY_CUSTOMER), 1.0, 0.0)
    part, parent = _follow(rng, base, weights, wanted, (5 * MINUTE, 30 * HOUR), span)
    part.channel = (part.channel + 1 + pick(rng, np.ones(5), len(part))) % 6
    return part, parent


def _same_hour(rng: np.random.Generator, earlier: Ints, created: Ints) -> Ints:
    """Whole days later, give or take some minutes: people call at their own time of day."""
    days = np.maximum((created - earlier) // DAY, 1)
    minutes = between(rng, 0, 40 * MINUTE, len(earlier))
    return np.asarray(earlier + days * DAY - np.minimum(minutes, earlier % DAY), dtype=np.int64)


def _finish(rng: np.random.Generator, people: Customers, tickets: Tickets, stories: Stories) -> Tickets:
    """What depends on the finished list: tier then, priority, team, agent, spam and the slow quarter."""
    count = len(tickets)
    tickets.tier = people.tier_at(tickets.customer, tickets.created)
    raised = (tickets.tier == VIP) & chance(rng, 0.4, count)
    tickets.priority = np.minimum(pick_by_row(rng, _PRIORITY_WEIGHTS, tickets.kind) + raised, 3)
    tickets.team = pick_by_row(rng, _TEAM_WEIGHTS, tickets.kind)
    tickets.agent = tickets.team * AGENTS_PER_TEAM + between(rng, 0, AGENTS_PER_TEAM, count)
    # Nothing else may hang on spam or deleted tickets: only plain questions turn out to be either.
    plain = (tickets.kind == CONSULT) & (tickets.merged_into < 0)
    is_target = np.zeros(count, dtype=np.bool_)
    is_target[tickets.merged_into[tickets.merged_into >= 0]] = True
    draws = np.where(plain & ~is_target, rng.random(count), 1.0)
    tickets.is_spam = draws < SPAM_SHARE / 0.46
    tickets.is_deleted = ~tickets.is_spam & (draws < (SPAM_SHARE + DELETED_SHARE) / 0.46)
    inside = tickets.created >= seconds_of(stories.slow_first)
    inside &= tickets.created < seconds_of(stories.slow_last) + DAY
    tickets.is_slow = inside & (tickets.region == REGION_NAMES.index(stories.slow_region))
    return tickets
