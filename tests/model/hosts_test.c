#include "model/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct hosts_entry entries[] = {
    {"sealos.hub", "10.0.0.1"},
    {"apiserver.cluster.local", "10.103.97.2"},
    {"lvscare.node.ip", NULL},
};
#define OURS "10.0.0.1 sealos.hub # reconcile\n10.103.97.2 apiserver.cluster.local # reconcile\n"

static const struct {
    const char *before, *after;
} rows[] = {
    {"", OURS},
    {"127.0.0.1 localhost\n", "127.0.0.1 localhost\n" OURS},
    {"127.0.0.1\tlocalhost\n\n# a comment  \n::1  ip6-localhost\n",
     "127.0.0.1\tlocalhost\n\n# a comment  \n::1  ip6-localhost\n" OURS},
    {"127.0.0.1 localhost", "127.0.0.1 localhost\n" OURS},      /* no newline at the end */
    {"10.9.9.9 sealos.hub\n10.0.0.7 x\n", "10.0.0.7 x\n" OURS}, /* Sealos' own line */
    {OURS, OURS},
    {"10.9.9.9 a  apiserver.cluster.local\tb # why\n", "10.9.9.9 a b # why\n" OURS}, /* others' names stay */
    {"10.9.9.9 sealos.hub lvscare.node.ip # x\n", OURS},
    {"10.9.9.9 Sealos.HUB\n", OURS},
    {"10.9.9.9 sealos.hub\r\n10.9.9.8 b\r\n", "10.9.9.8 b\r\n" OURS},
    {"10.9.9.9 lvscare.node.ip\n10.9.9.8 lvscare.node.ip # reconcile\n", OURS},
    {"# 10.9.9.9 sealos.hub\n", "# 10.9.9.9 sealos.hub\n" OURS},
    {"10.9.9.9 xsealos.hub sealos.hub.example\n", "10.9.9.9 xsealos.hub sealos.hub.example\n" OURS},
    {"sealos.hub other\n", "sealos.hub other\n" OURS}, /* the first word is an address */
};

static void test_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(text_free) struct text once = {0}, twice = {0};
        hosts_update(rows[i].before, entries, ARRAY_LEN(entries), &once);
        assert_string_equal(text_str(&once), rows[i].after);
        hosts_update(text_str(&once), entries, ARRAY_LEN(entries), &twice);
        assert_string_equal(text_str(&twice), text_str(&once));
    }
}

/* The program that edits the file on nodes, on the same rows. */
static void test_same_on_node(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[] = "/tmp/reconcile-hosts-XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, rows[i].before, strlen(rows[i].before)), (ssize_t)strlen(rows[i].before));
        close(fd);
        _cleanup_(text_free) struct text command = {0}, out = {0};
        text_addf(
            &command,
            "ENTRIES='10.0.0.1 sealos.hub\n10.103.97.2 apiserver.cluster.local\n- lvscare.node.ip'\n"
            "fail() { echo \"$1\" >&2; exit 1; }\n"
            "eval \"$(sed 's,file=/etc/hosts,file=%s,; s,/etc/[.]hosts,%s,' '%s/actions/onnode/hosts.sh')\"\n"
            "cat %s\n",
            path, path, SOURCE_DIR, path);
        FILE *p = popen(text_str(&command), "r");
        assert_non_null(p);
        char buf[4096];
        for (size_t n; (n = fread(buf, 1, sizeof buf, p)) > 0;)
            text_addn(&out, buf, n);
        int status = pclose(p);
        unlink(path);
        assert_int_equal(status, 0);
        assert_string_equal(text_str(&out), rows[i].after);
    }
}

static void test_find(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    const char *text =
        "# 1.1.1.1 x\n\n10.0.0.1\ta X b # x\n10.0.0.2 x\nlonely\n10.0.0.3 last\r\n10.0.0.4 end";
    assert_string_equal(hosts_find(a, text, "x"), "10.0.0.1");
    assert_string_equal(hosts_find(a, text, "B"), "10.0.0.1");
    assert_string_equal(hosts_find(a, text, "last"), "10.0.0.3");
    assert_string_equal(hosts_find(a, text, "end"), "10.0.0.4");
    assert_null(hosts_find(a, text, "lonely"));
    assert_null(hosts_find(a, text, "en"));
    assert_null(hosts_find(a, "", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_update), cmocka_unit_test(test_same_on_node),
                                       cmocka_unit_test(test_find)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
