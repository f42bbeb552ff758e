"""`aftercare connect` on real exports: how many of the columns a person would map it proposes rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingestion.connect.connector import Connected, connect
from ingestion.mapping import load_sources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real, pytest.mark.slow]

# What a person who knows the contract would write: (file, dataset) -> theirs: ours; '' for what has to be left alone.
BY_HAND: dict[tuple[str, str], dict[str, str]] = {
    ("cn_gov_replies/附件4.xlsx", "tickets"): {
        "留言编号": "ticket_id", "留言用户": "customer_id", "留言主题": "subject", "留言时间": "created_at",
        "留言详情": "", "答复意见": "", "答复时间": "resolved_at",
    },
    ("cn_superstore/示例 - 超市.xls", "orders"): {
        "订单 ID": "order_id", "客户 ID": "customer_id", "订单日期": "ordered_at", "销售额": "amount",
        "产品 ID": "product_id", "地区": "region", "发货日期": "", "利润": "", "数量": "",
    },
    ("cn_superstore/商城详细销售数据.csv", "customers"): {
        "客户 ID": "customer_id", "客户名称": "name", "细分": "segment", "城市": "city", "地区": "region",
        "销售额": "",
    },
    ("support_tickets_kaggle/customer_support_tickets.csv", "tickets"): {
        "Ticket_ID": "ticket_id", "Customer_Name": "customer_id", "Product_Purchased": "product_id",
        "Ticket_Type": "kind", "Ticket_Subject": "category", "Ticket_Priority": "priority",
        "Ticket_Channel": "channel", "First_Response_Time": "first_response_at", "Time_to_Resolution": "resolved_at",
        "Customer_Satisfaction_Rating": "csat_score", "Customer_Age": "", "Date_of_Purchase": "",
    },
    ("cfpb_complaints_2014/Consumer_Complaints.csv", "complaints"): {
        "Complaint ID": "complaint_id", "Issue": "reason", "Date received": "received_at",
        "Company response": "outcome", "ZIP code": "", "Company": "", "Product": "matter",
    },
    ("nps_bank_2021/NPStimeseries_slash_2digit_year.csv", "surveys"): {
        "ID": "survey_id", "Survey date": "responded_at", "Customer Name": "customer_id", "Month": "",
    },
    ("stl_citizen_requests/2009.csv", "tickets"): {
        "REQUESTID": "ticket_id", "DATETIMEINIT": "created_at", "DATETIMECLOSED": "closed_at", "STATUS": "status",
        "CALLERTYPE": "channel", "GROUP": "team", "WARD": "", "SRX": "",
    },
    ("olist_sample_a/olist_orders_dataset.csv", "orders"): {
        "order_id": "order_id", "customer_id": "customer_id", "order_status": "status",
        "order_purchase_timestamp": "ordered_at", "order_approved_at": "paid_at",
        "order_delivered_customer_date": "", "order_estimated_delivery_date": "",
    },
    ("telco_churn_satisfaction/Telco_customer_churn_location.csv", "customers"): {
        "Customer ID": "customer_id", "State": "region", "City": "city", "Zip Code": "", "Latitude": "",
    },
}  # fmt: skip
FORMATS = {
    "cn_gov_replies/附件4.xlsx": ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d"),
    # Days alone are those of the purchase, which might be what stands for the creation that is missing.
    "support_tickets_kaggle/customer_support_tickets.csv": ("%Y-%m-%d %H:%M", "%Y-%m-%d"),
    "cfpb_complaints_2014/Consumer_Complaints.csv": ("%m/%d/%Y",),
    "nps_bank_2021/NPStimeseries_slash_2digit_year.csv": ("%d/%m/%y",),
    "cn_superstore/商城详细销售数据.csv": ("%Y/%m/%d",),
}


@pytest.fixture(scope="module")
def done(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Connected]:
    own = tmp_path_factory.mktemp("connect") / "mappings"

    def words(code: str, /, **fields: object) -> str:
        return code

    return {
        (name, dataset): connect(shared_dir / "data" / name, f"source{number}", dataset, own, words, wanted=[dataset])
        for number, (name, dataset) in enumerate(BY_HAND)
    }


def test_most_columns_are_proposed_as_a_person_would(done: dict[tuple[str, str], Connected]) -> None:
    right, wrong = 0, []
    for (name, dataset), expected in BY_HAND.items():
        found = {match.their_heading: match.our_column for match in done[name, dataset].proposals[0].found}
        for heading, column in expected.items():
            if found.get(heading, "") == column:
                right += 1
            else:
                wrong.append((name, heading, column, found.get(heading, "")))
    share = right / (right + len(wrong))
    print(f"{right} of {right + len(wrong)} columns right ({share:.1%}); wrong: {wrong}")  # noqa: T201 - the figure
    assert share >= 0.85, wrong


@pytest.mark.parametrize("name", FORMATS)
def test_the_date_formats_are_those_of_the_file(name: str, done: dict[tuple[str, str], Connected]) -> None:
    (one,) = [each for (file, _), each in done.items() if file == name]
    told = one.options.get("datetime_format", "%Y-%m-%d %H:%M:%S")
    assert (tuple(told) if isinstance(told, list) else (told,)) == FORMATS[name]


def test_what_was_written_can_be_read(done: dict[tuple[str, str], Connected]) -> None:
    own = next(iter(done.values())).written[0].parents[1]
    own = own if own.name == "mappings" else own.parent
    assert {f"source{number}" for number in range(len(BY_HAND))} <= load_sources(own).keys()
