"""The improvement programme's workbook: pain points, pilots, and what others publish."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import polars as pl

from ingestion.samples.catalogue import PRODUCTS
from ingestion.samples.stories import Stories

_Days = Callable[[list[int | None]], list[str | None]]


@dataclass(frozen=True)
class _PainPoint:
    """One line of the ledger; instants as days before the last day, None: not yet, negative: still ahead."""

    topic: str
    kpi: str
    dimension: str | None
    value: str | None
    owner: str | None
    action: str
    opened: int
    due: int
    effective: int | None
    closed: int | None
    status: str


@dataclass(frozen=True)
class _Pilot:
    kpi: str
    dimension: str
    value: str
    began: int
    ended: int | None


@dataclass(frozen=True)
class _Benchmark:
    kpi: str
    value: str
    publisher: str
    valid: int


_PAIN_POINTS: Final = (
    _PainPoint(
        "周末在线客服排队久", "first_response_time", "channel", "chat", "L001",
        "周末增设一个晚班", 180, 30, 95, 60, "已完成",
    ),
    _PainPoint(
        "VIP 流失上升", "churn_365d", "is_vip", "true", "M003",
        "客户经理每半年当面拜访一次", 400, 220, 300, 190, "已完成",
    ),
    _PainPoint(
        "邮件回复不及时", "first_response_within_limit", "channel", "email", "L002",
        "常见问题用模板回复，并自动分派", 150, 20, 45, None, "进行中",
    ),
    _PainPoint(
        "投诉 24 小时办结率偏低", "complaint_within_24h", None, None, "L004",
        "重大投诉设专人跟进", 290, 110, 130, 100, "已完成",
    ),
    _PainPoint(
        "华南派单慢", "dispatch_within_1h", "area", "华南", "M004",
        "夜间工单由值班调度当晚派出", 120, -20, None, None, "进行中",
    ),
    _PainPoint(
        "企业客户一次解决率低", "first_contact_resolution", "customer_type", "business", "L001",
        "知识库补齐安装与保修条目", 95, -35, None, None, "进行中",
    ),
    _PainPoint(
        "满意度回收率低", "survey_response_rate", None, None, None,
        "缩短问卷，解决后一小时内发送", 60, -60, None, None, "待处理",
    ),
    _PainPoint(
        "洗衣机投诉集中", "complaint_volume", "product_group", "洗衣机", "M005",
        "上门前在 App 公示报价", 200, 90, None, 80, "已取消",
    ),
)  # fmt: skip
_PILOT_REGIONS: Final = ("浙江", "江苏")
_BENCHMARKS: Final = (
    _Benchmark("csat", "0.82", "示例行业协会", 200),
    _Benchmark("first_fix_rate", "0.78", "示例咨询公司年度报告", 320),
    _Benchmark("nps", "32", "示例调研机构", 140),
)


def _planted(stories: Stories, until: date) -> tuple[_PainPoint, ...]:
    """What the staff have noticed of the stories: the slow region while it was slow, the product that comes back."""
    name = PRODUCTS[stories.repeat_product].name
    over = (until - stories.slow_last).days
    return (
        _PainPoint(
            f"{stories.slow_region}首次响应明显变慢", "first_response_time", "region", stories.slow_region, "M001",
            f"增派{stories.slow_city}坐席，高峰时段由咨询二组支援",
            over + 15, over - 65, over - 50, over - 70, "已完成",
        ),
        _PainPoint(
            f"{name}修了又修", "repeat_repair_30d", "product", name, "M002",
            "更换故障部件供应商，上门前先远程诊断", 320, 200, 150, 120, "已完成",
        ),
        _PainPoint(
            f"{name}首次修复率低", "first_fix_rate", "product", name, "M002",
            "工程师备件包加配易损件", 210, 60, 75, None, "进行中",
        ),
    )  # fmt: skip


def workbook(until: date, stories: Stories) -> dict[str, pl.DataFrame]:
    """The sheets of the workbook, by name."""
    morning = datetime.combine(until, time(9))

    def days(column: list[int | None]) -> list[str | None]:
        return [None if back is None else (morning - timedelta(days=back)).isoformat(" ") for back in column]

    ledger = (*_planted(stories, until), *_PAIN_POINTS)
    return {
        "痛点台账": _pain_points(ledger, days),
        "试点": _pilots(_tried(stories), days),
        "行业标杆": _benchmarks(days),
    }


def _pain_points(ledger: tuple[_PainPoint, ...], days: _Days) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "编号": [f"PP-{number:03d}" for number in range(1, len(ledger) + 1)],
            "痛点": [one.topic for one in ledger],
            "关联指标": [one.kpi for one in ledger],
            "范围维度": [one.dimension for one in ledger],
            "范围取值": [one.value for one in ledger],
            "责任人": [one.owner for one in ledger],
            "改进措施": [one.action for one in ledger],
            "提出时间": days([one.opened for one in ledger]),
            "计划完成": days([one.due for one in ledger]),
            "生效时间": days([one.effective for one in ledger]),
            "关闭时间": days([one.closed for one in ledger]),
            "状态": [one.status for one in ledger],
        }
    )


def _tried(stories: Stories) -> tuple[_Pilot, ...]:
    """Where something is tried out: not where a story would hide what the trial does."""
    region = next(one for one in _PILOT_REGIONS if one != stories.slow_region)
    return (
        _Pilot("first_response_time", "region", region, 210, 90),
        _Pilot("first_fix_rate", "product_group", "净水器", 120, None),
    )


def _pilots(pilots: tuple[_Pilot, ...], days: _Days) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "编号": [f"PILOT-{number:02d}" for number in range(1, len(pilots) + 1)],
            "关联指标": [one.kpi for one in pilots],
            "范围维度": [one.dimension for one in pilots],
            "范围取值": [one.value for one in pilots],
            "开始时间": days([one.began for one in pilots]),
            "结束时间": days([one.ended for one in pilots]),
        }
    )


def _benchmarks(days: _Days) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "编号": [f"BM-{number:02d}" for number in range(1, len(_BENCHMARKS) + 1)],
            "指标": [one.kpi for one in _BENCHMARKS],
            "数值": [one.value for one in _BENCHMARKS],
            "发布机构": [one.publisher for one in _BENCHMARKS],
            "发布时间": days([one.valid for one in _BENCHMARKS]),
        }
    )
