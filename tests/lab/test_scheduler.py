"""The scheduler and the throttling of alerts: each rule with its place in Splunk's documentation."""

from __future__ import annotations

import pytest

from lab.spl.scheduler import Alert, Run, runs
from lab.spl.values import Row, SplError

HOUR, DAY = 3_600, 86_400
PER_RESULT = {
    "counttype": "number of events",
    "relation": "greater than",
    "quantity": "0",
    "alert.digest_mode": "0",
}
BY_DEVICE = {"alert.suppress": "1", "alert.suppress.fields": "device", "alert.suppress.period": "1d"}


def rows(devices: str) -> list[Row]:
    return [{"device": device, "server": "s"} for device in devices]


def devices(alerts: list[list[Row]]) -> list[str]:
    """Each alert as the devices of its results."""
    return ["".join(str(row["device"]) for row in alert) for alert in alerts]


# savedsearches.conf.spec, "realtime_schedule"; limits.conf.spec, "max_continuous_scheduled_search_lookback".
@pytest.mark.parametrize(
    ("settings", "outage", "expected"),
    [
        ({}, (0, 0), [(420, 420), (4_020, 4_020), (7_620, 7_620)]),
        ({}, (400, 5_000), [(7_620, 7_620)]),
        ({"realtime_schedule": "1"}, (400, 5_000), [(7_620, 7_620)]),
        ({"realtime_schedule": "0"}, (400, 5_000), [(420, 5_000), (4_020, 5_000), (7_620, 7_620)]),
        ({"realtime_schedule": "0"}, (421, 5_000), [(420, 420), (4_020, 5_000), (7_620, 7_620)]),
        ({"realtime_schedule": "0"}, (7_000, 9_000), [(420, 420), (4_020, 4_020)]),
    ],
)
def test_only_a_continuous_schedule_makes_up_for_runs_that_were_missed(
    settings: dict[str, str], outage: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    found = list(runs({"cron_schedule": "7 * * * *", **settings}, 0, 9_000, [outage]))
    assert found == [Run(*run) for run in expected]


def test_a_continuous_schedule_goes_back_one_day_after_an_outage() -> None:
    settings = {"cron_schedule": "0 * * * *", "realtime_schedule": "0"}
    made_up = [run.due for run in runs(settings, 0, 5 * DAY, [(0, 3 * DAY)]) if run.due != run.started]
    assert made_up == [2 * DAY + hour * HOUR for hour in range(24)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [("30 5 * * *", [19_800, 106_200]), ("0 0 * * *", [0, DAY]), ("59 23 * * *", [86_340, 172_740])],
)
def test_a_daily_schedule_runs_once_a_day(cron: str, expected: list[int]) -> None:
    assert [run.due for run in runs({"cron_schedule": cron}, 0, 2 * DAY)] == expected


def test_a_weekly_schedule_runs_on_its_day() -> None:
    due = [run.due for run in runs({"cron_schedule": "30 6 * * 1"}, 0, 14 * DAY)]
    # 5 January 1970 was a Monday.
    assert due == [4 * DAY + 23_400, 11 * DAY + 23_400]


# Alerting Manual, "Configure alert trigger conditions"; savedsearches.conf.spec, "relation".
@pytest.mark.parametrize(
    ("relation", "quantity", "found", "triggers"),
    [
        ("greater than", "0", "", False),
        ("greater than", "0", "a", True),
        ("greater than", "1", "a", False),
        ("less than", "1", "", True),
        ("equal to", "2", "ab", True),
        ("not equal to", "2", "ab", False),
    ],
)
def test_an_alert_triggers_by_the_number_of_its_results(
    relation: str, quantity: str, found: str, triggers: bool
) -> None:
    settings = {"counttype": "number of events", "relation": relation, "quantity": quantity}
    assert bool(Alert(settings).trigger(rows(found), 0)) == triggers


# savedsearches.conf.spec, "alert.digest_mode", "alert.suppress.fields"; Alerting Manual, "Throttle alerts".
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"alert.digest_mode": "1"}, [["ab"], ["abc"], ["abc"]]),
        # One alert for all results silences the whole search, whatever fields it names.
        ({"alert.digest_mode": "1", **BY_DEVICE}, [["ab"], [], ["abc"]]),
        ({}, [["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]),
        (BY_DEVICE, [["a", "b"], ["c"], ["a", "b"]]),
        ({**BY_DEVICE, "alert.suppress.fields": "device, server"}, [["a", "b"], ["c"], ["a", "b"]]),
        ({**BY_DEVICE, "alert.suppress.fields": "server"}, [["a"], [], ["a"]]),
        ({**BY_DEVICE, "alert.suppress.period": "3600"}, [["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]),
    ],
)
def test_throttling_is_by_the_fields_only_where_results_trigger_one_by_one(
    settings: dict[str, str], expected: list[list[str]]
) -> None:
    alert = Alert({**PER_RESULT, **settings})
    found = [
        alert.trigger(rows("ab"), 0),
        alert.trigger(rows("abc"), HOUR),
        alert.trigger(rows("abc"), DAY),
    ]
    assert [devices(alerts) for alerts in found] == expected


# limits.conf.spec, "max_per_result_alerts": alerts to trigger for each instance of a saved search.
def test_at_most_500_results_of_a_run_trigger_in_their_order() -> None:
    many: list[Row] = [{"device": str(number)} for number in range(700)]
    alert = Alert({**PER_RESULT, **BY_DEVICE})
    assert devices(alert.trigger(many, 0)) == [str(number) for number in range(500)]
    assert devices(alert.trigger(many, HOUR)) == [str(number) for number in range(500, 700)]
    assert len(Alert({"counttype": "always"}).trigger(many, 0)[0]) == 700


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alert.suppress.fields": ""}, "must be given"),
        ({"alert.suppress.fields": "device,absent"}, "without the field absent"),
        ({"alert.suppress.period": "1w"}, "1w is not supported"),
        ({"counttype": "number of hosts"}, "number of hosts"),
        ({"alert.digest_mode": "maybe"}, "not a boolean"),
    ],
)
def test_what_is_not_documented_is_an_error(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SplError, match=message):
        Alert({**PER_RESULT, **BY_DEVICE, **settings}).trigger(rows("a"), 0)


def test_a_schedule_that_the_lab_cannot_read_is_an_error() -> None:
    with pytest.raises(SplError, match="is not supported"):
        list(runs({"cron_schedule": "*/5 * * * *"}, 0, DAY))
