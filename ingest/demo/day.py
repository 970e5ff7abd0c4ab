"""One simulated shop day, end to end, on the real programs.

Terminals on pseudo-terminals -> collector -> spool -> Airflow -> tables -> rules -> mails. Terminals
and collector work while Airflow comes up. Nothing here lands, checks or sends: Airflow does, because
the collector told it of the sealed segment.
"""

import contextlib
import datetime as dt
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingest.demo.airflow import DAGS, USER, AirflowError, Api, Home, NoAnswerError, has_settled
from ingest.demo.mailbox import Mailbox, html_of
from ingest.demo.outcome import Outcome
from ingest.demo.place import APP_URL, Place
from ingest.demo.processes import Program, clean_environment
from ingest.demo.progress import Progress
from ingest.demo.report import judge, read_lines
from ingest.errors import TillwatchError
from ingest.keys import create_keys

PLAY_SECONDS = 25.0
WHOLE_DAY = 900.0
"""Age of a segment, s, that no demo comes to."""
POLL_SECONDS = 0.5
PATIENCE = {
    "devices": 60.0,
    "migration": 180.0,
    "airflow and the shop day": 300.0,
    "collector": 60.0,
    "word": 120.0,
    "runs": 300.0,
}
"""Seconds that each step may take before it is given up."""
SHOPS = ("街角咖啡馆", "Riverside Department Store")
LOCALES = ("zh-CN", "en")


class DemoError(TillwatchError):
    """The demo could not be played to its end."""


class Day:
    """A day in play. Everything it starts is stopped by the stack it was given.

    Args:
        place: the demo's folder, ours and cleared.
        dags: folder of the DAG files.
        seed: the scenario's.
        stack: closes what is opened here, the last first.
        progress: what people see meanwhile.
    """

    def __init__(self, place: Place, dags: Path, seed: int, stack: ExitStack, progress: Progress) -> None:
        self.place = place
        self.home = Home(place.airflow, dags)
        self._seed = seed
        self._stack = stack
        self._progress = progress
        self._mailbox = stack.enter_context(Mailbox(place.mailbox))
        self._env = self.home.environment(
            clean_environment(GX_ANALYTICS_ENABLED="False"), config=place.config, smtp_port=self._mailbox.port
        )
        self._api = Api(self.home)
        self._told_trouble: set[str] = set()
        self._states: dict[str, list[str]] = {dag: [] for dag in DAGS}
        stack.callback(self._api.close)

    def play(self) -> Outcome:
        """Play the day and judge it.

        Raises:
            TillwatchError: a program ended, Airflow did not come up, a run failed, or something took too long.
        """
        simulator = self._start("simulator", "simulate", "shop-day", "--json", "--seed", str(self._seed),
            "--seconds", str(PLAY_SECONDS), "--devices", str(self.place.root / "devices"),
            "--truth", str(self.place.truth))  # fmt: skip
        lines = self._devices(simulator)
        self._write_config(lines)
        plugged = ", ".join(f"{line['profile']} ({line['mode']})" for line in lines)
        self._progress.done(f"{len(lines)} simulated terminals are plugged in: {plugged}")
        collector = self._start("collector", "collect")
        self.home.lay_out()
        self._migrate(simulator, collector)
        airflow = self.home.start(self._env, self.place.logs / "airflow.log")
        self._stack.callback(self._stop, airflow)
        self._both_ready(simulator, collector, airflow)
        sealed_at = dt.datetime.now(dt.UTC)
        self._seal(collector)
        self._told(airflow)
        self._runs_to_their_end(airflow, since=sealed_at)
        return self._judge()

    # -- before the collector is stopped ------------------------------------------------------

    def _start(self, name: str, *arguments: str) -> Program:
        program = Program(
            name, ["tillwatch", *arguments], env=self._env, log=self.place.logs / f"{name}.log", cwd=self.place.root
        )
        self._stack.callback(self._stop, program)
        return program

    def _stop(self, program: Program) -> None:
        if not program.has_ended:
            self._progress.doing(f"stopping {program.name}")
            if not program.stop():
                self._progress.done(f"{program.name} did not stop by itself and was killed")

    def _devices(self, simulator: Program) -> list[dict[str, Any]]:
        """The simulator's lines, once it has printed all of them and waits for a collector."""

        def waiting() -> bool:
            simulator.must_run()
            return "waiting for a collector" in simulator.tail()

        self._until("devices", "plugging in the simulated terminals", waiting)
        return [json.loads(line) for line in simulator.tail(500).splitlines() if line.startswith("{")]

    def _write_config(self, lines: Sequence[dict[str, Any]]) -> None:
        create_keys(self.place.key)
        create_keys(self.place.app_key)
        merchants = list(dict.fromkeys(line["merchant_id"] for line in lines))
        parts = [
            # one segment, sealed when the collector stops: Airflow may not be up before
            _toml("spool", directory=str(self.place.spool), seal_seconds=WHOLE_DAY),
            _toml("lake", uri=str(self.place.lake)),
            _toml("keys", pan_token=str(self.place.key)),
            _toml("alerts", smtp=f"smtp://127.0.0.1:{self._mailbox.port}", sender="tillwatch@example.com"),
            _toml("alerts.timing", at_once=True),  # a demo at night has its mails, too
            _toml("app", url=APP_URL, key=str(self.place.app_key), framed_by=[self.home.url]),
            _toml("airflow", url=self.home.url, username=USER, password_file=str(self.home.password_file)),
        ]
        for line in lines:
            keys = ("device", "peer", "profile", "mode")
            parts.append(_toml("[lines]", name=line["line"], **{key: line[key] for key in keys if line[key]}))
        for merchant, name, locale in zip(merchants, SHOPS, LOCALES, strict=False):
            parts.append(_toml("[merchants]", id=merchant, name=name))
            parts.append(
                _toml("[alerts.routes]", merchants=[merchant], to=[f"finance@{merchant}.example"], locale=locale)
            )
        self.place.config.write_text("\n".join(parts), "utf-8")

    def _migrate(self, *programs: Program) -> None:
        if self.home.is_migrated:
            return
        migration = self.home.migrate(self._env, self.place.logs / "airflow-migrate.log")
        self._stack.callback(self._stop, migration)

        def ended() -> bool:
            for program in programs:
                if program.status != 0:  # on a slow machine the day may be over by now
                    program.must_run()
            return migration.status is not None

        self._until("migration", "making Airflow's database (once)", ended)
        if migration.status != 0:
            raise AirflowError(
                f"airflow db migrate failed; its last lines:\n{migration.tail()}", hint=f"read {migration.log}"
            )
        self.home.keep_template()
        self._progress.done("Airflow's database is made; it is kept for the next demo")

    def _both_ready(self, simulator: Program, collector: Program, airflow: Program) -> None:
        """Airflow has come up, and the day is played."""
        is_up = played = False

        def ready() -> bool:
            nonlocal is_up, played
            collector.must_run()
            airflow.must_run()
            if not played and simulator.status is not None:
                if simulator.status != 0:
                    simulator.must_run()
                played = True
                told = json.loads(simulator.tail(1))
                self._progress.done(
                    f"the shop day is played: {told['frames']} frames on {told['lines']} lines, "
                    f"{told['faults']} faults and {told['hard_negatives']} hard negatives in it"
                )
            if not is_up and self._api.is_ready():
                is_up = True
                self._progress.done(f"Airflow is up: {self.home.url}")
            return is_up and played

        def text() -> str:
            waited_for = [
                name for name, done in (("Airflow comes up", is_up), ("the shop day is played", played)) if not done
            ]
            return ", ".join(waited_for)

        try:
            self._until("airflow and the shop day", text, ready)
        except DemoError:
            slow = simulator if is_up else airflow
            raise DemoError(
                f"{slow.name}: not ready in time; its last lines:\n{slow.tail()}",
                hint=f"read the whole log: {slow.log}",
            ) from None

        def let_loose() -> bool:
            for wrong in self._api.import_errors():
                raise AirflowError(f"a DAG file cannot be read: {wrong}")
            self._api.unpause()
            return True

        self._until("word", "the DAGs are let loose", let_loose)

    def _seal(self, collector: Program) -> None:
        collector.ask_to_stop()
        self._until("collector", "the collector stops and seals its segment", lambda: collector.status is not None)
        if collector.status != 0:
            collector.must_run()
        self._progress.done("the collector has stopped and sealed its segment")

    def _told(self, airflow: Program) -> None:
        def heard() -> bool:
            airflow.must_run()
            return bool(self._api.events("sealed_segments"))

        self._until("word", "Airflow hears of the segment", heard)
        self._progress.done("the collector has told Airflow of the segment")

    # -- after ---------------------------------------------------------------------------------

    def _runs_to_their_end(self, airflow: Program, since: dt.datetime) -> None:
        """Wait until Airflow has nothing left to do about what the collector told it."""
        seen: dict[tuple[str, str], str] = {}

        def settled() -> bool:
            airflow.must_run()
            runs = {dag: self._api.runs(dag) for dag in DAGS}
            for dag in DAGS:
                self._states[dag] = [str(run["state"]) for run in runs[dag]]
                for run in reversed(runs[dag]):
                    self._say_state(dag, run, seen)
            return has_settled(runs, self._api.events, since)

        def text() -> str:
            running = [dag for (dag, _), state in seen.items() if state in {"queued", "running"}]
            return f"Airflow runs {', '.join(running) or 'soon: it has heard of the segment'}"

        self._until("runs", text, settled)

    def _say_state(self, dag: str, run: dict[str, Any], seen: dict[tuple[str, str], str]) -> None:
        key, state = (dag, run["dag_run_id"]), str(run["state"])
        if state in {"running", "failed"}:
            for task, task_state in self._api.task_states(*key).items():
                self._say_trouble(dag, run["dag_run_id"], task, task_state)
        if seen.get(key) != state and state == "success":
            self._progress.done(f"{dag}: success in {run['duration'] or 0:.1f} s ({run['run_type']})")
        seen[key] = state

    def _say_trouble(self, dag: str, run_id: str, task: str, state: str) -> None:
        if state not in {"up_for_retry", "failed"}:
            return
        logs = sorted(self.home.directory.glob(f"logs/dag_id={dag}/run_id={run_id}/task_id={task}/*.log"))
        hint = f"read its log: {logs[-1]}" if logs else f"it never began; read {self.place.logs / 'airflow.log'}"
        if state == "failed":
            raise AirflowError(f"{dag}.{task} failed", hint=hint)
        if hint not in self._told_trouble:
            self._told_trouble.add(hint)
            self._progress.done(f"{dag}.{task} failed; Airflow tries again in half a minute; {hint}")

    def _judge(self) -> Outcome:
        listed = subprocess.run(
            ["tillwatch", "findings", "--json"], env=self._env, cwd=self.place.root, capture_output=True, check=False
        )
        if listed.returncode not in {0, 1}:
            raise DemoError(f"tillwatch findings failed: {listed.stderr.decode('utf-8', 'replace').strip()}")
        findings = [json.loads(line) for line in listed.stdout.splitlines()]
        case, pack = self._pack()
        mails = self._mailbox.mails()
        about_cases = [mail for _, mail in mails if any(mail.iter_attachments())]  # reports have none
        html = html_of(about_cases[-1]) if about_cases else None
        newest = self.place.mailbox / "newest.html" if html else None
        if newest and html:
            newest.write_text(html, "utf-8")
        return Outcome(
            verdict=judge(read_lines(self.place.truth), findings),
            mails=[(path, str(mail["To"]), str(mail["Subject"])) for path, mail in mails],
            newest_html=newest,
            data_docs=sorted(self.place.data_docs.glob("**/index.html"))[:1],
            runs=self._states,
            case=case,
            pack=pack,
        )

    def _pack(self) -> tuple[str, Path | None]:
        """The number of the case with the most money, and its evidence pack."""
        listed = self._run("case", "ls", "--json")
        cases = sorted((json.loads(line) for line in listed.splitlines()), key=lambda case: -case["amount_fen"])
        if not cases:
            return "", None
        number = str(cases[0]["number"])
        pack = self.place.packs / f"evidence-{number}.zip"
        self._run("evidence", "make", number, "-o", str(pack))
        return number, pack

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            ["tillwatch", *words], env=self._env, cwd=self.place.root, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DemoError(f"tillwatch {' '.join(words[:2])} failed: {done.stderr.strip()}")
        return done.stdout

    def _until(self, what: str, text: str | Callable[[], str], done: Callable[[], bool]) -> None:
        """Wait for ``done``, showing ``text``; an Airflow that does not answer at once is asked again."""
        end = time.monotonic() + PATIENCE[what]
        while True:
            with contextlib.suppress(NoAnswerError):
                if done():
                    return
            if time.monotonic() > end:
                raise DemoError(f"{what}: still waiting after {PATIENCE[what]:.0f} s", hint=f"read {self.place.logs}")
            self._progress.doing(text if isinstance(text, str) else text())
            time.sleep(POLL_SECONDS)


def _toml(table: str, **keys: Any) -> str:
    """One table of a TOML file; strings, and lists of strings, are JSON's."""
    return "\n".join(
        [f"[{table}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()), ""]
    )
