"""Every word this program says, in Chinese and English: `t = translator("zh"); t("section.key", name=...)`.

A language is `<lang>.toml` and every `<part>.<lang>.toml` of this folder, as one tree of tables.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LANGUAGES = ("zh", "en")
_HERE = Path(__file__).parent


class Translate(Protocol):
    """Key and fields to words."""

    def __call__(self, key: str, /, **fields: object) -> str: ...


class TextMissing(KeyError):
    """No text under that key, or a field it needs was not given. Nothing falls back to another language."""


@lru_cache(maxsize=len(LANGUAGES))
def texts(lang: str) -> dict[str, str]:
    """All texts of one language by dotted key.

    Raises:
        TextMissing: the language does not exist.
        ValueError: two files define the same key, or a text is no string.
    """
    files = sorted([*_HERE.glob(f"{lang}.toml"), *_HERE.glob(f"*.{lang}.toml")])
    if not files:
        raise TextMissing(lang)
    found: dict[str, str] = {}
    for file in files:
        for key, text in _flat(tomllib.loads(file.read_text(encoding="utf-8")), ""):
            if key in found:
                raise ValueError(f"{file.name}: {key} is defined twice")
            if not isinstance(text, str):
                raise ValueError(f"{file.name}: {key} is not text")
            found[key] = text
    return found


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def translator(lang: str) -> Translate:
    """A function that says things in one language."""
    known = texts(lang)

    def t(key: str, /, **fields: object) -> str:
        if key not in known:
            raise TextMissing(f"{lang}: {key}")
        try:
            return known[key].format(**fields)
        except (KeyError, IndexError) as error:
            raise TextMissing(f"{lang}: {key} needs {error}") from error

    return t
