"""A share of a page becomes the number its author means: caps round down, floors round up."""

import numpy as np

from constraints.demands import Least, Most
from constraints.effects import Cap, Floor
from constraints.page import SLOTS_MAX
from tests import make

SIZES = range(1, SLOTS_MAX + 1)


def test_every_hundredth_of_every_page_caps_a_theme_at_whole_slots_and_at_least_one() -> None:
    for hundredths in range(1, 101):
        rule = make.rule("theme_cap", most_share_of_page=hundredths / 100)
        for slots in SIZES:
            page, most = make.page(slot_count=slots), max(hundredths * slots // 100, 1)
            assert rule.group_effects(page) == (Cap(most, page.slots, level=2),)
            assert rule.demands(page) == (Most({1}, most, (page.slots,), level=2),)


def test_every_hundredth_of_the_first_slots_asks_for_its_slots_rounded_up() -> None:
    for hundredths in range(1, 101):
        told = {"plan_ratio": 1.0, "least_share": hundredths / 100, "first_slots": 30}
        rule = make.rule("supported_boost", **told)
        for slots in SIZES:
            page, top = make.page(slot_count=slots), min(slots, 30)
            least = -(-hundredths * top // 100)
            assert rule.group_effects(page) == (Floor(least, (1 << top) - 1, level=4),)
            assert rule.demands(page)[1] == Least({1, 2, 3}, least, (1 << top) - 1, level=4)


def test_share_with_many_digits_is_read_as_it_is_written_by_both_halves() -> None:
    rng = np.random.default_rng(7)
    for share in rng.random(300).tolist():
        cap = make.rule("theme_cap", most_share_of_page=share)
        floor = make.rule("supported_boost", plan_ratio=1.0, least_share=share, first_slots=50)
        for slots in SIZES:
            page = make.page(slot_count=slots)
            assert cap.group_effects(page)[0].most == cap.demands(page)[0].most
            assert floor.group_effects(page)[0].least == floor.demands(page)[1].least
