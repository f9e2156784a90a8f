/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface with a QEMU made of a few canned replies: answers at once,
 * later, and from another thread; lines given up, re-entered, and freed in the
 * middle. Ends with 0 where all is as hmp.h says.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmp.h"

#define CHECK(what) check(what, #what, __LINE__)

static void check(int good, const char *what, int line)
{
    if (!good) {
        fprintf(stderr, "entry.c:%d: %s\n", line, what);
        exit(1);
    }
}

enum how { AT_ONCE, LATER, FROM_THREAD };
enum nested { NOTHING, RE_ENTER, GIVE_UP, FREE };

struct qemu {
    HmpEngine *engine;
    enum how how;
    enum nested nested; /* done within execute, once */
    int in_write;       /* done within write instead */
    char text[4096];
    size_t len;
    uint64_t tokens[64];
    const char *replies[64];
    int count, cancelled, called;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wakes;
};

static const char *reply_to(const char *request)
{
    static const struct {
        const char *command, *reply;
    } replies[] = {
        { "\"query-version\"",
          "{\"return\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "
          "\"package\": \"\"}}" },
        { "\"query-commands\"",
          "{\"return\": [{\"name\": \"query-version\"}, {\"name\": \"query-name\"}, "
          "{\"name\": \"query-commands\"}, {\"name\": \"query-target\"}, "
          "{\"name\": \"query-uuid\"}, {\"name\": \"stop\"}]}" },
        { "\"query-target\"", "{\"return\": {\"arch\": \"x86_64\"}}" },
        { "\"query-name\"", "{\"return\": {\"name\": \"web1\"}}" },
        { "\"stop\"",
          "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}" },
    };

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        if (strstr(request, replies[i].command)) {
            return replies[i].reply;
        }
    }
    return "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such\"}}";
}

static void nest(struct qemu *qemu)
{
    enum nested nested = qemu->nested;

    qemu->nested = NOTHING;
    if (nested == RE_ENTER) {
        CHECK(hmp_poll(qemu->engine) == HMP_BUSY);
        CHECK(hmp_run_line(qemu->engine, "info name", 9) == HMP_BUSY);
        CHECK(hmp_complete(qemu->engine, "i", 1, NULL, NULL) == HMP_FAILED);
        CHECK(hmp_allow(qemu->engine, HMP_ALLOW_RISKY) == HMP_BUSY);
    } else if (nested == GIVE_UP) {
        hmp_give_up(qemu->engine);
        hmp_give_up(qemu->engine);
    } else if (nested == FREE) {
        hmp_free(qemu->engine);
    }
}

struct job {
    struct qemu *qemu;
    uint64_t token;
    const char *reply;
};

static void *answer_on_thread(void *arg)
{
    struct job *job = arg;

    hmp_answer(job->qemu->engine, job->token, job->reply, strlen(job->reply));
    free(job);
    return NULL;
}

static void execute(void *user, uint64_t token, const char *request, size_t len,
                    int fd)
{
    struct qemu *qemu = user;
    const char *reply = reply_to(request);

    CHECK(strlen(request) == len && fd == -1);
    qemu->called++;
    if (!qemu->in_write && qemu->nested != NOTHING) {
        enum nested nested = qemu->nested;

        nest(qemu);
        if (nested != RE_ENTER) {
            if (nested == GIVE_UP) {
                CHECK(hmp_answer(qemu->engine, token, reply, strlen(reply)) == 0);
            }
            return;
        }
    }
    if (qemu->how == AT_ONCE) {
        CHECK(hmp_answer(qemu->engine, token, reply, strlen(reply)) == 1);
        CHECK(hmp_answer(qemu->engine, token, reply, strlen(reply)) == 0);
    } else if (qemu->how == LATER) {
        qemu->tokens[qemu->count] = token;
        qemu->replies[qemu->count++] = reply;
    } else {
        struct job *job = malloc(sizeof(*job));
        pthread_t thread;

        *job = (struct job){ qemu, token, reply };
        CHECK(pthread_create(&thread, NULL, answer_on_thread, job) == 0);
        /* Kept, to be joined: pthread_t is a number here as everywhere. */
        memcpy(&qemu->tokens[qemu->count++], &thread, sizeof(thread));
    }
}

static void write_text(void *user, const char *text, size_t len)
{
    struct qemu *qemu = user;

    CHECK(qemu->len + len < sizeof(qemu->text));
    memcpy(qemu->text + qemu->len, text, len);
    qemu->len += len;
    qemu->text[qemu->len] = 0;
    if (qemu->in_write) {
        nest(qemu);
    }
}

static void wake(void *user)
{
    struct qemu *qemu = user;

    pthread_mutex_lock(&qemu->lock);
    qemu->wakes++;
    pthread_cond_signal(&qemu->changed);
    pthread_mutex_unlock(&qemu->lock);
}

static void cancel(void *user, uint64_t token)
{
    struct qemu *qemu = user;

    (void)token;
    qemu->cancelled++;
}

static void pause_for(void *user, uint64_t token, uint64_t ms)
{
    struct qemu *qemu = user;

    (void)ms;
    hmp_answer(qemu->engine, token, "null", 4);
}

static int64_t local_time(void *user, int has, int64_t seconds,
                          int32_t *utc_offset)
{
    (void)user;
    *utc_offset = 3600;
    return has ? seconds : 1000;
}

static int history(void *user,
                   void (*line)(void *arg, const char *text, size_t len),
                   void *arg)
{
    (void)user;
    line(arg, "first", 5);
    line(arg, "second", 6);
    return 1;
}

static int read_memory(void *user, int physical, uint64_t address,
                       uint8_t *into, size_t len, int64_t cpu)
{
    struct qemu *qemu = user;

    qemu->called++;
    nest(qemu);
    if (cpu >= 0) {
        return HMP_MEMORY_NO_CPU;
    }
    if (address + len > 0x2000) {
        return HMP_MEMORY_REFUSED;
    }
    memset(into, physical ? 0x11 : 0x22, len);
    return HMP_MEMORY_DONE;
}

static int disassemble(void *user, int physical, uint64_t address,
                       int32_t count, int64_t cpu, HmpTakeText text, void *arg)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "0x%08x:  nop %d %d %d\n",
                       (unsigned)address, physical, count, (int)cpu);

    (void)user;
    text(arg, line, 4);
    text(arg, line + 4, (size_t)len - 4);
    return HMP_MEMORY_DONE;
}

static int help_text(void *user, const char *command, HmpTakeText text,
                     void *arg)
{
    (void)user;
    if (strcmp(command, "info name") != 0) {
        return 0;
    }
    text(arg, "words of QEMU", 13);
    return 1;
}

static const HmpCallbacks callbacks = {
    .size = sizeof(callbacks),
    .execute = execute,
    .write = write_text,
    .wake = wake,
    .cancel = cancel,
    .sleep = pause_for,
    .local_time = local_time,
    .history = history,
};

static void start(struct qemu *qemu, enum how how)
{
    memset(qemu, 0, sizeof(*qemu));
    pthread_mutex_init(&qemu->lock, NULL);
    pthread_cond_init(&qemu->changed, NULL);
    qemu->how = how;
    qemu->engine = hmp_create(&callbacks, qemu, HMP_PASSTHROUGH_NEVER);
    CHECK(qemu->engine != NULL);
}

static void end(struct qemu *qemu)
{
    pthread_mutex_destroy(&qemu->lock);
    pthread_cond_destroy(&qemu->changed);
}

static int finish(struct qemu *qemu, int outcome)
{
    while (outcome == HMP_PENDING) {
        int count = qemu->count;

        CHECK(count > 0 && qemu->how != AT_ONCE);
        qemu->count = 0;
        for (int i = 0; i < count; i++) {
            if (qemu->how == FROM_THREAD) {
                pthread_t thread;

                memcpy(&thread, &qemu->tokens[i], sizeof(thread));
                CHECK(pthread_join(thread, NULL) == 0);
            } else {
                CHECK(hmp_answer(qemu->engine, qemu->tokens[i], qemu->replies[i],
                                 strlen(qemu->replies[i])) == 1);
            }
        }
        pthread_mutex_lock(&qemu->lock);
        while (!qemu->wakes) {
            pthread_cond_wait(&qemu->changed, &qemu->lock);
        }
        qemu->wakes = 0;
        pthread_mutex_unlock(&qemu->lock);
        outcome = hmp_poll(qemu->engine);
    }
    if (qemu->how == FROM_THREAD) {
        /* Answered before the poll ended. */
        for (int i = 0; i < qemu->count; i++) {
            pthread_t thread;

            memcpy(&thread, &qemu->tokens[i], sizeof(thread));
            CHECK(pthread_join(thread, NULL) == 0);
        }
        qemu->count = 0;
        qemu->wakes = 0;
    }
    return outcome;
}

static int run(struct qemu *qemu, const char *line)
{
    qemu->len = 0;
    qemu->text[0] = 0;
    return finish(qemu, hmp_run_line(qemu->engine, line, strlen(line)));
}

static void take_word(void *arg, size_t start, const char *word, int files)
{
    char *words = arg;

    snprintf(words + strlen(words), 256 - strlen(words), "%zu:%s%s ", start,
             word, files ? "*" : "");
}

static const char greeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "
    "\"package\": \"\"}, \"capabilities\": []}}";

static void lines(enum how how)
{
    struct qemu qemu;
    char words[256] = "";

    start(&qemu, how);
    CHECK(hmp_poll(qemu.engine) == HMP_IDLE);
    CHECK(hmp_greeting(qemu.engine, "{\"QMP\": 1}", 10) == HMP_FAILED);
    if (how == LATER) {
        CHECK(hmp_greeting(qemu.engine, greeting, strlen(greeting)) == HMP_DONE);
        CHECK(hmp_greeting(qemu.engine, greeting, strlen(greeting)) == HMP_FAILED);
    }
    CHECK(run(&qemu, "info name") == HMP_DONE);
    CHECK(strcmp(qemu.text, "web1\n") == 0);
    CHECK(run(&qemu, "") == HMP_DONE && qemu.len == 0);
    CHECK(run(&qemu, "nosuch") == HMP_FAILED);
    CHECK(strcmp(qemu.text, "unknown command: 'nosuch'\n") == 0);
    CHECK(run(&qemu, "stop") == HMP_FAILED);
    CHECK(strcmp(qemu.text, "Error: not now\n") == 0);
    CHECK(run(&qemu, "info history") == HMP_DONE);
    CHECK(strcmp(qemu.text, "0: 'first'\n1: 'second'\n") == 0);
    CHECK(finish(&qemu, hmp_complete(qemu.engine, "info nam", 8, take_word,
                                     words)) == HMP_DONE);
    CHECK(strcmp(words, "5:name ") == 0);
    words[0] = 0;
    CHECK(finish(&qemu, hmp_complete(qemu.engine, "logfile /x", 10, take_word,
                                     words)) == HMP_DONE);
    CHECK(strcmp(words, "8:/x* ") == 0);
    if (how == AT_ONCE) {
        CHECK(qemu.wakes == 0);
    }
    CHECK(hmp_allow(qemu.engine, HMP_ALLOW_PAUSING) == HMP_DONE);
    CHECK(hmp_allow(qemu.engine, 7) == HMP_FAILED);
    hmp_free(qemu.engine);
    CHECK(qemu.cancelled == 0);
    end(&qemu);
}

static void give_up(void)
{
    struct qemu qemu;

    /* While the monitor is made, and while a line runs on it. */
    for (int made = 0; made < 2; made++) {
        start(&qemu, LATER);
        if (made) {
            CHECK(run(&qemu, "info name") == HMP_DONE);
        }
        CHECK(hmp_run_line(qemu.engine, "info name", 9) == HMP_PENDING);
        CHECK(hmp_run_line(qemu.engine, "info name", 9) == HMP_BUSY);
        CHECK(qemu.count > 0);
        hmp_give_up(qemu.engine);
        CHECK(qemu.cancelled == qemu.count);
        CHECK(hmp_answer(qemu.engine, qemu.tokens[0], "{}", 2) == 0);
        CHECK(hmp_poll(qemu.engine) == HMP_IDLE);
        qemu.count = 0;
        CHECK(run(&qemu, "info name") == HMP_DONE);
        CHECK(strcmp(qemu.text, "web1\n") == 0);
        /* Freed in the middle of a line. */
        CHECK(hmp_run_line(qemu.engine, "info name", 9) == HMP_PENDING);
        qemu.cancelled = 0;
        hmp_free(qemu.engine);
        CHECK(qemu.cancelled == qemu.count);
        end(&qemu);
    }
}

static void nested(void)
{
    for (int in_write = 0; in_write < 2; in_write++) {
        struct qemu qemu;
        int called;

        start(&qemu, AT_ONCE);
        qemu.in_write = in_write;
        qemu.nested = RE_ENTER;
        CHECK(run(&qemu, "info name") == HMP_DONE);
        CHECK(qemu.nested == NOTHING);

        qemu.nested = GIVE_UP;
        CHECK(run(&qemu, "info name") == HMP_IDLE);
        CHECK(qemu.nested == NOTHING);
        CHECK(qemu.cancelled == !in_write);
        CHECK(run(&qemu, "info name") == HMP_DONE);
        CHECK(strcmp(qemu.text, "web1\n") == 0);

        qemu.nested = FREE;
        called = qemu.called;
        CHECK(run(&qemu, "info name") == HMP_FREED);
        CHECK(qemu.called == called + 1);
        end(&qemu);
    }
}

static void lost(void)
{
    struct qemu qemu;

    start(&qemu, LATER);
    CHECK(hmp_run_line(qemu.engine, "info name", 9) == HMP_PENDING);
    for (int i = 0; i < qemu.count; i++) {
        CHECK(hmp_answer(qemu.engine, qemu.tokens[i], NULL, 0) == 1);
    }
    qemu.count = 0;
    CHECK(hmp_poll(qemu.engine) == HMP_LOST);
    hmp_free(qemu.engine);
    end(&qemu);
}

/* Memory, disassembler and help of the embedder. */
static void hooks(void)
{
    static const char *const commands[] = {
        "query-name", "add-fd", "remove-fd", "memsave", "pmemsave",
        "query-cpus-fast", "qom-list", "qom-get", "x-query-ramblock",
    };
    HmpCallbacks table = callbacks;
    HmpCaps *caps;
    struct qemu qemu;
    int called;

    table.read_memory = read_memory;
    table.disassemble = disassemble;
    table.help_text = help_text;
    caps = hmp_caps_new(11, 1, 0, "", "x86_64", 0, commands,
                        sizeof(commands) / sizeof(commands[0]));
    CHECK(caps != NULL);
    start(&qemu, LATER);
    hmp_free(qemu.engine);
    qemu.engine = hmp_create_with(&table, &qemu, HMP_PASSTHROUGH_NEVER, caps);
    CHECK(qemu.engine != NULL);
    hmp_caps_free(caps);

    /* Nothing is asked of QEMU. */
    CHECK(run(&qemu, "x/2xb 0x1000") == HMP_DONE);
    CHECK(strcmp(qemu.text, "0000000000001000: 0x22 0x22\n") == 0);
    CHECK(run(&qemu, "xp/5xw 0x1ff0") == HMP_DONE);
    CHECK(strcmp(qemu.text,
                 "00001ff0: 0x11111111 0x11111111 0x11111111 0x11111111\n"
                 "00002000: Cannot access memory\n") == 0);
    CHECK(run(&qemu, "x/3i 0x10") == HMP_DONE);
    CHECK(strcmp(qemu.text, "0x00000010:  nop 0 3 -1\n") == 0);
    CHECK(run(&qemu, "help info name") == HMP_DONE);
    CHECK(strcmp(qemu.text, "info name  -- words of QEMU\n") == 0);
    CHECK(run(&qemu, "help info uuid") == HMP_DONE);
    CHECK(strstr(qemu.text, "words of QEMU") == NULL);

    /* The handle is re-entered, and the line given up, from within. */
    qemu.nested = RE_ENTER;
    CHECK(run(&qemu, "x/2xb 0x1000") == HMP_DONE);
    qemu.nested = GIVE_UP;
    called = qemu.called;
    CHECK(run(&qemu, "x/64xw 0x1000") == HMP_IDLE);
    CHECK(qemu.called == called + 1);
    CHECK(run(&qemu, "x/1xb 0") == HMP_DONE);

    /* What a monitor knows is for another one. */
    CHECK(hmp_run_line(qemu.engine, "info name", 9) == HMP_PENDING);
    hmp_give_up(qemu.engine);
    qemu.count = 0;
    caps = hmp_caps_of(qemu.engine);
    CHECK(caps != NULL);
    qemu.nested = FREE;
    CHECK(run(&qemu, "xp/1xb 0") == HMP_FREED);
    qemu.engine = hmp_create_with(&callbacks, &qemu, HMP_PASSTHROUGH_NEVER, caps);
    hmp_caps_free(caps);
    called = qemu.called;
    CHECK(run(&qemu, "info name") == HMP_DONE);
    CHECK(qemu.called == called + 1);
    hmp_free(qemu.engine);
    end(&qemu);

    /* One that has asked knows, too. */
    start(&qemu, AT_ONCE);
    CHECK(hmp_caps_of(qemu.engine) == NULL);
    CHECK(run(&qemu, "info name") == HMP_DONE);
    caps = hmp_caps_of(qemu.engine);
    CHECK(caps != NULL);
    hmp_caps_free(caps);
    hmp_free(qemu.engine);
    end(&qemu);
    CHECK(hmp_caps_of(NULL) == NULL);
}

/* A table of an older header, which ends before the newer members. */
static void older(void)
{
    HmpCallbacks table = callbacks;
    struct qemu qemu;

    table.size = offsetof(HmpCallbacks, read_memory);
    table.read_memory = read_memory;
    start(&qemu, AT_ONCE);
    hmp_free(qemu.engine);
    qemu.engine = hmp_create(&table, &qemu, HMP_PASSTHROUGH_NEVER);
    CHECK(qemu.engine != NULL);
    qemu.called = 0;
    run(&qemu, "x/2xb 0x1000");
    CHECK(strstr(qemu.text, "0x22") == NULL);
    hmp_free(qemu.engine);
    end(&qemu);
}

static void wrong(void)
{
    HmpCallbacks less = callbacks;

    CHECK(hmp_create(NULL, NULL, HMP_PASSTHROUGH_AUTO) == NULL);
    CHECK(hmp_create(&callbacks, NULL, 3) == NULL);
    less.wake = NULL;
    CHECK(hmp_create(&less, NULL, HMP_PASSTHROUGH_AUTO) == NULL);
    /* A table that ends before the members that are needed. */
    less = callbacks;
    less.size = offsetof(HmpCallbacks, sleep);
    CHECK(hmp_create(&less, NULL, HMP_PASSTHROUGH_AUTO) == NULL);
    less.size = 0;
    CHECK(hmp_create(&less, NULL, HMP_PASSTHROUGH_AUTO) == NULL);
    CHECK(hmp_poll(NULL) == HMP_FAILED);
    CHECK(hmp_answer(NULL, 1, "", 0) == 0);
    hmp_give_up(NULL);
    hmp_free(NULL);
}

int main(void)
{
    lines(AT_ONCE);
    lines(LATER);
    for (int i = 0; i < 20; i++) {
        lines(FROM_THREAD);
    }
    give_up();
    nested();
    lost();
    hooks();
    older();
    wrong();
    return 0;
}
