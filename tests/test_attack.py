"""What an attacker sends, to the app as a process of its own: nothing is to be had here."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio.helpers import special_args
from PIL import Image

import app
from model.serving.models import WEIGHTS_FOLDER, serve_classifier, serve_regressor
from tests.conftest import ROOT, App, run_python, running_app

BEE = ROOT / "examples" / "bee_on_daisy.jpg"
TOKEN = "hf_the_host_s_own"
NO_PICTURE = "There is no picture to classify"
SLOW = "*".join(f"sin(exp(x{n}))" for n in range(12))
SLOW_VALUES = {f"x{n}": 1 for n in range(12)}
META = {"meta": {"_type": "gradio.FileData"}}


class Served(App):
    """An app under attack."""

    @property
    def api(self) -> str:
        return f"{self.url}gradio_api"

    def rss(self) -> float:
        """Megabytes in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Whatever JSON can say, halves of characters among it."""
        headers = {"content-type": "application/json", **headers}
        return httpx.post(f"{self.api}/{path}", content=json.dumps(body), headers=headers)

    def call(self, name: str, data: object, **headers: str) -> str:
        """The raw answer to a call, or the refusal."""
        posted = self.post(f"call/{name}", {"data": data}, **headers)
        if posted.status_code != 200:
            return f"{posted.status_code} {posted.text}"
        event = posted.json()["event_id"]
        return httpx.get(f"{self.api}/call/{name}/{event}", timeout=60).text

    def listener(self, name: str, value: object, session: str = "attacker") -> str:
        """The raw answer of a private listener to a value of the component that it listens to."""
        config = httpx.get(f"{self.url}config").json()
        ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        listeners = (d for d in config["dependencies"] if [ids[name], "change"] in d["targets"])
        listener = next(listeners)
        data = [value if part == ids[name] else None for part in listener["inputs"]]
        body = {"data": data, "fn_index": listener["id"], "session_hash": session}
        assert httpx.post(f"{self.api}/queue/join", json=body).status_code == 200
        stream = f"{self.api}/queue/data?session_hash={session}"
        return httpx.get(stream, timeout=60).text

    def upload(self, content: bytes, name: str = "bee.jpg") -> httpx.Response:
        return httpx.post(f"{self.api}/upload", files={"files": (name, content)}, timeout=60)


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    with running_app(folder, *arguments, **environment) as app:
        yield Served(**vars(app))


class Recorder(BaseHTTPRequestHandler):
    """Answers everything with 404, and keeps what it was asked."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.server.seen.append(f"{self.requestline}\n{self.headers}")
        self.send_error(404)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ThreadingHTTPServer]:
    """The Hub and the proxy to everywhere, for the app under attack."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, elsewhere) -> Iterator[Served]:
    address = f"http://127.0.0.1:{elsewhere.server_port}"
    folder = tmp_path_factory.mktemp("attacked")
    proxies = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "ALL_PROXY": address}
    with serving(folder, HF_TOKEN=TOKEN, HF_ENDPOINT=address, **proxies) as started:
        started.call("predict", [[0] * 10])  # torch is there
        yield started


def test_no_file_of_the_server_can_be_read(served: Served, tmp_path: Path) -> None:
    picture, text = tmp_path / "private.png", tmp_path / "secret.txt"
    Image.new("RGB", (64, 64), "red").save(picture)
    text.write_text("secret")
    inside = json.loads(served.upload(BEE.read_bytes()).text)[0]
    places = [picture, text, tmp_path / "missing.png", tmp_path, "/etc/passwd", "/dev/zero"]
    places += [
        f"{Path(inside).parent}/../../../{picture}",
        f"{inside}\0",
        "",
        ".",
        "http://x/y.png",
    ]
    for place in map(str, places):
        for named in ({"path": place}, {"path": place, **META}, {"path": place, "url": place}):
            for answer in (
                served.call("classify", [named]),
                served.listener("classify-picture", named),
            ):
                assert NO_PICTURE in answer, (named, answer)
                assert "secret" not in answer
    # what was uploaded is answered, by both doors
    assert '"label": "bees"' in served.call("classify", [{"path": inside, **META}])
    assert "process_completed" in (
        answer := served.listener("classify-picture", {"path": inside, **META})
    )
    assert "classify-verdict known" in answer


def test_a_link_that_leads_out_of_the_folder_is_not_followed(served: Served) -> None:
    inside = Path(json.loads(served.upload(BEE.read_bytes()).text)[0])
    link = inside.with_name("link.jpg")
    link.symlink_to(BEE)
    for named in ({"path": str(link)}, {"path": str(link), **META}):
        assert NO_PICTURE in served.listener("classify-picture", named)


def test_a_file_that_is_too_heavy_is_refused_however_it_came(served: Served) -> None:
    assert served.upload(b"\0" * 20_500_000).status_code == 413
    inside = Path(json.loads(served.upload(BEE.read_bytes()).text)[0])
    heavy = inside.with_name("heavy.jpg")
    with heavy.open("wb") as file:
        file.truncate(20_000_001)
    assert "20 megabytes" in served.listener("classify-picture", {"path": str(heavy)})


def every_route(router) -> Iterator:
    """The routes of an app, those of the routers that it includes among them."""
    for route in router.routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from every_route(included)
        else:
            yield route


def test_the_hosts_token_goes_nowhere(served: Served, elsewhere) -> None:
    page = app.build(serve_classifier(None), serve_regressor(None))
    routes = [
        (method, re.sub(r"{[^}]*}", "x", route.path))
        for route in every_route(gr.routes.App.create_app(page))
        for method in getattr(route, "methods", None) or ()
    ]
    assert len(routes) > 80
    bucket = "someone/bucket"
    headers = {
        "x-gradio-history-bucket": bucket,
        "x-forwarded-host": "huggingface.co",
        "x-hf-authorization": "x",
    }
    asked = [*routes, ("GET", "/gradio_api/proxy=https://someone.hf.space/file")]
    asked += [("GET", f"/gradio_api/run-history/{each}") for each in ("buckets", "records")]
    body = {"bucket_id": bucket, "session_hash": "s", "fn_index": 0, "data": []}
    for method, path in asked:
        if "heartbeat" in path or "queue/data" in path:
            continue  # they never end
        url = served.url.rstrip("/") + path
        with httpx.stream(method, url, headers=headers, json=body, timeout=20) as answer:
            assert TOKEN not in answer.headers.values()
            if "run-history" in path or "monitoring" in path:
                assert answer.status_code in (403, 404, 405), path
    time.sleep(0.5)
    assert not [each for each in elsewhere.seen if TOKEN in each]


def test_bodies_are_bounded_declared_or_not(served: Served) -> None:
    big = b'{"data": ["' + b"x" * 1_000_001 + b'"]}'
    kind = {"content-type": "application/json", "accept-language": "zh"}
    for path in ("call/gradients", "queue/join", "run/predict", "component_server", "cancel"):
        declared = httpx.post(f"{served.api}/{path}", content=big, headers=kind)
        assert declared.status_code == 413
        assert "请求超过" in declared.json()["detail"]
        chunked = httpx.post(f"{served.api}/{path}", content=iter([big]), headers=kind)
        assert chunked.status_code in (400, 413), (path, chunked.text)


@pytest.mark.slow
def test_sessions_cost_nothing_once_they_are_answered(served: Served) -> None:
    def ask(times: int) -> None:
        for number in range(times):
            assert "complete" in served.call("predict", [[number / times] * 10])

    ask(30)
    before = served.rss()
    ask(400)
    assert served.rss() - before < 25
    # answers that nobody fetches are bounded too
    for number in range(200):
        served.post("call/predict", {"data": [[number / 200] * 10]})
    time.sleep(1)
    assert served.rss() - before < 40


def test_what_does_not_fit_into_the_queue_is_refused_at_once(served: Served) -> None:
    body = {"data": [SLOW, SLOW_VALUES]}
    started = time.monotonic()
    statuses = [
        httpx.post(f"{served.api}/call/gradients", json=body, timeout=30).status_code
        for _ in range(150)
    ]
    assert set(statuses) <= {200, 503}
    assert 503 in statuses or time.monotonic() - started > 5
    deadline = time.monotonic() + 60
    while "complete" not in served.call("gradients", ["x**2", {"x": 3}]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "in send_message" not in served.log.read_text()  # to those who have left


WRONG = {
    "classify": [None, 3, "bee.jpg", [], {}, [{}], {"path": None}, {"path": 3, **META}, True],
    "predict": [None, 3, "x", {}, [], [0] * 9, [0] * 11, ["x"] * 10, [None] * 10, [[]] * 10],
    "gradients": [None, 3, [], {}, True, "", "\ud800", "x" * 301, "__import__('os')"],
}
WRONG_VALUES = [None, [], "x", 3, {"x": None}, {"x": []}, {"x": "three"}, {"x": {}}, {"x": True}]
WRONG_ORDERS = [None, "2", [], {}, 0, 3, -1]
CALLS = [
    *((name, [value]) for name, values in WRONG.items() for value in values),
    *(("gradients", ["x**2", values]) for values in WRONG_VALUES),
    *(("gradients", ["x**2", {"x": 1}, order]) for order in WRONG_ORDERS),
    *((name, []) for name in WRONG),
]
PARAMETERS = {
    "classify": r"image|picture",
    "predict": r"\bx\b|x1|numbers",
    "gradients": r"expression|character|values|\bx\b|order",
}


@pytest.mark.parametrize(("name", "data"), CALLS, ids=repr)
def test_a_wrong_call_is_answered_by_a_sentence(served: Served, name: str, data: list) -> None:
    before = served.log.stat().st_size
    for language, is_chinese in (("en", False), ("zh-CN", True)):
        answer = served.call(name, data, **{"accept-language": language})
        assert answer.startswith("event: error"), answer
        sentence = json.loads(answer.split("data: ", 1)[1])["error"]
        assert bool(re.search("[\u4e00-\u9fff]", sentence)) is is_chinese
        if not is_chinese:
            assert re.search(PARAMETERS[name], sentence)
    assert "Traceback" not in served.log.read_text()[before:]


def test_the_order_may_be_left_out(served: Served) -> None:
    assert '"hessian": null' in served.call("gradients", ["x**2", {"x": 3}])


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(each, marks=pytest.mark.slow) for each in (3, 6))]
)
def test_nothing_leaks_from_a_private_listener_and_the_next_is_right(
    served: Served, first: int
) -> None:
    config = httpx.get(f"{served.url}config").json()
    odd = [None, "x", -1, {"path": "/etc/passwd", **META}, [[]], "\ud800", {"a": 1}, 1e308]
    for dependency in config["dependencies"]:
        if not dependency["backend_fn"]:
            continue
        places = range(first, first + len(dependency["inputs"]))
        session = f"odd{dependency['id']}"
        data = {"data": [odd[place % len(odd)] for place in places]}
        body = {**data, "fn_index": dependency["id"], "session_hash": session}
        assert served.post("queue/join", body).status_code == 200
        with httpx.stream(
            "GET", f"{served.api}/queue/data?session_hash={session}", timeout=60
        ) as stream:
            for line in stream.iter_lines():
                assert not re.search(r"Traceback|File \"|root:|/site-packages/", line)
                if "process_generating" in line:
                    break  # a training; leaving ends it
    assert '"x": 6.0' in served.call("gradients", ["x**2", {"x": 3}])


def test_every_listener_gets_the_request() -> None:
    """Gradio hands it to parameters that it can see, and to no others."""
    page = app.build(serve_classifier(None), serve_regressor(None))
    request, seen = object(), 0
    for function in page.fns.values():
        is_ours = function.fn and not function.fn.__module__.startswith("gradio.")
        if not is_ours or function.api_visibility == "public":
            continue
        count = 1 if function.inputs_as_dict else len(function.inputs)
        given, *_ = special_args(function.fn, [None] * count, request)
        assert request in given, function.name
        seen += 1
    assert seen >= 10


@contextmanager
def half_an_upload(served: Served) -> Iterator[socket.socket]:
    """A connection in the midst of an upload."""
    host, port = re.match(r"http://(.*):(\d+)/", served.url).groups()
    with socket.create_connection((host, int(port))) as connection:
        head = (
            "POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
        )
        connection.sendall(head.encode() + b"x" * 50_000)
        deadline = time.monotonic() + 10
        while not list(served.uploads.rglob("tmp*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield connection


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_an_end_answers_what_has_begun_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as served:
        kept = json.loads(served.upload(BEE.read_bytes()).text)[0]
        # what is loaded at the first call is there: the seconds are for the answers
        assert "event: complete" in served.call("classify", [{"path": kept, **META}])
        assert "event: complete" in served.call("gradients", ["x**2", {"x": 3}])
        answers: list[str] = []
        accepted = threading.Semaphore(0)

        def ask(name: str, data: list) -> None:
            event = served.post(f"call/{name}", {"data": data}).json()["event_id"]
            accepted.release()
            answers.append(httpx.get(f"{served.api}/call/{name}/{event}", timeout=60).text)

        calls = [("classify", [{"path": kept, **META}]), ("gradients", [SLOW, SLOW_VALUES])] * 3
        threads = [threading.Thread(target=ask, args=call) for call in calls]
        with half_an_upload(served):
            for thread in threads:
                thread.start()
            for _ in threads:
                accepted.acquire(timeout=20)
            started = time.monotonic()
            served.process.send_signal(number)
            assert served.process.wait(timeout=15) == 0
            assert time.monotonic() - started < 10
        for thread in threads:
            thread.join()
        assert len(answers) == len(threads)
        for answer in answers:
            assert answer.startswith("event: complete"), answer
        assert list(served.uploads.iterdir()) == []
        assert "Traceback" not in served.log.read_text()


def test_a_folder_for_uploads_that_has_vanished_comes_back(served: Served) -> None:
    (inside,) = served.uploads.iterdir()
    subprocess.run(["rm", "-r", inside], check=True)
    before = served.log.stat().st_size
    path = json.loads(served.upload(BEE.read_bytes()).text)[0]
    assert '"label": "bees"' in served.call("classify", [{"path": path, **META}])
    assert "Traceback" not in served.log.read_text()[before:]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1.5 megabytes, which fits the example pictures and no upload beside them."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may make a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_told_in_a_sentence_and_mended_by_room(
    tmp_path: Path, small_disk: Path
) -> None:
    with serving(tmp_path, GRADIO_TEMP_DIR=str(small_disk)) as served:
        path = json.loads(served.upload(BEE.read_bytes()).text)[0]
        assert '"label": "bees"' in served.call("classify", [{"path": path, **META}])
        before = served.log.stat().st_size
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        refused = served.upload(BEE.read_bytes(), "another.jpg")
        assert refused.status_code == 503
        assert "no room for uploads" in refused.json()["detail"]
        shown = served.listener("classify-picture", {"path": path, **META})
        assert "no room for uploads" in shown or "process_completed" in shown
        assert '"x": 6.0' in served.call("gradients", ["x**2", {"x": 3}])
        assert "Traceback" not in served.log.read_text()[before:]
        filler.unlink()
        assert served.upload(BEE.read_bytes(), "another.jpg").status_code == 200
        assert "classify-verdict" in served.listener("classify-picture", {"path": path, **META})


def test_it_starts_where_the_usual_temporary_folder_is_not_its_own(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.mkdir()
    (usual / "gradio").write_text("as good as another user's folder: nothing can be made in it")
    with serving(tmp_path, GRADIO_TEMP_DIR="", TMPDIR=str(usual)) as served:
        assert served.upload(BEE.read_bytes()).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--port", "{taken}"], {}, r"Cannot listen on 127\.0\.0\.1:\d+: .+\. Choose another"),
        pytest.param(
            ["--host", "203.0.113.7"],
            *({}, r"Cannot listen on 203\.0\.113\.7: .+ Choose another"),
            marks=pytest.mark.slow,
        ),
        (
            [],
            {"GRADIO_TEMP_DIR": "/proc/none"},
            "There is no folder for uploads: .+GRADIO_TEMP_DIR",
        ),
    ],
)
def test_what_keeps_it_from_starting_is_one_sentence(
    arguments: list[str], environment: dict[str, str], said: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = [each.format(taken=taken.getsockname()[1]) for each in arguments]
        done = run_python("app.py", *given, GRADIO_NUM_PORTS="2", **environment)
    assert done.returncode != 0
    assert re.search(said, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("place", ["tensor", pytest.param("architecture", marks=pytest.mark.slow)])
def test_a_name_in_a_model_is_text_on_the_page(place: str, page, tmp_path: Path) -> None:
    """Not HTML, which the page of each visitor would follow to wherever it leads."""
    from safetensors.torch import load_file, save_file

    bundled = WEIGHTS_FOLDER / "ants_bees"
    elsewhere = "http://127.0.0.1:9/seen"
    name = f"<img src={elsewhere} onerror=alert(1)>"
    tensors = load_file(bundled / "model.safetensors")
    config = json.loads((bundled / "config.json").read_text())
    if place == "tensor":
        tensors[name] = tensors["fc.bias"].clone()
    else:
        config["architecture"] = name
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(config))
    with serving(tmp_path, "--classifier", str(tmp_path)) as served:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served.url)
        page.locator("#classify-picture input[type=file]").set_input_files(BEE)
        words = page.locator("#classify-words .problem")
        words.wait_for(timeout=30_000)
        assert "<img src=" in words.inner_text()
        page.wait_for_timeout(300)
        assert not [url for url in asked if url.startswith(elsewhere)]
        assert page.locator(f"img[src='{elsewhere}']").count() == 0
