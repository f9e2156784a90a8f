// SPDX-License-Identifier: GPL-2.0-or-later
//! The functions that the embedder passed, each called in one place.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{FromRawFd, OwnedFd};

use hmp_engine::host::{Access, Place};

/// Takes a piece of text from a callback that was given it, with the `arg` that came along.
pub type HmpTakeText =
    Option<unsafe extern "C" fn(arg: *mut c_void, text: *const c_char, len: usize)>;

/// What the library calls. All but `wake` are called on the thread that owns the handle, from
/// within one of its functions; none may unwind, `longjmp`, or leave the stack in another way.
///
/// Strings that are passed live during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HmpCallbacks {
    /// The size of this struct where the embedder was compiled. It grows at its end only.
    pub size: usize,
    /// Executes a QMP request, an object with `execute` and, where there are any, `arguments`; a NUL
    /// follows its `len` bytes. `fd` is lent for the call and goes along with the request
    /// (SCM_RIGHTS); -1 for none. Over a socket nothing may follow such a request until QEMU has
    /// answered it. `hmp_answer` takes the reply, within this call or later.
    pub execute: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            token: u64,
            request: *const c_char,
            len: usize,
            fd: c_int,
        ),
    >,
    /// Takes a piece of the line's text, with LF line ends and without a NUL at its end.
    pub write: Option<unsafe extern "C" fn(user: *mut c_void, text: *const c_char, len: usize)>,
    /// An answer has come: `hmp_poll` is to be called soon, on the owner's thread, not from within
    /// this call. Called on the thread that answers.
    pub wake: Option<unsafe extern "C" fn(user: *mut c_void)>,
    /// Nobody waits for this answer any more. May be NULL.
    pub cancel: Option<unsafe extern "C" fn(user: *mut c_void, token: u64)>,
    /// Answers (with any JSON value) once so many milliseconds are over.
    pub sleep: Option<unsafe extern "C" fn(user: *mut c_void, token: u64, ms: u64)>,
    /// Asks the user for a secret and answers with it as a JSON string, or with `null` where the
    /// user gave none. May be NULL: nobody can be asked.
    pub secret: Option<unsafe extern "C" fn(user: *mut c_void, token: u64, prompt: *const c_char)>,
    /// The wall clock, in seconds since 1970: `seconds` itself where `has` is not 0, else now. Its
    /// offset from UTC at that moment, in seconds, is stored in `utc_offset`.
    pub local_time: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            has: c_int,
            seconds: i64,
            utc_offset: *mut i32,
        ) -> i64,
    >,
    /// Calls `line` with `arg` for each line typed so far, oldest first, and returns 1; 0 where no
    /// history is kept. May be NULL.
    pub history: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            line: Option<unsafe extern "C" fn(arg: *mut c_void, text: *const c_char, len: usize)>,
            arg: *mut c_void,
        ) -> c_int,
    >,
    /// An open descriptor for `getfd NAME`, which the library closes; -1 for none. May be NULL.
    pub descriptor: Option<unsafe extern "C" fn(user: *mut c_void, name: *const c_char) -> c_int>,
    /// A new, empty file that lives in memory only (`memfd_create`), which the library closes; -1
    /// for none. QEMU is passed it to write guest memory into. May be NULL.
    pub memory_file: Option<unsafe extern "C" fn(user: *mut c_void) -> c_int>,
    /// Reads `len` bytes of guest memory into `into`, for `x`, `xp` and `sum`: at a physical address,
    /// or at a virtual one as the CPU with index `cpu` sees it, -1 for the first one. Returns
    /// HMP_MEMORY_*. May be NULL: memory is read over QMP.
    pub read_memory: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            physical: c_int,
            address: u64,
            into: *mut u8,
            len: usize,
            cpu: i64,
        ) -> c_int,
    >,
    /// Calls `text` with `arg` for `count` instructions as the built-in monitor shows them, a line
    /// each, in pieces of any length; where memory can't be accessed, with what it says then. Returns
    /// HMP_MEMORY_*. May be NULL: the library disassembles by itself, as far as it can.
    pub disassemble: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            physical: c_int,
            address: u64,
            count: i32,
            cpu: i64,
            text: HmpTakeText,
            arg: *mut c_void,
        ) -> c_int,
    >,
    /// Calls `text` with `arg` once, for what `help` says of a command (`NAME`, `info NAME`) or of a
    /// log item (`log NAME`), and returns 1; 0 for the library's own words. May be NULL.
    pub help_text: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            command: *const c_char,
            text: HmpTakeText,
            arg: *mut c_void,
        ) -> c_int,
    >,
}

/// All of it was read.
pub const HMP_MEMORY_DONE: c_int = 0;
/// Some of it can't be accessed.
pub const HMP_MEMORY_REFUSED: c_int = 1;
/// There is no such CPU.
pub const HMP_MEMORY_NO_CPU: c_int = 2;

impl HmpCallbacks {
    /// Nothing set but the size.
    pub(crate) const NONE: Self = Self {
        size: size_of::<Self>(),
        execute: None,
        write: None,
        wake: None,
        cancel: None,
        sleep: None,
        secret: None,
        local_time: None,
        history: None,
        descriptor: None,
        memory_file: None,
        read_memory: None,
        disassemble: None,
        help_text: None,
    };
}

/// The callbacks and what they are called with.
pub(crate) struct Callbacks {
    table: HmpCallbacks,
    user: *mut c_void,
}

// SAFETY: the pointer is only handed back to the embedder, and the header says on which thread
// each function is called. All but `wake` are called by futures that only the owner's thread polls
// and drops; `wake` has to cope with any thread.
unsafe impl Send for Callbacks {}
// SAFETY: as above; the table itself never changes.
unsafe impl Sync for Callbacks {}

impl Callbacks {
    /// Copies the table, as far as the embedder's goes; `None` where one that is needed is missing.
    ///
    /// # Safety
    /// `table` is null or points to a table of as many bytes as its first member says.
    pub(crate) unsafe fn new(table: *const HmpCallbacks, user: *mut c_void) -> Option<Self> {
        if table.is_null() {
            return None;
        }
        let mut copy = HmpCallbacks::NONE;
        // SAFETY: not null, and its first member is its size, by the caller's word.
        let size = unsafe { table.cast::<usize>().read() };
        // No half of a member.
        let size = size - size % size_of::<usize>();
        // SAFETY: the embedder's table has `size` bytes, and ours has its own size; the smaller is
        // copied. Every member is an integer or an optional function, which any table holds.
        unsafe {
            std::ptr::copy_nonoverlapping(
                table.cast::<u8>(),
                (&raw mut copy).cast::<u8>(),
                size.min(size_of::<HmpCallbacks>()),
            );
        }
        let all = copy.execute.is_some()
            && copy.write.is_some()
            && copy.wake.is_some()
            && copy.sleep.is_some()
            && copy.local_time.is_some();
        all.then_some(Self { table: copy, user })
    }

    pub(crate) fn execute(&self, token: u64, request: &CStr, fd: c_int) {
        if let Some(execute) = self.table.execute {
            let len = request.count_bytes();
            // SAFETY: the embedder's function, called as the header says; the request outlives the
            // call.
            unsafe { execute(self.user, token, request.as_ptr(), len, fd) }
        }
    }

    pub(crate) fn write(&self, text: &str) {
        if let Some(write) = self.table.write {
            // SAFETY: as in `execute`; the text outlives the call.
            unsafe { write(self.user, text.as_ptr().cast(), text.len()) }
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(wake) = self.table.wake {
            // SAFETY: as in `execute`; this one may be called on any thread.
            unsafe { wake(self.user) }
        }
    }

    pub(crate) fn cancel(&self, token: u64) {
        if let Some(cancel) = self.table.cancel {
            // SAFETY: as in `execute`.
            unsafe { cancel(self.user, token) }
        }
    }

    pub(crate) fn sleep(&self, token: u64, ms: u64) {
        if let Some(sleep) = self.table.sleep {
            // SAFETY: as in `execute`.
            unsafe { sleep(self.user, token, ms) }
        }
    }

    /// Whether anybody can be asked for a secret.
    pub(crate) fn asks(&self) -> bool {
        self.table.secret.is_some()
    }

    pub(crate) fn secret(&self, token: u64, prompt: &CStr) {
        if let Some(secret) = self.table.secret {
            // SAFETY: as in `execute`; the prompt outlives the call.
            unsafe { secret(self.user, token, prompt.as_ptr()) }
        }
    }

    pub(crate) fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        let mut offset = 0;
        let at = seconds.unwrap_or_default();
        let Some(local_time) = self.table.local_time else {
            return (at, offset);
        };
        let has = c_int::from(seconds.is_some());
        // SAFETY: as in `execute`; `offset` outlives the call.
        let now = unsafe { local_time(self.user, has, at, &raw mut offset) };
        (now, offset)
    }

    pub(crate) fn history(&self) -> Option<Vec<String>> {
        let history = self.table.history?;
        let mut lines: Vec<String> = Vec::new();
        // SAFETY: as in `execute`; `keep` is given the list, which outlives the call.
        let kept = unsafe { history(self.user, Some(keep), (&raw mut lines).cast()) };
        (kept != 0).then_some(lines)
    }

    pub(crate) fn descriptor(&self, name: &CStr) -> Option<OwnedFd> {
        let descriptor = self.table.descriptor?;
        // SAFETY: as in `execute`; the name outlives the call.
        let fd = unsafe { descriptor(self.user, name.as_ptr()) };
        owned(fd)
    }

    /// Whether the embedder reads guest memory itself.
    pub(crate) fn reads_memory(&self) -> bool {
        self.table.read_memory.is_some()
    }

    /// Whether it disassembles itself.
    pub(crate) fn disassembles(&self) -> bool {
        self.table.disassemble.is_some()
    }

    pub(crate) fn read_memory(&self, place: Place, into: &mut [u8]) -> Access {
        let Some(read) = self.table.read_memory else {
            return Access::Refused;
        };
        let (physical, cpu) = (c_int::from(place.physical), place.cpu.unwrap_or(-1));
        // SAFETY: as in `execute`; `into` has as many bytes as is said, and outlives the call.
        let outcome = unsafe {
            read(
                self.user,
                physical,
                place.address,
                into.as_mut_ptr(),
                into.len(),
                cpu,
            )
        };
        access(outcome)
    }

    pub(crate) fn disassemble(&self, place: Place, count: i32, text: &mut String) -> Access {
        let Some(disassemble) = self.table.disassemble else {
            return Access::Refused;
        };
        let (physical, cpu) = (c_int::from(place.physical), place.cpu.unwrap_or(-1));
        // SAFETY: as in `execute`; `append` is given the text, which outlives the call.
        let outcome = unsafe {
            disassemble(
                self.user,
                physical,
                place.address,
                count,
                cpu,
                Some(append),
                (&raw mut *text).cast(),
            )
        };
        access(outcome)
    }

    pub(crate) fn help_text(&self, command: &CStr) -> Option<String> {
        let help_text = self.table.help_text?;
        let mut text = String::new();
        // SAFETY: as in `execute`; `append` is given the text, which outlives the call, as the name
        // does.
        let given = unsafe {
            help_text(
                self.user,
                command.as_ptr(),
                Some(append),
                (&raw mut text).cast(),
            )
        };
        (given != 0).then_some(text)
    }

    pub(crate) fn memory_file(&self) -> Option<OwnedFd> {
        let memory_file = self.table.memory_file?;
        // SAFETY: as in `execute`.
        let fd = unsafe { memory_file(self.user) };
        owned(fd)
    }
}

/// A descriptor that the embedder gave away.
fn owned(fd: c_int) -> Option<OwnedFd> {
    // SAFETY: the header says that the library closes it, so that it is ours, and open.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What the embedder says of an access to memory.
fn access(outcome: c_int) -> Access {
    match outcome {
        HMP_MEMORY_DONE => Access::Done,
        HMP_MEMORY_NO_CPU => Access::NoCpu,
        _ => Access::Refused,
    }
}

/// Takes a piece of text into the one that `arg` is.
unsafe extern "C" fn append(arg: *mut c_void, text: *const c_char, len: usize) {
    // SAFETY: `arg` is the text that the callback was given, called from within it on the same
    // thread.
    let whole = unsafe { &mut *arg.cast::<String>() };
    // SAFETY: the embedder's text has `len` bytes, as the header asks for.
    whole.push_str(&unsafe { text_of(text, len) });
}

/// Takes a line of the history into the list that `arg` is.
unsafe extern "C" fn keep(arg: *mut c_void, text: *const c_char, len: usize) {
    // SAFETY: `arg` is what `history` was given, called from within it on the same thread.
    let lines = unsafe { &mut *arg.cast::<Vec<String>>() };
    // SAFETY: the embedder's text has `len` bytes, as the header asks for.
    lines.push(unsafe { text_of(text, len) });
}

/// The embedder's text, copied; what is not UTF-8 is replaced.
///
/// # Safety
/// `text` has `len` bytes that nobody changes during the call; it may be null where `len` is 0.
pub(crate) unsafe fn text_of(text: *const c_char, len: usize) -> String {
    // SAFETY: by the caller's word.
    String::from_utf8_lossy(unsafe { bytes_of(text, len) }).into_owned()
}

/// The embedder's bytes.
///
/// # Safety
/// As for [`text_of`], and as long as they are used.
pub(crate) unsafe fn bytes_of<'a>(text: *const c_char, len: usize) -> &'a [u8] {
    if text.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: not null; the length is the caller's word.
    unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len) }
}
