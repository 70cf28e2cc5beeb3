"""Join each flight with the weather at its departure and with its plane, and add the calendar."""

from __future__ import annotations

from mlops_kit import Arrow, Partitions, cast_column, run, step

WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
PLANE = ("plane_year", "seats", "engines")


@step(contract=1)
def features(clean: Arrow, weather: Partitions, planes: Partitions) -> Arrow:
    """Add weather, plane, weekday and minute of the day; drop what only names a plane."""
    import pyarrow as pa
    import pyarrow.compute as pc

    reports = weather.combine()
    hourly = pa.table(
        {"origin": reports["origin"], "time_hour": cast_column(reports["time_hour"], "timestamp")[0]}
        | {name: cast_column(reports[name], "number")[0] for name in WEATHER}
    )
    hourly = hourly.group_by(["origin", "time_hour"], use_threads=False).aggregate(
        [(name, "mean") for name in WEATHER]
    )
    hourly = hourly.rename_columns([name.removesuffix("_mean") for name in hourly.column_names])
    fleet = planes.combine().rename_columns({"year": "plane_year"})
    fleet = pa.table(
        {"tailnum": fleet["tailnum"]} | {name: cast_column(fleet[name], "integer")[0] for name in PLANE}
    )
    rows = clean.join(hourly, keys=["origin", "time_hour"], use_threads=False).join(
        fleet, keys="tailnum", use_threads=False
    )
    for name in ("sched_dep_time", "sched_arr_time"):
        minute = pc.add(
            pc.multiply(pc.divide(rows[name], 100), 60),
            pc.subtract(rows[name], pc.multiply(pc.divide(rows[name], 100), 100)),
        )
        rows = rows.append_column(name.replace("time", "minute"), minute)
    rows = rows.append_column("weekday", pc.day_of_week(rows["time_hour"]))
    rows = rows.drop_columns(["tailnum", "sched_dep_time", "sched_arr_time"])
    return rows.sort_by([(name, "ascending") for name in ("time_hour", "carrier", "flight", "origin")])


if __name__ == "__main__":
    run(features)
