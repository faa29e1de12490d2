"""What readings refer to exists and belongs together: kept for whole statements, as foreign keys would row by row."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Thread

import psycopg
import pytest

from database.scratch import Database, scratch_database
from tests.soak import rounds

MONTH, NEXT_MONTH = "meter_reading_2031_03", "meter_reading_2031_04"
COLUMNS = "(organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh)"
WORLD = """
    SET CONSTRAINTS ALL IMMEDIATE;
    INSERT INTO organization (id, name) VALUES (1, 'Sun Ltd'), (2, 'Wind Ltd');
    INSERT INTO project (id, organization_id, name) VALUES (11, 1, 'Field'), (12, 1, 'Roof'), (21, 2, 'Hill');
    INSERT INTO meter_type (id, code, name) VALUES (1, 'REVENUE', 'revenue');
    INSERT INTO meter (id, project_id, meter_type_id) VALUES (111, 11, 1), (121, 12, 1), (211, 21, 1), (999, 11, 1);
    SELECT create_meter_reading_partition('2031-03-01'), create_meter_reading_partition('2031-04-01');
"""


@dataclass(frozen=True)
class Reading:
    """A reading of a quarter of an hour in March 2031, which by itself refers to what exists."""

    organization: int = 1
    project: int = 11
    meter: int = 111
    quarter: int = 0

    @property
    def values(self) -> str:
        return (
            f"({self.organization}, {self.project}, {self.meter}, 'manual',"
            f" timestamptz '2031-03-01 00:00+00' + {self.quarter} * interval '15 minutes', 1000)"
        )


SOUND = Reading()
# What no foreign key of a single column would catch is refused too: the last three.
STRANGERS = {
    "an unknown organization": replace(SOUND, organization=3),
    "an unknown project": replace(SOUND, project=13),
    "an unknown meter": replace(SOUND, meter=131),
    "another project than its meter's": replace(SOUND, project=12),
    "another organization than its project's": replace(SOUND, organization=2),
    "a meter of another organization": replace(SOUND, meter=211),
}


def insert(session: psycopg.Connection, *readings: Reading, into: str = "meter_reading", on_conflict: str = "") -> None:
    values = ", ".join(reading.values for reading in readings)
    session.execute(f"INSERT INTO {into} {COLUMNS} VALUES {values} {on_conflict}".encode())


def insert_into_partition(session: psycopg.Connection, *readings: Reading) -> None:
    insert(session, *readings, into=MONTH)


def insert_or_ignore(session: psycopg.Connection, *readings: Reading) -> None:
    insert(session, *readings, on_conflict="ON CONFLICT DO NOTHING")


def insert_or_replace(session: psycopg.Connection, *readings: Reading) -> None:
    key = "ON CONFLICT (meter_id, reading_timestamp) DO UPDATE"
    assignments = "organization_id = excluded.organization_id, project_id = excluded.project_id"
    insert(session, *readings, on_conflict=f"{key} SET {assignments}")


def replace_what_is_there(session: psycopg.Connection, *readings: Reading) -> None:
    """The stored row takes over the ids of each reading."""
    for reading in readings:
        insert(session, replace(SOUND, quarter=reading.quarter))
        key = "ON CONFLICT (meter_id, reading_timestamp) DO UPDATE SET"
        ids = f"organization_id = {reading.organization}, project_id = {reading.project}, meter_id = {reading.meter}"
        insert(session, replace(SOUND, quarter=reading.quarter), on_conflict=f"{key} {ids}")


def copy(session: psycopg.Connection, *readings: Reading, into: str = "meter_reading") -> None:
    with session.cursor().copy(f"COPY {into} {COLUMNS} FROM STDIN".encode()) as target:
        for reading in readings:
            moment = f"2031-03-{1 + reading.quarter // 96:02} {reading.quarter % 96 // 4:02}:00+00"
            target.write_row((reading.organization, reading.project, reading.meter, "manual", moment, 1000))


def copy_into_partition(session: psycopg.Connection, *readings: Reading) -> None:
    copy(session, *readings, into=MONTH)


def update(session: psycopg.Connection, *readings: Reading, table: str = "meter_reading") -> None:
    for reading in readings:
        insert(session, replace(SOUND, quarter=reading.quarter))
        moment = f"timestamptz '2031-03-01 00:00+00' + {reading.quarter} * interval '15 minutes'"
        ids = f"organization_id = {reading.organization}, project_id = {reading.project}, meter_id = {reading.meter}"
        session.execute(
            f"UPDATE {table} SET {ids} WHERE meter_id = {SOUND.meter} AND reading_timestamp = {moment}".encode()
        )


def update_partition(session: psycopg.Connection, *readings: Reading) -> None:
    update(session, *readings, table=MONTH)


def move_to_another_month(session: psycopg.Connection, *readings: Reading) -> None:
    for reading in readings:
        insert(session, replace(SOUND, quarter=reading.quarter))
        ids = f"organization_id = {reading.organization}, project_id = {reading.project}, meter_id = {reading.meter}"
        session.execute(
            f"UPDATE meter_reading SET reading_timestamp = reading_timestamp + interval '31 days', {ids}"
            f" WHERE meter_id = {SOUND.meter}".encode()
        )


def merge(session: psycopg.Connection, *readings: Reading) -> None:
    values = ", ".join(reading.values for reading in readings)
    session.execute(
        f"MERGE INTO meter_reading AS stored USING (VALUES {values}) AS given {COLUMNS}"
        " ON stored.meter_id = given.meter_id AND stored.reading_timestamp = given.reading_timestamp"
        f" WHEN NOT MATCHED THEN INSERT {COLUMNS} VALUES (given.organization_id, given.project_id, given.meter_id,"
        " given.source_system, given.reading_timestamp, given.energy_wh)".encode()
    )


WAYS: list[Callable[..., None]] = [
    *(insert, insert_into_partition, insert_or_ignore, insert_or_replace, replace_what_is_there),
    *(copy, copy_into_partition, update, update_partition, move_to_another_month, merge),
]


@pytest.fixture
def plants(session: psycopg.Connection) -> psycopg.Connection:
    """A session in which two organizations have projects and meters, and there are partitions for two months."""
    session.execute(WORLD)
    return session


def orphans(session: psycopg.Connection) -> int:
    """The number of readings whose ids do not belong together."""
    row = session.execute(
        "SELECT count(*) FROM meter_reading AS reading WHERE NOT EXISTS (SELECT FROM meter"
        " JOIN project ON project.id = project_id WHERE meter.id = reading.meter_id"
        " AND project.id = reading.project_id AND project.organization_id = reading.organization_id)"
    ).fetchone()
    assert row is not None
    return int(row[0])


# --- what is written


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("write", WAYS, ids=lambda way: way.__name__)
def test_a_reading_that_refers_to_a_stranger_is_refused_however_it_is_written(
    plants: psycopg.Connection, write: Callable[..., None], stranger: Reading
) -> None:
    said = f"organization {stranger.organization}, project {stranger.project}, meter {stranger.meter}\n"
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=said), plants.transaction():
        write(plants, stranger)
    assert plants.execute("SELECT count(*) FROM meter_reading").fetchone() == (0,)


@pytest.mark.parametrize("write", WAYS, ids=lambda way: way.__name__)
def test_a_reading_that_refers_to_what_belongs_together_is_written(
    plants: psycopg.Connection, write: Callable[..., None]
) -> None:
    write(plants, SOUND)
    assert (plants.execute("SELECT count(*) FROM meter_reading").fetchone(), orphans(plants)) == ((1,), 0)


@pytest.mark.parametrize("write", [insert, copy, merge], ids=lambda way: way.__name__)
def test_one_stranger_among_many_readings_keeps_all_of_them_out(
    plants: psycopg.Connection, write: Callable[..., None]
) -> None:
    readings = [replace(SOUND, quarter=quarter * 4) for quarter in range(50)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation), plants.transaction():
        write(plants, *readings, replace(SOUND, quarter=200, meter=131))
    assert plants.execute("SELECT count(*) FROM meter_reading").fetchone() == (0,)


def test_a_refusal_names_table_trigger_and_the_first_ten_strangers(plants: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused, plants.transaction():
        insert(plants, *(replace(SOUND, meter=1000 + number) for number in range(30)))
    said = refused.value.diag
    assert (said.schema_name, said.table_name) == ("public", "meter_reading")
    assert said.constraint_name == "meter_reading_insert_references"
    assert said.message_primary is not None
    assert said.message_primary.count("meter 10") == 10
    assert said.message_hint == "A reading names a meter, the project of the meter and the organization of the project."


def test_readings_of_two_organizations_are_written_by_one_statement(plants: psycopg.Connection) -> None:
    insert(plants, SOUND, Reading(1, 12, 121), Reading(2, 21, 211))
    assert orphans(plants) == 0


def test_a_partition_that_is_made_later_checks_too(plants: psycopg.Connection) -> None:
    plants.execute("SELECT create_meter_reading_partition('2040-01-01')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        plants.execute(f"INSERT INTO meter_reading_2040_01 {COLUMNS} VALUES (1, 11, 131, 'manual', '2040-01-05Z', 1)")


def test_a_partition_that_was_detached_checks_still(plants: psycopg.Connection) -> None:
    plants.execute(f"ALTER TABLE meter_reading DETACH PARTITION {MONTH}")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), plants.transaction():
        insert_into_partition(plants, replace(SOUND, meter=131))
    insert_into_partition(plants, SOUND)


def test_every_partition_has_the_triggers_of_its_parent(plants: psycopg.Connection) -> None:
    found = plants.execute(
        "SELECT relid::regclass::text, array_agg(tgname::text ORDER BY tgname)"
        " FROM pg_partition_tree('meter_reading') LEFT JOIN pg_trigger ON tgrelid = relid AND NOT tgisinternal"
        " GROUP BY relid"
    ).fetchall()
    assert len(found) >= 7
    assert {tuple(triggers) for _, triggers in found} == {
        ("meter_reading_insert_references", "meter_reading_update_references")
    }


def test_who_writes_readings_need_not_be_allowed_to_read_meters(plants: psycopg.Connection) -> None:
    plants.execute(
        "GRANT INSERT ON meter_reading TO service_role; GRANT USAGE ON SEQUENCE meter_reading_id_seq TO service_role;"
        "SET LOCAL ROLE service_role"
    )
    insert(plants, SOUND)
    with pytest.raises(psycopg.errors.ForeignKeyViolation), plants.transaction():
        insert(plants, replace(SOUND, meter=131))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), plants.transaction():
        plants.execute("SELECT FROM meter")


def test_a_temporary_table_called_meter_deceives_nobody(plants: psycopg.Connection) -> None:
    plants.execute("CREATE TEMPORARY TABLE meter AS SELECT 131 AS id, 11 AS project_id")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(plants, replace(SOUND, meter=131))


# --- what is referred to


HELD = "there are readings or aggregates, and the meters they refer to may not be truncated"
GUARDED = {
    "DELETE FROM meter WHERE id = 111": "meter 111 has readings and may not be deleted",
    "UPDATE meter SET id = 112 WHERE id = 111": "meter 111 has readings and may not be renumbered or moved",
    "UPDATE meter SET project_id = 12 WHERE id = 111": "meter 111 has readings and may not be renumbered or moved",
    "UPDATE project SET organization_id = 2 WHERE id = 11": "project 11 has readings and may not be moved",
    "TRUNCATE meter CASCADE": HELD,
    "TRUNCATE organization CASCADE": HELD,
}


@pytest.mark.parametrize("deed, said", GUARDED.items(), ids=GUARDED)
def test_what_readings_refer_to_stays(plants: psycopg.Connection, deed: str, said: str) -> None:
    insert(plants, SOUND)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=said), plants.transaction():
        plants.execute(deed.encode())
    assert orphans(plants) == 0


@pytest.mark.parametrize("deed", GUARDED)
def test_what_no_reading_refers_to_may_go_and_move(plants: psycopg.Connection, deed: str) -> None:
    insert(plants, SOUND)
    plants.execute("DELETE FROM meter_reading")
    plants.execute(deed.encode())


def test_everything_else_of_a_meter_and_a_project_may_change(plants: psycopg.Connection) -> None:
    insert(plants, SOUND)
    plants.execute("UPDATE meter SET model = 'AM-9000', project_id = project_id")
    plants.execute("UPDATE project SET name = name || ' 2', organization_id = organization_id")
    plants.execute("DELETE FROM meter WHERE id = 999")


def test_a_project_organization_and_their_numbers_stay_while_there_are_meters(plants: psycopg.Connection) -> None:
    insert(plants, SOUND)
    for deed in (
        "DELETE FROM project WHERE id = 11",
        "UPDATE project SET id = 15 WHERE id = 11",
        "DELETE FROM organization WHERE id = 1",
        "UPDATE organization SET id = 5 WHERE id = 1",
    ):
        with pytest.raises(psycopg.errors.ForeignKeyViolation), plants.transaction():
            plants.execute(deed.encode())


def test_meters_are_truncated_together_with_their_readings(plants: psycopg.Connection) -> None:
    insert(plants, SOUND)
    plants.execute("TRUNCATE meter, meter_reading CASCADE")
    assert plants.execute("SELECT count(*) FROM meter").fetchone() == (0,)


# --- two at a time


@pytest.fixture(scope="module")
def shared_plants(server: Database, from_files: Database) -> Iterator[Database]:
    """A database with the same plants, for several sessions."""
    with scratch_database(server, from_files.name) as database:
        with database.connect() as session:
            session.execute(WORLD)
        yield database


@pytest.fixture
def sessions(shared_plants: Database) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    with shared_plants.connect() as one, shared_plants.connect() as other:
        yield one, other
        for session in (one, other):
            session.execute("ROLLBACK")
        one.execute("DELETE FROM meter_reading; UPDATE meter SET project_id = 11 WHERE id = 999")
        one.execute("INSERT INTO meter (id, project_id, meter_type_id) VALUES (999, 11, 1) ON CONFLICT DO NOTHING")
        one.execute("UPDATE project SET organization_id = 1 WHERE id = 11")


LONELY = Reading(meter=999)
TAKEN_AWAY = {
    "DELETE FROM meter WHERE id = 999": "deleted",
    "UPDATE meter SET project_id = 12 WHERE id = 999": "moved",
    "UPDATE project SET organization_id = 2 WHERE id = 11": "moved to another organization",
}


@contextmanager
def waiting(session: psycopg.Connection, watcher: Database, work: Callable[[], object]) -> Iterator[list[object]]:
    """Runs the work beside what is done within, which begins when the work waits for a lock.

    Gives a list that holds, at the end, what the work raised.
    """
    raised: list[object] = []

    def run() -> None:
        try:
            work()
        except psycopg.Error as error:
            raised.append(type(error))

    thread = Thread(target=run)
    thread.start()
    with watcher.connect() as looking:
        deadline = time.monotonic() + 20
        while looking.execute(
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid]
        ).fetchone() != (True,):
            assert thread.is_alive(), "the work did not wait"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    yield raised
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.mark.parametrize("deed", TAKEN_AWAY)
def test_who_takes_away_waits_for_readings_that_are_not_committed_and_is_refused(
    shared_plants: Database, sessions: tuple[psycopg.Connection, psycopg.Connection], deed: str
) -> None:
    writer, remover = sessions
    writer.execute("BEGIN")
    insert(writer, LONELY)
    with waiting(remover, shared_plants, lambda: remover.execute(deed.encode())) as raised:
        writer.execute("COMMIT")
    assert raised == [psycopg.errors.ForeignKeyViolation]
    assert orphans(writer) == 0


@pytest.mark.parametrize("deed", TAKEN_AWAY)
def test_who_takes_away_may_do_so_once_the_readings_were_rolled_back(
    shared_plants: Database, sessions: tuple[psycopg.Connection, psycopg.Connection], deed: str
) -> None:
    writer, remover = sessions
    writer.execute("BEGIN")
    insert(writer, LONELY)
    with waiting(remover, shared_plants, lambda: remover.execute(deed.encode())) as raised:
        writer.execute("ROLLBACK")
    assert raised == []


@pytest.mark.parametrize("deed", TAKEN_AWAY)
def test_readings_wait_for_who_takes_away_and_are_refused(
    shared_plants: Database, sessions: tuple[psycopg.Connection, psycopg.Connection], deed: str
) -> None:
    writer, remover = sessions
    remover.execute("BEGIN")
    remover.execute(deed.encode())
    with waiting(writer, shared_plants, lambda: insert(writer, LONELY)) as raised:
        remover.execute("COMMIT")
    assert raised == [psycopg.errors.ForeignKeyViolation]
    assert orphans(remover) == 0


@pytest.mark.parametrize("deed", TAKEN_AWAY)
def test_readings_are_written_once_nothing_was_taken_away(
    shared_plants: Database, sessions: tuple[psycopg.Connection, psycopg.Connection], deed: str
) -> None:
    writer, remover = sessions
    remover.execute("BEGIN")
    remover.execute(deed.encode())
    with waiting(writer, shared_plants, lambda: insert(writer, LONELY)) as raised:
        remover.execute("ROLLBACK")
    assert raised == []
    assert writer.execute("SELECT count(*) FROM meter_reading").fetchone() == (1,)


def test_two_files_of_one_meter_do_not_wait_for_each_other(
    sessions: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    one, other = sessions
    one.execute("BEGIN")
    insert(one, SOUND)
    other.execute("BEGIN; SET LOCAL lock_timeout = '100ms'")
    insert(other, replace(SOUND, quarter=1))
    one.execute("COMMIT")
    other.execute("COMMIT")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("deed", TAKEN_AWAY)
def test_nothing_is_taken_away_in_a_transaction_that_cannot_see_the_newest_readings(
    sessions: tuple[psycopg.Connection, psycopg.Connection], deed: str, level: str
) -> None:
    writer, remover = sessions
    remover.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
    remover.execute("SELECT count(*) FROM meter_reading")
    insert(writer, LONELY)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="Do it in READ COMMITTED"):
        remover.execute(deed.encode())


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_readings_of_an_old_snapshot_find_out_that_their_meter_is_gone(
    sessions: tuple[psycopg.Connection, psycopg.Connection], level: str
) -> None:
    writer, remover = sessions
    writer.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
    writer.execute("SELECT count(*) FROM meter")
    remover.execute("DELETE FROM meter WHERE id = 999")
    with pytest.raises(psycopg.errors.SerializationFailure):
        insert(writer, LONELY)


@pytest.mark.soak
def test_however_writers_and_removers_mix_no_reading_is_left_alone(shared_plants: Database) -> None:
    """Two write, one deletes and makes meters anew, one moves them; each sees refusals, and no orphan is left."""
    repeats = rounds(2000, 150)
    refusals = [0, 0, 0, 0]
    with shared_plants.connect() as session:
        session.execute("DELETE FROM meter_reading")
        session.execute(
            "INSERT INTO meter (id, project_id, meter_type_id) SELECT 5000 + n, 11, 1 FROM generate_series(0, 3) AS n"
        )

    def write_one(session: psycopg.Connection, meter: int, turn: int) -> None:
        insert(session, Reading(1, 11 + turn % 2, meter, turn))

    def write_all(session: psycopg.Connection, meter: int, turn: int) -> None:
        insert_or_replace(session, *(Reading(1, 11, 5000 + other, turn) for other in range(4)))

    def make_anew(session: psycopg.Connection, meter: int, turn: int) -> None:
        session.execute(
            f"DELETE FROM meter WHERE id = {meter}; INSERT INTO meter (id, project_id, meter_type_id)"
            f" VALUES ({meter}, 11, 1) ON CONFLICT DO NOTHING".encode()
        )

    def move(session: psycopg.Connection, meter: int, turn: int) -> None:
        session.execute(
            f"DELETE FROM meter_reading WHERE meter_id = {meter};"
            f" UPDATE meter SET project_id = {11 + turn % 2} WHERE id = {meter}".encode()
        )

    def work(number: int, deed: Callable[[psycopg.Connection, int, int], None]) -> None:
        chance = random.Random(number)
        with shared_plants.connect() as session:
            for turn in range(repeats):
                try:
                    deed(session, 5000 + chance.randrange(4), turn)
                except (psycopg.errors.IntegrityError, psycopg.errors.DeadlockDetected):
                    refusals[number] += 1

    threads = [Thread(target=work, args=at) for at in enumerate((write_one, write_all, make_anew, move))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads)
    with shared_plants.connect() as session:
        assert orphans(session) == 0
        session.execute("DELETE FROM meter_reading; DELETE FROM meter WHERE id >= 5000")
    assert all(refusals[:3]), refusals


# --- aggregates


def aggregate(session: psycopg.Connection, *, organization: int = 1, meter: int = 111) -> None:
    session.execute(
        "INSERT INTO meter_aggregate (organization_id, meter_id, period_type, period_start, period_end)"
        " VALUES (%s, %s, 'daily', '2031-03-01 00:00+00', '2031-03-02 00:00+00')",
        [organization, meter],
    )


@pytest.mark.parametrize("named", [{"meter": 131}, {"organization": 3}, {"organization": 2}, {"meter": 211}], ids=str)
def test_an_aggregate_of_what_does_not_exist_or_belong_together_is_refused(
    plants: psycopg.Connection, named: dict[str, int]
) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="aggregates refer to"), plants.transaction():
        aggregate(plants, **named)
    aggregate(plants)
    changed = ", ".join(f"{column}_id = {number}" for column, number in named.items())
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="aggregates refer to"), plants.transaction():
        plants.execute(f"UPDATE meter_aggregate SET {changed}".encode())


@pytest.mark.parametrize("deed, said", GUARDED.items(), ids=GUARDED)
def test_what_aggregates_refer_to_stays_where_the_readings_are_gone(
    plants: psycopg.Connection, deed: str, said: str
) -> None:
    aggregate(plants)
    said = said.replace("has readings", "has aggregates")
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=said), plants.transaction():
        plants.execute(deed.encode())
