"""Data and models on S3, by the commands of docs/training.md, against a server that speaks S3."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from dvc.cli import main

from agent.local_line import free_port
from tests.conftest import ROOT
from tests.waiting import wait_until

BUCKET = "tiles"
KEYS = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
PIPELINE = """
stages:
  train:
    cmd: mkdir -p data/raw checkpoints && echo photo >data/raw/photo.jpg && echo weights >checkpoints/model.ckpt
    outs: [data/raw, checkpoints/model.ckpt]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL; it has one bucket."""
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "log"
    serve = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as sink:
        process = subprocess.Popen(serve, stdout=sink, stderr=sink)
    try:
        wait_until(lambda: answers(url) or process.poll() is not None, "the S3 server answers", log.read_text)
        own = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **own).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose pipeline has run, and the place where we are."""
    monkeypatch.chdir(tmp_path)
    for name, value in (KEYS | {"DVC_NO_ANALYTICS": "1", "AWS_EC2_METADATA_DISABLED": "true"}).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    dvc("init --no-scm --quiet")
    dvc("repro --quiet")
    return tmp_path


def dvc(command: str) -> None:
    """As at the command line, but in this process, that imports it once."""
    assert main(command.split()) == 0, command


def refused(command: str) -> str:
    """What it says of it."""
    done = subprocess.run([sys.executable, "-m", "dvc", command], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


def connect(server: str, bucket: str = BUCKET) -> None:
    dvc(f"remote add -d storage s3://{bucket}/linegate")
    dvc(f"remote modify storage endpointurl {server}")


def test_what_is_pushed_comes_back_to_an_empty_place(server: str, project: Path) -> None:
    connect(server)
    dvc("push --quiet")
    for lost in (".dvc/cache", "data", "checkpoints"):
        shutil.rmtree(project / lost)
    dvc("pull --quiet")
    assert (project / "data/raw/photo.jpg").read_text() == "photo\n"
    assert (project / "checkpoints/model.ckpt").read_text() == "weights\n"


def test_a_bucket_that_is_not_there_is_told(server: str, project: Path) -> None:
    connect(server, "nowhere")
    assert "The specified bucket does not exist" in refused("push")


def test_without_keys_it_says_so(server: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(project))
    connect(server)
    assert "Unable to locate credentials" in refused("push")


def test_keys_stay_out_of_what_git_holds(project: Path) -> None:
    connect("http://127.0.0.1:1")
    dvc("remote modify --local storage secret_access_key hush")
    assert "hush" not in (project / ".dvc/config").read_text()
    assert "/config.local" in (ROOT / ".dvc/.gitignore").read_text().splitlines()
