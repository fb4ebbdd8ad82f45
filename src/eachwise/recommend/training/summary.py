"""What a training found, in lines for an operator; and whether the new model may take the old one's place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eachwise.recommend.training.rivals import COMPARED_MIN, IN_USE, NEW

# Of the features, so many are named in the summary.
_FEATURES_MAX = 8


def summary_of(report: Mapping[str, Any]) -> list[str]:
    """The report in lines, the most important first."""
    kept, dropped, left_out = report["kept"], report["dropped"], report["left_out"]
    again = "come back to items" if report["repeats"] else "do not come back to items"
    counts = f"{report['engagements']:,} engagements, {report['people']:,} people, {report['items']:,} items"
    lines = [
        f"NDCG@10 {report['check']['ndcg@10']:.4f} by {len(kept)} models: {', '.join(kept)}",
        f"{counts}; people {again} ({100.0 * report['repeated_share']:.1f} % of what was to predict)",
    ]
    if dropped:
        lines.append(f"dropped, for they add nothing beside the others: {', '.join(dropped)}")
    lines += [f"left out: {name}: {reason}" for name, reason in sorted(left_out.items())]
    features = sorted(report["features"].items(), key=lambda one: -one[1]["ndcg@10 lost"])
    lines.append("what NDCG@10 loses without a feature:")
    lines += [
        f"  {name:24} {figures['ndcg@10 lost']:+.4f}  (weight {figures['standardised']:+.2f} sd)"
        for name, figures in features[:_FEATURES_MAX]
    ]
    return lines + compared_lines(report["compared"])


def compared_lines(compared: Mapping[str, Any]) -> list[str]:
    """The comparison, a line each: the quality of every blend, and how the new one stands to the one in use."""
    lines = [f"NDCG@10, {compared['targets']:,} engagements of people who chose no weight:"]
    lines += [f"  {name:24} {value:.4f}" for name, value in compared["ndcg@10"].items()]
    if "in_use" not in compared:
        return lines
    version, lacking = compared["in_use"]["version"], compared["in_use"]["lacking"]
    difference = compared["difference"]
    own = f", which has {', '.join(lacking)} besides" if lacking else ""
    if "interval" in difference:
        low, high = difference["interval"]
        figures = f"{difference['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"
    else:
        newer = " newer than it" if lacking else ""
        found = difference["targets"]
        figures = f"too little to tell, {found} engagements{newer} where {COMPARED_MIN} are needed"
    return [*lines, f"{NEW} less the one {IN_USE} (version {version}{own}): {figures}"]


def worse_than_in_use(report: Mapping[str, Any]) -> str:
    """Why the new blend should not be published, or "".

    It is worse where its whole 95 % interval lies below the one in use; what lacks a model of that one and cannot be
    compared with it counts as worse.
    """
    compared = report.get("compared", {})
    if "in_use" not in compared:
        return ""
    in_use = f"version {compared['in_use']['version']}, which is in use"
    interval = compared["difference"].get("interval")
    if interval is None:
        lacking = compared["in_use"]["lacking"]
        return f"cannot be compared with {in_use} and has {', '.join(lacking)}" if lacking else ""
    return f"worse than {in_use}" if interval[1] < 0.0 else ""
