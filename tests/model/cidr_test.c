#include "model/cidr.h"

#include "model/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {{"10.96.0.0/22", "10.96.0.0/22"},
                {"10.96.3.255/22", "10.96.0.0/22"},
                {"0.0.0.0/0", "0.0.0.0/0"},
                {"10.0.0.1/32", "10.0.0.1/32"},
                {"FD00:0::1/64", "fd00::/64"},
                {"::/0", "::/0"},
                {"fd00::10/128", "fd00::10/128"},
                {"100.64.0.0/10", "100.64.0.0/10"},
                {"fd85:ee78:d8a6:8607::1:0000/112", "fd85:ee78:d8a6:8607::1:0/112"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cidr c;
        char text[CIDR_TEXT];
        assert_true(cidr_parse(rows[i].in, &c));
        cidr_text(&c, text);
        assert_string_equal(text, rows[i].out);
    }
    static const char *const bad[] = {"",
                                      "10.0.0.0",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0/8",
                                      "fd00::/129",
                                      "10.0.0.0/08",
                                      "10.0.0.0/8 ",
                                      "[fd00::]/64",
                                      "256.0.0.0/8",
                                      "a/8",
                                      "/8",
                                      "10.0.0.0/999999999999"};
    struct cidr c;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(cidr_parse(bad[i], &c));
    struct ip ip;
    assert_false(ip_parse("010.0.0.1", &ip));
    assert_false(ip_parse("10.0.0.1:22", &ip));
    assert_false(ip_parse("fe80::1%eth0", &ip));
    assert_false(ip_parse(NULL, &ip));
}

static void test_list(void **state)
{
    (void)state;
    struct cidr c[2];
    assert_int_equal(cidr_list_parse("10.96.0.0/22, fd00::/116", c, 2), 2);
    assert_true(c[1].base.v6);
    assert_int_equal(cidr_list_parse("", c, 2), 0);
    assert_int_equal(cidr_list_parse("10.96.0.0/22", c, 2), 1);
    assert_int_equal(cidr_list_parse("10.96.0.0/22,", c, 2), -1);
    assert_int_equal(cidr_list_parse("10.96.0.0/22 10.0.0.0/8", c, 2), -1);
    assert_int_equal(cidr_list_parse("10.96.0.0/22,10.0.0.0/8,10.0.0.0/8", c, 2), -1);
}

static void test_relations(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool overlap;
    } rows[] = {{"100.64.0.0/10", "100.96.0.0/16", true},
                {"100.64.0.0/10", "100.128.0.0/16", false},
                {"10.96.0.0/22", "10.96.4.0/22", false},
                {"10.96.0.0/22", "10.96.3.255/32", true},
                {"0.0.0.0/0", "::/0", false},
                {"fd00::/64", "fd00:0:0:0:1::/96", true},
                {"fd00::/64", "fd00:0:0:1::/64", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cidr a, b;
        assert_true(cidr_parse(rows[i].a, &a) && cidr_parse(rows[i].b, &b));
        assert_int_equal(cidr_overlaps(&a, &b), rows[i].overlap);
        assert_int_equal(cidr_overlaps(&b, &a), rows[i].overlap);
    }
    struct cidr c;
    struct ip ip;
    char text[IP_TEXT];
    cidr_parse("10.96.0.0/22", &c);
    assert_true(cidr_nth(&c, 1, &ip));
    ip_text(&ip, text);
    assert_string_equal(text, "10.96.0.1");
    assert_true(cidr_nth(&c, 1023, &ip));
    ip_text(&ip, text);
    assert_string_equal(text, "10.96.3.255");
    assert_false(cidr_nth(&c, 1024, &ip));
    cidr_parse("fd00::ffff:ffff:0/112", &c);
    assert_true(cidr_nth(&c, 10, &ip));
    ip_text(&ip, text);
    assert_string_equal(text, "fd00::ffff:ffff:a");
    cidr_parse("255.255.255.255/32", &c);
    assert_false(cidr_nth(&c, 1, &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_list),
                                       cmocka_unit_test(test_relations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
