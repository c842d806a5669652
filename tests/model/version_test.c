#include "model/version.h"

#include "model/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_parse(void **state)
{
    (void)state;
    struct version v;
    assert_true(version_parse("v1.28.0", &v));
    assert_int_equal(v.major, 1);
    assert_int_equal(v.minor, 28);
    assert_int_equal(v.patch, 0);
    assert_string_equal(v.pre, "");
    assert_true(version_parse("1.31.12-rc.1+abc", &v));
    assert_string_equal(v.pre, "rc.1");
    static const char *const bad[] = {"",         "v",        "1.28",        "v1.28.",    "v1.28.x",
                                      "v1.028.0", "v1.28.0-", "v1.28.0-a b", "v1.28.0\n", "v1.2345678.0",
                                      "latest",   "v1.28.0+", "v-1.2.3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(version_parse(bad[i], &v));
    assert_false(version_parse(NULL, &v));
    assert_string_equal(v.pre, "rc.1"); /* untouched */
}

static void test_order(void **state)
{
    (void)state;
    static const char *const sorted[] = {
        "v1.9.9",         "v1.10.0-alpha",   "v1.10.0-alpha.1", "v1.10.0-alpha.beta",
        "v1.10.0-beta.2", "v1.10.0-beta.11", "v1.10.0-rc.1",    "v1.10.0",
        "v1.10.1",        "v1.28.0",         "v2.0.0"};
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
            struct version a, b;
            assert_true(version_parse(sorted[i], &a) && version_parse(sorted[j], &b));
            assert_int_equal(version_cmp(&a, &b), i < j ? -1 : i > j);
        }
}

static void test_api(void **state)
{
    (void)state;
    static const struct {
        const char *version, *api;
    } rows[] = {{"v1.14.3", NULL},
                {"v1.15.0", "kubeadm.k8s.io/v1beta2"},
                {"v1.20.2", "kubeadm.k8s.io/v1beta2"},
                {"v1.21.14", "kubeadm.k8s.io/v1beta2"},
                {"v1.22.0", "kubeadm.k8s.io/v1beta3"},
                {"v1.30.9", "kubeadm.k8s.io/v1beta3"},
                {"v1.31.0-rc.0", "kubeadm.k8s.io/v1beta4"},
                {"v1.34.1", "kubeadm.k8s.io/v1beta4"},
                {"v2.0.0", "kubeadm.k8s.io/v1beta4"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct version v;
        assert_true(version_parse(rows[i].version, &v));
        assert_true(str_eq(kubeadm_api_text(version_kubeadm_api(&v)), rows[i].api));
    }
    struct version a, b;
    version_parse("v1.27.9", &a);
    version_parse("v1.29.0", &b);
    assert_int_equal(version_minor_distance(&a, &b), 2);
    assert_int_equal(version_minor_distance(&b, &a), -2);
    version_parse("v2.29.0", &b);
    assert_int_equal(version_minor_distance(&a, &b), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_api)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
