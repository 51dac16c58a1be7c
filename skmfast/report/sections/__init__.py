"""Sections of a report, one module each: its measurements (jobs), its tables, and how it is drawn from them.

A section measures with ``jobs``, whose names differ from those of other sections; turns results, also those
of others, into ``tables``; and is drawn by ``draw``, which sees nothing but tables. A measurement that this
corpus does not bear leaves its table empty, with the reason.
"""

from __future__ import annotations
