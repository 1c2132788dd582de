//! A file system for SQLite that passes on to the usual one and tells a [`Disk`] of everything.
//!
//! Once installed it is this process's default: the product opens its databases as ever, and those in
//! the folder of a disk go through here. Locks, the index of a write-ahead log and the bytes themselves
//! stay with the usual file system; what would last after a loss of power is kept by the disk.
//!
//! This is the only module with `unsafe`: SQLite's interface is C.
#![allow(
    unsafe_code,
    reason = "SQLite calls a file system through C structures, and is given one"
)]
#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread::{self, ThreadId},
};

use rusqlite::ffi::{
    self, SQLITE_CANTOPEN, SQLITE_FCNTL_PDB, SQLITE_IOERR, SQLITE_OK, SQLITE_OPEN_CREATE,
    SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_SUPER_JOURNAL, SQLITE_OPEN_WAL, sqlite3, sqlite3_file,
    sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
};

use crate::disk::{Disk, Failure, Operation};

/// A file of a disk, as SQLite allocates it: the usual file system's own structure follows in the same
/// allocation.
#[repr(C)]
struct File {
    base: sqlite3_file,
    handle: *mut Handle,
}

/// What is known of an open file.
struct Handle {
    disk: Arc<Disk>,
    inode: usize,
    path: PathBuf,
}

/// The usual file system. It lives as long as the process.
struct Usual(*mut sqlite3_vfs);
// SAFETY: SQLite's own file systems are made to be called from any thread, and nothing here writes to
// the structure.
unsafe impl Send for Usual {}
// SAFETY: as above.
unsafe impl Sync for Usual {}

static USUAL: OnceLock<Usual> = OnceLock::new();
/// The threads on which SQLite has used a file of a disk.
static THREADS: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());
static DISKS: Mutex<Vec<Weak<Disk>>> = Mutex::new(Vec::new());
/// The open databases: the address of the [`File`], and of SQLite's pointer to the connection.
static DATABASES: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Makes this the file system of every database that the process opens from now on. Doing it again
/// changes nothing.
///
/// # Panics
/// If SQLite does not take it.
pub fn install() {
    USUAL.get_or_init(|| {
        // SAFETY: a null name asks for the default, which the bundled SQLite always has.
        let usual = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!usual.is_null(), "SQLite has a file system");
        // SAFETY: it was checked not to be null, and SQLite keeps it for as long as the process lives.
        let copy = unsafe { *usual };
        let own = sqlite3_vfs {
            szOsFile: size_of::<File>() as c_int + copy.szOsFile,
            pNext: ptr::null_mut(),
            zName: c"nghisu-disk".as_ptr(),
            xOpen: Some(open),
            xDelete: Some(delete),
            // What is not replaced looks at `pAppData` and `mxPathname` alone, which are the same.
            ..copy
        };
        let own = Box::leak(Box::new(own));
        // SAFETY: the structure is leaked, so it outlives every connection.
        let registered = unsafe { ffi::sqlite3_vfs_register(own, 1) };
        assert_eq!(registered, SQLITE_OK, "SQLite takes a file system");
        Usual(usual)
    });
}

/// Takes a disk into account from now on, until nobody holds it any more.
pub(crate) fn mount(disk: &Arc<Disk>) {
    let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.retain(|disk| disk.strong_count() > 0);
    disks.push(Arc::downgrade(disk));
}

/// Runs a statement on every connection that `owner` has to a database on `disk`. That nobody uses
/// those connections meanwhile follows from the exclusive reference: whoever works on them for
/// `owner` does so only during a call of it.
///
/// # Panics
/// If SQLite refuses it.
pub fn execute_for<T>(owner: &mut T, disk: &Disk, under: &str, statement: &str) {
    let _ = owner;
    let statement = CString::new(statement).expect("a statement has no zero");
    let databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    let databases: Vec<(usize, usize)> = databases.clone();
    for (file, database) in databases {
        let file = ptr::with_exposed_provenance_mut::<sqlite3_file>(file);
        // SAFETY: a file is in the list from its opening to its closing, and the owner of the
        // connection, who alone could close it, is borrowed.
        let handle = unsafe { handle(file) };
        if !ptr::eq(&raw const *handle.disk, disk) || !handle.path.starts_with(under) {
            continue;
        }
        let database = ptr::with_exposed_provenance_mut::<*mut sqlite3>(database);
        // SAFETY: SQLite's pointer to the connection lives as long as its file is open, and nobody
        // else uses the connection (see above).
        let code = unsafe {
            ffi::sqlite3_exec(
                *database,
                statement.as_ptr(),
                None,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(code, SQLITE_OK, "SQLite runs {statement:?}");
    }
}

/// Returns the threads on which SQLite has used a file of any disk so far: opened, read, written or locked it.
pub fn threads() -> Vec<ThreadId> {
    let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.clone()
}

fn note_thread() {
    let thread = thread::current().id();
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if !threads.contains(&thread) {
        threads.push(thread);
    }
}

fn usual() -> *mut sqlite3_vfs {
    USUAL.get().map_or(ptr::null_mut(), |usual| usual.0)
}

fn disk_of(path: &Path) -> Option<(Arc<Disk>, PathBuf)> {
    let disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.iter().filter_map(Weak::upgrade).find_map(|disk| {
        let within = disk.within(path)?;
        Some((disk, within))
    })
}

/// # Safety
/// `name` is null or ends with a zero.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller says so.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
}

/// # Safety
/// `file` was opened by [`open`] as a file of a disk and is not closed.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
    // SAFETY: then it is a [`File`], whose handle lives until it is closed.
    unsafe { &*(*file.cast::<File>()).handle }
}

/// The usual file system's part of a file.
///
/// # Safety
/// `file` has the room that [`install`] asks for.
unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: `szOsFile` is the size of both parts, and that of the first keeps the alignment.
    unsafe { file.byte_add(size_of::<File>()) }
}

/// Calls a method of the usual file system on its part of a file.
macro_rules! pass_on {
    ($method:ident, $file:expr $(, $argument:expr)*) => {{
        note_thread();
        // SAFETY: SQLite calls methods on files that are open alone, whose second part the usual file
        // system has opened; it gets its own part and SQLite's own arguments.
        unsafe {
            let file = real($file);
            match (*(*file).pMethods).$method {
                Some(method) => method(file $(, $argument)*),
                None => SQLITE_IOERR,
            }
        }
    }};
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let _ = vfs;
    // SAFETY: `install` has checked it.
    let Some(open_usual) = (unsafe { (*usual()).xOpen }) else {
        return SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite gives a name that ends with a zero, or null for a temporary file.
    let found = unsafe { path_of(name) }.and_then(|path| disk_of(&path));
    let Some((disk, path)) = found else {
        // SAFETY: SQLite's own arguments; the room for the file is larger than the usual one needs.
        return unsafe { open_usual(usual(), name, file, flags, out) };
    };
    note_thread();
    // SAFETY: `file` has room for a [`File`]. Without methods SQLite does not close it after a failure.
    unsafe { (*file).pMethods = ptr::null() };
    let was_there = disk.met(&path);
    if (!was_there && disk.begin(Operation::Create, &path).is_err()) || disk.is_dead() {
        return SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite's own arguments, and the part of the file that is meant for the usual one.
    let code = unsafe { open_usual(usual(), name, real(file), flags, out) };
    if code != SQLITE_OK {
        return code;
    }
    let journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    let syncs_folder = flags & SQLITE_OPEN_CREATE != 0 && flags & journals != 0;
    let inode = disk.opened(&path, was_there, syncs_folder);
    let own = File {
        base: sqlite3_file { pMethods: &METHODS },
        handle: Box::into_raw(Box::new(Handle { disk, inode, path })),
    };
    // SAFETY: `file` has room for a [`File`], which has no destructor that could be missed.
    unsafe { file.cast::<File>().write(own) };
    SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let _ = vfs;
    // SAFETY: `install` has checked it.
    let Some(delete_usual) = (unsafe { (*usual()).xDelete }) else {
        return SQLITE_IOERR;
    };
    // SAFETY: SQLite gives a name that ends with a zero.
    let found = unsafe { path_of(name) }.and_then(|path| disk_of(&path));
    let Some((disk, path)) = found else {
        // SAFETY: SQLite's own arguments.
        return unsafe { delete_usual(usual(), name, sync) };
    };
    if disk.met(&path)
        && let Err(Failure(code)) = disk.begin(Operation::Delete, &path)
    {
        return code;
    }
    // SAFETY: SQLite's own arguments; the folder is the disk's affair.
    let code = unsafe { delete_usual(usual(), name, 0) };
    if code == SQLITE_OK {
        disk.deleted(&path, sync != 0);
    }
    code
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Without xFetch and xUnfetch: nothing is read past this module.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    databases.retain(|(known, _)| *known != file.expose_provenance());
    drop(databases);
    let code = pass_on!(xClose, file);
    // SAFETY: `open` has made the handle, and SQLite closes a file once.
    drop(unsafe { Box::from_raw((*file.cast::<File>()).handle) });
    code
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls methods on open files alone.
    let handle = unsafe { handle(file) };
    if let Err(Failure(code)) = handle.disk.begin(Operation::Read, &handle.path) {
        return code;
    }
    pass_on!(xRead, file, into, amount, offset)
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls methods on open files alone.
    let handle = unsafe { handle(file) };
    let begun = handle.disk.begin(Operation::Write, &handle.path);
    // What fails has been written in part, as on a disk that fills up.
    let written = match begun {
        Ok(()) => amount,
        Err(_) if handle.disk.is_dead() => 0,
        Err(_) => amount / 2,
    };
    if written > 0 {
        let code = pass_on!(xWrite, file, from, written, offset);
        if code != SQLITE_OK {
            return code;
        }
        // SAFETY: SQLite gives so many bytes at least.
        let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size(written.into())) };
        handle.disk.wrote(handle.inode, size(offset), bytes);
    }
    match begun {
        Ok(()) => SQLITE_OK,
        Err(Failure(code)) => code,
    }
}

/// SQLite's numbers of bytes are never negative.
fn size(number: sqlite3_int64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls methods on open files alone.
    let handle = unsafe { handle(file) };
    if let Err(Failure(code)) = handle.disk.begin(Operation::Truncate, &handle.path) {
        return code;
    }
    let code = pass_on!(xTruncate, file, length);
    if code == SQLITE_OK {
        handle.disk.truncated(handle.inode, size(length));
    }
    code
}

/// The bytes need not reach a real disk: the disk of the test says what lasts.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite calls methods on open files alone.
    let handle = unsafe { handle(file) };
    match handle.disk.begin(Operation::Sync, &handle.path) {
        Ok(()) => {
            handle.disk.synced(handle.inode, &handle.path);
            SQLITE_OK
        }
        Err(Failure(code)) => {
            handle.disk.failed_to_sync(handle.inode);
            code
        }
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, into: *mut sqlite3_int64) -> c_int {
    pass_on!(xFileSize, file, into)
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    pass_on!(xLock, file, level)
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    pass_on!(xUnlock, file, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, into: *mut c_int) -> c_int {
    pass_on!(xCheckReservedLock, file, into)
}

unsafe extern "C" fn file_control(
    file: *mut sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    if operation == SQLITE_FCNTL_PDB {
        let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
        databases.push((file.expose_provenance(), argument.expose_provenance()));
    }
    pass_on!(xFileControl, file, operation, argument)
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    pass_on!(xSectorSize, file)
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    pass_on!(xDeviceCharacteristics, file)
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    into: *mut *mut c_void,
) -> c_int {
    if extend != 0 {
        // SAFETY: SQLite calls methods on open files alone.
        let handle = unsafe { handle(file) };
        if let Err(Failure(code)) = handle.disk.begin(Operation::Index, &handle.path) {
            return code;
        }
    }
    pass_on!(xShmMap, file, region, bytes, extend, into)
}

unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    offset: c_int,
    n: c_int,
    flags: c_int,
) -> c_int {
    pass_on!(xShmLock, file, offset, n, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: as in `pass_on`, for the one method that returns nothing.
    unsafe {
        let file = real(file);
        if let Some(method) = (*(*file).pMethods).xShmBarrier {
            method(file);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    pass_on!(xShmUnmap, file, delete)
}
