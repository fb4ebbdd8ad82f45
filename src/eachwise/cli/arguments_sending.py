"""The parsers of ``eachwise outbox``, ``eachwise preview`` and ``eachwise keys``."""

from __future__ import annotations

import argparse
from pathlib import Path

from eachwise.cli.arguments_shared import lazy, where

# As ``contracts.delivery.MessageState``, which importing would make ``--help`` slow.
STATES = (
    *("pending", "claimed", "sending", "sent", "picked"),
    *("unknown", "held", "dead", "discarded"),
)


def sending(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    outbox = commands.add_parser("outbox", help="messages on their way")
    verbs = outbox.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="messages, by id; of a person the newest first")
    listing.add_argument("--state", choices=STATES, help="only those of this state")
    listing.add_argument("--person", default="", metavar="ID", help="only this person's")
    listing.add_argument("--after", default="", metavar="MESSAGE", help="only those after this one")
    listing.add_argument(
        "--limit", type=int, default=100, metavar="N", help="at most so many (default 100)"
    )
    listing.add_argument("--json", action="store_true", help="everything, as JSON")
    where(listing)
    listing.set_defaults(run=lazy("sending", "outbox"))
    for name, words in (
        ("show", "one message"),
        ("resend", "send one after all that is unknown, held, dead or discarded"),
        ("discard", "take one out"),
    ):
        command = verbs.add_parser(name, help=words)
        command.add_argument("id", metavar="MESSAGE")
        command.add_argument("--json", action="store_true", help="everything, as JSON")
        where(command)
        command.set_defaults(run=lazy("sending", name))
    preview = commands.add_parser("preview", help="what a person would get of an experience now")
    preview.add_argument("experience", metavar="EXPERIENCE")
    preview.add_argument("placement", metavar="PLACEMENT")
    preview.add_argument("person", metavar="PERSON", help="typed, like user:42, or a user id")
    preview.add_argument("--json", action="store_true", help="everything, as JSON")
    where(preview)
    preview.set_defaults(run=lazy("sending", "preview"))
    keys = commands.add_parser("keys", help="make key pairs")
    kinds = keys.add_subparsers(required=True, metavar="KIND")
    vapid = kinds.add_parser("vapid", help="for web push: the private key into a file")
    vapid.add_argument("file", type=Path, metavar="FILE")
    vapid.set_defaults(run=lazy("sending", "vapid"))
