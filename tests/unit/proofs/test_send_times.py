"""Send times among simulated readers whose hours are known."""

from __future__ import annotations

from eachwise.proofs.send_times import ARMS, prove, table


def test_own_hours_beat_everybodys_once_a_person_is_known() -> None:
    figures = prove(people=25, acts=(40,), seed=7)
    told = {(each.arm, each.contacts): each for each in figures}
    assert {arm for arm, _ in told} == set(ARMS)
    for span in ("1-5", "6-10", "11-20"):
        learnt = told["learnt", span].value
        assert learnt > 1.2 * told["best of all", span].value
        assert learnt > 1.4 * told["random", span].value
        assert learnt < told["own best", span].value
    assert len(table(figures)) == 1 + len(ARMS)
    assert prove(people=3, acts=(5,), seed=7) == prove(people=3, acts=(5,), seed=7)
