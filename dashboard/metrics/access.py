"""Who may see what. Every query on a snapshot demands a Scope; there is no query without one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """What one reader may see.

    regions: the regions whose rows count; None means all of them, an empty tuple none.
    may_see_personal: whether names, contact data and free text may be opened.
    """

    regions: tuple[str, ...] | None
    may_see_personal: bool = False

    @classmethod
    def everything(cls) -> Scope:
        """All regions, no personal data: the reader on the machine itself."""
        return cls(regions=None, may_see_personal=False)
