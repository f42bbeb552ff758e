"""Which real exports are connected by an owner's mappings."""

from pathlib import Path

OWNED = Path(__file__).parent / "owned"
"""Mappings as an owner writes them, for sets that no shipped source covers."""

OWNED_EXPORTS = {
    "survey_csv": ["support_tickets_kaggle/customer_support_tickets.csv"],
    "nps_bank": ["nps_bank_2021/NPStimeseries_slash_2digit_year.csv"],
    "cn_gov_replies": ["cn_gov_replies/附件4.xlsx"],
    "stl_requests": [f"stl_citizen_requests/{year}.csv" for year in range(2009, 2013)],
    "cfpb": ["cfpb_complaints_2014/Consumer_Complaints.csv"],
    "cdnow": ["cdnow/CDNOW_master.txt"],
    "online_retail": ["online_retail_ii_2009/online_retail.parquet"],
    "telco": [f"telco_churn_satisfaction/Telco_customer_churn_{table}.csv" for table in ("services", "status")],
}
# Two mapping files of the owner's stand in for ours, the rest of the shipped source stays; it knows files by name.
RENAMED = {"customer_support_tickets.csv": "csat_tickets.csv"}
