"""The lock of an environment: exact, deterministic, free of addresses, and enough to build the same environment again."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dcai.pipelines.definitions import installed, locks
from dcai.pipelines.pipeline import load_pipeline, promote
from tests.pipelines.conftest import write


def make_wheel(folder, name, version, source):
    """A wheel as any build tool writes it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        p: base64.urlsafe_b64encode(hashlib.sha256(t.encode()).digest()).decode().rstrip("=") for p, t in files.items()
    }
    record = "".join(f"{p},sha256={d},{len(files[p])}\n" for p, d in digests.items()) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(inner, text)
    return path


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    made = [make_wheel(folder, "left_pad", version, f"V = {version!r}\n") for version in ("1.0", "1.1", "2.0")]
    return [*made, make_wheel(folder, "right_pad", "0.3", "V = 1\n")]


def make_environment(folder):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def install(python, *arguments, wheels):
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*command, "--find-links", str(wheels[0].parent), *map(str, arguments)], check=True, capture_output=True
    )


def describe(python):
    source = Path(installed.__file__).read_text()
    return json.loads(subprocess.run([str(python), "-c", source], capture_output=True, text=True, check=True).stdout)


def test_an_environment_is_built_again_from_its_lock(tmp_path, wheels):
    first = make_environment(tmp_path / "first")
    install(first, "left_pad==1.1", "right_pad", wheels=wheels)
    lock = locks.write_lock(describe(first), {}).lock
    assert re.findall(r"^[^#\s]+", lock, re.MULTILINE) == ["left-pad==1.1", "right-pad==0.3"]
    (tmp_path / "requirements.lock").write_text(lock)
    second = make_environment(tmp_path / "second")
    install(second, "-r", tmp_path / "requirements.lock", wheels=wheels)
    # Python, platform, versions and the content of every package are the same.
    assert locks.write_lock(describe(second), {}).lock == lock
    install(second, "left_pad==2.0", wheels=wheels)
    assert locks.write_lock(describe(second), {}).lock != lock


def test_hashes_that_are_known_are_demanded_again(tmp_path, wheels):
    first = make_environment(tmp_path / "first")
    install(first, wheels[1], wheels=wheels)  # from a file: the installer notes its hash
    digest = hashlib.sha256(wheels[1].read_bytes()).hexdigest()
    lock = tmp_path / "requirements.lock"
    lock.write_text(locks.write_lock(describe(first), {}).lock)
    assert f"left-pad==1.1 --hash=sha256:{digest}  # content" in lock.read_text()
    assert "wheels" not in lock.read_text()
    install(make_environment(tmp_path / "second"), "-r", lock, wheels=wheels)
    make_wheel(wheels[1].parent, "left_pad", "1.1", "V = 'another'\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        install(make_environment(tmp_path / "third"), "-r", lock, wheels=wheels)
    assert b"DO NOT MATCH" in caught.value.stderr


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml"])
def test_hashes_come_from_the_lock_that_a_repository_keeps(tmp_path, name):
    file = '{ hash = "sha256:ab" }' if name == "uv.lock" else '{ hashes = { sha256 = "ab" } }'
    table = "package" if name == "uv.lock" else "packages"
    (tmp_path / name).write_text(
        f'[[{table}]]\nname = "Left_Pad"\nversion = "1.0"\nwheels = [{file}]\nsdist = {file.replace("ab", "cd")}\n'
    )
    found = {"python": "3.11.7", "platform": "p", "packages": [{"name": "left-pad", "version": "1.0", "content": None}]}
    lock = locks.write_lock(found, dict(locks._hashes_in(tmp_path))).lock
    assert lock.splitlines()[-1] == "left-pad==1.0 --hash=sha256:ab --hash=sha256:cd"
    found["packages"].append({"name": "other", "version": "1", "content": None})  # installers demand all hashes or none
    assert "--hash" not in locks.write_lock(found, dict(locks._hashes_in(tmp_path))).lock


def test_what_no_index_has_is_named_and_no_secret_or_instruction_gets_in():
    commit = "a" * 40
    packages = [
        {"name": "mine", "version": "1", "content": None, "folder": True},
        {"name": "tool", "version": "1", "content": None, "vcs": f"git+https://ada:hush@example.org/t.git@{commit}"},
        {"name": "odd", "version": "1", "content": None, "vcs": "git+https://example.org/t.git@main --index-url x"},
        {"name": "evil\n--index-url http", "version": "1", "content": None},
        {"name": "fine", "version": "1+local.2", "content": None},
    ]
    made = locks.write_lock({"python": "3.11.7", "platform": "p", "packages": packages}, {})
    lines = made.lock.splitlines()
    assert lines[1:3] == ["# python: 3.11.7", "# platform: p"]
    assert lines[4:] == [
        "# mine==1 was installed from a folder: install it by hand",
        f"tool @ git+https://example.org/t.git@{commit}",
        "# odd==1 came from version control: install it by hand",
        "fine==1+local.2",
    ]
    assert made.notes == ["mine is installed from a folder, so the lock cannot rebuild it: install it by hand."]


def test_promotion_writes_the_lock_of_this_kernel_and_the_same_again(repo):
    write(repo / "train.ipynb", "rate = 1", "print(rate)")
    made = promote("train.ipynb", commit=True, check=False)
    lock = made.folder / "requirements.lock"
    import papermill

    assert f"papermill=={papermill.__version__}" in lock.read_text()
    assert "://" not in re.sub(r"git\+\S+", "", lock.read_text())
    assert made.environment == {
        "python": "{}.{}.{}".format(*sys.version_info),
        **made.environment,
        "lock": "requirements.lock",
    }
    assert promote("train.ipynb", commit=True, check=False).promotion.commit is None


def test_the_lock_follows_the_installation_and_hand_edits_stay(repo, monkeypatch):
    write(repo / "train.ipynb", "rate = 1", "print(rate)")
    made = promote("train.ipynb", check=False)
    manifest, lock = made.folder / "pipeline.yaml", made.folder / "requirements.lock"
    found = {"python": "3.99.1", "platform": "other", "packages": [{"name": "a", "version": "2", "content": None}]}
    monkeypatch.setattr(locks, "_describe", lambda kernel: found)
    assert promote("train.ipynb", check=False).environment == {
        "python": "3.99.1",
        "platform": "other",
        "lock": "requirements.lock",
    }
    assert lock.read_text().splitlines()[-1] == "a==2"
    manifest.write_text(manifest.read_text().replace("python: 3.99.1", "python: '>=3.11'  # any"))
    found["python"] = "3.99.2"
    assert promote("train.ipynb", check=False).environment["python"] == ">=3.11"
    assert "# any" in manifest.read_text()
    manifest.write_text(
        manifest.read_text().replace("lock: requirements.lock", "lock: ../../uv.lock".replace("../../", ""))
    )
    lock.unlink()
    again = promote("train.ipynb", check=False)
    assert (again.environment["lock"], lock.exists()) == ("uv.lock", False)
    manifest.write_text(manifest.read_text().partition("environment:")[0])
    assert load_pipeline("train").environment == {}


def test_a_kernel_without_an_environment_of_python_is_told(repo, monkeypatch):
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    said = {}
    for name, spec in {
        "shell": KernelSpec(argv=["bash"], language="bash"),
        "gone": KernelSpec(argv=["/absent/python", "-m", "x"], language="python"),
        "odd": KernelSpec(argv=["echo", "x"], language="python"),
    }.items():
        monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, kernel, spec=spec: spec)
        said[name] = locks.find_environment(name, repo)
        assert (said[name].lock, said[name].facts) == ("", {})
    monkeypatch.undo()
    assert said["shell"].notes == ["The environment is not locked: the kernel 'shell' is no Python."]
    assert said["gone"].notes[0].startswith("The environment is not locked: [Errno 2] No such file")
    assert said["odd"].notes[0].startswith("The environment is not locked: Expecting value")
    assert locks.find_environment("nobody", repo).notes == [
        "The environment is not locked: there is no kernel 'nobody' here."
    ]


def test_a_kernel_in_another_environment_is_asked_itself(tmp_path, wheels, monkeypatch):
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    python = make_environment(tmp_path / "other")
    install(python, "right_pad", wheels=wheels)
    spec = KernelSpec(argv=[str(python), "-m", "ipykernel"], language="python")
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, kernel: spec)
    assert re.findall(r"^[^#\s]+", locks.find_environment("other", tmp_path).lock, re.MULTILINE) == ["right-pad==0.3"]
