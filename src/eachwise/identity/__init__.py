"""Whose event is it: links, timelines, people; merge and unmerge."""

from eachwise.identity.changes import Change, Sources
from eachwise.identity.directory import NOBODY, Directory
from eachwise.identity.links import Link, Names, is_typed, links_of, logins_of

__all__ = [
    "NOBODY",
    "Change",
    "Directory",
    "Link",
    "Names",
    "Sources",
    "is_typed",
    "links_of",
    "logins_of",
]
