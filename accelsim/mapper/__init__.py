"""Find the best mapping of a layer on a machine, and prove it where possible."""

from accelsim.mapper.hunt import OBJECTIVES, Found, Point, Progress, search
from accelsim.mapper.many import Design, search_all, sweep
from accelsim.mapper.space import MapSpace, keeping, space

__all__ = [
    "OBJECTIVES",
    "Design",
    "Found",
    "MapSpace",
    "Point",
    "Progress",
    "keeping",
    "search",
    "search_all",
    "space",
    "sweep",
]
