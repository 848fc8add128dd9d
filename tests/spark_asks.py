"""Asks Spark what the tables say. Runs in an environment of its own, and imports nothing of ours.

Reads a task as JSON from standard input: `tables`, name → root and files, and `questions`, each
with SQL and values; writes the rows of each answer.
"""

import json
import sys

from pyspark.sql import SparkSession


def main() -> int:
    task = json.load(sys.stdin)
    spark = (
        SparkSession.builder.master("local[1]")
        .appName("slotwarden tables")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    for name, told in task["tables"].items():
        files = spark.read.option("basePath", told["root"]).parquet(*told["files"])
        files.createOrReplaceTempView(name)
    answers = {}
    for name, asked in task["questions"].items():
        frame = spark.sql(asked["sql"], args=asked["values"])
        rows = [list(row) for row in frame.collect()]
        answers[name] = {"columns": frame.columns, "rows": rows}
    json.dump(answers, sys.stdout, default=str)
    spark.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
