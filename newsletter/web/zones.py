"""The zones a form offers: one per place people know, by area. Any IANA name is accepted; these are shown."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

Areas = tuple[tuple[str, tuple[str, ...]], ...]


def shown(chosen: str) -> Areas:
    """The areas with their zones, and the chosen one first when it is none of them."""
    areas = _areas()
    usual = chosen == "UTC" or any(chosen in names for _area, names in areas)
    return areas if usual else ((chosen.partition("/")[0], (chosen,)), *areas)


@cache
def _areas() -> Areas:
    """Source: zone.tab of the time zone database (column 3), as the tzdata package ships it."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    names = sorted(line.split("\t")[2].strip() for line in table.splitlines() if line and not line.startswith("#"))
    areas: dict[str, list[str]] = {}
    for name in names:
        areas.setdefault(name.partition("/")[0], []).append(name)
    return tuple((area, tuple(found)) for area, found in areas.items())
