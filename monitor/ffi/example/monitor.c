/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A monitor over a QMP socket: opens it, reads lines from standard input, and
 * runs them one after the other in a poll loop of its own. A line that begins
 * with a TAB is completed instead: its candidates are printed.
 *
 *     monitor SOCKET
 *     monitor --at-once SOCKET    reads each reply before execute returns
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hmp.h"

/* Requests that QEMU has not answered as yet, oldest first: it answers those
 * of one connection in order. */
#define MAX_WAITING 4096
/* Pauses that run at the same time. */
#define MAX_PAUSES 16

struct pause {
    uint64_t token; /* 0 for none */
    int64_t end;    /* in milliseconds of the monotonic clock */
};

struct program {
    HmpEngine *engine;
    int socket;
    int greeted, lost, at_once;
    int woken;
    uint64_t passing; /* a request with a descriptor, which is in flight */
    uint64_t waiting[MAX_WAITING];
    size_t first, count;
    struct pause pauses[MAX_PAUSES];
    char *input; /* what came from QEMU and is not a whole line as yet */
    size_t have, room;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int send_all(int fd, const char *text, size_t len, int pass)
{
    char control[CMSG_SPACE(sizeof(int))];

    while (len) {
        struct iovec part = { .iov_base = (void *)text, .iov_len = len };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
        ssize_t sent;

        if (pass >= 0) {
            struct cmsghdr *header;

            memset(control, 0, sizeof(control));
            message.msg_control = control;
            message.msg_controllen = sizeof(control);
            header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(header), &pass, sizeof(int));
        }
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -1;
        }
        pass = -1;
        text += sent;
        len -= (size_t)sent;
    }
    return 0;
}

static void read_socket(struct program *program);

static void execute(void *user, uint64_t token, const char *request,
                    size_t len, int fd)
{
    struct program *program = user;

    /* Nothing may follow a descriptor until QEMU has answered: two of its
     * threads would use the list of received ones at once. */
    while (program->passing && !program->lost) {
        read_socket(program);
    }
    if (program->lost || program->count == MAX_WAITING ||
        send_all(program->socket, request, len, fd) < 0) {
        /* At once: no wake follows. */
        hmp_answer(program->engine, token, NULL, 0);
        return;
    }
    program->waiting[(program->first + program->count++) % MAX_WAITING] = token;
    program->passing = fd < 0 ? 0 : token;
    while (program->at_once && program->count && !program->lost) {
        read_socket(program);
    }
}

static void write_text(void *user, const char *text, size_t len)
{
    (void)user;
    fwrite(text, 1, len, stdout);
}

static void wake(void *user)
{
    struct program *program = user;

    program->woken = 1;
}

static void cancel(void *user, uint64_t token)
{
    struct program *program = user;

    /* The reply to a request comes all the same, and nobody takes it. */
    for (size_t i = 0; i < MAX_PAUSES; i++) {
        if (program->pauses[i].token == token) {
            program->pauses[i].token = 0;
        }
    }
}

static void start_pause(void *user, uint64_t token, uint64_t ms)
{
    struct program *program = user;

    for (size_t i = 0; i < MAX_PAUSES; i++) {
        if (!program->pauses[i].token) {
            program->pauses[i].token = token;
            program->pauses[i].end = now_ms() + (int64_t)ms;
            return;
        }
    }
    hmp_answer(program->engine, token, "null", 4);
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

/* A line that came from QEMU: a greeting, an event, or the next reply. */
static void take_message(struct program *program, const char *text, size_t len)
{
    uint64_t token;

    if (strncmp(text, "{\"QMP\"", 6) == 0) {
        program->greeted = 1;
        hmp_greeting(program->engine, text, len);
        return;
    }
    if (!program->count || (strncmp(text, "{\"return\"", 9) != 0 &&
                            strncmp(text, "{\"error\"", 8) != 0)) {
        return;
    }
    token = program->waiting[program->first];
    program->first = (program->first + 1) % MAX_WAITING;
    program->count--;
    if (program->passing == token) {
        program->passing = 0;
    }
    if (token) {
        hmp_answer(program->engine, token, text, len);
    }
}

static void lose(struct program *program)
{
    program->lost = 1;
    program->passing = 0;
    while (program->count) {
        uint64_t token = program->waiting[program->first];

        program->first = (program->first + 1) % MAX_WAITING;
        program->count--;
        if (token) {
            hmp_answer(program->engine, token, NULL, 0);
        }
    }
}

static void read_socket(struct program *program)
{
    ssize_t got;
    char *end;

    if (program->room - program->have < 65536) {
        size_t room = program->room * 2 + 131072;
        char *grown = realloc(program->input, room);

        if (!grown) {
            lose(program);
            return;
        }
        program->input = grown;
        program->room = room;
    }
    got = read(program->socket, program->input + program->have,
               program->room - program->have - 1);
    if (got <= 0) {
        if (got == 0 || errno != EINTR) {
            lose(program);
        }
        return;
    }
    program->have += (size_t)got;
    while ((end = memchr(program->input, '\n', program->have))) {
        size_t len = (size_t)(end - program->input);

        *end = 0;
        take_message(program, program->input, len);
        program->have -= len + 1;
        memmove(program->input, end + 1, program->have);
    }
}

/* Waits until something has happened: a message, or the end of a pause. */
static void wait_once(struct program *program)
{
    struct pollfd poll_fd = { .fd = program->socket, .events = POLLIN };
    int64_t now = now_ms(), end = -1;

    for (size_t i = 0; i < MAX_PAUSES; i++) {
        if (program->pauses[i].token && (end < 0 || program->pauses[i].end < end)) {
            end = program->pauses[i].end;
        }
    }
    if (poll(&poll_fd, program->lost ? 0 : 1,
             end < 0 ? -1 : (int)(end > now ? end - now : 0)) > 0) {
        read_socket(program);
    }
    now = now_ms();
    for (size_t i = 0; i < MAX_PAUSES; i++) {
        if (program->pauses[i].token && program->pauses[i].end <= now) {
            uint64_t token = program->pauses[i].token;

            program->pauses[i].token = 0;
            hmp_answer(program->engine, token, "null", 4);
        }
    }
}

/* Goes on with what runs until it is through. */
static int finish(struct program *program, int outcome)
{
    while (outcome == HMP_PENDING) {
        wait_once(program);
        if (program->woken) {
            program->woken = 0;
            outcome = hmp_poll(program->engine);
        }
    }
    fflush(stdout);
    return outcome;
}

static void print_word(void *arg, size_t start, const char *word, int files)
{
    (void)arg;
    printf("%zu %s%s\n", start, word, files ? " (files)" : "");
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

int main(int argc, char **argv)
{
    static const char capabilities[] = "{\"execute\": \"qmp_capabilities\"}";
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
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int outcome = HMP_DONE;

    program.at_once = argc == 3 && strcmp(argv[1], "--at-once") == 0;
    if (argc != 2 && !program.at_once) {
        fprintf(stderr, "usage: %s [--at-once] SOCKET\n", argv[0]);
        return 2;
    }
    program.socket = open_socket(argv[argc - 1]);
    if (program.socket < 0) {
        perror(argv[argc - 1]);
        return 3;
    }
    program.engine = hmp_create(&callbacks, &program, HMP_PASSTHROUGH_AUTO);
    if (!program.engine) {
        fprintf(stderr, "no monitor\n");
        return 3;
    }
    while (!program.greeted && !program.lost) {
        wait_once(&program);
    }
    /* Nobody waits for this one's reply: tokens begin at 1. */
    program.waiting[program.count++] = 0;
    if (send_all(program.socket, capabilities, strlen(capabilities), -1) < 0) {
        lose(&program);
    }
    while (outcome != HMP_QUIT && outcome != HMP_LOST && outcome != HMP_PANIC &&
           (len = getline(&line, &room, stdin)) > 0) {
        if (line[len - 1] == '\n') {
            len--;
        }
        if (line[0] == '\t') {
            outcome = hmp_complete(program.engine, line + 1, (size_t)len - 1,
                                   print_word, NULL);
        } else {
            outcome = hmp_run_line(program.engine, line, (size_t)len);
        }
        outcome = finish(&program, outcome);
    }
    if (outcome == HMP_LOST) {
        fprintf(stderr, "the connection was lost\n");
    }
    hmp_free(program.engine);
    close(program.socket);
    free(program.input);
    free(line);
    return outcome == HMP_LOST || outcome == HMP_PANIC ? 4 : 0;
}
