import pytest

from volcorr.doctor import Check


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("note", 0), ("fault", 1)])
def test_exit_code_says_whether_something_is_wrong(
    volcorr, monkeypatch: pytest.MonkeyPatch, state: str, code: int
) -> None:
    monkeypatch.setattr("volcorr.doctor.examine", lambda: [Check("thing", state, "what to do")])
    shown = volcorr("doctor")
    assert shown.exit_code == code
    assert f"{state:<6} thing" in shown.stdout
