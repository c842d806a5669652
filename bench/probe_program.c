/* probe_program CLUSTERFILE: prints the program that reconcile's probe sends to a worker, so that the benchmark's other
 * clients can be given the same work. */
#include "actions/means/probe.h"
#include "schema/read.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    static char file[1 << 16];
    struct error_list errors = {0}, warnings = {0};
    struct want *want = NULL;
    struct text program = {0};
    size_t len;
    FILE *f;

    if (argc != 2 || !(f = fopen(argv[1], "r")))
        return 64;
    len = fread(file, 1, sizeof file, f);
    fclose(f);
    if (clusterfile_read(argv[1], file, len, &want, &errors, &warnings)) {
        fprintf(stderr, "probe_program: %s is not a Clusterfile\n", argv[1]);
        return 1;
    }
    probe_script(want, (int)want->n_hosts - 1, SECTION_ALL, "00000000000000000000000000000000", &program);
    fputs(text_str(&program), stdout);
    text_free(&program);
    want_free(want);
    return 0;
}
