"""Every page opens in both languages and says what a person would read."""

import os
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import session
from dashboard.metrics.query import NoSuchTable
from dashboard.readings import Target
from tests.dashboard.conftest import OpenPage
from tests.dashboard.fake_meta import META
from tests.dashboard.fakes import ALL_DATASETS, FakeQuery, FakeSnapshot

pytestmark = pytest.mark.slow

PAGES = {
    "overview": ("总览", "Overview"),
    "response": ("响应与 SLA", "Response and SLA"),
    "first_fix": ("一次解决与维修链路", "First fix and repair chain"),
    "complaints": ("投诉闭环", "Complaints"),
    "satisfaction": ("满意度与 NPS", "Satisfaction and NPS"),
    "loyalty": ("复购与流失", "Repurchase and churn"),
    "explore": ("自助分析", "Explore"),
    "spare_parts": ("配件与主动服务", "Parts and proactive service"),
    "care": ("VIP 关怀与积分", "Care and points"),
    "customer": ("客户 360", "Customer 360"),
    "programme": ("目标进度", "Programme"),
    "pain_points": ("痛点台账", "Pain points"),
    "team": ("团队绩效", "Team"),
    "data_quality": ("数据质量与批次", "Data quality and loads"),
    "dictionary": ("指标词典", "KPI dictionary"),
}


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("lang", "place"), [("zh", 0), ("en", 1)])
def test_every_page_opens_in_both_languages(open_page: OpenPage, name: str, lang: str, place: int) -> None:
    page = open_page(name, lang=lang)
    assert not page.exception
    assert page.title[0].value == PAGES[name][place]


def test_a_card_shows_value_interval_n_target_and_as_of(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page("response")
    assert metrics(page)["响应及时率"] == "87.3%"
    assert metrics(page)["首次响应时间（中位数）"] == "2 小时 15 分"
    card = next(caption.value for caption in page.caption if "未达标" in caption.value)
    assert "目标 ≥ 90.0%" in card
    assert "95% 区间 86.3–88.3%" in card
    assert "n\u00a0=\u00a01,200" in card
    assert "截至 2025-07-01 00:00" in card


@pytest.mark.parametrize(("partner", "word"), [(0.80, "达标"), (0.99, "质量护栏“满意度（好评率）”没有守住")])
def test_a_speed_target_is_green_only_while_its_quality_partner_holds(
    open_page: OpenPage, fake_query: FakeQuery, monkeypatch: pytest.MonkeyPatch, partner: float, word: str
) -> None:
    goals = {"sla_response_met": Target(0.80), "csat": Target(partner)}
    monkeypatch.setattr(session.View, "target", lambda self, kpi: goals.get(kpi.id))
    page = open_page("response")
    (card,) = [caption.value for caption in page.caption if "目标 ≥ 80.0%" in caption.value]
    assert word in card
    assert ("没有守住" in card) is (partner > 0.9)


def test_english_durations_and_counts(open_page: OpenPage) -> None:
    page = open_page("response", lang="en")
    assert metrics(page)["First response time (median)"] == "2 h 15 min"
    assert metrics(page)["Open tickets (backlog)"] == "12,345"


def test_few_cases_are_grey_and_very_few_are_not_shown(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.states = {"csat": ("small_n", 20), "nps": ("small_n", 9)}
    page = open_page("satisfaction")
    assert metrics(page)["满意度（好评率）"] == ":gray[87.3%]"
    assert metrics(page)["净推荐值（NPS）"] == ":gray[样本不足]"
    assert all(not metric.delta for metric in page.metric if metric.label in ("满意度（好评率）", "净推荐值（NPS）"))


def test_a_kpi_without_its_data_is_named_so_and_never_zero(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.snapshot = FakeSnapshot(connected=ALL_DATASETS - {"complaints"})
    page = open_page("complaints")
    assert set(metrics(page).values()) == {":gray[未接入数据源]"}
    assert "需要接入：投诉" in captions(page)
    assert "未接入数据源" in page.info[0].value


def test_old_data_are_announced_in_red(open_page: OpenPage, fake_query: FakeQuery) -> None:
    assert "夜间批次可能没有发布" in open_page().error[0].value


def test_exports_that_end_early_are_not_blamed_on_a_missed_night(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.snapshot = FakeSnapshot(published_at=datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1))
    assert "最近一批已正常发布" in open_page().error[0].value


def test_fresh_data_are_a_quiet_line(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.snapshot = FakeSnapshot(as_of=datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=3))
    page = open_page()
    assert not page.error
    assert "3 小时前" in page.caption[0].value


def test_a_hold_is_announced(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.snapshot = FakeSnapshot(is_held=True)
    assert "发布暂停中" in open_page().error[0].value


def test_first_run_says_what_to_do(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.snapshot = None
    page = open_page(lang="en")
    assert not page.exception
    assert page.title[0].value == "Nothing to show yet"
    assert page.code[0].value == "aftercare demo"


def test_the_link_sets_period_and_slices(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page("response", period="last_3_months", region=["北京"], lang="en")
    # 61 working days, reached back from the end of March: Spring Festival lies between.
    told = "2025-04-01 – 2025-06-30, compared with 2024-12-30 – 2025-03-31 (61 working days each) · Region: Beijing"
    assert told in captions(page)
    asked = {(wanted.date_from.isoformat(), dict(wanted.where).get("region")) for _, wanted in fake_query.asked}
    assert ("2025-04-01", ("北京",)) in asked


def test_default_dates_follow_the_data_and_not_the_clock(open_page: OpenPage, fake_query: FakeQuery) -> None:
    assert "2024-07-01 – 2025-06-30" in captions(open_page())


def test_choices_stay_in_the_address_and_across_pages(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page()
    page.multiselect(key="channel_zh").select("chat").run()
    page.selectbox(key="period_zh").select("last_month").run()
    assert page.query_params["channel"] == "chat"
    assert page.query_params["period"] == "last_month"
    page.switch_page("app_pages/loyalty.py").run()
    assert page.selectbox(key="period_zh").value == "last_month"
    assert page.query_params["channel"] == "chat"


def test_switching_language_keeps_the_filter(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page("response", channel=["chat"], compare="last_year")
    page.session_state["lang"] = "en"
    page.run()
    assert page.title[0].value == "Response and SLA"
    assert page.multiselect(key="channel_en").value == ["chat"]
    assert page.selectbox(key="compare_en").value == "last_year"


def test_nonsense_in_the_link_falls_back_to_defaults(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page(lang="fr", period="for ever", region=["Atlantis"], compare="nothing", **{"from": "soon"})
    assert not page.exception
    assert "2024-07-01 – 2025-06-30" in captions(page)


def test_own_dates_come_from_the_link(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page(period="custom", to="2025-03-15", **{"from": "2025-03-02"})
    assert "2025-03-02 – 2025-03-15，对比 2025-02-16 – 2025-03-01" in captions(page)


def test_details_open_with_counts_rows_definition_and_targets(open_page: OpenPage, fake_query: FakeQuery) -> None:
    page = open_page("response")
    page.button(key="details_sla_response_met").click().run()
    assert not page.exception
    assert [tab.label for tab in page.tabs] == ["构成", "明细行", "口径", "目标", "溯源"]
    counts = page.tabs[0].dataframe[0].value
    assert counts.iloc[1].to_list() == ["分子", "960"]
    rows = page.tabs[1].dataframe[0].value
    assert rows["工单编号"].to_list() == ["T1", "T2", "T3"]
    assert "按时答复" in "".join(markdown.value for markdown in page.tabs[2].markdown)
    # What all units give differs from what the page read from cells: both are told.
    (told,) = page.tabs[4].info
    assert "79.1%" in told.value
    assert "%" in told.value.partition("79.1%")[0], told.value


def test_open_complaints_come_with_the_least_time_left_first(open_page: OpenPage) -> None:
    page = open_page("complaints")
    waiting = page.dataframe[0].value
    assert waiting["投诉编号"].to_list() == ["C3", "C1", "C2"]
    assert waiting["剩余时间"].to_list() == ["已超 3 天 4 小时", "已超 6 小时", "剩 19 小时"]


def test_the_overview_names_missed_targets(open_page: OpenPage) -> None:
    page = open_page()
    assert any("未达标" in markdown.value and "响应及时率" in markdown.value for markdown in page.markdown)


def test_the_dictionary_finds_by_any_word(open_page: OpenPage) -> None:
    page = open_page("dictionary", lang="en")
    page.text_input(key="dictionary_search").input("promoter").run()
    assert [expander.label.startswith("**Net promoter score") for expander in page.expander] == [True]


def test_loads_add_up_and_reasons_are_named(open_page: OpenPage) -> None:
    page = open_page("data_quality")
    assert metrics(page)["读取行数"] == "1,000"
    assert metrics(page)["入库率"] == "99.00%"
    assert any("编号格式不对" in str(frame.value.to_dict()) for frame in page.dataframe)
    assert any("sample/new.csv" in markdown.value for markdown in page.markdown)


def test_disagreements_of_sources_and_releases_are_counted_in_words(open_page: OpenPage) -> None:
    page = open_page("data_quality")
    (told,) = [table.value for table in page.dataframe if "采信的来源" in table.value.columns]
    assert told.to_dict("records")[0] == {
        "列": "客户细分",
        "采信的来源": "crm",
        "另一来源": "shop",
        "两边都填写的客户": 7_043,
        "说法不同": 265,
        "占比": "3.76%",
    }
    assert "另有 2 条隔离原因已解除：1 条由后来的文件重新带来同一编号，1 条所引用的对象已到齐。" in captions(page)


def test_what_somebody_accepted_is_told_with_who_and_why(open_page: OpenPage) -> None:
    page = open_page("data_quality")
    (told,) = [table.value for table in page.dataframe if "放行人" in table.value.columns]
    (row,) = told.to_dict("records")
    assert (row["文件或表"], row["放行人"], row["放行理由"]) == (
        "tickets-2025-06-30.csv",
        "li",
        "三天的记录随旧系统丢失，见会议纪要",
    )
    assert "98%" in row["原因"]


def test_a_snapshot_of_an_older_version_still_opens(
    open_page: OpenPage, fake_query: FakeQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meta(snapshot: FakeSnapshot, name: str) -> pl.DataFrame:
        if name in (
            "released",
            "disagreements",
            "overrides",
            "definitions",
            "failed_checks",
            "volumes",
            "feeds",
            "drift",
        ):
            raise NoSuchTable("unknown_table", table=name)
        return META[name]

    monkeypatch.setattr(fake_query, "meta", meta)
    assert not open_page("data_quality").exception


def test_a_login_is_asked_where_the_port_is_open(
    open_page: OpenPage, fake_query: FakeQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "AFTERCARE_LOGIN", "1")
    page = open_page()
    assert page.title[0].value == "请先登录"
    assert not fake_query.asked


def test_the_address_always_names_the_language(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "AFTERCARE_LANG", "en")
    page = open_page()
    assert page.query_params["lang"] == "en"
    page.session_state["lang"] = "zh"
    page.run()
    assert page.query_params["lang"] == "zh"


@pytest.mark.parametrize(
    ("locale", "setting", "title"), [("zh-TW", "en", "总览"), ("de", "en", "Overview"), (None, "", "总览")]
)
def test_a_first_visit_speaks_the_browsers_chinese_else_the_servers_language(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, locale: str | None, setting: str, title: str
) -> None:
    monkeypatch.setitem(os.environ, "AFTERCARE_LANG", setting)
    monkeypatch.setattr(type(st.context), "locale", property(lambda _: locale))
    assert open_page().title[0].value == title


def test_a_stock_names_the_day_it_counts_and_churn_its_cohort(open_page: OpenPage) -> None:
    link = {"from": "2025-01-01", "to": "2025-03-31"}
    complaints = captions(open_page("complaints", period="custom", **link))
    assert "2025-03-31 日终" in complaints
    assert "群组：2025-01-01 活跃的客户" in captions(open_page("loyalty", period="custom", **link))


def test_the_list_of_open_complaints_names_its_own_day(open_page: OpenPage) -> None:
    page = open_page("complaints", period="custom", to="2025-03-31", **{"from": "2025-01-01"})
    assert any("2025-06-30 日终未结" in markdown.value for markdown in page.markdown)


def test_the_filter_button_counts_what_is_chosen_now(open_page: OpenPage) -> None:
    page = open_page()
    assert page.button(key="clear_filters").disabled
    page.multiselect(key="channel_zh").select("chat").run()
    assert not page.button(key="clear_filters").disabled
    page.button(key="clear_filters").click().run()
    assert page.button(key="clear_filters").disabled
    assert page.multiselect(key="channel_zh").value == []
    assert "channel" not in page.query_params


def test_a_time_before_the_data_is_no_zero(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.begins = date(2024, 7, 1)
    page = open_page()
    assert "较去年同期 :gray[无可比数据]" in captions(page)
    assert all(not metric.delta for metric in page.metric)
    assert not any("明显变差" in markdown.value for markdown in page.markdown)


def test_without_comparison_no_card_shows_a_change(open_page: OpenPage) -> None:
    page = open_page(compare="none")
    assert all(not metric.delta for metric in page.metric)
    assert "对比" not in captions(page)


def test_churn_says_that_it_has_no_products(open_page: OpenPage) -> None:
    page = open_page("loyalty", product=["空调 A1"])
    assert metrics(page)["365 天流失率"] == ":gray[不能拆分]"
    assert "该指标不能按产品拆分" in captions(page)
    assert any("365 天流失率不能按产品拆分" in info.value for info in page.info)


def test_targets_are_told_in_the_kpis_unit(open_page: OpenPage) -> None:
    page = open_page("first_fix")
    page.button(key="details_dispatch_within_1h").click().run()
    goals = page.tabs[3].dataframe[0].value
    assert goals["目标"].to_list() == ["≥ 80.0%", "≥ 99.0%"]
    assert goals["适用范围"].to_list() == ["整体", "渠道: 在线客服"]


def test_pages_about_the_load_have_no_filter_bar_and_keep_the_choice(open_page: OpenPage) -> None:
    page = open_page(period="last_month")
    page.switch_page("app_pages/dictionary.py").run()
    assert "period_zh" not in [box.key for box in page.selectbox]
    page.switch_page("app_pages/overview.py").run()
    assert page.selectbox(key="period_zh").value == "last_month"


def test_the_dictionary_shows_one_area_and_answers_every_catalogue_row(open_page: OpenPage) -> None:
    page = open_page("dictionary")
    labels = [expander.label for expander in page.expander]
    assert any(label.startswith("**首次响应时间（中位数）**") for label in labels)
    assert not any(label.startswith("**净推荐值") for label in labels)
    coverage = page.dataframe[-1].value
    assert coverage["目录行"].to_list() == list(range(1, 145))
    assert (coverage["由谁回答"] != "").all()
    assert (coverage["还需要的导出"] == "").all()


def test_the_dictionary_names_the_exports_a_row_still_needs(open_page: OpenPage, fake_query: FakeQuery) -> None:
    fake_query.snapshot = FakeSnapshot(connected=ALL_DATASETS - {"social_mentions"})
    coverage = open_page("dictionary").dataframe[-1].value.set_index("目录行")
    assert coverage.loc[113, "还需要的导出"] == "舆情"
    assert (coverage["还需要的导出"] != "").sum() == 1


def test_a_view_is_worked_out_only_when_asked_for(open_page: OpenPage) -> None:
    page = open_page("dictionary", lang="en")
    tables = len(page.dataframe)
    page.toggle(key="table_response_by_priority").set_value(True).run()
    assert not page.exception
    assert len(page.dataframe) == tables + 1
    # The page has no filter bar: which dates the table is of stands above it.
    assert "2024-07-01 – 2025-06-30" in captions(page)
