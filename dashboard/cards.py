"""The KPI card: a value with everything that must stand beside it, and the way to the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

from dashboard import drill, formats, readings, sparklines, theme
from dashboard.periods import NO_COMPARISON
from dashboard.session import Question
from ingestion.warehouse.kpi_bounds import is_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboard.periods import Period
    from dashboard.readings import Reading, Target
    from dashboard.session import View
    from ingestion.warehouse.kpi_bounds import Bound
    from ingestion.warehouse.kpis import Kpi

_COLOURS: Final = {"better": theme.BETTER, "worse": theme.WORSE, "unclear": theme.UNCLEAR, "none": theme.UNCLEAR}
_CARD_WIDTH: Final = 232
_SAME: Final = "same"


@dataclass(frozen=True)
class Partner:
    """The quality KPI that guards a speed KPI: fast is only good while it holds. holds None: nothing can be said."""

    kpi: Kpi
    holds: bool | None


@dataclass(frozen=True)
class Card:
    """What one card shows; read once, then drawn and judged."""

    kpi: Kpi
    now: Reading
    earlier: dict[str, Reading]
    target: Target | None
    course: list[float]
    partner: Partner | None = None
    # Where the KPI would lie if the rows held back were counted; is_unbounded: nothing limits how far they move it.
    bound: Bound | None = None
    is_unbounded: bool = False

    @property
    def misses_target(self) -> bool:
        return self.target is not None and self.target.is_met(self.now, self.kpi.better) is False

    @property
    def is_guarded(self) -> bool:
        """False while the quality partner does not hold: then nothing about this KPI is good news."""
        return self.partner is None or self.partner.holds is not False

    def verdict(self, comparison: str) -> readings.Verdict:
        return readings.compare(self.now, self.earlier.get(comparison), self.kpi.better)


def read(view: View, kpi: Kpi) -> Card:
    now = view.reading(kpi)
    if not now.is_connected or now.state == "unsplit":
        return Card(kpi, now, {}, None, [])
    earlier = {name: view.earlier_reading(kpi, period) for period, name in _earlier(view, kpi).items()}
    course = view.trend(kpi)["value"].drop_nulls().to_list()
    bound = view.bound(kpi)
    is_unbounded = view.is_held_back(kpi) and not is_bounded(kpi)
    return Card(kpi, now, earlier, view.target(kpi), course, _partner(view, kpi), bound, is_unbounded)


def _earlier(view: View, kpi: Kpi) -> dict[Period, str]:
    """The dates a KPI is compared with, the chosen comparison first."""
    # Over whole years "the period before" and "a year earlier" are the same dates: one line says both.
    wanted = () if view.choice.comparison == NO_COMPARISON else ("last_year", "previous")
    periods = {view.earlier(name, kpi): name for name in wanted}
    return dict(sorted(periods.items(), key=lambda item: item[1] != view.choice.comparison))


def questions(view: View, kpi_ids: Sequence[str]) -> Iterator[Question]:
    """All that the cards of the KPIs will ask."""
    for kpi in view.kpis(*kpi_ids):
        if view.missing(kpi):
            yield Question(kpi)
            continue
        yield from (Question(kpi, period=period) for period in (None, *_earlier(view, kpi)))
        yield Question(kpi, grain=view.grain(kpi))
        if kpi.guardrail is not None:
            guard = view.kpi(kpi.guardrail)
            yield Question(guard)
            if view.target(guard) is None and view.choice.comparison != NO_COMPARISON:
                yield Question(guard, period=view.earlier(view.choice.comparison, guard))


def _partner(view: View, kpi: Kpi) -> Partner | None:
    """A guardrail holds while it meets its own target; where it has none, while it has not grown clearly worse."""
    if kpi.guardrail is None:
        return None
    guard = view.kpi(kpi.guardrail)
    now, target = view.reading(guard), view.target(guard)
    if target is not None:
        return Partner(guard, target.is_met(now, guard.better))
    if view.choice.comparison == NO_COMPARISON:
        return Partner(guard, None)
    then = view.earlier_reading(guard, view.earlier(view.choice.comparison, guard))
    verdict = readings.compare(now, then, guard.better)
    return Partner(guard, None if verdict == "none" else verdict != "worse")


def wall(view: View, kpi_ids: Sequence[str]) -> list[Card]:
    """Cards side by side, as many as the screen holds. Returns them for further judgement."""
    view.ahead(questions(view, kpi_ids))
    cards = [read(view, kpi) for kpi in view.kpis(*kpi_ids)]
    # A card is a direct child of the grid: a cell between them would not stretch it to its row's height.
    with st.grid(min_column_width=_CARD_WIDTH, gap="small"):
        for card in cards:
            draw(view, card)
    return cards


def draw(view: View, card: Card) -> None:
    with st.container(border=True, key=f"card_{card.kpi.id}", height="stretch", gap="xsmall"):
        _headline(view, card)
        st.caption("  \n".join(_lines(view, card)))
        _details(view, card)


def _details(view: View, card: Card) -> None:
    """The way to what the number is made of."""
    if card.now.is_connected and st.button(
        view.t("card.details"), key=f"details_{card.kpi.id}", type="tertiary", icon=":material/table_view:"
    ):
        drill.show(view, card.kpi, card.now)


def _headline(view: View, card: Card) -> None:
    kpi, now = card.kpi, card.now
    comparison = next(iter(card.earlier), "")
    then = card.earlier.get(comparison)
    verdict = card.verdict(comparison)
    colour = _COLOURS["unclear" if verdict == "better" and not card.is_guarded else verdict]
    has_delta = verdict != "none" and then is not None and now.value is not None and then.value is not None
    delta = formats.change(now.value, then.value, kpi.unit, view.lang) if has_delta else None  # type: ignore[arg-type,union-attr]
    st.metric(
        kpi.label[view.lang],
        headline(view, kpi, now),
        delta=delta,
        delta_color=colour,  # type: ignore[arg-type]  # names of Streamlit's palette
        delta_arrow=_arrow(delta),
        delta_description=view.t(f"comparisons.short_{_name(view, card, comparison)}") if delta else None,
        help=kpi.meaning[view.lang],
    )
    if now.is_shown and len(card.course) > 1:
        sparklines.draw(card.course, colour, _course(view, card))


def _course(view: View, card: Card) -> str:
    """The little line in words, for who cannot see it."""
    unit, lang = card.kpi.unit, view.lang
    ends = {"first": card.course[0], "last": card.course[-1], "low": min(card.course), "high": max(card.course)}
    told = {name: formats.value(value, unit, lang) for name, value in ends.items()}
    return view.t("card.course", kpi=card.kpi.label[lang], **told)


def headline(view: View, kpi: Kpi, reading: Reading) -> str:
    """The value as the card shows it: grey where few cases stand behind it, words where none may be shown."""
    if not reading.is_shown:
        code = "too_few" if reading.is_too_few else reading.state
        return f":gray[{view.t(f'states.{code}')}]"
    text = formats.value(reading.value, kpi.unit, view.lang)
    return f":gray[{text}]" if reading.is_doubtful else text


def value_line(view: View, kpi: Kpi) -> None:
    """The KPI's value and what stands beside it on a card, in one line."""
    view.ahead(questions(view, [kpi.id]))
    card = read(view, kpi)
    told = [f"**{headline(view, kpi, card.now)}**", *_lines(view, card)]
    with st.container(horizontal=True, vertical_alignment="center", key=f"line_{kpi.id}"):
        st.markdown(" · ".join(told))
        _details(view, card)


def _lines(view: View, card: Card) -> list[str]:
    now, kpi = card.now, card.kpi
    if not now.is_connected:
        missing = (name for name in kpi.datasets if not view.is_connected(name))
        return [view.t("parts.connect", datasets=view.labels.datasets(missing))]
    if now.state == "unsplit":
        names = view.t("parts.and").join(view.labels.dimension(name) for name in view.unsplit(kpi))
        return [view.t("card.unsplit", dimensions=names)]
    lines = [*_without_history(view, card), _other_comparison(view, card), _target(view, card), _error(view, card)]
    if now.is_provisional:
        lines.append(f":orange[:material/hourglass_top:] {view.t('card.provisional')}")
    lines += [_bound(view, card), _counted(view, card)]
    return [line for line in lines if line]


def _bound(view: View, card: Card) -> str:
    """What the rows held back could make of the value, and whether the target then still reads the same."""
    bound, unit = card.bound, card.kpi.unit
    if card.is_unbounded and card.now.is_shown:
        return f":gray[:material/help: {view.t('card.unbounded')}]"
    if bound is None:
        return ""
    if bound.lower is not None and bound.upper is not None:
        span = view.t("card.between", span=formats.interval(bound.lower, bound.upper, unit, view.lang))
    elif bound.lower is not None:
        span = view.t("card.at_least", value=formats.value(bound.lower, unit, view.lang))
    else:
        span = view.t("card.at_most", value=formats.value(bound.upper, unit, view.lang))
    told = view.t("card.bound", count=formats.number(bound.held, view.lang), span=span)
    if card.target is not None and card.target.is_crossed(bound.lower, bound.upper, card.kpi.better):
        told = f"{told}{view.t('card.bound_crosses')}"
    return f":orange[:material/inventory_2: {told}]"


def _counted(view: View, card: Card) -> str:
    """When this was counted: a stock at the end of one day, a cohort on its first, all else up to as-of."""
    day = view.counted_on(card.kpi)
    if day is None:
        return view.t("card.as_of", as_of=formats.instant(view.snapshot.as_of, view.zone))
    return view.t("card.day_end" if card.kpi.over_time == "last" else "card.cohort", day=formats.day(day))


def _without_history(view: View, card: Card) -> list[str]:
    """The comparisons that have nothing to compare with, named: silence would read as "no change"."""
    names = [name for name, then in card.earlier.items() if then.state == "no_history"]
    words = (view.t(f"comparisons.short_{_name(view, card, name)}") for name in names)
    return [f"{word} :gray[{view.t('states.no_history')}]" for word in words] if card.now.is_shown else []


def _other_comparison(view: View, card: Card) -> str:
    for comparison, then in list(card.earlier.items())[1:]:
        verdict = card.verdict(comparison)
        if verdict != "none" and card.now.value is not None and then.value is not None:
            text = formats.change(card.now.value, then.value, card.kpi.unit, view.lang)
            word = view.t(f"comparisons.short_{comparison}")
            return f"{word} :{_COLOURS[verdict]}[{text}]"
    return ""


def _target(view: View, card: Card) -> str:
    if card.target is None:
        return view.t("card.no_target")
    sign = "≥" if card.kpi.better == "higher" else "≤"
    goal = formats.value(card.target.value, card.kpi.unit, view.lang)
    met = card.target.is_met(card.now, card.kpi.better)
    if met is None:
        return view.t("card.target", goal=f"{sign} {goal}")
    if met and card.partner and not card.is_guarded:
        told = view.t("card.unguarded", guardrail=card.partner.kpi.label[view.lang])
        return f"{view.t('card.target', goal=f'{sign} {goal}')} · :orange[:material/warning: {told}]"
    word, colour, mark = ("met", theme.BETTER, "check_circle") if met else ("missed", theme.WORSE, "error")
    return f"{view.t('card.target', goal=f'{sign} {goal}')} · :{colour}[:material/{mark}: {view.t(f'card.{word}')}]"


def _error(view: View, card: Card) -> str:
    now = card.now
    # Non-breaking spaces: "n =" alone at a line's end reads like an error.
    count = f"n = {formats.number(now.n, view.lang)}".replace(" ", "\u00a0")
    if now.is_too_few or not now.is_shown or now.lower is None:
        return count
    span = formats.interval(now.lower, now.upper, card.kpi.unit, view.lang)
    return f"{view.t('card.interval', span=span)} · {count}"


def _name(view: View, card: Card, comparison: str) -> str:
    return comparison if len(card.earlier) > 1 else _SAME


def _arrow(delta: str | None) -> Literal["up", "down", "off"]:
    if not delta or not delta.startswith(("+", formats.MINUS)):
        return "off"
    return "up" if delta.startswith("+") else "down"
