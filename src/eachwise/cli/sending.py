"""Commands about messages on their way: the outbox, previews, key pairs."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.delivery import MessageView


def outbox(parsed: argparse.Namespace) -> None:
    """List messages."""
    with engine_of(parsed) as engine:
        found = engine.outbox(
            parsed.state, individual_id=parsed.person, after=parsed.after, limit=parsed.limit
        )
    if parsed.json:
        _print_json(found)
        return
    for each in found:
        print(_line(each))
    if not found:
        print("no such message")


def show(parsed: argparse.Namespace) -> None:
    """Print one message."""
    with engine_of(parsed) as engine:
        _print(engine.message(parsed.id), parsed.json)


def resend(parsed: argparse.Namespace) -> None:
    """Have a message sent after all."""
    with engine_of(parsed) as engine:
        _print(engine.resend(parsed.id), parsed.json)


def discard(parsed: argparse.Namespace) -> None:
    """Take a message out."""
    with engine_of(parsed) as engine:
        _print(engine.discard(parsed.id), parsed.json)


def preview(parsed: argparse.Namespace) -> None:
    """Print what a person would get of an experience now."""
    with engine_of(parsed) as engine:
        found = engine.preview(parsed.experience, parsed.placement, parsed.person)
    if parsed.json:
        _print_json(found)
        return
    print(f"{found.channel} to {found.address or f'nobody: {found.unreachable}'}")
    for name, text in found.parts.items():
        print(f"-- {name}\n{text}")
    if found.payload:
        print(f"-- payload\n{msgspec.json.encode(found.payload).decode()}")


def vapid(parsed: argparse.Namespace) -> None:
    """Make the key pair that web push is signed with."""
    from eachwise.adapters.channels.push import new_key

    public = new_key(parsed.file)
    print(f"{parsed.file}: the private key; set delivery.vapid.private_key_file to it")
    print(f"public key, for pushManager.subscribe (applicationServerKey):\n{public}")


def _print(message: MessageView, as_json: bool) -> None:
    if as_json:
        _print_json(message)
        return
    print(_line(message))
    for name, value in msgspec.to_builtins(message).items():
        if name not in ("message_id", "state", "reason"):
            print(f"  {name}: {value}")


def _line(message: MessageView) -> str:
    why = f"  {message.reason}" if message.reason else ""
    what = message.experience_id or message.step
    return (
        f"{message.due_at}  {message.state:9} {message.channel:8} {message.individual_id:24} {what:24} "
        f"{message.message_id}{why}"
    )


def _print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
