"""Where customers live and where engineers start from: 31 mainland provinces of unequal size, and service outlets."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.draw import Floats, Ints, ids


@dataclass(frozen=True)
class Province:
    name: str
    area: str
    weight: float
    cities: tuple[str, ...]


PROVINCES: Final = (
    Province("广东", "华南", 12.6, ("广州", "深圳", "佛山")),
    Province("江苏", "华东", 9.2, ("南京", "苏州", "无锡")),
    Province("山东", "华东", 8.0, ("济南", "青岛", "烟台")),
    Province("浙江", "华东", 7.9, ("杭州", "宁波", "温州")),
    Province("四川", "西南", 6.8, ("成都", "绵阳", "宜宾")),
    Province("河南", "华中", 6.2, ("郑州", "洛阳", "南阳")),
    Province("湖北", "华中", 4.6, ("武汉", "宜昌", "襄阳")),
    Province("上海", "华东", 4.5, ("上海",)),
    Province("北京", "华北", 4.4, ("北京",)),
    Province("福建", "华东", 3.8, ("福州", "厦门", "泉州")),
    Province("湖南", "华中", 3.9, ("长沙", "株洲", "衡阳")),
    Province("安徽", "华东", 3.6, ("合肥", "芜湖", "阜阳")),
    Province("河北", "华北", 3.5, ("石家庄", "唐山", "保定")),
    Province("陕西", "西北", 2.6, ("西安", "咸阳", "宝鸡")),
    Province("重庆", "西南", 2.5, ("重庆",)),
    Province("辽宁", "东北", 2.4, ("沈阳", "大连", "鞍山")),
    Province("江西", "华东", 2.1, ("南昌", "赣州", "九江")),
    Province("广西", "华南", 1.9, ("南宁", "柳州", "桂林")),
    Province("云南", "西南", 1.7, ("昆明", "曲靖", "大理")),
    Province("天津", "华北", 1.5, ("天津",)),
    Province("山西", "华北", 1.4, ("太原", "大同", "临汾")),
    Province("黑龙江", "东北", 1.3, ("哈尔滨", "大庆", "齐齐哈尔")),
    Province("贵州", "西南", 1.2, ("贵阳", "遵义", "毕节")),
    Province("吉林", "东北", 1.1, ("长春", "吉林", "四平")),
    Province("内蒙古", "华北", 0.9, ("呼和浩特", "包头", "赤峰")),
    Province("新疆", "西北", 0.8, ("乌鲁木齐", "喀什", "伊宁")),
    Province("甘肃", "西北", 0.7, ("兰州", "天水", "酒泉")),
    Province("海南", "华南", 0.5, ("海口", "三亚")),
    Province("宁夏", "西北", 0.3, ("银川", "吴忠")),
    Province("青海", "西北", 0.2, ("西宁", "格尔木")),
    Province("西藏", "西南", 0.1, ("拉萨", "日喀则")),
)
REGION_NAMES: Final = tuple(province.name for province in PROVINCES)
REGION_WEIGHTS: Final = tuple(province.weight for province in PROVINCES)

_CITY_LISTS: Final = [province.cities for province in PROVINCES]
CITY_NAMES: Final = tuple(city for cities in _CITY_LISTS for city in cities)
_CITY_COUNT: Final = np.array([len(cities) for cities in _CITY_LISTS], dtype=np.int64)
_CITY_START: Final = np.cumsum(_CITY_COUNT) - _CITY_COUNT

_OUTLETS_PER_WEIGHT: Final = 1.2
_OUTLET_COUNT: Final = np.array([max(1, round(w * _OUTLETS_PER_WEIGHT)) for w in REGION_WEIGHTS], dtype=np.int64)
_OUTLET_START: Final = np.cumsum(_OUTLET_COUNT) - _OUTLET_COUNT
ENGINEERS_PER_OUTLET: Final = 6


def city_in(region: Ints, draws: Floats) -> Ints:
    """A city of each region; the first named is the likeliest."""
    return np.asarray(_CITY_START[region] + (draws**1.6 * _CITY_COUNT[region]).astype(np.int64), dtype=np.int64)


def outlet_in(region: Ints, draws: Floats) -> Ints:
    """An outlet of each region."""
    return np.asarray(_OUTLET_START[region] + (draws * _OUTLET_COUNT[region]).astype(np.int64), dtype=np.int64)


def outlet_regions() -> Ints:
    """The region of every outlet."""
    return np.repeat(np.arange(len(PROVINCES), dtype=np.int64), _OUTLET_COUNT)


def outlets() -> pl.DataFrame:
    """Every service outlet, as exported."""
    region = outlet_regions()
    number = np.arange(len(region), dtype=np.int64)
    order = number - _OUTLET_START[region]
    cities = [CITY_NAMES[_CITY_START[r] + k % _CITY_COUNT[r]] for r, k in zip(region, order, strict=True)]
    return pl.DataFrame(
        {
            "outlet_id": ids("OUT", number, 4),
            "outlet_name": [f"{city}第{k // 3 + 1}服务站" for city, k in zip(cities, order, strict=True)],
            "region": [PROVINCES[r].name for r in region],
            "area": [PROVINCES[r].area for r in region],
        }
    )
