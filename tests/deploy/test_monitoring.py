"""The dashboard and the alarms, asked of a real Prometheus that scrapes a real collector and real batch runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tty
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from protocols.profile import load_profile
from tests.faults.tools import unpacked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/tillwatch.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
TILLWATCH = Path(sys.executable).with_name("tillwatch")
PATIENCE = 60.0
EXPECTED = {"check": 1, "alert": 3}
"""Findings, and no route names anybody to tell."""
WRITTEN = re.compile(r"tillwatch_[a-z_]+")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Debian's prometheus, promtool and node_exporter in it."""
    folder = tmp_path_factory.mktemp("prometheus")
    for package in ("prometheus", "prometheus-node-exporter"):
        if why := unpacked(package, folder):
            pytest.skip(why)
    return folder / "usr/bin"


@pytest.fixture(scope="module")
def prometheus(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has seen a collector with a terminal, and a run of every batch part."""
    shop = tmp_path_factory.mktemp("shop")
    (shop / "statements").mkdir()
    (shop / "tillwatch.toml").write_text(
        '[health]\nlisten = "127.0.0.1:0"\n[metrics]\ndirectory = "metrics"\n'
        '[[statements]]\nacquirer = "lakala"\nfolder = "statements"\n'
    )
    subprocess.run([TILLWATCH, "doctor", "--create-keys"], cwd=shop, capture_output=True, check=False, timeout=PATIENCE)
    capture = str(ROOT / "tests/vectors/unionpay_pos.capture.jsonl")
    replay = ["replay", capture, "--profile", "unionpay"]
    for words in (replay, ["land"], ["check"], ["alert", "send"], ["import", "folders"]):
        done = subprocess.run(
            [TILLWATCH, *words], cwd=shop, capture_output=True, text=True, check=False, timeout=5 * PATIENCE
        )
        assert done.returncode == EXPECTED.get(words[0], 0), done.stderr
    with ExitStack() as stack:
        at = stack.enter_context(collector(shop))
        exporter = free_address()
        options = ("--collector.disable-defaults", "--collector.textfile")
        folder = f"--collector.textfile.directory={shop / 'metrics'}"
        command = [tools / "prometheus-node-exporter", *options, folder, f"--web.listen-address={exporter}"]
        stack.enter_context(started(command, shop))
        served = free_address()
        jobs = "".join(
            f"  - job_name: {job}\n    static_configs: [{{targets: ['{target}']}}]\n"
            for job, target in (("tillwatch-collector", at), ("node", exporter))
        )
        (shop / "prometheus.yml").write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}")
        command = [
            *(tools / "prometheus", f"--web.listen-address={served}", f"--storage.tsdb.path={shop / 'tsdb'}"),
            f"--config.file={shop / 'prometheus.yml'}",
        ]
        stack.enter_context(started(command, shop))
        wait_for_samples(served)
        yield served


@contextmanager
def collector(shop: Path) -> Iterator[str]:
    """A collector whose terminal has sent one sale; its address."""
    master, slave = os.openpty()
    tty.setraw(slave)
    command = [
        str(TILLWATCH),
        "collect",
        f"--receive=lane={os.ttyname(slave)}:leshua",
        "--line=gone=/dev/nothing:leshua",
    ]
    with subprocess.Popen(command, cwd=shop, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            address = ""
            while not address:
                line = running.stderr.readline()
                assert line, "the collector ended"
                found = re.search(r"health at=http://([\d.:]+)/", line)
                address = found[1] if found else ""
            fields = {3: "000000", 4: "000000000100", 11: "000001", 25: "00", 41: "10000001", 60: "22000001"}
            os.write(master, load_profile("leshua").build("0200", fields))
            assert os.read(master, 10) == b"\x06"
            yield address
        finally:
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=PATIENCE)
            os.close(master)
            os.close(slave)


@contextmanager
def started(command: list[Any], folder: Path) -> Iterator[None]:
    """A server while the block runs."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            running.terminate()
            running.wait(PATIENCE)


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def ask(address: str, query: str) -> list[dict[str, Any]]:
    """The series that a query gives now.

    Raises:
        AssertionError: Prometheus refuses the query.
    """
    words = urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{words}", timeout=10) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{query}: {refused.read().decode()}") from None
    result: list[dict[str, Any]] = said["data"]["result"]
    return result


def wait_for_samples(address: str) -> None:
    """Wait until both targets were scraped some times: a rate needs two samples."""
    deadline = time.monotonic() + PATIENCE
    seen: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        try:
            seen = ask(address, "count_over_time(up[1m]) >= 4 and up == 1")
        except OSError:
            seen = []
        if len(seen) == 2:
            return
        time.sleep(0.2)
    pytest.fail(f"Prometheus has seen {seen}")


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[f"{title} {n}" for n, (title, _) in enumerate(QUERIES)])
def test_every_panel_shows_something(prometheus: str, title: str, query: str):
    """A panel's query is valid and finds series of the real metrics: nothing on the dashboard is for ever empty."""
    found = ask(prometheus, query.replace("$__rate_interval", "30s"))
    assert found, title


def test_what_the_panels_show_is_what_there_was(prometheus: str):
    """One sale, one line without its device; what was found in the real messages; which part ran well and which not."""
    ports = ask(prometheus, "min by (line) (tillwatch_port_open)")
    assert {each["metric"]["line"]: each["value"][1] for each in ports} == {"lane": "1", "gone": "0"}
    (trouble,) = ask(prometheus, "sum by (code, line) (tillwatch_trouble)")
    assert trouble["metric"] == {"code": "port_missing", "line": "gone"}
    (frames,) = ask(prometheus, 'sum(tillwatch_frames_total{line="lane"})')
    assert frames["value"][1] == "1"
    parts = ask(prometheus, "max by (part) (tillwatch_run_failed)")
    assert {each["metric"]["part"]: each["value"][1] for each in parts} == {
        **dict.fromkeys(("land", "check", "import"), "0"),
        "send": "1",
    }
    (landed,) = ask(prometheus, 'tillwatch_land_rows{table="settlements"}')
    assert landed["value"][1] == "2"
    (late,) = ask(prometheus, 'tillwatch_check_findings{severity="P3", certainty="PROVEN"}')
    assert late["value"][1] == "1"


def test_no_metric_is_misspelt(prometheus: str):
    """Every metric that dashboard, alarms and documentation name is one that Prometheus has."""
    names = set(ask_names(prometheus))
    for file in ("deploy/grafana/tillwatch.json", "deploy/prometheus/alerts.yml", "docs/monitoring.md"):
        text = (ROOT / file).read_text("utf-8")
        written = {name for name in WRITTEN.findall(text) if not name.endswith("_")}
        assert written
        assert written <= names, file


def ask_names(address: str) -> list[str]:
    """The names of all metrics."""
    with urllib.request.urlopen(f"http://{address}/api/v1/label/__name__/values", timeout=10) as answer:
        names: list[str] = json.load(answer)["data"]
    return names


def test_the_alarms_say_what_they_should(tools: Path):
    """Promtool's own tests: silent while all is well, and each alarm with its words when it is not."""
    done = subprocess.run(
        [tools / "promtool", "test", "rules", "alerts_test.yml"],
        cwd=ROOT / "deploy/prometheus", capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alarm_is_tested():
    """An alarm that no case makes ring is no alarm."""
    rules = re.findall(r"alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))
    tested = (ROOT / "deploy/prometheus/alerts_test.yml").read_text("utf-8")
    for name in rules:
        assert re.search(rf"alertname: {name}\n\s+exp_alerts:\n", tested), name
