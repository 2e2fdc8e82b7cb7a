"""What is made from the data file: the README's part about the matrix, and the workflow of a forge.

`python -m ci.matrix.pages` writes both.
"""

import re
from pathlib import Path

from ci.matrix.plan import ROOT, Plan, read_plan
from harness.errors import HarnessError

README = ROOT / "README.md"
WORKFLOW = ROOT / ".github" / "workflows" / "matrix.yml"

_PART = re.compile(r"(?<=<!-- made from ci/matrix\.toml -->\n).*?(?=<!-- end -->)", re.S)

_WORKFLOW = """\
# Made from ci/matrix.toml by `python -m ci.matrix.pages`: edit that.
name: test
on: [push, pull_request]
permissions:
  contents: read
jobs:
  suite:
    runs-on: ubuntu-latest
    container: {container}
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - run: ci/kit test
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: report-suite
          path: build/report
  qemu:
    name: QEMU ${{{{ matrix.qemu }}}}
    runs-on: ubuntu-latest
    container: {container}
    timeout-minutes: 30
    strategy:
      fail-fast: false
      matrix:
        qemu: [{versions}]
    steps:
      - uses: actions/checkout@v4
      - run: ci/kit matrix --qemu ${{{{ matrix.qemu }}}} --json build/report/matrix.json
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: report-${{{{ matrix.qemu }}}}
          path: build/report
"""


def workflow(plan: Plan) -> str:
    """The workflow for GitHub Actions: the suite, and a job for each version."""
    versions = ", ".join(f'"{version.version}"' for version in plan.versions)
    return _WORKFLOW.format(container=plan.container, versions=versions)


def table(plan: Plan) -> str:
    """The versions as a table in Markdown, and the differences with their tests as a list."""
    lines = ["| QEMU | from | machine types | backends |", "|---|---|---|---|"]
    machines, backends = ", ".join(plan.machines), ", ".join(plan.backends)
    for version in plan.versions:
        suite = f"{version.release} ({version.suites[0]})"
        lines.append(f"| {version.version} | {suite} | {machines} | {backends} |")
    lines += ["", "What is known to differ, and the test that covers it:", ""]
    for difference in plan.differences:
        file, _, name = difference.test.partition("::")
        lines.append(f"- {difference.where}: {difference.what} ([{name}]({file}))")
    return "\n".join(lines) + "\n"


def with_table(readme: str, plan: Plan) -> str:
    """The README with its part about the matrix made anew; HarnessError without the marks."""
    text, count = _PART.subn(lambda _: table(plan), readme)
    if count != 1:
        raise HarnessError(
            "The README has no lines <!-- made from ci/matrix.toml --> and <!-- end -->; "
            "put them where the table of the matrix belongs."
        )
    return text


def write_pages(readme: Path = README, workflow_file: Path = WORKFLOW) -> None:
    """Write both from the data file. Raises HarnessError."""
    plan = read_plan()
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), plan), encoding="utf-8")
    workflow_file.parent.mkdir(parents=True, exist_ok=True)
    workflow_file.write_text(workflow(plan), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
