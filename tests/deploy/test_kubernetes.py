"""deploy/kubernetes and deploy/helm, held to the schemas of Kubernetes and to what Airflow's chart takes. No cluster.

kubernetes-validate ships the schemas of Kubernetes' own API. Those of the chart's values that
refer to that API are held to it too, inside a pod.
"""

import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from ingest.demo.mailbox import free_port
from ingest.settings import load_settings

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "deploy/kubernetes/tillwatch.yaml"
VALUES = ROOT / "deploy/helm/values.yaml"
CHART: dict[str, str] = tomllib.loads((ROOT / "tests/deploy/airflow_chart.toml").read_text("utf-8"))
SECRETIVE = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|SMTP", re.IGNORECASE)
SIMPLE: dict[str, type | tuple[type, ...]] = {"string": str, "boolean": bool, "integer": int, "array": list}

Document = dict[str, Any]


def documents() -> list[Document]:
    return [each for each in yaml.safe_load_all(MANIFEST.read_text("utf-8")) if each]


def values() -> Document:
    found: Document = yaml.safe_load(VALUES.read_text("utf-8"))
    return found


def of_kind(kind: str) -> Document:
    (found,) = (each for each in documents() if each["kind"] == kind)
    return found


def pod() -> Document:
    found: Document = of_kind("Deployment")["spec"]["template"]["spec"]
    return found


def validate(document: Document) -> None:
    """Raise where the newest API of Kubernetes that is known would refuse the document or does not know a key."""
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("kind", [each["kind"] for each in documents()])
def test_a_manifest_is_what_kubernetes_takes(kind: str):
    """Every key known, every type right."""
    validate(of_kind(kind))


def test_a_wrong_manifest_is_refused():
    """An unknown key and a wrong type: the schemas are not a formality."""
    misspelt, mistyped = of_kind("Deployment"), of_kind("Deployment")
    misspelt["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    mistyped["spec"]["replicas"] = "one"

    for document in (misspelt, mistyped):
        with pytest.raises(kubernetes_validate.ValidationError):
            validate(document)


def test_everything_is_in_one_namespace():
    """The one that the file makes, and that both ways to install name."""
    name = of_kind("Namespace")["metadata"]["name"]

    assert {each["metadata"].get("namespace", name) for each in documents()} == {name}
    assert f"--namespace {name} " in VALUES.read_text("utf-8")


def test_no_container_may_more_than_it_must():
    """Not root, nothing writable but what is mounted, no right kept, no account's token."""
    spec = pod()
    of_helm = values()["securityContexts"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == of_helm["pod"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] == values()["uid"] == 50000
    assert re.search(r"useradd --uid 50000 ", (ROOT / "deploy/Dockerfile").read_text("utf-8"))
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    confined = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert of_helm["container"] == of_helm["containers"] == confined
    for container in [*spec["initContainers"], *spec["containers"], *values()["scheduler"]["extraInitContainers"]]:
        assert container["securityContext"] == confined, container["name"]


def test_every_lasting_container_is_probed_and_asks_for_what_it_needs():
    """Start, life and readiness; processor time and memory asked for, memory bounded."""
    for container in pod()["containers"]:
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    given = values()
    parts = [*pod()["containers"], *pod()["initContainers"], *(given[part] for part in PARTS)]
    for part in parts:
        assert set(part["resources"]["requests"]) == {"cpu", "memory"}
        assert set(part["resources"]["limits"]) == {"memory"}
    # the chart's own commands call an entry point that this image does not have
    for part in ("scheduler", "dagProcessor", "triggerer"):
        assert given[part]["livenessProbe"]["command"][-1].startswith("exec airflow jobs check ")


PARTS = ("scheduler", "apiServer", "dagProcessor", "triggerer")


def test_secrets_are_named_and_never_held():
    """No Secret is in the files, what is secret comes from one, and the files' first lines say how each is made."""
    named = set()
    for env in pod()["containers"][0]["env"]:
        if "valueFrom" in env:
            named.add((env["valueFrom"]["secretKeyRef"]["name"], env["valueFrom"]["secretKeyRef"]["key"]))
        else:
            assert not SECRETIVE.search(env["name"]), env["name"]
    given = values()
    assert not [env["name"] for env in given["env"] if SECRETIVE.search(env["name"])]
    named |= {(each["secretName"], each["secretKey"]) for each in given["secret"]}
    named |= {(given["data"]["metadataSecretName"], "connection"), (given["fernetKeySecretName"], "fernet-key")}
    named |= {(given["apiSecretKeySecretName"], "api-secret-key"), (given["jwtSecretName"], "jwt-secret")}
    named |= {("tillwatch-files", name) for name in _key_files()}
    made = set()
    for text in (MANIFEST.read_text("utf-8"), VALUES.read_text("utf-8")):
        words = re.sub(r"\\\n#\s*", " ", text)
        for secret, keys in re.findall(r"create secret generic (\S+) (.*)", words):
            made |= {(secret, key) for key in re.findall(r"--from-(?:file|literal)=([\w.-]+)", keys)}

    assert not [each for each in documents() if each["kind"] == "Secret"]
    assert named == made


def _key_files() -> set[str]:
    """What the settings and Airflow read below the folder of copied keys."""
    settings = of_kind("ConfigMap")["data"]["tillwatch.toml"] + VALUES.read_text("utf-8")
    return set(re.findall(r"/run/tillwatch/([\w.-]+)", settings))


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The ConfigMap is read without a complaint, by the page and by Airflow's tasks from the same place."""
    monkeypatch.delenv("TILLWATCH_CONFIG", raising=False)
    file = tmp_path / "tillwatch.toml"
    file.write_text(of_kind("ConfigMap")["data"]["tillwatch.toml"], "utf-8")
    mounted = {mount["mountPath"]: mount["name"] for mount in pod()["containers"][0]["volumeMounts"]}
    of_airflow = {mount["mountPath"]: mount["name"] for mount in values()["volumeMounts"]}

    settings = load_settings(file)

    assert settings.lake.uri.startswith("s3://")
    assert str(settings.spool.directory) in mounted.keys() & of_airflow.keys()
    assert mounted["/etc/tillwatch"] == of_airflow["/etc/tillwatch"] == "settings"
    assert {"name": "TILLWATCH_CONFIG", "value": "/etc/tillwatch/tillwatch.toml"} in values()["env"]


def paths(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path, down to those that the chart gives a type."""
    if above in CHART or not value or not isinstance(value, dict):
        yield above, value
        return
    for key, below in value.items():
        yield from paths(below, f"{above}.{key}" if above else key)


def refused(given: Document) -> list[str]:
    """What the chart does not take, in words."""
    found = []
    for path, value in paths(given):
        kind = CHART.get(path)
        if kind is None:
            found.append(f"{path}: not a value of the chart that was looked up")
        elif kind in SIMPLE:
            fits = isinstance(value, SIMPLE[kind]) and (kind == "boolean") == isinstance(value, bool)
            found += [] if fits else [f"{path}: not {kind}"]
        elif kind == "env":
            found += [f"{path}: {each}" for each in value if set(each) != {"name", "value"} or not _texts(each)]
        elif kind == "secret":
            keys = {"envName", "secretName", "secretKey"}
            found += [f"{path}: {each}" for each in value if set(each) != keys or not _texts(each)]
    return found


def _texts(each: Document) -> bool:
    return all(isinstance(value, str) for value in each.values())


def test_the_chart_takes_the_values():
    """Every path is one that the chart's schema names, with the type that it gives it."""
    assert refused(values()) == []
    assert {path for path, _ in paths(values())} == set(CHART), "a path here that the values do not use"


def test_values_that_the_chart_refuses_are_noticed():
    """A misspelt section, a misspelt key, a wrong type."""
    for path, value in (
        (("schedular",), {"resources": {}}),
        (("scheduler", "livenessProbe", "commands"), ["true"]),
        (("redis", "enabled"), "no"),
        (("uid",), True),
        (("env",), [{"name": "A", "value": 1}]),
    ):
        given = values()
        place = given
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert len(refused(given)) == 1, path


def test_what_the_chart_hands_on_is_what_kubernetes_takes():
    """Volumes, mounts, init containers, resources and contexts of each part, put together as its pod."""
    given = values()
    for part in PARTS:
        container = {
            "name": part,
            "image": f"{given['defaultAirflowRepository']}:{given['defaultAirflowTag']}",
            "volumeMounts": given["volumeMounts"],
            "resources": given[part]["resources"],
            "securityContext": given["securityContexts"]["container"],
            "env": given["env"],
        }
        if "livenessProbe" in given[part]:
            probe = dict(given[part]["livenessProbe"])
            container["livenessProbe"] = {"exec": {"command": probe.pop("command")}, **probe}
        spec = {
            "securityContext": given["securityContexts"]["pod"],
            "initContainers": given[part].get("extraInitContainers", []),
            "containers": [container],
            "volumes": given["volumes"],
        }
        validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": part.lower()}, "spec": spec})
        mounts = [*container["volumeMounts"], *(m for each in spec["initContainers"] for m in each["volumeMounts"])]
        assert {mount["name"] for mount in mounts} <= {volume["name"] for volume in spec["volumes"]}


def test_airflow_has_every_option_that_the_values_set():
    """A misspelt option would silently be none. Airflow's own list of options is asked."""
    text = (files("airflow") / "config_templates/config.yml").read_text("utf-8")
    known = yaml.load(text, yaml.CSafeLoader)  # as safe, and ten times as fast
    simple = {"simple_auth_manager_users", "simple_auth_manager_passwords_file"}
    for section, options in values()["config"].items():
        for option, value in options.items():
            assert option in known[section]["options"] or option in simple, f"[{section}] {option}"
            assert isinstance(value, bool | int | str)


def test_both_run_the_same_image():
    """The page and every part of Airflow, in the version of the package."""
    images = {each["image"] for each in [*pod()["containers"], *pod()["initContainers"]]}
    images |= {each["image"] for part in ("scheduler", "apiServer") for each in values()[part]["extraInitContainers"]}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

    assert images == {f"{values()['defaultAirflowRepository']}:{values()['defaultAirflowTag']}"}
    assert values()["defaultAirflowTag"] == version


@pytest.mark.slow
def test_the_page_answers_its_probes(tmp_path: Path):
    """The manifest's command, with keys copied as its first container does: 200 to the probe, 400 to a pod's address.

    The address is what Host would say without the probe's header.
    """
    spec = pod()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "run").mkdir()
    for name in _key_files():
        (tmp_path / "secrets" / name).write_text(f"tillwatch-key 1 0a1b2c3d {bytes(range(32)).hex()}\n", "ascii")
        (tmp_path / "secrets" / name).chmod(0o440)
    script = spec["initContainers"][0]["command"][-1]
    script = script.replace("/run/secrets/tillwatch", str(tmp_path / "secrets"))
    subprocess.run(["sh", "-euc", script.replace("/run/tillwatch", str(tmp_path / "run"))], check=True)
    settings = of_kind("ConfigMap")["data"]["tillwatch.toml"]
    settings = re.sub(r'^url = "postgresql.*\npassword_file.*\n', "", settings, flags=re.MULTILINE)
    settings = re.sub(r"^take_from.*\n", "", settings, flags=re.MULTILINE)
    settings = settings.replace("/run/tillwatch", str(tmp_path / "run")).replace("/var/lib/tillwatch", str(tmp_path))
    (tmp_path / "tillwatch.toml").write_text(settings.replace("s3://tillwatch/lake", str(tmp_path / "lake")), "utf-8")
    port = free_port()
    command = [each.replace("0.0.0.0:8734", f"127.0.0.1:{port}") for each in spec["containers"][0]["command"]]
    command[0] = str(Path(sys.executable).with_name(command[0]))
    probe = spec["containers"][0]["readinessProbe"]["httpGet"]
    headers = {each["name"]: each["value"] for each in probe["httpHeaders"]}
    url = f"http://127.0.0.1:{port}{probe['path']}"

    serving = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        assert _status(url, headers, serving) == 200
        assert _status(url, {"Host": "10.42.0.17:8734"}, serving) == 400
    finally:
        serving.terminate()
        serving.communicate(timeout=60)


def _status(url: str, headers: dict[str, str], serving: "subprocess.Popen[str]") -> int:
    """The answer's status, waited for while the program runs."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as wrong:
            return wrong.code
        except OSError:
            assert serving.poll() is None, serving.stderr.read() if serving.stderr else ""
            time.sleep(0.2)
    pytest.fail(f"nothing answers at {url}")
