/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's human monitor as a library (docs/embedding.md).
 *
 * Written by `cargo xtask generate` from the crate hmp-ffi.
 */

#ifndef HMP_H
#define HMP_H

#include <stddef.h>
#include <stdint.h>

/**
 * All of it was read.
 */
#define HMP_MEMORY_DONE 0

/**
 * Some of it can't be accessed.
 */
#define HMP_MEMORY_REFUSED 1

/**
 * There is no such CPU.
 */
#define HMP_MEMORY_NO_CPU 2

/**
 * The line waits for answers: `hmp_poll` goes on when `wake` has asked for it.
 */
#define HMP_PENDING -1

/**
 * Carried out, or blank.
 */
#define HMP_DONE 0

/**
 * It failed; the text says why.
 */
#define HMP_FAILED 1

/**
 * It was `quit`: no prompt follows.
 */
#define HMP_QUIT 2

/**
 * The connection was lost.
 */
#define HMP_LOST 3

/**
 * The library has a fault; the handle can only be freed.
 */
#define HMP_PANIC 4

/**
 * A function of this handle is on the stack, or another line runs: nothing was done.
 */
#define HMP_BUSY 5

/**
 * Nothing runs: no line was begun, or it was given up.
 */
#define HMP_IDLE 6

/**
 * The handle was freed from within a callback, and is gone.
 */
#define HMP_FREED 7

/**
 * The built-in monitor is never asked (`human-monitor-command`).
 */
#define HMP_PASSTHROUGH_NEVER 0

/**
 * It is asked where the engine's own route is missing or partial.
 */
#define HMP_PASSTHROUGH_AUTO 1

/**
 * It is asked wherever it has the command.
 */
#define HMP_PASSTHROUGH_ALWAYS 2

/**
 * Only routes are used that do nothing to the VM but what the line is for.
 */
#define HMP_ALLOW_SAFE 0

/**
 * Routes that stop the VM for a moment, too.
 */
#define HMP_ALLOW_PAUSING 1

/**
 * Routes that could harm the VM somewhere, too.
 */
#define HMP_ALLOW_RISKY 2

/**
 * What a QEMU offers: release, target, QMP commands. It never changes, and monitors of different
 * threads may be created with it.
 */
typedef struct HmpCaps HmpCaps;

/**
 * A monitor. All functions but `hmp_answer` belong to the thread that owns it.
 */
typedef struct HmpEngine HmpEngine;

/**
 * Takes a piece of text from a callback that was given it, with the `arg` that came along.
 */
typedef void (*HmpTakeText)(void *arg, const char *text, size_t len);

/**
 * What the library calls. All but `wake` are called on the thread that owns the handle, from
 * within one of its functions; none may unwind, `longjmp`, or leave the stack in another way.
 *
 * Strings that are passed live during the call.
 */
typedef struct HmpCallbacks {
    /**
     * The size of this struct where the embedder was compiled. It grows at its end only.
     */
    size_t size;
    /**
     * Executes a QMP request, an object with `execute` and, where there are any, `arguments`; a NUL
     * follows its `len` bytes. `fd` is lent for the call and goes along with the request
     * (SCM_RIGHTS); -1 for none. Over a socket nothing may follow such a request until QEMU has
     * answered it. `hmp_answer` takes the reply, within this call or later.
     */
    void (*execute)(void *user,
                    uint64_t token,
                    const char *request,
                    size_t len,
                    int fd);
    /**
     * Takes a piece of the line's text, with LF line ends and without a NUL at its end.
     */
    void (*write)(void *user, const char *text, size_t len);
    /**
     * An answer has come: `hmp_poll` is to be called soon, on the owner's thread, not from within
     * this call. Called on the thread that answers.
     */
    void (*wake)(void *user);
    /**
     * Nobody waits for this answer any more. May be NULL.
     */
    void (*cancel)(void *user, uint64_t token);
    /**
     * Answers (with any JSON value) once so many milliseconds are over.
     */
    void (*sleep)(void *user, uint64_t token, uint64_t ms);
    /**
     * Asks the user for a secret and answers with it as a JSON string, or with `null` where the
     * user gave none. May be NULL: nobody can be asked.
     */
    void (*secret)(void *user, uint64_t token, const char *prompt);
    /**
     * The wall clock, in seconds since 1970: `seconds` itself where `has` is not 0, else now. Its
     * offset from UTC at that moment, in seconds, is stored in `utc_offset`.
     */
    int64_t (*local_time)(void *user,
                          int has,
                          int64_t seconds,
                          int32_t *utc_offset);
    /**
     * Calls `line` with `arg` for each line typed so far, oldest first, and returns 1; 0 where no
     * history is kept. May be NULL.
     */
    int (*history)(void *user, void (*line)(void *arg,
                                            const char *text,
                                            size_t len), void *arg);
    /**
     * An open descriptor for `getfd NAME`, which the library closes; -1 for none. May be NULL.
     */
    int (*descriptor)(void *user, const char *name);
    /**
     * A new, empty file that lives in memory only (`memfd_create`), which the library closes; -1
     * for none. QEMU is passed it to write guest memory into. May be NULL.
     */
    int (*memory_file)(void *user);
    /**
     * Reads `len` bytes of guest memory into `into`, for `x`, `xp` and `sum`: at a physical address,
     * or at a virtual one as the CPU with index `cpu` sees it, -1 for the first one. Returns
     * HMP_MEMORY_*. May be NULL: memory is read over QMP.
     */
    int (*read_memory)(void *user,
                       int physical,
                       uint64_t address,
                       uint8_t *into,
                       size_t len,
                       int64_t cpu);
    /**
     * Calls `text` with `arg` for `count` instructions as the built-in monitor shows them, a line
     * each, in pieces of any length; where memory can't be accessed, with what it says then. Returns
     * HMP_MEMORY_*. May be NULL: the library disassembles by itself, as far as it can.
     */
    int (*disassemble)(void *user,
                       int physical,
                       uint64_t address,
                       int32_t count,
                       int64_t cpu,
                       HmpTakeText text,
                       void *arg);
    /**
     * Calls `text` with `arg` once, for what `help` says of a command (`NAME`, `info NAME`) or of a
     * log item (`log NAME`), and returns 1; 0 for the library's own words. May be NULL.
     */
    int (*help_text)(void *user,
                     const char *command,
                     HmpTakeText text,
                     void *arg);
} HmpCallbacks;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes capabilities from what the embedder knows; `hmp_caps_free` ends them. `package` is that of
 * `query-version`, NULL for none; `arch` the target as QAPI spells it (`x86_64`), NULL where it is
 * not known; `preconfig` is not 0 before the machine is initialised; `commands` are the names of
 * `count` QMP commands, in any order. All texts end with a NUL and are copied. NULL where `commands`
 * is NULL and `count` is not 0.
 */
struct HmpCaps *hmp_caps_new(uint32_t major,
                             uint32_t minor,
                             uint32_t micro,
                             const char *package,
                             const char *arch,
                             int preconfig,
                             const char *const *commands,
                             size_t count);

/**
 * Ends capabilities; monitors that were created with them keep their share. NULL is left alone.
 */
void hmp_caps_free(struct HmpCaps *caps);

/**
 * Makes a monitor, which `hmp_free` ends. Nothing is called yet: QEMU is asked what it offers by
 * the first line. NULL where a callback is missing that is needed, or `passthrough` is none of
 * HMP_PASSTHROUGH_*. The table is copied; `user` must outlive the monitor.
 */
struct HmpEngine *hmp_create(const struct HmpCallbacks *callbacks,
                             void *user,
                             int passthrough);

/**
 * As `hmp_create`, with capabilities that are known: QEMU is not asked what it offers. They are
 * shared, and may be freed at once. NULL for them is as `hmp_create`.
 */
struct HmpEngine *hmp_create_with(const struct HmpCallbacks *callbacks,
                                  void *user,
                                  int passthrough,
                                  const struct HmpCaps *caps);

/**
 * What the monitor knows of its QEMU: what it was created with, or has asked for with its first
 * line; NULL before that, and while a line runs. Other monitors of the same QEMU can be created with
 * it. `hmp_caps_free` ends it.
 */
struct HmpCaps *hmp_caps_of(const struct HmpEngine *engine);

/**
 * Passes the greeting of the connection, `{"QMP": ...}`, before the first line: QEMU is not asked
 * for its version then. HMP_DONE, or HMP_FAILED where it is none, or one was passed already.
 */
int hmp_greeting(const struct HmpEngine *engine,
                 const char *greeting,
                 size_t len);

/**
 * Runs a line, without its line end: an outcome, or HMP_PENDING. HMP_BUSY while another runs.
 */
int hmp_run_line(const struct HmpEngine *engine,
                 const char *line,
                 size_t len);

/**
 * Goes on with the line or completion that runs: its outcome, HMP_PENDING, or HMP_IDLE where
 * nothing runs.
 */
int hmp_poll(const struct HmpEngine *engine);

/**
 * Takes the answer to what `token` was given for: 1, or 0 where nobody waits for it any more. A
 * request's is the whole reply, with `return` or `error`; an empty one says that the connection is
 * lost. May be called on any thread, and from within the callback that asked; not after
 * `hmp_free` was called.
 */
int hmp_answer(const struct HmpEngine *engine,
               uint64_t token,
               const char *reply,
               size_t len);

/**
 * Gives up the line or completion that runs: `cancel` is called for each answer that it waits
 * for, and the next line can be run. From within a callback: the function that is on the stack
 * returns HMP_IDLE.
 */
void hmp_give_up(const struct HmpEngine *engine);

/**
 * Completes the word at the end of `line`, which is what is left of the cursor: an outcome, or
 * HMP_PENDING as for a line. `word` is called with `arg` for each candidate, in order: a whole
 * word, and the byte of the line where the word starts that it would replace. Where files are to
 * be completed it is called once, with what was typed and `files` not 0.
 */
int hmp_complete(const struct HmpEngine *engine,
                 const char *line,
                 size_t len,
                 void (*word)(void *arg,
                              size_t start,
                              const char *word,
                              int files),
                 void *arg);

/**
 * Sets the highest risk of routes that are used from the next line on, one of HMP_ALLOW_*; safe
 * ones at first. HMP_DONE, HMP_BUSY while a line runs, HMP_FAILED for another value.
 */
int hmp_allow(const struct HmpEngine *engine,
              int risk);

/**
 * Ends a monitor, with what runs on it: `cancel` is called for each answer that is waited for, and
 * afterwards nothing is called any more. From within a callback: the function that is on the stack
 * returns HMP_FREED. NULL is left alone.
 */
void hmp_free(struct HmpEngine *engine);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HMP_H */
