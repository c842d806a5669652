/* What is said while a run goes on: plain lines, lines that are redrawn, JSON, the full log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/value.h"
#include "reconciler/progress.h"
#include "schema/tree.h"

#include <stdlib.h>
#include <string.h>

static struct {
    char *data;
    size_t len;
    FILE *out;
    double now;
    struct progress *p;
    struct events *events;
} t;

static double fake_now(void *ctx)
{
    (void)ctx;
    return t.now;
}

static void begin(struct style style, enum log_format format, enum level least)
{
    memset(&t, 0, sizeof t);
    t.out = open_memstream(&t.data, &t.len);
    t.p = progress_new(&(struct progress_params){
        .out = t.out, .style = style, .format = format, .least = least, .now = fake_now});
    t.events = events_new();
    events_add(t.events, progress_sink, t.p);
    progress_begin(t.p, 2);
}

static const char *said(void)
{
    fflush(t.out);
    return t.data ? t.data : "";
}

static void end(void)
{
    events_free(t.events);
    progress_free(t.p);
    fclose(t.out);
    free(t.data);
}

static void emit(enum event_kind kind, int action, const char *text, enum outcome outcome,
                 const struct error *error)
{
    static const char *const ids[] = {"hosts.set/10.0.0.1", "node.init/10.0.0.1"};
    events_emit(t.events, &(struct event){.kind = kind,
                                          .level = kind == EVENT_RETRY ? LEVEL_WARN : LEVEL_INFO,
                                          .text = text,
                                          .id = ids[action],
                                          .title = "do it",
                                          .node = "10.0.0.1",
                                          .action = action,
                                          .outcome = outcome,
                                          .error = error,
                                          .took = 1.5,
                                          .because = outcome == OUTCOME_SKIPPED ? ids[0] : NULL});
}

static void play(void)
{
    struct error *e = NULL;
    error_set(&e, ERR_REMOTE_EXIT, "exit 1\x1b[31m");
    error_detail(e ? &e : NULL, "its output");
    events_log(t.events, LEVEL_INFO, "5 nodes");
    events_log(t.events, LEVEL_DEBUG, "a detail");
    emit(EVENT_START, 0, NULL, OUTCOME_RUNNING, NULL);
    emit(EVENT_PROGRESS, 0, "half\x1b[2J\xff", OUTCOME_RUNNING, NULL);
    emit(EVENT_VERIFY, 0, "the entry is absent", OUTCOME_RUNNING, NULL);
    emit(EVENT_RETRY, 0, NULL, OUTCOME_RUNNING, e);
    emit(EVENT_END, 0, NULL, OUTCOME_FAILED, e);
    emit(EVENT_END, 1, NULL, OUTCOME_SKIPPED, NULL);
    error_free(e);
}

static void plain_lines(void **state)
{
    (void)state;
    begin((struct style){0}, LOG_TEXT, LEVEL_INFO);
    play();
    assert_string_equal(said(),
                        "5 nodes\nstart hosts.set/10.0.0.1: do it\nretry hosts.set/10.0.0.1: exit 1?[31m\n"
                        "[1/2] failed hosts.set/10.0.0.1 (1.5 s): exit 1?[31m\n"
                        "[2/2] skipped node.init/10.0.0.1: hosts.set/10.0.0.1 was not done\n");
    end();
}

static void verbose_and_quiet(void **state)
{
    (void)state;
    begin((struct style){0}, LOG_TEXT, LEVEL_DEBUG);
    play();
    assert_non_null(strstr(said(), "debug: a detail\n"));
    assert_non_null(strstr(said(), "    | hosts.set/10.0.0.1: half?[2J?\n"));
    assert_non_null(strstr(said(), "wait  hosts.set/10.0.0.1: the entry is absent\n"));
    end();
    begin((struct style){0}, LOG_TEXT, LEVEL_WARN);
    play();
    assert_string_equal(said(), "retry hosts.set/10.0.0.1: exit 1?[31m\n"
                                "[1/2] failed hosts.set/10.0.0.1 (1.5 s): exit 1?[31m\n");
    end();
}

/* What a terminal shows after these bytes; knows only what is drawn with. */
static void screen(const char *bytes, struct text *out)
{
    char lines[64][200] = {{0}};
    int row = 0, column = 0;
    for (const char *c = bytes; *c; c++) {
        int n = 0;
        if (sscanf(c, "\x1b[%dA", &n) == 1) {
            row -= n;
            c = strchr(c, 'A');
        } else if (strncmp(c, "\x1b[J", 3) == 0) {
            memset(lines[row], 0, sizeof lines - (size_t)row * sizeof *lines);
            c += 2;
        } else if (*c == '\r') {
            column = 0;
        } else if (*c == '\n') {
            row++;
            column = 0;
        } else {
            lines[row][column++] = *c;
        }
        assert_true(row >= 0 && row < 64 && column < 199);
    }
    for (int i = 0; i <= row; i++)
        if (*lines[i])
            text_addf(out, "%s\n", lines[i]);
}

static void shows(const char *expected)
{
    struct text s = {0};
    screen(said(), &s);
    assert_string_equal(text_str(&s), expected);
    text_free(&s);
}

static void redrawn_lines(void **state)
{
    (void)state;
    begin((struct style){.live = true, .width = 60}, LOG_TEXT, LEVEL_INFO);
    emit(EVENT_START, 0, NULL, OUTCOME_RUNNING, NULL);
    shows("  0.0 s  hosts.set/10.0.0.1: do it\n0 of 2 ended, 1 running, 0.0 s\n");
    t.now = 3;
    emit(EVENT_PROGRESS, 0, "line after line, and this one is longer than the terminal is wide",
         OUTCOME_RUNNING, NULL);
    progress_tick(t.p);
    shows("  3.0 s  hosts.set/10.0.0.1: line after line, and this one …\n0 of 2 ended, 1 running, 3.0 s\n");
    emit(EVENT_VERIFY, 0, "an entry", OUTCOME_RUNNING, NULL);
    emit(EVENT_START, 1, NULL, OUTCOME_RUNNING, NULL);
    emit(EVENT_END, 0, NULL, OUTCOME_DONE, NULL);
    shows("[1/2] done hosts.set/10.0.0.1 (1.5 s)\n  0.0 s  node.init/10.0.0.1: do it\n"
          "1 of 2 ended, 1 running, 3.0 s\n");
    progress_end(t.p);
    shows("[1/2] done hosts.set/10.0.0.1 (1.5 s)\n"); /* nothing of what was drawn stays */
    end();
}

static void one_object_a_line(void **state)
{
    (void)state;
    begin((struct style){.live = true}, LOG_JSON, LEVEL_INFO);
    play();
    _cleanup_(arena_freep) struct arena *a = arena_new();
    static const char *const events[] = {"version", "log", "start", "retry", "end", "end"};
    size_t n = 0;
    for (const char *line = said(); *line; n++) {
        size_t len = strcspn(line, "\n");
        struct value *v = NULL;
        struct error *err = NULL;
        assert_true(n < ARRAY_LEN(events));
        assert_int_equal(tree_parse_one(a, "log", line, len, &v, &err), 0);
        assert_string_equal(value_text(value_get(v, "event"), ""), events[n]);
        if (n == 4) {
            assert_string_equal(value_text(value_get(v, "level"), ""), "error");
            assert_string_equal(value_text(value_path(v, "error.detail"), ""), "its output");
            assert_string_equal(value_text(value_get(v, "action"), ""), "hosts.set/10.0.0.1");
        }
        line += len + 1;
    }
    assert_int_equal(n, ARRAY_LEN(events));
    end();
}

static void the_full_log_has_it_all(void **state)
{
    (void)state;
    begin((struct style){0}, LOG_TEXT, LEVEL_ERROR);
    events_add(t.events, log_file_sink, t.out);
    play();
    static const char *const parts[] = {"a detail", "half?[2J?", "the entry is absent", "its output",
                                        "skipped 1.500 s because of hosts.set/10.0.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_non_null(strstr(said(), parts[i]));
    assert_null(strchr(said(), 0x1b));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines),
        cmocka_unit_test(verbose_and_quiet),
        cmocka_unit_test(redrawn_lines),
        cmocka_unit_test(one_object_a_line),
        cmocka_unit_test(the_full_log_has_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
