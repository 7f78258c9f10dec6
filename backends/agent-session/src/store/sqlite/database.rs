//! The files in a data directory: who has it, opening it, and what becomes of a database that can't be read.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use crate::error::ServerError;
use crate::store::fingerprint::FingerprintKey;

/// The database.
const FILE: &str = "traces.db";
/// What SQLite keeps beside it.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// Locked as long as a server has the directory.
const LOCK: &str = "server.lock";
/// The form of the tables below.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY,
        arrived INTEGER NOT NULL,
        first_turn INTEGER NOT NULL,
        spans INTEGER NOT NULL,
        cost INTEGER NOT NULL
    );
    CREATE TABLE requests (id INTEGER PRIMARY KEY, request BLOB NOT NULL);
    CREATE TABLE traces (
        turn INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        session TEXT,
        first_batch INTEGER NOT NULL,
        spans INTEGER NOT NULL,
        omitted_spans INTEGER NOT NULL,
        facts TEXT NOT NULL,
        chunks BLOB NOT NULL
    );
    CREATE UNIQUE INDEX traces_by_id ON traces (id);
    CREATE INDEX traces_by_session ON traces (session) WHERE session IS NOT NULL;
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        key_0 INTEGER NOT NULL,
        key_1 INTEGER NOT NULL,
        first_unsaved INTEGER NOT NULL,
        next_batch INTEGER NOT NULL,
        next_turn INTEGER NOT NULL,
        evicted_traces INTEGER NOT NULL,
        evicted_spans INTEGER NOT NULL
    );
";

/// The directory, as long as this lives.
#[derive(Debug)]
pub(super) struct Claim(#[expect(dead_code, reason = "held for its lock")] Connection);

/// Takes `directory`, which is made if need be.
pub(super) fn claim(directory: &Path) -> Result<Claim, ServerError> {
    let failed = |what: String| ServerError::Data { path: directory.to_owned(), what };
    make(directory).map_err(|error| failed(error.to_string()))?;
    // A lock of SQLite's own is the one kind that works on every system and ends with the process, whatever ends it.
    let take = || {
        let lock = Connection::open(directory.join(LOCK))?;
        lock.busy_timeout(Duration::ZERO)?;
        lock.execute_batch("BEGIN EXCLUSIVE")?;
        Ok(lock)
    };
    match take() {
        Ok(lock) => Ok(Claim(lock)),
        Err(error) if is_busy(&error) => Err(ServerError::DataInUse { path: directory.to_owned() }),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // Prompts are nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Opens the database for its writer. One that can't be read is moved aside, with a warning, and another one begun.
pub(super) fn open(directory: &Path) -> Result<Connection, ServerError> {
    let path = directory.join(FILE);
    let failed = |what: String| ServerError::Data { path: path.clone(), what };
    match open_file(&path) {
        Ok(connection) => check_version(connection).map_err(failed),
        Err(error) if is_corrupt(&error) => begin_anew(directory),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Moves a database that can't be read aside and begins another one.
pub(super) fn begin_anew(directory: &Path) -> Result<Connection, ServerError> {
    let path = directory.join(FILE);
    let failed = |what: String| ServerError::Data { path: path.clone(), what };
    let aside = move_aside(&path).map_err(|error| failed(error.to_string()))?;
    tracing::warn!(
        path = %path.display(), moved_to = %aside.display(),
        "the stored traces can't be read; the trace server begins with none"
    );
    open_file(&path).map_err(|error| failed(error.to_string()))
}

/// Opens the database for a reader.
pub(super) fn open_reader(directory: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(directory.join(FILE), flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    Ok(connection)
}

fn open_file(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // Requests are large; only before the first table is made does this do anything.
    connection.pragma_update(None, "page_size", 16_384)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What a killed process wrote is there; after the machine's end, all but the last moments are.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -24_000)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(32);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        create(&connection)?;
    }
    // Touches every table's root, so that what is damaged there is found now.
    connection.query_row(
        "SELECT (SELECT count(*) FROM state), (SELECT max(id) FROM batches), (SELECT max(id) FROM requests),
         (SELECT max(turn) FROM traces), (SELECT max(id) FROM traces), (SELECT key_0 FROM state)",
        [],
        |row| row.get::<_, i64>(5),
    )?;
    Ok(connection)
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    let FingerprintKey([first, second]) = FingerprintKey::random();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(TABLES)?;
    connection.execute(
        "INSERT INTO state VALUES (1, ?1, ?2, 1, 1, 1, 0, 0)",
        params![first as i64, second as i64],
    )?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")
}

fn check_version(connection: Connection) -> Result<Connection, String> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| error.to_string())?;
    if version == VERSION {
        Ok(connection)
    } else {
        Err(format!(
            "it was made by another version (its form is {version}, this one reads {VERSION}); choose another directory"
        ))
    }
}

/// Keeps what may be of use to somebody, under another name.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let beside = |path: &Path, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let aside = beside(path, &format!(".unreadable-{now}"));
    std::fs::rename(path, &aside)?;
    for end in BESIDE {
        match std::fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether a database will never be read again. A table that is missing means the same as one that is damaged.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::QueryReturnedNoRows | rusqlite::Error::InvalidColumnType(..) => true,
        error => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        ),
    }
}
