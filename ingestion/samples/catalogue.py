"""What is sold: 24 household products in 6 groups, with prices, warranties and how often they break."""

from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True)
class Product:
    product_id: str
    name: str
    group: str
    yuan: int
    warranty_months: int
    popularity: float


PRODUCTS: Final = (
    Product("P-AC01", "清风挂式空调 1.5匹", "空调", 2_599, 72, 9),
    Product("P-AC02", "清风柜式空调 3匹", "空调", 5_899, 72, 5),
    Product("P-AC03", "清风变频空调 2匹", "空调", 3_799, 72, 6),
    Product("P-AC04", "清风中央空调", "空调", 18_900, 72, 1.5),
    Product("P-FR01", "鲜存两门冰箱", "冰箱", 1_699, 36, 5),
    Product("P-FR02", "鲜存三门冰箱", "冰箱", 2_899, 36, 5),
    Product("P-FR03", "鲜存对开门冰箱", "冰箱", 4_599, 36, 4),
    Product("P-FR04", "鲜存嵌入式冰箱", "冰箱", 9_299, 36, 1.5),
    Product("P-WM01", "净柔波轮洗衣机", "洗衣机", 1_199, 36, 5),
    Product("P-WM02", "净柔滚筒洗衣机", "洗衣机", 2_699, 36, 6),
    Product("P-WM03", "净柔洗烘一体机", "洗衣机", 4_299, 36, 4),
    Product("P-WM04", "净柔热泵烘干机", "洗衣机", 5_499, 36, 2),
    Product("P-WH01", "暖泉电热水器 60升", "热水器", 1_299, 24, 5),
    Product("P-WH02", "暖泉燃气热水器 16升", "热水器", 2_199, 24, 5),
    Product("P-WH03", "暖泉空气能热水器", "热水器", 6_599, 24, 1.5),
    Product("P-WH04", "暖泉即热水龙头", "热水器", 399, 12, 3),
    Product("P-FW01", "澄泉台上净水器", "净水器", 899, 12, 4),
    Product("P-FW02", "澄泉厨下净水器", "净水器", 1_899, 12, 6),
    Product("P-FW03", "澄泉全屋净水系统", "净水器", 7_999, 24, 1.5),
    Product("P-FW04", "澄泉管线饮水机", "净水器", 1_499, 12, 3),
    Product("P-RB01", "巡洁扫地机器人 S", "清洁机器人", 1_599, 12, 5),
    Product("P-RB02", "巡洁扫拖机器人 Pro", "清洁机器人", 3_299, 12, 5),
    Product("P-RB03", "巡洁擦窗机器人", "清洁机器人", 1_099, 12, 2),
    Product("P-RB04", "巡洁洗地机", "清洁机器人", 2_399, 12, 4),
)
PRODUCT_IDS: Final = tuple(product.product_id for product in PRODUCTS)
POPULARITY: Final = tuple(product.popularity for product in PRODUCTS)


def products() -> pl.DataFrame:
    """Every product, as exported."""
    return pl.DataFrame(
        {
            "product_id": PRODUCT_IDS,
            "product_name": [product.name for product in PRODUCTS],
            "product_group": [product.group for product in PRODUCTS],
            "warranty_months": [product.warranty_months for product in PRODUCTS],
        }
    )
