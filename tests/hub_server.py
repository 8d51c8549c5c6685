"""A small Hugging Face Hub on loopback, for tests: real HTTP, spoken to by the real client.

It knows what this project asks of a Hub: who a token is, model repos with branches, commits and
pull requests, uploads (git and LFS), the listing of a commit, downloads (of datasets too, which are
called "datasets/me/photos" here); and it can have the bad
days that the project promises to survive (`fail`). Everything is held in memory.

    with HubServer() as hub:
        hub.add("me/model", {"config.json": b"{}"})
        HfApi(endpoint=hub.endpoint, token=hub.token).model_info("me/model")
        assert hub.requests == ["GET /api/models/me/model"]
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PIECE = 1 << 16
LFS_SUFFIXES = (".safetensors", ".png")


def faults_of_card(text: str) -> list[str]:
    """What the real Hub says of a card's front matter, as far as this project's cards go."""
    matter = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    try:
        data = yaml.safe_load(matter[1]) if matter else {}
    except yaml.YAMLError as error:
        return [f"YAML Metadata Error: {error}"]
    if not isinstance(data, dict):
        return ["metadata must be a mapping"]
    kinds = [
        str(result["dataset"]["type"])
        for model in data.get("model-index", ())
        for result in model["results"]
    ]
    wrong = [kind for kind in kinds if not re.fullmatch(r"([\w-]+/)?[\w.-]+", kind, re.ASCII)]
    return [f'"dataset.type" with value "{kind}" fails to match the pattern' for kind in wrong]


@dataclass
class Commit:
    oid: str
    parent: str | None
    title: str
    files: dict[str, bytes]


@dataclass
class Repo:
    """`refs` maps full names ("refs/heads/main", "refs/pr/1") to commits."""

    private: bool = False
    gated: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def commit(self, ref: str, title: str, files: dict[str, bytes], parent: str | None) -> str:
        oid = secrets.token_hex(20)
        self.commits[oid] = Commit(oid, parent, title, files)
        self.refs[ref] = oid
        return oid

    def resolve(self, revision: str) -> Commit | None:
        for name in (revision, f"refs/heads/{revision}"):
            if name in self.refs:
                return self.commits[self.refs[name]]
        return self.commits.get(revision)

    def history(self, revision: str = "main") -> list[Commit]:
        """The commits of a revision, the newest first."""
        found, at = [], self.resolve(revision)
        while at:
            found.append(at)
            at = self.commits.get(at.parent or "")
        return found


@dataclass
class Fault:
    """What happens instead of an answer to requests of one kind, `times` times (None: for ever).

    `what` is a status code, "stall" (never answer), "html" (a hotel's log-in page), "cut" (the line
    dies after half of the body), "stall-body" (the line falls silent there), "corrupt" (one bit
    flips), "slow" (64 KiB a second) or "lost" (all is done, but the answer never arrives).
    """

    kind: str
    what: int | str
    times: int | None = None


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def refuse(status: int, message: str, code: str = "") -> Response:
    headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
    return JSONResponse({"error": message}, status, headers)


class HubServer:
    """A Hub of the user "me", who may write with `token` and read with `read_token`."""

    token, read_token, user = "hf_" + "w" * 34, "hf_" + "r" * 34, "me"

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            Starlette(routes=self._routes()),
            lifespan="off",
            log_level="critical",
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> HubServer:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def add(self, repo_id: str, files: dict[str, bytes], title: str = "a commit") -> str:
        """Commit files to main, as if someone had pushed them; gives the commit."""
        repo = self.repos.setdefault(repo_id, Repo())
        return repo.commit("refs/heads/main", title, files, repo.refs.get("refs/heads/main"))

    def fail(self, kind: str, what: int | str, times: int | None = None) -> None:
        """Have a bad day, see `Fault`. `kind`: whoami, create, info, refs, branch, preupload,
        batch, put, commit, yaml, resolve (every request for a file), file (its content only)."""
        self.faults.append(Fault(kind, what, times))

    def recover(self) -> None:
        self.faults.clear()

    def _routes(self) -> list[Route]:
        repo, content = (
            "/api/models/{owner}/{name}",
            "/{owner}/{name}/resolve/{revision}/{path:path}",
        )
        table: list[tuple[str, str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("whoami", "GET", "/api/whoami-v2", self.whoami),
            ("yaml", "POST", "/api/validate-yaml", self.validate_yaml),
            ("create", "POST", "/api/repos/create", self.create),
            ("refs", "GET", repo + "/refs", self.refs),
            ("branch", "POST", repo + "/branch/{branch:path}", self.branch),
            ("preupload", "POST", repo + "/preupload/{revision:path}", self.preupload),
            ("commit", "POST", repo + "/commit/{revision:path}", self.commit),
            ("info", "GET", repo + "/revision/{revision:path}", self.info),
            ("info", "GET", repo, self.info),
            ("info", "GET", "/api/datasets/{owner}/{name}/revision/{revision:path}", self.info),
            ("batch", "POST", "/{owner}/{name}.git/info/lfs/objects/batch", self.batch),
            ("put", "PUT", "/lfs/{oid}", self.put),
            ("resolve", "GET", "/datasets" + content, self.resolve),
            ("resolve", "GET", content, self.resolve),
        ]
        return [
            Route(path, self._served(kind, answer), methods=[method])
            for kind, method, path, answer in table
        ]

    def _served(
        self, kind: str, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            self.requests.append(f"{request.method} {request.url.path}")
            is_content = kind == "resolve" and request.method == "GET"
            fault = self._fault(("file", "resolve") if is_content else (kind,))
            if fault == "stall":
                await asyncio.sleep(3600)
            if fault == "html":
                return HTMLResponse("<html>Log in to the guest network</html>")
            if isinstance(fault, int):
                return refuse(fault, "an injected fault")
            response = await answer(request)
            return spoil(response, fault) if fault else response

        return serve

    def _fault(self, kinds: tuple[str, ...]) -> int | str | None:
        for fault in self.faults:
            if fault.kind in kinds and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault.what
        return None

    def _role(self, request: Request) -> str | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return {self.token: "write", self.read_token: "read"}.get(given)

    def _repo(self, request: Request) -> Repo | None:
        """The repo that a request is about, if the one who asks may know of it."""
        kind = "datasets/" if "datasets" in request.url.path.split("/")[1:3] else ""
        repo = self.repos.get(kind + "{owner}/{name}".format(**request.path_params))
        hidden = repo is not None and repo.private and self._role(request) != "write"
        return None if hidden else repo

    async def whoami(self, request: Request) -> Response:
        role = self._role(request)
        if role is None:
            return refuse(401, "Invalid user token.")
        auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
        return JSONResponse({"type": "user", "name": self.user, "orgs": [], "auth": auth})

    async def validate_yaml(self, request: Request) -> Response:
        wrong = faults_of_card((await request.json())["content"])
        found = [{"message": each} for each in wrong]
        return JSONResponse({"errors": found, "warnings": []}, 400 if found else 200)

    async def create(self, request: Request) -> Response:
        if self._role(request) != "write":
            return refuse(403, "You don't have the rights to create a model.")
        asked = await request.json()
        repo_id = f"{asked.get('organization') or self.user}/{asked['name']}"
        url = f"{self.endpoint}/{repo_id}"
        if repo_id in self.repos:
            return JSONResponse({"error": "You already created this model repo", "url": url}, 409)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.repos[repo_id] = Repo(private=private)
        self.repos[repo_id].commit("refs/heads/main", "initial commit", {}, None)
        return JSONResponse({"url": url, "name": repo_id})

    async def info(self, request: Request) -> Response:
        if (repo := self._repo(request)) is None:
            return refuse(404, "Repository not found", "RepoNotFound")
        commit = repo.resolve(request.path_params.get("revision", "main"))
        if commit is None:
            return refuse(404, "Invalid rev id", "RevisionNotFound")
        siblings = []
        for path, data in sorted(commit.files.items()):
            entry = {"rfilename": path, "size": len(data), "blobId": git_id(data)}
            if path.endswith(LFS_SUFFIXES):
                entry["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
            siblings.append(entry)
        repo_id = "{owner}/{name}".format(**request.path_params)
        return JSONResponse(
            {"id": repo_id, "sha": commit.oid, "private": repo.private, "siblings": siblings}
        )

    async def refs(self, request: Request) -> Response:
        if (repo := self._repo(request)) is None:
            return refuse(404, "Repository not found", "RepoNotFound")
        found: dict[str, list] = {"branches": [], "tags": [], "converts": [], "pullRequests": []}
        for ref, oid in repo.refs.items():
            kind = "branches" if ref.startswith("refs/heads/") else "pullRequests"
            name = ref.removeprefix("refs/heads/")
            found[kind].append({"name": name, "ref": ref, "targetCommit": oid})
        return JSONResponse(found)

    async def branch(self, request: Request) -> Response:
        repo, ref = self._repo(request), f"refs/heads/{request.path_params['branch']}"
        if repo is None or self._role(request) != "write":
            return refuse(403, "Forbidden")
        if ref in repo.refs:
            return refuse(409, "Reference already exists")
        repo.refs[ref] = repo.refs["refs/heads/main"]
        return Response("OK")

    async def preupload(self, request: Request) -> Response:
        repo = self._repo(request)
        commit = repo.resolve(request.path_params["revision"]) if repo else None
        if commit is None:
            return refuse(404, "Invalid rev id", "RevisionNotFound")
        modes = []
        for file in (await request.json())["files"]:
            is_lfs = file["path"].endswith(LFS_SUFFIXES)
            mode = {"path": file["path"], "uploadMode": "lfs" if is_lfs else "regular"}
            if (now := commit.files.get(file["path"])) is not None:
                mode["oid"] = sha256(now) if is_lfs else git_id(now)
            modes.append({**mode, "shouldIgnore": False})
        return JSONResponse({"files": modes})

    async def batch(self, request: Request) -> Response:
        answers = []
        for wanted in (await request.json())["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"], "authenticated": True}
            if wanted["oid"] not in self.lfs:
                answer["actions"] = {"upload": {"href": f"{self.endpoint}/lfs/{wanted['oid']}"}}
            answers.append(answer)
        return JSONResponse({"transfer": "basic", "objects": answers, "hash_algo": "sha256"})

    async def put(self, request: Request) -> Response:
        data = await request.body()
        if sha256(data) != request.path_params["oid"]:
            return refuse(400, "The content does not match its oid")
        self.lfs[sha256(data)] = data
        return Response()

    async def commit(self, request: Request) -> Response:
        repo = self._repo(request)
        head = repo.resolve(request.path_params["revision"]) if repo else None
        if repo is None or head is None or self._role(request) != "write":
            return refuse(403, "Forbidden")
        lines = [json.loads(line) for line in (await request.body()).splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, head.oid):
            return refuse(412, "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines[1:]:
            path = line["value"]["path"]
            if line["key"] == "file":
                files[path] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                files[path] = self.lfs[line["value"]["oid"]]
            else:
                del files[path]
        ref, answer = f"refs/heads/{request.path_params['revision']}", {}
        if "create_pr" in request.query_params:
            number = 1 + sum(name.startswith("refs/pr/") for name in repo.refs)
            ref = f"refs/pr/{number}"
            url = f"{self.endpoint}/{request.path_params['owner']}/{request.path_params['name']}"
            answer["pullRequestUrl"] = f"{url}/discussions/{number}"
        oid = repo.commit(ref, header["summary"], files, head.oid)
        url = f"{self.endpoint}/{request.path_params['owner']}/{request.path_params['name']}"
        return JSONResponse({**answer, "commitOid": oid, "commitUrl": f"{url}/commit/{oid}"})

    async def resolve(self, request: Request) -> Response:
        if (repo := self._repo(request)) is None:
            return refuse(404, "Repository not found", "RepoNotFound")
        if repo.gated and self._role(request) != "write":
            return refuse(403, "Access to this model is restricted", "GatedRepo")
        commit, path = repo.resolve(request.path_params["revision"]), request.path_params["path"]
        if commit is None or path not in commit.files:
            code = "EntryNotFound" if commit else "RevisionNotFound"
            return refuse(404, "Not found", code)
        data = commit.files[path]
        start = int(request.headers.get("range", "bytes=0-")[6:].split("-")[0])
        name = sha256(data) if path.endswith(LFS_SUFFIXES) else git_id(data)
        headers = {
            "X-Repo-Commit": commit.oid,
            "ETag": f'"{name}"',
            "X-Linked-Size": str(len(data)),
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Response(data[start:], 206 if start else 200, headers)


def spoil(response: Response, what: int | str) -> Response:
    """`response`, but something happens to its body on the way."""
    body = bytes(response.body)
    half = len(body) // 2
    if what == "corrupt":
        body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]
    cut_at = {"lost": 0, "cut": half, "stall-body": half}.get(str(what), len(body))

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, cut_at, PIECE):
            yield body[at : min(at + PIECE, cut_at)]
            if what == "slow":
                await asyncio.sleep(1)
        if what == "stall-body":
            await asyncio.sleep(3600)
        if cut_at < len(body):
            raise ConnectionAbortedError("an injected fault")

    return StreamingResponse(pieces(), response.status_code, dict(response.headers))


def flip(path: Path) -> None:
    """Spoil one bit in the middle of a file."""
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.write_bytes(spoilt)
