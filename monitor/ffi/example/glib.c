/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A monitor on a GLib main loop, which it never blocks: the QMP socket, the
 * lines from standard input, and pauses are sources of the loop, and a line
 * that waits waits in it. A line that begins with a TAB is completed.
 *
 *     glib SOCKET            all on the main loop
 *     glib --thread SOCKET   a thread of its own reads the socket and answers
 *
 * At its end it says on standard error for how long it held the loop at most.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hmp.h"

/* What is to be sent to QEMU. */
struct request {
    uint64_t token; /* 0: nobody waits for the reply */
    char *text;
    size_t len, sent;
    int fd; /* -1 for none */
};

struct program {
    GMainLoop *loop;
    HmpEngine *engine;
    int socket;
    guint writable; /* the source that waits until more can be sent */
    GQueue requests;
    GHashTable *pauses; /* tokens and their sources */
    GString *typed;     /* what was typed and was not run yet */
    int at_end;         /* nothing more will be typed */
    int running, outcome;
    gint64 held, longest; /* microseconds */

    GMutex lock;         /* for what follows, which a thread may use too */
    GQueue waiting;      /* tokens of requests that were sent */
    uint64_t passing;    /* a request with a descriptor, which is in flight */
    int greeted, lost;
    GString *greeting;
    gint woken;
    GString *input;
};

static void hold(struct program *program)
{
    program->held = g_get_monotonic_time();
}

static void let_go(struct program *program)
{
    gint64 time = g_get_monotonic_time() - program->held;

    program->longest = MAX(program->longest, time);
}

/* --- to QEMU --- */

static void free_request(struct request *request)
{
    if (request->fd >= 0) {
        close(request->fd);
    }
    g_free(request->text);
    g_free(request);
}

static gboolean go_on_sending(gint fd, GIOCondition condition, gpointer user);
static void lose(struct program *program);

static ssize_t send_some(struct program *program, struct request *request)
{
    struct iovec part = { request->text + request->sent,
                          request->len - request->sent };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    char control[CMSG_SPACE(sizeof(int))] = { 0 };

    if (request->fd >= 0 && !request->sent) {
        struct cmsghdr *header;

        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &request->fd, sizeof(int));
    }
    return sendmsg(program->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Sends what can be sent without waiting. */
static void send_requests(struct program *program)
{
    struct request *request;

    while ((request = g_queue_peek_head(&program->requests))) {
        ssize_t sent;
        int held_back;

        g_mutex_lock(&program->lock);
        /* Nothing may follow a descriptor until QEMU has answered. */
        held_back = program->passing || program->lost;
        if (!held_back && !request->sent) {
            /* Noted first: the reply may be faster than this thread. */
            uint64_t *token = g_new(uint64_t, 1);

            *token = request->token;
            g_queue_push_tail(&program->waiting, token);
            program->passing = request->fd >= 0 ? request->token : 0;
        }
        g_mutex_unlock(&program->lock);
        if (held_back && !request->sent) {
            return;
        }
        sent = send_some(program, request);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
                if (!program->writable) {
                    program->writable = g_unix_fd_add(
                        program->socket, G_IO_OUT, go_on_sending, program);
                }
            } else {
                lose(program);
            }
            return;
        }
        request->sent += (size_t)sent;
        if (request->sent == request->len) {
            free_request(g_queue_pop_head(&program->requests));
        }
    }
}

static gboolean go_on_sending(gint fd, GIOCondition condition, gpointer user)
{
    struct program *program = user;

    (void)fd;
    (void)condition;
    program->writable = 0;
    send_requests(program);
    return G_SOURCE_REMOVE;
}

static void ask(struct program *program, uint64_t token, const char *text,
                size_t len, int fd)
{
    struct request *request = g_new0(struct request, 1);

    request->token = token;
    request->text = g_strndup(text, len);
    request->len = len;
    /* It is lent for the call alone. */
    request->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    g_queue_push_tail(&program->requests, request);
    send_requests(program);
}

/* --- from QEMU --- */

static gboolean begin(gpointer user);

/* The connection is gone: what waits is told. */
static void lose(struct program *program)
{
    GQueue gone = G_QUEUE_INIT;
    uint64_t *token;

    g_mutex_lock(&program->lock);
    program->lost = 1;
    program->passing = 0;
    while ((token = g_queue_pop_head(&program->waiting))) {
        g_queue_push_tail(&gone, token);
    }
    g_mutex_unlock(&program->lock);
    while ((token = g_queue_pop_head(&gone))) {
        if (*token) {
            hmp_answer(program->engine, *token, NULL, 0);
        }
        g_free(token);
    }
    g_idle_add(begin, program);
}

static gboolean go_on(gpointer user)
{
    send_requests(user);
    return G_SOURCE_REMOVE;
}

/* A line that came from QEMU, on the thread that reads. */
static void take_message(struct program *program, const char *text, size_t len)
{
    uint64_t *token = NULL;
    int passed = 0;

    g_mutex_lock(&program->lock);
    if (strncmp(text, "{\"QMP\"", 6) == 0) {
        g_string_append_len(program->greeting, text, (gssize)len);
        program->greeted = 1;
        g_idle_add(begin, program);
    } else if (strncmp(text, "{\"return\"", 9) == 0 ||
               strncmp(text, "{\"error\"", 8) == 0) {
        token = g_queue_pop_head(&program->waiting);
        if (token && program->passing == *token) {
            program->passing = 0;
            passed = 1;
        }
    }
    g_mutex_unlock(&program->lock);
    if (passed) {
        g_idle_add(go_on, program);
    }
    if (token && *token) {
        hmp_answer(program->engine, *token, text, len);
    }
    g_free(token);
}

/* Reads what is there; whether more may come. */
static int read_socket(struct program *program)
{
    char part[65536];
    ssize_t got = read(program->socket, part, sizeof(part));
    char *end;

    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return 1;
    }
    if (got <= 0) {
        lose(program);
        return 0;
    }
    g_string_append_len(program->input, part, got);
    while ((end = memchr(program->input->str, '\n', program->input->len))) {
        size_t len = (size_t)(end - program->input->str);

        *end = 0;
        take_message(program, program->input->str, len);
        g_string_erase(program->input, 0, (gssize)len + 1);
    }
    return 1;
}

static gboolean readable(gint fd, GIOCondition condition, gpointer user)
{
    (void)fd;
    (void)condition;
    return read_socket(user) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gpointer read_all(gpointer user)
{
    while (read_socket(user)) {
    }
    return NULL;
}

/* --- what the library calls --- */

static void execute(void *user, uint64_t token, const char *request,
                    size_t len, int fd)
{
    struct program *program = user;
    int lost;

    g_mutex_lock(&program->lock);
    lost = program->lost;
    g_mutex_unlock(&program->lock);
    if (lost) {
        /* At once: no wake follows. */
        hmp_answer(program->engine, token, NULL, 0);
    } else {
        ask(program, token, request, len, fd);
    }
}

static void write_text(void *user, const char *text, size_t len)
{
    (void)user;
    fwrite(text, 1, len, stdout);
}

static void ended(struct program *program, int outcome);

static gboolean poll_line(gpointer user)
{
    struct program *program = user;
    int outcome;

    g_atomic_int_set(&program->woken, 0);
    hold(program);
    outcome = hmp_poll(program->engine);
    let_go(program);
    if (outcome != HMP_PENDING && outcome != HMP_IDLE) {
        ended(program, outcome);
    }
    return G_SOURCE_REMOVE;
}

/* On any thread. */
static void wake(void *user)
{
    struct program *program = user;

    if (g_atomic_int_compare_and_exchange(&program->woken, 0, 1)) {
        g_idle_add_full(G_PRIORITY_DEFAULT, poll_line, program, NULL);
    }
}

struct pause {
    struct program *program;
    uint64_t token;
};

static gboolean pause_ends(gpointer user)
{
    struct pause *pause = user;

    g_hash_table_remove(pause->program->pauses, &pause->token);
    hmp_answer(pause->program->engine, pause->token, "null", 4);
    return G_SOURCE_REMOVE;
}

static void start_pause(void *user, uint64_t token, uint64_t ms)
{
    struct program *program = user;
    struct pause *pause = g_new(struct pause, 1);
    uint64_t *key = g_new(uint64_t, 1);
    guint source;

    *key = pause->token = token;
    pause->program = program;
    source = g_timeout_add_full(G_PRIORITY_DEFAULT, (guint)MIN(ms, G_MAXUINT),
                                pause_ends, pause, g_free);
    g_hash_table_insert(program->pauses, key, GUINT_TO_POINTER(source));
}

static void cancel(void *user, uint64_t token)
{
    struct program *program = user;
    guint source =
        GPOINTER_TO_UINT(g_hash_table_lookup(program->pauses, &token));

    /* The reply to a request comes all the same, and nobody takes it. */
    if (source) {
        g_hash_table_remove(program->pauses, &token);
        g_source_remove(source);
    }
}

static int64_t local_time(void *user, int has, int64_t seconds,
                          int32_t *utc_offset)
{
    time_t at = has ? (time_t)seconds : time(NULL);
    struct tm local;

    (void)user;
    if (localtime_r(&at, &local)) {
        *utc_offset = (int32_t)local.tm_gmtoff;
    }
    return at;
}

static int memory_file(void *user)
{
    (void)user;
    return memfd_create("hmp", MFD_CLOEXEC);
}

/* --- lines --- */

static void print_word(void *arg, size_t start, const char *word, int files)
{
    (void)arg;
    printf("%zu %s%s\n", start, word, files ? " (files)" : "");
}

static void ended(struct program *program, int outcome)
{
    fflush(stdout);
    program->running = 0;
    program->outcome = outcome;
    if (outcome == HMP_QUIT || outcome == HMP_LOST || outcome == HMP_PANIC) {
        g_main_loop_quit(program->loop);
    } else {
        g_idle_add(begin, program);
    }
}

/* Begins the next line, if there is one and nothing runs. */
static gboolean begin(gpointer user)
{
    static const char capabilities[] = "{\"execute\": \"qmp_capabilities\"}";
    struct program *program = user;
    char *end, *line;
    size_t len;
    int outcome, ready, lost;

    g_mutex_lock(&program->lock);
    ready = program->greeted;
    lost = program->lost;
    if (ready == 1) {
        program->greeted = 2;
    }
    g_mutex_unlock(&program->lock);
    if (ready == 1) {
        hmp_greeting(program->engine, program->greeting->str,
                     program->greeting->len);
        ask(program, 0, capabilities, strlen(capabilities), -1);
    }
    if (program->running || !(ready || lost)) {
        return G_SOURCE_REMOVE;
    }
    end = memchr(program->typed->str, '\n', program->typed->len);
    if (!end) {
        if (program->at_end || lost) {
            g_main_loop_quit(program->loop);
        }
        return G_SOURCE_REMOVE;
    }
    len = (size_t)(end - program->typed->str);
    line = g_strndup(program->typed->str, len);
    g_string_erase(program->typed, 0, (gssize)len + 1);
    program->running = 1;
    hold(program);
    if (line[0] == '\t') {
        outcome = hmp_complete(program->engine, line + 1, len - 1, print_word,
                               NULL);
    } else {
        outcome = hmp_run_line(program->engine, line, len);
    }
    let_go(program);
    g_free(line);
    if (outcome != HMP_PENDING) {
        ended(program, outcome);
    }
    return G_SOURCE_REMOVE;
}

static gboolean type_lines(gint fd, GIOCondition condition, gpointer user)
{
    struct program *program = user;
    char part[4096];
    ssize_t got = read(fd, part, sizeof(part));

    (void)condition;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return G_SOURCE_CONTINUE;
    }
    if (got > 0) {
        g_string_append_len(program->typed, part, got);
    } else {
        program->at_end = 1;
    }
    g_idle_add(begin, program);
    return got > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void free_item(gpointer item)
{
    free_request(item);
}

int main(int argc, char **argv)
{
    static struct program program;
    const HmpCallbacks callbacks = {
        .size = sizeof(callbacks),
        .execute = execute,
        .write = write_text,
        .wake = wake,
        .cancel = cancel,
        .sleep = start_pause,
        .local_time = local_time,
        .memory_file = memory_file,
    };
    int threaded = argc == 3 && strcmp(argv[1], "--thread") == 0;
    GThread *reader = NULL;
    guint reading = 0;

    if (argc != 2 && !threaded) {
        fprintf(stderr, "usage: %s [--thread] SOCKET\n", argv[0]);
        return 2;
    }
    program.socket = open_socket(argv[argc - 1]);
    if (program.socket < 0) {
        perror(argv[argc - 1]);
        return 3;
    }
    program.loop = g_main_loop_new(NULL, FALSE);
    program.pauses = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    program.typed = g_string_new(NULL);
    program.input = g_string_new(NULL);
    program.greeting = g_string_new(NULL);
    g_mutex_init(&program.lock);
    g_queue_init(&program.requests);
    g_queue_init(&program.waiting);
    program.engine = hmp_create(&callbacks, &program, HMP_PASSTHROUGH_AUTO);
    if (!program.engine) {
        fprintf(stderr, "no monitor\n");
        return 3;
    }
    g_unix_fd_add(0, G_IO_IN | G_IO_HUP, type_lines, &program);
    if (threaded) {
        reader = g_thread_new("qmp", read_all, &program);
    } else {
        reading = g_unix_fd_add(program.socket, G_IO_IN | G_IO_HUP, readable,
                                &program);
    }
    g_main_loop_run(program.loop);

    /* No thread may answer while the handle is freed. */
    shutdown(program.socket, SHUT_RDWR);
    if (reader) {
        g_thread_join(reader);
    } else if (g_main_context_find_source_by_id(NULL, reading)) {
        g_source_remove(reading);
    }
    hmp_free(program.engine);
    if (program.outcome == HMP_LOST) {
        fprintf(stderr, "the connection was lost\n");
    }
    fprintf(stderr, "held the loop for %" G_GINT64_FORMAT " us at most\n",
            program.longest);
    close(program.socket);
    g_queue_clear_full(&program.requests, free_item);
    g_queue_clear_full(&program.waiting, g_free);
    g_hash_table_destroy(program.pauses);
    g_string_free(program.typed, TRUE);
    g_string_free(program.input, TRUE);
    g_string_free(program.greeting, TRUE);
    g_mutex_clear(&program.lock);
    g_main_loop_unref(program.loop);
    return program.outcome == HMP_LOST || program.outcome == HMP_PANIC ? 4 : 0;
}
