"""Orders as sufficient statistics: what recency, frequency and money models need."""

from __future__ import annotations

from eachwise.contracts.individual import Individual, Order, OrderSummary

_DAY_US = 86_400_000_000.0


def kept_orders(state: Individual) -> list[tuple[Order, float]]:
    """Orders that were not given back whole, with the money given back of each (at most the order's amount)."""
    kept = []
    for key, order in state.orders.items():
        refunded = state.refunds.get(key, 0.0)
        if refunded == 0.0 or refunded < order.amount:
            kept.append((order, refunded))
    return kept


def order_summary(state: Individual, now_us: int) -> OrderSummary:
    """Orders kept, their money net of refunds, the mean of it, and days: first order → last, first order → now.

    ``refunded`` is all money given back, orders given back whole included; a refund of an order that was never
    reported counts nowhere. Days are 0 without orders.
    """
    kept = kept_orders(state)
    returned = sum(
        min(order.amount, state.refunds.get(key, 0.0)) for key, order in state.orders.items()
    )
    revenue = sum(order.amount - refunded for order, refunded in kept)
    times = [order.occurred_at_us for order, _ in kept]
    first, last = (min(times), max(times)) if times else (now_us, now_us)
    return OrderSummary(
        count=len(kept),
        revenue=revenue,
        refunded=returned,
        mean_value=revenue / len(kept) if kept else 0.0,
        recency_days=(last - first) / _DAY_US,
        age_days=max(0.0, (now_us - first) / _DAY_US),
    )
