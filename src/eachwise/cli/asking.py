"""Commands that ask: who is this person, why was this decided, what was turned away."""

from __future__ import annotations

import argparse
import sys

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.individual import Affinity, Profile


def individual(parsed: argparse.Namespace) -> None:
    """Print a person's profile in words."""
    with engine_of(parsed) as engine:
        profile = engine.individual(parsed.id)
    if parsed.json:
        _print_json(profile)
        return
    print("\n".join(_profile_lines(profile)))


def consent(parsed: argparse.Namespace) -> None:
    """Print a person's consent: what holds for each channel and purpose, and what was said when."""
    with engine_of(parsed) as engine:
        found = engine.consent(parsed.id)
    if parsed.json:
        _print_json(found)
        return
    print(found.individual_id)
    for verdict in found.verdicts:
        may = "yes" if verdict.allowed else "no"
        print(f"  {verdict.channel:8} {verdict.purpose:20} {may:4} {verdict.reason}")
    print("said, newest first:" if found.history else "nothing was ever said")
    for word in found.history:
        said = ", ".join(f"{key}: {'yes' if yes else 'no'}" for key, yes in word.said.items())
        print(f"  {word.at}  {word.event}  {said}  ({word.message_id})")


def explain(parsed: argparse.Namespace) -> None:
    """Print a decision's explanation, for the operator or for the person."""
    if parsed.reader == "person":
        with engine_of(parsed) as engine:
            personal = engine.explain_to_person(parsed.id)
        if parsed.json:
            _print_json(personal)
        else:
            print("\n".join([*personal.lines, *personal.change]))
        return
    with engine_of(parsed) as engine:
        explanation = engine.explain(parsed.id)
    if parsed.json:
        _print_json(explanation)
        return
    print("\n".join(explanation.lines))


def why(parsed: argparse.Namespace) -> None:
    """Print a person's decisions, and what became of an experience in each."""
    with engine_of(parsed) as engine:
        page = engine.why(
            parsed.id,
            parsed.experience,
            placement_id=parsed.placement,
            limit=parsed.limit,
            before=parsed.before,
        )
    if parsed.json:
        _print_json(page)
        return
    for each in page.decisions:
        print(
            f"{each.at} {each.placement_id}: {each.experience_id}, with probability "
            f"{each.probability:.4f} among {each.candidates}  ({each.decision_id})"
        )
        if each.asked is None:
            continue
        print(f"  {each.asked.words}")
        for found in each.asked.counterfactuals:
            print(f"    {found.words}" + ("" if found.verified else "  [nothing does it]"))
    if not page.decisions:
        print(f"no decision for {page.individual_id}")
    if page.before:
        print(f"older ones: --before {page.before}")


def replay(parsed: argparse.Namespace) -> int:
    """Recompute a decision; exit status 1 when it does not agree with its record."""
    with engine_of(parsed) as engine:
        result = engine.replay(parsed.id)
    if parsed.json:
        _print_json(result)
        return 0 if result.agrees else 1
    verdict = "agrees exactly" if result.exact else "agrees to 1e-9" if result.agrees else "DIFFERS"
    print(f"decision {result.decision_id}: {verdict}")
    for line in result.differences:
        print(f"  {line}")
    print(
        f"  {'experience':32} {'probability':>11} {'priority':>10} {'take-up':>8} {'disconnect':>10}"
    )
    for c in sorted(result.candidates, key=lambda c: -c.probability):
        f = c.factors
        print(
            f"  {c.experience_id:32} {c.probability:11.4f} {c.priority:10.4f} "
            f"{f.p_takeup:8.4f} {f.p_disconnect:10.4f}"
        )
    for taken in result.filtered:
        print(f"  {taken.experience_id:32} filtered by {taken.filter}: {taken.reason}")
    return 0 if result.agrees else 1


def unmerge(parsed: argparse.Namespace) -> None:
    """Separate two identifiers."""
    with engine_of(parsed) as engine:
        people = engine.unmerge(parsed.left, parsed.right)
    for identifier, person in people.items():
        print(f"{identifier} is now {person}")


def rejections(parsed: argparse.Namespace) -> None:
    """Print rejected events, one JSON object a line."""
    with engine_of(parsed) as engine:
        for rejection in engine.rejections(parsed.after, parsed.limit):
            _print_json(rejection)


def status(parsed: argparse.Namespace) -> None:
    """Print counts and versions as JSON."""
    with engine_of(parsed) as engine:
        _print_json(engine.status())


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _profile_lines(profile: Profile) -> list[str]:
    orders = profile.orders
    stage = f"{profile.stage}, lapsed" if profile.lapsed else profile.stage
    span = f"{profile.events} events from {profile.first_seen} to {profile.last_seen}"
    lines = [
        f"{profile.individual_id}  ({', '.join(profile.identifiers)})",
        f"stage {stage}; engagement {profile.engagement:.0f} of 100; {span}",
        f"{orders.count} orders, {orders.revenue:.2f} in money, {orders.refunded:.2f} given back",
        *profile.summary,
    ]
    for title, affinities in (
        ("likes", profile.likes),
        ("dislikes", profile.dislikes),
        ("now", profile.now),
    ):
        if affinities:
            lines.append(f"{title}:")
            lines += [f"  {_affinity_line(a)}" for a in affinities]
    if profile.recent_items:
        lines.append("recent: " + ", ".join(profile.recent_items[:10]))
    if profile.consent:
        lines.append(
            "consent: "
            + ", ".join(f"{k} {'yes' if v else 'no'}" for k, v in profile.consent.items())
        )
    lines += [
        f"merged: {part.left} = {part.right} since {part.at} ({part.reason})"
        for part in profile.merged
    ]
    return lines


def _affinity_line(affinity: Affinity) -> str:
    return (
        f"{affinity.value:28} {affinity.log_odds:+.2f} ± {1.96 * affinity.sd:.2f}  {affinity.words}"
    )
