"""A live shop that decides for each of its visitors: the real service, a simulated world, and a page to look at.

Read in this order: run (the process a person starts), driver (its child, who plays the world), backfill, visits,
score, board, panel (what the page is told), static (the page).
"""

from eachwise.demo.run import run_demo

__all__ = ["run_demo"]
