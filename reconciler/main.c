#include "reconciler/commands.h"
#include "reconciler/out_text.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe or connection is an error that is told, not an end */
    struct options o;
    struct error *err = NULL;
    if (cli_parse(argc, argv, &o, &err) < 0) {
        struct style style = style_of(STDERR_FILENO, false);
        struct text t = {0};
        out_error(&t, &style, "error", err);
        fputs(text_str(&t), stderr);
        text_free(&t);
        error_free(err);
        return 1;
    }
    if (cli_on(&o, FLAG_HELP)) {
        struct text t = {0};
        cli_help(o.named ? o.command : NULL, &t);
        fputs(text_str(&t), stdout);
        text_free(&t);
        return 0;
    }
    int code = cli_on(&o, FLAG_VERSION) ? command_version(&o) : o.command->run(&o);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "reconcile: what was printed could not be written\n");
        return code ? code : 1;
    }
    return code;
}
