"""``python -m benchmarks.tried``: rows of what is installed here; those of other places stay."""

import json
from pathlib import Path

import click

from benchmarks.tried import hugging_face, pytorch, spiking
from benchmarks.tried.case import run

CASES = (*pytorch.CASES, *hugging_face.CASES, *spiking.CASES)
COMMAND = "python -m benchmarks.tried"
RESULTS = Path(__file__).parents[1] / "results" / "tried.json"


@click.command()
@click.option("--only", default="", help="Networks in whose description this stands.")
@click.option("--missing", is_flag=True, help="Only networks that have no row yet.")
def main(only: str, missing: bool) -> None:
    """Measure each network of a library that is installed; keep the rows of the others."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    found = {row["network"]: row for row in rows}
    for case in CASES:
        versions, has_row = case.versions, case.network in found
        if versions is None or only not in case.network or (missing and has_row):
            continue
        found[case.network] = row = run(case, versions)
        click.echo(json.dumps(row, ensure_ascii=False))
        rows = [found[case.network] for case in CASES if case.network in found]
        text = json.dumps({"command": COMMAND, "rows": rows}, indent=1, ensure_ascii=False)
        RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
