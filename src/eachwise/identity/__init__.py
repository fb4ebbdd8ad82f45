"""Whose event is it: links, timelines, people; merge and unmerge."""

from eachwise.identity.changes import Change, Sources
from eachwise.identity.directory import NOBODY, Directory
from eachwise.identity.links import UNMERGED, Link, links_of, logins_of

__all__ = ["NOBODY", "UNMERGED", "Change", "Directory", "Link", "Sources", "links_of", "logins_of"]
