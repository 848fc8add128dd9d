"""Seeded strings that are, nearly are, or are nowhere near licence and filing numbers.

As a program it parses a million of them: `python -m tests.number_strings [COUNT [SEED]]`.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date

from rich.console import Console
from rich.progress import Progress

from constraints.record_number import RecordNumber, is_record_number, normalise, parse
from constraints.record_table import table

COUNT = 1_000_000
STEP = 5_000
DAYS = [date(2022, 5, 31), date(2022, 6, 1), date(2024, 2, 4), date(2024, 2, 5), date(2026, 11, 24)]
ISSUERS = [*("京", "沪", "蜀", "总局", "七猫", "番茄", "新京报", "广", "样例·京"), "", "长" * 13]
PLATFORMS = ["七猫", "番茄", "抖音", "快手", "微信"]
MARKERS = [
    "网微剧审字",
    "网微剧备字",
    "网剧审字",
    "网影审字",
    "网动画审字",
    "网微剧上字",
    "网微剧字",
]
YEARS = ["2022", "2024", "2026", "２０２６", "2031", "1926", "26", "", "二〇二六", "٢٠٢٦"]
SERIALS = ["001", "01177", "847205", "０１２３", "123456789", "", "001/002", "一"]
OPEN, CLOSE = ["（", "(", "〔", "【", "[", "﹝", ""], ["）", ")", "〕", "】", "]", "﹞", ""]
SCRAPS = [
    *(
        "网",
        "微",
        "剧",
        "审",
        "备",
        "字",
        "第",
        "号",
        "年",
        "(",
        "）",
        "〔",
        "0",
        "９",
        " ",
        "\u3000",
    ),
    *(
        "\u200b",
        "\ufeff",
        "·",
        "•",
        "\0",
        "\n",
        "\ud800",
        "é",
        "\u0301",
        "﷽",
        "🎬",
        "/",
        "-",
        "`",
        "{",
    ),
]


def strings(count: int, seed: int) -> Iterator[str]:
    """Yield strings: two in three put together from parts, then spoilt or not; others of scraps."""
    draw = random.Random(seed)
    for _ in range(count):
        if draw.random() < 0.33:
            yield "".join(draw.choices(SCRAPS, k=draw.randrange(40)))
            continue
        text = _number(draw)
        for _ in range(draw.choice((0, 0, 0, 1, 2, 4))):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice((*SCRAPS, "")) + text[at + draw.randrange(2) :]
        yield text * draw.choice((1, 1, 1, 1, 1, 1, 1, 2, 20))


def _number(draw: random.Random) -> str:
    def part(choices: list[str]) -> str:  # mostly one of the first, which are right
        return draw.choice(choices if draw.random() < 0.15 else choices[:3])

    ordinal, suffix = part(["第", "第", "第", ""]), part(["号", "号", "号", ""])
    issuer = part(OPEN) + part(ISSUERS) + part(CLOSE)
    year = part(OPEN) + part(YEARS) + part(CLOSE)
    return f"{issuer}{part(MARKERS)}{year}{ordinal}{part(SERIALS)}{suffix}"


def has_form(text: str) -> bool:
    """Tell whether a text is a possible number, written apart from the table and its patterns."""
    plain = normalise(text)
    for marker in ("网微剧审字", "网微剧备字", "网剧审字", "网影审字", "网动画审字"):
        before, found, after = plain.rpartition(marker)
        if not found:
            continue
        issuer = before[1:-1]
        if before or "微" in marker:
            if before[:1] + before[-1:] != "()" or not 1 <= len(issuer) <= 12:
                return False
            if "(" in issuer or ")" in issuer:
                return False
        if "审" in marker and issuer in PLATFORMS:
            return False
        year, serial = after[1:5], after[7:-1]
        return (
            after == f"({year})第{serial}号"
            and (year + serial).isascii()
            and (year + serial).isdigit()
            and 2022 <= int(year) < 2100
            and 1 <= len(serial) <= 8
            and len(text) <= 256
        )
    return False


def judge(text: str, day: date) -> str:
    """Parse a string, hold the outcome to what is always true, and name it."""
    found = parse(text, day=day)
    assert is_record_number(text) == has_form(text), text
    if isinstance(found, RecordNumber):
        assert found.status == "claimed"
        assert is_record_number(text)
        assert found.text == normalise(text)
        assert found.year <= day.year
        assert parse(found.official(), day=day) == found
        return found.form_id
    assert found.faults
    assert set(found.reasons) <= set(table().words)
    for told in (found.told("zh"), found.told("en")):
        assert told.isprintable()
    return found.reasons[0]


def main(count: int = COUNT, seed: int = 1) -> None:
    """Judge many strings; the bar is drawn only where somebody watches."""
    console = Console(stderr=True)
    seen, begun = Counter[str](), time.perf_counter()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("numbers", total=count)
        for i, text in enumerate(strings(count, seed)):
            seen[judge(text, DAYS[i % len(DAYS)])] += 1
            if i % STEP == 0:
                bar.update(task, completed=i)
    for name, times in seen.most_common():
        sys.stdout.write(f"{name:28} {times:9,}\n")
    took = time.perf_counter() - begun
    sys.stdout.write(f"{count:,} strings, seed {seed}, none verified, {took:.1f} s\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
