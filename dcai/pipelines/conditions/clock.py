"""When a cron line was last due; moments are in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from dcai.pipelines.definitions.declarations import cron_fields

# February 29 on a given day of the week comes back within so many days.
_FAR = 366 * 40
_ALL_DAYS, _ALL_WEEKDAYS = 31, 7


def latest_moment(schedule: str, now: datetime) -> datetime | None:
    """Return the latest moment at or before `now` that a cron line names; None where it names none (February 30).

    As cron does, a day counts when either the day of the month or the day of the week fits, where both are restricted.

    Examples
    --------
    >>> str(latest_moment("30 3 * * mon-fri", datetime(2026, 1, 31, 12, 0, tzinfo=UTC)))
    '2026-01-30 03:30:00+00:00'
    """
    minutes, hours, days, months, weekdays = cron_fields(schedule)
    here = now.astimezone(UTC)
    limit = here.time()
    for back in range(_FAR):
        day = here.date() - timedelta(days=back)
        by_month, by_week = day.day in days, day.isoweekday() % 7 in weekdays
        either = len(days) < _ALL_DAYS and len(weekdays) < _ALL_WEEKDAYS
        if day.month in months and (by_month or by_week if either else by_month and by_week):
            fitting = [time(h, m) for h in hours for m in minutes if back or time(h, m) <= limit]
            if fitting:
                return datetime.combine(day, max(fitting), UTC)
    return None
