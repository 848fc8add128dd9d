"""A bare prefix, a number without its issuer or with a letter for 审 or 备 is no number."""

import pytest

from constraints.record_number import is_record_number


@pytest.mark.parametrize(
    "text",
    [
        "（七猫）网微剧备字（2025）第01177号",
        "（番茄）网微剧备字（2026）第847205号",
        "（京）网微剧审字（2024）第001号",
        "(京)网微剧审字(2024)第001号",
        "〔京〕网微剧备字〔２０２６〕第０１２３号",
        " （样例·京）网微剧审字（2026）第 001 号",
        "网剧审字（2022）第001号",
        "（总局）网影审字（2022）第002号",
    ],
)
def test_these_have_the_form_of_a_number(text: str) -> None:
    assert is_record_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "网微剧备字",
        "沪网微剧备字〔2026〕0123号",
        "京网微剧备字（2026）第001号",
        "网微剧备字(2026)第001号",
        "网微剧上字(2026)第001号",
        "（京）网微剧审字（1926）第001号",
        "（京）网微剧审字（2024）第号",
        "（京）网微剧审字（2024）第001号，（沪）网微剧审字（2024）第002号",
    ],
)
def test_these_have_not(text: str) -> None:
    assert not is_record_number(text)
